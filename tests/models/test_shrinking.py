"""Shrinking frames where they are decoded changes nothing about what a local model is given."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from medvidbench.models.qwen_video import VideoSettings, frame_size, resize_frames
from medvidbench.models.shrinking import JpegBudget, PixelBudget, TensorBudget
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.models.transformers_local import LocalVideoModel, load_local
from medvidbench.video.frames import FrameSet
from medvidbench.video.workers import run_jobs

Noise = Callable[..., FrameSet]
CELL = 28 * 28
PUBLISHED = VideoSettings()


@pytest.fixture(scope="module")
def qwen(tiny_qwen: Path) -> LocalVideoModel:
    return load_local(str(tiny_qwen), device="cpu")


@pytest.mark.parametrize("size", [(480, 854), (720, 1280), (84, 112), (30, 40), (576, 720), (20, 1000), (1000, 20)])
def test_qwen_gets_the_same_tensors_from_frames_that_were_shrunk_before(
    size: tuple[int, int], qwen: LocalVideoModel, noise: Noise
) -> None:
    frames = noise([0.0, 1.0, 2.0], *size)
    small = pickle.loads(pickle.dumps(qwen.shrink))(frames)
    one, two = (qwen.prepare(VideoQuestion("s", "When?", f)) for f in (frames, small))
    assert torch.equal(one.pixel_values_videos, two.pixel_values_videos)
    assert torch.equal(one.input_ids, two.input_ids)
    assert torch.equal(one.position_ids, two.position_ids)


@pytest.mark.parametrize("size", [(480, 854), (28, 5000), (100, 101)])
@pytest.mark.parametrize(
    "settings",
    [PUBLISHED, VideoSettings(total_pixels=3 * CELL), VideoSettings(min_pixels=9 * CELL, max_pixels=10 * CELL)],
    ids=["published", "a narrow share", "a narrow budget"],
)
def test_resizing_what_was_shrunk_is_resizing_the_original(
    size: tuple[int, int], settings: VideoSettings, noise: Noise
) -> None:
    frames = noise([0.0, 1.0, 2.0], *size)
    small = TensorBudget(settings)(frames)
    original, again = (
        resize_frames(f.frames, *frame_size(len(f), *f.frames.shape[1:3], settings)) for f in (frames, small)
    )
    assert torch.equal(original, again)
    assert (small.size, small.t_seconds.tolist()) == (frames.size, [0.0, 1.0, 2.0])


def test_frames_too_flat_for_any_size_within_the_budget_stay_as_they_are(noise: Noise) -> None:
    # 28 x 5000 in at most 48 x 784 pixels: 28 x 2576 is too large still, and would shrink again the next time
    flat = noise([0.0], 28, 5000)
    first = frame_size(1, 28, 5000, PUBLISHED)
    assert frame_size(1, *first, PUBLISHED) != first
    assert TensorBudget(PUBLISHED)(flat) is flat


def test_a_worker_process_shrinks_to_the_same_pixels_with_one_thread(noise: Noise) -> None:
    frames = noise([0.0, 1.0], 480, 854)
    ours = TensorBudget(PUBLISHED)(frames)
    (outcome,) = run_jobs(TensorBudget(PUBLISHED), [frames], workers=1, file_of=lambda job: "job")
    assert outcome.value is not None
    assert np.array_equal(outcome.value.frames, ours.frames)
    assert ours.frames.shape == (2, 140, 252, 3)


def test_no_frames_stay_no_frames() -> None:
    none = FrameSet(np.empty((0, 480, 854, 3), np.uint8), np.empty(0), (854, 480))
    for shrink in (TensorBudget(PUBLISHED), PixelBudget(1, 2, 1), JpegBudget(8 * CELL, 48 * CELL, 28)):
        assert len(shrink(none)) == 0


def test_a_pixel_budget_leaves_frames_within_it_alone(noise: Noise) -> None:
    frames = noise([0.0], 84, 112)
    assert np.array_equal(PixelBudget(8 * CELL, 48 * CELL, 28)(frames).frames, frames.frames)
    assert PixelBudget(8 * CELL, 48 * CELL, 28)(noise([0.0], 480, 854)).frames.shape == (1, 140, 252, 3)
