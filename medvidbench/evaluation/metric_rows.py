"""What a protocol hands to the statistics: per-row sums and how they combine into a metric.

Every metric of both protocols is a function of sums over rows (a mean is sum/count, a kappa is a
function of a summed confusion matrix). So one form serves the value, the per-source value, the
clustered standard error and the cluster bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medvidbench.records import Status, TaskName

Combine = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """First column over second along the last axis; nan where the count is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1], dtype=np.float64)


@dataclass(frozen=True)
class MetricRows:
    """One metric over the rows that it counts.

    Attributes:
        name: table name, e.g. "TAG_mIoU@0.3".
        rows: (N,) positions in the protocol's row list (`RowOutcome`s) that this metric counts.
        columns: (N, K) per-row sums; the metric is `combine(columns.sum(axis=0))`.
        combine: maps (..., K) sums to (...) values; nan where undefined. For the default, `ratio`,
            K is 2 and the metric is a mean: column 1 is all ones.
        scale: least and most that a row can have; an interval of a mean is cut there.
        coverage: share of the rows due that have a number, where something other than the answer decides that (a judge
            that failed); None elsewhere.
        unscored: rows of the task without a number, where it isn't what the outcomes say; None elsewhere.
    """

    name: str
    task: TaskName
    rows: NDArray[np.int64]
    columns: NDArray[np.float64]
    combine: Combine = ratio
    scale: tuple[float, float] = (0.0, 1.0)
    coverage: float | None = None
    unscored: int | None = None


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """One input row under one protocol: its state, its numbers, and what was read from the answer.

    Attributes:
        position: index of the row in the input order.
        task: the row's task; None when its `qa_type` belongs to none.
        status: "scored", "unparsed" (answer given, not readable) or "unscored" (no number; see reason).
        numbers: the row's numbers by name; absent names were not scored.
        reading: what was read from the answer, as a JSON-ready value (for the row file and the browser).
        judge: what a judge said of the row, as JSON text (an object of short texts), or "".
    """

    position: int
    task: TaskName | None
    source: str
    status: Status
    reason: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    reading: object = None
    judge: str = ""


@dataclass(frozen=True)
class ProtocolScores:
    """All that a protocol says about a file: each row's outcome, and each metric over all sources and by source."""

    protocol: str
    outcomes: list[RowOutcome]
    overall: list[MetricRows]
    by_source: dict[str, list[MetricRows]]
    notes: list[str] = field(default_factory=list)
