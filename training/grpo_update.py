"""From the groups of a step to a step of the optimiser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.training.forwards import forward
from medvidbench.training.grpo_batch import Earned, Rollout
from medvidbench.training.idle import idle_prompt
from medvidbench.training.losses import LossTerms, StepSize, merged, policy_loss, truncated_weights
from medvidbench.training.methods import Advantages, Settings
from medvidbench.training.optimiser import clip_gradients
from medvidbench.training.policy import Policy, reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medvidbench.models.qwen_prompt import QwenPrompt
    from medvidbench.training.processes import Processes
    from medvidbench.training.recipe import GrpoPart
    from medvidbench.training.rows import TokenScores


@dataclass(frozen=True)
class Updated:
    """What a step's updates came to, over the tokens of all processes; None: there was nothing to measure it on.

    Attributes:
        loss, grad_norm, clip_low, clip_high, ratio: of the last update.
        entropy, kl: nats a token, at the first update, of the policy that drew the completions.
        correction: mean weight of the tokens that another engine drew.
    """

    loss: float | None
    grad_norm: float | None
    entropy: float | None
    kl: float | None
    clip_low: float | None
    clip_high: float | None
    ratio: float | None
    correction: float | None = None


@dataclass
class _Pass:
    """Sums of one pass over this process' groups; `correction` over weights of tokens."""

    terms: list[LossTerms]
    entropy: float = 0.0
    correction: float = 0.0
    tokens: int = 0


class Updater:
    """Improves the policy on the groups of a step.

    Args:
        settings: of the method, as resolved.
        measure_kl: whether the KL to the reference is measured, also where it has no weight.
        corrected: whether another engine drew the completions, so that its probabilities differ from the policy's.
    """

    def __init__(
        self,
        policy: Policy,
        optimiser: torch.optim.Optimizer,
        grpo: GrpoPart,
        settings: Settings,
        processes: Processes,
        *,
        max_grad_norm: float,
        measure_kl: bool = False,
        corrected: bool = False,
    ) -> None:
        self.policy, self.optimiser, self.grpo, self.settings = policy, optimiser, grpo, settings
        self.processes, self.max_grad_norm, self.corrected = processes, max_grad_norm, corrected
        self.with_reference = measure_kl or settings.kl > 0
        self.parameters = [p for p in policy.model.parameters() if p.requires_grad]
        self._forward = forward(grpo.forward)

    def update(self, own: Mapping[int, Rollout], groups: Sequence[Earned], advantages: Advantages) -> Updated:
        """`grpo.updates` optimiser steps.

        Args:
            own: this process' rollouts by position.
            groups: of all processes, in the order of the rows of `advantages`.

        Raises:
            MedVidBenchError: a gradient that is not finite, or a completion that can't have been drawn.
        """
        row = {group.position: p for p, group in enumerate(groups)}
        applies = advantages.applies & self._counted(groups, advantages.applies.shape)
        if self.settings.zero_spread == "skip":
            applies &= ~advantages.flat[:, None]
        size = _size(groups, applies)
        mine = {position: rollout for position, rollout in own.items() if applies[row[position]].any()}
        old: dict[int, Tensor] = {}
        base, missing = self._reference_logps(mine), self.processes.idle(len(mine))
        spread = divergence = correction = None
        for turn in range(self.grpo.updates):
            work = _Pass([])
            for position, rollout in mine.items():
                p = row[position]
                values = torch.from_numpy(np.where(applies[p], advantages.values[p], 0.0))
                self._backward(position, rollout, values, torch.from_numpy(applies[p]), size, old, base, work)
            self._idle(missing)
            terms, entropy, weight = self._summed(work)
            norm = self._step() if size.tokens else None
            if turn == 0:
                spread, divergence, correction = entropy, terms.kl if terms else None, weight
        return Updated(
            loss=_known(float(terms.loss)) if terms else None,
            grad_norm=norm,
            entropy=spread,
            kl=_known(divergence),
            clip_low=_known(terms.clip_low) if terms else None,
            clip_high=_known(terms.clip_high) if terms else None,
            ratio=_known(terms.ratio_mean) if terms else None,
            correction=correction if self.corrected else None,
        )

    def _counted(self, groups: Sequence[Earned], shape: tuple[int, ...]) -> Any:
        finished = np.array([group.finished for group in groups], dtype=bool).reshape(shape)
        return finished if self.grpo.mask_truncated else np.ones_like(finished)

    def _scores(self, model: Any, prompt: QwenPrompt, ids: Tensor, lengths: Tensor) -> TokenScores:
        suppressed = self.policy.prompter.vision_ids
        with self.policy.computing():
            return self._forward(model, prompt, ids, lengths, temperature=self.grpo.temperature, suppressed=suppressed)

    def _scores_of(self, model: Any, rollout: Rollout) -> TokenScores:
        return self._scores(model, rollout.example.prompt, rollout.completions.ids, rollout.completions.lengths)

    def _reference_logps(self, own: Mapping[int, Rollout]) -> dict[int, Tensor]:
        """Log-probabilities under the reference by position; empty where nobody asks for them."""
        if not self.with_reference:
            return {}
        with torch.no_grad(), reference(self.policy) as model:
            return {position: self._scores_of(model, rollout).logps for position, rollout in own.items()}

    def _idle(self, calls: int) -> None:
        """Forwards and backwards that change nothing; see `medvidbench.training.idle`."""
        for _ in range(calls):
            prompt = idle_prompt(self.policy.checkpoint.config, self.policy.pad)
            ids, lengths = torch.tensor([[self.policy.pad]]), torch.tensor([0])
            scores = self._scores(self.policy.model, prompt, ids, lengths)
            torch.autograd.backward(scores.logps.sum() * 0.0)

    def _backward(
        self,
        position: int,
        rollout: Rollout,
        advantages: Tensor,
        applies: Tensor,
        size: StepSize,
        old: dict[int, Tensor],
        base: dict[int, Tensor],
        work: _Pass,
    ) -> None:
        """Adds one group's gradient; `old` keeps its first log-probabilities."""
        scores = self._scores_of(self.policy.model, rollout)
        device = scores.logps.device
        first = position not in old
        if first:
            old[position] = scores.logps.detach()
        weights = None
        if self.corrected:
            weights = truncated_weights(old[position], rollout.completions.logps.to(device), scores.mask)
            work.correction += float(weights[scores.mask].sum())
        terms = policy_loss(
            scores.logps,
            None if first else old[position],
            advantages.to(device),
            scores.mask,
            clip_low=self.settings.clip_low,
            clip_high=self.settings.clip_high,
            aggregation=self.settings.aggregation,
            max_tokens=self.grpo.max_new_tokens,
            applies=applies.to(device),
            normaliser=size,
            reference_logps=base.get(position),
            kl=self.settings.kl,
            rollout_correction=weights,
        )
        torch.autograd.backward(terms.loss)
        work.terms.append(terms._replace(loss=terms.loss.detach()))
        work.entropy += float(scores.entropy.sum())
        work.tokens += int(scores.mask.sum())

    def _summed(self, work: _Pass) -> tuple[LossTerms | None, float | None, float | None]:
        """Terms, and entropy and weight a token, over all processes."""
        own = [term._replace(loss=term.loss.cpu()) for term in work.terms]
        told = self.processes.gathered(_Pass(own, work.entropy, work.correction, work.tokens))
        terms = [term for part in told for term in part.terms]
        tokens = sum(part.tokens for part in told)
        if not tokens:
            return merged(terms) if terms else None, None, None
        return merged(terms), sum(p.entropy for p in told) / tokens, sum(p.correction for p in told) / tokens

    def _step(self) -> float:
        self.processes.sum_gradients(self.parameters)
        norm = clip_gradients(self.parameters, self.max_grad_norm)
        if not math.isfinite(norm):
            seen = f"The norm of the gradient is {norm}."
            raise MedVidBenchError(seen, remedy="a lower learning rate; the last checkpoint is whole")
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return norm


def _size(groups: Sequence[Earned], applies: Any) -> StepSize:
    """Size of the whole step: completions that take part, and their tokens."""
    lengths = np.array([group.lengths for group in groups], dtype=np.int64).reshape(applies.shape)
    return StepSize(int(applies.sum()), int(lengths[applies].sum()))


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
