"""Examples side by side: rows of like length in one forward, the loss on the answers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards.inputs import check_prompt
from medvidbench.training.rows import Example

FULLEST = 0.8
"""A row joins a batch when it is at least this long beside the batch's longest: padding is computed and thrown away."""
IGNORED = -100


@dataclass(frozen=True, eq=False)
class MicroBatch:
    """What one forward takes.

    Attributes:
        examples: B rows.
        inputs: keyword arguments of the model: ids (B, L), positions (3, B, L), patches, grids, and as `logits_to_keep`
            the (K,) positions before any row's answer tokens. Padding stands on the right, where causal attention
            never sees it, so there is no mask.
        targets: (B, K) the answer token after each of those positions; `IGNORED` where a row has none.
    """

    examples: tuple[Example, ...]
    inputs: dict[str, Tensor]
    targets: Tensor

    def to(self, device: str) -> MicroBatch:
        """On the device."""
        moved = {name: value.to(device, non_blocking=True) for name, value in self.inputs.items()}
        return MicroBatch(self.examples, moved, self.targets.to(device, non_blocking=True))


def plan_micro_batches(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """Places of `lengths` in micro-batches: longest first, padded to at most `most_tokens`, little of it padding.

    >>> plan_micro_batches([90, 10, 100, 95], most_tokens=200)
    [[2, 3], [0], [1]]
    """
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda p: (-lengths[p], p)):
        last = batches[-1] if batches else []
        longest = lengths[last[0]] if last else 0
        if last and longest * (len(last) + 1) <= most_tokens and lengths[place] >= FULLEST * longest:
            last.append(place)
        else:
            batches.append([place])
    return batches


def micro_batches(examples: Sequence[Example], pad: int, config: Any, most_tokens: int) -> list[MicroBatch]:
    """The examples of a step as forwards of at most `most_tokens` tokens with padding; a longer one goes alone.

    Args:
        config: the model's, which says what a video token is.

    Raises:
        MedVidBenchError: a prompt's video tokens are not those that its pixels give.
    """
    for example in examples:
        check_prompt(example.prompt, config)
    lengths = [example.prompt.length + len(example.answer_ids) - 1 for example in examples]
    plan = plan_micro_batches(lengths, most_tokens)
    return [_collated([examples[place] for place in places], pad) for places in plan]


def _collated(examples: Sequence[Example], pad: int) -> MicroBatch:
    prompts = [example.prompt for example in examples]
    longest = max(example.prompt.length + len(example.answer_ids) - 1 for example in examples)
    ids = torch.full((len(examples), longest), pad)
    positions = torch.zeros((3, len(examples), longest), dtype=torch.int64)
    after = torch.full((len(examples), longest), IGNORED)
    for row, example in enumerate(examples):
        begin, count = example.prompt.length, len(example.answer_ids)
        whole = torch.cat([example.prompt.input_ids, example.answer_ids])
        ids[row, : begin + count - 1] = whole[:-1]
        after[row, begin - 1 : begin + count - 1] = example.answer_ids
        positions[:, row, : begin + count - 1] = answer_positions(example.prompt, count - 1)
    kept = (after != IGNORED).any(dim=0).nonzero().flatten()
    inputs = {"input_ids": ids, "position_ids": positions, "logits_to_keep": kept} | _pixels(prompts)
    return MicroBatch(tuple(examples), inputs, after[:, kept])


def _pixels(prompts: Sequence[QwenPrompt]) -> dict[str, Tensor]:
    shown = [prompt.pixel_values_videos for prompt in prompts if prompt.pixel_values_videos is not None]
    if not shown:
        return {}
    return {
        "pixel_values_videos": torch.cat(shown),
        "video_grid_thw": torch.cat([prompt.video_grid_thw for prompt in prompts]),
    }


def answer_positions(prompt: QwenPrompt, count: int) -> Tensor:
    """(3, L + count) int64: the prompt's positions, then those of `count` answer tokens, each one further than the
    last: the rule of the decoding loop (`medvidbench.models.greedy`)."""
    further = prompt.position_ids[:, -1:] + torch.arange(1, count + 1)
    return torch.cat([prompt.position_ids, further], dim=1)


def answer_losses(model: Any, batch: MicroBatch) -> Tensor:
    """(B,) sum of `-log p(token)` over each row's answer tokens and its end token, nats, with gradient."""
    return answer_outputs(model, batch)[0]


def answer_outputs(model: Any, batch: MicroBatch, attentions: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The same, and where it is asked for the language model's attention: of each layer (B, heads, L, L)."""
    found = model(**batch.inputs, use_cache=False, output_attentions=attentions)
    logits = found.logits.float()
    losses = cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED, reduction="none")
    summed: Tensor = losses.view(batch.targets.shape).sum(dim=1)
    return summed, found.attentions if attentions else ()
