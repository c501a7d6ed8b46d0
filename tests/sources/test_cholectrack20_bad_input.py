"""CholecTrack20: what each fault of a copy becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cholectrack20_files import GRASPER, HOOK, frames, only, tool, whats, write

from medvidbench.errors import MedVidBenchError
from medvidbench.sources.cholectrack20 import CholecTrack20


def test_boxes_of_minus_one_are_counted_and_boxes_over_the_border_are_cut(tmp_path: Path) -> None:
    rows = {
        "1": [tool(GRASPER, [-1, -1, -1, -1]), tool(HOOK, [-0.001, 0.5, 0.2, 0.2], 2)],  # 0.854 pixel: rounding
        "26": [tool(GRASPER, [-1.0, -1.0, -1.0, -1.0]), tool(HOOK, [0.9, 0.5, 0.2, 0.2], 2)],  # 85.4 pixels too far
        "51": [tool(HOOK, [1.1, 0.5, 0.2, 0.2], 2), tool(3, [0.1, 0.1, 0.0, 0.1], 3), tool(3, [0.1, 0.1, 0.1], 3)],
    }
    write(tmp_path, rows)
    recording = only(tmp_path)
    (track,) = recording.tracks
    assert [(b.time, b.box.x1, b.box.x2) for b in track.boxes] == [
        (0.0, 0.0, pytest.approx(0.199 * 854)),
        (1.0, pytest.approx(0.9 * 854), 854.0),
    ]
    assert {(f.row, f.what) for f in recording.findings if "disk" not in f.what} == {
        ("frame 1, tool 0, frame 26, tool 0", "a box of -1 (2 times)"),
        ("frame 26, tool 1", "a box that passes the border by over a pixel"),
        ("frame 51, tool 0", "a box outside the frame"),
        ("frame 51, tool 1", "a box without width or height"),
        ("frame 51, tool 2", "no box of four numbers"),
    }


def test_a_tool_with_two_actions_has_one_box_and_another_second_box_is_a_finding(tmp_path: Path) -> None:
    box, other = [0.1, 0.1, 0.1, 0.1], [0.3, 0.1, 0.1, 0.1]
    write(tmp_path, {"1": [tool(GRASPER, box), tool(GRASPER, box)], "26": [tool(GRASPER, box), tool(GRASPER, other)]})
    recording = only(tmp_path)
    assert [len(t.boxes) for t in recording.tracks] == [2]
    assert [w for w in whats(recording) if "second box" in w] == ["a second box of track visibility/1"]


def test_a_track_of_two_tools_keeps_the_more_frequent_one(tmp_path: Path) -> None:
    box = [0.1, 0.1, 0.1, 0.1]
    write(tmp_path, {"1": [tool(HOOK, box)], "26": [tool(HOOK, box)], "51": [tool(GRASPER, box)]})
    recording = only(tmp_path)
    assert [(t.label, [b.time for b in t.boxes]) for t in recording.tracks] == [("hook", [0.0, 1.0])]
    assert "boxes of grasper and hook in one track" in whats(recording)


def test_labels_without_media_still_come_and_say_so(tmp_path: Path) -> None:
    write(tmp_path, {"1": [tool(HOOK, [0.1, 0.1, 0.1, 0.1])]})
    recording = only(tmp_path)
    assert (recording.video, recording.frames, len(recording.tracks)) == ("", (), 1)
    assert "labels without frames or a video on disk" in whats(recording)


def test_what_does_not_fit_between_labels_and_frames_is_reported(tmp_path: Path) -> None:
    box = [0.5, 0.5, 0.1, 0.1]
    write(
        tmp_path,
        {"1": [tool(HOOK, box)], "26": [tool(HOOK, box)]},
        video={"seq": "VID04", "split": "testing", "width": 854, "height": 480, "num_frames": 77},
    )
    frames(tmp_path / "Training/VID02/Frames", [1], size=(427, 240))
    recording = only(tmp_path)
    assert set(whats(recording)) == {
        "names itself 'VID04', but the file is named for video 2",
        "854 x 480, but the images are 427 x 240",
        "1 labelled frames are not on disk",
        "77, but 2 frames are labelled and 1 are on disk",
        "split 'testing'",
    }
    assert recording.official_split == "train"
    assert (recording.width, recording.tracks[0].boxes[0].box.x1) == (427, 213.5)


def test_the_video_that_the_maintainers_advise_against_comes_without_truth(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"1": [tool(HOOK, [0.1, 0.1, 0.1, 0.1])]},
        "Validation/VID30/VID30.json",
        "validation",
        video={"seq": "VID30", "split": "validation", "width": 854, "height": 480},
    )
    recording = only(tmp_path)
    assert (recording.tracks, recording.segments, recording.duration) == ((), (), 1.0)
    assert any("swapped" in what for what in whats(recording))
    (tmp_path / "SYNTHETIC.txt").touch()
    assert len(only(tmp_path).tracks) == 1


def test_bad_keys_rows_and_ids_are_findings_and_the_rest_is_read(tmp_path: Path) -> None:
    box = [0.1, 0.1, 0.1, 0.1]
    rows = {
        "x": [],
        "0": [],
        "1": [tool(HOOK, box), 7],
        "01": [tool(HOOK, box)],
        "26": {},
        "51": [tool(99, box, phase=9)],
    }
    write(tmp_path, rows)
    recording = only(tmp_path)
    assert [(t.label, len(t.boxes)) for t in recording.tracks] == [("hook", 1)]
    assert {f.what for f in recording.findings if "disk" not in f.what} == {
        "the key is no frame number from 1 (2 times)",
        "no object with a tool",
        "a frame under two keys",
        "no list of tools",
        "tool id 99 is unknown",
        "phase id 9 is unknown",
        "a box without a track id or a tool",
    }


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"annotations": []}', ""])
def test_a_broken_label_file_leaves_the_recording_with_its_frames(tmp_path: Path, text: str) -> None:
    write(tmp_path, {}).write_text(text, encoding="utf-8")
    frames(tmp_path / "Training/VID02/Frames", [1, 26])
    recording = only(tmp_path)
    assert (recording.tracks, len(recording.frames), recording.duration) == ((), 2, 2.0)
    assert len(recording.findings) == 1


def test_check_names_repeated_and_stray_files_and_missing_names_the_rest(tmp_path: Path) -> None:
    write(tmp_path, {})
    write(tmp_path, {}, "backup/Training/VID02/vid02.json")
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    source = CholecTrack20()
    assert {finding.what for finding in source.check(tmp_path)} == {
        "JSON files not named like VID01.json: notes.json",
        "a second label file of video 2: backup/Training/VID02/vid02.json",
    }
    labels, media = source.missing(tmp_path)
    assert labels.startswith("label files of 19 of 20 videos: VID01, VID04")
    assert media.startswith("videos or frames of 20 of 20 videos: VID01, VID02")
    assert [path.name for path in source.label_files(tmp_path)] == ["VID02.json"]


def test_another_folder_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(MedVidBenchError, match="it holds: photos"):
        CholecTrack20().check(tmp_path)
