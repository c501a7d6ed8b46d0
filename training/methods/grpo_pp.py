"""GRPO++, our reading: GRPO made steady where there are few prompts and small groups."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from medvidbench.training.methods.base import Method, Settings
from medvidbench.training.methods.relative import Floats, prompt_sets, relative, spread
from medvidbench.training.recipe import Scale
from medvidbench.training.rows import RewardBatch

LIMIT = 3.0
"""Advantages are cut to [-3, 3]."""


class GrpoPlusPlus(Method):
    """DermIQ-VLM's "stabilised" GRPO for low resources. No formula of it was at hand; this is what the words suggest.

    A standard deviation from 4 or 8 completions is a noisy divisor. With the scale "group" its square is averaged with
    that of the whole step, so that a group of nearly equal rewards is not blown up to full size; advantages are cut at
    3; groups without spread are left out; a KL term holds the policy near the reference.
    """

    name: ClassVar[str] = "grpo_pp"
    title: ClassVar[str] = "GRPO++ (our reading)"
    source: ClassVar[str] = "2510.01236, abstract"
    formula: ClassVar[str] = "A = clip((r - mean_p r) / sqrt((var_p r + var_step(r - mean_p r)) / 2), -3, 3)"
    differs: ClassVar[str] = "Our reading of the abstract, not the paper's formula; no public code was found."
    defaults: ClassVar[Settings] = Settings(aggregation="token", zero_spread="skip", kl=0.04)

    def values(self, batch: RewardBatch, totals: Floats, scale: Scale) -> Floats:
        """(P, G) advantages in [-3, 3]; with the scales "batch" and "none" the cut is all that is added to GRPO."""
        sets = prompt_sets(totals)
        if scale != "group":
            return np.clip(relative(totals, sets, scale), -LIMIT, LIMIT)
        centred = relative(totals, sets, "none")
        applies = ~np.isnan(totals)
        own: Floats = (centred**2).sum(axis=1) / np.maximum(applies.sum(axis=1) - 1, 1)
        steady: Floats = np.sqrt((own + spread(centred[applies]) ** 2) / 2)[:, None]
        shares = np.divide(centred, steady, out=np.zeros_like(centred), where=steady > 0)
        return np.clip(shares, -LIMIT, LIMIT)
