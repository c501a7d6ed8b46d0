"""AVOS's layout: read back exactly, and laid out as the real one."""

from __future__ import annotations

import csv

import pytest
from round_trip import assert_equal, read_and_expected

from medvidbench.sources.registry import source_of


@pytest.fixture(scope="module")
def written(tmp_path_factory, blank_pictures):
    root = tmp_path_factory.mktemp("raw") / "raw"
    return root, *read_and_expected("avos", root, 5, seconds=60)


def test_the_adapter_reads_what_the_scenes_say(written):
    _, read, wanted = written
    assert_equal(read, wanted)
    assert all(r.segments and r.tracks and r.video for r in read)


def test_segments_tile_each_video(written):
    _, read, _ = written
    for r in read:
        bounds = [0.0, *(s.end for s in r.segments)]
        assert [s.start for s in r.segments] == bounds[:-1] and bounds[-1] == r.duration


def test_the_table_has_the_columns_of_version_0_5(written):
    root, _, _ = written
    with (root / "annotations" / "v0.5.0-anns-smoothed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("", "video_id", "labeler_2", "labeler_1", "duration", "labeler_3", "label", "start_seconds", "end_seconds")
    ]
    assert {row["label"] for row in rows} >= {"background", "abstain", "cutting"}
    assert all(float(row["duration"]) == float(row["end_seconds"]) - float(row["start_seconds"]) for row in rows)


def test_half_of_the_ids_begin_with_a_dash_and_one_test_id_is_cut_short(written):
    root, read, _ = written
    assert sum(r.recording_id.startswith("-") for r in read) == 3
    assert {len(r.recording_id) for r in read} == {11}
    assert (root / "annotations" / "test.csv").read_text() == "video_id\n_004synA\n"


def test_findings_tell_of_joined_rows_and_the_short_id_alone(written):
    root, read, _ = written
    assert {finding.done for r in read for finding in r.findings} <= {"joined"}
    assert [f.done for f in source_of("avos").check(root)] == ["read as _004synAVOS"]


def test_a_box_lies_on_a_15_fps_frame_and_no_folder_of_old_boxes_is_read(written):
    root, read, _ = written
    assert (root / "boxes" / "train" / "backup").is_dir()
    times = {timed.time for r in read for track in r.tracks for timed in track.boxes}
    assert 0.0 not in times and all(time * 15 == round(time * 15) for time in times)
