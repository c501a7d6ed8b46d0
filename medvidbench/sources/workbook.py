"""Rows of the first sheet of an .xlsx workbook, with the standard library alone.

Two writers' habits are read: text in `xl/sharedStrings.xml` (Excel), and text inside the cells (`t="inlineStr"`,
openpyxl), where a workbook has no shared strings at all. A document type declaration is refused before anything of it
is expanded (entity bombs), and so is a part that unpacks to more than `MAX_PART` bytes.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from medvidbench.sources.files import Files, Row

MAX_PART = 64 * 2**20
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


class _WorkbookError(Exception):
    """What is wrong with the file; never leaves this module."""


def read_workbook(files: Files, path: Path) -> list[Row] | None:
    """The rows of the first sheet, each with the text of its cells by column letter; empty cells are absent.

    Numbers come as their text in the file ("2", "0.5"); Excel may write whole numbers as "2.0", which
    `files.whole_of` reads.

    Returns:
        The rows in the order of the sheet, `where` naming them as Excel does ("row 2"); None with a finding when the
        file is no workbook.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            shared = _shared_strings(archive)
            sheet = _part(archive, _first_sheet(archive))
    except (OSError, zipfile.BadZipFile, _WorkbookError, NotImplementedError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        files.find(path, "", f"not readable as a workbook: {reason}", "left out")
        return None
    return [_row(row, number, shared) for number, row in enumerate(sheet.iter(f"{_MAIN}row"), start=1)]


def headed(files: Files, path: Path, rows: list[Row], required: list[str]) -> list[Row] | None:
    """The rows below the first one, with cells by the names in it ("" where a cell is empty).

    Returns:
        None with a finding when a required column is missing. Names are matched whatever their case.
    """
    known = {name.lower(): name for name in required}
    titles = {letter: text.strip() for letter, text in rows[0].cells.items()} if rows else {}
    columns = {known.get(title.lower(), title): letter for letter, title in titles.items()}
    missing = [name for name in required if name not in columns]
    if missing:
        files.find(path, "row 1", f"no column {', '.join(missing)}", "the file is left out")
        return None
    return [Row(row.where, {n: row.get(c).strip() for n, c in columns.items()}) for row in rows[1:] if row.cells]


def _part(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise _WorkbookError(f"it has no part {name}") from None
    if info.file_size > MAX_PART:
        raise _WorkbookError(f"its part {name} unpacks to {info.file_size} bytes")
    data = archive.read(info)
    try:
        _refuse_document_type(data, name)
        return ElementTree.fromstring(data)  # noqa: S314 (without a document type there are no entities to expand)
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise _WorkbookError(f"broken XML in {name}: {error}") from None


def _refuse_document_type(data: bytes, name: str) -> None:
    def refuse(*_: object) -> None:
        raise _WorkbookError(f"a document type declaration in {name}")

    # expat and not a search for "<!DOCTYPE", which another encoding would hide
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)


def _first_sheet(archive: zipfile.ZipFile) -> str:
    """The part with the sheet that stands first in the workbook; its file need not be sheet1.xml."""
    sheet = next(_part(archive, "xl/workbook.xml").iter(f"{_MAIN}sheet"), None)
    relations = _part(archive, "xl/_rels/workbook.xml.rels")
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    target = targets.get(sheet.get(_RELATION)) if sheet is not None else None
    if target is None:
        raise _WorkbookError("it has no sheet")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [_text(item) for item in _part(archive, "xl/sharedStrings.xml").iter(f"{_MAIN}si")]


def _text(item: ElementTree.Element) -> str:
    """The text of a string item: its own, or that of its formatted runs; reading aids (rPh) are left out."""
    own = item.findall(f"{_MAIN}t") + item.findall(f"{_MAIN}r/{_MAIN}t")
    return "".join(part.text or "" for part in own)


def _row(row: ElementTree.Element, number: int, shared: list[str]) -> Row:
    cells: dict[str, str] = {}
    for count, cell in enumerate(row.findall(f"{_MAIN}c")):
        place = _PLACE.fullmatch(cell.get("r", ""))
        text = _cell(cell, shared)
        if text:
            cells[place[1] if place else _letter(count)] = text
    return Row(f"row {row.get('r', number)}", cells)


def _cell(cell: ElementTree.Element, shared: list[str]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v") or ""
    if kind == "inlineStr":
        inline = cell.find(f"{_MAIN}is")
        return _text(inline) if inline is not None else ""
    if kind == "s":
        return shared[int(value)] if value.isdigit() and int(value) < len(shared) else ""
    return value


def _letter(index: int) -> str:
    """The name of a column counted from 0, for writers that leave the places out: A to Z, AA, AB, ..."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name
