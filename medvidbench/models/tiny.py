"""A Qwen2.5-VL of random weights with a tokenizer of its own, small enough for a test and real enough to be loaded by
`from_pretrained`: for tests, for `doctor`, for timings, and as the start of a small model that is trained. Before that
its answers mean nothing, and the folder says so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvidbench.models.frame_runs import Channel
from medvidbench.models.torch_env import quiet, torch_module, transformers_module

NOTE = "RANDOM WEIGHTS: made by medvidbench.models.tiny for tests and timings; its answers mean nothing."
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
"""Qwen's special tokens, in the order of their ids."""
VISION = SPECIAL[9:]
CORPUS = (
    "You are an expert in laparoscopic cholecystectomy. At which seconds does the grasper dissect the cystic duct?",
    "1.1-3.0 seconds. 22.0-78.0, 89.0-94.0 seconds. 1.0 seconds: [10, 20, 300, 400] 5.0 seconds: [15, 20, 310, 410]",
    "Respect for tissue: 2/5, Suture/needle handling: 1/5, Time and motion: 1/5. Two structures: 2, Cystic plate: 1",
    "system user assistant You are a helpful assistant. Describe the video in a short paragraph. <12.0 seconds>",
)
"""What the tokenizer's merges are learned from."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen2.5-VL's, for the parts that are used here."""


@dataclass(frozen=True)
class TinyShape:
    """The sizes of a small Qwen2.5-VL; the names are those of its configuration, where they are plain.

    Attributes:
        feedforward: inner width of the language model's MLPs; 0 is twice the width.
        head_width: of the language model's attention, which has `width / head_width` heads.
        key_heads: heads that have keys of their own; 0 is half of all.
        rope_base: the longest wave of the rotary positions is `2 pi * base` positions; None is transformers' default.
        rope_sections: pairs of a head's entries turned by time, row and column; they sum to `head_width / 2`. The first
            have the shortest waves, so columns are told apart only where the base is small.
        patch, merge: side of a patch in pixels, patches merged into one token along each side.
        window: side of the vision tower's attention windows in pixels; its last layer, or every one with
            `whole_frames`, sees the whole frame.
        colour_scale: what the usual standard deviation of colours is multiplied by in the preprocessing. A patch has
            thousands of alike inputs, so at 1 a training step moves what it becomes many times further than it moves
            any other layer's output.
        spread: standard deviation of the random weights. 0.2 is ten times the usual: at 0.02 the answers of so small a
            model hardly depend on the prompt.
    """

    layers: int = 2
    width: int = 64
    feedforward: int = 0
    head_width: int = 16
    key_heads: int = 0
    rope_base: float | None = None
    rope_sections: tuple[int, int, int] = (2, 3, 3)
    vision_layers: int = 2
    vision_width: int = 32
    vision_heads: int = 2
    patch: int = 14
    merge: int = 2
    window: int = 112
    whole_frames: bool = False
    colour_scale: float = 1.0
    spread: float = 0.2


def build_tiny_qwen(
    folder: str | Path,
    seed: int = 0,
    *,
    layers: int = 2,
    width: int = 64,
    shape: TinyShape | None = None,
    tokenizer: Any = None,
    time_channel: Channel = "auto",
    note: str = NOTE,
) -> Path:
    """Write a checkpoint folder (about 1 MB at the default size) and return it.

    Args:
        layers, width: of the language model; `width` a multiple of 32.
        shape: all sizes, in place of `layers` and `width`.
        tokenizer: with Qwen's special tokens and a chat template; `tiny_tokenizer()` when None.
        time_channel: how the model is told times where nobody says otherwise; see `checkpoint_settings`.
        note: the folder's README.md.
        seed: of the weights.

    Raises:
        MedVidBenchError: torch or transformers is not installed.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer if tokenizer is not None else tiny_tokenizer()
    tokenizer.save_pretrained(path)
    torch, transformers = torch_module(), transformers_module()
    sizes = shape or TinyShape(layers=layers, width=width)
    config = transformers.Qwen2_5_VLConfig(**_config(tokenizer, sizes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.update(do_sample=True, temperature=1e-6, repetition_penalty=1.05)  # as the released ones
    with quiet(transformers):
        model.save_pretrained(path)
    said = _preprocessor(sizes) | ({} if time_channel == "auto" else {"time_channel": time_channel})
    (path / "preprocessor_config.json").write_text(json.dumps(said, indent=1))
    (path / "README.md").write_text(note + "\n")
    return path


def tiny_tokenizer(special: tuple[str, ...] = SPECIAL, template: str = CHAT_TEMPLATE) -> Any:
    """A byte-level BPE tokenizer: any text survives the way there and back."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=512, initial_alphabet=alphabet, special_tokens=list(special), show_progress=False
    )
    bpe.train_from_iterator(CORPUS, trainer)
    fast = transformers_module().PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=SPECIAL[2], pad_token=SPECIAL[0], model_max_length=131072
    )
    fast.chat_template = template
    return fast


def _config(tokenizer: Any, shape: TinyShape) -> dict[str, Any]:
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    return {
        "text_config": _text(tokenizer, ids, shape),
        "vision_config": _vision(shape),
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "tie_word_embeddings": True,
    }


def _text(tokenizer: Any, ids: dict[str, int], shape: TinyShape) -> dict[str, Any]:
    heads = shape.width // shape.head_width
    rope: dict[str, Any] = {"type": "default", "rope_type": "default", "mrope_section": list(shape.rope_sections)}
    if shape.rope_base is not None:
        rope["rope_theta"] = shape.rope_base
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": shape.width,
        "intermediate_size": shape.feedforward or 2 * shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": heads,
        "num_key_value_heads": shape.key_heads or heads // 2,
        "max_position_embeddings": 131072,
        "initializer_range": shape.spread,
        "rope_scaling": rope,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }


def _vision(shape: TinyShape) -> dict[str, Any]:
    last = shape.vision_layers - 1
    return {
        "depth": shape.vision_layers,
        "hidden_size": shape.vision_width,
        "intermediate_size": 2 * shape.vision_width,
        "num_heads": shape.vision_heads,
        "out_hidden_size": shape.width,
        "patch_size": shape.patch,
        "spatial_merge_size": shape.merge,
        "temporal_patch_size": 2,
        "tokens_per_second": 2,
        "window_size": shape.window,
        "fullatt_block_indexes": list(range(shape.vision_layers)) if shape.whole_frames else [last],
        "initializer_range": shape.spread,
    }


def _preprocessor(shape: TinyShape) -> dict[str, Any]:
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "min_pixels": 3136,
        "max_pixels": 12845056,
        "patch_size": shape.patch,
        "temporal_patch_size": 2,
        "merge_size": shape.merge,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [shape.colour_scale * value for value in (0.26862954, 0.26130258, 0.27577711)],
    }
