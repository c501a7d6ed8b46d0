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
    won = {e.entry_id: 0.0 for e in entries}
    due = dict.fromkeys(won, 0)
    groups: dict[str, Tie] = {}
    for metric in metrics:
        numbers = {e.entry_id: e.number(metric, protocol, source) for e in entries}
        signs = _signs(numbers, paired.get(metric, {}))
        for (a, b), sign in signs.items():
            due[a], due[b] = due[a] + 1, due[b] + 1
            won[a] += 0.5 + sign / 2
            won[b] += 0.5 - sign / 2
        groups[metric] = _tie(numbers, signs, paired.get(metric, {}))
    return Pairwise({i: won[i] / due[i] if due[i] else 0.0 for i in won}, groups)


Pair: TypeAlias = tuple[str, str]
Signs: TypeAlias = dict[Pair, int]


def _signs(numbers: Mapping[str, Number | None], paired: Mapping[Pair, int]) -> Signs:
    """1 where the first of a pair wins, -1 where the second does, 0 for a tie; pairs of two missing are left out."""
    found: Signs = {}
    for a, b in combinations(numbers, 2):
        if (a, b) in paired:
            found[a, b] = paired[a, b]
            continue
        has_a, has_b = _known(numbers[a]), _known(numbers[b])
        if has_a and has_b:
            (low_a, high_a), (low_b, high_b) = _interval(numbers[a]), _interval(numbers[b])
            found[a, b] = 1 if low_a > high_b else -1 if low_b > high_a else 0
        elif has_a or has_b:
            found[a, b] = 1 if has_a else -1
    return found


def _known(number: Number | None) -> bool:
    return number is not None and number.value is not None


def _interval(number: Number | None) -> tuple[float, float]:
    """Without an interval nothing is known of a number's neighbourhood: it overlaps with all."""
    if number is None or number.low is None or number.high is None:
        return -math.inf, math.inf
    return number.low, number.high


def _tie(numbers: Mapping[str, Number | None], signs: Signs, paired: Mapping[Pair, int]) -> Tie:
    known = [i for i, number in numbers.items() if _known(number)]
    if not paired:
        return Tie("intervals", _overlapping({i: _interval(numbers[i]) for i in known}, numbers))
    from medvidbench.metrics.comparison import tie_groups

    at = {i: k for k, i in enumerate(known)}
    apart = np.zeros((len(known), len(known)), dtype=bool)
    for (a, b), sign in signs.items():
        if a in at and b in at:
            apart[at[a], at[b]] = apart[at[b], at[a]] = sign != 0
    groups = [tuple(known[k] for k in group) for group in tie_groups(apart)]
    both = any(pair not in paired for pair in signs if set(pair) <= set(known))
    return Tie("paired and intervals" if both else "paired", _best_first(groups, numbers))


def _overlapping(
    intervals: Mapping[str, tuple[float, float]], numbers: Mapping[str, Number | None]
) -> tuple[tuple[str, ...], ...]:
    """The largest sets of intervals that overlap two by two: those that hold one of the lower ends in common."""
    found: list[frozenset[str]] = []
    for start in sorted({low for low, _ in intervals.values()}):
        found.append(frozenset(i for i, (low, high) in intervals.items() if low <= start <= high))
    largest = [g for g in dict.fromkeys(found) if not any(g < other for other in found)]
    return _best_first([tuple(g) for g in largest], numbers)


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
