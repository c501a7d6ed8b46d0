"""Cholec80-CVS: what each fault of a copy becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cholec80cvs_files import HEADER, Cell, notes, only, rated, row, workbook, write

from medvidbench.errors import MedVidBenchError
from medvidbench.sources.cholec80cvs import Cholec80CVS, folds


def test_rows_that_end_early_or_at_once_are_left_out_with_their_sheet_row(tmp_path: Path) -> None:
    rows = [row(6, (1, 0), (0, 59), 1, 0, 1), row(6, (2, 0), (2, 0), 0, 0, 0), row(6, (3, 0), (3, 1), 0, 0, 0)]
    workbook(tmp_path / "cholec80-CVS.xlsx", rows)
    recording = only(tmp_path)
    assert rated(recording) == [(180.0, 182.0, "000")]
    assert notes(recording) == {
        ("row 2", "video06: ends before it begins: 60 s to 59 s, scores [1, 0, 1]"),
        ("row 3", "video06: begins and ends in one second: 120 s to 120 s, scores [0, 0, 0]"),
    }


def test_values_out_of_range_are_left_out_and_wrong_sums_are_reported(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        [6, 0, 0, 10, 0, 60, 1, 1, 1, 3],
        [6, 0, 1, 0, 1, 9, 1, 3, 1, 5],
        [6, 0, 1, 0, 10**9, 9, 1, 0, 1, 2],
        [6, 1, 2, 0, 2, 9, 1, 0, 0, 4],
        [81, 0, 2, 0, 2, 9, 1, 0, 0, 1],
        ["six", 0, 2, 0, 2, 9, 1, 0, 0, 1],
    ]
    workbook(tmp_path / "cholec80-CVS.xlsx", rows)
    recording = only(tmp_path)
    assert rated(recording) == [(120.0, 130.0, "100")]
    assert notes(recording) == {
        ("row 2", "video06: times 0:10:0:60 are no minutes and seconds"),
        ("row 3", "video06: scores 1, 3, 1 are not three numbers from 0 to 2"),
        ("row 4", "video06: times 1:0:1000000000:9 are no minutes and seconds"),
        ("row 5", "video06: Total 4, but the scores add up to 1"),
        ("row 5", "video06: critical_view 1, but the scores add up to 1"),
    }
    assert [(f.row, f.what) for f in Cholec80CVS().check(tmp_path)] == [
        ("row 6", "'81' is no video from 1 to 80"),
        ("row 7", "'six' is no video from 1 to 80"),
    ]


def test_a_row_that_passes_the_recordings_end_is_cut_there(tmp_path: Path) -> None:
    write(tmp_path / "video03-phase.txt", "".join(f"{i}\tPreparation\n" for i in range(100)))
    workbook(tmp_path / "cholec80-CVS.xlsx", [row(3, (0, 2), (0, 9), 1, 0, 0)])
    assert rated(only(tmp_path)) == [(2.0, 4.0, "100")]


def test_a_workbook_goes_before_a_csv_export_that_lies_higher(tmp_path: Path) -> None:
    workbook(tmp_path / "data/cholec80-CVS.xlsx", [row(2, (0, 10), (0, 19), 2, 2, 1)])
    write(tmp_path / "cholec80-CVS.csv", ",".join(HEADER))
    assert len(only(tmp_path).rated) == 1


def test_a_missing_frame_ends_a_phase_and_bad_lines_are_findings(tmp_path: Path) -> None:
    text = "Frame\tPhase\n0\tPreparation\n1\tPreparation\n5\tpreparation\n4\tPreparation\n6\tLunch\nx\n\n7 Preparation"
    write(tmp_path / "video03-phase.txt", text)
    write(tmp_path / "videos_frames_index.csv", "video_name,final_frame\nvideo03,99\n")
    recording = only(tmp_path)
    assert [(s.start, s.end) for s in recording.segments] == [(0.0, 0.08), (0.2, 0.24), (0.28, 0.32)]
    assert ("line 5, line 6, line 7", "no next frame and phase (3 times)") in notes(recording)


def test_an_index_that_differs_from_the_phases_is_reported(tmp_path: Path) -> None:
    lines = "".join(f"{i}\t{'ClippingCutting' if i >= 100 else 'Preparation'}\n" for i in range(200))
    write(tmp_path / "video03-phase.txt", lines)
    write(tmp_path / "videos_frames_index.csv", "video_name,final_frame\nvideo03,149\n")
    assert ("", "the clipping begins at 4 s, by the index at 6 s") in notes(only(tmp_path))


def test_bad_rows_of_the_index_and_the_folds_are_findings(tmp_path: Path) -> None:
    write(tmp_path / "videos_frames_index.csv", "video_name,final_frame\nvideo03,9\nvideo03,8\nvideo99,7\nvideo04,x\n")
    write(tmp_path / "folds.json", '{"folds": [["video03", "video04"], ["video03", "clip"]]}')
    assert [(f.row, f.what) for f in Cholec80CVS().check(tmp_path)] == [
        ("line 3", "a second row of video03"),
        ("line 4", "'video99': no video and frame"),
        ("line 5", "'video04': no video and frame"),
        ("folds", "no videos: clip"),
        ("folds", "videos in two folds: video03"),
    ]
    assert only(tmp_path).duration == 0.4


@pytest.mark.parametrize("text", ["[", "[1]", "null", '{"folds": 3}'])
def test_broken_folds_are_a_finding(tmp_path: Path, text: str) -> None:
    write(tmp_path / "folds.json", text)
    assert len(Cholec80CVS().check(tmp_path)) == 1
    assert folds(tmp_path) == []


def test_a_broken_workbook_or_one_with_other_columns_is_a_finding(tmp_path: Path) -> None:
    workbook(tmp_path / "a/cholec80-CVS.xlsx", [], header=HEADER[:-1])
    write(tmp_path / "b/cholec80-CVS.xlsx", "no zip")
    write(tmp_path / "c/surgeons_annotations.csv", "video,critical_view\n")
    for folder in "abc":
        (finding,) = Cholec80CVS().check(tmp_path / folder)
        assert finding.done in ("left out", "the file is left out")
        assert list(Cholec80CVS().recordings(tmp_path / folder)) == []


def test_of_two_workbooks_the_shallower_is_read_and_lock_files_are_none(tmp_path: Path) -> None:
    workbook(tmp_path / "cholec80-CVS.xlsx", [row(2, (0, 10), (0, 19), 2, 2, 1)])
    workbook(tmp_path / "data/surgeons_annotations.xlsx", [row(3, (0, 10), (0, 19), 2, 2, 1)])
    write(tmp_path / "~$cholec80-CVS.xlsx", "lock")
    (finding,) = Cholec80CVS().check(tmp_path)
    assert finding.what == "more than one file of its kind (workbook): also data/surgeons_annotations.xlsx"
    assert only(tmp_path).recording_id == "video02"


def test_missing_names_the_workbook_first(tmp_path: Path) -> None:
    write(tmp_path / "videos/video01.mp4", "")
    assert Cholec80CVS().missing(tmp_path) == (
        "the workbook cholec80-CVS.xlsx (the surgeons' scores: without it no question comes out)",
        "videos_frames_index.csv (where the clipping begins)",
        "folds.json (cross-validation)",
        "79 of 80 videos",
        "80 of 80 phase files",
        "80 of 80 tool files",
    )


def test_another_folder_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(MedVidBenchError, match="it holds: photos"):
        Cholec80CVS().check(tmp_path)
