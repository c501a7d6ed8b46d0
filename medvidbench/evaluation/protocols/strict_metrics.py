"""From scored rows to the metrics of protocol `strict`, as sums that any statistics can work with.

Means: `TAG_mIoU`, `TAG_R1@t`, `TAG_F1@t`, `TAG_P@t`, `TAG_R@t`, `STG_mIoU`, `DVC_F1`, `NAP_acc`, `SA_acc`, `CVS_acc`.
Functions of summed confusion matrices, one per aspect, then the mean over aspects: `SA_bacc`, `SA_kappa`, `CVS_bacc`,
`CVS_kappa`. An aspect where the function is undefined (kappa with one single level on both sides) is left out of the
mean. A missing or unparsed score enters as the level farthest from the truth (the higher of two), so it costs the most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.metric_rows import Combine, MetricRows, ratio
from medvidbench.metrics.agreement import balanced_accuracy, quadratic_weighted_kappa
from medvidbench.records import TASK_NAMES, Content, Ratings, TaskName, Unparsed
from medvidbench.tasks.rated import RatingTask
from medvidbench.tasks.registry import TASKS
from medvidbench.tasks.scoring import normal_label

JUDGED = tuple(f"{task}_{kind}" for task in ("DVC", "VS", "RC") for kind in ("llm", "concept"))
"""Metrics that a judge adds: row means on its scale from 1 to 5, by the kind of judge."""
Agreement = Callable[[ArrayLike], NDArray[np.float64]]
AGREEMENTS: dict[str, Agreement] = {"bacc": balanced_accuracy, "kappa": quadratic_weighted_kappa}


@dataclass(frozen=True, slots=True)
class CountedRow:
    """A row that enters the metrics: scored, or unparsed with its 0."""

    position: int
    task: TaskName
    source: str
    numbers: Mapping[str, float]
    parsed: Content | Unparsed
    truth: Content


def metrics_of(rows: Sequence[CountedRow]) -> list[MetricRows]:
    """Every metric that at least one row counts for, in the order of the tasks and of each task's metrics."""
    found: list[MetricRows] = []
    for name in TASK_NAMES:
        own = [row for row in rows if row.task == name]
        if not own:
            continue
        positions = np.array([row.position for row in own], dtype=np.int64)
        task = TASKS[name]
        for metric in task.metrics:
            columns = np.array([(row.numbers[metric], 1.0) for row in own])
            found.append(MetricRows(metric, name, positions, columns))
        if isinstance(task, RatingTask):
            found += _agreements(task, own, positions)
    return found


def mean_over_aspects(
    sums: NDArray[np.float64], agreement: Agreement, aspects: int, levels: int
) -> NDArray[np.float64]:
    """(..., aspects * levels * levels) summed confusion counts to (...) means of `agreement` over the aspects.

    Aspects where it is nan are left out; nan where it is nan for all.
    """
    values = agreement(sums.reshape(*sums.shape[:-1], aspects, levels, levels))
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1), dtype=np.float64)


def farthest(level: int, levels: range) -> int:
    """The level farthest from the given one; the higher where two are as far."""
    return levels[-1] if levels[-1] - level >= level - levels[0] else levels[0]


def combine_of(metric: str) -> Combine:
    """How the summed columns of a strict metric become its value.

    Raises:
        MedVidBenchError: no such metric in this protocol.
    """
    name, _, suffix = metric.partition("_")
    task = next((task for task in TASKS.values() if task.name == name), None)
    if task is not None and (metric in task.metrics or metric in JUDGED):
        return ratio
    if isinstance(task, RatingTask) and suffix in AGREEMENTS:
        measure = AGREEMENTS[suffix]
        return partial(mean_over_aspects, agreement=measure, aspects=len(task.aspects), levels=len(task.levels))
    known = [*(m for t in TASKS.values() for m in t.metrics), *JUDGED]
    known += [f"{t.name}_{suffix}" for t in TASKS.values() if isinstance(t, RatingTask) for suffix in AGREEMENTS]
    raise MedVidBenchError(f"Protocol strict has no metric {metric!r}.", ", ".join(known))


def _agreements(task: RatingTask, rows: Sequence[CountedRow], positions: NDArray[np.int64]) -> list[MetricRows]:
    columns = _confusions(task, rows)
    names = [f"{task.name}_{suffix}" for suffix in AGREEMENTS]
    return [MetricRows(name, task.name, positions, columns, combine_of(name)) for name in names]


def _confusions(task: RatingTask, rows: Sequence[CountedRow]) -> NDArray[np.float64]:
    """(N, aspects * L * L): each row's confusion counts, 0 for aspects that its truth doesn't rate."""
    first, size = task.levels[0], len(task.levels)
    index = {normal_label(aspect): i for i, aspect in enumerate(task.aspects)}
    columns = np.zeros((len(rows), len(index) * size * size))
    for number, row in enumerate(rows):
        if not isinstance(row.truth, Ratings) or not isinstance(row.parsed, Ratings | Unparsed):
            continue
        for rating, (said, wanted) in zip(row.truth.ratings, task.pairs(row.parsed, row.truth), strict=True):
            level = said if said in task.levels and said is not None else farthest(wanted, task.levels)
            cell = (index[normal_label(rating.name)] * size + wanted - first) * size + level - first
            columns[number, cell] += 1.0
    return columns
