"""The truths of SA and CVS."""

from __future__ import annotations

from dataclasses import replace

from task_recordings import SKILL, VIEW, cholecystectomy

from medvidbench.records import RatedInterval, Rating, Recording
from medvidbench.tasks.registry import TASKS


def rated(*intervals: RatedInterval, duration: float = 600.0) -> Recording:
    return Recording("Cholec80_CVS", "video01", "g", duration, 25.0, 854, 480, video="v.mp4", rated=intervals)


def view(start: float, end: float, *values: int) -> RatedInterval:
    return RatedInterval(start, end, tuple(Rating(n, v) for n, v in zip(VIEW, values, strict=True)))


def test_skill_is_asked_of_the_whole_trial_with_six_aspects_in_the_published_order():
    recording = cholecystectomy()
    (sample,) = TASKS["SA"].ask(recording, 0)
    assert (sample.clip_start, sample.clip_end) == (0.0, 600.0)
    assert tuple(r.name for r in sample.truth.ratings) == SKILL == sample.choices
    assert sample.answer.count("/5") == 6


def test_ratings_are_put_in_order_and_under_their_published_names():
    names = ("hepatocystic_triangle", "two_structures", "cystic_plate")
    interval = RatedInterval(0, 15, tuple(Rating(n, v) for n, v in zip(names, (0, 2, 1), strict=True)))
    (sample,) = TASKS["CVS"].ask(rated(interval), 0)
    assert sample.answer == "Two structures: 2, Cystic plate: 1, Hepatocystic triangle: 0"


def test_a_short_rated_interval_is_one_clip_as_it_is():
    (sample,) = TASKS["CVS"].ask(rated(view(31, 50, 2, 0, 1)), 0)
    assert sample.duration == 19.0
    assert (sample.clip_start, sample.clip_end, sample.clip_unit) == (775.0, 1250.0, "frame")


def test_a_long_rated_interval_also_gives_windows_of_twenty_seconds_and_more_inside_it():
    # 300 s: the interval and up to 5 windows
    samples = list(TASKS["CVS"].ask(rated(view(100, 400, 1, 0, 0)), 0))
    assert 3 <= len(samples) <= 6
    for sample in samples:
        assert 100 * 25 <= sample.clip_start < sample.clip_end <= 400 * 25
        assert sample.duration >= 20
        assert [r.value for r in sample.truth.ratings] == [1, 0, 0]


def test_ratings_with_other_names_levels_or_missing_ones_are_not_asked():
    other = RatedInterval(0, 100, (Rating("Style", 3),))
    too_high = view(0, 100, 3, 0, 0)
    missing = RatedInterval(0, 100, (Rating("Cystic plate", 1), Rating("Two structures", 1)))
    for interval in (other, too_high, missing, view(50, 50, 0, 0, 0), view(50, 40, 0, 0, 0)):
        assert list(TASKS["CVS"].ask(rated(interval), 0)) == []
    assert list(TASKS["SA"].ask(rated(view(0, 100, 1, 1, 1)), 0)) == []


def test_an_interval_past_the_end_of_the_recording_is_cut():
    (sample,) = TASKS["CVS"].ask(rated(view(580, 700, 0, 0, 0), duration=600.0), 0)
    assert sample.clip_end == 600 * 25


def test_a_trial_longer_than_half_an_hour_is_still_shown_as_a_whole():
    recording = replace(cholecystectomy(), duration=2400.0, frames=(), video="v.mp4")
    interval = RatedInterval(0.0, 2400.0, tuple(Rating(name, 3) for name in SKILL))
    (sample,) = TASKS["SA"].ask(replace(recording, rated=(interval,)), 0)
    assert sample.duration == 2400.0
