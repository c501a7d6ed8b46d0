"""EgoSurgery: what each fault of a copy becomes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from egosurgery_files import BY_SPLIT, SCISSORS, BoxRow, coco, images, only, phases, tracks, whats, write

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Segment
from medvidbench.sources.egosurgery import EgoSurgery


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
