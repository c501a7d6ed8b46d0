"""Calls through a provider's Batch API: half the price, within a day, into the same cache.

Request files are split by bytes and by requests, custom_id is the call's key, one model a file. Every step is on the
disk before it is taken, so that a killed run goes on where it was: a batch that was submitted is polled, never
submitted again; one that may have been is looked up at the provider by the name that travels as its metadata. The
results land in the call cache, where an ordinary run finds them as well.

OpenAI's endpoint has all that this needs; Google's OpenAI-compatible one takes batches but no uploads, so Gemini
batches don't go through here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.batch_files import MOST_BYTES, MOST_REQUESTS, Batch, BatchFolder
from medvidbench.models.calls import Caller
from medvidbench.models.endpoints import Endpoint
from medvidbench.models.messages import Call, Reply
from medvidbench.models.openai_wire import CallError, read_completion
from medvidbench.models.prices import BATCH_SHARE

ENDED = ("completed", "failed", "expired", "cancelled")
LINES_AT_ONCE = 500
METADATA = "medvidbench"
Result = tuple[str, bytes | None, str, float | None, int, int]


class BatchCaller:
    """Runs calls as batches with a caller's endpoint, cache, prices and `max_cost`.

    Args:
        poll_seconds: between two looks at the provider.
        most_bytes, most_requests: of one request file.
    """

    def __init__(
        self,
        caller: Caller,
        poll_seconds: float = 60.0,
        most_bytes: int = MOST_BYTES,
        most_requests: int = MOST_REQUESTS,
    ) -> None:
        self._caller, self._poll = caller, poll_seconds
        self._most = (most_bytes, most_requests)
        self._folder = BatchFolder(caller.cache.folder / "batches")
        self._worsts: dict[str, float | None] = {}

    def run(self, calls: Iterable[Call], on_reply: Callable[[Reply], None] | None = None) -> Iterator[Reply]:
        """One reply for each call: those in the cache first, the others as their batches end.

        Batches of an earlier run that are still under way are waited for as well. At most the tags of all calls are
        held in memory; pictures are read one call at a time while the files are written.

        Raises:
            MedVidBenchError: another process works on the same folder, the provider can't be reached or turned
                something down. What was submitted stays submitted; run again.
        """
        for reply in self._replies(calls):
            if on_reply is not None:
                on_reply(reply)
            yield reply

    def _replies(self, calls: Iterable[Call]) -> Iterator[Reply]:
        with _alone(self._folder):
            for batch in self._folder.all():
                self._pick_up(batch)
            errors: dict[str, str] = {}  # why a key has no reply, in this run's batches
            wanted = _Wanted()
            fresh = wanted.unanswered(calls, self._caller)
            written = self._folder.write(self._affordable(fresh, errors), _noting(errors), *self._most)
            yield from wanted.answered
            yield from wanted.failed(errors)
            for batch in [self._submit(batch) for batch in written]:
                keys = self._keys(batch)
                self._finish(batch, errors)
                yield from wanted.ended(keys, batch.model, self._caller, errors)

    def _affordable(self, calls: Iterable[Call], errors: dict[str, str]) -> Iterator[Call]:
        """The calls whose worst cases fit under the cap together."""
        policy = self._caller.settings
        earlier = self._caller.cache.ledger() if policy.count_earlier_spend else None
        spent = earlier.dollars + earlier.assumed if earlier else 0.0
        for call in calls:
            worst = self._worst(call)
            if policy.max_cost is not None and spent + (worst or 0.0) > policy.max_cost:
                left = max(0.0, policy.max_cost - spent)
                errors[call.key] = f"budget: the call may cost ${worst:.4f}, ${left:.4f} of ${policy.max_cost} left"
                continue
            spent += worst or 0.0
            self._worsts[call.key] = worst
            yield call

    def _worst(self, call: Call) -> float | None:
        price = self._caller.prices.of(call.model)
        if self._caller.settings.max_cost is None:
            return None
        if price is None:
            seen = f"The model {call.model!r} has no known price, so a cap can't be kept."
            raise MedVidBenchError(seen, remedy="give its price in a price file (--prices), or leave the cap out")
        return price.worst(call) * BATCH_SHARE

    def _pick_up(self, batch: Batch) -> None:
        """Brings a batch of an earlier run to its end, or drops it if it was never submitted."""
        if batch.state == "submitting":
            found = self._look_up(batch)
            if found:
                batch = self._folder.move_to(batch, "submitted", found)
            else:
                rows: list[Result] = [(key, None, "batch: never submitted", 0.0, 0, 0) for key in self._keys(batch)]
                self._caller.cache.end_batch(batch.name, rows)
        if batch.state == "submitted":
            self._finish(batch, {})
        elif batch.state != "ended":
            self._folder.forget(batch)

    def _submit(self, batch: Batch) -> Batch:
        keys = list(self._folder.keys(batch))
        rows = [(key, batch.model, self._worsts.pop(key, None)) for key in keys]
        batch = self._folder.move_to(batch, "submitting")
        self._caller.cache.begin_batch(batch.name, rows)
        with _provider(self._endpoint(batch), batch.model) as client:
            with self._folder.requests_file(batch).open("rb") as stream:
                file = client.files.create(file=stream, purpose="batch")
            # never tried again here: an answer that was lost on the way is looked up by the next run
            made = client.with_options(max_retries=0).batches.create(
                input_file_id=file.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={METADATA: batch.name},
            )
        return self._folder.move_to(batch, "submitted", made.id)

    def _look_up(self, batch: Batch) -> str:
        """The provider's id of a batch by our name for it; "" when it has none."""
        with _provider(self._endpoint(batch), batch.model) as client:
            for known in client.batches.list(limit=100):
                if (known.metadata or {}).get(METADATA) == batch.name:
                    return str(known.id)
        return ""

    def _finish(self, batch: Batch, errors: dict[str, str]) -> None:
        """Waits for the batch's end and puts its results into the cache."""
        with _provider(self._endpoint(batch), batch.model) as client:
            patient = client.with_options(max_retries=20)
            while (state := patient.batches.retrieve(batch.batch_id)).status not in ENDED:
                time.sleep(self._poll)
            for file in filter(None, (state.output_file_id, state.error_file_id)):
                with client.files.with_streaming_response.content(file) as response:
                    lines = (line for line in response.iter_lines() if line.strip())
                    while some := list(islice(lines, LINES_AT_ONCE)):
                        rows = [self._result(line, batch) for line in some]
                        self._caller.cache.end_batch(batch.name, rows)
                        errors.update((row[0], row[2]) for row in rows if row[1] is None)
        lost = f"batch: {state.status} without a result for this call"
        if state.status == "failed" and state.errors and state.errors.data:
            lost = self._endpoint(batch).redact(f"batch: failed: {state.errors.data[0].message}")
        missing: list[Result] = [(key, None, lost, 0.0, 0, 0) for key in self._keys(batch)]
        self._caller.cache.end_batch(batch.name, missing)  # changes only rows that have no result yet
        for key, _, text, *_ in missing:
            errors.setdefault(key, text)
        self._folder.move_to(batch, "ended")

    def _result(self, line: str, batch: Batch) -> Result:
        """A line of the provider's output or error file as a row of the cache."""
        row = json.loads(line)
        response = row.get("response") or {}
        if row.get("error") or response.get("status_code") != 200:
            problem = row.get("error") or (response.get("body") or {}).get("error") or response.get("status_code")
            return row["custom_id"], None, self._endpoint(batch).redact(f"batch: {problem}")[:300], 0.0, 0, 0
        body = self._endpoint(batch).redact_bytes(json.dumps(response["body"], ensure_ascii=False).encode())
        try:
            completion = read_completion(body)
        except CallError as error:
            return row["custom_id"], None, f"{error.kind}: {error.detail}", 0.0, 0, 0
        price = self._caller.prices.of(batch.model)
        tokens = completion.input_tokens, completion.output_tokens
        return row["custom_id"], body, "", price.dollars(*tokens) * BATCH_SHARE if price else None, *tokens

    def _keys(self, batch: Batch) -> list[str]:
        return list(self._folder.keys(batch)) if self._folder.requests_file(batch).exists() else []

    def _endpoint(self, batch: Batch) -> Endpoint:
        return self._caller.endpoint_of(batch.model)


class _Wanted:
    """The calls that were asked for: tags and model by key, until they are replied to."""

    def __init__(self) -> None:
        self._tags: dict[str, list[str]] = {}
        self.answered: list[Reply] = []

    def unanswered(self, calls: Iterable[Call], caller: Caller) -> Iterator[Call]:
        """The calls to send; the others' replies go to `answered`."""
        for call in calls:
            key = call.key
            if key in self._tags:
                self._tags[key].append(call.tag)
            elif (kept := caller.cached(call)) is not None:
                self.answered.append(kept)
            else:
                self._tags[key] = [call.tag]
                yield call

    def failed(self, errors: dict[str, str]) -> Iterator[Reply]:
        """Replies for the calls that were not put into any batch."""
        for key in [key for key in self._tags if key in errors]:
            yield from (Reply(tag, key, None, errors[key]) for tag in self._tags.pop(key))

    def ended(self, keys: list[str], model: str, caller: Caller, errors: dict[str, str]) -> Iterator[Reply]:
        """Replies for the calls of a batch that has ended."""
        for key in keys:
            first, *twins = self._tags.pop(key)
            kept = caller.kept(key, model)
            reply = kept or Reply("", key, None, errors.get(key, "batch: no result"))
            yield replace(reply, tag=first, cached=False, attempts=1)
            yield from (replace(reply, tag=tag, cached=kept is not None, attempts=0) for tag in twins)


def _noting(errors: dict[str, str]) -> Callable[[Call, str], None]:
    def note(call: Call, text: str) -> None:
        errors[call.key] = text

    return note


@contextmanager
def _alone(folder: BatchFolder) -> Iterator[None]:
    """Keeps a second process out of the folder."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.folder / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        seen = f"Another process is working on the batches of {folder.folder}."
        raise MedVidBenchError(seen, remedy="wait for it, or use another cache folder") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _provider(endpoint: Endpoint, model: str) -> Iterator[Any]:
    """The provider's client; its errors as ours."""
    import openai

    try:
        with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.api_key or "none", max_retries=2) as client:
            yield client
    except openai.OpenAIError as error:
        seen = endpoint.redact(f"{endpoint.base_url}, batch of {model!r}: {type(error).__name__}: {error}")
        remedy = "run again: what was submitted is known, and no batch is submitted twice"
        raise MedVidBenchError(seen, remedy=remedy) from error
