"""Fixtures of the model tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from medvidbench.video.frames import FrameSet


@pytest.fixture(scope="session")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of a Qwen2.5-VL with random weights."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        pytest.skip("torch and transformers are not installed")
    import torch

    from medvidbench.models.tiny import build_tiny_qwen

    # with more threads than free cores, the models' many small steps wait for one another: 5 to 50 times slower
    torch.set_num_threads(1)

    return build_tiny_qwen(tmp_path_factory.mktemp("tiny") / "qwen")


@pytest.fixture(scope="session")
def noise() -> Callable[..., FrameSet]:
    """`noise(times, height, width)`: frames of noise taken at `times`."""

    def make(times: Sequence[float], height: int = 84, width: int = 112) -> FrameSet:
        pixels = np.random.default_rng(len(times)).integers(0, 256, (len(times), height, width, 3), dtype=np.uint8)
        return FrameSet(pixels, np.asarray(times, dtype=np.float64), (width, height))

    return make
