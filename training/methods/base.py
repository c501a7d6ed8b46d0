"""What a method is: rewards of one step to one advantage a completion, with the settings its source has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods.relative import Floats, prompt_sets, relative
from medvidbench.training.recipe import Aggregation, Scale, ZeroSpread
from medvidbench.training.rows import RewardBatch

Normalisation: TypeAlias = Literal["logistic", "zscore", "none"]


@dataclass(frozen=True)
class Settings:
    """The choices that come with a method; a recipe may say otherwise.

    Attributes:
        scale: what centred rewards are divided by: their group's standard deviation, the step's, nothing.
        clip_low, clip_high: the probability ratio is clipped to [1 - clip_low, 1 + clip_high].
        aggregation: of the token losses, see `medvidbench.training.losses`.
        zero_spread: what is done with groups whose rewards are all equal.
        kl: weight of the KL term to the reference model.
        normalisation: of raw rewards per (source, task), before the method sees them.
    """

    scale: Scale = "group"
    clip_low: float = 0.2
    clip_high: float = 0.2
    aggregation: Aggregation = "sequence"
    zero_spread: ZeroSpread = "keep"
    kl: float = 0.0
    normalisation: Normalisation = "none"


@dataclass(frozen=True, eq=False)
class Advantages:
    """What one step learns from.

    Attributes:
        values: (P, G) float64, 0 where `applies` is False.
        applies: (P, G) bool; False where no reward applies: such a completion takes no part in the loss at all, its
            KL term and its tokens in the normaliser included.
    """

    values: Floats
    applies: NDArray[np.bool_]

    @property
    def flat(self) -> NDArray[np.bool_]:
        """(P,) bool, groups that teach nothing: every advantage is exactly 0."""
        moved: NDArray[np.bool_] = (self.values != 0).any(axis=1)
        return ~moved


class Method(ABC):
    """Turns the rewards of one step into advantages.

    Attributes:
        name: in recipes.
        title: in tables.
        source: arXiv id, or what it is where no paper defines it.
        formula: of the advantage, with r the (normalised) total reward, p a prompt, i one of its G completions.
        differs: from public implementations.
        defaults: settings of the source.
        needs_trees: whether the completions must be sampled as trees.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    formula: ClassVar[str]
    differs: ClassVar[str]
    defaults: ClassVar[Settings]
    needs_trees: ClassVar[bool] = False

    def advantages(self, batch: RewardBatch, scale: Scale) -> Advantages:
        """Advantages of one step. `batch` holds all prompts of the step, those of other processes included: the scale
        "batch" and the methods that look across prompts would otherwise differ from one process to the next.

        Raises:
            MedVidBenchError: fewer than 2 completions a prompt, an infinite reward, a negative weight, or something
                that this method needs is missing.
        """
        totals = checked_totals(batch)
        applies = ~np.isnan(totals)
        return Advantages(np.where(applies, self.values(batch, totals, scale), 0.0), applies)

    @abstractmethod
    def values(self, batch: RewardBatch, totals: Floats, scale: Scale) -> Floats:
        """(P, G) advantages from a checked batch and its total rewards; anything where the total is NaN."""

    def state(self) -> dict[str, Any]:
        """What the method remembers from step to step, as JSON holds it. Part of the checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state()`.

        Raises:
            MedVidBenchError: the state is of another method.
        """
        if state:
            raise MedVidBenchError(
                f"The checkpoint holds a state ({', '.join(sorted(state))}) that the method {self.name} doesn't have.",
                "a checkpoint written with the same method",
            )


class GroupRelative(Method):
    """Rewards less their group's mean, over the chosen scale: what most methods share, and differ around."""

    def values(self, batch: RewardBatch, totals: Floats, scale: Scale) -> Floats:
        """(P, G) centred and scaled total rewards."""
        return relative(totals, prompt_sets(totals), scale)


def checked_totals(batch: RewardBatch) -> Floats:
    """(P, G) total rewards of a batch that a method can work with.

    Raises:
        MedVidBenchError: see `Method.advantages`.
    """
    shape, wanted = batch.parts.shape, (len(batch.keys), len(batch.names))
    if batch.parts.ndim != 3 or (shape[0], shape[2]) != wanted or batch.weights.shape != wanted[1:]:
        raise ValueError(f"Rewards {shape} and weights {batch.weights.shape} don't fit {wanted[0]} keys, {batch.names}")
    if shape[1] < 2:
        raise MedVidBenchError(
            f"A group of {shape[1]} completion has nothing to be compared with.", "grpo.group_size of 2 or more"
        )
    if np.isinf(batch.parts).any():
        names = [name for r, name in enumerate(batch.names) if np.isinf(batch.parts[:, :, r]).any()]
        raise MedVidBenchError(f"Infinite reward from {', '.join(names)}.", "finite rewards; None: does not apply")
    if not (np.isfinite(batch.weights) & (batch.weights >= 0)).all():
        raise MedVidBenchError(f"Weights of rewards: {batch.weights.tolist()}.", "finite weights of at least 0")
    return batch.total()
