"""What every forward needs before it runs: the prompt checked and on the model's device, the completions' positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.models.decoding import config_of
from medvidbench.models.greedy import collate
from medvidbench.models.qwen_local import grid_rule
from medvidbench.models.qwen_positions import check_tokens
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards.scores import length_mask


@dataclass(frozen=True, eq=False)
class Request:
    """One prompt and its completions.

    Attributes:
        inputs: keyword arguments of the model's forward for the prompt as a batch of one, on the model's device.
        ids: (G, T) on the CPU; padding is replaced by the prompt's last token, which is never a vision id.
        lengths: (G,) on the CPU.
        device: of the model.
    """

    inputs: dict[str, Tensor]
    ids: Tensor
    lengths: Tensor
    device: torch.device

    @property
    def prompt_length(self) -> int:
        """Tokens of the prompt."""
        return self.inputs["input_ids"].shape[1]

    @property
    def steps(self) -> Tensor:
        """(T,) 0, 1, ...: places in a completion."""
        return torch.arange(self.ids.shape[1])

    def positions(self, places: Tensor) -> Tensor:
        """(3, 1, n) on the model's device: a completion's k-th token stands k + 1 after the prompt's last, in all three
        axes."""
        last = self.inputs["position_ids"][:, :, -1:]
        return last + 1 + places.to(self.device)


def prepare(model: Any, prompt: QwenPrompt, ids: Tensor, lengths: Tensor, suppressed: Sequence[int]) -> Request:
    """Check prompt and completions, and move the prompt to the model's device.

    Raises:
        MedVidBenchError: see `medvidbench.training.forwards.Forward`.
    """
    config = config_of(model)
    check_prompt(prompt, config)
    ids, lengths = ids.cpu(), lengths.cpu()
    if (
        ids.ndim != 2
        or not len(ids)
        or lengths.shape != ids.shape[:1]
        or bool(((lengths < 0) | (lengths > ids.shape[1])).any())
    ):
        seen = f"Completions of shape {tuple(ids.shape)} with lengths {lengths.tolist()}."
        raise MedVidBenchError(seen, "ids (G, T) and G lengths from 0 to T, G at least 1")
    mask = length_mask(ids, lengths)
    check_completions(ids[mask], config, suppressed)
    device = next(model.parameters()).device
    inputs = collate([prompt], 0, str(device)).inputs
    return Request(inputs, torch.where(mask, ids, prompt.input_ids[-1]), lengths, device)


def check_prompt(prompt: QwenPrompt, config: Any) -> None:
    """Refuse a prompt whose video tokens are not those that its features replace.

    Raises:
        MedVidBenchError: their numbers differ, or there are tokens and no pixels.
    """
    rule = grid_rule(config)
    check_tokens(prompt.input_ids.tolist(), prompt.video_grid_thw.tolist(), rule)
    patches = int(prompt.video_grid_thw.prod(dim=-1).sum())
    given = 0 if prompt.pixel_values_videos is None else len(prompt.pixel_values_videos)
    if given != patches:
        seen = f"The prompt {prompt.question.sample_id} has video tokens for {patches} patches, and pixels of {given}."
        raise MedVidBenchError(seen, "as many", "a video that can't be read leaves no prompt: drop the row, count it")


def check_completions(tokens: Tensor, config: Any, suppressed: Sequence[int]) -> None:
    """Refuse completions with a placeholder, which no features would replace, or with an id that can't be drawn.

    Raises:
        MedVidBenchError: one is there.
    """
    banned = torch.tensor(sorted({*suppressed, config.video_token_id, config.image_token_id}))
    found = tokens[torch.isin(tokens, banned)]
    if len(found):
        seen = f"A completion holds the id {int(found[0])}, a vision placeholder or suppressed in sampling."
        raise MedVidBenchError(seen, remedy="suppress QwenPrompter.vision_ids in sampling, and the same ids in scoring")
