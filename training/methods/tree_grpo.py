"""Tree-GRPO: completions that branch from shared beginnings are compared within their tree and across trees."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods.base import Method, Settings
from medvidbench.training.methods.relative import Floats, prompt_sets, relative
from medvidbench.training.recipe import Scale
from medvidbench.training.rows import RewardBatch


class TreeGrpo(Method):
    """Section 3.3 of the paper, on trees of one level: a branch is a shared beginning of the answer.

    Within a tree the shared tokens are equal, so that the comparison there speaks of the rest alone. A tree of one
    completion has nothing to be compared with and adds 0.
    """

    name: ClassVar[str] = "tree_grpo"
    title: ClassVar[str] = "Tree-GRPO"
    source: ClassVar[str] = "2509.21240"
    formula: ClassVar[str] = "A = (r - mean_p r) / std_p r + (r - mean_tree r) / std_tree r"
    differs: ClassVar[str] = (
        "A tree of one adds 0; the public code takes mean 0 and std 1 there, so that the raw reward leaks into the "
        "advantage. Rewards of 0 count. Trees of tokens, where the paper's are of an agent's turns."
    )
    defaults: ClassVar[Settings] = Settings(aggregation="token", kl=0.001)
    needs_trees: ClassVar[bool] = True

    def values(self, batch: RewardBatch, totals: Floats, scale: Scale) -> Floats:
        """(P, G) sum of both comparisons, each by the chosen scale.

        Raises:
            MedVidBenchError: the completions are no trees.
        """
        if batch.trees is None:
            raise MedVidBenchError(
                "tree_grpo met completions that share no beginnings.", "grpo.branches of 2 or more and branch_tokens"
            )
        prompts = prompt_sets(totals)
        _, codes = np.unique(batch.trees, return_inverse=True)
        trees = prompts * batch.trees.size + codes.reshape(batch.trees.shape)
        return relative(totals, prompts, scale) + relative(totals, trees, scale)
