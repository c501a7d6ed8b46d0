"""The call engine against a server that goes wrong: nothing lost, nothing counted twice, no key anywhere."""

from __future__ import annotations

import logging
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from call_runs import body_hash, caller_on, sent_bodies, text_call, text_calls
from openai_server import running_server

from medvidbench.errors import MedVidBenchError
from medvidbench.models.calls import CallCache, Caller, CallSettings, parse_model
from medvidbench.models.messages import Reply

SECRET = "sk-verysecret-0123456789abcdef"


def by_tag(replies: list[Reply]) -> dict[str, Reply]:
    assert len({reply.tag for reply in replies}) == len(replies)
    return {reply.tag: reply for reply in replies}


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "half", "json", "html", "drop"])
def test_a_passing_fault_is_tried_again_and_only_the_answer_is_kept(fault: str, tmp_path: Path) -> None:
    # the first attempt of every call goes wrong, the second doesn't
    with running_server(tmp_path, faults=f"{fault}:1:1") as server, caller_on(server, tmp_path / "cache") as caller:
        replies = by_tag(list(caller.run(text_calls(20))))
        ledger = caller.cache.ledger()
        assert {tag: reply.text for tag, reply in replies.items()} == {
            f"question {i}": f"question {i}" for i in range(20)
        }
        assert {reply.attempts for reply in replies.values()} == {2}
        assert (ledger.sent, ledger.answered, ledger.unsettled) == (40, 20, 0)
        assert set(sent_bodies(server).values()) == {2} and len(server.requests()) == 40
        # an error status costs nothing; what may have been computed is assumed to have cost its worst case
        assert (ledger.assumed > 0) == (fault not in ("429", "500", "503"))
        assert all(reply.cached for reply in caller.run(text_calls(20)))


@pytest.mark.parametrize(
    ("fault", "error", "finish"),
    [
        ("refusal", "refused: I'm sorry, I can't help with that.", "stop"),
        ("filter", "refused: finish_reason content_filter", "content_filter"),
        ("empty", "no choices in the reply", ""),
        ("null", "no text in the reply (finish_reason stop)", "stop"),
    ],
)
def test_a_whole_reply_without_text_is_paid_kept_and_not_asked_again(
    fault: str, error: str, finish: str, tmp_path: Path
) -> None:
    with running_server(tmp_path, faults=f"{fault}:1") as server, caller_on(server, tmp_path / "cache") as caller:
        [reply] = caller.run([text_call("hello")])
        [again] = caller.run([text_call("hello")])
        assert (reply.text, reply.error, reply.finish_reason, reply.attempts) == (None, error, finish, 1)
        assert reply.cost is not None and reply.cost > 0
        assert (again.text, again.error, again.finish_reason, again.cached) == (None, error, finish, True)
        assert caller.stats.failed == 0 and len(server.requests()) == 1


def test_a_reply_cut_at_its_length_keeps_its_text_and_says_so(tmp_path: Path) -> None:
    with running_server(tmp_path, faults="length:1") as server, caller_on(server, tmp_path / "cache") as caller:
        [reply] = caller.run([text_call("hello")])
        assert (reply.text, reply.finish_reason) == ("hello", "length")


def test_a_server_that_never_answers_is_given_up_after_the_time_out(tmp_path: Path) -> None:
    with running_server(tmp_path, faults="hang:1") as server:
        with caller_on(server, tmp_path / "cache", timeout=0.2, attempts=3) as caller:
            started = time.monotonic()
            replies = list(caller.run(text_calls(10)))
            assert time.monotonic() - started < 5
            assert {reply.error for reply in replies} == {"time-out: no reply within 0.2 s"}
            assert {reply.attempts for reply in replies} == {3}
            ledger = caller.cache.ledger()
        assert (ledger.sent, ledger.answered) == (len(server.requests()), 0) == (30, 0)
        assert ledger.assumed > 0 == ledger.dollars


def test_a_failed_call_is_sent_again_by_the_next_run_and_not_by_its_twin_in_this_one(tmp_path: Path) -> None:
    with running_server(tmp_path, faults="500:1:3") as server, caller_on(server, tmp_path / "cache") as caller:
        caller = Caller(caller.endpoint_of(""), caller.cache, CallSettings(attempts=3, first_wait=0.01), caller.prices)
        replies = list(caller.run([text_call("x", tag="a"), text_call("x", tag="b")]))
        assert [reply.text for reply in replies] == [None, None] and caller.stats.failed == 2
        assert all(reply.error.startswith("server: status 500") for reply in replies)
        assert len(server.requests()) == 3
        [reply] = caller.run([text_call("x")])
        assert reply.text == "x" and len(server.requests()) == 4


def test_all_faults_at_once_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    faults = "429:0.1,500:0.1,half:0.08,json:0.05,drop:0.03,hang:0.01,refusal:0.05,empty:0.03,null:0.03"
    calls = list(text_calls(300))
    with running_server(tmp_path, faults=faults, seed=1, latency_ms=5) as server:
        # long enough for a busy machine: a request that times out before the server has read it counts as sent
        with caller_on(server, tmp_path / "cache", timeout=3, concurrency=64, attempts=30) as caller:
            replies = by_tag(list(caller.run(calls)))
            ledger = caller.cache.ledger()
        requests = server.requests()
    assert len(replies) == 300
    assert ledger.sent == len(requests) == sum(reply.attempts for reply in replies.values())
    # by the server's own log: a call is done with its first whole reply, and none is asked for after that
    whole = {"", "refusal", "empty", "null"}
    last = {row["body"]: row["fault"] for row in requests}
    assert ledger.answered == 300 == sum(row["fault"] in whole for row in requests)
    assert set(last.values()) <= whole
    assert {tag for tag, reply in replies.items() if reply.text is None} == {
        call.tag for call in calls if last[body_hash(call)]
    }
    billed = [row["billed"] for row in requests if row["fault"] in whole]
    assert ledger.input_tokens == sum(tokens[0] for tokens in billed)
    assert ledger.output_tokens == sum(tokens[1] for tokens in billed)


def test_retry_after_is_obeyed_by_every_call_of_the_model(tmp_path: Path) -> None:
    with running_server(tmp_path, faults="429:1:1", retry_after="0.4") as server:
        with caller_on(server, tmp_path / "cache", concurrency=4) as caller:
            assert all(reply.text for reply in caller.run(text_calls(8)))
        times = sorted(row["time"] for row in server.requests())
    # 4 are in flight when the first 429 comes; then nothing for 0.4 s
    gaps = [b - a for a, b in pairwise(times)]
    assert max(gaps[:4]) > 0.35


def test_concurrency_settles_under_what_the_server_takes(tmp_path: Path) -> None:
    with running_server(tmp_path, most_at_once=8, latency_ms=10) as server:
        with caller_on(server, tmp_path / "cache", concurrency=64, attempts=50) as caller:
            assert all(reply.text for reply in caller.run(text_calls(600)))
        requests = server.requests()
    # 429s stay a small share of the second half, in which the limit has been found
    late = [row["fault"] for row in requests[len(requests) // 2 :]]
    assert Counter(late)["429"] < len(late) * 0.25
    assert max(row["running"] for row in requests) >= 8


def test_a_server_that_is_down_is_one_clear_error_and_not_thousands_of_attempts(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: the port stays ours, and every connection is refused
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        with caller_on(url, tmp_path / "cache", concurrency=64) as caller:
            started = time.monotonic()
            with pytest.raises(MedVidBenchError, match=rf"{url}, model 'test-model' can't be reached"):
                list(caller.run(text_calls(5000)))
            assert time.monotonic() - started < 10
            ledger = caller.cache.ledger()
            assert ledger.sent < 200 and ledger.dollars + ledger.assumed == 0


@pytest.mark.parametrize(("status", "remedy"), [("401", "check the key"), ("403", "check the key"), ("404", "/models")])
def test_a_refused_key_or_model_ends_the_run_at_once(status: str, remedy: str, tmp_path: Path) -> None:
    with running_server(tmp_path, faults=f"{status}:1") as server, caller_on(server, tmp_path / "cache") as caller:
        with pytest.raises(MedVidBenchError) as error:
            list(caller.run(text_calls(1000)))
        assert server.url in error.value.seen and "'test-model'" in error.value.seen and status in error.value.seen
        assert remedy in error.value.remedy
        assert set(sent_bodies(server).values()) == {1} and len(server.requests()) <= 32


def test_replies_that_came_before_the_end_of_a_run_are_handed_out(tmp_path: Path) -> None:
    got = []
    with running_server(tmp_path, faults="404:0.05", seed=1) as server, caller_on(server, tmp_path / "c") as caller:
        with pytest.raises(MedVidBenchError, match="404"):
            for reply in caller.run(text_calls(1000)):
                got.append(reply)
        assert len([reply for reply in got if reply.text]) == caller.cache.ledger().answered > 0


def test_a_call_that_is_turned_down_fails_alone_and_a_run_that_is_turned_down_ends(tmp_path: Path) -> None:
    with running_server(tmp_path, faults="400:0.3", seed=2) as server, caller_on(server, tmp_path / "c") as caller:
        replies = list(caller.run(text_calls(50)))
        failed = [reply for reply in replies if reply.text is None]
        assert failed and all(r.error.startswith("turned down: status 400") and r.attempts == 1 for r in failed)
        assert len(server.requests()) == 50
    with (
        running_server(tmp_path, faults="400:1") as server,
        caller_on(server, tmp_path / "c2") as caller,
        pytest.raises(MedVidBenchError, match="turned down the first 20 calls"),
    ):
        list(caller.run(text_calls(5000)))


def test_a_key_is_needed_by_name_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MEDVIDBENCH_API_KEY", SECRET)
    shown: list[str] = []
    reply_file = tmp_path / "reply.py"
    reply_file.write_text(f"def reply(request):\n    return 'your key is {SECRET}'\n")
    # this server quotes the key in its replies, and the other in its refusal
    with (
        running_server(tmp_path, api_key=SECRET, reply=reply_file) as server,
        caller_on(server, tmp_path / "c") as caller,
    ):
        shown += [repr(reply) for reply in caller.run(text_calls(3))]
        shown += [repr(caller.endpoint_of("")), str(caller.endpoint_of(""))]
    with running_server(tmp_path, api_key="another") as server, caller_on(server, tmp_path / "c") as caller:
        with pytest.raises(MedVidBenchError, match="401") as error:
            list(caller.run([text_call("new")]))
        shown += [str(error.value), repr(error.value)]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "c").iterdir())
    assert "your key is [key]" in shown[0]
    assert all(SECRET not in text and "0123456789abcdef" not in text for text in [*shown, caplog.text])
    assert SECRET.encode() not in stored and b"0123456789abcdef" not in stored


def test_a_missing_key_is_told_by_the_name_of_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model, endpoint = parse_model("gpt-4.1")
    with CallCache(tmp_path) as cache, pytest.raises(MedVidBenchError, match="OPENAI_API_KEY is not set"):
        list(Caller(endpoint, cache).run([text_call("hi")]))
    assert model == "gpt-4.1"


def test_a_full_disk_stops_the_run_and_every_reply_that_was_paid_for_is_kept(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("this user may not mount a small tmpfs")
    reply_file = tmp_path / "reply.py"
    reply_file.write_text("def reply(request):\n    return request['messages'][0]['content'] * 1000\n")
    got = []
    try:
        with running_server(tmp_path, latency_ms=10, reply=reply_file) as server:
            with caller_on(server, disk / "cache") as caller, pytest.raises(MedVidBenchError, match="The disk is full"):
                for reply in caller.run(text_calls(5000)):
                    got.append(reply.tag)
            with caller_on(server, disk / "cache") as caller:
                ledger = caller.cache.ledger()
                assert len(server.requests()) == ledger.answered > 100
                assert {call.tag for call in text_calls(5000) if caller.cached(call)} >= set(got)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_cache_that_can_hold_no_more_stops_the_run_within_the_calls_in_flight(tmp_path: Path) -> None:
    with running_server(tmp_path, latency_ms=20) as server, caller_on(server, tmp_path / "cache") as caller:
        own = caller.cache._own
        pages = own.execute("PRAGMA page_count").fetchone()[0]
        own.execute(f"PRAGMA max_page_count = {pages + 20}")  # a limit that no ballast helps against
        got = []
        with pytest.raises(MedVidBenchError, match="The disk is full"):
            for reply in caller.run(text_calls(5000)):
                got.append(reply)
        own.execute("PRAGMA max_page_count = 1000000")
        assert 0 < len(got) < 5000
        assert all(caller.kept(reply.key, "test-model") for reply in got)
        assert len(server.requests()) - caller.cache.ledger().answered <= caller.settings.concurrency


def test_a_damaged_body_that_was_committed_before_a_kill_is_no_answer(tmp_path: Path) -> None:
    call = text_call("hello")
    with CallCache(tmp_path / "cache") as cache:
        attempt = cache.begin(call.key, call.model, 0.001)
        cache.keep(attempt, b'{"choices": [{"mess', 0.1)
        # killed here
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        [reply] = caller.run([call])
        assert (reply.text, reply.cached) == ("hello", False)
        assert caller.cache.ledger().assumed == pytest.approx(0.001)  # its bill was never read


def test_sqlite_sees_a_sound_file_after_all_faults(tmp_path: Path) -> None:
    with running_server(tmp_path, faults="half:0.3,500:0.3") as server, caller_on(server, tmp_path / "c") as caller:
        list(caller.run(text_calls(50)))
    database = sqlite3.connect(tmp_path / "c" / "calls.sqlite")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
