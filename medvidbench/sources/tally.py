"""Findings that would come by the thousand, told once each with their count and first places."""

from __future__ import annotations

from medvidbench.records import Finding
from medvidbench.sources.files import shorten

PLACES_SHOWN = 3


class Tally:
    """Collects what is wrong with the rows of one file; equal words are one finding.

    >>> tally = Tally("a.csv")
    >>> for line in (2, 3, 5, 9):
    ...     tally.add(f"line {line}", "no number", "left out")
    >>> tally.findings()[0].row, tally.findings()[0].what
    ('line 2, line 3, line 5 and 1 more', 'no number (4 times)')
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._rows: dict[tuple[str, str], list[str]] = {}

    def add(self, row: str, what: str, done: str) -> None:
        """Notes one row; `what` and `done` say the same words for all rows of one finding."""
        self._rows.setdefault((what, done), []).append(row)

    def findings(self) -> list[Finding]:
        """One finding for each pair of words, in the order of their first row."""
        return [
            Finding(self.file, shorten(rows, PLACES_SHOWN), what + (f" ({len(rows)} times)" if rows[1:] else ""), done)
            for (what, done), rows in self._rows.items()
        ]
