"""The files of provider batches: request files split by bytes and requests, and what is known of each batch.

    {name}.jsonl   the requests, custom_id = the call's key; removed when the batch has ended
    {name}.json    its state: written -> submitting -> submitted -> ended

A state is on the disk before the step it names is taken. "submitting" is the one state in which a killed process
can't know whether the provider has the batch; the name, which goes along as metadata, lets it be looked up there.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.models.messages import Call
from medvidbench.models.openai_wire import request_body

State: TypeAlias = Literal["written", "submitting", "submitted", "ended"]
MOST_BYTES = 190 << 20
"""Of one file; OpenAI takes 200 MB."""
MOST_REQUESTS = 50_000


@dataclass(frozen=True, slots=True)
class Batch:
    """One provider batch of calls to one model."""

    name: str
    model: str
    state: State
    calls: int
    batch_id: str = ""


class BatchFolder:
    """The batches of one cache folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def all(self) -> list[Batch]:
        """Every batch that is known, by name.

        Raises:
            MedVidBenchError: a state file is damaged.
        """
        return [self._read(path) for path in sorted(self.folder.glob("*.json"))]

    def move_to(self, batch: Batch, state: State, batch_id: str = "") -> Batch:
        """Puts the batch's next state on the disk."""
        moved = replace(batch, state=state, batch_id=batch_id or batch.batch_id)
        part = self.folder / f"{batch.name}.json.part"
        with part.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(moved)))
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self.folder / f"{batch.name}.json")
        if state == "ended":
            self.requests_file(batch).unlink(missing_ok=True)
        return moved

    def forget(self, batch: Batch) -> None:
        """Drops a batch that was never submitted."""
        self.requests_file(batch).unlink(missing_ok=True)
        (self.folder / f"{batch.name}.json").unlink(missing_ok=True)

    def requests_file(self, batch: Batch) -> Path:
        """The JSONL file to upload."""
        return self.folder / f"{batch.name}.jsonl"

    def keys(self, batch: Batch) -> Iterator[str]:
        """The keys of the batch's calls."""
        with self.requests_file(batch).open(encoding="utf-8") as stream:
            for line in stream:
                # custom_id comes first: pictures needn't be decoded to find it
                yield line[len('{"custom_id": "') :][:64]

    def write(
        self, calls: Iterable[Call], on_unreadable: Callable[[Call, str], None], most_bytes: int, most_requests: int
    ) -> list[Batch]:
        """Request files for the calls, each of one model and within both limits; pictures are read one call at a time.

        Args:
            on_unreadable: told of a call whose picture can't be read or that is larger than a file may be.
        """
        for leftover in self.folder.glob("*.part"):
            leftover.unlink()
        open_files: dict[str, _Part] = {}
        done: list[Batch] = []
        for call in calls:
            try:
                line = request_line(call)
            except MedVidBenchError as error:
                on_unreadable(call, f"picture: {error}")
                continue
            if len(line) > most_bytes:
                on_unreadable(call, f"batch: the request has {len(line)} bytes, a file at most {most_bytes}")
                continue
            part = open_files.get(call.model)
            if part and (part.size + len(line) > most_bytes or part.calls == most_requests):
                done.append(self._close(open_files.pop(call.model)))
            if call.model not in open_files:
                open_files[call.model] = _Part(self.folder, call.model)
            open_files[call.model].add(line)
        return done + [self._close(part) for part in open_files.values()]

    def _close(self, part: _Part) -> Batch:
        part.stream.close()
        # never a name twice: calls of a batch that brought nothing go into another
        batch = Batch(uuid.uuid4().hex, part.model, "written", part.calls)
        part.path.replace(self.requests_file(batch))
        return self.move_to(batch, "written")

    def _read(self, path: Path) -> Batch:
        try:
            return Batch(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise MedVidBenchError(
                f"{path} is damaged: {error}.", remedy="look the batch up at the provider, then remove that file"
            ) from error


class _Part:
    """A request file that is being written."""

    def __init__(self, folder: Path, model: str) -> None:
        self.model = model
        self.path = folder / f"{hashlib.sha256(model.encode()).hexdigest()[:16]}.jsonl.part"
        self.stream = self.path.open("wb")
        self.size = self.calls = 0

    def add(self, line: bytes) -> None:
        self.stream.write(line)
        self.size += len(line)
        self.calls += 1


def request_line(call: Call) -> bytes:
    """One line of a request file, as the OpenAI Batch API takes it.

    Raises:
        MedVidBenchError: a picture is gone or was changed.
    """
    line = {"custom_id": call.key, "method": "POST", "url": "/v1/chat/completions", "body": request_body(call)}
    return json.dumps(line, ensure_ascii=False).encode("utf-8") + b"\n"
