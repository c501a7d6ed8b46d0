"""The truths of STG and RC, against the tracks that they come from."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from task_recordings import cholecystectomy, recordings

from medvidbench.records import Box, Recording, Segment, TimedBox, Track
from medvidbench.tasks.registry import TASKS, context_of
from medvidbench.tasks.stg import times_in_question
from medvidbench.tasks.tracks import runs

BOX = Box(10, 10, 60, 60)
MANY = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def tracked(*tracks: Track, segments: tuple[Segment, ...] = (), duration: float = 100.0) -> Recording:
    return Recording(
        "CholecTrack20", "V", "g", duration, 25.0, 300, 300, video="v.mp4", tracks=tracks, segments=segments
    )


def track(name: str, label: str, times: list[float], box: Box = BOX) -> Track:
    return Track(name, label, tuple(TimedBox(t, box) for t in times))


def test_a_question_asks_for_boxes_every_n_seconds_and_the_truth_has_exactly_those_times():
    samples = list(TASKS["STG"].ask(cholecystectomy(), 0))
    assert len(samples) >= 4
    for sample in samples:
        times = tuple(b.time for b in sample.truth.boxes)
        assert times == times_in_question(sample.question) == context_of(sample).times
        assert 2 <= len(times) <= 16
        assert times[-1] < sample.duration


def test_boxes_are_the_tracks_own_at_the_times_asked_for():
    recording = cholecystectomy()
    for sample in TASKS["STG"].ask(recording, 0):
        (own,) = (t for t in recording.tracks if t.label == sample.target)
        at = {t.time: t.box for t in own.boxes}
        for timed in sample.truth.boxes:
            raw = at[sample.clip_start + timed.time]
            cut = [round(min(max(v, 0), m), 2) for v, m in zip(corners(raw), (854, 480, 854, 480), strict=True)]
            assert corners(timed.box) == tuple(cut)


def test_the_times_asked_for_are_times_of_frames_that_are_shown():
    for sample in TASKS["STG"].ask(cholecystectomy(), 0):
        assert {b.time for b in sample.truth.boxes} <= set(sample.frame_times)


@MANY
@given(recording=recordings())
def test_times_in_the_question_are_the_truths_for_any_recording(recording):
    for sample in TASKS["STG"].ask(recording, 0):
        assert tuple(b.time for b in sample.truth.boxes) == times_in_question(sample.question)
        for timed in sample.truth.boxes:
            x1, y1, x2, y2 = corners(timed.box)
            assert 0 <= x1 < x2
            assert 0 <= y1 < y2
            if recording.width:
                assert x2 <= recording.width
                assert y2 <= recording.height


def test_a_track_breaks_where_its_boxes_pause():
    # spacing 1 s, pause from 4 to 30
    times = [0.0, 1.0, 2.0, 3.0, 4.0, 30.0, 31.0, 32.0]
    recording = tracked(track("1", "hook", times))
    assert [[t.time for t in run] for run in runs(recording, recording.tracks[0])] == [times[:5], times[5:]]
    for sample in TASKS["STG"].ask(recording, 0):
        start = sample.clip_start / 25
        asked = [start + b.time for b in sample.truth.boxes]
        assert asked[-1] <= 4 or asked[0] >= 30


def test_boxes_a_minute_apart_are_no_track():
    recording = tracked(track("1", "hook", [0.0, 60.0]))
    assert runs(recording, recording.tracks[0]) == []


def test_boxes_outside_the_frame_or_without_area_leave_a_gap():
    good, outside, thin = Box(10, 10, 60, 60), Box(-50, -50, 0, 0), Box(10, 10, 10.5, 60)
    boxes = [good, good, outside, good, good, thin, Box(float("nan"), 0, 1, 1), good, good]
    recording = tracked(Track("1", "hook", tuple(TimedBox(float(i), b) for i, b in enumerate(boxes))))
    assert [[t.time for t in run] for run in runs(recording, recording.tracks[0])] == [[0, 1], [3, 4], [7, 8]]


def test_an_object_whose_label_is_in_view_twice_is_not_asked_for():
    # a second grasper from 20 s on: only windows of the first one before 20 s are left, none of the second
    first, second = track("1", "grasper", [float(t) for t in range(40)]), track("2", "grasper", [20.0, 21.0, 22.0])
    samples = list(TASKS["STG"].ask(tracked(first, second), 0))
    ends = [s.clip_start / 25 + s.truth.boxes[-1].time for s in samples]
    starts = [s.clip_start / 25 + s.truth.boxes[0].time for s in samples]
    assert all(end < 20 or start > 22 for start, end in zip(starts, ends, strict=True))


@pytest.mark.parametrize(
    ("question", "times"),
    [
        ("give its box every 2 seconds from 1.0 to 7.0 seconds", (1.0, 3.0, 5.0, 7.0)),
        ("sampled every 0.5 seconds, from 0 to 1 s", (0.0, 0.5, 1.0)),
        ("From 3 s to 8 s, every 5s", (3.0, 8.0)),
        ("from 3.0 to 9.0 seconds every 5 seconds", (3.0, 8.0)),
        ("every 5 seconds", ()),
        ("from 1 to 2 seconds", ()),
        ("every 0 seconds from 1 to 2 seconds", ()),
        ("every 1 seconds from 9 to 2 seconds", ()),
        ("every 0.001 seconds from 0 to 999999 seconds", ()),
    ],
)
def test_times_asked_for_are_read_from_the_question(question, times):
    assert times_in_question(question) == times


# --- RC ------------------------------------------------------------------------------------------


def test_the_region_is_a_box_of_the_track_on_a_frame_that_is_shown():
    recording = cholecystectomy()
    samples = list(TASKS["RC"].ask(recording, 0))
    assert len(samples) >= 4
    for sample in samples:
        assert sample.region.frame_path in sample.frame_paths
        time = dict(zip(sample.frame_paths, sample.frame_times, strict=True))[sample.region.frame_path]
        assert f"at {time:.1f} seconds" in sample.question.lower()
        (own,) = (t for t in recording.tracks if t.label == sample.target)
        at = {t.time: t.box for t in own.boxes}
        raw = at[sample.clip_start + time]
        assert sample.region.box.x2 == pytest.approx(min(raw.x2, 854), abs=0.01)


def test_a_video_backed_region_has_no_frame_file_yet():
    samples = list(TASKS["RC"].ask(replace(cholecystectomy(), frames=(), video="v.mp4"), 0))
    assert samples
    assert {s.region.frame_path for s in samples} == {""}


def test_the_question_does_not_name_the_object_and_the_sentence_does():
    for sample in TASKS["RC"].ask(cholecystectomy(), 0):
        assert sample.target not in sample.question
        assert sample.target in sample.answer


def test_the_sentence_tells_the_instruments_own_triplets_in_the_interval_and_no_others():
    segments = (
        Segment(0, 100, "grasper,retract,gallbladder", "triplet"),
        Segment(0, 100, "hook,dissect,cystic_plate", "triplet"),
        Segment(0, 100, "gallbladder-dissection", "phase"),
    )
    recording = tracked(track("1", "hook", [10.0, 11.0, 12.0]), segments=segments)
    answers = {s.answer for s in TASKS["RC"].ask(recording, 0)}
    # the box's centre (35, 35) lies in the upper left third of a 300x300 frame
    assert answers == {
        "During gallbladder dissection, the hook at the upper left of the view dissects the cystic plate."
    }


def test_without_triplets_the_sentence_tells_how_the_box_moves():
    boxes = tuple(TimedBox(float(i), Box(20 * i, 0, 20 * i + 40, 40)) for i in range(12))
    samples = list(TASKS["RC"].ask(tracked(Track("1", "Needle Holders", boxes)), 0))
    for sample in samples:
        assert sample.answer.startswith("The needle holders ")
        assert " move from the " in sample.answer or " stay at the " in sample.answer


def test_triplets_that_could_be_a_second_instruments_are_left_out():
    segments = (Segment(0, 100, "grasper,retract,liver", "triplet"),)
    times = [float(t) for t in range(10)]
    two = tracked(track("1", "grasper", times), track("2", "grasper", times), segments=segments)
    assert all("retracts" not in s.answer for s in TASKS["RC"].ask(two, 0))
    one = tracked(track("1", "grasper", times), segments=segments)
    assert all("retracts the liver" in s.answer for s in TASKS["RC"].ask(one, 0))


def test_questions_on_one_track_differ():
    samples = list(TASKS["STG"].ask(cholecystectomy(), 0))
    assert all(a.question != b.question or a.clip_id != b.clip_id for a, b in pairwise(samples))


def corners(box: Box) -> tuple[float, float, float, float]:
    return box.x1, box.y1, box.x2, box.y2
