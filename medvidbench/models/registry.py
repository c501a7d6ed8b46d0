"""A model by its spelled name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.settings import EvalSettings

if TYPE_CHECKING:
    from medvidbench.models.base import VideoModel
    from medvidbench.models.call_settings import CallSettings
    from medvidbench.models.qwen_video import VideoSettings

FORMS = "openai:MODEL[@BASE_URL], a GPT or Gemini model by name, hf:PATH, vllm:PATH, tiny (the small one that ships)"
TINY = "tiny"
SERVED = re.compile(r"openai:.|(?:gpt-|chatgpt-|gemini-|o\d)[\w.-]*$")


@dataclass(frozen=True)
class ModelOptions:
    """Where and how a model is run.

    Attributes:
        cache: folder of paid calls; None for a model that is only rendered, never asked.
        sending: concurrency, retries, limits, for models behind a server.
        prices: JSON file with prices over the package's own.
        params: more parameters of a request, see `openai_api.OpenAIVideoModel`.
        revision, device, dtype, attention, batch_size, batch_tokens: for `hf:`, see `transformers_local.load_local`;
            `vllm:` takes `revision` and `dtype`.
    """

    cache: Path | None = None
    sending: CallSettings | None = None
    prices: Path | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    revision: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    attention: str = "sdpa"
    batch_size: int = 1
    batch_tokens: int = 65_536


def video_model(spec: str, settings: EvalSettings | None = None, options: ModelOptions | None = None) -> VideoModel:
    """The model that `spec` names, ready to answer questions on frames; local weights are loaded now.

    Args:
        settings: pixels and answer format are taken from here; tokens and temperature come with each question.

    Raises:
        MedVidBenchError: no such form, a missing package, folder or key; see the models' own.
    """
    chosen, how = settings or EvalSettings(), options or ModelOptions()
    chosen.check()
    if spec == TINY:
        model = _local(str(shipped_model()), chosen, how)
        model.name = spec  # the folder of an installation says nothing in a table
        return model
    kind, _, path = spec.partition(":")
    if SERVED.match(spec):
        from medvidbench.models.openai_api import OpenAIVideoModel
        from medvidbench.models.prices import PriceTable

        return OpenAIVideoModel(spec, how.cache, how.sending, PriceTable.load(how.prices), chosen, params=how.params)
    if kind == "hf" and path:
        return _local(path, chosen, how)
    if kind == "vllm" and path:
        from medvidbench.models.checkpoints import Source
        from medvidbench.models.vllm_local import VllmLocal

        return VllmLocal.load(Source(path, how.revision, dtype=how.dtype), video_settings(chosen))
    raise MedVidBenchError(f"The model {spec!r}.", FORMS, _hint(spec))


def checkpoint_path(path: str) -> str:
    """`path` without the "hf:" of an evaluation's `--model`; for "tiny" the folder of the small model that ships."""
    return str(shipped_model()) if path == TINY else path.removeprefix("hf:")


def shipped_model() -> Path:
    """The folder of the small model that ships with the package.

    Raises:
        MedVidBenchError: it isn't there.
    """
    folder = Path(str(files("medvidbench.models"))) / "shipped" / "tiny-surgery"
    if not (folder / "config.json").is_file():
        raise MedVidBenchError(f"There is no model in {folder}.", remedy="make tiny-model, or another model")
    return folder


def _local(path: str, settings: EvalSettings, options: ModelOptions) -> VideoModel:
    from medvidbench.models.transformers_local import load_local

    return load_local(
        path,
        revision=options.revision,
        device=options.device,
        dtype=options.dtype,
        attention=options.attention,
        settings=video_settings(settings),
        batch_size=options.batch_size,
        batch_tokens=options.batch_tokens,
    )


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
