"""Cholec80-CVS: the surgeons' rows, the derived files, Cholec80 beside them, and what each fault becomes."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.records import RatedInterval, Ratings, Recording, Segment
from medvidbench.sources.cholec80cvs import SPLITS, Cholec80CVS, folds
from medvidbench.sources.cholec80cvs_rows import ViewRow, official_scores
from medvidbench.tasks.registry import TASKS

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


@pytest.mark.parametrize(
    ("name", "is_shared"),
    [("cholec80-CVS.xlsx", False), ("data/surgeons_annotations.xlsx", False), ("a/b/Cholec80-cvs.XLSX", True)],
)
def test_a_row_of_the_workbook_rates_its_seconds_with_the_last_one(tmp_path: Path, name: str, is_shared: bool) -> None:
    # 61:46 is 3,706 s, 61:59 is 3,719 s and belongs to the interval
    workbook(tmp_path / name, [row(2, (61, 46), (61, 59), 2, 0, 1)], is_shared=is_shared)
    recording = only(tmp_path)
    (interval,) = recording.rated
    assert (interval.start, interval.end) == (3706.0, 3720.0)
    assert [(r.name, r.value) for r in interval.ratings] == [
        ("Two structures", 2),
        ("Cystic plate", 0),
        ("Hepatocystic triangle", 1),
    ]
    assert (recording.source, recording.recording_id, recording.group) == (
        "Cholec80_CVS",
        "video02",
        "cholec80/video02",
    )
    assert (recording.duration, recording.native_fps, recording.official_split) == (3720.0, 25.0, "val")
    assert [f.what for f in recording.findings] == ["no video on disk"]


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_csv_export_reads_as_the_workbook(tmp_path: Path, separator: str) -> None:
    rows = [row(2, (0, 10), (0, 19), 2, 2, 1), row(7, (1, 0), (1, 9), 1, 0, 0)]
    workbook(tmp_path / "a/cholec80-CVS.xlsx", rows)
    lines = [HEADER, *([str(cell) for cell in cells] for cells in rows)]
    text = "\ufeff" + "\r\n".join(separator.join(cells) for cells in lines)
    write(tmp_path / "b/cholec80-CVS - Sheet1.csv", text)
    from_book, from_csv = (list(Cholec80CVS().recordings(tmp_path / folder)) for folder in "ab")
    assert [r.rated for r in from_book] == [r.rated for r in from_csv]
    assert [len(r.rated) for r in from_book] == [1, 1]


def test_rows_out_of_time_order_come_in_time_order(tmp_path: Path) -> None:
    workbook(tmp_path / "cholec80-CVS.xlsx", [row(1, (5, 0), (5, 9), 1, 0, 0), row(1, (1, 0), (1, 9), 0, 0, 0)])
    assert rated(only(tmp_path)) == [(60.0, 70.0, "000"), (300.0, 310.0, "100")]


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


def test_seconds_on_which_rows_disagree_are_in_no_interval(tmp_path: Path) -> None:
    # rows 2 and 3 both cover 20 to 29 s: 10 s; rows 3 and 4 share only 40 s, their border; row 5 says the same as 4
    rows = [
        row(4, (0, 10), (0, 29), 1, 0, 0),
        row(4, (0, 20), (0, 40), 2, 0, 0),
        row(4, (0, 40), (0, 50), 0, 0, 0),
        row(4, (0, 45), (0, 55), 0, 0, 0),
    ]
    workbook(tmp_path / "cholec80-CVS.xlsx", rows)
    recording = only(tmp_path)
    assert rated(recording) == [(10.0, 20.0, "100"), (30.0, 40.0, "200"), (41.0, 51.0, "000"), (45.0, 56.0, "000")]
    assert notes(recording) == {("row 2, row 3", "video04: row 2 and row 3 state different scores on 10 s from 20 s")}


def test_a_row_inside_another_one_cuts_it_in_two(tmp_path: Path) -> None:
    workbook(tmp_path / "cholec80-CVS.xlsx", [row(4, (0, 10), (0, 29), 1, 0, 0), row(4, (0, 15), (0, 16), 2, 0, 0)])
    assert rated(only(tmp_path)) == [(10.0, 15.0, "100"), (17.0, 30.0, "100")]


def test_the_official_reading_lets_later_positive_rows_win_and_fills_with_zeros() -> None:
    rows = [ViewRow("", 1, 1, 3, (1, 0, 0)), ViewRow("", 1, 2, 2, (0, 2, 0)), ViewRow("", 1, 1, 1, (0, 0, 0))]
    assert official_scores(rows, 6) == [(0, 0, 0), (1, 0, 0), (0, 2, 0), (1, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert official_scores(rows, 3) == [(0, 0, 0), (1, 0, 0), (0, 2, 0)]


def test_what_passes_the_begin_of_clipping_is_cut_or_left_out(tmp_path: Path) -> None:
    # frame 499 is the last before the clipping, which begins at 500 / 25 = 20 s
    write(tmp_path / "results/videos_frames_index.csv", "video_name,final_frame\r\nvideo05,499\r\n")
    rows = [row(5, (0, 1), (0, 19), 1, 0, 0), row(5, (0, 1), (0, 24), 1, 0, 0), row(5, (0, 20), (0, 30), 1, 0, 0)]
    workbook(tmp_path / "cholec80-CVS.xlsx", rows)
    recording = only(tmp_path)
    assert rated(recording) == [(1.0, 20.0, "100"), (1.0, 20.0, "100")]
    assert notes(recording) == {
        ("row 3", "video05: ends at 25 s, the time before the clipping at 20 s"),
        ("row 4", "video05: ends at 31 s, the time before the clipping at 20 s"),
    }
    assert (recording.duration, recording.official_split) == (20.0, "test")


def test_cholec80_beside_gives_phases_tools_video_and_length(tmp_path: Path) -> None:
    phases = ["Preparation"] * 50 + ["CalotTriangleDissection"] * 100 + ["ClippingCutting"] * 25
    lines = "".join(f"{i}\t{name}\r\n" for i, name in enumerate(phases))
    write(tmp_path / "Cholec80/phase_annotations/video03-phase.txt", "Frame\tPhase\r\n" + lines)
    tools = "Frame\tGrasper\tBipolar\tHook\tScissors\tClipper\tIrrigator\tSpecimenBag\n"
    shown = {0: "1\t0\t0\t0\t0\t0\t0", 25: "1\t0\t1\t0\t0\t0\t0", 75: "1\t0\t0\t0\t0\t0\t0", 150: "0\t0\t1\t0\t0\t0\t0"}
    write(
        tmp_path / "Cholec80/tool_annotations/video03-tool.txt",
        tools + "".join(f"{f}\t{v}\n" for f, v in shown.items()),
    )
    write(tmp_path / "Cholec80/videos/Video03.MP4", "")
    workbook(tmp_path / "cholec80-CVS.xlsx", [row(3, (0, 2), (0, 9), 1, 0, 0)])
    recording = only(tmp_path)
    assert [s for s in recording.segments if s.kind == "phase"] == [
        Segment(0.0, 2.0, "Preparation", "phase"),
        Segment(2.0, 6.0, "CalotTriangleDissection", "phase"),
        Segment(6.0, 7.0, "ClippingCutting", "phase"),
    ]
    assert [s for s in recording.segments if s.kind == "tool"] == [
        Segment(0.0, 2.0, "Grasper", "tool"),
        Segment(1.0, 2.0, "Hook", "tool"),
        Segment(3.0, 4.0, "Grasper", "tool"),
        Segment(6.0, 7.0, "Hook", "tool"),
    ]
    assert (recording.duration, recording.video) == (7.0, "Cholec80/videos/Video03.MP4")
    assert rated(recording) == [(2.0, 6.0, "100")]  # without the index the phases say where the clipping begins


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


def test_the_published_split_has_15_videos_each_for_val_and_test() -> None:
    assert {name: len(set(numbers)) for name, numbers in SPLITS.items()} == {"val": 15, "test": 15}
    assert not set(SPLITS["val"]) & set(SPLITS["test"])


def test_critical_view_questions_come_out_on_the_rated_seconds(tmp_path: Path) -> None:
    workbook(tmp_path / "cholec80-CVS.xlsx", [row(2, (10, 0), (11, 39), 2, 2, 1), row(2, (12, 0), (12, 9), 0, 1, 0)])
    samples = list(TASKS["CVS"].ask(only(tmp_path), seed=1))
    short = [s for s in samples if (s.clip_start, s.clip_end) == (720 * 25, 730 * 25)]
    assert len(samples) >= 3 and len(short) == 1  # the long row, windows in it, the short row
    for sample in samples:
        assert isinstance(sample.truth, Ratings)
        values = [rating.value for rating in sample.truth.ratings]
        assert values == ([0, 1, 0] if sample.clip_start >= 720 * 25 else [2, 2, 1])
        assert 600 * 25 <= sample.clip_start < sample.clip_end <= 730 * 25


def test_the_real_index_and_folds_give_80_videos_without_scores(real_data: Path) -> None:
    source, root = Cholec80CVS(), real_data / "cholec80-cvs"
    assert source.check(root) == ()
    recordings = list(source.recordings(root))
    assert [r.recording_id for r in recordings] == [f"video{number:02d}" for number in range(1, 81)]
    assert not any(recording.rated for recording in recordings)
    # the index's second line is "video33,8274": 8,275 frames at 25 a second
    assert recordings[32].duration == 331.0
    assert [len(fold) for fold in folds(root)] == [5] * 16
    assert len({name for fold in folds(root) for name in fold}) == 80
    assert source.missing(root)[0].startswith("the workbook cholec80-CVS.xlsx")
    assert sorted(path.name for path in source.label_files(root)) == ["folds.json", "videos_frames_index.csv"]


def test_all_of_cholec80_is_read_in_under_ten_seconds(tmp_path: Path) -> None:
    # 80 phase files of 57,000 lines are published: here 4, scaled
    lines = "".join(f"{i}\t{'Preparation' if i < 9000 else 'CalotTriangleDissection'}\n" for i in range(57_000))
    for number in range(1, 5):
        write(tmp_path / f"phase_annotations/video{number:02d}-phase.txt", "Frame\tPhase\n" + lines)
    workbook(tmp_path / "cholec80-CVS.xlsx", [row(1 + i % 4, (i, 0), (i, 50), 1, 0, 0) for i in range(38)])
    before = time.process_time()
    found: list[RatedInterval] = [interval for r in Cholec80CVS().recordings(tmp_path) for interval in r.rated]
    assert len(found) == 38
    assert (time.process_time() - before) * 20 < 10
