"""Results as a table for a paper: Markdown, LaTeX (booktabs), CSV or JSON; any models, columns, sources and protocols.

A number carries its interval, its count and its parse rate, or less where `show` says so. The best number of a column
is bold, the second underlined, both as far as the shown digits tell; a number whose interval overlaps with that of the
best is marked, for no winner is claimed: for that, see `medvidbench compare`. Blind baselines stand below all others
and are never marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, TypeAlias, get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.results import Results
from medvidbench.leaderboards.entries import Entry, Hashes, Number, ProtocolName, ProtocolNumbers
from medvidbench.leaderboards.from_results import entry_of
from medvidbench.leaderboards.ranking import Ranking

Format: TypeAlias = Literal["md", "latex", "csv", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
Show: TypeAlias = Literal["all", "intervals", "values"]
Info: TypeAlias = Literal["place", "team", "table", "date"]
Mark: TypeAlias = Literal["best", "second", ""]


@dataclass(frozen=True)
class Column:
    """One column of numbers; `source` "" is over all sources."""

    protocol: ProtocolName
    source: str
    metric: str


@dataclass(frozen=True)
class Cell:
    """A number with its marks: `tied` if its interval overlaps with the best's, `flagged` if a flag concerns it."""

    number: Number | None
    mark: Mark = ""
    tied: bool = False
    flagged: bool = False


@dataclass(frozen=True)
class Table:
    """A table before it takes a form.

    Attributes:
        rows: entries with their cells, blind baselines last.
        places: by entry id, where a ranking orders the rows.
        notes: sentences that belong under it.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, tuple[Cell, ...]], ...]
    info: tuple[Info, ...]
    show: Show
    digits: int
    places: Mapping[str, int | None]
    notes: tuple[str, ...]

    def head(self, column: Column) -> str:
        """The metric, with protocol and source where columns differ in them."""
        several = len({c.protocol for c in self.columns}) > 1
        parts = [column.protocol if several else "", column.source if self._by_source() else "", column.metric]
        return " ".join(part for part in parts if part)

    def _by_source(self) -> bool:
        return len({c.source for c in self.columns}) > 1


def render_table(
    items: Sequence[Results | Entry],
    form: str,
    protocol: str | Sequence[str] | None = None,
    metrics: Sequence[str] = (),
    source: str | Sequence[str] = "",
    *,
    show: str = "all",
    info: Sequence[str] = (),
    ranking: Ranking | None = None,
    digits: int = 3,
) -> str:
    """The table as text.

    Args:
        items: results or entries, in the order of the rows unless a ranking is given.
        protocol: "strict", "official", or several; None takes each item's main protocol, which must then be the same.
        metrics: column names in order; empty takes every metric that any of the items has.
        source: one source's numbers, or several; "" takes those over all sources.
        show: "all", "intervals" (without counts) or "values"; CSV and JSON always hold everything.
        info: text columns, of "place", "team", "table" and "date".
        ranking: orders the rows and gives the places.
        digits: after the point.

    Raises:
        MedVidBenchError: no item, an unknown choice, items of different main protocols, or real beside simulated data.
    """
    from medvidbench.leaderboards.table_forms import FORMS

    if form not in FORMS:
        raise MedVidBenchError(f"Unknown table format {form!r}.", ", ".join(FORMATS))
    entries = [item if isinstance(item, Entry) else _as_entry(item, i) for i, item in enumerate(items)]
    table = make_table(entries, protocol, metrics, source, show=show, info=info, ranking=ranking, digits=digits)
    return FORMS[form](table)


def _as_entry(results: Results, number: int) -> Entry:
    return entry_of(results, entry_id=f"row-{number}", hashes=Hashes(), environment={})


def make_table(
    entries: Sequence[Entry],
    protocol: str | Sequence[str] | None = None,
    metrics: Sequence[str] = (),
    source: str | Sequence[str] = "",
    *,
    show: str = "all",
    info: Sequence[str] = (),
    ranking: Ranking | None = None,
    digits: int = 3,
) -> Table:
    """See `render_table`."""
    if not entries:
        raise MedVidBenchError("There is no row to show.", "at least one result or entry")
    if len({e.synthetic for e in entries}) > 1:
        seen = "Results on simulated recordings and on real ones can't share a table: their numbers don't compare."
        raise MedVidBenchError(seen, remedy="make a table of each kind")
    protocols = _protocols(entries, protocol)
    columns = _columns(entries, protocols, [source] if isinstance(source, str) else list(source), metrics)
    ordered = _ordered(entries, ranking)
    cells = list(zip(*(_cells(ordered, column, digits) for column in columns), strict=True))
    return Table(
        columns=columns,
        rows=tuple(zip(ordered, cells, strict=True)),
        info=tuple(_one_of(i, get_args(Info), "text column") for i in info),
        show=_one_of(show, get_args(Show), "amount of detail"),
        digits=digits,
        places={p.entry_id: p.place for p in ranking.places} if ranking else {},
        notes=_notes(ordered, protocols, cells, show, ranking),
    )


def _one_of(text: str, known: tuple[str, ...], what: str) -> Any:
    if text not in known:
        raise MedVidBenchError(f"Unknown {what} {text!r}.", ", ".join(known))
    return text


def _protocols(entries: Sequence[Entry], wanted: str | Sequence[str] | None) -> list[ProtocolName]:
    if wanted is None:
        names = sorted({next(iter(e.protocols)) for e in entries})
        if len(names) > 1:
            seen = f"The files have different main protocols: {', '.join(names)}."
            raise MedVidBenchError(seen, remedy="pass --protocol strict or official")
        return list(names)
    chosen = [_one_of(p, get_args(ProtocolName), "protocol") for p in ([wanted] if isinstance(wanted, str) else wanted)]
    for entry in entries:
        missing = [p for p in chosen if p not in entry.protocols]
        if len(missing) == len(chosen):
            seen = f"The results of {entry.model} have no protocol {missing[0]!r}."
            raise MedVidBenchError(seen, ", ".join(entry.protocols), "score with --protocol both")
    return chosen


def _columns(
    entries: Sequence[Entry], protocols: Sequence[ProtocolName], sources: Sequence[str], metrics: Sequence[str]
) -> tuple[Column, ...]:
    tables = {p: [e.protocols[p] for e in entries if p in e.protocols] for p in protocols}
    for source in filter(None, sources):
        known = dict.fromkeys(s for of in tables.values() for numbers in of for s in numbers.sources)
        if source not in known:
            raise MedVidBenchError(f"No numbers for the source {source!r}.", ", ".join(known))
    there = {(p, s): _names(tables[p], s) for p, s in product(protocols, sources)}
    known = dict.fromkeys(name for names in there.values() for name in names)
    unknown = [name for name in metrics if name not in known]
    if unknown:
        raise MedVidBenchError(f"Unknown metric {', '.join(map(repr, unknown))}.", ", ".join(known))
    wanted = [(p, s, list(metrics) or list(names)) for (p, s), names in there.items()]
    return tuple(Column(p, s, name) for p, s, names in wanted for name in names if name in there[p, s])


def _names(tables: Sequence[ProtocolNumbers], source: str) -> dict[str, None]:
    return dict.fromkeys(name for t in tables for name in (t.sources.get(source, {}) if source else t.metrics))


def _ordered(entries: Sequence[Entry], ranking: Ranking | None) -> list[Entry]:
    """In the order of the ranking, blind baselines last."""
    at = {p.entry_id: i for i, p in enumerate(ranking.places)} if ranking else {}
    return sorted(entries, key=lambda e: (e.blind, at.get(e.entry_id, len(at))))


def _cells(entries: Sequence[Entry], column: Column, digits: int) -> list[Cell]:
    """The marks of a column. Blind baselines compete only among themselves, where there is nothing else."""
    numbers = [e.number(column.metric, column.protocol, column.source) for e in entries]
    contends = [not e.blind or all(other.blind for other in entries) for e in entries]
    shown = [None if n is None or n.value is None else round(n.value, digits) for n in numbers]
    order = sorted({v for v, c in zip(shown, contends, strict=True) if c and v is not None}, reverse=True)
    marks: dict[float, Mark] = dict(zip(order[:2], ("best", "second"), strict=False)) if len(order) > 1 else {}
    best = [n for n, v, c in zip(numbers, shown, contends, strict=True) if c and order and v == order[0]]
    cells = []
    for entry, number, value, contender in zip(entries, numbers, shown, contends, strict=True):
        mark = marks.get(value, "") if contender and value is not None else ""
        tied = contender and value not in order[:1] and any(_overlap(number, other) for other in best)
        flagged = not column.source and any(column.metric in flag.metrics for flag in entry.flags)
        cells.append(Cell(number, mark, tied, flagged))
    return cells


def _overlap(a: Number | None, b: Number | None) -> bool:
    if a is None or b is None or a.low is None or b.low is None or a.high is None or b.high is None:
        return False
    return a.low <= b.high and b.low <= a.high


def _notes(
    entries: Sequence[Entry],
    protocols: Sequence[str],
    cells: Sequence[tuple[Cell, ...]],
    show: str,
    ranking: Ranking | None,
) -> tuple[str, ...]:
    marks = [cell for row in cells for cell in row]
    brackets = "" if show == "values" else "in brackets the 95 % interval clustered by patient, trainee or video; "
    notes = [f"Protocol {' and '.join(protocols)}; {brackets}– means no number."]
    if any(cell.mark for cell in marks):
        notes.append("Best bold, second underlined.")
    if any(cell.tied for cell in marks):
        notes.append("= marks a number whose interval overlaps with that of the best.")
    if any(cell.flagged for cell in marks):
        notes.append(
            "! marks a number with a flag. " + " ".join(f"{e.model}: {f.what}." for e in entries for f in e.flags)
        )
    if ranking is not None:
        notes += [ranking.said, *ranking.notes]
    return tuple(notes)
