"""AdamW, its learning rate by step, and the gradient norm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.nn import Parameter

from medvidbench.training.recipe import OptimiserPart
from medvidbench.training.sharding import whole


def learning_rate(step: int, total: int, part: OptimiserPart) -> float:
    """The rate of optimiser step `step` (from 0 on) of `total`.

    With w warm-up steps and `r = (step - w) / (total - w)`:

        step < w:   lr * (step + 1) / (w + 1)
        linear:     lr * (1 - r)
        cosine:     lr * (1 + cos(pi * r)) / 2
        constant:   lr

    "linear" and "cosine" reach 0 after the last step, which therefore still counts.

    >>> from medvidbench.training.recipe import OptimiserPart
    >>> [learning_rate(step, 4, OptimiserPart(lr=1.0)) for step in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    if step < part.warmup:
        return part.lr * (step + 1) / (part.warmup + 1)
    gone = min(1.0, (step - part.warmup) / max(1, total - part.warmup))
    if part.schedule == "linear":
        return part.lr * (1 - gone)
    if part.schedule == "cosine":
        return part.lr * (1 + math.cos(math.pi * gone)) / 2
    return part.lr


def make_optimiser(named: Sequence[tuple[str, Parameter]], part: OptimiserPart) -> torch.optim.AdamW:
    """AdamW over named parameters in two groups: weight decay acts on matrices, never on biases and norms."""
    matrices = [parameter for _, parameter in named if parameter.dim() >= 2]
    vectors = [parameter for _, parameter in named if parameter.dim() < 2]
    groups: list[dict[str, Any]] = [
        {"params": parameters, "weight_decay": decay}
        for parameters, decay in ((matrices, part.weight_decay), (vectors, 0.0))
        if parameters
    ]
    return torch.optim.AdamW(groups, lr=part.lr, betas=part.betas, eps=part.eps, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def clip_gradients(parameters: Iterable[Parameter], most: float) -> float:
    """The gradients' norm over all parameters, before they are scaled down to `most` (0: never)."""
    return float(whole(torch.nn.utils.clip_grad_norm_(parameters, most if most > 0 else math.inf)))
