"""NurViD's adapter on small hand-made copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Recording, Segment
from medvidbench.sources.nurvid import NurViD

Copy = dict[str, Any]


def video(annotations: list[tuple[int, float, float]], **changes: Any) -> Copy:
    listed = [{"actionID": action, "segment": [start, end]} for action, start, end in annotations]
    entry = {"operationID": 3, "annotations": listed, "duration": 100, "resolution": "854x480", "fps": 29}
    return {**entry, "subset": None, "url": "", **changes}


def write(root: Path, videos: Any) -> Path:
    path = root / "annotations" / "NurViD_annotations.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(videos if isinstance(videos, str) else json.dumps(videos), encoding="utf-8")
    return root


def put(root: Path, name: str, text: str = "") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def read(root: Path) -> dict[str, Recording]:
    return {recording.recording_id: recording for recording in NurViD().recordings(root)}


def said(recording: Recording) -> list[tuple[str, str, str]]:
    return [(finding.row, finding.what, finding.done) for finding in recording.findings]


def test_a_video_becomes_a_recording_with_times_in_seconds(tmp_path: Path) -> None:
    write(tmp_path, {"-Ly": video([(29, 10.78, 18.51), (4, 20, 30)])})
    (recording,) = NurViD().recordings(tmp_path)
    assert recording == Recording(
        source="NurViD",
        recording_id="-Ly",
        group="-Ly",
        duration=100.0,
        native_fps=29.0,
        width=854,
        height=480,
        segments=(
            Segment(10.78, 18.51, "Draw bed curtains", "action"),
            Segment(20.0, 30.0, "Position the patient", "action"),
        ),
        # by id, 4 before 29
        labels=(("action", ("Position the patient", "Draw bed curtains")),),
        procedure="Perineal Care",
    )


def test_ids_of_the_json_count_from_1_and_those_of_the_workbook_and_of_task_2_from_0(tmp_path: Path) -> None:
    write(tmp_path, {"a": video([(1, 0, 5), (177, 5, 9)], operationID=51)})
    put(tmp_path, "annotations/task2/action_test.csv", "path-label\r\n/segment_path/a_1.mp4 0\r\n/s/a_2.mp4 176\r\n")
    put(tmp_path, "annotations/task2/procedure_test.csv", "path-label\r\n/segment_path/a_2.mp4 50\r\n")
    recording = read(tmp_path)["a"]
    assert recording.procedure == "Skin Preparation"
    assert [s.label for s in recording.segments] == ["Clean and scrub the perineum", "Monitor electrocardiogram (ECG)"]
    assert [f.what for f in NurViD().check(tmp_path) if "task2" in f.file] == []


def test_a_clip_csv_that_contradicts_the_annotations_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path, {"a": video([(1, 0, 5)])})
    rows = "path-label\n/s/a_1.mp4 1\n/s/a_2.mp4 0\n/s/b_1.mp4 0\nnonsense\n"
    put(tmp_path, "annotations/task2/action_test.csv", rows)
    assert [(f.row, f.what) for f in NurViD().check(tmp_path) if "task2" in f.file] == [
        ("line 5", "'nonsense' is no path and label"),
        ("line 2", "action 1 (from 0), the annotations say 1 (from 1)"),
        ("line 3", "clip a_2 is not in the annotations"),
        ("line 4", "clip b_1 is not in the annotations"),
    ]


@pytest.mark.parametrize("name", ["task1&3/{}.csv", "task1&3_{}.csv", "Task1%263_{}.csv", "task1_3/{}.CSV"])
@pytest.mark.parametrize("header", ["path-label", "path-lable"])
def test_the_official_split_is_read_from_folders_and_flat_names(tmp_path: Path, name: str, header: str) -> None:
    write(tmp_path, {"-a": video([(4, 0, 1)]), "b_1": video([(4, 0, 1)]), "c": video([(4, 0, 1)])})
    for split, ids in {"train": "-a", "val": "b_1", "test": "c"}.items():
        put(tmp_path, f"annotations/{name.format(split)}", f"{header}\r\n/video_path/{ids}.mp4 3\r\n")
    assert {name: r.official_split for name, r in read(tmp_path).items()} == {"-a": "train", "b_1": "val", "c": "test"}
    assert not any("task1" in part for part in NurViD().missing(tmp_path))


def test_split_rows_that_fit_nothing_are_findings(tmp_path: Path) -> None:
    write(tmp_path, {"a": video([(4, 0, 1)]), "b": video([(4, 0, 1)]), "c": video([(4, 0, 1)])})
    put(tmp_path, "annotations/task1&3/train.csv", "path-label\n/v/a.mp4 3\n/v/x.mp4 3\n/v/b.mp4 4")
    put(tmp_path, "annotations/task1&3/test.csv", "path-label\n/v/a.mp4 3\n")
    assert {name: r.official_split for name, r in read(tmp_path).items()} == {"a": "train", "b": "train", "c": ""}
    assert [f.what for f in NurViD().check(tmp_path)][:4] == [
        "video x is not in the annotations",
        "procedure 4, the annotations say 3",
        "video a is in the split train too",
        "1 videos are in no split on disk: c",
    ]


def test_an_annotation_without_a_length_or_an_end_before_its_start_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"a": video([(4, 5, 5), (4, 9, 8), (4, 1, 2)])})
    recording = read(tmp_path)["a"]
    assert [(s.start, s.end) for s in recording.segments] == [(1.0, 2.0)]
    assert said(recording) == [
        ("a annotation 1", "zero length: 5 to 5 s", "left out"),
        ("a annotation 2", "its end lies before its start: 9 to 8 s", "left out"),
    ]


def test_an_end_within_a_second_of_the_cut_duration_ends_the_video_and_a_later_one_is_cut(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "rounded": video([(4, 90, 100.9)]),  # the file states 100 s, cut from up to 101
            "beyond": video([(4, 90, 101.5), (4, 120, 130), (4, -3, 2)]),
        },
    )
    recordings = read(tmp_path)
    assert (recordings["rounded"].duration, recordings["rounded"].segments[0].end) == (100.9, 100.9)
    assert recordings["rounded"].findings == ()
    beyond = recordings["beyond"]
    assert (beyond.duration, [(s.start, s.end) for s in beyond.segments]) == (100.0, [(0.0, 2.0), (90.0, 100.0)])
    assert [(what, done) for _, what, done in said(beyond)[1:]] == [
        ("90 to 101.5 s passes the video's end at 100 s", "cut there"),
        ("120 to 130 s passes the video's end at 100 s", "left out: nothing of it lies in the video"),
        ("-3 to 2 s begins before 0", "cut there"),
    ]


def test_the_length_of_a_video_on_disk_decides_when_annotations_pass_the_stated_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a": video([(4, 120, 130)])})
    put(tmp_path, "videos/a.mp4")
    monkeypatch.setattr("medvidbench.sources.nurvid_video.video_duration", lambda path: 140.5)
    recording = read(tmp_path)["a"]
    assert (recording.duration, recording.segments[0].end, recording.video) == (140.5, 130.0, "videos/a.mp4")
    assert said(recording) == [("a duration", "100 s, but the video lasts 140.50 s", "the video's length is used")]


def test_annotations_are_sorted_and_overlaps_are_kept_with_findings(tmp_path: Path) -> None:
    write(tmp_path, {"a": video([(4, 10, 20), (29, 0, 12), (1, 11, 15)])})
    recording = read(tmp_path)["a"]
    assert [s.start for s in recording.segments] == [0.0, 10.0, 11.0]
    # 0-12 meets 10-20 and 11-15; 10-20 meets 11-15
    assert said(recording) == [
        ("a", "1 annotations begin before the one above them", "sorted by time"),
        ("a", "3 pairs of annotations overlap", "kept: several actions at once"),
    ]


def test_actions_of_one_name_under_two_ids_are_one_label(tmp_path: Path) -> None:
    write(tmp_path, {"a": video([(76, 0, 1), (65, 2, 3)]), "b": video([(1, 0, 1)])})
    recordings = read(tmp_path)
    assert [s.label for s in recordings["a"].segments] == ["Defibrillate", "Defibrillate"]
    # the list of a procedure is that of all its videos
    expected = (("action", ("Clean and scrub the perineum", "Defibrillate")),)
    assert recordings["a"].labels == recordings["b"].labels == expected


def test_values_of_the_wrong_kind_are_findings(tmp_path: Path) -> None:
    entry = video([(4, 0, 1)], operationID=99, duration=None, resolution="HD", fps="?")
    entry["annotations"] += [7, {"actionID": 999, "segment": [1, 2]}, {"actionID": 4, "segment": [1]}]
    write(tmp_path, {"a": entry, "b": [], "c": video([]) | {"annotations": None}})
    recordings = read(tmp_path)
    assert [what for _, what, _ in said(recordings["a"])] == [
        "no procedure 99",
        "None is no start and end",
        "no action 999",
        "[1] is no start and end",
        "None is no length",
        "'HD' is no width and height",
        "'?' is no frame rate",
    ]
    assert (recordings["a"].duration, recordings["a"].native_fps, recordings["a"].width) == (1.0, 30.0, 0)
    assert [what for _, what, _ in said(recordings["c"])] == ["None is no list of actions"]
    assert NurViD().check(tmp_path)[0].what == "[] is no video"


def test_a_workbook_with_another_name_wins_with_a_finding(tmp_path: Path) -> None:
    from test_workbook import sheet
    from test_workbook import write as write_workbook

    def cell(place: str, text: str) -> str:
        return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'

    rows = (
        f"<row>{cell('A1', 'Procedure')}</row><row>{cell('A2', 'ID')}{cell('C2', 'English name')}</row>"
        f'<row r="3"><c r="A3"><v>2</v></c>{cell("C3", "Care")}<c r="G3"><v>3</v></c>'
        f"{cell('I3', 'Position the patient')}</row>"
    )
    write(tmp_path, {"a": video([(4, 0, 1)])})
    write_workbook(tmp_path / "annotations" / "Procedure&Action_ID.xlsx", sheet(rows))
    assert read(tmp_path)["a"].procedure == "Care"
    assert NurViD().check(tmp_path)[0].what == "procedure 2 is 'Care', published as 'Perineal Care'"


def test_videos_and_frames_are_found_by_id_and_absent_ones_are_told(tmp_path: Path) -> None:
    write(tmp_path, {name: video([(4, 0, 1)]) for name in ("-a", "b", "c")})
    put(tmp_path, "videos/-a.webm")
    for number in (1, 2, 5):
        put(tmp_path, f"frames_2fps/b/{number}.jpg")
    recordings = read(tmp_path)
    assert recordings["-a"].video == "videos/-a.webm"
    # the first frame is number 1 and two of them make a second
    assert [f.time for f in recordings["b"].frames] == [0.0, 0.5, 2.0]
    assert (recordings["c"].video, recordings["c"].frames) == ("", ())
    assert NurViD().missing(tmp_path)[-1] == "1 of 3 videos"
    assert NurViD().check(tmp_path)[-1].what == "1 of 3 annotated recordings are not on disk: c"


def test_broken_json_is_a_finding_with_its_position(tmp_path: Path) -> None:
    write(tmp_path, '{"a": {"operationID": }}')
    assert read(tmp_path) == {}
    assert NurViD().check(tmp_path)[0].row == "line 1, column 23"


@pytest.mark.parametrize("folder", ["", "deep/er"])
def test_the_annotations_are_found_below_the_named_folder(tmp_path: Path, folder: str) -> None:
    write(tmp_path / folder, {"a": video([(4, 0, 1)])})
    assert [path.name for path in NurViD().label_files(tmp_path)] == ["NurViD_annotations.json"]
    assert len(NurViD().digest(tmp_path)) == 64


def test_another_folder_is_an_error_that_says_what_it_holds(tmp_path: Path) -> None:
    put(tmp_path, "something.txt")
    with pytest.raises(MedVidBenchError, match=r"not laid out as NurViD; it holds: something.txt"):
        NurViD().check(tmp_path)
    with pytest.raises(MedVidBenchError, match="There is no folder"):
        NurViD().check(tmp_path / "absent")


def test_the_marker_of_drawn_data_is_seen(tmp_path: Path) -> None:
    write(tmp_path, {})
    assert not NurViD().is_synthetic(tmp_path)
    put(tmp_path, "SYNTHETIC.txt")
    assert NurViD().is_synthetic(tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["actionID", "segment"]), inner),
    max_leaves=5,
)
entries = st.dictionaries(st.sampled_from(["operationID", "annotations", "duration", "resolution", "fps"]), values)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.dictionaries(st.text(min_size=1, max_size=3), entries | values, max_size=3))
def test_no_json_value_makes_the_adapter_fail(tmp_path: Path, videos: Copy) -> None:
    write(tmp_path, videos)
    for recording in NurViD().recordings(tmp_path):
        assert all(0 <= s.start < s.end <= recording.duration for s in recording.segments)
    NurViD().check(tmp_path)
    NurViD().counts(tmp_path)
