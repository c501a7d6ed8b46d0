"""Which entries stand in a table together, and in what place: real and simulated recordings never in the same."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from medvidbench.evaluation.report.wording import task_of_metric
from medvidbench.leaderboards.entries import BOARD_METRICS, Entry, Leaderboard
from medvidbench.leaderboards.pairwise import Tie
from medvidbench.leaderboards.ranking import KINDS, Kind, Placed, Ranking, rank
from medvidbench.records import TASK_NAMES

SCOPES: dict[str, tuple[str, str]] = {
    "verified": ("Verified", "The maintainers ran these models."),
    "published": ("Published", "Numbers of a publication, as printed there: no intervals, no counts."),
    "community": ("Community", "Handed in by others; the maintainers scored the answers, but didn't run the models."),
    "all": ("All together", "Verified, published and community rows side by side: not all were obtained alike."),
    "synthetic": ("Synthetic", "Measured on simulated recordings: says nothing about surgery."),
}
"""Tables of the site in order: title, and what a reader has to know of it."""


HEADLINES = ("_mIoU", "_concept")
"""Endings of the metric that stands for a task under `strict`, or where no language model judged."""


@dataclass(frozen=True)
class Scope:
    """A table of the site: its name in `SCOPES` and its entries."""

    name: str
    entries: tuple[Entry, ...]


def scopes_of(entries: Sequence[Entry]) -> list[Scope]:
    """The tables that have a row. "all" is left out where it would repeat another one."""
    real = [e for e in entries if not e.synthetic]
    chosen: dict[str, list[Entry]] = {name: [e for e in real if e.table == name] for name in SCOPES}
    chosen["all"] = real if len({e.table for e in real}) > 1 else []
    chosen["synthetic"] = [e for e in entries if e.synthetic]
    return [Scope(name, tuple(found)) for name, found in chosen.items() if found]


def shown(scope: Scope, protocol: str, source: str) -> list[Entry]:
    """The entries of a table that have numbers of a protocol over all sources ("") or of one."""
    return [e for e in scope.entries if names_of([e], protocol, source)]


def names_of(entries: Sequence[Entry], protocol: str, source: str) -> list[str]:
    """The metrics that some entry has, those of the public leaderboard first, in its order."""
    found: dict[str, None] = {}
    for entry in entries:
        for name, numbers in entry.protocols.items():
            if name == protocol:
                found |= dict.fromkeys(numbers.sources.get(source, {}) if source else numbers.metrics)
    board = [name for name in BOARD_METRICS if name in found]
    return [*board, *sorted(found.keys() - set(board))]


RankingKey: TypeAlias = tuple[str, str, str]
"""Table, protocol, source."""


def all_rankings(board: Leaderboard) -> dict[RankingKey, list[Ranking]]:
    """`rankings_of` for every table, protocol and source of a board; those without a row are left out."""
    protocols = sorted({name for e in board.entries for name in e.protocols})
    sources = sources_of(board.entries)
    keys = product(scopes_of(board.entries), protocols, ("", *sources))
    found = {(scope.name, p, s): rankings_of(board, scope, p, s) for scope, p, s in keys}
    return {key: rankings for key, rankings in found.items() if rankings}


def sources_of(entries: Sequence[Entry]) -> list[str]:
    """The sources that some entry has numbers of, sorted."""
    return sorted({s for e in entries for numbers in e.protocols.values() for s in numbers.sources})


def rankings_of(board: Leaderboard, scope: Scope, protocol: str, source: str) -> list[Ranking]:
    """The rankings of a table in the order of `KINDS`, over its `main_columns`; [] for an empty one.

    Those that the board brings are taken (they can rest on common rows); others are made from the numbers and their
    intervals.
    """
    entries = shown(scope, protocol, source)
    if not entries:
        return []
    metrics = main_columns(names_of(entries, protocol, source))
    brought = [_brought(board, kind, protocol, source, entries) for kind in KINDS]
    return [
        found or rank(entries, kind, protocol=protocol, metrics=metrics, source=source)
        for kind, found in zip(KINDS, brought, strict=True)
    ]


def main_columns(names: Sequence[str]) -> list[str]:
    """The columns of the public leaderboard, and one for each task that has none of them; all if that leaves none.

    >>> main_columns(["CVS_acc", "TAG_F1@0.5", "TAG_mIoU", "VS_concept"])
    ['CVS_acc', 'TAG_mIoU', 'VS_concept']
    """
    chosen = [name for name in names if name in BOARD_METRICS]
    covered = {task_of_metric(name) for name in chosen}
    for task in TASK_NAMES:
        own = [name for name in names if task_of_metric(name) == task]
        if own and task not in covered:
            chosen.append(next((name for name in own if name.endswith(HEADLINES)), own[0]))
    return chosen or list(names)


def _brought(board: Leaderboard, kind: Kind, protocol: str, source: str, entries: Sequence[Entry]) -> Ranking | None:
    wanted, ids = (kind, protocol, source), {e.entry_id for e in entries}
    for content in board.rankings:
        same = (content.get("kind"), content.get("protocol"), content.get("source")) == wanted
        if same and {p["entry_id"] for p in content["places"]} == ids:
            places = tuple(Placed(**place) for place in content["places"])
            ties = {name: Tie(**tie) for name, tie in content["ties"].items()}
            more = {"metrics": tuple(content["metrics"]), "notes": tuple(content["notes"])}
            return Ranking(**{**content, **more, "places": places, "ties": ties})
    return None


def tie_letters(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """By entry id, the letters of its tie groups; neighbours as a range.

    >>> tie_letters([("a", "b"), ("b", "c"), ("c", "d"), ("b", "e")])
    {'a': 'a', 'b': 'a–b d', 'c': 'b–c', 'd': 'c', 'e': 'd'}
    """
    member: dict[str, list[int]] = {}
    for at, group in enumerate(groups):
        for entry_id in group:
            member.setdefault(entry_id, []).append(at)
    return {entry_id: _ranges(at) for entry_id, at in member.items()}


def _ranges(numbers: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(_letter(a) if a == b else f"{_letter(a)}–{_letter(b)}" for a, b in runs)


def _letter(number: int) -> str:
    """0 is a, 25 is z, 26 is aa."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = string.ascii_lowercase[rest] + letters
    return letters


def floor_of(entries: Sequence[Entry], protocol: str, source: str, metric: str) -> float | None:
    """The best number of the blind baselines; None without one."""
    numbers = (e.number(metric, protocol, source) for e in entries if e.blind)
    return max((n.value for n in numbers if n is not None and n.value is not None), default=None)


def by_id(ranking: Ranking) -> dict[str, Placed]:
    """The places of a ranking by entry id."""
    return {place.entry_id: place for place in ranking.places}
