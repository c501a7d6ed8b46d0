"""The plain forward: the prompt, its video with it, stands before each of the G completions.

This is what GRPO trainers for video do (TRL, verl, Video-R1: `pixel_values_videos.repeat(G, 1)`), with the video
features present and with explicit positions. It is the oracle of the shared forwards and the baseline of their timings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards.inputs import Request, prepare
from medvidbench.training.forwards.scores import Part, token_scores
from medvidbench.training.rows import TokenScores


def completion_scores(
    model: Any,
    prompt: QwenPrompt,
    ids: Tensor,
    lengths: Tensor,
    *,
    temperature: float = 1.0,
    suppressed: Sequence[int] = (),
) -> TokenScores:
    """See `medvidbench.training.forwards.Forward`."""
    request = prepare(model, prompt, ids, lengths, suppressed)
    count, longest = request.ids.shape
    # the token before each completion's first predicts it; the last token predicts nothing that is scored
    keep = torch.arange(longest, device=request.device) + request.prompt_length - 1
    logits = model(**_rows(request), use_cache=False, logits_to_keep=keep).logits
    row_of = torch.arange(count * longest).view(count, longest)
    part = Part(logits.reshape(count * longest, logits.shape[-1]), row_of)
    return token_scores([part], request.ids, request.lengths, temperature=temperature, suppressed=suppressed)


def _rows(request: Request) -> dict[str, Tensor]:
    """G rows of prompt and completion. Padding stands on the right, where no token before it sees it: no mask."""
    given, count = request.inputs, len(request.ids)
    ids = torch.cat([given["input_ids"].expand(count, -1), request.ids.to(request.device)], dim=1)
    positions = torch.cat([given["position_ids"], request.positions(request.steps)], dim=2)
    rows = {"input_ids": ids, "position_ids": positions.expand(-1, count, -1), "attention_mask": torch.ones_like(ids)}
    for name in ("pixel_values_videos", "video_grid_thw"):
        if name in given:
            rows[name] = given[name].repeat(count, 1)
    return rows
