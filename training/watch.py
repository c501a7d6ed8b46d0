"""The log of a run, by which it is watched while it goes on and judged afterwards.

    OUT/log.jsonl        one object a step, flushed; each step stands once, also after a resume
    OUT/samples.jsonl    a few completions a step, with question, reference and reward
    OUT/training.json    what is run, on what, and how it ended: see `medvidbench.training.run_facts`

Of several processes one alone writes. A process that is killed can leave half a line at the end of a file: readers pass
over it, and the resumed run cuts it off.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from medvidbench.errors import MedVidBenchError
from medvidbench.training.steps import SAMPLE_ROW, STEP_ROW, GrpoStep, SampledCompletion, SftStep

LOG, SAMPLES = "log.jsonl", "samples.jsonl"
_Row = TypeVar("_Row")


class RunLog:
    """The files of one run's log.

    Args:
        out: folder of the run; made with the first line.
    """

    def __init__(self, out: Path) -> None:
        self.log, self.samples = out / LOG, out / SAMPLES

    def append(self, step: GrpoStep | SftStep, samples: tuple[SampledCompletion, ...] = ()) -> None:
        """One step, and what was drawn in it; on its way to the disk when this returns.

        Raises:
            MedVidBenchError: the files can't be written.
        """
        _append(self.samples, [SAMPLE_ROW.dump_json(sample) for sample in samples])
        _append(self.log, [STEP_ROW.dump_json(step)])

    def cut_after(self, step: int) -> None:
        """Drop what stands after `step`: 0 for a fresh run, the checkpoint's step for a resumed one.

        Raises:
            MedVidBenchError: a line is damaged, or a file can't be written.
        """
        for path, read in ((self.log, read_log), (self.samples, read_samples)):
            if path.exists():
                _keep_lines(path, [row.step <= step for row in read(path)])

    def read(self) -> list[GrpoStep | SftStep]:
        """The steps so far, see `read_log`."""
        return read_log(self.log)


def read_log(path: Path) -> list[GrpoStep | SftStep]:
    """The steps of a log, while it is being written too.

    Args:
        path: the file, or the run's folder.

    Raises:
        MedVidBenchError: no such file, a damaged line, or a step that stands twice.
    """
    path = path / LOG if path.is_dir() else path
    steps = _read(path, STEP_ROW.validate_json)
    for before, after in pairwise(steps):
        if after.step <= before.step:
            seen = f"{path} has step {after.step} after step {before.step}."
            raise MedVidBenchError(seen, "one run a folder", "look whether two runs write to it")
    return steps


def read_samples(path: Path) -> list[SampledCompletion]:
    """The completions that were kept, as `read_log` reads steps."""
    return _read(path / SAMPLES if path.is_dir() else path, SAMPLE_ROW.validate_json)


def _read(path: Path, parse: Callable[[bytes], _Row]) -> list[_Row]:
    rows = []
    for number, line in enumerate(_whole_lines(path), start=1):
        try:
            rows.append(parse(line))
        except ValidationError as error:
            first = error.errors()[0]
            seen = f"{path}, line {number}: {'.'.join(map(str, first['loc'])) or 'the line'}: {first['msg']}."
            raise MedVidBenchError(seen, "a line written by this version", "remove the file's damaged end") from error
    return rows


def _whole_lines(path: Path) -> list[bytes]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MedVidBenchError(f"{path} can't be read: {error.strerror}.", "the folder of a training run") from error
    return content.split(b"\n")[:-1]


def _keep_lines(path: Path, keep: list[bool]) -> None:
    lines = [line + b"\n" for line, wanted in zip(_whole_lines(path), keep, strict=True) if wanted]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(b"".join(lines))
        part.replace(path)
    except OSError as error:
        raise MedVidBenchError(f"{path} can't be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _append(path: Path, lines: list[bytes]) -> None:
    if not lines:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as stream:
            stream.write(b"".join(line + b"\n" for line in lines))
    except OSError as error:
        remedy = "free space, then resume: the run goes on from its last checkpoint"
        raise MedVidBenchError(f"{path} can't be written: {error.strerror}.", remedy=remedy) from error
