"""What a GRPO step's log says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from medvidbench.training.key_steps import Judged, key_steps, sampled
from medvidbench.training.steps import GrpoStep, SampledCompletion, Skipped

if TYPE_CHECKING:
    from medvidbench.training.grpo_batch import Collected
    from medvidbench.training.grpo_update import Updated


def step_row(
    step: int,
    lr: float,
    collected: Collected,
    judged: Judged,
    updated: Updated,
    drift: dict[str, dict[str, float]],
    metrics: Mapping[str, Sequence[float]],
) -> GrpoStep:
    """The row of a step (from 1 on), over the groups of all processes; `metrics` are this process' own."""
    lengths = list(chain.from_iterable(group.lengths for group in collected.groups))
    finished = list(chain.from_iterable(group.finished for group in collected.groups))
    parsed = list(chain.from_iterable(group.rewards.parsed for group in collected.groups))
    return GrpoStep(
        step=step,
        seconds=dict(collected.seconds),
        prompts=len(collected.groups),
        completions=len(lengths),
        tokens=sum(lengths),
        loss=updated.loss,
        lr=lr,
        grad_norm=updated.grad_norm,
        entropy=updated.entropy,
        kl=updated.kl,
        clip_low=updated.clip_low,
        clip_high=updated.clip_high,
        ratio=updated.ratio,
        correction=updated.correction,
        length_mean=sum(lengths) / len(lengths) if lengths else None,
        length_max=max(lengths, default=None),
        truncated=1 - sum(finished) / len(finished) if finished else None,
        parsed=sum(parsed) / len(parsed) if parsed else None,
        skipped=_skipped(collected),
        put_aside=collected.put_aside,
        keys=key_steps(judged) if judged.rewards else (),
        drift=drift,
        metrics={name: sum(values) / len(values) for name, values in metrics.items() if values},
    )


def _skipped(collected: Collected) -> tuple[Skipped, ...]:
    lost = [(row.sample_id, row.key, row.why) for row in collected.left_out]
    groups = (group.rewards for group in collected.groups if group.rewards.left_out)
    lost += [(group.sample_id, group.key, group.left_out) for group in groups]
    return tuple(Skipped(sample_id=i, source=key.source, task=key.task, why=why) for i, key, why in lost)


def step_samples(step: int, seed: int, collected: Collected, judged: Judged) -> tuple[SampledCompletion, ...]:
    """A few completions of this process' own groups, drawn with the seed and the step."""
    own: Mapping[int, int] = {group.position: p for p, group in enumerate(collected.groups)}
    rows = [own[position] for position in collected.own]
    if not rows:
        return ()
    mine = replace(
        judged,
        rewards=[judged.rewards[p] for p in rows],
        normalised=judged.normalised[rows],
        advantages=judged.advantages[rows],
        saturated=None if judged.saturated is None else judged.saturated[rows],
    )
    return sampled(step, list(collected.own.values()), mine, seed=seed)
