"""The shared readers: what a file's journey does to it becomes a value or a finding, never a crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.records import Finding
from medvidbench.sources.files import Files, number_of, shorten, whole_of


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def put(files: Files, name: str, content: bytes) -> Path:
    path = files.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_line_ends_byte_order_mark_and_final_newline_do_not_matter(
    files: Files, ends: bytes, mark: bytes, last: bytes
) -> None:
    lines = [b"video_id,start", b"-3gFrKiC99I, 4.5 ", b"b,6"]
    path = put(files, "a.csv", mark + ends.join(lines) + last.replace(b"\n", ends))
    rows = files.table(path, ("video_id", "start"))
    assert rows is not None
    assert [(row.where, row["video_id"], row["start"]) for row in rows] == [
        ("line 2", "-3gFrKiC99I", "4.5"),
        ("line 3", "b", "6"),
    ]
    assert files.findings == []


def test_index_columns_without_a_name_are_dropped_and_column_names_match_in_any_case(files: Files) -> None:
    path = put(files, "a.csv", b",Unnamed: 0,Unnamed: 0.1,Video_ID,label\n0,0,0,x,y\n")
    rows = files.table(path, ("video_id",))
    assert rows is not None
    assert rows[0].cells == {"video_id": "x", "label": "y"}
    assert rows[0].get("absent") == ""


def test_a_row_of_another_length_is_a_finding_and_the_others_are_read(files: Files) -> None:
    path = put(files, "a.csv", b"a,b\n1,2\n1\n\n1,2,3\n3,4\n")
    rows = files.table(path)
    assert rows is not None
    assert [row.cells for row in rows] == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert [(f.file, f.row, f.what) for f in files.findings] == [
        ("a.csv", "line 3", "1 cells, the header has 2"),
        ("a.csv", "line 5", "3 cells, the header has 2"),
    ]


def test_a_table_without_a_required_column_is_left_out_with_a_finding(files: Files) -> None:
    assert files.table(put(files, "a.csv", b"a,b\n1,2\n"), ("a", "c")) is None
    assert [f.what for f in files.findings] == ["no column c, but a, b"]


def test_a_header_is_read_alone(files: Files) -> None:
    assert files.header(put(files, "a.csv", b"\xef\xbb\xbf, video_id ,label\r\n\xff\xff")) == ["", "video_id", "label"]
    assert files.header(put(files, "b.csv", b"")) == []
    assert files.findings == []
    assert files.header(files.root / "absent.csv") == []
    assert [f.what for f in files.findings] == ["not readable: No such file or directory"]


def test_an_empty_table_is_a_finding(files: Files) -> None:
    assert files.table(put(files, "a.csv", b"")) is None
    assert [f.what for f in files.findings] == ["an empty file"]


def test_broken_json_is_a_finding_with_its_position(files: Files) -> None:
    assert files.json(put(files, "a.json", b'{"a": 1,\n "b": }')) is None
    # line 2 reads ` "b": }`: the value is missing at its 7th character
    assert files.findings == [Finding("a.json", "line 2, column 7", "broken JSON: Expecting value", "left out")]


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5_000])
def test_json_that_would_break_the_parser_is_a_finding(files: Files, text: str) -> None:
    assert files.json(put(files, "a.json", text.encode())) is None
    assert len(files.findings) == 1


def test_a_key_that_stands_twice_is_a_finding_and_the_last_value_counts(files: Files) -> None:
    assert files.json(put(files, "a.json", b'{"x": {"a": 1, "a": 2}}')) == {"x": {"a": 2}}
    assert [f.what for f in files.findings] == ["keys that stand twice: a"]


def test_a_file_that_is_no_text_or_not_there_is_a_finding(files: Files) -> None:
    assert files.text(put(files, "a.txt", b"ab\xff")) is None
    assert files.text(files.root / "absent.txt") is None
    assert [(f.row, f.what) for f in files.findings] == [
        ("byte 2", "not UTF-8 text"),
        ("", "not readable: No such file or directory"),
    ]


def test_a_folder_that_can_not_be_read_is_a_finding_and_the_walk_goes_on(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(files, "closed/a.txt", b"")
    put(files, "open/b.txt", b"")
    scan = os.scandir

    def closed(path: Path) -> object:  # root may read any folder, so the test can't close one for real
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert [files.name(path) for path, _ in files.walk(files.root)] == ["closed", "open", "open/b.txt"]
    assert files.findings == [Finding("closed", "", "folder not readable: Permission denied", "left out")]


def test_a_walk_gives_the_shallowest_first_and_enters_neither_hidden_nor_skipped_folders(files: Files) -> None:
    for name in ("b/deep/c.txt", "z.txt", ".git/config", "Backup/old.txt"):
        put(files, name, b"")
    walked = [files.name(path) for path, _ in files.walk(files.root, skip=("backup",))]
    assert walked == ["Backup", "b", "z.txt", "b/deep", "b/deep/c.txt"]
    assert [files.name(p) for p, _ in files.walk(files.root, skip=("backup",), depth=0)] == ["Backup", "b", "z.txt"]


def test_a_folder_that_links_to_itself_does_not_keep_the_walk_forever(files: Files) -> None:
    (files.root / "loop").symlink_to(files.root)
    assert len(list(files.walk(files.root))) < 10


def test_a_child_is_found_in_any_case_and_the_same_case_wins(files: Files) -> None:
    put(files, "Labels/a", b"")
    put(files, "labels/b", b"")
    assert files.child(files.root, "labels") == files.root / "labels"
    assert files.child(files.root, "LABELS", "other") == files.root / "Labels"
    assert files.child(files.root, "other") is None
    assert files.child(files.root / "absent", "a") is None
    assert files.findings == []


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_a_number_is_finite_or_none_whatever_comes(value: object) -> None:
    number = number_of(value)
    assert number is None or abs(number) < float("inf")
    assert whole_of(value) is None or whole_of(value) == number


def test_whole_numbers_are_read_as_workbooks_write_them() -> None:
    assert [whole_of(cell) for cell in ("2", "2.0", 2, "2.5", "", None, 10**400)] == [2, 2, 2, None, None, None, None]


def test_a_long_list_is_cut_and_counted() -> None:
    assert shorten(["a", "b", "c"], 2) == "a, b and 1 more"


@pytest.fixture(autouse=True)
def _no_finding_names_an_absolute_path(files: Files) -> Iterator[None]:
    yield
    assert all(not Path(finding.file).is_absolute() for finding in files.findings)
