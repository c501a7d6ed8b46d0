"""The rewards of a baseline run on disk: one line a prompt, appended; what a killed run leaves is gone on with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from medvidbench.errors import MedVidBenchError
from medvidbench.records import TaskName
from medvidbench.training.baseline import Earned
from medvidbench.training.rows import Key


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class PromptRewards:
    """What the completions of one prompt earned.

    Attributes:
        seed: of these completions.
        parts: reward to G values; None: does not apply.
        parsed, finished: G flags; lengths: G numbers of tokens.
        left_out: why there are no rewards (no frames, a judgement that can't be read), or "".
    """

    sample_id: str
    source: str
    task: TaskName
    recording: str
    seed: int
    parts: dict[str, tuple[float | None, ...]]
    parsed: tuple[bool, ...] = ()
    finished: tuple[bool, ...] = ()
    lengths: tuple[int, ...] = ()
    left_out: str = ""

    def earned(self) -> Iterator[Earned]:
        """Every reward that applies."""
        key = Key(self.source, self.task)
        for part, values in self.parts.items():
            for value in values:
                if value is not None:
                    yield Earned(key, part, self.recording, self.sample_id, value)


ROW = TypeAdapter(PromptRewards)


class RewardsFile:
    """The lines of a run, opened to go on with.

    Attributes:
        rows: what is there, by sample id; of a repeated one the last line holds.

    Raises:
        MedVidBenchError: a line is damaged, or the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = {row.sample_id: row for row in _read(path)}

    def add(self, rows: Iterable[PromptRewards]) -> None:
        """Appends; on its way to the disk when this returns.

        Raises:
            MedVidBenchError: the disk is full.
        """
        found = list(rows)
        try:
            with self.path.open("ab") as stream:
                stream.write(b"".join(ROW.dump_json(row) + b"\n" for row in found))
        except OSError as error:
            remedy = "free space, then run the same command again: it goes on from here"
            raise MedVidBenchError(f"{self.path} can't be written: {error.strerror}.", remedy=remedy) from error
        self.rows |= {row.sample_id: row for row in found}


def _read(path: Path) -> list[PromptRewards]:
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    rows = []
    for number, line in enumerate(content[:whole].split(b"\n")[:-1], start=1):
        try:
            rows.append(ROW.validate_json(line))
        except ValidationError as error:
            seen = f"{path}, line {number}: {error.errors()[0]['msg']}."
            raise MedVidBenchError(seen, "a line of this version", "remove the line, or the folder") from error
    return rows
