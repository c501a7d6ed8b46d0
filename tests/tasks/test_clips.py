"""Clip planning: lengths, sampling rates, frames on the grid."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from task_recordings import cholecystectomy

from medvidbench.records import FrameFile, Recording
from medvidbench.tasks.clips import clip_around, clip_ending_at, draw, frame_rate, make_clip, plan_clips, sample_frames


def folder(times: list[float], native: float = 1.0, duration: float | None = None) -> Recording:
    frames = tuple(FrameFile(f"{t}.png", t) for t in times)
    return Recording("CholecT50", "V", "g", duration or times[-1] + 1, native, 10, 10, frames=frames)


def test_frames_of_a_clip_are_those_on_the_grid_and_holes_stay_holes():
    # 1 fps folder without 14 and 15; clip [10, 20) at 0.5 fps: grid 10, 12, 14, 16, 18, and 14 is missing
    recording = folder([float(t) for t in range(30) if t not in (14, 15)])
    frames = sample_frames(recording, 10.0, 20.0, 0.5)
    assert [(f.path, f.time) for f in frames] == [
        ("10.0.png", 0.0),
        ("12.0.png", 2.0),
        ("16.0.png", 6.0),
        ("18.0.png", 8.0),
    ]


def test_a_grid_time_between_two_files_takes_the_nearest_and_never_one_file_twice():
    # files every 0.4 s, grid every 1/3 s: 0, .333, .667, 1 -> nearest files 0, .4, .8, .8 (dropped as a repeat)
    recording = folder([0.0, 0.4, 0.8, 1.2, 1.6, 2.0], native=2.5)
    assert [f.time for f in sample_frames(recording, 0.0, 1.1, 3.0)] == [0.0, 0.4, 0.8]


def test_the_frame_at_the_clips_end_belongs_to_the_next_clip():
    recording = folder([float(t) for t in range(10)])
    assert [f.time for f in sample_frames(recording, 0.0, 4.0, 1.0)] == [0.0, 1.0, 2.0, 3.0]
    # files every 2 s, grid 0 and 3.33: the nearest file to the second is at 4 s, the end
    assert [f.time for f in sample_frames(folder([0.0, 2.0, 4.0], native=0.5), 0.0, 4.0, 0.3)] == [0.0]


def test_files_at_one_a_second_limit_the_rate_however_fast_the_native_index_counts():
    assert frame_rate(folder([0.0, 1.0, 2.0, 7.0], native=25.0)) == 1.0
    assert frame_rate(folder([0.0, 2.0, 4.0], native=0.5)) == 0.5


def test_a_recording_under_twenty_seconds_is_one_clip_as_a_whole():
    recording = Recording("AVOS", "short", "g", 12.5, 15.0, 10, 10, video="a.mp4")
    assert [(c.start, c.end, c.duration) for c in plan_clips(recording, "TAG", 0)] == [(0.0, 12.5, 12.5)]


def test_longer_recordings_get_more_clips_up_to_a_bound():
    counts = [
        len(list(plan_clips(Recording("AVOS", "r", "g", length, 15.0, 10, 10, video="a.mp4"), "TAG", 0)))
        for length in (60.0, 600.0, 6000.0)
    ]
    assert counts == [4, 10, 32]


def test_sampling_rates_follow_the_published_shares():
    # published: 0.5 fps 63 %, 1.0 22 %, 2.0 8 %; clips too long or short for a rate shift the shares a little
    rates = Counter(
        clip.fps
        for i in range(120)
        for clip in plan_clips(Recording("AVOS", f"r{i}", "g", 1500.0, 15.0, 10, 10, video="a.mp4"), "TAG", 0)
    )
    total = sum(rates.values())
    assert 0.5 < rates[0.5] / total < 0.7
    assert 0.1 < rates[1.0] / total < 0.3
    assert 0.02 < rates[2.0] / total < 0.12
    assert set(rates) == {0.1, 0.2, 0.5, 1.0, 2.0, 3.0}


def test_a_clip_shows_8_to_384_frames_at_its_rate():
    for i in range(50):
        for clip in plan_clips(Recording("AVOS", f"r{i}", "g", 4000.0, 15.0, 10, 10, video="a.mp4"), "VS", 0):
            assert 8 <= clip.duration * clip.fps <= 384


def test_a_hole_without_two_frames_gives_no_clip():
    recording = folder([0.0, 1.0, 2.0, 500.0], duration=600.0)
    assert make_clip(recording, 100.0, 300.0, 0) is None
    assert all(len(clip.frames) >= 2 for clip in plan_clips(recording, "TAG", 0))


def test_a_clip_that_must_end_at_a_time_ends_there_and_needs_twenty_seconds_before_it():
    recording = replace(cholecystectomy(), frames=())
    clip = clip_ending_at(recording, 333.3, 1)
    assert clip is not None
    assert clip.end == 333.3
    assert 20 <= clip.duration <= 1800
    assert clip_ending_at(recording, 19.0, 1) is None


@pytest.mark.parametrize("key", range(40))
def test_a_clip_around_an_interval_holds_it_and_shows_its_times(key):
    recording = cholecystectomy()
    clip = clip_around(recording, 203.0, 224.0, 4.0, key)
    assert clip is not None
    assert clip.start <= 203.0
    assert clip.end >= 224.0
    shown = {round(clip.start + frame.time, 3) for frame in clip.frames}
    assert shown >= {203.0, 207.0, 211.0, 215.0, 219.0, 223.0}


def test_draws_count_numbers_by_value_and_spread_evenly():
    assert draw(5, "a") == draw(5.0, "a") != draw(5, "b")
    values = [draw("x", i) for i in range(2000)]
    # mean of 2,000 uniform draws: 0.5 with a standard error of 0.0065
    assert abs(sum(values) / len(values) - 0.5) < 0.03
    assert 0 <= min(values) < 0.01 < 0.99 < max(values) < 1
