"""What the page reads of a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from medvidbench.errors import MedVidBenchError
from medvidbench.training.recipe import AlarmPart
from medvidbench.training.run_facts import RECIPE, RunFacts, read_facts
from medvidbench.training.steps import GrpoStep, SampledCompletion, SftStep
from medvidbench.training.watch import LOG, SAMPLES, read_log, read_samples


@dataclass(frozen=True)
class Run:
    """One run as it stands on the disk.

    Attributes:
        name: of its folder, with as many of the folders above as tell it from the others.
        facts: None where none were written.
        recipe: text of the resolved recipe, "" without one.
        window: steps that alarms and the table of first and last steps rest on.
        steps: done so far.
        samples: completions that were kept.
        written: when the log last grew; None before the first step.
    """

    name: str
    facts: RunFacts | None
    recipe: str
    window: int
    steps: Sequence[GrpoStep | SftStep]
    samples: Sequence[SampledCompletion]
    written: datetime | None

    @property
    def kind(self) -> Literal["sft", "grpo"]:
        """What is trained how."""
        if self.steps:
            return self.steps[0].kind
        return "grpo" if self.facts is None else self.facts.kind

    @property
    def last_step(self) -> int:
        """Number of the last step done, 0 before the first."""
        return self.steps[-1].step if self.steps else 0


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """The runs in these folders, in their order.

    Raises:
        MedVidBenchError: none is named, a folder holds no run, one is named twice, the runs are of different kinds, or
            a file is damaged.
    """
    if not folders:
        raise MedVidBenchError("No run is named.", "the folders of one or more training runs")
    whole = [folder.resolve() for folder in folders]
    if len(set(whole)) < len(whole):
        raise MedVidBenchError("A run is named twice.", "different folders")
    runs = [_read_run(folder, name) for folder, name in zip(whole, _names(whole), strict=True)]
    kinds = sorted({run.kind for run in runs})
    if len(kinds) > 1:
        raise MedVidBenchError(f"Runs of the kinds {' and '.join(kinds)} on one page.", "runs of one kind")
    return runs


def _read_run(folder: Path, name: str) -> Run:
    log, facts = folder / LOG, read_facts(folder)
    if facts is None and not log.is_file():
        raise MedVidBenchError(f"{folder} holds neither {LOG} nor training.json.", "the folder of a training run")
    recipe = _text(folder / RECIPE)
    return Run(
        name,
        facts,
        recipe,
        _window(recipe),
        read_log(folder) if log.is_file() else [],
        read_samples(folder) if (folder / SAMPLES).is_file() else [],
        datetime.fromtimestamp(log.stat().st_mtime, timezone.utc) if log.is_file() else None,
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _window(recipe: str) -> int:
    """The alarms' window; that of the defaults where the recipe can't be read, which is no reason to show nothing."""
    import yaml  # type: ignore[import-untyped,unused-ignore]

    try:
        found = yaml.safe_load(recipe)["alarms"]["window"]
    except (yaml.YAMLError, TypeError, KeyError):
        found = None
    return found if isinstance(found, int) and found >= 1 else AlarmPart().window


def _names(folders: Sequence[Path]) -> list[str]:
    for depth in range(1, max(len(folder.parts) for folder in folders) + 1):
        names = ["/".join(folder.parts[-depth:]) for folder in folders]
        if len(set(names)) == len(names):
            break
    return names
