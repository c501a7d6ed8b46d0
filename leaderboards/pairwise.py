"""Which entries can be told apart in a metric, and the share of comparisons that each one wins.

Two entries with row files on the same benchmark are compared on the rows that both answered: told apart where the 95 %
interval of the difference, clustered by patient, trainee or video, leaves 0 out. Any other pair is told apart where the
two 95 % intervals don't overlap, which is stricter. A number without an interval is told apart from none. No correction
is made for the number of pairs: see `medvidbench compare` for tests of a few models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.leaderboards.entries import Entry, Number

Basis: TypeAlias = Literal["paired", "intervals", "paired and intervals"]


@dataclass(frozen=True)
class Tie:
    """The tie groups of one metric.

    Attributes:
        basis: what the comparisons of the metric rest on.
        groups: largest sets of entry ids of which no two are told apart, best first; an entry can stand in several.
    """

    basis: Basis
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Pairwise:
    """`shares`: comparisons won over all comparisons, a tie counting half, by entry id; 0 for an entry alone."""

    shares: dict[str, float]
    groups: dict[str, Tie]


def pairwise(
    entries: Sequence[Entry], metrics: Sequence[str], protocol: str, source: str, results: Mapping[str, Path]
) -> Pairwise:
    """All pairs in all metrics. A missing number loses against any other; two missing ones aren't compared.

    Args:
        results: results files (or their folders) by entry id; those with a row file beside them are compared by rows.

    Raises:
        MedVidBenchError: a results or row file that can't be read.
    """
    paired = _paired_signs(entries, protocol, source, results)
    won, due = np.zeros(len(entries)), np.zeros(len(entries))
    groups: dict[str, Tie] = {}
    for metric in metrics:
        numbers = {e.entry_id: e.number(metric, protocol, source) for e in entries}
        own = paired.get(metric, {})
        signs, compared = _signs(numbers, own)
        won += np.where(compared, 0.5 + signs / 2, 0.0).sum(axis=1)
        due += compared.sum(axis=1)
        groups[metric] = _tie(numbers, signs, own)
    shares = np.divide(won, due, out=np.zeros(len(entries)), where=due > 0)
    return Pairwise({e.entry_id: float(share) for e, share in zip(entries, shares, strict=True)}, groups)


Pair: TypeAlias = tuple[str, str]
Matrix: TypeAlias = NDArray[np.int64]


def _signs(numbers: Mapping[str, Number | None], paired: Mapping[Pair, int]) -> tuple[Matrix, NDArray[np.bool_]]:
    """Shape (entries, entries): 1 where the row's entry wins, -1 where the column's does, 0 for a tie; which pairs are
    compared: all but those of two missing numbers."""
    has = np.array([_known(n) for n in numbers.values()], dtype=bool)
    ends = np.array([_interval(n) for n in numbers.values()], dtype=float).reshape(-1, 2)
    above = (ends[:, None, 0] > ends[None, :, 1]) & has[:, None] & has[None, :]
    above |= has[:, None] & ~has[None, :]
    signs = above.astype(np.int64) - above.T.astype(np.int64)
    at = {i: k for k, i in enumerate(numbers)}
    compared = has[:, None] | has[None, :]
    np.fill_diagonal(compared, False)
    for (a, b), sign in paired.items():
        signs[at[a], at[b]], signs[at[b], at[a]] = sign, -sign
        compared[at[a], at[b]] = compared[at[b], at[a]] = True
    return signs, compared


def _known(number: Number | None) -> bool:
    return number is not None and number.value is not None


def _interval(number: Number | None) -> tuple[float, float]:
    """Without an interval nothing is known of a number's neighbourhood: it overlaps with all."""
    if number is None or number.low is None or number.high is None:
        return -math.inf, math.inf
    return number.low, number.high


def _tie(numbers: Mapping[str, Number | None], signs: Matrix, paired: Mapping[Pair, int]) -> Tie:
    known = [i for i, number in numbers.items() if _known(number)]
    if not paired:
        return Tie("intervals", _overlapping({i: _interval(numbers[i]) for i in known}, numbers))
    from medvidbench.metrics.comparison import tie_groups

    among = [k for k, number in enumerate(numbers.values()) if _known(number)]
    groups = [tuple(known[k] for k in group) for group in tie_groups(signs[np.ix_(among, among)] != 0)]
    both = any(pair not in paired and pair[::-1] not in paired for pair in combinations(known, 2))
    return Tie("paired and intervals" if both else "paired", _best_first(groups, numbers))


def _overlapping(
    intervals: Mapping[str, tuple[float, float]], numbers: Mapping[str, Number | None]
) -> tuple[tuple[str, ...], ...]:
    """The largest sets of intervals that overlap two by two: those that hold one of the lower ends in common.

    Such a set grows into the next one unless a member ends before the next lower end.
    """
    ids, ends = list(intervals), np.array(list(intervals.values()), dtype=float).reshape(-1, 2)
    low, high = ends[:, 0], ends[:, 1]
    starts = np.unique(low)
    found = []
    for k, start in enumerate(starts):
        last = k + 1 == len(starts)
        if last or bool(np.any((start <= high) & (high < starts[k + 1]))):
            found.append(tuple(ids[i] for i in np.flatnonzero((low <= start) & (start <= high))))
    return _best_first(found, numbers)


def _best_first(groups: Sequence[tuple[str, ...]], numbers: Mapping[str, Number | None]) -> tuple[tuple[str, ...], ...]:
    def value(i: str) -> tuple[float, str]:
        number = numbers[i]
        return (-(number.value if number is not None and number.value is not None else -math.inf), i)

    return tuple(sorted((tuple(sorted(g, key=value)) for g in groups), key=lambda g: [value(i) for i in g]))


# --- on common rows -------------------------------------------------------------------------------------------------


def _paired_signs(
    entries: Sequence[Entry], protocol: str, source: str, results: Mapping[str, Path]
) -> dict[str, dict[Pair, int]]:
    """By metric and pair, who wins on the rows that both answered; only pairs of the same benchmark."""
    from medvidbench.evaluation.comparison import Rows, read_rows
    from medvidbench.evaluation.results import read_results

    rows: dict[str, Rows] = {}
    for entry in entries:
        path = results.get(entry.entry_id)
        if path is not None and entry.hashes.benchmark and protocol in entry.protocols:
            own = read_rows(read_results(path), path, protocol)
            rows[entry.entry_id] = [row for row in own if not source or row["source"] == source]
    benchmark = {e.entry_id: e.hashes.benchmark for e in entries}
    found: dict[str, dict[Pair, int]] = {}
    for a, b in combinations(rows, 2):
        if benchmark[a] == benchmark[b]:
            for metric, sign in _signs_of(rows[a], rows[b], protocol).items():
                found.setdefault(metric, {})[a, b] = sign
    return found


def _signs_of(a: list[dict[str, object]], b: list[dict[str, object]], protocol: str) -> dict[str, int]:
    from medvidbench.evaluation.comparison import common_rows, metrics_of_rows, paired

    rows_a, rows_b = common_rows(a, b)
    if not rows_a:
        return {}
    groups = np.unique(np.array([row["group"] for row in rows_a]), return_inverse=True)[1].astype(np.int64)
    others = {m.name: m for m in metrics_of_rows(rows_b, protocol)}
    signs: dict[str, int] = {}
    for metric in metrics_of_rows(rows_a, protocol):
        found = paired(metric, others[metric.name], groups) if metric.name in others else None
        if found is not None and found[3].ci95 is not None:
            low, high = found[3].ci95
            signs[found[0]] = 1 if low > 0 else -1 if high < 0 else 0
    return signs
