"""A workbook of one sheet, written with the standard library, in the two ways that the raw datasets come in.

openpyxl without shared strings puts text inside its cells (`t="inlineStr"`, Cholec80-CVS); Excel puts it into
`xl/sharedStrings.xml` and leaves numbers in the cells (NurViD). Dates in the archive are fixed: equal rows give equal
bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Cell = str | int | float | None

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_workbook(path: Path, rows: Sequence[Sequence[Cell]], shared: bool = False) -> None:
    """Writes rows from A1 on; None leaves a cell out.

    Args:
        path: the .xlsx file.
        rows: cells by row.
        shared: text goes into a table of shared strings, as Excel writes it, instead of into the cells.
    """
    table: dict[str, int] = {}
    sheet = _sheet(rows, table if shared else None)
    parts = {
        "[Content_Types].xml": _content_types(shared),
        "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(
            [("worksheet", "worksheets/sheet1.xml"), *([("sharedStrings", "sharedStrings.xml")] if shared else [])]
        ),
        "xl/worksheets/sheet1.xml": sheet,
    }
    if shared:
        items = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in table)
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{_MAIN}" uniqueCount="{len(table)}">{items}</sst>'
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _HEAD + text)


def _sheet(rows: Sequence[Sequence[Cell]], table: dict[str, int] | None) -> str:
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = (_cell(f"{_letter(i)}{number}", value, table) for i, value in enumerate(row) if value is not None)
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def _cell(place: str, value: Cell, table: dict[str, int] | None) -> str:
    if not isinstance(value, str):
        return f'<c r="{place}" t="n"><v>{value}</v></c>'
    if table is None:
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}" t="s"><v>{table.setdefault(value, len(table))}</v></c>'


def _letter(index: int) -> str:
    """The name of one of the first 26 columns, counted from 0."""
    return chr(ord("A") + index)


def _content_types(shared: bool) -> str:
    parts = [("/xl/workbook.xml", "sheet.main"), ("/xl/worksheets/sheet1.xml", "worksheet")]
    parts += [("/xl/sharedStrings.xml", "sharedStrings")] if shared else []
    overrides = "".join(f'<Override PartName="{n}" ContentType="{_SHEET_TYPE}.{kind}+xml"/>' for n, kind in parts)
    rels = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    xml = '<Default Extension="xml" ContentType="application/xml"/>'
    return f'<Types xmlns="{_PACKAGE}/content-types">{rels}{xml}{overrides}</Types>'


def _relations(targets: list[tuple[str, str]]) -> str:
    items = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{items}</Relationships>'
