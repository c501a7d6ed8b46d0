"""Qwen2.5-VL shapes with random weights, and prompts of a wanted length, for the timings of a GRPO step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from medvidbench.models.qwen_local import grid_rule
from medvidbench.models.qwen_positions import rope_positions
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.models.tiny import SPECIAL
from medvidbench.models.torch_env import transformers_module

TEXT = 14
"""Text tokens of a prompt, those around the video among them."""
PATCH = 3 * 2 * 14 * 14
SHAPES: dict[str, dict[str, dict[str, Any]]] = {
    "small": {
        "text": {
            "vocab_size": 7168, "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6,
            "num_attention_heads": 8, "num_key_value_heads": 4, "mrope": [4, 6, 6],
        },
        "vision": {
            "depth": 4, "hidden_size": 128, "intermediate_size": 512, "num_heads": 4,
            "window_size": 112, "fullatt_block_indexes": [3],
        },
        "grid": {"rows": 10, "columns": 20},
    },
    # Qwen2.5-VL-7B-Instruct's configuration; 48 tokens of 28 x 28 pixels a pair of frames, the paper's budget
    "7b": {
        "text": {
            "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
            "num_attention_heads": 28, "num_key_value_heads": 4, "mrope": [16, 24, 24],
        },
        "vision": {
            "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
            "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31],
        },
        "grid": {"rows": 12, "columns": 16},
    },
}  # fmt: skip


def build(shape: str, device: str = "cpu", dtype: str = "float32", attention: str = "sdpa") -> Any:
    """The model, in training mode, its weights drawn with seed 0 on the device itself."""
    transformers, said = transformers_module(), SHAPES[shape]
    ids = {name: place for place, name in enumerate(SPECIAL)}
    text = {
        **said["text"], "max_position_embeddings": 131072, "attn_implementation": attention,
        "bos_token_id": None, "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"],
    }  # fmt: skip
    text["rope_scaling"] = {"type": "default", "rope_type": "default", "mrope_section": text.pop("mrope")}
    vision = {
        **said["vision"], "out_hidden_size": text["hidden_size"], "patch_size": 14, "spatial_merge_size": 2,
        "temporal_patch_size": 2, "tokens_per_second": 2,
    }  # fmt: skip
    config = transformers.Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"], vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"], tie_word_embeddings=False, attn_implementation=attention,
    )  # fmt: skip
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            return transformers.Qwen2_5_VLForConditionalGeneration(config).train()
    finally:
        torch.set_default_dtype(before)


def make_prompt(model: Any, shape: str, video_tokens: int) -> QwenPrompt:
    """A prompt of `TEXT` text tokens around one video of about `video_tokens` tokens of noise."""
    rule, grid = grid_rule(model.config), SHAPES[shape]["grid"]
    area = grid["rows"] * grid["columns"] // 4
    patches = max(1, round(video_tokens / area))
    grids = [(patches, grid["rows"], grid["columns"])]
    text = torch.arange(300, 300 + TEXT - 2).tolist()
    video = [SPECIAL.index("<|vision_start|>"), *[rule.video_token] * patches * area, SPECIAL.index("<|vision_end|>")]
    ids = [*text[:4], *video, *text[4:]]
    count = patches * grid["rows"] * grid["columns"]
    pixels = np.random.default_rng(0).standard_normal((count, PATCH), dtype=np.float32)
    return QwenPrompt(
        question=VideoQuestion("timing", "", None),
        text="",
        input_ids=torch.tensor(ids),
        position_ids=rope_positions(ids, grids, [2.0], rule),
        pixel_values_videos=torch.from_numpy(pixels),
        video_grid_thw=torch.tensor(grids),
        second_per_grid_ts=torch.tensor([2.0], dtype=torch.float64),
        frame_counts=(2 * patches,),
    )


def completions(group: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """G completions of `length` text tokens."""
    draw = torch.Generator().manual_seed(0)
    return torch.randint(300, 7000, (group, length), generator=draw), torch.full((group,), length)
