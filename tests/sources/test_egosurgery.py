"""EgoSurgery: phases, boxes and frames of every release, and what each fault becomes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box, BoxTrack, Recording, Segment, TimedBox
from medvidbench.sources.egosurgery import PHASE_CLIPS, SPLITS, EgoSurgery, official_split_of
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS

TOOLS = [
    *("Bipolar Forceps", "Electric Cautery", "Forceps", "Gauze", "Hook", "Mouth Gag", "Needle Holders", "Raspatory"),
    *("Retractor", "Scalpel", "Scissors", "Skewer", "Suction Cannula", "Syringe", "Tweezers"),
]
HANDS = ["Own hands left", "Own hands right", "Other hands left", "Other hands right"]
SCISSORS, SCALPEL = 10, 9
BY_SPLIT = "annotations/bbox/by_split/tools/train.json"
BoxRow = tuple[str, int, list[Any]]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def phases(root: Path, clip: str, rows: dict[int, str], place: str = "annotations/phase") -> Path:
    lines = "".join(f"{clip}_{number:04d},{phase}\n" for number, phase in rows.items())
    return write(root / place / f"{clip}.csv", "Frame,Phase\n" + lines)


def coco(
    root: Path,
    rows: list[BoxRow],
    place: str = BY_SPLIT,
    first_id: int = 0,
    split: str = "train",
    names: list[str] = TOOLS,
    first_class: int = 0,
    **changes: Any,
) -> Path:
    """A box file from (frame, class id, [x, y, w, h]); a row without a box gives its frame alone."""
    frames = list(dict.fromkeys(frame for frame, _, _ in rows))
    images = [
        {"id": first_id + i, "width": 1920, "height": 1080, "file_name": f"{split}/{f[:2]}/{f}.jpg", "video_id": 1}
        | {"frame_id": i + 1}
        for i, f in enumerate(frames)
    ]
    annotations = [
        {"id": i, "image_id": first_id + frames.index(frame), "category_id": number, "bbox": box, "iscrowd": 0}
        for i, (frame, number, box) in enumerate(rows)
        if box
    ]
    document = {
        "categories": [{"id": first_class + i, "name": name, "supercategory": ""} for i, name in enumerate(names)],
        "images": images,
        "annotations": annotations,
    }
    return write(root / place, json.dumps({**document, **changes}))


def images(root: Path, names: list[str], place: str = "images/01", size: tuple[int, int] = (1920, 1080)) -> None:
    (root / place).mkdir(parents=True, exist_ok=True)
    first = root / place / f"{names[0]}.jpg"
    Image.new("RGB", size).save(first)
    for name in names[1:]:
        (root / place / f"{name}.jpg").write_bytes(first.read_bytes())


def only(root: Path) -> Recording:
    (recording,) = EgoSurgery().recordings(root)
    return recording


def whats(recording: Recording) -> list[str]:
    return [finding.what for finding in recording.findings]


def tracks(recording: Recording) -> list[tuple[str, str, list[float]]]:
    return [(track.track_id, track.label, [b.time for b in track.boxes]) for track in recording.tracks]


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


def test_bad_rows_of_a_phase_table_are_findings(tmp_path: Path) -> None:
    rows = "02_1_0001,design\n02_1_0001,incision\n03_1_0002,design\n02_1_0000,design\n02_1_0004,lunch\n02_1_0005"
    path = write(tmp_path / "annotations/phase/02_1.csv", "Frame,Phase\n" + rows)
    recording = only(tmp_path)
    assert recording.segments == (Segment(0.0, 2.0, "design", "phase"),)
    assert {(f.row, f.what) for f in recording.findings if f.file.endswith(path.name)} == {
        ("line 3", "a frame with two phases"),
        ("line 4, line 5", "a frame that is not named 02_1_0001 or the like (2 times)"),
        ("line 6", "phase 'lunch' is none of the nine"),
        ("line 7", "1 cells, the header has 2"),
    }


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


def test_files_that_repeat_each_other_count_once_and_a_contradiction_is_a_finding(tmp_path: Path) -> None:
    coco(tmp_path, [("01_1_0001", SCISSORS, [1, 2, 3, 4]), ("01_1_0002", SCISSORS, [1, 2, 3, 4])])
    by_video = "annotations/bbox/by_video/tool/01/annotations.json"
    coco(tmp_path, [("01_1_0002", SCISSORS, [9, 2, 3, 4]), ("01_1_0001", SCISSORS, [1, 2, 3, 4])], by_video)
    recording = only(tmp_path)
    assert [b.box.x1 for t in recording.tracks for b in t.boxes] == [1.0, 1.0]
    (finding,) = EgoSurgery().check(tmp_path)
    assert (finding.file, finding.row) == (by_video, "01_1_0002")
    assert finding.what == "boxes other than in a file read before"


def test_the_official_splits_are_believed_before_a_file_that_lies_higher(tmp_path: Path) -> None:
    coco(tmp_path, [("01_1_0001", SCISSORS, [1, 2, 3, 4])])
    coco(tmp_path, [("01_1_0001", SCISSORS, [9, 2, 3, 4])], "all.json")
    assert only(tmp_path).tracks[0].boxes[0].box.x1 == 1.0


def test_a_frame_that_stands_twice_keeps_each_box_once_and_other_sizes_are_told(tmp_path: Path) -> None:
    rows: list[BoxRow] = [("01_1_0001", SCISSORS, [1, 2, 3, 4]), ("01_1_0002", SCISSORS, [1, 2, 3, 4])]
    document = json.loads(coco(tmp_path, rows).read_text())
    document["images"][1] |= {"file_name": "train/01/01_1_0001.jpg", "width": 640}
    write(tmp_path / BY_SPLIT, json.dumps(document))
    recording = only(tmp_path)
    assert (tracks(recording), recording.width) == ([("Scissors#1", "Scissors", [0.0])], 1920)
    assert [(f.row, f.what) for f in EgoSurgery().check(tmp_path)] == [
        ("image 1", "a frame that stands twice"),
        ("image 1", "another frame size than before in this clip"),
    ]


def test_hands_are_tracks_beside_tools(tmp_path: Path) -> None:
    coco(tmp_path, [("01_1_0001", SCISSORS, [1, 2, 3, 4])])
    hands = BY_SPLIT.replace("tools", "hands")
    coco(tmp_path, [("01_1_0001", 1, [5, 6, 7, 8])], hands, names=HANDS, first_class=1)
    assert [track_id for track_id, _, _ in tracks(only(tmp_path))] == ["Scissors#1", "Own hands left#1"]


def test_bad_boxes_and_dangling_ids_are_findings_with_their_count(tmp_path: Path) -> None:
    rows: list[BoxRow] = [
        ("01_1_0001", SCISSORS, [1900, 1000, 21, 81]),  # one pixel over: rounding
        ("01_1_0002", SCISSORS, [1900, 1000, 100, 80]),
        ("01_1_0003", SCISSORS, [1930, 1000, 10, 10]),
        ("01_1_0004", SCISSORS, [1, 1, 0, 10]),
        ("01_1_0005", SCISSORS, [1, 1, "x", 10]),
        ("01_1_0006", 77, [1, 1, 5, 10]),
        ("odd name", SCISSORS, [1, 1, 5, 10]),
    ]
    document = json.loads(coco(tmp_path, rows).read_text())
    document["annotations"] += [{"image_id": 4711, "category_id": 1, "bbox": [1, 1, 2, 2]}, 5]
    document["images"] += [{"id": 0, "file_name": "01_1_0099.jpg"}, 5]
    write(tmp_path / BY_SPLIT, json.dumps(document))
    assert {(f.row, f.what) for f in EgoSurgery().check(tmp_path)} == {
        ("annotation 1", "a box that passes the border by over a pixel"),
        ("annotation 2", "a box outside the frame"),
        ("annotation 3, annotation 4", "no box of x, y, width and height (2 times)"),
        ("annotation 5", "a category_id that no published class has"),
        ("annotation 6, annotation 7, annotation 8", "an image_id that no image has (3 times)"),
        ("image 6, image 8", "no frame named like 01_1_0001.jpg, or no id (2 times)"),
        ("image 7", "an id that an earlier image has"),
    }
    assert tracks(only(tmp_path)) == [("Scissors#1", "Scissors", [0.0, 2.0])]


def test_other_json_other_classes_and_unread_folders_are_told(tmp_path: Path) -> None:
    coco(tmp_path, [("01_1_0001", 0, [1, 2, 3, 4])], "hts/04.json", names=["Left Hand Tool", "Right Hand Tool"])
    coco(tmp_path, [("01_1_0001", 0, [1, 2, 3, 4])], "new.json", names=["Bipolar_forceps", "Laser"])
    write(tmp_path / "broken.json", '{"images": [')
    write(tmp_path / "list.json", "[]")
    write(tmp_path / "05_egosurgery_hts/masks.json", "{")
    write(tmp_path / "gaze/01_1.csv", "Frame,norm_pos_x,norm_pos_y\n")
    assert {(f.file, f.what) for f in EgoSurgery().check(tmp_path)} == {
        ("hts/04.json", "neither tools nor hands: Left Hand Tool, Right Hand Tool"),
        ("new.json", "classes not published: Laser"),
        ("broken.json", "broken JSON: Expecting value"),
        ("list.json", "no COCO file with images, annotations and categories"),
        ("05_egosurgery_hts", "gaze, or masks of hand-held tools"),
        ("gaze", "gaze, or masks of hand-held tools"),
    }
    assert tracks(only(tmp_path)) == [("Bipolar Forceps#1", "Bipolar Forceps", [0.0])]


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


def test_resized_frames_are_reported_and_boxes_stay_in_original_pixels(tmp_path: Path) -> None:
    coco(tmp_path, [("01_1_0001", SCISSORS, [1800, 2, 3, 4])])
    images(tmp_path, ["01_1_0001"], size=(640, 360))
    recording = only(tmp_path)
    assert (recording.width, recording.tracks[0].boxes[0].box.x1) == (1920, 1800.0)
    assert "frames of 640 x 360 pixels, but the boxes are in 1920 x 1080" in whats(recording)


def test_frames_alone_come_without_truth(tmp_path: Path) -> None:
    images(tmp_path, ["01_1_0001", "01_1_0002"])
    recording = only(tmp_path)
    assert (recording.segments, recording.tracks, recording.duration) == ((), (), 4.0)
    assert whats(recording) == ["frames without labels"]


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


def test_missing_names_tables_boxes_and_frames(tmp_path: Path) -> None:
    phases(tmp_path, "01_1", {1: "design"})
    coco(tmp_path, [("02_1_0001", SCISSORS, [1, 2, 3, 4])])
    images(tmp_path, ["01_1_0001"])
    tables, videos, tools, hands, frames = EgoSurgery().missing(tmp_path)
    assert tables.startswith("phase tables of clips: 02_1, 03_2")
    assert videos == "phase tables of videos: 17, 18, 19, 20, 21"
    assert tools == "tool boxes of videos: 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"
    assert hands.startswith("hand boxes of videos: 1, 2, 3")
    assert frames == "frames of labelled clips: 02_1"


def test_another_folder_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(MedVidBenchError, match="it holds: photos"):
        EgoSurgery().check(tmp_path)


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
