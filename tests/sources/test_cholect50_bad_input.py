"""What is wrong in a CholecT50 copy: each kind of fault becomes a finding, and the rest is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from cholect50_files import CholecT50Files, vector
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.records import Finding, Recording
from medvidbench.sources.cholect50 import CholecT50
from medvidbench.sources.cholect50_labels import read_json, read_txt


def read(files: CholecT50Files) -> tuple[Recording, list[Finding]]:
    (recording,) = CholecT50().recordings(files.root)
    return recording, list(recording.findings)


def triplets(recording: Recording) -> list[tuple[float, float]]:
    return [(s.start, s.end) for s in recording.segments if s.kind == "triplet"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"annotations": {"0": [[17,', "not JSON: Expecting value"),
        ("", "not JSON: Expecting value"),
        ("[1, 2]", 'no object "annotations" at the top'),
        ('{"annotations": [1]}', 'no object "annotations" at the top'),
        ("[" * 100_000, "not readable as JSON"),
        ('{"annotations": {}, "fps": ' + "9" * 5000 + "}", "not readable as JSON"),
    ],
)
def test_an_unreadable_label_file_is_one_finding_and_the_run_goes_on(
    cholect50: CholecT50Files, text: str, what: str
) -> None:
    cholect50.frames(1, [0])
    cholect50.write(1, text)
    cholect50.labels(2, {"0": [vector(17, 0)]})
    broken, good = CholecT50().recordings(cholect50.root)
    (finding,) = broken.findings
    assert what in finding.what
    assert (finding.file, finding.done) == ("labels/VID01.json", "the recording has no labels")
    assert broken.segments == ()
    assert triplets(good) == [(0.0, 1.0)]


def test_the_position_of_broken_json_is_named(cholect50: CholecT50Files) -> None:
    cholect50.write(1, '{"video": 1,\n "annotations": {"0": [[17,}')
    assert read(cholect50)[1][0].row == "line 2, column 28"


def test_a_label_file_that_is_not_utf8_is_a_finding_and_a_byte_order_mark_is_not(cholect50: CholecT50Files) -> None:
    path = cholect50.labels(1, {"0": [vector(17, 0)]})
    text = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + text)
    assert triplets(read(cholect50)[0]) == [(0.0, 1.0)]
    path.write_bytes(b"\xff\xfe" + text)
    (finding,) = read(cholect50)[1]
    assert finding.what.startswith("not readable: 'utf-8'")


def test_a_labelled_frame_that_does_not_exist_is_one_finding_each(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0, 2])
    cholect50.labels(1, {str(frame): [vector(17, 0)] for frame in range(4)})
    recording, findings = read(cholect50)
    done = "its labels are kept"
    assert findings == [
        Finding("labels/VID01.json", "frame 1", "no such frame on disk", done),
        Finding("labels/VID01.json", "frame 3", "no such frame on disk", done),
    ]
    assert triplets(recording) == [(0.0, 4.0)]
    assert [frame.time for frame in recording.frames] == [0.0, 2.0]


def test_frames_without_labels_are_holes_and_no_finding(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, range(5))
    cholect50.labels(1, {"1": [vector(17, 0)]})
    recording, findings = read(cholect50)
    assert findings == []
    assert (len(recording.frames), recording.duration, triplets(recording)) == (5, 5.0, [(1.0, 2.0)])


def test_only_six_digit_png_names_are_frames_and_the_rest_is_said(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0, 1])
    folder = cholect50.root / "videos" / "VID01"
    for name in ("000001 (1).png", "0001.png", "000002.jpg", ".DS_Store", "000003.png.part"):
        (folder / name).write_bytes(b"x")
    cholect50.labels(1, {"0": [vector(17, 0)], "1": [vector(17, 0)]})
    recording, (finding,) = read(cholect50)
    assert [frame.path for frame in recording.frames] == ["videos/VID01/000000.png", "videos/VID01/000001.png"]
    assert finding.what.startswith("5 entries not named like 000000.png")
    assert "000001 (1).png" in finding.what


def test_labels_without_a_frame_folder_are_annotation_only(cholect50: CholecT50Files) -> None:
    cholect50.labels(1, {"0": [vector(17, 0, [0.1, 0.1, 0.2, 0.2])]})
    recording, findings = read(cholect50)
    assert (recording.frames, recording.width, recording.tracks) == ((), 0, ())
    assert [f.what for f in findings] == [
        "labels without frames on disk",
        "1 boxes without an image, whose size scales them",
    ]


def test_a_frame_folder_without_labels_is_kept_without_truth(cholect50: CholecT50Files) -> None:
    cholect50.labels(1, {"0": [vector(17, 0)]})
    cholect50.frames(2, [0])
    second = list(CholecT50().recordings(cholect50.root))[1]
    assert (second.recording_id, second.segments) == ("VID02", ())
    assert second.findings == (
        Finding("videos/VID02", "", "frames without a label file", "kept without truth: no questions"),
    )


def test_stray_entries_of_the_label_and_video_folders_are_findings(cholect50: CholecT50Files) -> None:
    cholect50.labels(1, {"0": [vector(17, 0)]})
    (cholect50.root / "labels" / "vid1.json").write_text("{}")
    (cholect50.root / "labels" / "notes.txt").write_text("x")
    (cholect50.root / "videos" / "backup").mkdir(parents=True)
    found = {(f.file, f.what) for f in CholecT50().check(cholect50.root)}
    assert found == {
        ("labels/vid1.json", "a second entry for video 1"),
        ("labels/notes.txt", "not named like VID01.json"),
        ("videos/backup", "not named like VID01"),
    }


def test_an_image_that_cannot_be_read_gives_its_size_to_the_next(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0, 1], size=(64, 32))
    (cholect50.root / "videos" / "VID01" / "000000.png").write_bytes(b"")
    cholect50.labels(1, {"0": [vector(17, 0)], "1": [vector(17, 0)]})
    recording, (finding,) = read(cholect50)
    assert (recording.width, recording.height) == (64, 32)
    assert (finding.row, finding.what) == ("frame 0", "not readable as an image")


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (vector(17, 0)[:14], "14 entries instead of a vector of 15 entries"),
        ("text", "a str instead of a vector of 15 entries"),
        (vector(100, 0), "triplet id 100 is unknown"),
        (vector(-2, 0), "triplet id -2 is unknown"),
        (vector(17, 7), "phase id 7 is unknown"),
        (vector(17, 0, parts=(6, 1, 0)), "instrument id 6 is unknown"),
        ([None, *vector(17, 0)[1:]], "triplet id None is unknown"),
        ([True, *vector(17, 0)[1:]], "triplet id True is unknown"),
        ([[17], *vector(17, 0)[1:]], "triplet id [17] is unknown"),
        ([float("nan"), *vector(17, 0)[1:]], "triplet id nan is unknown"),
        ([17.5, *vector(17, 0)[1:]], "triplet id 17.5 is unknown"),
    ],
)
def test_a_bad_vector_is_left_out_and_its_neighbour_kept(cholect50: CholecT50Files, bad: object, what: str) -> None:
    cholect50.frames(1, [0])
    cholect50.labels(1, {"0": [bad, vector(17, 0)]})
    recording, findings = read(cholect50)
    assert [(f.row, f.what) for f in findings] == [("frame 0, vector 0", what)]
    assert triplets(recording) == [(0.0, 1.0)]


@pytest.mark.parametrize(
    ("annotations", "row", "what"),
    [
        ({"x": []}, "frame x", "the key is no frame number"),
        ({"-1": []}, "frame -1", "the key is no frame number"),
        ({"1.0": []}, "frame 1.0", "the key is no frame number"),
        ({"0": {"a": 1}}, "frame 0", "a dict instead of a list of vectors"),
        ({"0": [], "000": [vector(17, 0)]}, "frame 000", "frame 0 stands under two keys"),
        ({"0": [vector(17, 0), vector(17, 3)]}, "frame 0", "phases [0, 3] in one frame"),
        (
            {"0": [vector(17, 0, parts=(2, 1, 0))]},
            "frame 0, vector 0",
            "instrument 'hook' beside the triplet grasper,retract,gallbladder",
        ),
    ],
)
def test_a_bad_frame_entry_is_a_finding(
    cholect50: CholecT50Files, annotations: dict[str, object], row: str, what: str
) -> None:
    cholect50.frames(1, [0])
    cholect50.labels(1, annotations, num_frames=1)
    assert [(f.row, f.what) for f in read(cholect50)[1]] == [(row, what)]


def test_a_key_that_stands_twice_is_a_finding(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0])
    path = cholect50.labels(1, {"0": [vector(17, 0)]})
    path.write_text(path.read_text().replace('"annotations": {', '"annotations": {"0": [], '))
    recording, (finding,) = read(cholect50)
    assert (finding.row, finding.what) == ("0", "a key stands more than once in one object")
    assert triplets(recording) == [(0.0, 1.0)]


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"fps": "1"}, "fps"),
        ({"fps": 0}, "fps"),
        ({"fps": None}, "fps"),
        ({"video": 7}, "video"),
        ({"num_frames": 99}, "num_frames"),
    ],
)
def test_a_header_that_contradicts_the_files_is_one_finding(
    cholect50: CholecT50Files, changes: dict[str, object], row: str
) -> None:
    cholect50.frames(1, [0])
    cholect50.labels(1, {"0": [vector(17, 0)]}, **changes)
    recording, findings = read(cholect50)
    assert [f.row for f in findings] == [row]
    assert (recording.recording_id, recording.native_fps, recording.duration) == ("VID01", 1.0, 1.0)


def test_another_frame_rate_scales_the_time_axis_and_is_said(cholect50: CholecT50Files) -> None:
    cholect50.labels(1, {"50": [vector(17, 0)]}, fps=25)
    recording, findings = read(cholect50)
    assert findings[0].what == "25 instead of the published 1"
    assert triplets(recording) == [(2.0, 2.04)]


def test_without_class_names_the_published_ones_serve(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0])
    cholect50.labels(1, {"0": [vector(17, 0)]}, categories=None)
    recording, findings = read(cholect50)
    assert len(findings) == 5
    assert {f.done for f in findings} == {"the published names are used"}
    assert recording.segments[0].label == "preparation"


def test_other_class_names_win_and_are_said(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0])
    path = cholect50.labels(1, {"0": [vector(17, 1)]})
    path.write_text(path.read_text().replace("carlot-triangle", "calot-triangle"))
    recording, (finding,) = read(cholect50)
    assert recording.segments[0].label == "calot-triangle-dissection"
    assert dict(recording.labels)["phase"][1] == "calot-triangle-dissection"
    assert "1: 'calot-triangle-dissection' for 'carlot-triangle-dissection'" in finding.what


@pytest.mark.parametrize(
    ("box", "what"),
    [
        ([0.9, 0.0, 0.2, 0.5], "a box 20.0 pixels outside the image"),  # 1.1 * 200 = 220, the image is 200 wide
        ([-0.1, 0.0, 0.2, 0.5], "a box 20.0 pixels outside the image"),
        ([0.1, 0.1, 0.0, 0.5], "instrument box [0.1, 0.1, 0.0, 0.5] is no x, y, width, height"),
        ([0.1, 0.1, 0.2, -1.0], "instrument box [0.1, 0.1, 0.2, -1.0] is no x, y, width, height"),
        ([0.1, float("nan"), 0.2, 0.1], "instrument box [0.1, nan, 0.2, 0.1] is no x, y, width, height"),
    ],
)
def test_a_box_that_cannot_be_or_leaves_the_image_is_a_finding(
    cholect50: CholecT50Files, box: list[float], what: str
) -> None:
    cholect50.frames(1, [0])
    cholect50.labels(1, {"0": [vector(17, 0, box)]})
    assert [f.what for f in read(cholect50)[1]] == [what]


def test_a_box_past_the_border_by_rounding_is_cut_without_a_finding(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0])
    cholect50.labels(1, {"0": [vector(17, 0, [0.5, 0.5, 0.5012, 0.5])]})
    recording, findings = read(cholect50)
    assert findings == []
    assert recording.tracks[0].boxes[0].box.x2 == 200.0


def test_a_box_wholly_outside_is_left_out(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0])
    cholect50.labels(1, {"0": [vector(17, 0, [300.0, 20.0, 40.0, 40.0])]})  # pixels where fractions belong
    recording, (finding,) = read(cholect50)
    assert (recording.tracks, finding.done) == ((), "left out")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=16) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(
    document=st.fixed_dictionaries(
        {"annotations": JSON_VALUES}, optional={"fps": JSON_VALUES, "categories": JSON_VALUES}
    )
)
def test_any_json_is_read_without_an_exception(
    document: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    import json

    path = tmp_path_factory.getbasetemp() / "VID01.json"
    path.write_text(json.dumps(document))
    read_json(path, "VID01.json", 1)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_is_read_without_an_exception(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "VID01.txt"
    path.write_text(text, encoding="utf-8")
    read_txt(path, "VID01.txt", None)
