"""CoPESD's released test file: its counts, its motions, and how long reading takes."""

from __future__ import annotations

import json
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from medvidbench.records import Recording
from medvidbench.sources.copesd import CoPESD
from medvidbench.sources.copesd_items import find_files, read_clips
from medvidbench.sources.copesd_motions import ACTION_OF, ACTIONS, action_of, motion_of
from medvidbench.sources.files import Files


@pytest.fixture(scope="module")
def root(real_data: Path) -> Path:
    return real_data / "copesd"


@pytest.fixture(scope="module")
def sentences(root: Path) -> list[str]:
    items = json.loads((root / "smllm_test.json").read_text())
    return [item["conversations"][1]["value"] for item in items]


@pytest.fixture(scope="module")
def recordings(root: Path) -> dict[str, Recording]:
    return {recording.recording_id: recording for recording in CoPESD().recordings(root)}


def test_the_counts_are_those_of_the_release(root: Path, recordings: dict[str, Recording]) -> None:
    assert dict(CoPESD().counts(root)) == {
        "items": 1787,
        "items of clip 023521": 1049,
        "items of clip 233029": 518,
        "items of clip 232521": 220,
        "boxes of Forceps": 1677,
        "boxes of Knife": 1779,
    }
    # the frames of each clip count from 1 without a gap
    assert {name: r.duration for name, r in recordings.items()} == {"023521": 1049, "232521": 220, "233029": 518}


def test_every_sentence_has_a_motion_and_an_action(sentences: list[str]) -> None:
    motions = [motion_of(sentence) for sentence in sentences]
    assert None not in motions
    assert Counter(action_of(motion) for motion in motions if motion is not None) == {
        "dissect flap tissue with knife": 1064,
        "lift flap with forceps": 309,
        "retract flap edge with forceps and knife": 153,
        "position flap with forceps only": 110,
        "position flap with forceps and knife": 98,
        "stabilize flap with forceps": 31,
        "retract flap edge with forceps only": 14,
        "adjust camera": 8,
    }


def test_no_motion_has_more_than_its_five_paraphrases(sentences: list[str]) -> None:
    paraphrases: defaultdict[str | None, set[str]] = defaultdict(set)
    for sentence in sentences:
        paraphrases[motion_of(sentence)].add(re.sub(r"\[[^\]]*\]", "", sentence))
    assert sum(map(len, paraphrases.values())) == 103
    # the authors wrote five for each: a motion with six would be two motions put together
    assert max(map(len, paraphrases.values())) == 5
    common = {motion for motion, said in paraphrases.items() if sum(_count(sentences, said)) >= 50}
    assert {len(paraphrases[motion]) for motion in common} == {5}


def _count(sentences: list[str], said: set[str]) -> list[int]:
    bare = Counter(re.sub(r"\[[^\]]*\]", "", sentence) for sentence in sentences)
    return [bare[sentence] for sentence in said]


def test_segments_tile_each_clip(recordings: dict[str, Recording]) -> None:
    for recording in recordings.values():
        for kind in ("action", "motion"):
            row = [s for s in recording.segments if s.kind == kind]
            assert [s.start for s in row] == [0.0, *(s.end for s in row[:-1])]
            assert row[-1].end == recording.duration


def test_one_clip_is_read_as_x_y_width_height_and_one_has_boxes_that_follow_nothing(
    recordings: dict[str, Recording],
) -> None:
    said = {name: [(f.what, f.done) for f in r.findings] for name, r in recordings.items()}
    done = "left out: it follows nothing"
    assert said == {
        "023521": [],
        "232521": [
            ("the Forceps has one and the same box in 220 frames", done),
            ("the Knife has one and the same box in 220 frames", done),
        ],
        "233029": [
            (
                "488 of 1018 boxes would have their corners swapped as x1, y1, x2, y2",
                "all boxes of the clip are read as x, y, w, h",
            )
        ],
    }
    boxes = {name: sum(len(track.boxes) for track in r.tracks) for name, r in recordings.items()}
    assert boxes == {"023521": 952 + 1046, "232521": 0, "233029": 505 + 513}


def test_most_knife_boxes_of_that_clip_would_be_empty_as_corners(root: Path) -> None:
    files = Files(root)
    clip = read_clips(files, find_files(files, CoPESD()))["233029"]
    knives = [frame.numbers["Knife"] for frame in clip.frames.values() if "Knife" in frame.numbers]
    assert (len(knives), sum(c <= a or d <= b for a, b, c, d in knives)) == (513, 452)


def test_boxes_lie_in_the_image_and_reach_its_lower_border(recordings: dict[str, Recording]) -> None:
    # 0.77 of 1306 pixels is as far down as boxes go; y and h are rounded each, so their sum may reach 0.78
    for name, lowest in {"023521": 1005.62, "233029": 1009.0}.items():
        boxes = [timed.box for track in recordings[name].tracks for timed in track.boxes]
        assert max(box.y2 for box in boxes) == pytest.approx(lowest)
        assert all(0 <= box.x1 < box.x2 <= 1306 and 0 <= box.y1 < box.y2 <= 1009 for box in boxes)


def test_there_is_at_most_one_box_of_an_instrument_at_a_time(recordings: dict[str, Recording]) -> None:
    for recording in recordings.values():
        times = Counter((track.label, timed.time) for track in recording.tracks for timed in track.boxes)
        assert set(times.values()) <= {1}


def test_the_eight_actions_are_those_of_the_published_protocol() -> None:
    assert set(ACTION_OF.values()) == set(ACTIONS)
    assert len(ACTIONS) == 8


def test_reading_and_checking_takes_under_two_seconds(root: Path) -> None:
    start = time.process_time()
    assert sum(1 for _ in CoPESD().recordings(root)) == 3
    CoPESD().check(root)
    assert time.process_time() - start < 2.0
