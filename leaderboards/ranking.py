"""Three rankings of the same entries; each result says which one it is and what it rests on.

* "mean rank", as on the public leaderboard of arXiv 2512.06581: a dense rank in each metric (best first, ties share
  one, a missing number comes after all others), then the mean of the ranks. Ties go to more first places, then to the
  larger sum of value / column maximum; rows that are still alike share a place and stand by name.
* "mean normalised score": mean of (value - least) / (most - least) over the metrics, by each metric's own scale.
* "pairwise wins": every pair in every metric is a win only where the numbers can be told apart (`pairwise`).

Blind baselines are the floor of a table: they are returned without a place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.entries import BOARD_METRICS, Entry, entry_ids
from medvidbench.leaderboards.from_results import metric_range
from medvidbench.leaderboards.pairwise import Tie, pairwise

Kind: TypeAlias = Literal["mean rank", "mean normalised score", "pairwise wins"]
KINDS: tuple[Kind, ...] = get_args(Kind)
JUDGED_FROM = 1.0
"""The lower end of a judge's scale; 0 in the official protocol (no event matched) counts as that."""
SAID: dict[Kind, str] = {
    "mean rank": "Place by the mean of the ranks in each metric (lower is better), as on the public leaderboard.",
    "mean normalised score": "Place by the mean of the metrics, each on its own scale brought to 0 to 1.",
    "pairwise wins": "Place by the share of comparisons won, half for a tie; a tie where numbers can't be told apart.",
}


@dataclass(frozen=True)
class Placed:
    """One entry in a ranking.

    Attributes:
        place: 1 for the best; entries that are alike share one. None for a blind baseline, and where the ranking needs
            every metric and some are missing.
        score: mean rank, mean normalised score, or share of comparisons won; None without a place.
        ranks: "mean rank" alone: the dense rank in each metric.
        missing: metrics without a number.
    """

    entry_id: str
    model: str
    place: int | None
    score: float | None
    ranks: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """Entries in order, those without a place last.

    Attributes:
        said: one sentence for readers on how places were found.
        ties: "pairwise wins" alone: by metric, the largest sets of entries that can't be told apart, best first, and
            what that rests on ("paired" on common rows, "intervals" that overlap).
        notes: what makes the numbers of these entries incomparable (other judges, benchmarks, protocol versions).
    """

    kind: Kind
    said: str
    protocol: str
    source: str
    metrics: tuple[str, ...]
    places: tuple[Placed, ...]
    ties: dict[str, Tie] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON values, for `leaderboard.json`."""
        return asdict(self)


def rank(
    entries: Sequence[Entry],
    kind: str = "mean rank",
    *,
    protocol: str = "official",
    metrics: Sequence[str] = (),
    source: str = "",
    results: Mapping[str, Path] | None = None,
) -> Ranking:
    """Ranks entries by numbers of one protocol, over all sources ("") or of one.

    Args:
        metrics: those of the public leaderboard that some entry has, unless given.
        results: results files by entry id, for "pairwise wins": two of the same benchmark are compared on common rows.

    Raises:
        MedVidBenchError: unknown ranking, an id twice, simulated beside real data, or none of the metrics is there.
    """
    chosen = _kind(kind)
    entry_ids(entries)
    _one_world(entries)
    names = tuple(metrics) or _known_metrics(entries, protocol, source)
    ranked = sorted((e for e in entries if not e.blind), key=lambda e: (e.model, e.entry_id))
    values = {e.entry_id: {n: _value(e, n, protocol, source) for n in names} for e in ranked}
    ties = pairwise(ranked, names, protocol, source, results or {}) if chosen == "pairwise wins" else None
    if chosen == "mean rank":
        placed = _by_mean_rank(ranked, values, names)
    elif chosen == "mean normalised score":
        placed = _by_normalised(ranked, values, names)
    else:
        assert ties is not None
        placed = _placed(ranked, values, lambda e: (-ties.shares[e.entry_id],), lambda e: ties.shares[e.entry_id])
    blind = [Placed(e.entry_id, e.model, None, None) for e in entries if e.blind]
    groups = ties.groups if ties is not None else {}
    notes = _notes([e for e in entries if _has(e, names, protocol)], protocol, names)
    return Ranking(chosen, SAID[chosen], protocol, source, names, (*placed, *blind), groups, notes)


def dense_ranks(values: Mapping[str, float | None]) -> dict[str, int]:
    """Ranks of numbers where more is better: equal ones share a rank, the next has the next; None comes after all.

    >>> dense_ranks({"a": 0.5, "b": 0.7, "c": 0.5, "d": 0.1, "e": None})
    {'a': 2, 'b': 1, 'c': 2, 'd': 3, 'e': 4}
    """
    order = sorted({value for value in values.values() if value is not None}, reverse=True)
    at = {value: i for i, value in enumerate(order, start=1)}
    return {name: len(order) + 1 if value is None else at[value] for name, value in values.items()}


Values: TypeAlias = Mapping[str, Mapping[str, float | None]]


def _by_mean_rank(entries: Sequence[Entry], values: Values, names: Sequence[str]) -> list[Placed]:
    columns = {n: dense_ranks({i: own[n] for i, own in values.items()}) for n in names}
    ranks = {i: {n: columns[n][i] for n in names} for i in values}
    most = {n: max((v for own in values.values() if (v := own[n]) is not None), default=0.0) for n in names}

    def key(entry: Entry) -> tuple[float, ...]:
        own, at = values[entry.entry_id], ranks[entry.entry_id]
        firsts = sum(at[n] == 1 and own[n] is not None for n in names)
        shares = sum(v / most[n] for n in names if (v := own[n]) is not None and most[n] > 0)
        # the published order has "lower rank sum" between these two: with as many metrics each, that is the mean again
        return (sum(at.values()) / len(names), -firsts, -round(shares, 12))

    return _placed(entries, values, key, lambda e: sum(ranks[e.entry_id].values()) / len(names), ranks)


def _by_normalised(entries: Sequence[Entry], values: Values, names: Sequence[str]) -> list[Placed]:
    whole = [e for e in entries if not _missing(values[e.entry_id])]

    def score(entry: Entry) -> float:
        own = values[entry.entry_id]
        return sum(normalised(n, v) for n in names if (v := own[n]) is not None) / len(names)

    rest = [e for e in entries if _missing(values[e.entry_id])]
    unplaced = [Placed(e.entry_id, e.model, None, None, missing=_missing(values[e.entry_id])) for e in rest]
    return [*_placed(whole, values, lambda e: (-round(score(e), 12),), score), *unplaced]


def normalised(metric: str, value: float) -> float:
    """A number brought to [0, 1] by the scale of its metric; judges' scores from 1 to 5.

    >>> normalised("DVC_llm", 4.0), normalised("CVS_acc", 0.25), normalised("CVS_kappa", 0.5)
    (0.75, 0.25, 0.75)
    """
    least, most = metric_range(metric)
    if metric.endswith(("_llm", "_concept")):
        least = JUDGED_FROM
    return (min(max(value, least), most) - least) / (most - least)


def _placed(
    entries: Sequence[Entry],
    values: Values,
    key: Callable[[Entry], tuple[float, ...]],
    score: Callable[[Entry], float],
    ranks: Mapping[str, dict[str, int]] | None = None,
) -> list[Placed]:
    """In the order of the key; entries come sorted by name, which settles the order of those that share a place."""
    placed: list[Placed] = []
    keys: list[tuple[float, ...]] = []
    for number, entry in enumerate(sorted(entries, key=key), start=1):
        keys.append(key(entry))
        shared = placed[-1].place if len(keys) > 1 and keys[-1] == keys[-2] else number
        at = (ranks or {}).get(entry.entry_id, {})
        missing = _missing(values[entry.entry_id])
        placed.append(Placed(entry.entry_id, entry.model, shared, score(entry), at, missing))
    return placed


def _missing(own: Mapping[str, float | None]) -> tuple[str, ...]:
    return tuple(name for name, value in own.items() if value is None)


def _value(entry: Entry, metric: str, protocol: str, source: str) -> float | None:
    number = entry.number(metric, protocol, source)
    return None if number is None else number.value


def _has(entry: Entry, names: Sequence[str], protocol: str) -> bool:
    return any(entry.number(n, protocol) is not None for n in names)


def _known_metrics(entries: Sequence[Entry], protocol: str, source: str) -> tuple[str, ...]:
    found = tuple(n for n in BOARD_METRICS if any(_value(e, n, protocol, source) is not None for e in entries))
    if not found:
        place = f" for the source {source!r}" if source else ""
        seen = f"No entry has a number of the public leaderboard under the protocol {protocol!r}{place}."
        raise MedVidBenchError(seen, ", ".join(BOARD_METRICS), "name the metrics to rank by")
    return found


def _kind(text: str) -> Kind:
    for kind in KINDS:
        if text == kind:
            return kind
    raise MedVidBenchError(f"Unknown ranking {text!r}.", ", ".join(KINDS))


def _one_world(entries: Sequence[Entry]) -> None:
    if len({e.synthetic for e in entries}) > 1:
        raise MedVidBenchError(
            "Results on simulated recordings and results on real ones can't be ranked together.",
            "entries of one kind",
            "rank the synthetic entries in a table of their own",
        )


def _notes(entries: Sequence[Entry], protocol: str, names: Sequence[str]) -> tuple[str, ...]:
    found: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        found["The benchmark (SHA-256)"].add((entry.hashes.benchmark or "not stated")[:12])
        found["The protocol's version"].update(n.version for name, n in entry.protocols.items() if name == protocol)
        if any(name.endswith("_llm") for name in names):
            found["The judge of the captions"].update(j.name for j in entry.judges if j.kind == "llm")
    return tuple(f"{what} differs: {', '.join(sorted(seen))}." for what, seen in found.items() if len(seen) > 1)
