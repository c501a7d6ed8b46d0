"""The clipped policy loss of GRPO and its kin, in pieces that add up to exactly the loss of the whole step.

Token loss, with ratio = exp(logp - old_logp), A the completion's advantage and w a correction for the sampler:

    l = -w min(ratio A, clip(ratio, 1 - clip_low, 1 + clip_high) A) + kl (exp(d) - d - 1),  d = reference_logp - logp

The KL term is the k3 estimator: never negative, and 0 where both models agree. The step's loss is

    "sequence"   1/N sum over completions of (mean of l over its tokens)       GRPO, arXiv 2402.03300
    "token"      1/L sum of l over all tokens                                  DAPO, arXiv 2503.14476
    "constant"   1/(N max_tokens) sum of l over all tokens                     Dr.GRPO, arXiv 2503.20783

with N completions and L tokens in the *whole* step, over all groups and processes. A mean of the groups' own means is
another loss: it gives a short group's tokens more weight. So the size of the step is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.training.recipe import Aggregation

MAX_LOG_RATIO = 20.0
"""Log-ratios are held within +-20: exp would overflow, and infinity times an advantage of 0 is not a number."""
CAP = 2.0
"""Weights of the sampler's correction are cut at this."""


class StepSize(NamedTuple):
    """What the loss of a step is divided by. Sizes of groups and processes are added, see `whole`."""

    completions: int
    tokens: int

    def divisor(self, aggregation: Aggregation, max_tokens: int) -> int:
        """By which the sum of a step's terms is divided; 1 for an empty step, whose sum is 0."""
        by = {"sequence": self.completions, "token": self.tokens, "constant": self.completions * max_tokens}
        return max(by[aggregation], 1)


def step_size(lengths: Tensor, applies: Tensor) -> StepSize:
    """Size of one group.

    Args:
        lengths: (N,) tokens that count of each completion.
        applies: (N,) bool, whether it takes part. A completion whose advantage is 0 does, also where its forward is
            skipped: its loss is 0, not missing.
    """
    return StepSize(int(applies.sum()), int(lengths[applies].sum()))


def whole(sizes: Sequence[StepSize]) -> StepSize:
    """Size of the step that consists of these parts."""
    return StepSize(sum(size.completions for size in sizes), sum(size.tokens for size in sizes))


class LossTerms(NamedTuple):
    """The loss of some completions, and what is watched. All but `loss` are means over `tokens`; NaN without tokens.

    Attributes:
        loss: scalar with a gradient; sums over groups and processes to the step's loss.
        clip_low, clip_high: share of the tokens whose gradient is cut off by the lower, the upper limit.
        kl: k3 estimate to the reference, nats a token; NaN without a reference.
        ratio_mean, ratio_max: probability ratio to the policy that is improved on.
        tokens: that took part.
    """

    loss: Tensor
    clip_low: float
    clip_high: float
    kl: float
    ratio_mean: float
    ratio_max: float
    tokens: int


def policy_loss(
    logps: Tensor,
    old_logps: Tensor | None,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float,
    clip_high: float,
    aggregation: Aggregation,
    max_tokens: int,
    applies: Tensor,
    normaliser: StepSize,
    reference_logps: Tensor | None = None,
    kl: float = 0.0,
    rollout_correction: Tensor | None = None,
) -> LossTerms:
    """Share of some completions in the loss of a step. Sums are taken in float32 or better, whatever the inputs are.

    Where gradients are averaged over processes (DDP, FSDP), multiply `loss` by their number.

    Args:
        logps: (N, T) log-probabilities under the policy, with a gradient.
        old_logps: (N, T) under the policy that the step began with; None: this is its first update, the ratio is 1.
        advantages: (N,).
        mask: (N, T) bool, tokens that count; a row may have none.
        clip_low, clip_high: see above.
        aggregation: see above.
        max_tokens: `max_new_tokens` of the recipe, for "constant".
        applies: (N,) bool; False: the completion takes no part at all.
        normaliser: size of the whole step.
        reference_logps: (N, T) under the reference model; with `kl` 0 it is measured and not trained on.
        kl: weight of the KL term.
        rollout_correction: (N, T) weights, see `truncated_weights`.

    Raises:
        MedVidBenchError: a KL weight without reference, or an advantage that is not finite.
        ValueError: shapes that don't fit.
    """
    _check(logps, old_logps, advantages, mask, applies, reference_logps, rollout_correction, kl)
    taken = mask & applies[:, None]
    policy = logps.to(torch.promote_types(logps.dtype, torch.float32))
    old = policy.detach() if old_logps is None else old_logps.to(policy.dtype)
    gain = torch.where(applies, advantages.to(policy.dtype), 0.0)[:, None]
    ratio = _log_ratio(policy, old, taken).exp()
    terms = -torch.minimum(ratio * gain, ratio.clamp(1 - clip_low, 1 + clip_high) * gain)
    if rollout_correction is not None:
        terms = terms * torch.where(taken, rollout_correction.to(policy.dtype), 0.0)
    divergence = None
    if reference_logps is not None:
        apart = _log_ratio(reference_logps.to(policy.dtype), policy, taken)
        divergence = apart.exp() - apart - 1
        terms = terms + kl * divergence if kl else terms
    cut = (taken & (gain < 0) & (ratio < 1 - clip_low), taken & (gain > 0) & (ratio > 1 + clip_high))
    loss = _summed(terms, taken, aggregation) / normaliser.divisor(aggregation, max_tokens)
    return _terms(loss, ratio.detach(), divergence, cut, taken)


def truncated_weights(old_logps: Tensor, sampler_logps: Tensor, mask: Tensor, cap: float = CAP) -> Tensor:
    """(N, T) weights min(exp(old - sampler), cap) of tokens that another engine drew; 1 off the mask, no gradient.

    vLLM's kernels give the drawn tokens other probabilities than the policy's own forward does. The truncation keeps
    the variance finite; it is TRL's mode "token_truncate" (with a cap of 3 there).

    Args:
        old_logps: (N, T) recomputed by the policy that drew them, at the sampling temperature.
        sampler_logps: (N, T) as the engine reported them.
        mask: (N, T) bool, tokens that count.
        cap: above 0.
    """
    wide = torch.promote_types(old_logps.dtype, torch.float32)
    log_weights = _log_ratio(old_logps.detach().to(wide), sampler_logps.detach().to(wide), mask)
    return log_weights.exp().clamp(max=cap)


def merged(terms: Sequence[LossTerms]) -> LossTerms:
    """Terms of the step from those of its parts: losses are added, means weighted by their tokens."""
    if not terms:
        raise ValueError("No terms to merge")
    tokens = sum(part.tokens for part in terms)
    full = [part for part in terms if part.tokens]

    def mean(name: str) -> float:
        return math.fsum(getattr(part, name) * part.tokens for part in full) / tokens if tokens else math.nan

    return LossTerms(
        loss=torch.stack([part.loss for part in terms]).sum(),
        clip_low=mean("clip_low"),
        clip_high=mean("clip_high"),
        kl=mean("kl"),
        ratio_mean=mean("ratio_mean"),
        ratio_max=max((part.ratio_max for part in full), default=math.nan),
        tokens=tokens,
    )


def _log_ratio(above: Tensor, below: Tensor, taken: Tensor) -> Tensor:
    # what stands on padding may be anything, minus infinity included: it is replaced before it can reach exp
    return torch.where(taken, above - below, 0.0).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def _summed(terms: Tensor, taken: Tensor, aggregation: Aggregation) -> Tensor:
    kept = torch.where(taken, terms, 0.0)
    if aggregation == "sequence":
        return (kept.sum(dim=1) / taken.sum(dim=1).clamp(min=1)).sum()
    return kept.sum()


def _terms(
    loss: Tensor, ratio: Tensor, divergence: Tensor | None, cut: tuple[Tensor, Tensor], taken: Tensor
) -> LossTerms:
    tokens = int(taken.sum())
    if not tokens:
        return LossTerms(loss, math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    low, high = (float(side.sum()) / tokens for side in cut)
    apart = math.nan if divergence is None else float(divergence.detach()[taken].mean())
    return LossTerms(loss, low, high, apart, float(ratio[taken].mean()), float(ratio[taken].max()), tokens)


def _check(
    logps: Tensor,
    old_logps: Tensor | None,
    advantages: Tensor,
    mask: Tensor,
    applies: Tensor,
    reference_logps: Tensor | None,
    rollout_correction: Tensor | None,
    kl: float,
) -> None:
    wide = {"old": old_logps, "mask": mask, "reference": reference_logps, "correction": rollout_correction}
    faults = [f"{name} {tuple(t.shape)}" for name, t in wide.items() if t is not None and t.shape != logps.shape]
    narrow = {"advantages": advantages, "applies": applies}
    faults += [f"{name} {tuple(t.shape)}" for name, t in narrow.items() if t.shape != logps.shape[:1]]
    if faults or logps.ndim != 2:
        raise ValueError(f"With log-probabilities {tuple(logps.shape)}, these don't fit: {', '.join(faults)}")
    if kl and reference_logps is None:
        raise MedVidBenchError(
            f"The KL weight is {kl}, but no reference log-probabilities came.", "grpo.kl of 0, or a reference"
        )
    if not torch.isfinite(advantages[applies]).all():
        raise MedVidBenchError(f"Advantages {advantages[applies].tolist()}.", "finite advantages")
