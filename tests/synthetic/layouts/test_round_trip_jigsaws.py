"""JIGSAWS's layout: read back exactly, and laid out as the real one."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from round_trip import assert_equal, read_and_expected

from medvidbench.sources.jigsaws import skill_levels


@pytest.fixture(scope="module")
def written(tmp_path_factory, blank_pictures):
    root = tmp_path_factory.mktemp("raw") / "raw"
    return root, *read_and_expected("jigsaws", root, 4, seconds=20)


def test_the_adapter_reads_what_the_scenes_say(written):
    _, read, wanted = written
    assert_equal(read, wanted)
    assert all(r.segments and len(r.rated) == 1 and r.video and not r.findings for r in read)


def test_one_task_is_nested_and_no_trainee_is_one_of_the_release(written):
    root, read, _ = written
    assert (root / "Suturing" / "Suturing" / "video").is_dir() and (root / "Knot_Tying" / "video").is_dir()
    assert {r.group for r in read} == {"jigsaws/J", "jigsaws/K"}


def test_the_score_table_has_tabs_crlf_and_totals_and_no_last_line_end(written):
    root, read, _ = written
    text = (root / "Suturing" / "Suturing" / "meta_file_Suturing.txt").read_bytes().decode()
    first, blank, second = text.split("\r\n")
    assert blank == "" and "\n" not in first + second
    for row in (first, second):
        cells = row.split()
        assert len(cells) == 9 and int(cells[2]) == sum(map(int, cells[3:]))
        assert re.match(r"Suturing_[JK]001\t\t[NIE]\t\d+\t\t\d\t", row)
    assert set(skill_levels(root)) == {r.recording_id for r in read}


def test_transcriptions_are_contiguous_and_end_lines_with_a_blank(written):
    root, _, _ = written
    text = (root / "Knot_Tying" / "transcriptions" / "Knot_Tying_J001.txt").read_bytes().decode()
    lines = text.split("\r\n")
    assert lines[-1] == "" and all(line.endswith(" ") for line in lines[:-1])
    frames = [tuple(map(int, line.split()[:2])) for line in lines[:-1]]
    assert frames[0][0] > 1
    assert all(later[0] == before[1] + 1 for before, later in pairwise(frames))


def test_kinematics_have_76_numbers_in_each_row_and_30_rows_a_second(written):
    root, read, _ = written
    rows = (root / "Knot_Tying" / "kinematics" / "AllGestures" / "Knot_Tying_J001.txt").read_text().splitlines()
    assert {len([float(cell) for cell in row.split()]) for row in rows} == {76}
    assert len(rows) == 30 * next(r.duration for r in read if r.recording_id == "Knot_Tying_J001")
