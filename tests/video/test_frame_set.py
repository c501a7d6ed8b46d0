"""Frames with their times."""

from __future__ import annotations

import numpy as np
import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.video.frames import FrameSet


def frame_set(**other):
    parts = {"frames": np.zeros((2, 4, 6, 3), np.uint8), "t_seconds": np.array([0.0, 1.0]), "size": (6, 4)}
    return FrameSet(**{**parts, **other})


def test_frames_and_times_must_be_as_many():
    with pytest.raises(MedVidBenchError, match="2 frames with times of shape"):
        frame_set(t_seconds=np.array([0.0]))


@pytest.mark.parametrize(
    "frames", [np.zeros((2, 4, 6), np.uint8), np.zeros((2, 4, 6, 3)), np.zeros((2, 3, 4, 6), np.uint8)]
)
def test_frames_must_be_rgb_bytes(frames):
    with pytest.raises(MedVidBenchError, match="uint8"):
        frame_set(frames=frames)


def test_a_time_must_be_finite():
    with pytest.raises(MedVidBenchError, match="finite"):
        frame_set(t_seconds=np.array([0.0, np.nan]))


def test_the_digest_changes_with_pixels_times_and_size_and_with_nothing_else():
    pixel = np.zeros((2, 4, 6, 3), np.uint8)
    pixel[1, 3, 5, 2] = 1
    others = [
        frame_set(frames=pixel),
        frame_set(t_seconds=np.array([0.0, 1.001])),
        frame_set(size=(12, 8)),
        frame_set(frames=np.zeros((2, 6, 4, 3), np.uint8)),
    ]
    assert frame_set().digest == frame_set().digest
    assert len({frame_set().digest, *(o.digest for o in others)}) == 5


def test_the_digest_does_not_depend_on_how_the_pixels_lie_in_memory():
    frames = np.random.default_rng(0).integers(0, 255, (2, 4, 6, 3)).astype(np.uint8)
    assert frame_set(frames=np.asfortranarray(frames)).digest == frame_set(frames=frames).digest


def test_a_choice_of_frames_keeps_their_times():
    frames = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    chosen = frame_set(frames=frames).take([1, 0, 1])
    assert chosen.t_seconds.tolist() == [1.0, 0.0, 1.0]
    assert np.array_equal(chosen.frames, frames[[1, 0, 1]])
