"""Which frames share a video, and what text stands before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.models.frame_runs import GRID_TOLERANCE, group_frames, split_runs, stamp_texts
from medvidbench.models.time_contract import sampling_step


def shape(times: list[float], **options: object) -> list[tuple[int, int, str]]:
    return [(run.first, run.count, run.stamp) for run in split_runs(times, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize("fps", [0.1, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("count", [2, 3, 8])
def test_a_constant_rate_from_zero_is_one_video_without_text(fps: float, count: int) -> None:
    (run,) = split_runs([k / fps for k in range(count)], finest=0.5)
    assert run.stamp == ""
    assert run.step == pytest.approx(1 / fps)


def test_frames_a_little_off_their_times_stay_one_video() -> None:
    # 1 fps from a 25 fps video: each frame is up to 0.02 s from where it was asked for
    assert shape([0.0, 1.02, 1.98, 3.01, 4.0]) == [(0, 5, "")]


def test_a_hole_starts_a_new_video_with_its_time() -> None:
    assert shape([0.0, 1.0, 2.0, 10.0, 11.0]) == [(0, 3, "<0.0 seconds>"), (3, 2, "<10.0 seconds>")]


def test_one_lost_frame_is_a_hole_and_is_not_smeared_over_its_neighbours() -> None:
    # a step of 6 / 5 s would describe these to 0.4 s, under half a step, and move every frame
    assert shape([0.0, 1.0, 2.0, 4.0, 5.0, 6.0]) == [(0, 3, "<0.0 seconds>"), (3, 3, "<4.0 seconds>")]


def test_a_clip_that_starts_late_says_so() -> None:
    assert shape([5.0, 6.0, 7.0]) == [(0, 3, "<5.0 seconds>")]


def test_a_lone_frame_at_zero_needs_no_text_and_elsewhere_does() -> None:
    assert shape([0.0]) == [(0, 1, "")]
    assert shape([7.0]) == [(0, 1, "<7.0 seconds>")]


def test_frames_in_no_order_are_announced_one_by_one() -> None:
    assert [run.count for run in split_runs([3.0, 1.0, 2.0, 0.0])] == [1, 2, 1]


def test_a_rate_that_positions_cannot_tell_apart_goes_in_pairs_with_text() -> None:
    # 8 fps: a pair lasts 0.25 s and positions are 0.5 s apart
    stamps = [stamp for _, _, stamp in shape([k / 8 for k in range(5)], finest=0.5)]
    assert stamps == ["<0.00 seconds>", "<0.25 seconds>", "<0.50 seconds>"]


def test_the_grid_can_be_forced_and_the_text_too() -> None:
    assert shape([0.0, 1.0, 9.0], channel="grid") == [(0, 3, "")]
    assert shape([0.0, 1.0, 2.0], channel="text") == [(0, 2, "<0.0 seconds>"), (2, 1, "<2.0 seconds>")]


def test_frames_at_the_same_time_do_not_divide_by_zero() -> None:
    assert sum(run.count for run in split_runs([0.0, 0.0, 0.0])) == 3


def test_no_frames_are_no_runs() -> None:
    assert split_runs([]) == ()
    assert group_frames([], 2) == ()


def test_texts_have_more_digits_where_one_would_lose_a_20th_of_a_step() -> None:
    assert stamp_texts([0.0, 0.25, 0.5]) == ["<0.00 seconds>", "<0.25 seconds>", "<0.50 seconds>"]
    assert stamp_texts([0.0, 1.02, 2.0]) == ["<0.0 seconds>", "<1.0 seconds>", "<2.0 seconds>"]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.floats(0, 50))
def test_any_frames_are_all_in_some_run_close_to_their_times(gaps: list[int], start: float) -> None:
    times = [start + sum(gaps[:k]) / 10 for k in range(len(gaps))]
    nominal = sampling_step(times)
    runs = split_runs(times, finest=0.5)
    assert [run.first + k for run in runs for k in range(run.count)] == list(range(len(times)))
    for run in runs:
        base = float(run.stamp[1:-9]) if run.stamp else 0.0
        for k in range(run.count):
            allowed = (GRID_TOLERANCE + 0.05) * nominal + 0.06 * (nominal == 0) + 1e-6
            assert abs(base + k * run.step - times[run.first + k]) <= allowed
