"""An engine of vLLM in this process, on a Qwen2.5-VL, which keeps the times of frames."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from typing import Any

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.models.checkpoints import Source

MODEL_CODE = "vllm.model_executor.models.qwen2_5_vl"


def start_engine(source: Source, asking: str, **options: Any) -> tuple[Any, Any]:
    """The module and its `LLM`, for prompts and answers as long as the memory allows.

    Args:
        asking: who needs vLLM, to begin a sentence with.
        options: further arguments of `LLM`, or others than ours.

    Raises:
        MedVidBenchError: vLLM isn't installed, drops the times of frames, or doesn't start.
    """
    if importlib.util.find_spec("vllm") is None:
        raise missing_extra("vllm", "vllm", asking)
    vllm = importlib.import_module("vllm")
    _refuse_dropped_times(vllm)
    try:
        return vllm, vllm.LLM(**(_arguments(source) | options))
    except (ValueError, RuntimeError, OSError) as error:  # settings, memory and devices, files
        why = " ".join(str(error).split())
        remedy = "look at what vLLM said above; its memory is taken by other programs, or too small for the model"
        raise MedVidBenchError(f"vLLM doesn't start on {source.path}: {why}", remedy=remedy) from error


def _arguments(source: Source) -> dict[str, Any]:
    """The arguments of vLLM's `LLM`; `generation_config` keeps it from the checkpoint's own sampling and penalty."""
    return {
        "model": source.path,
        "revision": source.revision,
        "dtype": source.dtype,
        "seed": 0,
        "generation_config": "vllm",
        "limit_mm_per_prompt": {"image": 0},
        "trust_remote_code": False,
        "max_model_len": -1,
    }


def _refuse_dropped_times(vllm: Any) -> None:
    """Whether this vLLM's code for Qwen2.5-VL hands the video metadata on.

    Raises:
        MedVidBenchError: it doesn't, or can't be read.
    """
    try:
        code = inspect.getsource(importlib.import_module(MODEL_CODE))
    except (ImportError, OSError, TypeError) as error:
        raise MedVidBenchError(f"vLLM {vllm.__version__} doesn't show its code for Qwen2.5-VL: {error}.") from error
    if "video_metadata" not in code:
        seen = f"vLLM {vllm.__version__} drops the times of Qwen2.5-VL's frames and takes a default rate for them."
        raise MedVidBenchError(seen, "a vLLM with pull request 47736 (July 2026)", "update vLLM, or use hf:PATH")
