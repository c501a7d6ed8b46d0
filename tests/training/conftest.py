"""Fixtures of the training tests."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
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


SERVER_MODULES = {
    "vllm.multimodal.inputs": "MultiModalFieldConfig, MultiModalKwargsItems",
    "vllm.entrypoints.scale_out.token_in_token_out.mm_serde": "encode_mm_kwargs_item",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package named vllm, made of the stand-in, whose code for Qwen2.5-VL keeps video metadata."""
    models = tmp_path / "packages" / "vllm" / "model_executor" / "models"
    models.mkdir(parents=True)
    for place in (models, models.parent):
        (place / "__init__.py").write_text("")
    text = "from vllm_stand_in import LLM, SamplingParams, VERSION as __version__\n"
    (models.parent.parent / "__init__.py").write_text(text)
    (models / "qwen2_5_vl.py").write_text("def processor(video_metadata):\n    return video_metadata\n")
    for name, what in SERVER_MODULES.items():
        file = (tmp_path / "packages").joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"from vllm_server_stand_in import {what}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    importlib.invalidate_caches()
    yield models / "qwen2_5_vl.py"
    for name in [name for name in sys.modules if name.split(".")[0] == "vllm"]:
        del sys.modules[name]
