"""One model's page: places, numbers with interval plots, numbers by source, and what they rest on."""

from __future__ import annotations

import json
from dataclasses import dataclass

from medvidbench.evaluation.report.overview import PLOT_WIDTH
from medvidbench.leaderboards.entries import Entry, Leaderboard, Number, ProtocolNumbers
from medvidbench.leaderboards.from_results import metric_range
from medvidbench.leaderboards.ranking import KINDS, Placed, Ranking
from medvidbench.leaderboards.site.payload import Rankings, protocol_of
from medvidbench.leaderboards.site.scopes import SCOPES, by_id, floor_of, names_of

BADGES = {"passed": "good", "failed": "bad", "not applicable": "", "not proven": "warn"}
AXIS_SAID = {
    "passed": "Shown to be told when its frames were taken.",
    "failed": "Its answers did not follow the times of its frames.",
    "not applicable": "It was shown no frames.",
    "not proven": "Nothing shows whether it was told when its frames were taken.",
}


@dataclass(frozen=True)
class Line:
    """A number with places for drawing, 0 to `PLOT_WIDTH` over the metric's range; `flags` are what flags say of it."""

    metric: str
    number: Number
    ends: tuple[float, float]
    at: float | None
    low: float | None
    high: float | None
    floor: float | None
    floor_value: float | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """One protocol: numbers over all sources, and by source and metric."""

    protocol: str
    numbers: ProtocolNumbers
    lines: list[Line]
    sources: list[str]
    by_source: list[tuple[str, list[Number | None]]]


@dataclass(frozen=True)
class PlaceIn:
    """A place in one ranking; `among` counts the entries that have one."""

    place: int | None
    among: int
    score: float | None


@dataclass(frozen=True)
class PlaceRow:
    """The places in one table under one protocol, in the order of `KINDS`."""

    table: str
    protocol: str
    places: list[PlaceIn]


@dataclass(frozen=True)
class ModelView:
    """What the page shows beside the entry itself. `records`: (name, JSON text) of the judges."""

    entry: Entry
    title: str
    said: str
    axis_badge: str
    axis_said: str
    blocks: list[Block]
    places: list[PlaceRow]
    records: list[tuple[str, str]]
    width: float = PLOT_WIDTH
    kinds: tuple[str, ...] = KINDS


def model_view(board: Leaderboard, entry: Entry, rankings: Rankings) -> ModelView:
    """The view of one entry of a board.

    Args:
        rankings: from `all_rankings`.
    """
    own = "synthetic" if entry.synthetic else entry.table
    return ModelView(
        entry=entry,
        title=SCOPES[entry.table][0],
        said=SCOPES[own][1],
        axis_badge=BADGES[entry.time_axis],
        axis_said=AXIS_SAID[entry.time_axis],
        blocks=[_block(board, entry, name, numbers) for name, numbers in sorted(entry.protocols.items())],
        places=_places(entry, rankings),
        records=[(judge.name, json.dumps(judge.record, indent=1, sort_keys=True)) for judge in entry.judges],
    )


def _block(board: Leaderboard, entry: Entry, protocol: str, numbers: ProtocolNumbers) -> Block:
    peers = [e for e in board.entries if e.synthetic == entry.synthetic]
    lines = []
    for name in names_of([entry], protocol, ""):
        floor = None if entry.blind else floor_of(peers, protocol, "", name)
        flags = tuple(f.what for f in entry.flags if name in f.metrics and protocol_of(f) in ("", protocol))
        lines.append(_line(name, numbers.metrics[name], floor, flags))
    sources = sorted(numbers.sources)
    names = dict.fromkeys(name for source in sources for name in names_of([entry], protocol, source))
    by_source = [(name, [numbers.sources[s].get(name) for s in sources]) for name in names]
    return Block(protocol, numbers, lines, sources, by_source)


def _line(name: str, number: Number, floor: float | None, flags: tuple[str, ...]) -> Line:
    least, most = metric_range(name)

    def at(value: float | None) -> float | None:
        if value is None:
            return None
        return round(PLOT_WIDTH * (min(max(value, least), most) - least) / (most - least), 1)

    places = (at(number.value), at(number.low), at(number.high), at(floor))
    return Line(name, number, (least, most), *places, floor_value=floor, flags=flags)


def _places(entry: Entry, rankings: Rankings) -> list[PlaceRow]:
    """None for a blind baseline."""
    found = []
    for (scope, protocol, source), of_scope in rankings.items():
        own = [(ranking, by_id(ranking).get(entry.entry_id)) for ranking in of_scope if not source and not entry.blind]
        places = [_place(ranking, place) for ranking, place in own if place is not None]
        if places:
            found.append(PlaceRow(SCOPES[scope][0], protocol, places))
    return found


def _place(ranking: Ranking, place: Placed) -> PlaceIn:
    return PlaceIn(place.place, sum(p.place is not None for p in ranking.places), place.score)
