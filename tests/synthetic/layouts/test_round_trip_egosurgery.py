"""EgoSurgery's layout: read back exactly, and laid out as the real one."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from round_trip import assert_equal, read_and_expected


@pytest.fixture(scope="module")
def written(tmp_path_factory, blank_pictures):
    root = tmp_path_factory.mktemp("raw") / "raw"
    return root, *read_and_expected("egosurgery", root, 7, seconds=61)


def _boxes(root, kind, split):
    return json.loads((root / "annotations" / "bbox" / "by_split" / kind / f"{split}.json").read_text())


def test_the_adapter_reads_what_the_scenes_say(written):
    _, read, wanted = written
    assert_equal(read, wanted)
    assert all(r.segments and r.tracks and r.frames for r in read)


def test_the_only_findings_are_two_boxes_of_one_class(written):
    _, read, _ = written
    assert all("several boxes of one class" in finding.what for r in read for finding in r.findings)


def test_two_clips_of_a_video_are_one_group_on_one_side(written):
    root, read, _ = written
    assert [(r.recording_id, r.group) for r in read[:2]] == [("31_1", "egosurgery/31"), ("31_2", "egosurgery/31")]
    videos = [
        {image["file_name"][:-12] for image in _boxes(root, "tools", s)["images"]} for s in ("train", "val", "test")
    ]
    assert [{name.split("/")[1] for name in names} for names in videos] == [{"31", "32"}, {"33"}, {"34"}]


def test_phase_tables_leave_out_what_is_not_labelled(written):
    root, read, _ = written
    for r in read:
        lines = (root / "annotations" / "phase" / f"{r.recording_id}.csv").read_text().splitlines()
        labelled = sum(s.end - s.start for s in r.segments)
        assert lines[0] == "Frame,Phase" and lines[1].startswith(f"{r.recording_id}_0")
        assert len(lines) - 1 == labelled / 2
    assert any(s.end != later.start for r in read for s, later in pairwise(r.segments))


def test_ids_count_from_0_in_each_file_and_boxes_are_whole_pixels(written):
    root, _, _ = written
    for kind, first in (("tools", 0), ("hands", 1)):
        for split in ("train", "val", "test"):
            document = _boxes(root, kind, split)
            assert document["images"][0]["id"] == document["annotations"][0]["id"] == 0
            assert document["categories"][0]["id"] == first
            assert all(isinstance(n, int) for a in document["annotations"] for n in a["bbox"])
            assert all(image["file_name"].startswith(f"{split}/3") for image in document["images"])
