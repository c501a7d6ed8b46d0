"""CoPESD's adapter on small hand-made copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box, Recording, Segment
from medvidbench.sources.copesd import SIZE, CoPESD
from medvidbench.sources.copesd_motions import ACTIONS

LIFT = "Hoist the mucosa flap to the upper left with the {forceps}, maintaining the {knife} unmoved."
DISSECT = (
    "Utilize the {forceps} to maintain countertraction on the mucosal flap and dissect the mucosa flap to the right "
    "employing the {knife}."
)


def item(
    frame: int,
    sentence: str = LIFT,
    forceps: str = "Forceps[0.1, 0.2, 0.3, 0.4]",
    knife: str = "Knife[0.5, 0.2, 0.8, 0.7]",
    clip: str = "023521",
) -> dict[str, Any]:
    said = sentence.format(forceps=forceps, knife=knife)
    turns = [{"from": "human", "value": "Use the Forceps."}, {"from": "gpt", "value": said}]
    image = f"D:/23-24RA/LLM_ROBOT/ESD_video/high_light_images/{clip}/{frame:04d}.jpg"
    return {"conversations": turns, "image": image}


def write(root: Path, items: Any, name: str = "smllm_test.json") -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(items if isinstance(items, str) else json.dumps(items), encoding="utf-8")


def read(root: Path) -> dict[str, Recording]:
    return {recording.recording_id: recording for recording in CoPESD().recordings(root)}


def said(recording: Recording) -> list[tuple[str, str]]:
    return [(finding.row, finding.what) for finding in recording.findings]


def images(root: Path, clip: str, numbers: list[int], size: tuple[int, int], folder: str = "high_light_images") -> None:
    place = root / "CoPESD" / folder / clip
    place.mkdir(parents=True)
    for number in numbers:
        Image.new("RGB", size).save(place / f"{number:04d}.jpg")


def corners(recording: Recording, label: str) -> dict[float, list[float]]:
    return {
        t.time: [t.box.x1, t.box.y1, t.box.x2, t.box.y2] for k in recording.tracks if k.label == label for t in k.boxes
    }


def test_frames_of_a_clip_become_runs_of_motions_and_actions(tmp_path: Path) -> None:
    write(tmp_path, [item(1), item(2), item(3, DISSECT), item(5, DISSECT)])
    recording = read(tmp_path)["023521"]
    # frame n covers [n - 1, n) at one frame a second; the missing frame 4 ends a run
    assert recording.segments == (
        Segment(0.0, 2.0, "lift flap with forceps", "action"),
        Segment(2.0, 3.0, "dissect flap tissue with knife", "action"),
        Segment(4.0, 5.0, "dissect flap tissue with knife", "action"),
        Segment(0.0, 2.0, "lift flap to the upper left with forceps", "motion"),
        Segment(2.0, 3.0, "dissect flap to the right with knife", "motion"),
        Segment(4.0, 5.0, "dissect flap to the right with knife", "motion"),
    )
    assert (recording.duration, recording.native_fps, recording.group) == (5.0, 1.0, "copesd/23521")
    assert recording.official_split == "test"
    assert recording.labels == (
        ("action", ACTIONS),
        ("motion", ("dissect flap to the right with knife", "lift flap to the upper left with forceps")),
    )


def test_boxes_are_scaled_by_the_longer_side_on_both_axes_and_tracks_break_at_gaps(tmp_path: Path) -> None:
    bare = "Forceps"
    write(tmp_path, [item(1), item(2, forceps=bare), item(3), item(4, knife="Knife[0.5, 0.2, 1.0, 0.77]")])
    recording = read(tmp_path)["023521"]
    assert (recording.width, recording.height) == SIZE == (1306, 1009)
    tracks = [(track.track_id, [t.time for t in track.boxes]) for track in recording.tracks]
    assert tracks == [("Forceps#1", [0.0]), ("Forceps#2", [2.0, 3.0]), ("Knife#1", [0.0, 1.0, 2.0, 3.0])]
    # 0.1, 0.2, 0.3, 0.4 of 1306 pixels
    assert corners(recording, "Forceps")[0.0] == pytest.approx([130.6, 261.2, 391.8, 522.4])
    assert corners(recording, "Knife")[3.0] == pytest.approx([653.0, 261.2, 1306.0, 1005.62])


def test_the_size_of_the_images_on_disk_counts_and_the_padded_copies_do_not(tmp_path: Path) -> None:
    write(tmp_path, [item(1), item(2)])
    images(tmp_path, "023521", [1, 2], (400, 400), folder="pad_images")
    assert (read(tmp_path)["023521"].width, read(tmp_path)["023521"].frames) == (1306, ())
    images(tmp_path, "023521", [1, 2, 4], (400, 200))
    recording = read(tmp_path)["023521"]
    assert (recording.width, recording.height, recording.duration) == (400, 200, 4.0)
    assert [(frame.path, frame.time) for frame in recording.frames] == [
        ("CoPESD/high_light_images/023521/0001.jpg", 0.0),
        ("CoPESD/high_light_images/023521/0002.jpg", 1.0),
        ("CoPESD/high_light_images/023521/0004.jpg", 3.0),
    ]
    # 0.5 to 0.8 of 400 pixels across, 0.2 to 0.7 of 400 down, cut at the lower border
    assert corners(recording, "Knife")[0.0] == pytest.approx([200.0, 80.0, 320.0, 200.0])
    assert said(recording) == [("", "1 images without an item")]


def test_a_clip_whose_corners_would_be_swapped_is_read_as_x_y_width_height(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            item(1, knife="Knife[0.59, 0.47, 0.33, 0.3]"),
            item(2, knife="Knife[0.1, 0.1, 0.3, 0.3]"),  # would pass as x1, y1, x2, y2: the clip decides
            item(1, clip="000001", knife="Knife[0.1, 0.1, 0.3, 0.3]"),
        ],
    )
    recordings = read(tmp_path)
    first, second = corners(recordings["023521"], "Knife").values()
    assert first == pytest.approx([770.54, 613.82, 1201.52, 1005.62])  # 0.59, 0.47, 0.92, 0.77
    assert second == pytest.approx([130.6, 130.6, 522.4, 522.4])
    assert said(recordings["023521"]) == [
        ("clip 023521", "1 of 4 boxes would have their corners swapped as x1, y1, x2, y2")
    ]
    assert corners(recordings["000001"], "Knife")[0.0] == pytest.approx([130.6, 130.6, 391.8, 391.8])
    assert recordings["000001"].findings == ()


def test_one_swapped_box_among_many_is_a_finding_and_not_a_clip_of_another_form(tmp_path: Path) -> None:
    items = [item(n, knife=f"Knife[0.5, 0.2, 0.8, 0.{n}]", forceps="Forceps") for n in range(30, 45)]
    write(tmp_path, [*items, item(45, knife="Knife[0.6, 0.2, 0.1, 0.3]", forceps="Forceps")])
    recording = read(tmp_path)["023521"]
    assert len(corners(recording, "Knife")) == 15
    assert said(recording) == [("item 15", "Knife[0.6, 0.2, 0.1, 0.3] is no box")]


def test_a_box_that_never_changes_is_no_track(tmp_path: Path) -> None:
    frames = [item(n, knife=f"Knife[0.5, 0.2, 0.8, 0.{30 + n}]") for n in range(1, 21)]
    write(tmp_path, frames)
    recording = read(tmp_path)["023521"]
    assert [track.label for track in recording.tracks] == ["Knife"]
    assert said(recording) == [("clip 023521", "the Forceps has one and the same box in 20 frames")]
    write(tmp_path, frames[:19])
    assert {track.label for track in read(tmp_path)["023521"].tracks} == {"Forceps", "Knife"}


def test_minus_zero_is_zero_and_a_box_outside_is_cut(tmp_path: Path) -> None:
    write(tmp_path, [item(1, forceps="Forceps[-0.0, -0.02, 0.5, 0.9]")])
    (track, _) = read(tmp_path)["023521"].tracks
    box = track.boxes[0].box
    assert box == Box(0.0, 0.0, 653.0, 1009.0)
    assert str(box.x1) == "0.0"


@pytest.mark.parametrize(
    ("forceps", "what"),
    [
        ("Forceps[0.1, 0.2, 0.3]", "Forceps[0.1, 0.2, 0.3] is no box"),
        ("Forceps[a, 0.2, 0.3, 0.4]", "Forceps[a, 0.2, 0.3, 0.4] is no box"),
        ("Forceps[0.1, 0.2, 0.3, 0.4] Forceps[0.2, 0.2, 0.3, 0.4]", "a second box of the Forceps"),
    ],
)
def test_a_box_that_can_not_be_read_is_a_finding(tmp_path: Path, forceps: str, what: str) -> None:
    write(tmp_path, [item(1, forceps=forceps)])
    finding = CoPESD().check(tmp_path)[0]
    assert (finding.row, finding.what) == ("item 0", what)


def test_items_that_say_nothing_and_second_ones_are_findings(tmp_path: Path) -> None:
    write(tmp_path, [item(1), item(1), {"image": "x.jpg"}, 7, {**item(2), "conversations": [{"from": "human"}]}])
    assert read(tmp_path)["023521"].duration == 1.0
    found = CoPESD().check(tmp_path)
    assert [f.row for f in found[:4]] == ["item 1", "item 2", "item 3", "item 4"]
    assert found[0].what == "a second item for frame 1 of clip 023521"


def test_a_sentence_of_no_known_motion_leaves_its_frame_unlabelled_with_a_finding(tmp_path: Path) -> None:
    write(tmp_path, [item(1), item(2, "Sing a song with the {forceps}."), item(3)])
    recording = read(tmp_path)["023521"]
    assert [(s.start, s.end) for s in recording.segments if s.kind == "action"] == [(0.0, 1.0), (2.0, 3.0)]
    assert said(recording) == [
        ("clip 023521", "1 sentences say no known motion: 'Sing a song with the Forceps[0.1, 0.2, 0.3, 0.4].'")
    ]


@pytest.mark.parametrize(
    "path", ["D:\\x\\high_light_images\\023521\\0007.jpg", "023521/0007.JPG", "/data/023521/7.png"]
)
def test_only_the_last_two_parts_of_an_image_path_count(tmp_path: Path, path: str) -> None:
    write(tmp_path, [{**item(1), "image": path}])
    assert read(tmp_path)["023521"].duration == 7.0


def test_both_splits_are_read_and_a_clip_in_both_has_none(tmp_path: Path) -> None:
    write(tmp_path / "a", [item(1), item(1, clip="000001")], "smllm_test.json")
    write(tmp_path / "a", [item(2), item(1, clip="000002")], "SMLLM_train.json")
    recordings = read(tmp_path)
    assert {name: r.official_split for name, r in recordings.items()} == {
        "000001": "test",
        "000002": "train",
        "023521": "",
    }
    assert recordings["023521"].duration == 2.0
    assert [f.what for f in CoPESD().check(tmp_path)][:1] == ["clip 023521 is in test too"]


def test_a_second_file_for_a_split_is_left_out_with_a_finding(tmp_path: Path) -> None:
    write(tmp_path, [item(1)])
    write(tmp_path, [item(1), item(2)], "smllm_test (1).json")
    assert read(tmp_path)["023521"].duration == 1.0
    finding = CoPESD().check(tmp_path)[0]
    assert (finding.file, finding.what) == ("smllm_test (1).json", "a second file for test, beside smllm_test.json")


def test_broken_json_is_a_finding_with_its_position(tmp_path: Path) -> None:
    write(tmp_path, '[{"image": ]')
    assert list(CoPESD().recordings(tmp_path)) == []
    assert CoPESD().check(tmp_path)[0].row == "line 1, column 12"


def test_absent_images_and_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, [item(1), item(1, clip="000001")])
    images(tmp_path, "000001", [1], (40, 20))
    assert CoPESD().missing(tmp_path) == ("smllm_train.json", "the images of 1 of 2 clips")
    assert CoPESD().check(tmp_path)[-1].what == "1 of 2 annotated recordings are not on disk: 023521"


def test_another_folder_is_an_error_and_the_marker_of_drawn_data_is_seen(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="not laid out as CoPESD; it holds: nothing"):
        CoPESD().check(tmp_path)
    write(tmp_path / "json", [item(1)])
    assert not CoPESD().is_synthetic(tmp_path)
    (tmp_path / "json" / "SYNTHETIC.txt").touch()
    assert CoPESD().is_synthetic(tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["from", "value", "image"]), inner),
    max_leaves=5,
)
boxes = st.lists(st.sampled_from(["0.5", "-0.0", "1e400", "nan", "x", "-3", "0.9"]), max_size=5).map(", ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(st.lists(values | st.fixed_dictionaries({"conversations": values, "image": values}), max_size=4), boxes)
def test_no_json_value_makes_the_adapter_fail(tmp_path: Path, items: list[Any], numbers: str) -> None:
    write(tmp_path, [*items, item(3, forceps=f"Forceps[{numbers}]")])
    for recording in CoPESD().recordings(tmp_path):
        for timed in (t for track in recording.tracks for t in track.boxes):
            assert 0 <= timed.box.x1 < timed.box.x2 <= recording.width
            assert 0 <= timed.box.y1 < timed.box.y2 <= recording.height
    CoPESD().check(tmp_path)
    CoPESD().counts(tmp_path)
