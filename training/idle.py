"""Work that changes nothing, for a process that has none left while others that share its model do.

A sharded model waits at each block for all processes. The one with fewer rows calls it on a video of one token, with
a loss of 0: its blocks are gathered, and its gradients are added, as often as everywhere else.
"""

from __future__ import annotations

from typing import Any

import torch

from medvidbench.models.qwen_local import grid_rule
from medvidbench.models.qwen_positions import rope_positions
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.training.batches import IGNORED, MicroBatch


def idle_prompt(config: Any, pad: int) -> QwenPrompt:
    """Two black frames of one merged patch between two padding tokens."""
    vision, rule = config.vision_config, grid_rule(config)
    ids, grid = [pad, rule.video_token, pad], [1, rule.merge, rule.merge]
    width = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    return QwenPrompt(
        VideoQuestion("idle", "", None),
        "",
        torch.tensor(ids),
        rope_positions(ids, [grid], [1.0], rule),
        torch.zeros(rule.merge**2, width),
        torch.tensor([grid]),
        torch.tensor([1.0], dtype=torch.float64),
        (int(vision.temporal_patch_size),),
    )


def idle_batch(config: Any, pad: int) -> MicroBatch:
    """One row whose tokens are all ignored: `answer_losses` of it is 0, with a gradient of 0 everywhere."""
    prompt = idle_prompt(config, pad)
    assert prompt.pixel_values_videos is not None
    inputs = {
        "input_ids": prompt.input_ids[None],
        "position_ids": prompt.position_ids[:, None],
        "logits_to_keep": torch.tensor([prompt.length - 1]),
        "pixel_values_videos": prompt.pixel_values_videos,
        "video_grid_thw": prompt.video_grid_thw,
    }
    return MicroBatch((), inputs, torch.full((1, 1), IGNORED))
