"""Workbooks of both kinds of writer, and those that are none."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from medvidbench.sources import workbook
from medvidbench.sources.files import Files, Row
from medvidbench.sources.workbook import headed, read_workbook

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
BOOK = f'<workbook {MAIN} {OFFICE}><sheets><sheet name="Sheet1" sheetId="1" r:id="rId7"/></sheets></workbook>'
LINKS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId7" Target="worksheets/first.xml"/></Relationships>'
)


def sheet(rows: str) -> str:
    return f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"


def write(path: Path, rows: str, shared: str | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", LINKS)
        archive.writestr("xl/worksheets/first.xml", rows)
        if shared is not None:
            archive.writestr("xl/sharedStrings.xml", f"<sst {MAIN}>{shared}</sst>")
    return path


def test_a_workbook_without_shared_strings_is_read(tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>video</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>Total</t></is></c></row>'
        '<row r="2"><c r="A2" t="n"><v>2</v></c><c r="B2" t="n"><v>0</v></c></row>'
    )
    files = Files(tmp_path)
    path = write(tmp_path / "a.xlsx", sheet(rows))
    read = read_workbook(files, path)
    assert read == [Row("row 1", {"A": "video", "B": "Total"}), Row("row 2", {"A": "2", "B": "0"})]
    assert headed(files, path, read, ["video", "total"]) == [Row("row 2", {"video": "2", "total": "0"})]
    assert headed(files, path, read, ["video", "minute"]) is None
    assert [f.what for f in files.findings] == ["no column minute"]


def test_shared_strings_are_joined_from_their_runs_and_reading_aids_left_out(tmp_path: Path) -> None:
    rows = '<row r="3"><c r="A3" t="s"><v>1</v></c><c r="C3" t="s"><v>0</v></c><c r="D3" s="4"/></row>'
    shared = "<si><t>plain</t></si><si><r><t>two </t></r><r><t>runs</t></r><rPh><t>aid</t></rPh></si>"
    assert read_workbook(Files(tmp_path), write(tmp_path / "a.xlsx", sheet(rows), shared)) == [
        Row("row 3", {"A": "two runs", "C": "plain"})
    ]


def test_cells_without_a_place_count_from_the_left(tmp_path: Path) -> None:
    cells = "".join(f"<c><v>{number}</v></c>" for number in range(28))
    read = read_workbook(Files(tmp_path), write(tmp_path / "a.xlsx", sheet(f"<row>{cells}</row>")))
    assert read is not None
    # 26 letters, then AA and AB
    assert [read[0].cells[column] for column in ("A", "Z", "AA", "AB")] == ["0", "25", "26", "27"]


def test_an_entity_bomb_is_refused_in_any_encoding(tmp_path: Path) -> None:
    bomb = f'<!DOCTYPE x [<!ENTITY a "{"b" * 50}"><!ENTITY c "&a;&a;">]>' + sheet("<row><c><v>&c;</v></c></row>")
    for encoding in ("utf-8", "utf-16"):
        files = Files(tmp_path)
        path = tmp_path / f"{encoding}.xlsx"
        write(path, "")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("xl/workbook.xml", BOOK)
            archive.writestr("xl/_rels/workbook.xml.rels", LINKS)
            archive.writestr(
                "xl/worksheets/first.xml", f'<?xml version="1.0" encoding="{encoding}"?>{bomb}'.encode(encoding)
            )
        assert read_workbook(files, path) is None
        assert "document type" in files.findings[0].what


def test_a_part_that_unpacks_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_PART", 1000)
    files = Files(tmp_path)
    assert read_workbook(files, write(tmp_path / "a.xlsx", sheet(" " * 2000))) is None
    assert "unpacks to" in files.findings[0].what


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"video,total\n1,2\n", "not a zip file"),
        (b"", "not a zip file"),
    ],
)
def test_a_file_that_is_no_workbook_is_a_finding(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    files = Files(tmp_path)
    assert read_workbook(files, path) is None
    assert reason in files.findings[0].what


def test_broken_or_absent_parts_are_findings(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert read_workbook(files, write(tmp_path / "a.xlsx", "<worksheet><row>")) is None
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("other.txt", "")
    assert read_workbook(files, tmp_path / "b.xlsx") is None
    assert read_workbook(files, tmp_path / "absent.xlsx") is None
    assert [("broken XML" in f.what, "no part" in f.what, "No such file" in f.what) for f in files.findings] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
