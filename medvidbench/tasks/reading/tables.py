"""Tables in Markdown or with commas: rows of cells, and the intervals that their columns hold."""

from __future__ import annotations

import re

from medvidbench.tasks.reading.common import mask
from medvidbench.tasks.reading.pairs import LABELLED, Pair, find_pairs
from medvidbench.tasks.reading.times import time_of

_RULE = re.compile(r"[\s:-]{0,200}")
_BRACKET = re.compile(r"[\[\](){}]")
_MAX_CELLS = 12


def table_rows(text: str) -> list[list[str]]:
    """The cells of every line with at least two bars or a bar at its start; rules (`|---|---|`) are left out."""
    if "|" not in text:
        return []
    rows = []
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.count("|") < 2 or len(stripped) > 5_000:
            continue
        cells = [cell.strip() for cell in stripped.strip("|").split("|")]
        if 2 <= len(cells) <= _MAX_CELLS and not all(_RULE.fullmatch(cell) for cell in cells):
            rows.append(cells)
    return rows


def interval_of_row(cells: list[str]) -> tuple[Pair, list[str]] | None:
    """A row's interval (one cell "12 - 30", or two neighbouring cells that are times) and its other cells.

    A number alone in the first of three or more leading time cells is the row's number.
    """
    for index, cell in enumerate(cells):
        pairs = find_pairs(mask(cell)) if len(cell) <= 60 else []
        if len(pairs) == 1 and pairs[0].finish - pairs[0].begin >= 0.5 * len(cell):
            return pairs[0]._replace(strength=LABELLED), _others(cells, index, index + 1)
    times = [time_of(cell) for cell in cells]
    first = 1 if len(cells) > 2 and all(times[:3]) else 0
    for index in range(first, len(cells) - 1):
        start, end = times[index], times[index + 1]
        if start is not None and end is not None and start.kind == end.kind:
            return Pair(0, 0, start, end, LABELLED), _others(cells, index, index + 2)
    return None


def csv_rows(text: str) -> list[list[str]]:
    """Lines `start,end,text`; the text keeps its commas."""
    rows = []
    for line in text.split("\n"):
        cells = [cell.strip(" \t\r\"'") for cell in line[:2_000].split(",", 2)]
        if len(cells) == 3 and not _BRACKET.search(line) and time_of(cells[0]) and time_of(cells[1]):
            rows.append(cells)
    return rows


def _others(cells: list[str], begin: int, finish: int) -> list[str]:
    kept = [*cells[:begin], *cells[finish:]]
    return [cell for cell in kept if cell and time_of(cell) is None]
