"""A model by its spelled name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.run_settings import EvalSettings

if TYPE_CHECKING:
    from medvidbench.models.base import VideoModel
    from medvidbench.models.call_settings import CallSettings
    from medvidbench.models.prices import PriceTable
    from medvidbench.models.qwen_video import VideoSettings

FORMS = "openai:MODEL[@BASE_URL], a GPT or Gemini model by name, hf:PATH, vllm:PATH"
SERVED = re.compile(r"openai:.|(?:gpt-|chatgpt-|gemini-|o\d)[\w.-]*$")


def video_model(
    spec: str,
    settings: EvalSettings | None = None,
    *,
    cache_folder: Path | None = None,
    sending: CallSettings | None = None,
    prices: PriceTable | None = None,
    params: Mapping[str, Any] | None = None,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    attention: str = "sdpa",
    batch_size: int = 1,
    batch_tokens: int = 65_536,
) -> VideoModel:
    """The model that `spec` names, ready to answer questions on frames; local weights are loaded now.

    Args:
        settings: pixels and answer format are taken from here; tokens and temperature come with each question.
        cache_folder, sending, prices, params: for models behind a server (`openai_api.OpenAIVideoModel`).
        revision, device, dtype, attention, batch_size, batch_tokens: for `hf:` (`transformers_local.load_local`);
            `vllm:` takes `revision` and `dtype`.

    Raises:
        MedVidBenchError: no such form, a missing package, folder or key; see the models' own.
    """
    chosen = settings or EvalSettings()
    chosen.check()
    kind, _, path = spec.partition(":")
    if SERVED.match(spec):
        from medvidbench.models.openai_api import OpenAIVideoModel

        return OpenAIVideoModel(spec, cache_folder, sending, prices, chosen, params=params)
    if kind == "hf" and path:
        from medvidbench.models.transformers_local import load_local

        return load_local(
            path,
            revision=revision,
            device=device,
            dtype=dtype,
            attention=attention,
            settings=video_settings(chosen),
            batch_size=batch_size,
            batch_tokens=batch_tokens,
        )
    if kind == "vllm" and path:
        from medvidbench.models.checkpoints import Source
        from medvidbench.models.vllm_local import VllmLocal

        return VllmLocal.load(Source(path, revision, dtype=dtype), video_settings(chosen))
    raise MedVidBenchError(f"The model {spec!r}.", FORMS, _hint(spec))


def video_settings(settings: EvalSettings) -> VideoSettings:
    """What local models need of the settings."""
    from medvidbench.models.qwen_video import VideoSettings

    return VideoSettings(min_pixels=settings.min_pixels, max_pixels=settings.max_pixels)


def _hint(spec: str) -> str:
    if Path(spec).expanduser().is_dir() or spec.count("/") == 1:
        return f"hf:{spec}"
    if spec.startswith(("file:", "blind:")):
        return "these answer without frames, and need no time axis"
    return ""
