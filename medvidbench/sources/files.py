"""Readers that every raw source shares: tolerant of how files get hurt on their way, silent about nothing.

`Files` is one dataset's folder being read. It names paths relative to that folder and collects a `Finding` for all that
can't be used: unreadable folders and files, broken JSON (with its position), rows of the wrong length. No reader raises
for what is on disk. Workbooks are read in `medvidbench.sources.workbook`, videos and frames are found in
`medvidbench.sources.media`.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvidbench.records import Finding

MAX_DEPTH = 4
MAX_HEADER = 2**16
SHOWN = 5
_INDEX_COLUMN = re.compile(r"(unnamed: \d+(\.\d+)?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: where it stands, for findings ("line 7"), and its stripped cells by column name."""

    where: str
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def get(self, column: str) -> str:
        """The cell, or "" when the table lacks the column."""
        return self.cells.get(column, "")


@dataclass
class Files:
    """One dataset's folder, and what was found wrong in it so far."""

    root: Path
    findings: list[Finding] = field(default_factory=list)

    def name(self, path: Path) -> str:
        """The path relative to the root, with forward slashes; as it is when it lies elsewhere."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def find(self, path: Path, row: str, what: str, done: str) -> None:
        """Notes a finding on a file."""
        self.findings.append(Finding(self.name(path), row, what, done))

    # --- folders --------------------------------------------------------------------------------------

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """The entries of a folder by name, without those that begin with a dot; [] with a finding when unreadable."""
        try:
            with os.scandir(folder) as found:
                return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            self.find(folder, "", f"folder not readable: {_reason(error)}", "left out")
            return []

    def child(self, folder: Path, *names: str) -> Path | None:
        """The first of the named entries that a folder has; the same case wins over another case.

        None when there is no such entry, or no such folder at all.
        """
        found = {entry.name: Path(entry.path) for entry in self.entries(folder)} if _exists(folder) else {}
        lower = {name.lower(): path for name, path in reversed(found.items())}
        hits = (found.get(name) or lower.get(name.lower()) for name in names)
        return next((path for path in hits if path is not None), None)

    def walk(self, folder: Path, skip: Collection[str] = (), depth: int = MAX_DEPTH) -> Iterator[tuple[Path, bool]]:
        """(path, whether it is a folder) for all below a folder, the shallowest first, then by name.

        Args:
            folder: where to begin; it is not given itself.
            skip: names of folders, in lower case, that are given but not entered.
            depth: how many levels of folders are entered.
        """
        level = [folder]
        for _ in range(depth + 1):
            below: list[Path] = []
            for place in level:
                for entry in self.entries(place):
                    is_folder = _is_folder(entry)
                    yield Path(entry.path), is_folder
                    if is_folder and entry.name.lower() not in skip:
                        below.append(Path(entry.path))
            level = below

    # --- texts ----------------------------------------------------------------------------------------

    def text(self, path: Path) -> str | None:
        """A UTF-8 text, with or without a byte order mark; None with a finding when it can't be read."""
        try:
            return path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            self.find(path, "", f"not readable: {_reason(error)}", "left out")
        except UnicodeDecodeError as error:
            self.find(path, f"byte {error.start}", "not UTF-8 text", "left out")
        return None

    def lines(self, path: Path) -> list[tuple[str, str]]:
        """("line 1", stripped text) for each line that isn't blank, whatever the line ends; [] when not readable."""
        numbered = enumerate((self.text(path) or "").splitlines(), start=1)
        return [(f"line {number}", line.strip()) for number, line in numbered if line.strip()]

    def json(self, path: Path) -> Any:
        """The JSON value of a file; None with a finding that names the position when it is broken.

        A key that stands twice in one object is a finding too; its last value is used.
        """
        text = self.text(path)
        if text is None:
            return None
        repeated: dict[str, None] = {}

        def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            values = dict(pairs)
            if len(values) < len(pairs):
                counted = Counter(key for key, _ in pairs)
                repeated.update(dict.fromkeys(key for key, count in counted.items() if count > 1))
            return values

        try:
            value = json.loads(text, object_pairs_hook=unique)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            self.find(path, where, f"broken JSON: {error.msg}", "left out")
            return None
        except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
            self.find(path, "", f"JSON that can't be read: {error}", "left out")
            return None
        if repeated:
            self.find(path, "", f"keys that stand twice: {shorten(list(repeated))}", "the last value is used")
        return value

    # --- tables ---------------------------------------------------------------------------------------

    def table(self, path: Path, required: Sequence[str] = (), separator: str = ",") -> list[Row] | None:
        """The rows of a table whose first line names the columns; columns are found whatever their case.

        Index columns without a name ("", "Unnamed: 0") are dropped, of equal names the first column counts, blank
        lines are skipped, and a row of another length is a finding and left out.

        Returns:
            The rows; None with a finding when the file can't be read or lacks a required column.
        """
        rows = self.rows(path, separator)
        if not rows:
            if rows is not None:
                self.find(path, "", "an empty file", "left out")
            return None
        known = {name.lower(): name for name in required}
        header = [known.get(name.lower(), name) for name in rows[0][1]]
        missing = [name for name in required if name not in header]
        if missing:
            self.find(path, "line 1", f"no column {shorten(missing)}, but {shorten(header)}", "the file is left out")
            return None
        kept = {name: place for place, name in reversed(list(enumerate(header))) if not _INDEX_COLUMN.fullmatch(name)}
        found = []
        for where, cells in rows[1:]:
            if len(cells) == len(header):
                found.append(Row(where, {name: cells[place] for name, place in kept.items()}))
            else:
                self.find(path, where, f"{len(cells)} cells, the header has {len(header)}", "the row is left out")
        return found

    def header(self, path: Path) -> list[str]:
        """The cells of a table's first line, stripped, without reading the rest; [] when it can't be read."""
        try:
            with path.open("rb") as file:
                lines = file.read(MAX_HEADER).decode("utf-8-sig", "replace").splitlines()
            return [cell.strip() for cell in next(csv.reader(lines), [])]
        except (OSError, csv.Error) as error:
            reason = _reason(error) if isinstance(error, OSError) else str(error)
            self.find(path, "", f"not readable: {reason}", "left out")
            return []

    def rows(self, path: Path, separator: str = ",") -> list[tuple[str, list[str]]] | None:
        """("line 1", stripped cells) for each line of a table without a header that isn't blank.

        Returns:
            The rows; None with a finding when the file can't be read. A row in which the format breaks ends the table.
        """
        text = self.text(path)
        if text is None:
            return None
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        found: list[tuple[str, list[str]]] = []
        try:
            found.extend((f"line {reader.line_num}", [c.strip() for c in cells]) for cells in reader if any(cells))
        except csv.Error as error:
            self.find(path, f"line {reader.line_num}", f"no readable row: {error}", "left out, and all below it")
        return found


def number_of(text: object) -> float | None:
    """A finite number from a cell or a JSON value, else None; True and "nan" are none.

    >>> number_of(" 3.5"), number_of(7), number_of("nan"), number_of(True), number_of("")
    (3.5, 7.0, None, None, None)
    """
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        return None
    try:
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def whole_of(text: object) -> int | None:
    """A whole number from a cell or a JSON value ("3", "3.0" and 3), else None."""
    value = number_of(text)
    return int(value) if value is not None and value.is_integer() else None


def shorten(items: Sequence[object], shown: int = SHOWN) -> str:
    """A list in words, its tail counted instead of shown."""
    rest = len(items) - shown
    return ", ".join(map(str, items[:shown])) + (f" and {rest} more" if rest > 0 else "")


def _exists(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # a folder above it is closed: reading the folder says so
        return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _reason(error: OSError) -> str:
    # strerror has no path in it, so that a finding reads the same on every machine
    return error.strerror or type(error).__name__
