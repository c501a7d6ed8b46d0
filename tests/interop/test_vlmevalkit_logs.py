"""VLMEvalKit's prediction files in each of its formats."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.interop import read_predictions_from

IDS = [f"{'0123456789abcdef0123456'}{i}" for i in range(4)]
TEXTS = ["1.0-2.0 seconds.", "line one\nline two\twith a tab", "", "Failed to obtain answer via API."]
COLUMNS = ["index", "question", "prediction"]
ROWS = [dict(zip(COLUMNS, (i, "When, please?", t), strict=True)) for i, t in zip(IDS, TEXTS, strict=True)]


def as_table(path: Path, delimiter: str) -> Path:
    """pandas' to_csv with every cell quoted, as VLMEvalKit calls it."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def as_workbook(path: Path, rows: list[list[str]]) -> Path:
    """The parts of a workbook as xlsxwriter makes them: texts in shared strings, empty cells left out."""
    shared = [text for row in rows for text in row if text]
    cells, count = [], 0
    for number, row in enumerate(rows, start=1):
        for letter, text in zip("ABC", row, strict=True):
            if text:
                cells.append((number, f'<c r="{letter}{number}" t="s"><v>{count}</v></c>'))
                count += 1
    lines = "".join(f'<row r="{n}">{"".join(c for m, c in cells if m == n)}</row>' for n in range(1, len(rows) + 1))
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    strings = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in shared)
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook {main} xmlns:r="{office}"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets>'
            "</workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{relations}"><Relationship Id="rId1" Target="worksheets/sheet1.xml"/>'
            "</Relationships>",
        )
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet {main}><sheetData>{lines}</sheetData></worksheet>")
        archive.writestr("xl/sharedStrings.xml", f"<sst {main}>{strings}</sst>")
    return path


@pytest.fixture(params=["tsv", "csv", "json", "jsonl", "xlsx"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"model_MedVidBench.{request.param}"
    if path.suffix in (".tsv", ".csv"):
        return as_table(path, "\t" if path.suffix == ".tsv" else ",")
    if path.suffix == ".xlsx":
        return as_workbook(path, [COLUMNS, *(list(row.values()) for row in ROWS)])
    # VLMEvalKit's own encoder writes pandas' mark of an empty cell as NaN
    rows = [{**row, "prediction": row["prediction"] or float("nan")} for row in ROWS]
    text = json.dumps(rows, indent=4) if path.suffix == ".json" else "\n".join(map(json.dumps, rows))
    path.write_text(text, encoding="utf-8")
    return path


def test_every_format_gives_the_same_answers(file: Path) -> None:
    got = read_predictions_from("vlmevalkit", file).predictions
    assert [p.sample_id for p in got] == IDS
    assert [p.text for p in got] == [*TEXTS[:3], None]
    assert [p.error for p in got] == ["", "", "", "Failed to obtain answer via API."]


def test_the_error_of_a_skipped_row_is_its_reason(tmp_path: Path) -> None:
    # what VLMEvalKit writes with SKIP_ERR=1
    row = {"index": 7, "prediction": "Failed to obtain answer: <class 'RuntimeError'> CUDA out of memory"}
    (tmp_path / "m.json").write_text(json.dumps([row]), encoding="utf-8")
    (got,) = read_predictions_from("vlmevalkit", tmp_path / "m.json").predictions
    assert "CUDA out of memory" in got.error


def test_running_numbers_name_no_row_and_the_order_of_the_file_is_kept(tmp_path: Path) -> None:
    rows = [{"index": i, "question": "q", "prediction": str(i)} for i in (2, 0, 1)]
    (tmp_path / "m.json").write_text(json.dumps(rows), encoding="utf-8")
    got = read_predictions_from("vlmevalkit", tmp_path / "m.json").predictions
    assert [(p.sample_id, p.clip_id, p.text) for p in got] == [("", "", "2"), ("", "", "0"), ("", "", "1")]


def test_characters_that_xml_cannot_hold_come_back(tmp_path: Path) -> None:
    # a carriage return; and a text that looks like one, which the writer escapes in turn
    path = as_workbook(tmp_path / "m.xlsx", [COLUMNS, [IDS[0], "q", "a_x000D_\nb_x005F_x000D_"]])
    (got,) = read_predictions_from("vlmevalkit", path).predictions
    assert got.text == "a\r\nb_x000D_"


def test_a_table_by_columns_is_read_too(tmp_path: Path) -> None:
    columns = {"index": {"0": IDS[0], "1": IDS[1]}, "prediction": {"0": "a", "1": "b"}}
    (tmp_path / "m.json").write_text(json.dumps(columns), encoding="utf-8")
    got = read_predictions_from("vlmevalkit", tmp_path / "m.json").predictions
    assert [(p.sample_id, p.text) for p in got] == [(IDS[0], "a"), (IDS[1], "b")]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("m.pkl", b"\x80\x04}.", "a pickle can run code"),
        ("m.xlsx", b"PK\x03\x04 and no more", "not readable as a workbook"),
        ("m.tsv", b'"index"\t"prediction"\n"1"\t"cut off', "unexpected end of data"),
        ("m.tsv", b"index\tprediction\n1\n", "row 2, has more or fewer cells"),
        ("m.tsv", b"index\tanswer\n1\tx\n", "columns 'index', 'answer', but no 'prediction'"),
        ("m.json", b'{"index": 1}', "is no list of rows"),
        ("m.json", b"[1]", "row 0, is 1, not an object"),
        ("m.tsv", b"index\tprediction\n1\t\xff\n", "not UTF-8"),
        ("m.tsv", b"index\tprediction\n", "holds no answers"),
    ],
)
def test_what_is_no_such_file_is_refused(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MedVidBenchError, match=told):
        read_predictions_from("vlmevalkit", tmp_path / name)


def test_a_missing_workbook_is_told(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match=r"No file .*none\.xlsx"):
        read_predictions_from("vlmevalkit", tmp_path / "none.xlsx")
