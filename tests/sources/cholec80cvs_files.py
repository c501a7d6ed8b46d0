"""Workbooks and tables laid out as Cholec80-CVS, written by hand for each test."""

from __future__ import annotations

import zipfile
from pathlib import Path

from medvidbench.records import Recording
from medvidbench.sources.cholec80cvs import Cholec80CVS

TIMES = ["initial_minute", "initial_second", "final_minute", "final_second"]
CRITERIA = ["two_structures", "cystic_plate", "hepatocystic_triangle"]
HEADER = ["video", "critical_view", *TIMES, *CRITERIA, "Total"]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
Cell = int | str


def row(video: Cell, first: tuple[int, int], last: tuple[int, int], *scores: int) -> list[Cell]:
    """A good row from its video, its first and last (minute, second), and its scores."""
    return [video, int(sum(scores) >= 5), *first, *last, *scores, sum(scores)]


def workbook(path: Path, rows: list[list[Cell]], header: list[str] = HEADER, is_shared: bool = False) -> Path:
    """An .xlsx of one sheet, with text in the cells (as openpyxl writes it) or in shared strings (as Excel does)."""
    shared: list[str] = []

    def cell(value: Cell) -> str:
        if isinstance(value, int):
            return f'<c t="n"><v>{value}</v></c>'
        if is_shared:
            shared.append(value)
            return f'<c t="s"><v>{len(shared) - 1}</v></c>'
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    lines: list[list[Cell]] = [[*header], *rows]
    sheet = "".join(f'<row r="{i}">{"".join(map(cell, line))}</row>' for i, line in enumerate(lines, start=1))
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        'relationships"><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    if is_shared:
        items = "".join(f"<si><t>{text}</t></si>" for text in shared)
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{items}</sst>'
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def only(root: Path) -> Recording:
    (recording,) = Cholec80CVS().recordings(root)
    return recording


def rated(recording: Recording) -> list[tuple[float, float, str]]:
    return [(r.start, r.end, "".join(str(x.value) for x in r.ratings)) for r in recording.rated]


def notes(recording: Recording) -> set[tuple[str, str]]:
    """(row, what) of the findings but for the absent video."""
    return {(f.row, f.what) for f in recording.findings if "no video on disk" not in f.what}
