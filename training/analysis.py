"""What a normaliser does to the gradient: how much each data set weighs, and how far the direction moves.

Any positive affine map of a data set's rewards cancels where advantages are divided by their group's standard
deviation: there a logistic acts by its curvature alone. Where they are divided by the step's, or by nothing, the map
decides how much the data set weighs. These functions measure both on the rewards of a step, or of many steps laid end
to end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medvidbench.training.methods.base import Advantages, checked_totals
from medvidbench.training.methods.relative import Floats, prompt_sets, relative
from medvidbench.training.recipe import Scale
from medvidbench.training.rows import Key, RewardBatch

SCALES: tuple[Scale, ...] = ("group", "batch", "none")


@dataclass(frozen=True)
class KeyWeight:
    """How much one source and task weighs.

    Attributes:
        prompts: groups of the key, those without any reward included.
        completions: that take part.
        mean_abs: mean |A| over them; None without any.
        share: of the sum of |A|: with answers of equal length, the key's share of the gradient. None where all
            advantages are 0.
        flat: share of its groups whose advantages are all 0.
    """

    prompts: int
    completions: int
    mean_abs: float | None
    share: float | None
    flat: float


@dataclass(frozen=True)
class Effect:
    """Raw against normalised rewards under one scale.

    Attributes:
        cosine: between both sets of advantages, over all completions with a reward in both; None where one is all 0.
        completions: that the cosine rests on.
        raw, normalised: weight of each key.
    """

    cosine: float | None
    completions: int
    raw: dict[Key, KeyWeight]
    normalised: dict[Key, KeyWeight]


def key_weights(keys: Sequence[Key], advantages: Advantages) -> dict[Key, KeyWeight]:
    """Weight of each key, in the order of the names.

    Args:
        keys: P keys, one a prompt.
        advantages: (P, G).
    """
    size = np.where(advantages.applies, np.abs(advantages.values), 0.0)
    total = float(size.sum())
    found = {}
    for key in sorted(set(keys)):
        rows = np.array([own == key for own in keys])
        count, own = int(advantages.applies[rows].sum()), float(size[rows].sum())
        found[key] = KeyWeight(
            prompts=int(rows.sum()),
            completions=count,
            mean_abs=own / count if count else None,
            share=own / total if total > 0 else None,
            flat=float(advantages.flat[rows].mean()),
        )
    return found


def cosine(first: Floats, second: Floats, applies: NDArray[np.bool_] | None = None) -> float | None:
    """Cosine between two sets of advantages, taken as one long vector each: 1 where they point the same way.

    Returns:
        in [-1, 1]; None where one of them is 0 everywhere.
    """
    kept = np.ones(first.shape, dtype=bool) if applies is None else applies
    a, b = first[kept], second[kept]
    size = math.sqrt(float(a @ a) * float(b @ b))
    return max(-1.0, min(1.0, float(a @ b) / size)) if size > 0 else None


def normaliser_effects(
    raw: RewardBatch, normalised: RewardBatch, scales: Sequence[Scale] = SCALES
) -> dict[Scale, Effect]:
    """Group-relative advantages from raw and from normalised rewards of the same completions, under each scale.

    Raises:
        ValueError: the two hold different prompts.
        MedVidBenchError: rewards that no method takes, see `medvidbench.training.methods.base.Method.advantages`.
    """
    if raw.keys != normalised.keys or raw.parts.shape[:2] != normalised.parts.shape[:2]:
        raise ValueError(
            f"Raw rewards {raw.parts.shape} and normalised ones {normalised.parts.shape} differ in prompts"
        )
    totals = checked_totals(raw), checked_totals(normalised)
    effects = {}
    for scale in scales:
        before, after = (_advantages(total, scale) for total in totals)
        both = before.applies & after.applies
        effects[scale] = Effect(
            cosine(before.values, after.values, both),
            int(both.sum()),
            key_weights(raw.keys, before),
            key_weights(raw.keys, after),
        )
    return effects


def _advantages(totals: Floats, scale: Scale) -> Advantages:
    return Advantages(relative(totals, prompt_sets(totals), scale), ~np.isnan(totals))
