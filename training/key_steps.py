"""From the arrays of a step to what its log says of each source and task, and to the few completions it keeps."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medvidbench.training.grpo_batch import Rollout
from medvidbench.training.rows import GroupRewards, Key
from medvidbench.training.steps import KeyStep, SampledCompletion

LONGEST_TEXT = 2000
"""Characters of a question, reference or answer that are kept."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What became of a step's P groups of G completions.

    Attributes:
        rewards: P groups of raw rewards.
        weights: of the rewards by name; 1 for those not named.
        normalised: (P, G) rewards after normalisation, NaN where none applies.
        advantages: (P, G), NaN or 0 where none applies.
        saturated: (P, G) flags, or None where the normalisation has no ends.
    """

    rewards: Sequence[GroupRewards]
    weights: Mapping[str, float]
    normalised: NDArray[np.float64]
    advantages: NDArray[np.float64]
    saturated: NDArray[np.bool_] | None = None


def key_steps(judged: Judged) -> tuple[KeyStep, ...]:
    """The step by source and task, in the order of the names.

    The share of the gradient is `sum |A| of the key / sum |A| of the step`: with equal lengths, the weight that the
    key's completions have in the policy gradient.

    Raises:
        ValueError: the arrays don't have P rows.
    """
    count = len(judged.rewards)
    if len(judged.normalised) != count or len(judged.advantages) != count:
        raise ValueError(f"{count} groups, but {len(judged.normalised)} and {len(judged.advantages)} rows")
    total = float(np.nansum(np.abs(judged.advantages)))
    keys = sorted({group.key for group in judged.rewards})
    return tuple(_key_step(judged, key, total) for key in keys)


def _key_step(judged: Judged, key: Key, total: float) -> KeyStep:
    rows = [p for p, group in enumerate(judged.rewards) if group.key == key]
    groups = [judged.rewards[p] for p in rows]
    raw = [raw_rewards(group, judged.weights) for group in groups]
    means = [m for m in (_mean(values) for values in raw) if m is not None]
    parsed = [flag for group in groups for flag in group.parsed]
    absolute = np.abs(judged.advantages[rows])
    return KeyStep(
        source=key.source,
        task=key.task,
        prompts=len(rows),
        n=len(parsed),
        rewarded=len(means),
        reward=_mean(means),
        reward_sd=float(np.std(means)) if means else None,
        parts=_parts(groups),
        normalised=_mean(judged.normalised[rows].ravel().tolist()),
        advantage=float(np.nansum(absolute)) / len(parsed),
        share=float(np.nansum(absolute)) / total if total > 0 else None,
        zero_spread=sum(not group.has_spread for group in groups) / len(rows),
        saturated=None if judged.saturated is None else float(judged.saturated[rows].mean()),
        parsed=sum(parsed) / len(parsed),
    )


def raw_rewards(group: GroupRewards, weights: Mapping[str, float]) -> list[float | None]:
    """Each completion's raw reward: the weighted mean of the parts that apply, None where none does.

    >>> raw_rewards(GroupRewards(Key("a", "TAG"), "s", {"x": (1.0, None), "y": (0.0, None)}, (True, True)), {"x": 3.0})
    [0.75, None]
    """
    found: list[float | None] = []
    for column in zip(*group.parts.values(), strict=True):
        pairs = [(weights.get(name, 1.0), v) for name, v in zip(group.parts, column, strict=True) if v is not None]
        weight = sum(w for w, _ in pairs)
        found.append(sum(w * v for w, v in pairs) / weight if weight > 0 else None)
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None and not math.isnan(v)]
    return math.fsum(known) / len(known) if known else None


def _parts(groups: Sequence[GroupRewards]) -> dict[str, float | None]:
    names = dict.fromkeys(name for group in groups for name in group.parts)
    return {name: _mean([v for group in groups for v in group.parts.get(name, ())]) for name in names}


def sampled(
    step: int, rollouts: Sequence[Rollout], judged: Judged, *, seed: int, count: int = 2
) -> tuple[SampledCompletion, ...]:
    """A few of the step's completions, drawn with the run's seed and the step alone: a resumed run keeps the same.

    Args:
        rollouts: the P groups, in the order of `judged`.
        count: how many, of different prompts where there are as many.
    """
    draw = random.Random(f"{seed}/{step}")
    rows = draw.sample(range(len(rollouts)), min(count, len(rollouts)))
    return tuple(_sampled(step, rollouts[p], judged, p, draw.randrange(len(rollouts[p].rewards.parsed))) for p in rows)


def _sampled(step: int, rollout: Rollout, judged: Judged, p: int, g: int) -> SampledCompletion:
    sample, completions, rewards = rollout.example.sample, rollout.completions, rollout.rewards
    return SampledCompletion(
        step=step,
        sample_id=sample.sample_id,
        source=sample.source,
        task=sample.task,
        question=capped(sample.question),
        reference=None if sample.answer is None else capped(sample.answer),
        answer=capped(completions.texts[g]),
        tokens=int(completions.lengths[g]),
        finished=bool(completions.finished[g]),
        parsed=rewards.parsed[g],
        parts={name: values[g] for name, values in rewards.parts.items()},
        reward=raw_rewards(rewards, judged.weights)[g],
        normalised=_mean([float(judged.normalised[p, g])]),
        advantage=_mean([float(judged.advantages[p, g])]),
    )


def capped(text: str) -> str:
    """The text's first `LONGEST_TEXT` characters and how many it has; a lone surrogate becomes "?"."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= LONGEST_TEXT else f"{clean[:LONGEST_TEXT]} ... ({len(clean):,} characters)"
