"""GDPO: each reward is made relative on its own before they are added."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from medvidbench.training.methods.base import Method, Settings
from medvidbench.training.methods.relative import Floats, prompt_sets, relative, whitened
from medvidbench.training.recipe import Scale
from medvidbench.training.rows import RewardBatch


class Gdpo(Method):
    """Group reward-decoupled normalisation policy optimisation.

    The scale is that of each single reward; the sum is whitened over the step in any case. The whitening is a division
    alone, because each part has a mean of 0 in its group already. Where it says little:

    * one reward a prompt: GRPO, whitened;
    * one prompt in the step: the whitening undoes the weights' size, and nothing couples data sets;
    * a reward that is equal for the whole group: adds 0, instead of diluting the others' spread;
    * rewards that cancel one another, or are equal everywhere: 0, not what rounding left, blown up.
    """

    name: ClassVar[str] = "gdpo"
    title: ClassVar[str] = "GDPO"
    source: ClassVar[str] = "2601.05242"
    formula: ClassVar[str] = "A_k = (r_k - mean_p r_k) / std_p r_k;  S = sum_k w_k A_k;  A = S / std_step S"
    differs: ClassVar[str] = (
        "A reward that does not apply counts nowhere; the reference code takes it for a 0 before the group's mean. "
        "No epsilon, where both divisions of the reference add 1e-4."
    )
    defaults: ClassVar[Settings] = Settings()

    def values(self, batch: RewardBatch, totals: Floats, scale: Scale) -> Floats:
        """(P, G) whitened sums of the rewards' own advantages."""
        sets = prompt_sets(totals)
        parts = [relative(batch.parts[:, :, r], sets, scale) for r in range(len(batch.names))]
        summed = np.where(np.isnan(totals), np.nan, np.stack(parts, axis=-1) @ batch.weights)
        # centred already: what this takes away is what rounding leaves of parts that cancel, before it is blown up
        return whitened(relative(summed, sets, "none"), ~np.isnan(totals))
