"""AVOS's public earlier annotations: the counts of the release, and how long reading takes."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from medvidbench.records import Recording
from medvidbench.sources.avos import Avos


@pytest.fixture(scope="module")
def root(real_data: Path) -> Path:
    return real_data / "avos"


@pytest.fixture(scope="module")
def recordings(root: Path) -> list[Recording]:
    return list(Avos().recordings(root))


def test_the_counts_are_those_of_the_release(root: Path) -> None:
    assert dict(Avos().counts(root)) == {
        "segments": 7352,
        "segments: background": 3272,
        "segments: cutting": 1706,
        "segments: suturing": 1119,
        "segments: tying": 1077,
        "segments: abstain": 178,
        "videos with segments": 330,
        "videos in videos.csv": 334,
        "videos in train.csv": 288,
        "videos in test.csv": 55,
        # the boxes here are a sample: 60 YOLO files, and the RetinaNet table of the test split
        "YOLO files": 60,
        "YOLO boxes": 173,
        "RetinaNet box frames": 538,
        "RetinaNet boxes": 320,
    }


def test_hours_by_label_are_those_of_the_release(recordings: list[Recording]) -> None:
    hours: defaultdict[str, float] = defaultdict(float)
    for segment in (s for r in recordings for s in r.segments):
        hours[segment.label] += (segment.end - segment.start) / 3600
    expected = {"background": 21.3, "cutting": 17.8, "suturing": 5.3, "tying": 3.9, "abstain": 1.07}
    assert dict(hours) == pytest.approx(expected, abs=0.05)


def test_250_neighbours_with_one_label_are_joined_and_the_ten_overlaps_are_among_them(
    recordings: list[Recording],
) -> None:
    found = [f for r in recordings for f in r.findings]
    assert sum(int(f.what.split()[0]) for f in found if "neighbours" in f.what) == 250
    assert [f.done for f in found if "before the one above it ends" in f.what] == ["joined"] * 10
    assert sum(len(r.segments) for r in recordings) == 7352 - 250
    assert sum(bool(r.segments) for r in recordings) == 330


def test_segments_tile_a_video_without_an_overlap(recordings: list[Recording]) -> None:
    for recording in recordings:
        starts, ends = [s.start for s in recording.segments], [s.end for s in recording.segments]
        assert starts[1:] == ends[:-1]


def test_stretches_before_zero_and_impossible_durations_are_findings(recordings: list[Recording]) -> None:
    found = [f for r in recordings for f in r.findings]
    assert sum(f.done == "cut at 0" for f in found) == 7
    # videos.csv states 0 s for five annotated videos, of which RDpE1Q9Bkno has boxes alone
    assert sorted(f.row for f in found if f.what.startswith("0 s, but the annotations end at")) == [
        "AYt94DNtKXU",
        "RDpE1Q9Bkno",
        "aSnUUpTgYW0",
        "bM0gMFbQJ-E",
        "vmJjIIt-wAY",
    ]


def test_the_id_cut_short_in_the_test_list_is_matched(root: Path, recordings: list[Recording]) -> None:
    assert {r.recording_id: r.official_split for r in recordings}["1AwmGrnk-Qs"] == "test"
    (finding,) = (f for f in Avos().check(root) if "cut short" in f.what)
    assert (finding.file, finding.row, finding.done) == (
        "annotations/test.csv",
        "line 13",
        "read as 1AwmGrnk-Qs",
    )
    # 330 videos with segments and ten more with boxes alone, all in one of the two lists
    assert Counter(r.official_split for r in recordings) == {"train": 285, "test": 55}


def test_pixel_boxes_are_read_and_yolo_boxes_wait_for_a_frame_size(recordings: list[Recording]) -> None:
    labels = Counter(track.label for r in recordings for track in r.tracks)
    assert labels == {"bovie": 70, "forceps": 108, "needledriver": 142}
    left = [f for r in recordings for f in r.findings if "whose size scales them" in f.what]
    assert (len(left), sum(int(f.what.split()[0]) for f in left)) == (7, 173)


def test_reading_and_checking_takes_under_two_seconds(root: Path) -> None:
    start = time.process_time()
    assert sum(1 for _ in Avos().recordings(root)) == 340
    Avos().check(root)
    assert time.process_time() - start < 2.0
