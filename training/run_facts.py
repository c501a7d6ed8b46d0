"""`OUT/training.json`: what a run is, and how it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from medvidbench.errors import MedVidBenchError

FACTS, RECIPE = "training.json", "recipe.yaml"
FORMAT = "medvidbench.training/1"
How = Literal["finished", "alarm", "stopped"]


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        how: "finished" all its steps, was stopped by an "alarm", or "stopped" itself for another reason (a judge that
            is down, a full disk, a signal).
        step: the last one done.
        reason: in words; empty where it finished.
        at: UTC, ISO 8601.
    """

    how: How
    step: int
    reason: str
    at: str


@dataclass(frozen=True)
class RunFacts:
    """One run.

    Attributes:
        kind: "sft" or "grpo".
        recipe: its name.
        steps: wanted.
        device, dtype, processes: where and how it runs.
        model: path or hub name at the start; `revision`: the hub's commit, or the fingerprint of its files.
        benchmark: folder; `benchmark_id`: its content's digest.
        synthetic: whether the benchmark is simulated.
        versions: package to version.
        started: UTC, ISO 8601.
        ending: None while it goes on, and for ever after a kill.
    """

    kind: Literal["sft", "grpo"]
    recipe: str
    steps: int
    device: str
    dtype: str
    processes: int
    model: str
    revision: str
    benchmark: str
    benchmark_id: str
    synthetic: bool
    versions: dict[str, str]
    started: str
    ending: Ending | None = None


def write_facts(out: Path, facts: RunFacts) -> None:
    """Whole or not at all; a resumed run writes them again, without an ending.

    Raises:
        MedVidBenchError: the file can't be written.
    """
    path = out / FACTS
    part = out / f".{FACTS}.{os.getpid()}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT, **asdict(facts)}, indent=1, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8", errors="replace")
        part.replace(path)
    except OSError as error:
        raise MedVidBenchError(f"{path} can't be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def read_facts(out: Path) -> RunFacts | None:
    """The facts of a run, None where none were written.

    Raises:
        MedVidBenchError: the file is damaged or of another format.
    """
    path = out / FACTS
    if not path.is_file():
        return None
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise MedVidBenchError(f"{path} is no {FORMAT}.", "the folder of a training run")
        return TypeAdapter(RunFacts).validate_python(content)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        raise MedVidBenchError(f"{path} can't be read: {error}.", "the folder of a training run") from error


def end_run(out: Path, how: How, step: int, reason: str = "") -> None:
    """Write down how the run ended; a run without facts is left alone.

    Raises:
        MedVidBenchError: the file is damaged, or can't be written.
    """
    facts = read_facts(out)
    if facts is not None:
        write_facts(out, replace(facts, ending=Ending(how, step, reason, now())))


@contextmanager
def stops_told(out: Path, main: bool, step: Callable[[], int]) -> Iterator[None]:
    """Writes down why the block stops before its end, unless an alarm has said so already.

    Args:
        main: whether this process writes.
        step: tells the last step done.
    """
    try:
        yield
    except BaseException as error:  # whatever ends a run is written beside it, and goes on
        # where the disk is full the reason may not fit either: it is told all the same
        with suppress(MedVidBenchError):
            facts = read_facts(out) if main else None
            if facts is not None and facts.ending is None:
                end_run(out, "stopped", step(), _reason(error))
        raise


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted from the keyboard"
    return str(error) if isinstance(error, MedVidBenchError) else f"{type(error).__name__}: {error}"


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
