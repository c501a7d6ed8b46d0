"""Cholec80-CVS's layout: read back exactly, and laid out as the real one."""

from __future__ import annotations

import zipfile

import pytest
from round_trip import assert_equal, read_and_expected

from medvidbench.sources.files import Files
from medvidbench.sources.workbook import read_workbook


@pytest.fixture(scope="module")
def written(tmp_path_factory, blank_pictures):
    root = tmp_path_factory.mktemp("raw") / "raw"
    return root, *read_and_expected("cholec80cvs", root, 5, seconds=60)


def test_the_adapter_reads_what_the_scenes_say(written):
    _, read, wanted = written
    assert_equal(read, wanted)
    assert all(r.segments and r.rated and r.video for r in read)


def test_the_only_finding_is_the_row_that_ends_before_it_begins(written):
    _, read, _ = written
    findings = [finding for r in read for finding in r.findings]
    assert [finding.done for finding in findings] == ["left out"]
    assert "80 s to 70 s" in findings[0].what  # 1:20 to 1:10


def test_the_workbook_has_text_in_its_cells_and_no_shared_strings(written):
    root, _, _ = written
    with zipfile.ZipFile(root / "cholec80-CVS.xlsx") as book:
        assert "xl/sharedStrings.xml" not in book.namelist()
        assert b't="inlineStr"' in book.read("xl/worksheets/sheet1.xml")


def test_rows_are_in_no_order_and_their_end_second_is_included(written):
    root, read, _ = written
    files = Files(root)
    rows = read_workbook(files, root / "cholec80-CVS.xlsx")
    table = [[int(row.cells[letter]) for letter in "ABCDEFGHIJ"] for row in rows[1:]]
    assert table != sorted(table)
    assert all(row[9] == sum(row[6:9]) and row[1] == (row[9] >= 5) for row in table)
    ends = {(row[0], 60 * row[4] + row[5] + 1.0) for row in table}
    assert {(int(r.recording_id[5:]), rated.end) for r in read for rated in r.rated} <= ends


def test_nothing_is_rated_once_the_clipping_has_begun(written):
    _, read, _ = written
    for r in read:
        clipping = next(s.start for s in r.segments if s.label == "ClippingCutting")
        assert max(rated.end for rated in r.rated) <= clipping


def test_phases_stand_in_a_row_for_each_of_25_frames_a_second(written):
    root, read, _ = written
    path = root / "cholec80" / "phase_annotations" / f"{read[0].recording_id}-phase.txt"
    lines = path.read_text().splitlines()
    assert lines[0] == "Frame\tPhase" and lines[1].startswith("0\t")
    assert len(lines) == 1 + 25 * read[0].duration
