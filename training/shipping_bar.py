"""How the small model that ships is measured: on held-out recordings, beside every blind row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.models.blind import KINDS
from medvidbench.training.order import share
from medvidbench.training.processes import Processes

if TYPE_CHECKING:
    from medvidbench.evaluation.evaluate import EvalOptions

BAR = ("TAG_mIoU", "STG_mIoU", "NAP_acc", "VS_concept")
"""Metrics (strict protocol) on which the model must beat every blind row by more than the interval."""
BATCH = 16
QUESTIONS = 1600
"""Asked of each, spread over tasks and sources."""
MODEL, QUESTION_ONLY = "model", "question-only"
"""The model's own runs. Shown no frame it is a blind row too: what its words and numbers alone are worth."""


@dataclass(frozen=True)
class Beside:
    """The model's difference to one blind row on one metric; `low` to `high` is its 95 % interval by recording."""

    metric: str
    model: float
    blind_row: str
    blind: float
    difference: float
    low: float | None
    high: float | None
    rows: int
    recordings: int

    @property
    def beaten(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low is not None and self.low > 0


def evaluated(model: Path, bench: Path, runs: Path, processes: Processes) -> None:
    """Evaluates the model, seeing and unseeing, and every blind row on the test split. The seeing one takes as long as
    all others together: it is the first process' part, and the others share the rest. A run that was stopped goes on
    where it was.

    Raises:
        MedVidBenchError: the model can't be loaded or the benchmark can't be used.
    """
    rank, count = processes.rank, processes.count
    rest = (QUESTION_ONLY, *KINDS)
    mine = [MODEL, *rest] if count == 1 else [MODEL] if rank == 0 else share(rest, rank - 1, count - 1)
    for name in mine:
        if not (runs / name / "results.json").is_file():
            _evaluate(name, model, bench, runs / name)
    processes.wait()


def _evaluate(name: str, model: Path, bench: Path, out: Path) -> None:
    from medvidbench.commands.evaluate import evaluate as evaluate_rule
    from medvidbench.evaluation.evaluate import evaluate
    from medvidbench.models.registry import ModelOptions, video_model

    options = _options()
    if name in KINDS:
        evaluate_rule(f"blind:{name}", bench, out, options)
        return
    if name == QUESTION_ONLY:
        options = replace(options, settings=replace(options.settings, view="none"))
    with video_model(f"hf:{model}", options.settings, ModelOptions(batch_size=BATCH)) as loaded:
        evaluate(loaded, bench, out, options)


def _options() -> EvalOptions:
    from medvidbench.evaluation.evaluate import EvalOptions

    return EvalOptions(protocol="strict", limit=QUESTIONS)


def measured(runs: Path) -> dict[str, Any]:
    """What `evaluated` found; JSON values: metrics of each, and the model's differences to the blind rows."""
    from medvidbench.evaluation.results import read_results

    blind = (*KINDS, QUESTION_ONLY)
    names = {MODEL: "tiny-surgery"} | {kind: f"blind:{kind}" for kind in blind}
    found = {name: read_results(runs / folder) for folder, name in names.items()}
    return {
        "benchmark": found["tiny-surgery"].data["sha256"],
        "metrics": {
            name: {metric: value.model_dump(mode="json") for metric, value in results.metrics.items()}
            for name, results in found.items()
        },
        "beside": [asdict(item) for kind in blind for item in beside(runs, kind)],
    }


def beside(runs: Path, kind: str) -> list[Beside]:
    """The evaluation in `runs/model` beside that of a blind row in `runs/KIND`, on the metrics of the bar."""
    from medvidbench.evaluation.comparison import compare
    from medvidbench.evaluation.results import read_results

    pair = [(read_results(runs / name), runs / name) for name in (MODEL, kind)]
    found = []
    for item in compare(pair[0], pair[1], "strict"):
        if item.metric not in BAR:
            continue
        d = item.difference
        low, high = d.ci95 or (None, None)
        row = f"blind:{kind}"
        found.append(Beside(item.metric, item.a, row, item.b, d.difference, low, high, d.n, d.n_clusters))
    return found


def bar_report(measured: dict[str, Any]) -> list[Beside]:
    """The differences to the blind rows, in the order of `BAR`."""
    items = [Beside(**item) for item in measured["beside"]]
    return sorted(items, key=lambda item: (BAR.index(item.metric), item.blind_row))
