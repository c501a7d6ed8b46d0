"""A Qwen2.5-VL with random weights as a policy, prompts with and without video, and gradients side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medvidbench.models.checkpoints import Source, load
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.training.forwards import forward
from medvidbench.training.rows import TokenScores
from medvidbench.video.frames import FrameSet

SETTINGS = VideoSettings(max_pixels=48 * 784)


def policy(
    folder: Path, dtype: str = "float32", attention: str = "sdpa", settings: VideoSettings = SETTINGS
) -> QwenLocal:
    """The model, freshly loaded; float64 is cast after loading."""
    checkpoint = load(Source(str(folder), device="cpu", dtype="float32", attention=attention))
    checkpoint.model.to(getattr(torch, dtype))
    return QwenLocal(checkpoint, settings)


def ask(model: QwenLocal, seconds: int = 4, shade: int = 0, text: str = "When?") -> QwenPrompt:
    """A question about `seconds` frames of noise, one a second (none: text alone); `shade` gives another video."""
    frames = None
    if seconds:
        pixels = np.random.default_rng(shade).integers(0, 256, (seconds, 84, 112, 3), dtype=np.uint8)
        frames = FrameSet(pixels, np.arange(seconds, dtype=np.float64), (112, 84))
    return model.prepare(VideoQuestion("a", text, frames))


def drawn(lengths: Sequence[int], longest: int | None = None, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Completions of random text ids and these lengths."""
    shape = (len(lengths), max(lengths) if longest is None else longest)
    return torch.randint(20, 400, shape, generator=torch.Generator().manual_seed(seed)), torch.tensor(lengths)


def weighted_gradients(
    name: str, model: Any, prompt: QwenPrompt, ids: torch.Tensor, lengths: torch.Tensor, **options: Any
) -> tuple[TokenScores, dict[str, torch.Tensor | None]]:
    """Scores, and the gradient of every parameter for a loss that weighs each token by another number."""
    model.zero_grad(set_to_none=True)
    scores = forward(name)(model, prompt, ids, lengths, **options)
    weights = torch.randn(ids.shape, generator=torch.Generator().manual_seed(1)).to(scores.logps.dtype)
    (scores.logps * weights).sum().backward()
    grads = {key: None if p.grad is None else p.grad.clone() for key, p in model.named_parameters()}
    return TokenScores(scores.logps.detach(), scores.entropy, scores.mask), grads


def worst_gap(one: dict[str, torch.Tensor | None], other: dict[str, torch.Tensor | None]) -> tuple[float, int]:
    """The largest `|a - b| / |b|` over the parameters that have gradients, and how many have; the same ones must.

    A key's bias moves all of a query's scores alike, which softmax doesn't feel: its true gradient is 0 up to the
    rotary positions' mixing, so the norm to compare with is at least a millionth of the whole gradient's.
    """
    assert {key for key, grad in one.items() if grad is None} == {key for key, grad in other.items() if grad is None}
    pairs = [(one[key], grad) for key, grad in other.items() if grad is not None]
    floor = 1e-6 * float(sum(float(b.norm()) ** 2 for _, b in pairs)) ** 0.5
    return max(float((a - b).norm()) / max(float(b.norm()), floor, 1e-30) for a, b in pairs if a is not None), len(
        pairs
    )
