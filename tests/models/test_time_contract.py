"""The comparison at the heart of the time contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.models.time_contract import (
    GRID,
    MOMENT,
    Announced,
    VideoQuestion,
    check_times,
    compare_times,
    sampling_step,
)
from medvidbench.video.frames import FrameSet

PAIRS = [Announced(0.0, 4.0, (0, 1)), Announced(4.0, 8.0, (2, 3))]
"""Four frames at 0.5 fps in pairs: announced at 0, 2, 4 and 6 s."""


class Fixed:
    """An adapter that announces what it is told to."""

    def __init__(self, units: Sequence[Announced], error: str = "") -> None:
        self.units, self.error = units, error

    def prepare(self, question: VideoQuestion) -> Any:
        if self.error:
            raise MedVidBenchError(self.error)
        return question

    def describe_times(self, prepared: Any) -> list[Announced]:
        return list(self.units)

    def channel(self, prepared: Any) -> str:
        return GRID


def test_frames_that_are_announced_when_they_were_taken_pass() -> None:
    proof = compare_times(GRID, PAIRS, [0.0, 2.0, 4.0, 6.0], half_step=1.0)
    assert proof.passed
    assert proof.announced == (0.0, 2.0, 4.0, 6.0)
    assert proof.worst_error == 0.0


def test_half_a_step_is_accepted_and_a_hundredth_more_is_not() -> None:
    assert compare_times(GRID, PAIRS, [0.0, 2.0, 4.0, 7.0], half_step=1.0).passed
    proof = compare_times(GRID, PAIRS, [0.0, 2.0, 4.0, 7.01], half_step=1.0)
    assert not proof.passed
    assert "the frame at 7.01 s is announced at 6.00 s" in proof.detail


def test_a_frame_that_is_never_announced_fails_however_close_the_others_are() -> None:
    proof = compare_times(GRID, PAIRS, [0.0, 2.0, 4.0, 6.0, 8.0], half_step=1.0)
    assert not proof.passed
    assert proof.worst_error == float("inf")


def test_a_frame_that_is_announced_twice_fails() -> None:
    proof = compare_times(GRID, [*PAIRS, Announced(6.0, 6.0, (3,))], [0.0, 2.0, 4.0, 6.0], half_step=1.0)
    assert not proof.passed


def test_a_single_moment_stands_for_the_mean_of_its_frames() -> None:
    # what Qwen3-VL's processor writes before a pair of frames: (0 + 2) / 2 and (4 + 6) / 2
    moments = [Announced(1.0, 1.0, (0, 1)), Announced(5.0, 5.0, (2, 3))]
    proof = compare_times("text", moments, [0.0, 2.0, 4.0, 6.0], half_step=1.0)
    assert proof.passed
    assert proof.true == (1.0, 5.0)


def test_a_single_moment_does_not_stand_for_frames_on_both_sides_of_a_hole() -> None:
    proof = compare_times("text", [Announced(6.0, 6.0, (0, 1))], [2.0, 10.0], half_step=0.5)
    assert not proof.passed
    assert proof.worst_error == 4.0


def test_an_adapter_that_cannot_render_fails_the_check_and_raises_nothing(noise: Callable[..., FrameSet]) -> None:
    proof = check_times(Fixed([], "no chat template"), noise([0.0, 1.0]))
    assert not proof.passed
    assert "no chat template" in proof.detail


def test_a_lone_frame_may_be_off_by_half_a_digit_of_an_answer(noise: Callable[..., FrameSet]) -> None:
    assert check_times(Fixed([Announced(7.04, 7.04, (0,))]), noise([7.0])).passed
    assert not check_times(Fixed([Announced(7.06, 7.06, (0,))]), noise([7.0])).passed
    assert check_times(Fixed([Announced(7.06, 7.06, (0,))]), noise([7.0]), fps=1.0).half_step == 0.5
    assert MOMENT == 0.05


@pytest.mark.parametrize(
    ("times", "fps", "step"),
    [([0.0, 1.0, 2.0, 30.0], None, 1.0), ([3.0, 1.0, 2.0], None, 1.0), ([5.0], None, 0.0), ([5.0], 2.0, 0.5)],
)
def test_the_step_is_the_known_rate_or_the_median_gap(times: list[float], fps: float | None, step: float) -> None:
    assert sampling_step(times, fps) == step
