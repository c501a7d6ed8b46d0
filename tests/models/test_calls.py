"""The call engine against a real server process that behaves."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path

import pytest
from call_runs import PRICES, billed_dollars, body_hash, caller_on, sent_bodies, text_call, text_calls
from openai_server import running_server

from medvidbench.errors import MedVidBenchError
from medvidbench.models.calls import Caller, parse_model
from medvidbench.models.dry_run import estimate
from medvidbench.models.messages import Call, ImagePart, Message, TextPart


def test_every_call_gets_one_reply_with_its_own_text_tokens_and_cost(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        replies = {reply.tag: reply for reply in caller.run(text_calls(50))}
    assert len(replies) == 50
    reply = replies["question 7"]
    # "question 7" has 10 characters: the server bills 10 // 4 + 1 = 3 tokens in and 3 out; 3 * 1 + 3 * 10 millionths
    assert (reply.text, reply.error, reply.finish_reason) == ("question 7", "", "stop")
    assert (reply.input_tokens, reply.output_tokens, reply.cost) == (3, 3, pytest.approx(33e-6))
    assert (reply.cached, reply.attempts, reply.model_version) == (False, 1, "test-model-2026")
    assert reply.key == text_call("question 7").key


def test_a_rerun_sends_nothing_and_gives_the_same_replies(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        with caller_on(server, tmp_path / "cache") as caller:
            first = {r.tag: (r.text, r.cost, r.input_tokens, r.model_version) for r in caller.run(text_calls(40))}
        with caller_on(server, tmp_path / "cache") as caller:
            again = list(caller.run(text_calls(40)))
            assert (caller.stats.cached, caller.stats.sent, caller.stats.dollars) == (40, 0, 0.0)
        assert len(server.requests()) == 40
    assert {r.tag: (r.text, r.cost, r.input_tokens, r.model_version) for r in again} == first
    assert all(reply.cached and reply.attempts == 0 for reply in again)


def test_twins_in_one_run_are_sent_once_and_each_gets_a_reply_under_its_own_tag(tmp_path: Path) -> None:
    calls = [text_call("the same", tag=str(i)) for i in range(30)]
    with running_server(tmp_path, latency_ms=50) as server, caller_on(server, tmp_path / "cache") as caller:
        replies = list(caller.run(calls))
        assert len(server.requests()) == 1
    assert sorted(int(reply.tag) for reply in replies) == list(range(30))
    assert sum(not reply.cached for reply in replies) == 1


def test_calls_are_taken_only_a_little_ahead_of_the_replies(tmp_path: Path) -> None:
    taken = 0

    def counted() -> object:
        nonlocal taken
        for call in text_calls(200):
            taken += 1
            yield call

    with running_server(tmp_path, latency_ms=5) as server, caller_on(server, tmp_path / "c", concurrency=4) as caller:
        run = caller.run(counted())  # type: ignore[arg-type]
        next(run)
        assert taken <= 2 * 4 + 1
        run.close()


def test_pictures_are_read_when_sent_and_arrive_whole(tmp_path: Path) -> None:
    pictures = []
    for i in range(3):
        path = tmp_path / f"{i}.jpg"
        path.write_bytes(bytes([i]) * 5000)
        pictures.append(ImagePart(hashlib.sha256(path.read_bytes()).hexdigest(), str(path), width=64, height=64))
    reply_file = tmp_path / "reply.py"
    reply_file.write_text(
        "import base64, hashlib\n"
        "def reply(request):\n"
        "    urls = [p['image_url']['url'] for p in request['messages'][0]['content'] if p['type'] == 'image_url']\n"
        "    return ' '.join(hashlib.sha256(base64.b64decode(u.split('base64,')[1])).hexdigest() for u in urls)\n"
    )
    call = Call("t", "test-model", (Message("user", (TextPart("look"), *pictures)),), {"max_tokens": 20})
    with running_server(tmp_path, reply=reply_file) as server, caller_on(server, tmp_path / "cache") as caller:
        [reply] = caller.run([call])
        assert reply.text == " ".join(picture.digest for picture in pictures)
        (tmp_path / "1.jpg").write_bytes(b"another picture")
        [kept] = caller.run([call])  # in the cache: the changed file isn't even looked at
        assert kept.cached
        fresh = Call("t", "test-model", call.messages, {"max_tokens": 21})
        [turned_away] = caller.run([fresh])
        assert turned_away.text is None and turned_away.error.startswith("picture: ")
        assert len(server.requests()) == 1


def test_the_look_of_a_request_is_the_documented_one(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        list(caller.run([text_call('äöü "quoted" \n', temperature=0)]))
        assert sent_bodies(server) == {body_hash(text_call('äöü "quoted" \n', temperature=0)): 1}


def test_a_run_that_is_left_early_keeps_what_was_in_flight(tmp_path: Path) -> None:
    with running_server(tmp_path, latency_ms=100) as server:
        with caller_on(server, tmp_path / "cache") as caller:
            for _ in caller.run(text_calls(100)):
                break
            ledger = caller.cache.ledger()
        # nothing is under way any more, and every request that the server saw is answered in the cache
        assert ledger.unsettled == 0
        assert ledger.answered == ledger.sent == len(server.requests()) < 100
        with caller_on(server, tmp_path / "cache") as caller:
            assert sum(1 for _ in caller.run(text_calls(100))) == 100
        assert set(sent_bodies(server).values()) == {1}


def test_an_error_in_the_callers_own_iterable_comes_through(tmp_path: Path) -> None:
    def broken() -> object:
        yield from text_calls(3)
        raise KeyError("rendering failed")

    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        with pytest.raises(KeyError, match="rendering failed"):
            list(caller.run(broken()))  # type: ignore[arg-type]
        assert caller.cache.ledger().answered == 3


def test_two_models_on_two_servers_share_one_run(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        running_server(tmp_path / "a") as one,
        running_server(tmp_path / "b") as two,
        caller_on(one, tmp_path / "cache") as first,
    ):
        ends = {"left": first.endpoint_of(""), "right": parse_model(f"openai:right@{two.url}")[1]}
        calls = [Call(str(i), ("left", "right")[i % 2], text_call("hi").messages, {"seed": i}) for i in range(20)]
        caller = Caller(ends, first.cache, first.settings, PRICES)
        assert sum(reply.text == "hi" for reply in caller.run(calls)) == 20
        assert (len(one.requests()), len(two.requests())) == (10, 10)
        with pytest.raises(MedVidBenchError, match="No server was given for the model 'middle'"):
            list(caller.run([Call("x", "middle", calls[0].messages)]))


def test_a_rate_limit_spreads_the_requests(tmp_path: Path) -> None:
    # 600 a minute are 10 a second; a burst of 10 seconds' worth (100) is allowed, so 110 calls take about a second
    policy = {"requests_per_minute": 600, "concurrency": 64}
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache", **policy) as caller:
        started = time.monotonic()
        assert sum(1 for _ in caller.run(text_calls(110))) == 110
        assert time.monotonic() - started >= 0.85


def test_runs_in_several_threads_share_one_cache(tmp_path: Path) -> None:
    counts: list[int] = []
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        ends, cache, policy = caller.endpoint_of(""), caller.cache, caller.settings

        def work(first: int) -> None:
            calls = [text_call(f"{first}-{i}") for i in range(20)]
            counts.append(sum(r.text is not None for r in Caller(ends, cache, policy, PRICES).run(calls)))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [20, 20, 20]
        assert cache.ledger().answered == len(server.requests()) == 60


def test_a_dry_run_tells_calls_tokens_and_dollars_without_sending(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        list(caller.run(text_calls(5)))
        told = estimate([*text_calls(15), text_call("question 14", tag="twin")], caller)
        assert len(server.requests()) == 5
    # "question N" has 10 characters up to 9, then 11: ceil(/ 4) = 3 tokens + 4 for the message, 10 calls to send
    assert (told.calls, told.cached, told.input_tokens, told.output_tokens) == (16, 6, 70, 200)
    assert told.dollars == pytest.approx(70e-6 + 200e-5)
    assert told.batch_dollars == pytest.approx(told.dollars / 2)


def test_a_cap_holds_with_many_calls_in_flight_and_a_faulty_server(tmp_path: Path) -> None:
    faults = "half:0.1,json:0.1,hang:0.02,500:0.1,429:0.1"
    cap = 0.01
    with running_server(tmp_path, faults=faults, seed=3) as server:
        with caller_on(server, tmp_path / "cache", max_cost=cap, concurrency=64, timeout=0.5) as caller:
            replies = list(caller.run(text_calls(400)))
            ledger = caller.cache.ledger()
            spent = caller.stats.dollars
        billed = billed_dollars(server)
    stopped = [reply for reply in replies if reply.error.startswith("budget: ")]
    assert len(replies) == 400 and stopped
    assert billed <= spent <= cap
    assert ledger.dollars + ledger.assumed == pytest.approx(spent)
    # a call costs at most (11 + 8) * 1 + 20 * 10 = 219 millionths; less than that is left
    assert spent > cap - 220e-6


def test_spending_of_earlier_runs_counts_when_asked(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        with caller_on(server, tmp_path / "cache", max_cost=0.003, count_earlier_spend=True) as caller:
            list(caller.run(text_calls(60)))
            spent = caller.stats.dollars
        with caller_on(server, tmp_path / "cache", max_cost=0.003, count_earlier_spend=True) as caller:
            list(caller.run(text_calls(200)))
            spent += caller.stats.dollars
        assert 0.0025 < spent <= 0.003
        assert billed_dollars(server) == pytest.approx(spent)


def test_a_cap_without_a_price_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache", max_cost=1.0) as caller:
        call = Call("t", "unheard-of", text_call("hi").messages, {"max_tokens": 5})
        with pytest.raises(MedVidBenchError, match="'unheard-of' has no known price"):
            list(caller.run([call]))
        unbounded = Call("t", "test-model", call.messages)
        with pytest.raises(MedVidBenchError, match="sets no max_tokens"):
            list(caller.run([unbounded]))
        assert server.requests() == []


def test_the_server_lists_its_models(tmp_path: Path) -> None:
    from urllib.request import urlopen

    with running_server(tmp_path, models="a,b") as server, urlopen(f"{server.url}/models") as answer:
        assert [row["id"] for row in json.load(answer)["data"]] == ["a", "b"]


def test_a_body_is_encoded_like_any_json_whatever_its_texts_hold() -> None:
    from medvidbench.models.openai_wire import MARK, encoded

    picture = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD", "detail": "low"}}
    for text in ("plain é \U0001f600", 'quotes " and \\', MARK, f'"{MARK}"', "\x00picture picture"):
        parts = [{"type": "text", "text": text}, picture, {"type": "text", "text": "end"}, picture]
        body = {"model": "m", "messages": [{"role": "system", "content": text}, {"role": "user", "content": parts}]}
        assert json.loads(encoded(body)) == body
