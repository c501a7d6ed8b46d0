"""What the main page's script works on: columns of numbers, one entry a model, in the order of the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from medvidbench.evaluation.report.wording import TASK_TITLES, task_of_metric
from medvidbench.leaderboards.entries import Entry, Flag, Leaderboard, Number
from medvidbench.leaderboards.ranking import KINDS, Ranking
from medvidbench.leaderboards.site.scopes import (
    SCOPES,
    RankingKey,
    Scope,
    by_id,
    names_of,
    scopes_of,
    shown,
    sources_of,
    tie_letters,
)

Rankings: TypeAlias = Mapping[RankingKey, list[Ranking]]

UNIT = 10_000
"""Numbers travel as whole ten-thousandths: a digit more than is shown."""


def payload_of(board: Leaderboard, rankings: Rankings) -> dict[str, Any]:
    """Models, numbers, places and tie groups of every table, protocol and source.

    Args:
        rankings: from `all_rankings`.
    """
    entries = board.entries
    protocols, sources = sorted({name for e in entries for name in e.protocols}), sources_of(entries)
    names = list(dict.fromkeys(n for p in protocols for s in ("", *sources) for n in names_of(entries, p, s)))
    scopes = [scope for scope in scopes_of(entries) if any(key[0] == scope.name for key in rankings)]
    return {
        "protocols": protocols,
        "sources": sources,
        "kinds": list(KINDS),
        "tasks": {name: task_of_metric(name) or "" for name in names},
        "titles": TASK_TITLES,
        "scopes": [{"name": s.name, "title": SCOPES[s.name][0], "said": SCOPES[s.name][1]} for s in scopes],
        "models": [_model(e) for e in entries],
        "numbers": {p: {s: _numbers(entries, p, s) for s in ("", *sources)} for p in protocols},
        "places": {
            scope.name: {
                p: {s: _places(board, scope, p, s, rankings) for s in ("", *sources) if (scope.name, p, s) in rankings}
                for p in protocols
            }
            for scope in scopes
        },
    }


def _model(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.entry_id,
        "name": entry.model,
        "team": entry.team,
        "date": entry.date,
        "table": entry.table,
        "synthetic": entry.synthetic,
        "blind": entry.blind,
        "axis": entry.time_axis,
        "benchmark": entry.hashes.benchmark or "",
        "versions": {name: numbers.version for name, numbers in entry.protocols.items()},
        "judges": [judge.name for judge in entry.judges],
        "flags": [[flag.kind, list(flag.metrics), flag.what, protocol_of(flag)] for flag in entry.flags],
    }


def protocol_of(flag: Flag) -> str:
    """The protocol whose numbers a flag concerns; "" for the entry as a whole."""
    if flag.kind == "impossible pair":
        return "official"
    return next((name for name in ("official", "strict") if flag.what.startswith(f"{name}:")), "")


def _numbers(entries: Sequence[Entry], protocol: str, source: str) -> dict[str, dict[str, list[int | None]]]:
    """By metric: value, ends of the interval, rows, clusters, parse rate. A column that nobody fills is left out."""
    found = {}
    for name in names_of(entries, protocol, source):
        numbers = [e.number(name, protocol, source) for e in entries]
        columns = {
            "v": [_units(n.value) if n else None for n in numbers],
            "l": [_units(n.low) if n else None for n in numbers],
            "h": [_units(n.high) if n else None for n in numbers],
            "n": [n.n if n else None for n in numbers],
            "g": [n.n_clusters if n else None for n in numbers],
            "p": [_units(n.parse_rate) if n else None for n in numbers],
        }
        found[name] = {key: column for key, column in columns.items() if any(v is not None for v in column)}
    return found


def _units(value: float | None) -> int | None:
    return None if value is None else round(value * UNIT)


def _places(board: Leaderboard, scope: Scope, protocol: str, source: str, known: Rankings) -> dict[str, Any]:
    """Rows of a table and, for each kind of ranking, place and score; letters of the tie groups by metric."""
    rankings = known[scope.name, protocol, source]
    at = {e.entry_id: i for i, e in enumerate(board.entries)}
    rows = shown(scope, protocol, source)
    ties = rankings[KINDS.index("pairwise wins")].ties
    return {
        "rows": [at[e.entry_id] for e in rows],
        "metrics": list(rankings[0].metrics),
        "notes": list(rankings[0].notes),
        "kinds": {r.kind: {"said": r.said, **_order(r, rows)} for r in rankings},
        "ties": {name: _letters(tie.groups, rows, name, protocol, source) for name, tie in ties.items()},
        "basis": {name: tie.basis for name, tie in ties.items()},
    }


def _order(ranking: Ranking, rows: Sequence[Entry]) -> dict[str, list[float | None]]:
    places = by_id(ranking)
    scores = [places[e.entry_id].score for e in rows]
    return {
        "place": [places[e.entry_id].place for e in rows],
        "score": [None if score is None else round(score, 4) for score in scores],
    }


def _letters(
    groups: Sequence[Sequence[str]], rows: Sequence[Entry], metric: str, protocol: str, source: str
) -> list[str]:
    """Letters by row. "" for a number without interval, which is told apart from none; none at all for one group."""
    letters = tie_letters(groups) if len(groups) > 1 else {}
    numbers = [e.number(metric, protocol, source) for e in rows]
    return [letters.get(e.entry_id, "") if _has_interval(n) else "" for e, n in zip(rows, numbers, strict=True)]


def _has_interval(number: Number | None) -> bool:
    return number is not None and number.low is not None and number.high is not None
