"""AVOS's adapter on small hand-made copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box, Recording, Segment, TimedBox, Track
from medvidbench.sources.avos import Avos
from medvidbench.sources.avos_boxes import FPS

A, B = "-3gFrKiC99I", "Ab_-cdefg-h"
SMOOTHED = ",video_id,labeler_2,labeler_1,duration,labeler_3,label,start_seconds,end_seconds"
OFFICIAL = "Unnamed: 0,video_id,start_seconds,end_seconds,start_frame,end_frame,label"
VIDEOS = ",video_id,video_url,youtube_url,duration_seconds,annotations"


def put(root: Path, name: str, *lines: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8", newline="")


def smoothed(root: Path, *rows: tuple[str, float, float, str]) -> None:
    listed = [f"{n},{v},,,{e - s},,{label},{s},{e}" for n, (v, s, e, label) in enumerate(rows)]
    put(root, "annotations/v0.5.0-anns-smoothed.csv", SMOOTHED, *listed)


def read(root: Path) -> dict[str, Recording]:
    return {recording.recording_id: recording for recording in Avos().recordings(root)}


def said(recording: Recording) -> list[tuple[str, str, str]]:
    return [(finding.row, finding.what, finding.done) for finding in recording.findings]


def test_a_video_becomes_a_recording_with_times_in_seconds(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0.0, 30.0, "background"), (A, 30.0, 61.0, "cutting"))
    put(tmp_path, "annotations/videos.csv", VIDEOS, f"0,{A},,,70.0,13")
    put(tmp_path, "annotations/train.csv", "video_id", A)
    assert list(Avos().recordings(tmp_path)) == [
        Recording(
            source="AVOS",
            recording_id=A,
            group=A,
            duration=70.0,
            native_fps=15.0,
            width=0,
            height=0,
            segments=(Segment(0.0, 30.0, "background", "action"), Segment(30.0, 61.0, "cutting", "action")),
            labels=(("action", ("cutting", "tying", "suturing", "background", "abstain", "none")),),
            official_split="train",
        )
    ]


def test_background_abstain_and_none_are_never_asked_for(tmp_path: Path) -> None:
    from medvidbench.tasks.timeline import label_list

    smoothed(tmp_path, (A, 0, 30, "background"), (A, 30, 60, "abstain"), (A, 60, 90, "none"), (A, 90, 99, "tying"))
    assert label_list(read(tmp_path)[A], "action") == ("cutting", "suturing", "tying")


def test_neighbours_with_one_label_are_joined_and_counted(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0, 5, "tying"), (A, 5, 10, "tying"), (A, 12, 20, "tying"), (A, 20, 25, "cutting"))
    recording = read(tmp_path)[A]
    assert [(s.start, s.end) for s in recording.segments] == [(0.0, 10.0), (12.0, 20.0), (20.0, 25.0)]
    assert said(recording) == [(A, "1 neighbours with one label", "joined")]


def test_overlaps_are_told_and_joined_where_the_label_is_one(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0, 6, "tying"), (A, 5, 10, "tying"), (A, 9, 20, "cutting"))
    recording = read(tmp_path)[A]
    assert [(s.start, s.end) for s in recording.segments] == [(0.0, 10.0), (9.0, 20.0)]
    assert said(recording)[:2] == [
        ("line 3", "begins at 5 s, 1 s before the one above it ends", "joined"),
        ("line 4", "begins at 9 s, 1 s before the one above it ends", "kept"),
    ]


def test_a_stretch_before_zero_is_cut_and_one_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, -2, 3, "tying"), (A, -5, -3, "tying"), (A, 9, 9, "tying"), (A, 4, 5, "sewing"))
    put(tmp_path, "annotations/train.csv", "video_id", A)
    recording = read(tmp_path)[A]
    assert [(s.start, s.end) for s in recording.segments] == [(0.0, 3.0)]
    assert [(row, done) for row, _, done in said(recording)] == [("line 3", "cut at 0"), ("line 2", "cut at 0")]
    assert [(f.row, f.what) for f in Avos().check(tmp_path)][:2] == [
        ("line 4", f"no stretch: video '{A}', '9' to '9' s"),
        ("line 5", "the label 'sewing' is none of cutting, tying, suturing, background, abstain, none"),
    ]


def test_the_official_release_is_read_by_its_columns(tmp_path: Path) -> None:
    put(tmp_path, "open_surgery_temporal_annotations_Jan16.csv", OFFICIAL, f"0,{A},10,20,150,300,suturing")
    put(tmp_path, "open_surgery_bboxes_Jan16.csv", "image_name,x1,y1,x2,y2,class", f"{A}-000000150.jpg,1,2,30,40,hand")
    recording = read(tmp_path)[A]
    assert recording.segments == (Segment(10.0, 20.0, "suturing", "action"),)
    # frame 150 at 15 frames per second is at 10 s
    assert recording.tracks == (Track("000000150#1", "hand", (TimedBox(10.0, Box(1.0, 2.0, 30.0, 40.0)),)),)


@pytest.mark.parametrize(
    ("header", "rows", "labels"),
    [
        (
            ",Unnamed: 0,Unnamed: 0.1,video_id,labeler_2,labeler_1,start_seconds,end_seconds,duration,start_frame,"
            "end_frame,labeler_3",
            [f"0,0,0,{A},tying,cutting,0,5,5,0,75,tying", f"1,1,1,{A},tying,cutting,5,10,5,75,150,"],
            ["tying", "abstain"],  # two of three, then one against one
        ),
        (
            ",Unnamed: 0,video_id,labeler_2,labeler_1,start_seconds,end_seconds,duration,start_frame,end_frame",
            [f"0,0,{A},,cutting,0,5,5,0,75", f"0,0,{A},background,background,5,10,5,75,150"],
            ["cutting", "background"],
        ),
    ],
)
def test_older_windows_take_the_label_of_most_labellers(
    tmp_path: Path, header: str, rows: list[str], labels: list[str]
) -> None:
    put(tmp_path, "anns-5sec.csv", header, *rows)
    assert [s.label for s in read(tmp_path)[A].segments] == labels


def test_of_several_versions_the_newest_counts_and_the_others_are_told(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0, 5, "tying"))
    older = ",video_id,labeler_2,labeler_1,start_seconds,end_seconds"
    put(tmp_path, "annotations/a-first-by-name.csv", older, f"0,{A},cutting,cutting,0,5")
    assert read(tmp_path)[A].segments[0].label == "tying"
    put(tmp_path, "annotations/z-last-by-name.csv", OFFICIAL, f"0,{A},0,5,0,75,suturing")
    assert read(tmp_path)[A].segments[0].label == "suturing"
    assert [f.file for f in Avos().check(tmp_path) if "older" in f.what] == [
        "annotations/v0.5.0-anns-smoothed.csv",
        "annotations/a-first-by-name.csv",
    ]


def test_an_id_cut_short_is_matched_when_it_begins_one_known_id(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0, 5, "tying"), ("Ab_-cdefgxx", 0, 5, "tying"), (B, 0, 5, "tying"))
    put(tmp_path, "test.csv", "video_id", "-3gFr", "Ab_-c", "unknownname")
    assert {name: r.official_split for name, r in read(tmp_path).items()} == {A: "test", "Ab_-cdefgxx": "", B: ""}
    assert [(f.row, f.what) for f in Avos().check(tmp_path) if f.file == "test.csv"] == [
        ("line 2", "the id -3gFr is cut short"),
        ("", "2 videos without annotations: Ab_-c, unknownname"),  # the first begins two known ids
    ]


def test_a_video_in_both_lists_is_a_finding(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0, 5, "tying"))
    for name in ("train.csv", "test.csv"):
        put(tmp_path, name, "video_id", A)
    assert read(tmp_path)[A].official_split == "train"
    assert [f.what for f in Avos().check(tmp_path)][0:1] == [f"video {A} is in the split train too"]


def test_a_stated_duration_before_the_last_annotation_is_a_finding(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0, 432, "tying"))
    put(tmp_path, "annotations/videos.csv", VIDEOS, f"0,{A},,,0.0,13")
    recording = read(tmp_path)[A]
    assert recording.duration == 432.0
    assert said(recording) == [
        (A, "0 s, but the annotations end at 432 s", "the end of the annotations is used"),
    ]


def yolo(root: Path, name: str, *rows: str) -> None:
    put(root, f"data/new_annotations/test/{name}.txt", *rows)


def test_yolo_boxes_become_pixels_of_the_image_and_old_copies_are_not_read(tmp_path: Path) -> None:
    yolo(tmp_path, f"{B}-000000300", "3 0.5 0.5 0.2 0.4", "0 0.05 0.05 0.2 0.1")
    put(tmp_path, f"data/new_annotations/test/backup/{B}-000000300.txt", "1 0.5 0.5 0.2 0.4")
    put(tmp_path, "data/new_annotations/test/classes.txt", "dog", "cat")
    (tmp_path / "images").mkdir()
    Image.new("RGB", (200, 100)).save(tmp_path / "images" / f"{B}-000000300.jpg")
    recording = read(tmp_path)[B]
    assert (recording.width, recording.height) == (200, 100)
    # centre (100, 50), 40 wide and 40 high; then centre (10, 5), 40 by 10, cut at the left border
    expected = [("hand", 80.0, 30.0, 120.0, 70.0), ("bovie", 0.0, 0.0, 30.0, 10.0)]
    for track, (label, *corners) in zip(recording.tracks, expected, strict=True):
        (timed,) = track.boxes
        assert (track.label, timed.time) == (label, 300 / FPS)
        assert [timed.box.x1, timed.box.y1, timed.box.x2, timed.box.y2] == pytest.approx(corners)


def test_yolo_boxes_without_a_frame_size_are_left_out_with_a_finding(tmp_path: Path) -> None:
    yolo(tmp_path, f"{A}-000000300", "3 0.5 0.5 0.2 0.4")
    recording = read(tmp_path)[A]
    assert recording.tracks == ()
    assert [(what, done) for _, what, done in said(recording)] == [
        ("1 boxes without an image or a video, whose size scales them", "left out")
    ]


def test_the_class_names_of_the_yolo_files_are_not_those_of_the_older_tables(tmp_path: Path) -> None:
    yolo(tmp_path, f"{A}-000000000", "1 0.5 0.5 0.2 0.4")
    put(tmp_path, "boxes/class_names.csv", "bovie,0", "scalpel,1", "forceps,2", "needledriver,3")
    put(tmp_path, "boxes/hand_tool_class_names.csv", "bovie,0", "forceps,1", "needledriver,2", "hand,3")
    (tmp_path / "images").mkdir()
    Image.new("RGB", (20, 10)).save(tmp_path / "images" / f"{A}-000000000.jpg")
    assert [track.label for track in read(tmp_path)[A].tracks] == ["forceps"]


@pytest.mark.parametrize(
    "row", ["3 0.5 0.5 0.2", "x 0.5 0.5 0.2 0.4", "3 0.5 0.5 0 0.4", "3 50 50 20 40", "9 .5 .5 .2 .4"]
)
def test_a_yolo_row_that_is_no_box_is_a_finding(tmp_path: Path, row: str) -> None:
    yolo(tmp_path, f"{A}-000000300", row)
    assert [f.row for f in read(tmp_path)[A].findings] == ["line 1"]


def test_pixel_boxes_have_no_header_and_empty_fields_mean_no_object(tmp_path: Path) -> None:
    put(
        tmp_path,
        "boxes/retinanet_test_data.csv",
        f"/home/x/{B}-000000737.jpg,568,416,1272,635,bovie",
        f"/home/x/{B}-000000752.jpg,,,,,",
        f"/home/x/{B}-000000767.jpg,9,9,1,1,bovie",
        f"/home/x/{B}-000000767.jpg,1,1,9,9,dog",
        "no image,1,1,9,9,bovie",
    )
    assert dict(Avos().counts(tmp_path)) == {"RetinaNet box frames": 3, "RetinaNet boxes": 1}
    recording = read(tmp_path)[B]
    assert [(t.label, t.boxes[0].box) for t in recording.tracks] == [("bovie", Box(568.0, 416.0, 1272.0, 635.0))]
    assert [f.row for f in Avos().check(tmp_path)][:3] == ["line 3", "line 4", "line 5"]


def test_yolo_boxes_win_over_the_older_table_frame_by_frame(tmp_path: Path) -> None:
    yolo(tmp_path, f"{A}-000000300", "3 0.5 0.5 0.2 0.4")
    rows = (f"x/{A}-000000300.jpg,1,2,3,4,forceps", f"x/{A}-000000600.jpg,5,6,7,8,forceps")
    put(tmp_path, "test_data.csv", *rows)
    (tmp_path / "images").mkdir()
    assert [t.track_id for t in read(tmp_path)[A].tracks] == ["000000300#1", "000000600#1"]
    Image.new("RGB", (20, 10)).save(tmp_path / "images" / f"{A}-000000300.jpg")
    assert [(t.track_id, t.label) for t in read(tmp_path)[A].tracks] == [
        ("000000300#1", "hand"),
        ("000000600#1", "forceps"),
    ]


def test_frames_count_at_15_per_second_from_0(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0, 5, "tying"), (B, 0, 5, "tying"))
    for number in (1, 16, 46):
        put(tmp_path, f"frames_15fps/{A}/{number}.jpg")
    put(tmp_path, f"videos/{B}.mkv")
    recordings = read(tmp_path)
    assert [f.time for f in recordings[A].frames] == pytest.approx([1 / 15, 16 / 15, 46 / 15])
    assert recordings[B].video == f"videos/{B}.mkv"
    assert Avos().missing(tmp_path) == ("videos.csv (the last segment ends a video)", *MISSING_SPLITS, "boxes")


MISSING_SPLITS = ("train.csv (official split)", "test.csv (official split)")


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    rows = f"\ufeff{SMOOTHED}\r\n0,{A},,,5,,tying,0,5".encode()
    (tmp_path / "a.csv").write_bytes(rows)
    assert read(tmp_path)[A].segments == (Segment(0.0, 5.0, "tying", "action"),)


def test_another_folder_is_an_error_that_says_what_it_holds(tmp_path: Path) -> None:
    put(tmp_path, "notes.csv", "a,b", "1,2")
    with pytest.raises(MedVidBenchError, match=r"not laid out as AVOS; it holds: notes.csv"):
        list(Avos().recordings(tmp_path))


def test_the_marker_of_drawn_data_is_seen(tmp_path: Path) -> None:
    smoothed(tmp_path, (A, 0, 5, "tying"))
    assert not Avos().is_synthetic(tmp_path)
    put(tmp_path, "annotations/SYNTHETIC.txt")
    assert Avos().is_synthetic(tmp_path)


cells = st.one_of(
    st.sampled_from(["", A, "tying", "background", "nan", "-1", "1e400"]), st.floats().map(str), st.text()
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.lists(cells, min_size=4, max_size=4), max_size=5), st.lists(st.lists(cells, max_size=6), max_size=5))
def test_no_cell_makes_the_adapter_fail(tmp_path: Path, segments: list[list[str]], boxes: list[list[str]]) -> None:
    def lines(rows: list[list[str]]) -> list[str]:
        return [",".join(cell.encode("utf-8", "replace").decode() for cell in row) for row in rows]

    put(tmp_path, "a.csv", "video_id,start_seconds,end_seconds,label", f"{A},0,5,tying", *lines(segments))
    put(tmp_path, "test_data.csv", *lines(boxes))
    put(tmp_path, f"{A}-000000000.txt", *(" ".join(row) for row in boxes))
    for recording in Avos().recordings(tmp_path):
        assert all(0 <= s.start < s.end <= recording.duration for s in recording.segments)
    Avos().check(tmp_path)
    Avos().counts(tmp_path)
