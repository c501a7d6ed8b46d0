"""What the annotations say about a clip: counted by hand, and against a definition that looks at everything."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from statistics import median

import pytest
from caption_questions import FED, LONG, question, questions, recording, track
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.curation.evidence import MAX_MOMENTS, NamedLabel, SeenBox
from medvidbench.curation.gather import Gatherer, asked_interval, evenly, gather
from medvidbench.records import Box, Event, Region, Sample, Segment, TimedBox, Track


def clip(sample: Sample, start: float, duration: float, times: tuple[float, ...]) -> Sample:
    """The sample with another clip."""
    paths = tuple(f"f{t:g}.png" for t in times)
    return replace(sample, clip_offset=start, duration=duration, frame_times=times, frame_paths=paths)


SAMPLE = question("CholecT50", "VS")


@given(st.integers(0, 400), st.integers(1, 20))
def test_positions_are_spread_evenly_with_the_first_and_the_last(count: int, most: int) -> None:
    found = evenly(count, most)
    assert len(found) == min(count, most)
    assert found == sorted(set(found))
    if count > most > 1:
        assert (found[0], found[-1]) == (0, count - 1)
        gaps = [b - a for a, b in pairwise(found)]
        assert max(gaps) - min(gaps) <= 1


def test_twenty_five_shown_frames_give_twelve_moments_evenly_between_the_first_and_the_last() -> None:
    shown = tuple(float(t) for t in range(25))
    found = gather(recording("CholecT50"), clip(SAMPLE, 10.0, 25.0, shown))
    # 24 steps over 11 gaps: k * 24 / 11 = 0, 2.18, 4.36, 6.55, 8.73, 10.9, 13.1, 15.3, 17.5, 19.6, 21.8, 24
    assert [m.time for m in found.moments] == [0, 2, 4, 7, 9, 11, 13, 15, 17, 20, 22, 24]
    assert found.moments[3].frame_path == "f7.png"


def test_a_box_is_the_nearest_within_half_the_step_and_never_between_two() -> None:
    one = recording("CholecT50")
    # one box a second, with a hole at 5 and 6 s
    seconds = [t for t in range(20) if t not in (5, 6)]
    boxes = tuple(TimedBox(float(t), Box(10.0 * t, 0, 10.0 * t + 9, 9)) for t in seconds)
    one = replace(one, tracks=(Track("t", "hook", boxes),))
    times = (0.0, 2.4, 2.5, 2.6, 4.5, 4.6, 6.4, 6.5, 7.0)
    found = gather(one, clip(SAMPLE, 0.0, 20.0, times))
    # of two equally near (2.5) the earlier; 4.6 and 6.4 lie over half a second from 4 and from 7
    nearest = [[box.box.x1 / 10 for box in moment.boxes] for moment in found.moments]
    assert nearest == [[0], [2], [2], [3], [4], [], [], [7], [7]]


def test_a_box_on_a_frame_of_its_own_shows_on_that_frame_alone() -> None:
    # as in AVOS: frames minutes apart are annotated, each box is a track; half a frame at 25 per second is 0.02 s
    one = replace(recording("AVOS"), native_fps=25.0, tracks=(Track("9#1", "hand", (TimedBox(8.0, Box(1, 1, 9, 9)),)),))
    found = gather(one, clip(SAMPLE, 4.0, 20.0, (3.5, 3.97, 4.0, 4.02, 4.1)))
    assert [len(m.boxes) for m in found.moments] == [0, 0, 1, 1, 0]
    assert found.moments[2].boxes == (SeenBox("hand", "9#1", Box(1, 1, 9, 9)),)


def test_boxes_far_apart_in_time_are_not_carried_over_seconds() -> None:
    boxes = tuple(TimedBox(10.0 * i, Box(1, 1, 9, 9)) for i in range(5))  # half the step would be 5 s
    one = replace(recording("CholecT50"), tracks=(Track("t", "hook", boxes),))
    found = gather(one, clip(SAMPLE, 0.0, 40.0, (9.4, 9.6, 10.0, 10.5, 12.0)))
    assert [len(m.boxes) for m in found.moments] == [0, 1, 1, 1, 0]


def test_boxes_are_cut_to_the_frame_and_what_does_not_show_is_left_out() -> None:
    boxes = (TimedBox(0.0, Box(-5, 170, 50, 190)), TimedBox(1.0, Box(400, 10, 500, 20)), TimedBox(2.0, Box(1, 1, 2, 2)))
    one = replace(recording("CholecT50"), tracks=(Track("t", "hook", boxes),))
    found = gather(one, clip(SAMPLE, 0.0, 20.0, (0.0, 1.0, 2.0)))
    assert [[b.box for b in m.boxes] for m in found.moments] == [[Box(0, 170, 50, 180)], [], [Box(1, 1, 2, 2)]]


def test_a_label_holds_from_its_start_until_just_before_its_end() -> None:
    segments = (Segment(5.0, 8.0, "a", "action"), Segment(8.0, 9.0, "b", "action"), Segment(0.0, 60.0, "p", "phase"))
    one = replace(recording("AVOS"), segments=segments)
    found = gather(one, clip(SAMPLE, 3.0, 20.0, (1.9, 2.0, 4.9, 5.0, 6.0)))
    actions = [[n.label for n in m.labels if n.kind == "action"] for m in found.moments]
    assert actions == [[], ["a"], ["a"], ["b"], []]
    assert found.moments[1].labels == (NamedLabel("action", "a"), NamedLabel("phase", "p"))


def test_segments_and_speech_are_cut_to_the_clip_on_a_tenth_of_a_second() -> None:
    segments = (
        Segment(0.0, 12.0, "before and in", "action"),
        Segment(12.34, 15.0, "inside", "action"),
        Segment(14.98, 99.0, "to the end", "action"),
        Segment(29.96, 40.0, "vanishes on the grid", "action"),
        Segment(0.0, 10.0, "ends at the start", "action"),
        Segment(30.0, 40.0, "begins at the end", "action"),
    )
    speech = (Event(8.0, 10.5, "hello"), Event(31.0, 33.0, "later"), Event(1.0, 2.0, "earlier"))
    one = replace(recording("AVOS"), segments=segments, transcript=speech)
    found = gather(one, clip(SAMPLE, 10.0, 20.0, (0.0,)))
    assert [(s.start, s.end, s.label) for s in found.segments] == [
        (0.0, 2.0, "before and in"),
        (2.3, 5.0, "inside"),
        (5.0, 20.0, "to the end"),
    ]
    assert found.transcript == (Event(0.0, 0.5, "hello"),)


def test_the_vocabulary_is_the_sources_and_the_tracked_objects() -> None:
    found = gather(recording("CholecTrack20"), question("CholecTrack20", "RC"))
    assert [(s.kind, s.labels) for s in found.vocabulary] == [
        ("triplet", ("grasper,retract,gallbladder", "hook,dissect,cystic_plate")),
        ("object", ("grasper", "hook")),
    ]


def test_without_frames_on_disk_the_moments_lie_on_the_sampling_grid() -> None:
    found = gather(recording("CholecT50"), replace(clip(SAMPLE, 0.0, 6.0, ()), fps=0.5))
    assert [(m.time, m.frame_path) for m in found.moments] == [(0.0, ""), (2.0, ""), (4.0, "")]


@pytest.mark.parametrize("source", ["CholecTrack20", "EgoSurgery"])
@pytest.mark.parametrize("seed", range(4))
def test_a_region_question_shows_its_regions_frame_and_looks_at_the_seconds_asked_about(source: str, seed: int) -> None:
    found = Gatherer(recording(source))
    for sample in questions(source, "RC", seed):
        moments = found.gather(sample).moments
        assert sample.region is not None
        on = [m for m in moments if m.frame_path == sample.region.frame_path]
        assert [m.time for m in on] == [sample.region.time]
        # its box is among those seen there, as the question writes it
        assert (sample.region.box, sample.target) in [(b.box, b.label) for b in on[0].boxes]
        start, end = asked_interval(sample)
        shown = [t for t in sample.frame_times if start <= t <= end]
        looked_at = [m.time for m in moments if start <= m.time <= end]
        assert len(looked_at) >= min(len(shown), MAX_MOMENTS - 2)


def test_in_a_video_the_regions_frame_is_taken_at_the_regions_time() -> None:
    region = Region("", Box(0, 0, 10, 10), 3.3)
    sample = replace(SAMPLE, frame_times=(0.0, 2.0, 4.0), frame_paths=(), video="v.mp4", region=region)
    assert [m.time for m in gather(recording("CholecT50"), sample).moments] == [0.0, 2.0, 3.3, 4.0]


@given(
    st.lists(st.tuples(st.integers(0, 590), st.integers(1, 300), st.sampled_from("abc")), max_size=30),
    st.lists(st.lists(st.integers(0, 600), min_size=1, max_size=12, unique=True), max_size=5),
    st.integers(0, 40),
    st.integers(5, 20),
)
def test_the_index_finds_what_a_look_at_everything_finds(
    segments: list[tuple[int, int, str]], tracks: list[list[int]], start: int, duration: int
) -> None:
    one = replace(
        recording("AVOS"),
        segments=tuple(Segment(s / 10, (s + length) / 10, label, "action") for s, length, label in segments),
        tracks=tuple(
            Track(f"{n}", "x", tuple(TimedBox(t / 10, Box(t / 10, 0, t / 10 + 5, 5)) for t in sorted(times)))
            for n, times in enumerate(tracks)
        ),
    )
    shown = tuple(float(t) for t in range(duration))
    found = gather(one, clip(SAMPLE, float(start), float(duration), shown))
    kept = {
        (round(max(s.start - start, 0.0), 1), round(min(s.end - start, duration), 1), s.label)
        for s in one.segments
        if s.end - start > 0.05 and s.start < start + duration - 0.05
    }
    assert {(s.start, s.end, s.label) for s in found.segments} >= kept
    for moment in found.moments:
        at = start + moment.time
        assert {n.label for n in moment.labels} == {s.label for s in one.segments if s.start <= at < s.end}
        assert {b.track_id: b.box for b in moment.boxes} == dict(seen_at(one.tracks, at))


def seen_at(tracks: tuple[Track, ...], at: float) -> list[tuple[str, Box]]:
    """Every track's nearest box by looking at all of them; one frame a second, so a lone box reaches half a second."""
    found = []
    for one in tracks:
        gaps = [b.time - a.time for a, b in pairwise(one.boxes)]
        reach = min(0.5, (median(gaps) if gaps else 1.0) / 2)
        nearest = min(one.boxes, key=lambda b: (round(abs(b.time - at), 6), b.time))
        if abs(nearest.time - at) <= reach + 1e-6:
            found.append((one.track_id, nearest.box))
    return found


@pytest.mark.parametrize(("source", "task"), FED)
def test_evidence_belongs_to_its_question(source: str, task: str) -> None:
    sample = question(source, task)  # type: ignore[arg-type]
    found = gather(recording(source), sample)
    assert (found.sample_id, found.source, found.recording_id) == (sample.sample_id, source, "R1")
    assert found.duration == sample.duration
    assert 2 <= len(found.moments) <= MAX_MOMENTS
    assert {m.time for m in found.moments} <= set(sample.frame_times)


def test_a_hundred_questions_on_a_busy_recording_take_two_seconds_at_most() -> None:
    tracks = tuple(track(f"t{n}", "hook", 1.0, range(n % 30, LONG)) for n in range(200))
    segments = tuple(Segment(i / 100, i / 100 + 3.0, "cutting", "action") for i in range(5000))
    index = Gatherer(replace(recording("AVOS"), tracks=tracks, segments=segments))
    sample = clip(SAMPLE, 20.0, 5.0, (0.0, 1.0, 2.0, 3.0))
    begun = time.process_time()
    for _ in range(100):
        index.gather(sample)
    # 100 questions in 2 s is a loose bound (0.4 s seen); looking at every box for each would take minutes
    assert time.process_time() - begun < 2.0
