"""The prompt and all completions in one row, under a mask that hides the completions from one another.

Every completion's positions count on from the prompt's last token, so that each stands where it would alone. No cache
is needed: gradient checkpointing works. Padding is left out; the mask has (P + sum of lengths)^2 numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.models.decoding import MASKED, additive_mask, attention_of
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards.inputs import Request, prepare
from medvidbench.training.forwards.scores import Part, length_mask, token_scores
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
    """See `medvidbench.training.forwards.Forward`.

    Raises:
        MedVidBenchError: as there, or the attention takes no mask of its own (flash attention).
    """
    if attention_of(model) not in MASKED:
        seen = f"The forward prefix_packed needs a mask that {attention_of(model)} doesn't take."
        raise MedVidBenchError(seen, " or ".join(MASKED), "or the forward prefix_kv")
    request = prepare(model, prompt, ids, lengths, suppressed)
    # a completion's last token predicts nothing that is scored: it isn't in the row
    fed = length_mask(request.ids, request.lengths - 1)
    owner, step = fed.nonzero(as_tuple=True)
    row, keep = _row(model, request, owner, step)
    logits = model(**row, use_cache=False, logits_to_keep=keep).logits[0]
    row_of = torch.full(request.ids.shape, -1)
    row_of[:, :1] = 0
    row_of[owner, step + 1] = torch.arange(len(owner)) + 1
    return token_scores(
        [Part(logits, row_of)], request.ids, request.lengths, temperature=temperature, suppressed=suppressed
    )


def _row(model: Any, request: Request, owner: Tensor, step: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The packed row, and the places whose logits count: the prompt's last token and all of the completions'."""
    length, device = request.prompt_length, request.device
    row = dict(request.inputs)
    row["input_ids"] = torch.cat([row["input_ids"], request.ids[owner, step].view(1, -1).to(device)], dim=1)
    row["position_ids"] = torch.cat([row["position_ids"], request.positions(step)], dim=2)
    visible = packed_mask(length, owner.to(device))
    row["attention_mask"] = additive_mask(model, visible)[None, None]
    return row, torch.arange(length - 1, length + len(owner), device=device)


def packed_mask(length: int, owner: Tensor) -> Tensor:
    """(N, N) bool for a prompt of `length` tokens and then tokens that belong to the completions `owner`: a token sees
    what stands before it and itself, of the completions its own alone.

    >>> packed_mask(1, torch.tensor([0, 0, 1])).int().tolist()
    [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]
    """
    total = length + len(owner)
    visible = torch.ones(total, total, dtype=torch.bool, device=owner.device).tril_()
    visible[length:, length:] &= owner[:, None] == owner
    return visible
