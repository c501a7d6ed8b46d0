"""EgoSurgery as published: what a good copy becomes, in all its spellings."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from egosurgery_files import (
    BY_SPLIT,
    HANDS,
    SCALPEL,
    SCISSORS,
    BoxRow,
    coco,
    images,
    only,
    phases,
    tracks,
    whats,
    write,
)

from medvidbench.records import Box, BoxTrack, Segment, TimedBox
from medvidbench.sources.egosurgery import PHASE_CLIPS, SPLITS, EgoSurgery, official_split_of
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS


def test_frames_count_from_one_at_two_seconds_and_a_gap_ends_a_phase(tmp_path: Path) -> None:
    # frames 37 to 39 of design, a gap, frames 50 and 51 of design, frame 52 of incision
    phases(tmp_path, "02_1", dict.fromkeys((37, 38, 39, 50, 51), "design") | {52: "incision"})
    recording = only(tmp_path)
    assert recording.segments == (
        Segment(72.0, 78.0, "design", "phase"),
        Segment(98.0, 102.0, "design", "phase"),
        Segment(102.0, 104.0, "incision", "phase"),
    )
    assert (recording.recording_id, recording.group, recording.duration) == ("02_1", "egosurgery/02", 104.0)
    assert (recording.native_fps, recording.official_split) == (0.5, "train")
    assert dict(recording.labels)["phase"][:2] == ("disinfection", "design")
    assert whats(recording) == ["labels without frames on disk"]


def test_the_number_comes_from_the_name_and_neither_row_order_nor_spelling_matters(tmp_path: Path) -> None:
    rows = "02-1-0003,Hemostasis\r\n\r\n02_1_0001.jpg,dissection\r\n02_1_0002,dissection"
    write(tmp_path / "annotations/phase/02-1.csv", "\ufeffframe,PHASE\r\n" + rows)
    recording = only(tmp_path)
    assert recording.recording_id == "02_1"
    assert [(s.start, s.end, s.label) for s in recording.segments] == [(0, 4, "dissection"), (4, 6, "hemostasis")]


def test_boxes_become_corners_and_a_track_is_one_class_once_a_frame(tmp_path: Path) -> None:
    box, other = [961, 595, 147, 484], [10, 20, 30, 40]
    rows: list[BoxRow] = [
        ("01_1_0001", SCISSORS, box),
        ("01_1_0002", SCISSORS, box),
        ("01_1_0002", SCALPEL, other),
        ("01_1_0003", SCISSORS, box),
        ("01_1_0003", SCISSORS, other),  # two of a class: which is which?
        ("01_1_0004", SCISSORS, box),
        ("01_1_0005", SCISSORS, box),
        ("01_1_0070", SCISSORS, box),  # a gap
    ]
    coco(tmp_path, rows)
    recording = only(tmp_path)
    assert tracks(recording) == [
        ("Scalpel#1", "Scalpel", [2.0]),
        ("Scissors#1", "Scissors", [0.0, 2.0]),
        ("Scissors#2", "Scissors", [6.0, 8.0]),
        ("Scissors#3", "Scissors", [138.0]),
    ]
    assert recording.tracks[1].boxes[0] == TimedBox(0.0, Box(961.0, 595.0, 1108.0, 1079.0))
    assert (recording.width, recording.height, recording.duration) == (1920, 1080, 140.0)
    assert "frames with several boxes of one class: 1 of Scissors" in whats(recording)


def test_ids_collide_across_splits_and_only_the_name_counts(tmp_path: Path) -> None:
    coco(tmp_path, [("01_1_0001", SCISSORS, [1, 2, 3, 4])])
    coco(tmp_path, [("04_1_0511", SCALPEL, [1, 2, 3, 4])], BY_SPLIT.replace("train", "test"), split="test")
    coco(tmp_path, [("09_1_0007", SCALPEL, [5, 2, 3, 4])], BY_SPLIT.replace("train", "val"), first_id=7427)
    recordings = list(EgoSurgery().recordings(tmp_path))
    assert [tracks(r) for r in recordings] == [
        [("Scissors#1", "Scissors", [0.0])],
        [("Scalpel#1", "Scalpel", [1020.0])],
        [("Scalpel#1", "Scalpel", [12.0])],
    ]
    assert [r.official_split for r in recordings] == ["train", "test", "val"]


@pytest.mark.parametrize(
    "place",
    [
        "annotations/bbox/by_video/tool/01/annotations.json",
        "annotations/coco_format/tools/train.json",
        "EgoSurgery/EgoSurgery/annotations/bbox/by_split/tools/train.json",
        "HTS/03_tool/by_split/train.json",
    ],
)
def test_every_release_of_the_box_files_reads_the_same(tmp_path: Path, place: str) -> None:
    rows: list[BoxRow] = [("01_1_0001", SCISSORS, [1, 2, 3, 4]), ("01_1_0002", SCALPEL, [])]
    coco(tmp_path / "a", rows)
    coco(tmp_path / "b", rows, place)
    assert only(tmp_path / "a").tracks == only(tmp_path / "b").tracks != ()
    assert EgoSurgery().check(tmp_path / "b") == ()


def test_hands_are_tracks_beside_tools(tmp_path: Path) -> None:
    coco(tmp_path, [("01_1_0001", SCISSORS, [1, 2, 3, 4])])
    hands = BY_SPLIT.replace("tools", "hands")
    coco(tmp_path, [("01_1_0001", 1, [5, 6, 7, 8])], hands, names=HANDS, first_class=1)
    assert [track_id for track_id, _, _ in tracks(only(tmp_path))] == ["Scissors#1", "Own hands left#1"]


def test_frames_are_found_by_their_names_and_masks_are_none(tmp_path: Path) -> None:
    phases(tmp_path, "01_1", {1: "design", 2: "design", 5: "design"})
    images(tmp_path, ["01_1_0001", "01-1-0002", "01_1_0002 (1)", "cover"])
    images(tmp_path, ["01_1_0001"], "03_tool/masks")
    images(tmp_path, ["01_1_0001"], "01_frames/backup/01")
    recording = only(tmp_path)
    assert [(f.path, f.time) for f in recording.frames] == [
        ("images/01/01_1_0001.jpg", 0.0),
        ("images/01/01-1-0002.jpg", 2.0),
    ]
    assert [(f.row, f.what) for f in recording.findings] == [("frame 5", "1 labelled frames are not on disk")]
    assert [f.what for f in EgoSurgery().check(tmp_path)] == [
        "1 frames lie in a second place: 01_frames/backup/01/01_1_0001.jpg"
    ]
    assert (recording.width, recording.height) == (1920, 1080)


def test_the_split_is_that_of_the_boxes_where_there_are_any(tmp_path: Path) -> None:
    # video 5: test by tools, val by phases
    assert (official_split_of(5, "tool"), official_split_of(5, "phase")) == ("test", "val")
    phases(tmp_path, "05_1", {1: "design"})
    assert only(tmp_path).official_split == "val"
    coco(tmp_path, [("05_1_0001", SCISSORS, [1, 2, 3, 4])])
    assert only(tmp_path).official_split == "test"


def test_the_published_splits_cover_15_and_20_videos() -> None:
    videos = {scheme: [n for numbers in splits.values() for n in numbers] for scheme, splits in SPLITS.items()}
    assert sorted(videos["tool"]) == list(range(1, 16))
    assert sorted(videos["phase"]) == [n for n in range(1, 22) if n != 16]
    assert len(PHASE_CLIPS) == 23 and {int(clip[:2]) for clip in PHASE_CLIPS} == set(range(1, 16))


@pytest.mark.parametrize("has_frames", [True, False])
def test_every_task_of_the_source_gets_questions(tmp_path: Path, has_frames: bool) -> None:
    order = ["disinfection", "design", "incision", "dissection", "hemostasis", "dissection", "closure"]
    phases(tmp_path, "01_1", {1 + i: order[i // 20] for i in range(140)})
    coco(tmp_path, [(f"01_1_{1 + i:04d}", SCISSORS, [100 + 5 * i, 200, 147, 184]) for i in range(100)])
    if has_frames:
        images(tmp_path, [f"01_1_{1 + i:04d}" for i in range(140)], size=(64, 36))
    recording = only(tmp_path)
    samples = {name: list(TASKS[name].ask(recording, seed=1)) for name in SOURCE_TASKS["EgoSurgery"]}
    assert {name for name, found in samples.items() if found} == {"TAG", "STG", "DVC", "VS", "RC", "NAP"}
    for sample in samples["STG"]:
        assert isinstance(sample.truth, BoxTrack)
        # at frame n = 1 + t / 2 of the recording the box begins at 100 + 5 (n - 1) = 100 + 2.5 t
        start = sample.clip_start / 0.5
        assert [b.box.x1 for b in sample.truth.boxes] == [100 + 2.5 * (start + b.time) for b in sample.truth.boxes]
    for sample in (s for found in samples.values() for s in found):
        # bounds are published in frames of two seconds: they say the clip's length exactly
        assert sample.duration == 2 * (sample.clip_end - sample.clip_start)
    assert all(s.frame_paths for found in samples.values() for s in found) == has_frames


def test_a_source_of_published_size_is_read_in_under_ten_seconds(tmp_path: Path) -> None:
    # 15,437 images with 49,652 tool and 46,320 hand boxes are published: here a fifth of them
    rows: list[BoxRow] = [(f"01_1_{1 + i // 3:04d}", i % 3, [i % 1000, 20, 30, 40]) for i in range(9_930)]
    coco(tmp_path, rows)
    hands = BY_SPLIT.replace("tools", "hands")
    coco(tmp_path, [(frame, 1 + number, box) for frame, number, box in rows], hands, names=HANDS, first_class=1)
    for path in (BY_SPLIT, hands):
        coco(tmp_path, [], path.replace("train", "val"))
    before = time.process_time()
    assert sum(len(track.boxes) for track in only(tmp_path).tracks) == 2 * 9_930
    assert (time.process_time() - before) * 5 < 10


def test_hands_are_asked_for_in_words(tmp_path: Path) -> None:
    hands = BY_SPLIT.replace("tools", "hands")
    rows: list[BoxRow] = [(f"01_1_{1 + i:04d}", 1, [100 + 5 * i, 200, 147, 184]) for i in range(40)]
    coco(tmp_path, rows, hands, names=HANDS, first_class=1)
    (*samples,) = TASKS["STG"].ask(only(tmp_path), seed=1)
    assert samples and all("the surgeon's left hand" in s.question and s.target == "Own hands left" for s in samples)
