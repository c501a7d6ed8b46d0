"""Provider batches against the test server's Batch API."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from call_runs import caller_on, text_call, text_calls
from filelock import FileLock
from openai_server import running_server

from medvidbench.errors import MedVidBenchError
from medvidbench.models import batch as batch_module
from medvidbench.models.batch import BatchCaller
from medvidbench.models.batch_files import Batch, BatchFolder, State
from medvidbench.models.calls import Caller
from medvidbench.models.messages import ImagePart, Message


def quick(caller: Caller, **limits: Any) -> BatchCaller:
    return BatchCaller(caller, poll_seconds=0.01, **limits)


def test_batches_answer_every_call_at_half_the_price_and_fill_the_cache(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        calls = [*text_calls(25), text_call("question 3", tag="twin")]
        replies = {reply.tag: reply for reply in quick(caller, most_requests=10).run(calls)}
        assert {tag: reply.text for tag, reply in replies.items()} == {
            **{f"question {i}": f"question {i}" for i in range(25)},
            "twin": "question 3",
        }
        # 3 tokens in and 3 out at 1 and 10 dollars a million, halved
        assert replies["question 3"].cost == pytest.approx(33e-6 / 2)
        assert len(server.requests("/batches$")) == 3  # 10 + 10 + 5
        again = list(caller.run(calls))
        assert all(reply.cached for reply in again) and server.requests() == []
        assert next(r.cost for r in again if r.tag == "question 3") == pytest.approx(33e-6 / 2)
        assert list(quick(caller).run(calls)) and len(server.requests("/batches$")) == 3


def test_files_are_split_by_bytes_and_hold_one_model_each(tmp_path: Path) -> None:
    folder = BatchFolder(tmp_path)
    calls = [replace(text_call("x" * 1000 + str(i)), model=("a", "b")[i % 2]) for i in range(20)]
    batches = folder.write(calls, lambda call, text: pytest.fail(text), 4000, 50_000)
    seen = []
    for batch in batches:
        content = folder.requests_file(batch).read_bytes()
        assert len(content) <= 4000
        lines = [json.loads(line) for line in content.splitlines()]
        assert {line["body"]["model"] for line in lines} == {batch.model}
        assert [line["custom_id"] for line in lines] == list(folder.keys(batch))
        seen += [line["custom_id"] for line in lines]
    assert sorted(seen) == sorted(call.key for call in calls)


def test_a_call_that_cannot_go_into_a_file_fails_alone(tmp_path: Path) -> None:
    gone = replace(text_call("look"), messages=(Message("user", (ImagePart("0" * 64, str(tmp_path / "gone.jpg")),)),))
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        calls = [text_call("small"), text_call("x" * 5000, tag="large"), replace(gone, tag="gone")]
        replies = {reply.tag: reply for reply in quick(caller, most_bytes=1000).run(calls)}
        assert replies["small"].text == "small"
        assert replies["large"].error.startswith("batch: the request has ")
        assert replies["gone"].error.startswith("picture: ")


def test_calls_beyond_the_cap_are_not_submitted(tmp_path: Path) -> None:
    # at most (10 or 11 + 8) * 1 + 20 * 10 = 218 or 219 millionths a call, halved: 9 fit under 0.001
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache", max_cost=0.001) as caller:
        replies = list(quick(caller).run(text_calls(30)))
        assert sum(reply.text is not None for reply in replies) == 9
        assert sum(reply.error.startswith("budget: ") for reply in replies) == 21


class Killed(BaseException):
    """Stands for SIGKILL at a known line."""


@pytest.mark.parametrize("moment", ["before the upload", "before the batch", "after the batch"])
def test_a_run_killed_around_its_submission_submits_once(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    with running_server(tmp_path) as server:
        with caller_on(server, tmp_path / "cache") as caller, monkeypatch.context() as patched:
            if moment == "before the upload":
                patched.setattr(batch_module, "_provider", kill)
            elif moment == "before the batch":
                patched.setattr("openai.resources.batches.Batches.create", kill)
            else:  # the provider has it, and its answer never reached the disk
                move = BatchFolder.move_to

                def move_unless_submitted(self: BatchFolder, batch: Batch, state: State, name: str = "") -> Batch:
                    return kill() if state == "submitted" else move(self, batch, state, name)

                patched.setattr(BatchFolder, "move_to", move_unless_submitted)
            with pytest.raises(Killed):
                list(quick(caller).run(text_calls(5)))
        with caller_on(server, tmp_path / "cache") as caller:
            assert [reply.text for reply in quick(caller).run(text_calls(5))] == [f"question {i}" for i in range(5)]
            assert (caller.cache.ledger().answered, caller.cache.ledger().unsettled) == (5, 0)
        posted = [row for row in server.requests("/batches$") if row["method"] == "POST"]
        assert len(posted) == 1


def test_a_second_process_is_kept_out_of_the_folder(tmp_path: Path) -> None:
    with caller_on("http://127.0.0.1:9/v1", tmp_path / "cache") as caller:
        batches = quick(caller)
        other = FileLock(tmp_path / "cache" / "batches" / "lock")
        with other, pytest.raises(MedVidBenchError, match="Another process is working on the batches"):
            list(batches.run(text_calls(1)))


def test_a_damaged_state_file_is_one_clear_error(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, caller_on(server, tmp_path / "cache") as caller:
        batches = quick(caller)
        (tmp_path / "cache" / "batches" / "x.json").write_text("{")
        with pytest.raises(MedVidBenchError, match=r"x\.json is damaged"):
            list(batches.run(text_calls(1)))


def test_a_provider_that_is_down_is_one_clear_error(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        url = server.url
    with caller_on(url, tmp_path / "cache") as caller, pytest.raises(MedVidBenchError, match="APIConnectionError"):
        list(quick(caller).run(text_calls(1)))
