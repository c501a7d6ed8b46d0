"""How the small model that ships is measured: on held-out recordings, beside every blind row."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.training.order import share
from medvidbench.training.processes import Processes

if TYPE_CHECKING:
    from medvidbench.evaluation.evaluate import EvalOptions

BAR = ("TAG_mIoU", "STG_mIoU", "NAP_acc", "VS_concept")
"""Metrics (strict protocol) on which the model must beat every blind row by more than the interval."""
BATCH = 16
QUESTIONS = 1600
"""Asked of each, spread over tasks and sources."""
QUESTION_ONLY = "question-only"
"""The blind row that is this model itself, shown no frame: what its words and numbers alone are worth."""


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
    """Evaluates the model, seeing and unseeing, on the test split; processes share the two. A run that was stopped goes
    on where it was.

    Raises:
        MedVidBenchError: the model can't be loaded or the benchmark can't be used.
    """
    from medvidbench.evaluation.evaluate import evaluate
    from medvidbench.models.registry import ModelOptions, video_model

    options = _options()
    unseeing = replace(options, settings=replace(options.settings, view="none"))
    for name, asked in share((("model", options), (QUESTION_ONLY, unseeing)), processes.rank, processes.count):
        if not (runs / name / "results.json").is_file():
            with video_model(f"hf:{model}", asked.settings, ModelOptions(batch_size=BATCH)) as loaded:
                evaluate(loaded, bench, runs / name, asked)
    processes.wait()


def _options() -> EvalOptions:
    from medvidbench.evaluation.evaluate import EvalOptions

    return EvalOptions(protocol="strict", limit=QUESTIONS)


def measured(bench: Path, runs: Path) -> dict[str, Any]:
    """What `evaluated` found beside the blind rows; JSON values: metrics of each, and the differences."""
    from medvidbench.commands.evaluate import evaluate as evaluate_rule
    from medvidbench.evaluation.results import read_results
    from medvidbench.models.blind import KINDS

    options = _options()
    for kind in KINDS:
        evaluate_rule(f"blind:{kind}", bench, runs / kind, options)
    blind = (*KINDS, QUESTION_ONLY)
    names = {"model": "tiny-surgery"} | {kind: f"blind:{kind}" for kind in blind}
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

    pair = [(read_results(runs / name), runs / name) for name in ("model", kind)]
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
