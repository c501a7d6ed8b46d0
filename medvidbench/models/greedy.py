"""One answer to each prompt of a local Qwen2.5-VL, by the loop of `medvidbench.models.decoding`.

`generate` of transformers places later tokens by rules of its own that changed between versions; here the prefill and
every step get their positions from the prompt, so that sampling, scoring and training see one function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medvidbench.models.decoding import Answer, Choice, Decoding
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.torch_env import torch_module

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Prompts side by side, padded on the left.

    Attributes:
        inputs: keyword arguments of the model's forward.
        lengths: tokens of each prompt without padding.
    """

    inputs: dict[str, Tensor]
    lengths: tuple[int, ...]


@dataclass
class Decoded:
    """One answer's tokens, without the end token, and why it ended ("stop" or "length")."""

    tokens: list[int] = field(default_factory=list)
    finish: str = "length"


def collate(prompts: Sequence[QwenPrompt], pad: int, device: str = "cpu") -> Batch:
    """The batch of `prompts`: ids and mask (B, L), positions (3, B, L), patches and grids one after the other.

    Padding stands at position 0 and is masked, so it changes nothing for the tokens that count.
    """
    torch = torch_module()
    longest = max(prompt.length for prompt in prompts)
    ids = torch.full((len(prompts), longest), pad)
    mask = torch.zeros((len(prompts), longest), dtype=torch.int64)
    positions = torch.zeros((3, len(prompts), longest), dtype=torch.int64)
    for row, prompt in enumerate(prompts):
        ids[row, longest - prompt.length :] = prompt.input_ids
        mask[row, longest - prompt.length :] = 1
        positions[:, row, longest - prompt.length :] = prompt.position_ids
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    shown = [prompt for prompt in prompts if prompt.pixel_values_videos is not None]
    if shown:
        inputs["pixel_values_videos"] = torch.cat([prompt.pixel_values_videos for prompt in shown])
        inputs["video_grid_thw"] = torch.cat([prompt.video_grid_thw for prompt in shown])
    return Batch({name: value.to(device) for name, value in inputs.items()}, tuple(p.length for p in prompts))


def decode(
    model: Any,
    batch: Batch,
    *,
    limits: Sequence[int],
    stop: Iterable[int],
    suppressed: Iterable[int] = (),
    temperature: float = 0.0,
    seeds: Sequence[int] = (),
) -> list[Decoded]:
    """Answers to a batch.

    Args:
        limits: new tokens of each row, at most.
        stop: ids that end an answer.
        suppressed: ids that are never chosen.
        temperature: 0 takes the likeliest token (the first of equals); above, a row is drawn with its own generator,
            seeded by `seeds`, so that its answer doesn't depend on its neighbours.
    """
    torch = torch_module()
    draws = [torch.Generator().manual_seed(seed) for seed in seeds] if temperature > 0 else [None] * len(limits)
    answers = [Answer(limit, draw) for limit, draw in zip(limits, draws, strict=True)]
    choice = Choice.of(stop, suppressed, temperature)
    with torch.inference_mode():
        Decoding(model, batch.inputs, [[answer] for answer in answers]).run(choice)
    return [Decoded(_without_end(answer), answer.finish) for answer in answers]


def _without_end(answer: Answer) -> list[int]:
    return answer.tokens[:-1] if answer.finish == "stop" else answer.tokens
