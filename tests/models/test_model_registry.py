"""A model by its spelled name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.models.openai_api import OpenAIVideoModel
from medvidbench.models.registry import ModelOptions, video_model
from medvidbench.models.settings import EvalSettings


@pytest.mark.parametrize(
    ("spec", "model", "host"),
    [
        ("gpt-4.1", "gpt-4.1", "api.openai.com"),
        ("o3", "o3", "api.openai.com"),
        ("gemini-2.5-flash", "gemini-2.5-flash", "generativelanguage.googleapis.com"),
        ("openai:gpt-4.1-mini", "gpt-4.1-mini", "api.openai.com"),
        ("openai:Qwen/Qwen2.5-VL-7B-Instruct@http://gpu1:8000/v1", "Qwen/Qwen2.5-VL-7B-Instruct", "gpu1"),
    ],
)
def test_served_models_are_found_by_name_or_address(spec: str, model: str, host: str) -> None:
    found = video_model(spec)
    assert isinstance(found, OpenAIVideoModel)
    assert (found.model, found.host) == (model, host)


def test_settings_and_options_reach_a_served_model(tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"models": {"m": {"input": 1.0, "output": 2.0}}}')
    options = ModelOptions(cache=tmp_path / "calls", prices=prices, params={"seed": 3})
    found = video_model("openai:m@http://gpu1:8000/v1", EvalSettings(max_pixels=50_000), options)
    assert isinstance(found, OpenAIVideoModel)
    assert found.record()["params"]["seed"] == 3
    assert found.shrink.max_pixels == 50_000
    price = found.prices.of("m")
    assert price is not None and price.output == 2.0
    assert not (tmp_path / "calls").exists()


def test_a_folder_is_loaded_by_transformers_with_the_settings(tiny_qwen: Path) -> None:
    with video_model(f"hf:{tiny_qwen}", EvalSettings(max_pixels=20 * 784), ModelOptions(device="cpu")) as found:
        assert found.name == f"hf:{tiny_qwen}"
        assert found.record()["settings"]["max_pixels"] == 20 * 784
        assert found.record()["device"] == "cpu"


@pytest.mark.parametrize("spec", ["", "hf:", "vllm:", "openai:", "llama", "file:x.json", "blind:random", "gemini"])
def test_other_names_are_refused_with_the_forms_that_exist(spec: str) -> None:
    with pytest.raises(MedVidBenchError, match="hf:PATH"):
        video_model(spec)


def test_a_bare_path_or_hub_name_is_answered_with_the_form_it_needs(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match=f"To do: hf:{tmp_path}"):
        video_model(str(tmp_path))
    with pytest.raises(MedVidBenchError, match="To do: hf:Qwen/Qwen2"):
        video_model("Qwen/Qwen2.5-VL-7B-Instruct")


def test_settings_that_make_no_sense_are_refused_before_anything_is_loaded() -> None:
    with pytest.raises(MedVidBenchError, match="--frames 0"):
        video_model("hf:/nowhere", EvalSettings(frames=0))


def test_a_served_model_needs_no_torch() -> None:
    use = "from medvidbench.models.registry import video_model; video_model('gpt-4.1')"
    probe = f"import sys; {use}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
