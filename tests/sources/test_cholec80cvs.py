"""Cholec80-CVS as published: what a good copy becomes, in all its spellings."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cholec80cvs_files import HEADER, notes, only, rated, row, workbook, write

from medvidbench.records import RatedInterval, Ratings, Segment
from medvidbench.sources.cholec80cvs import SPLITS, Cholec80CVS, folds
from medvidbench.sources.cholec80cvs_rows import ViewRow, official_scores
from medvidbench.tasks.registry import TASKS


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
