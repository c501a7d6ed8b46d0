"""CholecTrack20 as published: what a good copy becomes, in all its spellings."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from cholectrack20_files import GRASPER, HOOK, TOOLS, frames, of_kind, only, tool, whats, write

from medvidbench.records import Box, BoxTrack, Caption, Segment, TimedBox
from medvidbench.sources.cholectrack20 import SPLITS, CholecTrack20
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS


def test_frame_numbers_from_one_at_25_a_second_become_seconds_and_boxes_become_pixels(tmp_path: Path) -> None:
    # 0.5 x 854 = 427 and 0.25 x 480 = 120; a width of 0.25 is 213.5, a height of 0.5 is 240.
    box = [0.5, 0.25, 0.25, 0.5]
    write(tmp_path, {"1": [tool(GRASPER, box)], "26": [tool(GRASPER, box)], "51": [tool(GRASPER, box)]})
    frames(tmp_path / "Training/VID02/Frames", [1, 26, 51])
    recording = only(tmp_path)
    pixels = Box(427.0, 120.0, 640.5, 360.0)
    (track,) = recording.tracks
    assert (track.track_id, track.label) == ("visibility/1", "grasper")
    assert track.boxes == (TimedBox(0.0, pixels), TimedBox(1.0, pixels), TimedBox(2.0, pixels))
    assert [(f.path, f.time) for f in recording.frames] == [
        ("Training/VID02/Frames/000001.png", 0.0),
        ("Training/VID02/Frames/000026.png", 1.0),
        ("Training/VID02/Frames/000051.png", 2.0),
    ]
    assert recording.segments == (Segment(0.0, 3.0, "preparation", "phase"),)
    assert (recording.duration, recording.native_fps, recording.width, recording.height) == (3.0, 25.0, 854, 480)
    assert (recording.recording_id, recording.group) == ("VID02", "cholec80/video02")
    assert (recording.official_split, recording.video, recording.findings) == ("train", "", ())


@pytest.mark.parametrize(
    ("label_file", "frame_folder", "split"),
    [
        ("training/vid02/vid02.json", "training/vid02/frames", "train"),
        ("CholecTrack20/Validation/VID02/VID02.json", "CholecTrack20/Validation/VID02/images", "val"),
        ("TESTING/VID02/vid02.json", "TESTING/VID02/Images", "test"),
        ("VID02/VID02.json", "VID02", "test"),  # no split folder: the file's own word counts
        ("VID02.json", "Frames_of/VID02/Frames", "test"),
    ],
)
def test_case_and_folders_of_real_downloads_are_accepted(
    tmp_path: Path, label_file: str, frame_folder: str, split: str
) -> None:
    said = {"train": "training", "val": "validation", "test": "testing"}[split]
    write(tmp_path, {"1": [tool(GRASPER, [0.1, 0.1, 0.1, 0.1])]}, label_file, split=said)
    frames(tmp_path / frame_folder, [1])
    recording = only(tmp_path)
    assert (len(recording.tracks), len(recording.frames), recording.official_split) == (1, 1, split)
    assert recording.findings == ()


def test_a_root_that_is_one_videos_folder_is_accepted(tmp_path: Path) -> None:
    write(tmp_path, {"1": [tool(GRASPER, [0.1, 0.1, 0.1, 0.1])]})
    frames(tmp_path / "Training/VID02/Frames", [1])
    recording = only(tmp_path / "Training/VID02")
    assert (recording.frames[0].path, len(recording.tracks)) == ("Frames/000001.png", 1)


def test_a_box_of_whole_pixels_comes_back_without_float_dust(tmp_path: Path) -> None:
    # 166 / 854 + 42 / 854 is not 208 / 854 in floats
    write(tmp_path, {"1": [tool(HOOK, [166 / 854, 79 / 480, 42 / 854, 37 / 480])]})
    assert only(tmp_path).tracks[0].boxes[0].box == Box(166.0, 79.0, 208.0, 116.0)


def test_the_nearest_folder_says_the_split_up_to_the_root(tmp_path: Path) -> None:
    write(tmp_path / "Testing", {"1": []}, "Training/VID02/VID02.json")
    assert only(tmp_path).official_split == "train"
    assert only(tmp_path / "Testing/Training").official_split == "train"


def test_frames_go_before_a_video_and_frame_zero_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"1": [tool(HOOK, [0.5, 0.5, 0.1, 0.1])]})
    frames(tmp_path / "Training/VID02/Frames", [0, 1])
    (tmp_path / "Training/VID02/VID02.mp4").write_bytes(b"")
    recording = only(tmp_path)
    assert (recording.video, [f.time for f in recording.frames]) == ("", [0.0])
    assert "frame numbers start at 1" in whats(recording)


def test_a_test_video_is_named_as_its_mp4_and_boxes_scale_with_the_stated_size(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"26": [tool(HOOK, [0.5, 0.5, 0.5, 0.5])]},
        "Testing/VID92/VID92.json",
        "testing",
        video={"name": "vid92", "split": "testing", "width": 1000, "height": 500},
    )
    (tmp_path / "Testing/VID92/vid92.MP4").write_bytes(b"")
    recording = only(tmp_path)
    assert (recording.video, recording.frames) == ("Testing/VID92/vid92.MP4", ())
    assert recording.tracks[0].boxes == (TimedBox(1.0, Box(500.0, 250.0, 1000.0, 500.0)),)
    assert (recording.group, recording.duration, recording.findings) == ("cholect50/VID92", 2.0, ())


def test_names_by_id_and_names_in_a_list_read_the_same(tmp_path: Path) -> None:
    rows = {"1": [tool(6, [0.1, 0.1, 0.1, 0.1])]}
    write(
        tmp_path / "a", rows, categories={"tools": {str(i): n for i, n in enumerate(TOOLS)}, "operator": {"0": "null"}}
    )
    write(tmp_path / "b", rows, categories={"tools": [{"id": i, "name": n} for i, n in enumerate(TOOLS)]})
    assert only(tmp_path / "a").tracks == only(tmp_path / "b").tracks
    write(tmp_path / "c", rows, categories={"tools": {"6": "Specimen_Bag", "1": "bipolar forceps"}})
    other = only(tmp_path / "c")
    assert other.tracks[0].label == "specimen-bag"  # another spelling is no other name
    assert "class 1 is 'bipolar forceps', published as 'bipolar'" in whats(other)


def test_the_visibility_track_is_taken_then_the_intracorporeal_then_the_intraoperative(tmp_path: Path) -> None:
    box = [0.1, 0.1, 0.1, 0.1]
    rows = [
        tool(GRASPER, box, 134),
        tool(HOOK, box, -1, intracorporeal_track=19),
        tool(3, box, -1, intracorporeal_track=-1, intraoperative_track=0),
        tool(4, box, -1, intracorporeal_track=-1, intraoperative_track=-1),
    ]
    write(tmp_path, {"1": rows})
    recording = only(tmp_path)
    assert [t.track_id for t in recording.tracks] == ["visibility/134", "intracorporeal/19", "intraoperative/0"]
    assert "a box without a track id or a tool" in whats(recording)


def test_triplets_are_named_as_in_cholect50_and_only_where_verb_and_target_are_there(tmp_path: Path) -> None:
    box = [0.1, 0.1, 0.1, 0.1]
    acting = {"verb": 1, "target": 0}  # retract, gallbladder; 17 is that triplet's id for the grasper
    rows = {
        "1": [tool(GRASPER, box, triplet=17, **acting)],
        "26": [tool(GRASPER, box, triplet=-2, **acting)],
        "51": [tool(GRASPER, box, triplet=17)],  # no verb: no triplet
        "101": [tool(GRASPER, box, triplet=60, **acting), tool(HOOK, box, 2, verb=4, target=8)],
    }
    write(tmp_path, rows)
    recording = only(tmp_path)
    assert of_kind(recording, "triplet") == [
        (0.0, 2.0, "grasper,retract,gallbladder"),
        (4.0, 5.0, "grasper,retract,gallbladder"),
        (4.0, 5.0, "hook,clip,liver"),
    ]
    assert set(whats(recording)) == {  # and nothing on -2
        "a triplet id that says other than tool, verb and target",
        "hook,clip,liver is none of CholecT50's triplets",
        "labels without frames or a video on disk",
        "1 holes in the annotation inside a phase, the longest of 1 s",
    }
    assert dict(recording.labels)["triplet"][17] == "grasper,retract,gallbladder"


def test_attributes_are_segments_whether_flags_are_numbers_or_words(tmp_path: Path) -> None:
    box = [0.1, 0.1, 0.1, 0.1]
    rows = {"1": [tool(HOOK, box, smoke=1)], "26": [tool(HOOK, box, smoke=True)], "51": [tool(HOOK, box, smoke=False)]}
    write(tmp_path, {**rows, "101": [tool(HOOK, box, bleeding=1)]})
    assert of_kind(only(tmp_path), "attribute") == [(0.0, 2.0, "smoke"), (4.0, 5.0, "bleeding")]


def test_phases_close_short_holes_alone_and_name_calots_triangle_as_published(tmp_path: Path) -> None:
    box = [0.1, 0.1, 0.1, 0.1]
    # 1 -> 0 s; 126 -> 5 s, a hole of 4 s; 151 -> 6 s, another phase; 5001 -> 200 s, a hole of 193 s.
    keys = {"1": 1, "126": 1, "151": 6, "5001": 6}
    write(tmp_path, {key: [tool(HOOK, box, phase=phase)] for key, phase in keys.items()})
    recording = only(tmp_path)
    assert of_kind(recording, "phase") == [
        (0.0, 6.0, "calotTriangleDissection"),
        (6.0, 7.0, "gallbladderRetraction"),
        (200.0, 201.0, "gallbladderRetraction"),
    ]
    assert "1 holes in the annotation inside a phase, the longest of 4 s" in whats(recording)


def test_the_published_split_has_10_2_and_8_videos() -> None:
    assert {name: len(numbers) for name, numbers in SPLITS.items()} == {"train": 10, "val": 2, "test": 8}
    assert len({number for numbers in SPLITS.values() for number in numbers}) == 20


def test_stg_and_rc_come_out_with_boxes_and_deeds(tmp_path: Path) -> None:
    keys = [1 + 25 * second for second in range(60)]
    acting = {"verb": 2, "target": 0, "triplet": 60}  # hook,dissect,gallbladder
    rows = {
        str(key): [tool(HOOK, [0.01 * (key // 25), 0.5, 0.2, 0.2], **acting), tool(GRASPER, [0.5, 0.1, 0.2, 0.2], 2)]
        for key in keys
    }
    write(tmp_path, rows)
    frames(tmp_path / "Training/VID02/Frames", keys, size=(85, 48))
    recording = only(tmp_path)
    for media in (recording, replace(recording, frames=(), video="a.mp4"), replace(recording, frames=())):
        samples = {name: list(TASKS[name].ask(media, seed=1)) for name in SOURCE_TASKS["CholecTrack20"]}
        assert all(samples.values())
        for sample in samples["STG"]:
            assert isinstance(sample.truth, BoxTrack) and sample.target in ("hook", "grasper")
        hook = [s.truth.text for s in samples["RC"] if isinstance(s.truth, Caption) and s.target == "hook"]
        assert hook and all("dissects the gallbladder" in text for text in hook)


def test_a_source_of_published_size_is_read_in_under_ten_seconds(tmp_path: Path) -> None:
    # 20 videos with 35,009 frames and 65,247 boxes are published: here 1,751 frames of 2 boxes, 3 videos, scaled.
    for number in (2, 4, 11):
        rows = {
            str(1 + 25 * second): [
                tool(place, [0.1, 0.1, 0.2, 0.2], second // 50 * 4 + place, verb=1, target=0) for place in (0, 2)
            ]
            for second in range(1751)
        }
        write(tmp_path, rows, f"Training/VID{number:02d}/VID{number:02d}.json")
    before = time.process_time()
    boxes = sum(len(track.boxes) for recording in CholecTrack20().recordings(tmp_path) for track in recording.tracks)
    assert boxes == 3 * 1751 * 2
    assert (time.process_time() - before) * 65247 / boxes < 10
