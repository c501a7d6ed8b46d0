"""CholecT50 as published: what a good dataset becomes, and where it may lie."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cholect50_files import CholecT50Files, vector

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box, Recording, Segment, TimedBox
from medvidbench.sources.cholect50 import CholecT50

RETRACT, CLIP_DUCT, PLACEHOLDER = 17, 79, -1
CLIP_PARTS = (4, 4, 2)


def only(root: Path) -> Recording:
    (recording,) = CholecT50().recordings(root)
    return recording


def of_kind(recording: Recording, kind: str) -> list[Segment]:
    return [segment for segment in recording.segments if segment.kind == kind]


def test_frames_become_half_open_seconds_on_one_axis(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, range(6))
    # Frames 0 to 2 in phase 0, frames 3 to 5 in phase 1; retraction on frames 1 to 3; frame 5 carries only its phase.
    rows = {"0": [vector(-1, 0)], "1": [vector(17, 0)], "2": [vector(17, 0)], "3": [vector(17, 1)]}
    rows |= {"4": [vector(CLIP_DUCT, 1, parts=CLIP_PARTS)], "5": [vector(-1, 1)]}
    cholect50.labels(1, rows)
    recording = only(cholect50.root)
    assert of_kind(recording, "phase") == [
        Segment(0.0, 3.0, "preparation", "phase"),
        Segment(3.0, 6.0, "carlot-triangle-dissection", "phase"),
    ]
    assert of_kind(recording, "triplet") == [
        Segment(1.0, 4.0, "grasper,retract,gallbladder", "triplet"),
        Segment(4.0, 5.0, "clipper,clip,cystic_duct", "triplet"),
    ]
    assert {segment.kind for segment in recording.segments} == {"phase", "triplet"}
    assert (recording.duration, recording.native_fps, recording.width, recording.height) == (6.0, 1.0, 200, 100)
    assert [(f.path, f.time) for f in recording.frames[:2]] == [
        ("videos/VID01/000000.png", 0.0),
        ("videos/VID01/000001.png", 1.0),
    ]
    assert recording.findings == ()


def test_the_recording_says_who_it_is(cholect50: CholecT50Files) -> None:
    cholect50.frames(96, [0])
    cholect50.labels(96, {"0": [vector(17, 0)]})
    recording = only(cholect50.root)
    assert (recording.source, recording.recording_id, recording.group) == ("CholecT50", "VID96", "cholect50/VID96")
    assert (recording.official_split, recording.procedure) == ("train", "laparoscopic cholecystectomy")
    sizes = {kind: len(names) for kind, names in recording.labels}
    assert sizes == {"phase": 7, "triplet": 100, "instrument": 6, "verb": 10, "target": 15}


def test_labels_out_of_time_order_give_the_same_segments(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, range(12))
    # As strings "10" sorts before "2": numbers, not text, are the time axis.
    cholect50.labels(1, {key: [vector(17, 0)] for key in ("10", "9", "2", "11", "3")})
    assert [(s.start, s.end) for s in of_kind(only(cholect50.root), "triplet")] == [(2.0, 4.0), (9.0, 12.0)]


def test_a_hole_inside_one_phase_is_closed_and_counted_but_never_for_a_triplet(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0, 4, 5])
    cholect50.labels(1, {"0": [vector(17, 2)], "4": [vector(17, 2)], "5": [vector(17, 3)]})
    recording = only(cholect50.root)
    assert [(s.start, s.end) for s in of_kind(recording, "phase")] == [(0.0, 5.0), (5.0, 6.0)]
    assert [(s.start, s.end) for s in of_kind(recording, "triplet")] == [(0.0, 1.0), (4.0, 6.0)]
    (finding,) = recording.findings
    assert finding.what == "1 holes in the annotation inside a phase, the longest of 3 s"


def test_a_hole_between_two_phases_stays_unlabelled(cholect50: CholecT50Files) -> None:
    cholect50.labels(1, {"0": [vector(17, 2)], "4": [vector(17, 3)]})
    assert [(s.start, s.end) for s in of_kind(only(cholect50.root), "phase")] == [(0.0, 1.0), (4.0, 5.0)]


@pytest.mark.parametrize(("second", "segments"), [(121, 1), (122, 2)])
def test_a_hole_longer_than_two_minutes_ends_a_phase(cholect50: CholecT50Files, second: int, segments: int) -> None:
    # Frames 0 and 121 leave 120 seconds between them: the bound. One more is too many.
    cholect50.labels(1, {"0": [vector(17, 2)], str(second): [vector(17, 2)]})
    assert len(of_kind(only(cholect50.root), "phase")) == segments


def test_boxes_become_pixels_of_the_actual_image(cholect50: CholecT50Files) -> None:
    cholect50.frames(70, range(3), size=(612, 344))
    box = [0.25, 0.5, 0.5, 0.25]
    cholect50.labels(70, {"0": [vector(17, 0, box)], "1": [vector(17, 0, box)], "2": [vector(-1, 0)]})
    (track,) = only(cholect50.root).tracks
    # x 0.25 * 612 = 153, y 0.5 * 344 = 172, x + w 0.75 * 612 = 459, y + h 0.75 * 344 = 258.
    expected = Box(153.0, 172.0, 459.0, 258.0)
    assert (track.track_id, track.label) == ("grasper#1", "grasper")
    assert track.boxes == (TimedBox(0.0, expected), TimedBox(1.0, expected))


def test_a_track_ends_where_its_class_is_gone_or_doubled(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, range(6))
    left, right = [0.0, 0.0, 0.2, 0.2], [0.5, 0.0, 0.2, 0.2]
    rows = {str(frame): [vector(17, 0, left)] for frame in (0, 1, 3, 5)}
    rows["4"] = [vector(17, 0, left), vector(17, 0, right)]
    cholect50.labels(1, rows)
    recording = only(cholect50.root)
    times = {track.track_id: [timed.time for timed in track.boxes] for track in recording.tracks}
    assert times == {"grasper#1": [0.0, 1.0], "grasper#2": [3.0], "grasper#3": [5.0]}
    assert "1 frames show several boxes of 'grasper', which have no identity" in [f.what for f in recording.findings]


def test_one_instrument_with_two_actions_has_one_box(cholect50: CholecT50Files) -> None:
    cholect50.frames(1, [0])
    box = [0.0, 0.0, 0.2, 0.2]
    cholect50.labels(1, {"0": [vector(17, 0, box), vector(19, 0, box, parts=(0, 1, 8))]})
    (track,) = only(cholect50.root).tracks
    assert len(track.boxes) == 1


@pytest.mark.parametrize("folders", [(), ("CholecT50",), ("download", "CholecT50", "CholecT50")])
def test_the_dataset_is_found_below_the_named_folder(tmp_path: Path, folders: tuple[str, ...]) -> None:
    files = CholecT50Files(tmp_path.joinpath(*folders))
    files.frames(1, [0])
    files.labels(1, {"0": [vector(17, 0)]})
    (frame,) = only(tmp_path).frames
    assert frame.path == "/".join([*folders, "videos/VID01/000000.png"])
    assert (tmp_path / frame.path).is_file()


def test_two_copies_below_one_folder_are_an_error_that_names_both(tmp_path: Path) -> None:
    for name in ("copy1", "copy2"):
        CholecT50Files(tmp_path / name).labels(1, {"0": [vector(17, 0)]})
    with pytest.raises(MedVidBenchError, match=r"more than once: .*copy1, .*copy2"):
        CholecT50().check(tmp_path)


def test_another_folder_a_file_and_nothing_are_refused_with_the_layout(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for path, seen in [
        (tmp_path, "is not laid out as CholecT50; it holds: notes.txt"),
        (tmp_path / "notes.txt", "is a file, not a folder"),
        (tmp_path / "absent", "There is no folder"),
    ]:
        with pytest.raises(MedVidBenchError, match=seen) as caught:
            list(CholecT50().recordings(path))
        assert "labels/VIDnn.json" in caught.value.accepted
        assert "request form" in caught.value.remedy


def test_the_digest_follows_label_bytes_and_names_but_not_frames(cholect50: CholecT50Files) -> None:
    path = cholect50.labels(1, {"0": [vector(17, 0)]})
    source, before = CholecT50(), CholecT50().digest(cholect50.root)
    cholect50.frames(1, [0])
    assert source.digest(cholect50.root) == before
    shutil.copy(path, path.with_name("VID02.json"))
    assert source.digest(cholect50.root) != before
    path.with_name("VID02.json").unlink()
    path.write_text(path.read_text() + " ")
    assert source.digest(cholect50.root) != before


def test_the_marker_file_says_synthetic(cholect50: CholecT50Files) -> None:
    cholect50.labels(1, {"0": [vector(17, 0)]})
    assert not CholecT50().is_synthetic(cholect50.root)
    (cholect50.root / "SYNTHETIC.txt").write_text("drawn")
    assert CholecT50().is_synthetic(cholect50.root)


# --- CholecT45 ----------------------------------------------------------------------------------------


def write_t45(root: Path, rows: str, number: int = 2) -> None:
    (root / "triplet").mkdir(parents=True)
    (root / "triplet" / f"VID{number:02d}.txt").write_text(rows)
    CholecT50Files(root).frames(number, range(4))
    (root / "videos").rename(root / "data")


def t45_row(frame: int, *triplets: int) -> str:
    return ",".join([str(frame), *("1" if column in triplets else "0" for column in range(100))]) + "\n"


def test_the_older_text_layout_gives_triplets_without_phases(tmp_path: Path) -> None:
    rows = t45_row(0) + t45_row(1, RETRACT) + t45_row(2, RETRACT, CLIP_DUCT) + t45_row(3)
    write_t45(tmp_path, rows.replace("\n", "\r\n"))
    recording = only(tmp_path)
    assert recording.recording_id == "VID02"
    assert of_kind(recording, "phase") == []
    assert [(s.label, s.start, s.end) for s in of_kind(recording, "triplet")] == [
        ("grasper,retract,gallbladder", 1.0, 3.0),
        ("clipper,clip,cystic_duct", 2.0, 3.0),
    ]
    assert recording.frames[3].path == "data/VID02/000003.png"
    assert recording.findings == ()


def test_the_older_layout_takes_names_from_its_dictionary_and_reports_a_difference(tmp_path: Path) -> None:
    from medvidbench.sources.cholect50_classes import TRIPLETS

    write_t45(tmp_path, t45_row(0, RETRACT))
    (tmp_path / "dict").mkdir()
    names = ["grasper,retract,gall_bladder" if i == RETRACT else name for i, name in enumerate(TRIPLETS)]
    (tmp_path / "dict" / "triplet.txt").write_text("".join(f"{i}:{name}\n" for i, name in enumerate(names)))
    recording = only(tmp_path)
    assert [s.label for s in of_kind(recording, "triplet")] == ["grasper,retract,gall_bladder"]
    (finding,) = recording.findings
    assert (finding.row, finding.done) == ("dict/triplet.txt", "the file's names are used")
    assert "17: 'grasper,retract,gall_bladder' for 'grasper,retract,gallbladder'" in finding.what


def test_bad_rows_of_the_older_layout_are_findings(tmp_path: Path) -> None:
    rows = t45_row(0, RETRACT) + "1,0,1\n" + t45_row(2, RETRACT).replace(",0\n", ",7\n") + t45_row(0, CLIP_DUCT) + "\n"
    write_t45(tmp_path, rows)
    recording = only(tmp_path)
    assert [(f.row, f.what) for f in recording.findings] == [
        ("line 2", "3 columns"),
        ("line 3", "101 columns"),
        ("line 4", "frame 0 stands in two rows"),
    ]
    assert [(s.label, s.start) for s in of_kind(recording, "triplet")] == [("grasper,retract,gallbladder", 0.0)]


# --- the real file ------------------------------------------------------------------------------------


def test_the_real_vid73_is_read_whole(real_data: Path) -> None:
    root = real_data / "cholect50-challenge-val"
    recording = only(root)
    raw = json.loads((root / "labels" / "VID73.json").read_text())["annotations"]
    assert len(raw) == 160
    assert len(recording.frames) == 176
    assert (recording.width, recording.height, recording.group) == (586, 328, "cholec80/video73")
    # Seconds covered by triplets, counted straight from the vectors: one second a frame and triplet.
    named = {(key, row[0]) for key, rows in raw.items() for row in rows if row[0] >= 0}
    assert sum(s.end - s.start for s in of_kind(recording, "triplet")) == len(named)
    # Every annotated second lies in a phase segment of its own phase id.
    names = dict(recording.labels)["phase"]
    for key, rows in raw.items():
        inside = [s.label for s in of_kind(recording, "phase") if s.start <= int(key) < s.end]
        assert inside == [names[rows[0][14]]]
    # 178 vectors carry a box; three frames show two graspers each, so six boxes are in no track.
    assert sum(len(rows) for rows in raw.values()) == 178
    assert sum(len(track.boxes) for track in recording.tracks) == 178 - 6
