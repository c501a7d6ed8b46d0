"""Fixtures of the training tests."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_policy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of a Qwen2.5-VL with random weights, 0.2 M of them."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        pytest.skip("torch and transformers are not installed")
    import torch

    from medvidbench.models.tiny import build_tiny_qwen

    # with more threads than free cores, the model's many small steps wait for one another: 5 to 50 times slower
    torch.set_num_threads(1)
    return build_tiny_qwen(tmp_path_factory.mktemp("tiny") / "policy")


@pytest.fixture(scope="session")
def training_bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark folder with training rows of a source of frames and a source of videos; nothing may write into it."""
    for package in ("torch", "transformers", "av", "accelerate"):
        pytest.importorskip(package, reason="training needs the extras [train] and [video]")
    from sft_runs import small_training_benchmark

    return small_training_benchmark(tmp_path_factory.mktemp("training"))
