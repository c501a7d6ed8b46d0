"""What all eight `ask` have in common: identity, clips, frames, independence of order."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from task_recordings import cholecystectomy, recordings, shuffled

from medvidbench.records import TASK_NAMES
from medvidbench.tasks.clips import frame_rate
from medvidbench.tasks.registry import TASKS

MANY = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("name", TASK_NAMES)
@MANY
@given(recording=recordings())
def test_questions_do_not_depend_on_the_order_of_segments_labels_tracks_or_ratings(name, recording):
    plain = {s.sample_id: s for s in TASKS[name].ask(recording, 0)}
    mixed = {s.sample_id: s for s in TASKS[name].ask(shuffled(recording), 0)}
    assert plain == mixed


@pytest.mark.parametrize("name", TASK_NAMES)
def test_questions_on_one_recording_do_not_depend_on_the_recordings_asked_before(name):
    first, second = cholecystectomy(1), cholecystectomy(2)
    one_way = {s.sample_id for r in (first, second) for s in TASKS[name].ask(r, 5)}
    other_way = {s.sample_id for r in (second, first) for s in TASKS[name].ask(r, 5)}
    assert one_way == other_way


@pytest.mark.parametrize("name", TASK_NAMES)
def test_another_seed_asks_other_questions_and_the_same_seed_the_same(name):
    recording = cholecystectomy()
    asked = [[s.sample_id for s in TASKS[name].ask(recording, seed)] for seed in (0, 0, 1)]
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


@pytest.mark.parametrize("name", TASK_NAMES)
@MANY
@given(recording=recordings())
def test_sample_ids_are_distinct_and_clips_lie_in_the_recording(name, recording):
    samples = list(TASKS[name].ask(recording, 0))
    assert len({s.sample_id for s in samples}) == len(samples)
    for sample in samples:
        assert 0 < sample.duration <= recording.duration + 1e-6
        if name not in ("SA", "CVS"):  # ratings hold for their interval, however short
            assert min(20.0, recording.duration) - 1e-6 <= sample.duration <= 1800
        unit = 1.0 if sample.clip_unit == "input_video_time" else recording.native_fps
        length = (sample.clip_end - sample.clip_start) / unit
        assert length == pytest.approx(sample.duration, abs=1.01 / recording.native_fps)
        assert (
            sample.clip_id
            == f"{sample.recording_id}&&{number(sample.clip_start)}&&{number(sample.clip_end)}&&{sample.fps}"
        )


@pytest.mark.parametrize("name", TASK_NAMES)
@MANY
@given(recording=recordings())
def test_frames_are_real_files_of_the_clip_on_the_sampling_grid_with_their_real_times(name, recording):
    times = {frame.path: frame.time for frame in recording.frames}
    for sample in TASKS[name].ask(recording, 0):
        if recording.video or not recording.frames:
            assert sample.frame_paths == ()
            continue
        assert sample.fps <= recording.native_fps + 1e-9
        assert len(sample.frame_paths) == len(sample.frame_times) >= 2
        assert list(sample.frame_times) == sorted(set(sample.frame_times))
        offsets = [times[p] - t for p, t in zip(sample.frame_paths, sample.frame_times, strict=True)]
        assert max(offsets) - min(offsets) < 2e-6  # one clip start explains all
        for time in sample.frame_times:
            assert 0 <= time < sample.duration
            off_grid = abs(time - round(time * sample.fps) / sample.fps)
            assert off_grid <= 0.5 / frame_rate(recording) + 1e-5


def test_published_bounds_are_frame_numbers_and_for_nurvid_seconds():
    # one minute at 25 frames per second: 1,500 frames; a clip that starts at 10 s starts at frame 250
    from dataclasses import replace

    base = replace(cholecystectomy(), frames=(), native_fps=25.0)
    for source, unit in (("CholecT50", "input_video_frame"), ("Cholec80_CVS", "frame"), ("NurViD", "input_video_time")):
        sample = next(iter(TASKS["TAG"].ask(replace(base, source=source), 0)))
        assert sample.clip_unit == unit
        scale = 1 if unit == "input_video_time" else 25
        assert sample.clip_end - sample.clip_start == pytest.approx(sample.duration * scale)
        assert sample.clip_start % scale == 0  # clips start on whole seconds


def test_samples_carry_group_placeholder_split_size_and_generator():
    for name in TASK_NAMES:
        for sample in TASKS[name].ask(cholecystectomy(), 0):
            assert (sample.group, sample.split, sample.generator) == ("g1", "train", "annotations")
            assert (sample.width, sample.height, sample.residue) == (854, 480, "{}")


def test_importing_the_registry_loads_no_numpy():
    code = "import sys, medvidbench.tasks.registry; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
