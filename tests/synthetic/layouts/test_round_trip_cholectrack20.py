"""CholecTrack20's layout: read back exactly, and laid out as the real one."""

from __future__ import annotations

import json

import pytest
from round_trip import assert_equal, read_and_expected


@pytest.fixture(scope="module")
def written(tmp_path_factory, blank_pictures):
    root = tmp_path_factory.mktemp("raw") / "raw"
    return root, *read_and_expected("cholectrack20", root, 6)


def _documents(root):
    return [json.loads(path.read_text()) for path in sorted(root.rglob("*.json"))]


def test_the_adapter_reads_what_the_scenes_say(written):
    _, read, wanted = written
    assert_equal(read, wanted)
    assert all(r.segments and r.tracks and not r.findings for r in read)


def test_the_folder_is_the_split_and_only_testing_has_a_video(written):
    _, read, _ = written
    assert {r.official_split for r in read} == {"train", "val", "test"}
    for r in read:
        assert bool(r.video) == (r.official_split == "test") != bool(r.frames)


def test_frame_numbers_count_from_1_in_steps_of_25(written):
    root, _, _ = written
    keys = [int(key) for document in _documents(root) for key in document["annotations"]]
    assert keys and {key % 25 for key in keys} == {1}
    names = {path.stem for path in root.rglob("*.png")}
    assert "000026" in names and all(len(name) == 6 for name in names)


def test_the_file_of_every_fifth_recording_is_in_lower_case(written):
    root, _, _ = written
    assert sum(path.name.startswith("vid") for path in root.rglob("*.json")) == 1


def test_a_tool_has_three_track_ids_of_growing_reach(written):
    root, _, _ = written
    rows = [row for d in _documents(root) for instances in d["annotations"].values() for row in instances]
    reach = [
        len({(row["instrument"], row[f"{kind}_track"]) for row in rows})
        for kind in ("visibility", "intracorporeal", "intraoperative")
    ]
    assert reach[0] >= reach[1] >= reach[2] > 1


def test_actions_are_named_in_every_second_recording_only(written):
    root, _, _ = written
    named = [any(row["verb"] >= 0 for rows in d["annotations"].values() for row in rows) for d in _documents(root)]
    assert sorted(named) == [False, False, False, True, True, True]
