"""The truths of TAG, DVC, VS and NAP, against independent readings of the same segments."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from task_recordings import PHASES, cholecystectomy, recordings

from medvidbench.records import Event, Recording, Segment, Span, Spans
from medvidbench.tasks.clips import Clip
from medvidbench.tasks.registry import TASKS
from medvidbench.tasks.timeline import label_spans, scenes, steps

MANY = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def with_segments(*rows: tuple[float, float, str, str], duration: float = 200.0) -> Recording:
    segments = tuple(Segment(*row) for row in rows)
    return Recording("CholecT50", "V", "g", duration, 1.0, 100, 100, video="v.mp4", segments=segments)


# --- TAG -----------------------------------------------------------------------------------------


def test_spans_are_cut_to_the_clip_merged_when_touching_and_dropped_when_they_vanish():
    # clip [10, 60): 0-15 is cut to 0-5; 20-25 and 25-30 touch: 10-20; 40.00-40.04 is 30.0-30.0 on the grid: gone;
    # 55-80 is cut to 45-50; 60-70 lies outside
    recording = with_segments(
        (25, 30, "a", "phase"),
        (0, 15, "a", "phase"),
        (20, 25, "a", "phase"),
        (40, 40.04, "a", "phase"),
        (55, 80, "a", "phase"),
        (60, 70, "b", "phase"),
        (12, 13, "a", "triplet"),
    )
    found = label_spans(recording, Clip(10, 60, 0.5), "phase")
    assert found == {"a": (Span(0.0, 5.0), Span(10.0, 20.0), Span(45.0, 50.0))}


def test_spans_closer_than_the_grid_are_merged():
    # 1.02-2.03 and 2.04-3.0 are 1.0-2.0 and 2.0-3.0 on the grid
    recording = with_segments((1.02, 2.03, "a", "phase"), (2.04, 3.0, "a", "phase"))
    assert label_spans(recording, Clip(0, 20, 0.5), "phase") == {"a": (Span(1.0, 3.0),)}


@MANY
@given(recording=recordings())
def test_tag_truth_covers_exactly_the_moments_at_which_a_segment_of_the_label_covers_the_clip(recording):
    for sample in TASKS["TAG"].ask(recording, 0):
        assert isinstance(sample.truth, Spans)
        kinds = {s.kind for s in recording.segments if s.label == sample.target}
        start = clip_start(recording, sample)
        own = [s for s in recording.segments if s.label == sample.target and s.kind in kinds]
        for tenth in range(0, int(sample.duration * 10), max(1, int(sample.duration / 5))):
            time = tenth / 10 + 0.05
            edges = [abs(start + time - edge) for s in own for edge in (s.start, s.end)]
            if edges and min(edges) < 0.12 + abs_rounding(recording):  # on the grid a bound may move by half a step
                continue
            said = any(span.start <= time < span.end for span in sample.truth.spans)
            assert said == any(s.start <= start + time < s.end for s in own)


@MANY
@given(recording=recordings())
def test_tag_spans_ascend_do_not_touch_and_lie_on_the_grid_inside_the_clip(recording):
    for sample in TASKS["TAG"].ask(recording, 0):
        bounds = [value for span in sample.truth.spans for value in (span.start, span.end)]
        assert bounds
        assert all(a < b for a, b in pairwise(bounds))
        assert bounds[0] >= 0
        assert bounds[-1] <= round(sample.duration, 1)
        assert all(value == round(value, 1) for value in bounds)
        assert sample.target in sample.choices
        assert "null_verb" not in sample.target
        assert sample.target != "background"


# --- NAP -----------------------------------------------------------------------------------------


def test_next_action_is_the_label_of_the_step_after_the_clips_end():
    recording = cholecystectomy()
    phases = sorted((s for s in recording.segments if s.kind == "phase"), key=lambda s: s.start)
    expected = {a.end: b.label for a, b in pairwise(phases) if a.end >= 20}
    assert {s.clip_end: s.truth.label for s in TASKS["NAP"].ask(recording, 0)} == expected
    assert len(expected) >= 3


def test_next_action_is_spelled_as_in_the_file_and_offered_among_all_seven_phases_in_an_order_that_tells_nothing():
    for sample in TASKS["NAP"].ask(cholecystectomy(), 0):
        assert sample.choices == tuple(sorted(PHASES))
        assert sample.truth.label in sample.choices
        assert "carlot-triangle-dissection" in sample.question


def test_a_pause_between_steps_is_allowed_and_the_same_step_after_a_pause_is_no_next_step():
    # a 0-50, a 60-100 (same step after a pause), b 130-200: one boundary, at 100
    recording = with_segments((0, 50, "a", "phase"), (60, 100, "a", "phase"), (130, 200, "b", "phase"))
    assert [(s.label, s.start, s.end) for s in steps(recording, "phase")] == [("a", 0, 100), ("b", 130, 200)]
    samples = list(TASKS["NAP"].ask(recording, 0))
    assert [(s.clip_end, s.truth.label) for s in samples] == [(100.0, "b")]
    assert "pause" in samples[0].question


def test_a_step_that_another_one_overlaps_at_its_end_is_not_asked_about():
    # b begins before a ends; at b's end c is still going on; only d follows a clean end
    overlapping = [(0, 50, "a", "phase"), (45, 90, "b", "phase"), (80, 120, "c", "phase"), (120, 150, "d", "phase")]
    samples = list(TASKS["NAP"].ask(with_segments(*overlapping), 0))
    assert [(s.clip_end, s.truth.label) for s in samples] == [(120.0, "d")]


def test_a_long_step_that_goes_on_under_two_short_ones_makes_what_is_next_unclear():
    rows = [(0, 150, "a", "action"), (30, 50, "b", "action"), (60, 80, "c", "action")]
    assert list(TASKS["NAP"].ask(with_segments(*rows), 0)) == []


def test_background_is_neither_a_step_nor_offered():
    rows = [(0, 50, "cutting", "action"), (50, 80, "background", "action"), (80, 120, "tying", "action")]
    samples = list(TASKS["NAP"].ask(with_segments(*rows), 0))
    assert [(s.clip_end, s.truth.label, s.choices) for s in samples] == [(50.0, "tying", ("cutting", "tying"))]


# --- DVC and VS ----------------------------------------------------------------------------------


def test_events_are_the_runs_of_simultaneous_actions_inside_the_phases():
    # 0-100 preparation, 100-200 packaging. Grasper 20-60 and hook 40-60; then grasper 90-130 is cut at the phase's end.
    recording = with_segments(
        (0, 100, "preparation", "phase"),
        (100, 200, "gallbladder-packaging", "phase"),
        (20, 60, "grasper,retract,gallbladder", "triplet"),
        (40, 60, "hook,dissect,cystic_plate", "triplet"),
        (90, 130, "grasper,grasp,specimen_bag", "triplet"),
    )
    found = scenes(recording, Clip(10, 150, 0.5), 24)
    assert [(s.start, s.end, s.phase, len(s.actions)) for s in found] == [
        (10.0, 30.0, "preparation", 1),
        (30.0, 50.0, "preparation", 2),
        (80.0, 90.0, "preparation", 1),
        (90.0, 120.0, "gallbladder-packaging", 1),
    ]


def test_a_flicker_joins_the_scene_it_touches_and_the_longer_one_is_told():
    # 1 s of scissors between 20 s and 9 s of grasper: one scene of the grasper
    recording = with_segments(
        (0, 20, "grasper,retract,liver", "triplet"),
        (20, 21, "scissors,cut,liver", "triplet"),
        (21, 30, "grasper,retract,liver", "triplet"),
    )
    found = scenes(recording, Clip(0, 30, 0.5), 24)
    assert [(s.start, s.end, s.actions) for s in found] == [(0.0, 30.0, (("triplet", "grasper,retract,liver"),))]


def test_a_long_unlabelled_stretch_is_never_part_of_a_scene():
    # 6 s without a label part two scenes of the same action, however few scenes are wanted
    recording = with_segments((0, 10, "cutting", "action"), (16, 30, "cutting", "action"))
    assert len(scenes(recording, Clip(0, 30, 0.5), 24)) == 2
    # asked for one scene only, the longer one is kept, and not stretched over the pause
    assert [(s.start, s.end) for s in scenes(recording, Clip(0, 30, 0.5), 1)] == [(16.0, 30.0)]


def test_without_actions_the_phases_are_the_events():
    recording = with_segments((0, 8, "disinfection", "phase"), (8, 18, "incision", "phase"), duration=18.0)
    (sample,) = TASKS["DVC"].ask(recording, 0)
    assert sample.truth.events == (
        Event(0.0, 8.0, "The surgeon carries out disinfection."),
        Event(8.0, 18.0, "The surgeon carries out incision."),
    )


@MANY
@given(recording=recordings())
def test_events_ascend_without_overlap_inside_the_clip_with_a_sentence_each(recording):
    for sample in TASKS["DVC"].ask(recording, 0):
        events = sample.truth.events
        assert 1 <= len(events) <= 24
        assert all(a.end <= b.start for a, b in pairwise(events))
        assert all(0 <= e.start < e.end <= round(sample.duration, 1) for e in events)
        assert all(e.caption.endswith(".") and e.caption[0].isupper() and "_" not in e.caption for e in events)


def test_each_caption_says_what_is_labelled_at_that_time():
    recording = with_segments((5, 15, "hook,dissect,cystic_plate", "triplet"), duration=18.0)
    (sample,) = TASKS["DVC"].ask(recording, 0)
    assert sample.truth.events == (Event(5.0, 15.0, "The hook dissects the cystic plate."),)
    assert sample.answer == "5.0-15.0 seconds: The hook dissects the cystic plate."
    (summary,) = TASKS["VS"].ask(replace(recording, procedure="laparoscopic cholecystectomy"), 0)
    assert summary.answer == (
        "The clip shows part of this procedure: laparoscopic cholecystectomy. The hook dissects the cystic plate."
    )


def test_a_clip_without_any_label_is_asked_nothing():
    recording = with_segments((0, 1, "preparation", "phase"), duration=1000.0)
    for name in ("TAG", "DVC", "VS"):
        asked = list(TASKS[name].ask(recording, 0))
        assert all(s.clip_start == 0 for s in asked)
    assert list(TASKS["NAP"].ask(recording, 0)) == []


def clip_start(recording, sample) -> float:
    return sample.clip_start if sample.clip_unit == "input_video_time" else sample.clip_start / recording.native_fps


def abs_rounding(recording) -> float:
    return 0.5 / recording.native_fps if recording.native_fps not in (1.0, 15.0, 25.0) else 0.001
