"""What travels between the parts of a training step: examples, completions, their log-probabilities, rewards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from medvidbench.records import Sample, TaskName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from medvidbench.models.qwen_prompt import QwenPrompt


FLAT = 1e-4
"""Rewards within this distance of one another are equal: a set of them gets advantages of exactly 0. A larger spread is
divided by as it is. Nothing is ever added to a standard deviation: TRL's 1e-4 and verl's 1e-6 leave what rounding makes
of equal rewards as advantages, and the smaller of the two turns a spread of 1e-5 into one of nearly full size."""


class Key(NamedTuple):
    """What rewards are normalised by: one source and one task."""

    source: str
    task: TaskName

    def __str__(self) -> str:
        return f"{self.source}/{self.task}"


@dataclass(frozen=True, eq=False)
class Example:
    """One row of a benchmark, ready for the model.

    Attributes:
        sample: the row with its truth.
        prompt: the tensors of the question, made by the same code as in evaluation.
        answer_ids: (T,) int64, the reference answer and the end token; what SFT learns.
    """

    sample: Sample
    prompt: QwenPrompt
    answer_ids: Tensor

    @property
    def key(self) -> Key:
        """Source and task of the row."""
        return Key(self.sample.source, self.sample.task)


@dataclass(frozen=True, eq=False)
class Completions:
    """G sampled answers to one prompt.

    Attributes:
        ids: (G, T) int64, padded on the right; the end token counts as a token of the answer.
        lengths: (G,) int64, tokens that count; 0 is allowed.
        finished: (G,) bool, whether the end token was drawn (False: cut at the limit).
        logps: (G, T) float32, log-probability of each token under the distribution it was drawn from, 0 on padding.
        texts: the answers without the end token, as text.
        trees: (G,) int64, completions that share a branch have one number; None where each was drawn on its own.
    """

    ids: Tensor
    lengths: Tensor
    finished: Tensor
    logps: Tensor
    texts: tuple[str, ...]
    trees: Tensor | None = None


@dataclass(frozen=True, eq=False)
class TokenScores:
    """What a model says of given completions.

    Attributes:
        logps: (G, T) log-probabilities of the tokens at temperature 1 (or the one asked for); 0 on padding.
            Carries a gradient where the forward was asked for one.
        entropy: (G, T) entropy of the distribution each token was drawn from, nats, detached; 0 on padding.
        mask: (G, T) bool, True on tokens that count.
    """

    logps: Tensor
    entropy: Tensor
    mask: Tensor


@dataclass(frozen=True)
class GroupRewards:
    """Raw rewards of one prompt's completions.

    Attributes:
        key: source and task.
        sample_id: of the prompt.
        parts: reward name to G values, in [0, 1] for all rewards of this package (a user's function may give any finite
            number); None: does not apply to this prompt (never "it failed").
        parsed: G flags, whether the answer could be read by the task.
        left_out: why the group has no reward though one applies (some of its judgements can't be read); then every
            value is None and the group must be counted. "" otherwise.
    """

    key: Key
    sample_id: str
    parts: Mapping[str, tuple[float | None, ...]]
    parsed: tuple[bool, ...]
    left_out: str = ""

    @property
    def has_spread(self) -> bool:
        """Whether any raw reward differs between the completions by more than `FLAT`."""
        known = [[v for v in values if v is not None] for values in self.parts.values()]
        return any(max(values) - min(values) > FLAT for values in known if values)


@dataclass(frozen=True, eq=False)
class RewardBatch:
    """Normalised rewards of one step, for the methods that turn them into advantages.

    Attributes:
        parts: (P, G, R) float64: P prompts, G completions, R rewards; NaN where a reward does not apply.
        names: R reward names.
        weights: (R,) weights of the rewards in the total.
        keys: P keys.
        trees: (P, G) int64 branch numbers, or None.
    """

    parts: NDArray[np.float64]
    names: tuple[str, ...]
    weights: NDArray[np.float64]
    keys: tuple[Key, ...]
    trees: NDArray[np.int64] | None = None

    def total(self) -> NDArray[np.float64]:
        """(P, G) weighted mean of the rewards that apply; NaN where none does."""
        import numpy as np

        applies = ~np.isnan(self.parts)
        weight = (applies * self.weights).sum(axis=-1)
        earned = np.where(applies, self.parts, 0.0) @ self.weights
        total: NDArray[np.float64] = np.divide(earned, weight, out=np.full_like(earned, np.nan), where=weight > 0)
        return total
