"""The prompt once, with gradient; its keys and values, expanded to G rows, are what the completions look back on.

Prefix Grouper (arXiv 2506.05433), written as two calls of the unchanged model: attention of a completion over
[prompt; itself] is causal attention with a cache. The gradient of the G completions reaches the prompt, and the vision
tower, through the cached keys and values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.models.decoding import config_of, expand_cache
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
    """See `medvidbench.training.forwards.Forward`.

    Raises:
        MedVidBenchError: as there, or the model is set to gradient checkpointing, under which transformers drops the
            cache with no more than a warning: completions would be scored without their prompt.
    """
    refuse_checkpointing(model)
    request = prepare(model, prompt, ids, lengths, suppressed)
    out = model(**request.inputs, use_cache=True, logits_to_keep=1)
    first = torch.where(request.steps == 0, 0, -1).expand_as(request.ids)
    parts = [Part(out.logits[0], first), _rest(model, request, out.past_key_values)]
    return token_scores(parts, request.ids, request.lengths, temperature=temperature, suppressed=suppressed)


def _rest(model: Any, request: Request, cache: Any) -> Part:
    """The second tokens and later ones, each predicted by the completion's token before it.

    At least one token a row is fed, whether it predicts one that counts or not: processes that share a model (DDP,
    FSDP) must call it equally often.
    """
    count, steps = len(request.ids), max(1, int(request.lengths.max()) - 1)
    filler = request.inputs["input_ids"][:, -1:].expand(count, 1)
    ids = torch.cat([request.ids.to(request.device), filler], dim=1)[:, :steps]
    expand_cache(cache, count)
    logits = model(
        input_ids=ids,
        attention_mask=ids.new_ones(count, request.prompt_length + steps),
        position_ids=request.positions(torch.arange(steps)).expand(-1, count, -1),
        past_key_values=cache,
        use_cache=True,
    ).logits
    row_of = torch.full((count, max(request.ids.shape[1], steps + 1)), -1)
    row_of[:, 1 : steps + 1] = torch.arange(count * steps).view(count, steps)
    return Part(logits.reshape(count * steps, logits.shape[-1]), row_of[:, : request.ids.shape[1]])


def refuse_checkpointing(model: Any) -> None:
    """Refuse a model that recomputes activations.

    Raises:
        MedVidBenchError: it is in training mode with gradient checkpointing.
    """
    if any(module.training and getattr(module, "gradient_checkpointing", False) for module in model.modules()):
        seen = f"{config_of(model).model_type} with gradient checkpointing has no cache of the prompt."
        raise MedVidBenchError(seen, "the forward prefix_packed or repeated", "or switch gradient checkpointing off")
