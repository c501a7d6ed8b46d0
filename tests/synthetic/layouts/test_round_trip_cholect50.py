"""CholecT50's layout: read back exactly, and laid out as the real one."""

from __future__ import annotations

import json

import pytest
from round_trip import assert_equal, read_and_expected


@pytest.fixture(scope="module")
def written(tmp_path_factory, blank_pictures):
    root = tmp_path_factory.mktemp("raw") / "raw"
    return root, *read_and_expected("cholect50", root, 5, seconds=60)


def test_the_adapter_reads_what_the_scenes_say(written):
    _, read, wanted = written
    assert_equal(read, wanted)
    assert all(r.segments and r.tracks and r.frames for r in read)


def test_the_only_finding_is_the_hole_in_every_third_recording(written):
    _, read, _ = written
    assert [len(r.findings) for r in read] == [0, 1, 0, 0, 1]
    assert "the longest of 3 s" in read[1].findings[0].what


def test_the_hole_has_neither_labels_nor_frames(written):
    root, read, _ = written
    document = json.loads((root / "labels" / f"{read[1].recording_id}.json").read_text())
    labelled = {int(key) for key in document["annotations"]}
    on_disk = {int(path.stem) for path in (root / "videos" / read[1].recording_id).iterdir()}
    assert labelled == on_disk
    assert len(set(range(round(read[1].duration))) - labelled) == 3


def test_every_vector_has_15_entries_and_a_second_without_action_a_placeholder(written):
    root, read, _ = written
    rows = [
        vector
        for r in read
        for vectors in json.loads((root / "labels" / f"{r.recording_id}.json").read_text())["annotations"].values()
        for vector in vectors
    ]
    placeholders = [row for row in rows if row[0] == -1]
    assert {len(row) for row in rows} == {15}
    assert placeholders and all(row[:14] == [-1, -1, *[-1.0] * 5, -1, -1, *[-1.0] * 5] for row in placeholders)
    assert all(0 <= row[14] <= 6 for row in rows)


def test_ids_from_201_on_are_no_real_ones_and_those_below_81_lie_outside_cholect50(written):
    _, read, _ = written
    assert [r.recording_id for r in read] == ["VID03", "VID09", "VID201", "VID202", "VID203"]
