"""The processor of any checkpoint that transformers knows, also where its video half can't be loaded."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.checkpoints import Source, read_json
from medvidbench.models.torch_env import transformers_module

TIMED_VIDEO = ("Qwen3VLProcessor",)
"""Processors that write the time of every pair of frames into the prompt when they are given full video metadata."""


class NoVideo(dict):  # type: ignore[type-arg]
    """Stands where a video processor would: it has no inputs, and processors write themselves out as JSON."""

    model_input_names: tuple[str, ...] = ()


def load_processor(source: Source) -> Any:
    """The checkpoint's processor; with `NoVideo` in place of a video processor that needs the missing torchvision.

    Raises:
        MedVidBenchError: the checkpoint has no processor that takes pictures.
    """
    transformers = transformers_module()
    options: dict[str, Any] = {"revision": source.revision, "trust_remote_code": False}
    try:
        processor = _whole_or_pictures(transformers, source, options)
    except (ImportError, OSError, ValueError, AttributeError) as error:
        raise MedVidBenchError(f"hf:{source.path} has no usable processor: {error}") from error
    if getattr(processor, "image_processor", None) is None:
        seen = f"hf:{source.path} has a {type(processor).__name__} and no image processor."
        raise MedVidBenchError(seen, "a vision-language model")
    if not getattr(processor, "chat_template", None):
        processor.chat_template = getattr(processor.tokenizer, "chat_template", None)
    if not processor.chat_template:
        remedy = "use an instruction-tuned checkpoint, or add its chat_template.jinja"
        raise MedVidBenchError(f"hf:{source.path} has no chat template.", remedy=remedy)
    return processor


def takes_timed_video(processor: Any) -> bool:
    """Whether frames go in as one video, its times written by the processor itself."""
    video = getattr(processor, "video_processor", None)
    return type(processor).__name__ in TIMED_VIDEO and not isinstance(video, NoVideo)


def _whole_or_pictures(transformers: Any, source: Source, options: dict[str, Any]) -> Any:
    try:
        return transformers.AutoProcessor.from_pretrained(source.path, **options)
    except (ImportError, ValueError) as error:  # which of them depends on the kind of model
        if "torchvision" not in str(error).lower():
            raise
        return _pictures_only(transformers, source, options)


def _pictures_only(transformers: Any, source: Source, options: dict[str, Any]) -> Any:
    """The checkpoint's processor class, built by hand from its tokenizer and its image processor."""
    base = getattr(transformers, _class_name(transformers, source), None)
    if base is None:
        raise MedVidBenchError(f"hf:{source.path} names no processor.", remedy="install a matching torchvision")
    parts = {
        "image_processor": transformers.AutoImageProcessor.from_pretrained(source.path, **options),
        "tokenizer": transformers.AutoTokenizer.from_pretrained(source.path, **options),
        "video_processor": NoVideo(),
    }
    said = {}
    with suppress(OSError):
        said, _ = base.get_processor_dict(source.path, revision=source.revision)
    known = set(inspect.signature(base.__init__).parameters) - {"self", "kwargs"}
    return _without_video_check(base)(**{n: v for n, v in said.items() if n in known} | parts)


def _class_name(transformers: Any, source: Source) -> str:
    for file in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        if name := read_json(source, file).get("processor_class"):
            return str(name)
    kind = transformers.AutoConfig.from_pretrained(source.path, revision=source.revision).model_type
    return str(transformers.models.auto.processing_auto.PROCESSOR_MAPPING_NAMES.get(kind, ""))


def _without_video_check(base: Any) -> Any:
    """`base`, whose constructor otherwise refuses whatever is no video processor; its name is part of its behaviour."""

    def check_argument_for_proper_class(self: Any, name: str, argument: Any) -> Any:
        if isinstance(argument, NoVideo):
            return None
        return base.check_argument_for_proper_class(self, name, argument)

    return type(base.__name__, (base,), {"check_argument_for_proper_class": check_argument_for_proper_class})
