"""What SA and CVS share: exact-match rates per aspect, averaged over aspects, then over sources, both unweighted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from medvidbench.evaluation.metric_rows import MetricRows, RowOutcome
from medvidbench.evaluation.protocols.official.rows import (
    Row,
    UnreadableAnswerError,
    UnscorableRowError,
    is_number,
    reference_text,
    type_name,
)
from medvidbench.records import TaskName

T = TypeVar("T")

MAX_DIGITS = 4300
"""Python's limit for int(text): one longer number in an answer ends the public evaluator's task."""


def whole_number(digits: str) -> int:
    """The integer that the digits spell.

    Raises:
        UnreadableAnswerError: beyond 4,300 digits.
    """
    if len(digits) > MAX_DIGITS:
        raise UnreadableAnswerError(f"a score of {len(digits):,} digits in the answer")
    return int(digits)


def first_truth(row: Row) -> Mapping[str, object]:
    """The first entry of `struc_info`, empty when there is none.

    Raises:
        UnscorableRowError: when that is no object.
    """
    entries = row.get("struc_info", [])
    if not entries:
        return {}
    if not isinstance(entries, list) or not isinstance(entries[0], dict):
        raise UnscorableRowError(f"the truth is {type_name(entries)} without an object as its first entry")
    return entries[0]


def read_reference(read: Callable[[str], T], row: Row) -> T:
    """What `read` finds in the reference answer.

    Raises:
        UnscorableRowError: when the reference is not text or holds a number beyond Python's limit.
    """
    try:
        return read(reference_text(row))
    except UnreadableAnswerError as fault:
        raise UnscorableRowError(f"reference: {fault}") from None


def compare(said: Mapping[str, int], truth: Mapping[str, object]) -> dict[str, bool]:
    """Exact match per aspect that both sides have.

    Raises:
        UnscorableRowError: when such a truth is not a number.
    """
    shared = [aspect for aspect in truth if aspect in said]
    for aspect in shared:
        if not is_number(truth[aspect]):
            raise UnscorableRowError(f"the truth of {aspect!r} is {type_name(truth[aspect])}, not a number")
    return {aspect: said[aspect] == truth[aspect] for aspect in shared}


def numbers_of(metric: str, matches: Mapping[str, bool]) -> dict[str, float]:
    """Row numbers: `metric` itself, the mean over the row's aspects, and `metric/aspect` each; nothing for none."""
    if not matches:
        return {}
    numbers = {f"{metric}/{aspect}": float(match) for aspect, match in matches.items()}
    return {metric: sum(numbers.values()) / len(numbers), **numbers}


def balanced_metric(metric: str, task: TaskName, outcomes: Sequence[RowOutcome]) -> list[MetricRows]:
    """The mean over sources of the mean over aspects of correct / compared, with two columns per (source, aspect).

    Counted are the rows with at least one aspect compared; the metric is absent without any.

    Quirk: a source whose rows give nothing to compare still enters the mean over sources, as 0.
    """
    counted = [outcome for outcome in outcomes if metric in outcome.numbers]
    if not counted:
        return []
    cells = sorted({(o.source, name) for o in counted for name in o.numbers if name.startswith(f"{metric}/")})
    column = {cell: index for index, cell in enumerate(cells)}
    columns = np.zeros((len(counted), len(cells), 2))
    for at, outcome in enumerate(counted):
        for name, value in outcome.numbers.items():
            if (outcome.source, name) in column:
                columns[at, column[outcome.source, name]] = (value, 1.0)
    sources = [source for source, _ in cells]
    combine = SourceMeans(sources, len({o.source for o in outcomes} - set(sources)))
    positions = np.array([outcome.position for outcome in counted], dtype=np.int64)
    return [MetricRows(metric, task, positions, columns.reshape(len(counted), -1), combine)]


class SourceMeans:
    """Combines (..., 2C) sums of (correct, compared) per cell into the mean over sources of the mean over cells.

    Args:
        sources: the C cells' sources.
        empty_sources: number of further sources that count as 0.
    """

    def __init__(self, sources: Sequence[str], empty_sources: int) -> None:
        names = sorted(set(sources))
        self.membership = np.array([[source == name for name in names] for source in sources], dtype=np.float64)
        self.empty_sources = empty_sources

    def __call__(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """(...) values; a source without a compared cell drops out; nan when every source does."""
        cells = sums.reshape(*sums.shape[:-1], -1, 2)
        correct, compared = cells[..., 0], cells[..., 1]
        rates = np.divide(correct, compared, out=np.zeros_like(correct), where=compared > 0)
        # einsum, not @: waking BLAS threads for products this small costs more CPU time than the products
        cells_left = np.einsum("...c,cs->...s", compared > 0, self.membership)
        of_source = np.einsum("...c,cs->...s", rates, self.membership)
        means = np.divide(of_source, cells_left, out=np.zeros_like(cells_left), where=cells_left > 0)
        sources_left = (cells_left > 0).sum(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = means.sum(axis=-1) / np.where(sources_left > 0, sources_left + self.empty_sources, 0)
        return np.asarray(value, dtype=np.float64)
