"""The policy loss: numbers by hand, an independent loop, sums over parts, gradients by finite differences."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.training.losses import StepSize, merged, policy_loss, step_size, truncated_weights, whole
from medvidbench.training.recipe import Aggregation

AGGREGATIONS: tuple[Aggregation, ...] = ("sequence", "token", "constant")
MAX_TOKENS = 8


class Batch:
    """Random completions: 6 of up to 5 tokens, the fourth without any, the last one taking no part."""

    def __init__(self, seed: int = 0) -> None:
        draw = torch.Generator().manual_seed(seed)

        def normal(size: float) -> Tensor:
            return size * torch.randn(6, 5, generator=draw, dtype=torch.float64)

        self.lengths = torch.tensor([5, 3, 1, 0, 4, 2])
        self.mask = torch.arange(5) < self.lengths[:, None]
        self.logps = -2 + normal(1.0)
        self.old = self.logps + normal(0.3)
        self.reference = self.logps + normal(0.5)
        self.weights = 1 + normal(0.1)
        self.advantages = torch.tensor([1.2, -0.7, 0.4, 0.9, -1.1, 2.0], dtype=torch.float64)
        self.applies = torch.tensor([True, True, True, True, True, False])
        self.size = step_size(self.lengths, self.applies)

    def loss(self, aggregation: Aggregation, rows: slice = slice(None), **changes: Any) -> Any:
        values: dict[str, Any] = {
            "clip_low": 0.2,
            "clip_high": 0.3,
            "aggregation": aggregation,
            "max_tokens": MAX_TOKENS,
            "applies": self.applies[rows],
            "normaliser": self.size,
            "reference_logps": self.reference[rows],
            "kl": 0.1,
            "rollout_correction": self.weights[rows],
        }
        logps = changes.pop("logps", self.logps[rows])
        return policy_loss(logps, self.old[rows], self.advantages[rows], self.mask[rows], **{**values, **changes})


def by_loops(batch: Batch, aggregation: Aggregation) -> float:
    """The same loss from its definition, token by token, with floats."""
    total = 0.0
    for i in range(6):
        if not batch.applies[i]:
            continue
        terms = []
        for t in range(int(batch.lengths[i])):
            ratio = math.exp(batch.logps[i, t] - batch.old[i, t])
            gain, away = float(batch.advantages[i]), float(batch.reference[i, t] - batch.logps[i, t])
            clipped = min(max(ratio, 0.8), 1.3)
            terms.append(-float(batch.weights[i, t]) * min(ratio * gain, clipped * gain))
            terms[-1] += 0.1 * (math.exp(away) - away - 1)
        total += sum(terms) / (max(len(terms), 1) if aggregation == "sequence" else 1)
    return total / {"sequence": 5, "token": 13, "constant": 5 * MAX_TOKENS}[aggregation]


# G = 4, lengths 2 1 2 1, advantages 1.5 -.5 -.5 -.5 (DAPO's lone success), limits .2 and .28. Ratios, and -min(..):
#   1.0 -> -1.5     1.5 -> clipped to 1.28 -> -1.92        mean -1.71
#   0.5 -> min(-.25, -.4) -> .4                             mean   .40
#   1.0 -> .5       2.0 -> min(-1, -.64) -> 1.0             mean   .75
#   0.9 -> .45                                              mean   .45
RATIOS = [[1.0, 1.5], [0.5, 1.0], [1.0, 2.0], [0.9, 1.0]]
BY_HAND = {"sequence": -0.11 / 4, "token": -1.07 / 6, "constant": -1.07 / (4 * 10)}


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_four_completions_equal_the_numbers_worked_out_by_hand(aggregation: Aggregation) -> None:
    mask = torch.tensor([[1, 1], [1, 0], [1, 1], [1, 0]]).bool()
    applies = torch.ones(4, dtype=torch.bool)
    found = policy_loss(
        torch.tensor(RATIOS).log(),
        torch.zeros(4, 2),
        torch.tensor([1.5, -0.5, -0.5, -0.5]),
        mask,
        clip_low=0.2,
        clip_high=0.28,
        aggregation=aggregation,
        max_tokens=10,
        applies=applies,
        normaliser=step_size(mask.sum(1), applies),
    )
    assert found.loss.item() == pytest.approx(BY_HAND[aggregation], abs=1e-6)
    # cut from above: 1.5 with a gain; from below: .5 with a loss; 2.0 with a loss is not cut. Of 6 tokens
    assert (found.clip_low, found.clip_high, found.tokens) == (1 / 6, 1 / 6, 6)
    assert found.ratio_mean == pytest.approx((1 + 1.5 + 0.5 + 1 + 2 + 0.9) / 6) and found.ratio_max == pytest.approx(2)
    assert math.isnan(found.kl)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_random_completions_equal_a_loop_over_tokens(aggregation: Aggregation, seed: int) -> None:
    batch = Batch(seed)
    assert batch.loss(aggregation).loss.item() == pytest.approx(by_loops(batch, aggregation), abs=1e-12)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@given(cuts=st.lists(st.integers(0, 6), max_size=3))
def test_the_parts_of_a_step_add_up_to_the_whole_in_loss_and_gradient(
    aggregation: Aggregation, cuts: list[int]
) -> None:
    batch = Batch()
    once = batch.logps.clone().requires_grad_()
    full = batch.loss(aggregation, logps=once)
    full.loss.backward()
    edges = [0, *sorted(cuts), 6]
    rows = [slice(a, b) for a, b in itertools.pairwise(edges)]
    assert whole([step_size(batch.lengths[r], batch.applies[r]) for r in rows]) == batch.size
    pieces = batch.logps.clone().requires_grad_()
    parts = [batch.loss(aggregation, r, logps=pieces[r]) for r in rows]
    for part in parts:
        part.loss.backward()
    together = merged(parts)
    assert together.loss.item() == pytest.approx(full.loss.item(), abs=1e-12)
    torch.testing.assert_close(pieces.grad, once.grad)
    assert together[1:] == pytest.approx(full[1:])


def test_a_mean_of_the_groups_means_would_be_another_loss() -> None:
    batch = Batch()
    rows = (slice(0, 2), slice(2, 6))
    own = [batch.loss("token", r, normaliser=step_size(batch.lengths[r], batch.applies[r])).loss for r in rows]
    assert abs(float(sum(own)) / 2 - float(batch.loss("token").loss)) > 1e-3


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_the_gradient_equals_finite_differences(aggregation: Aggregation) -> None:
    batch = Batch(4)
    logps = batch.logps.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: batch.loss(aggregation, logps=x).loss, (logps,), eps=1e-6, atol=1e-7)


def test_on_the_first_update_the_gradient_is_that_of_the_policy_gradient() -> None:
    batch = Batch()
    logps = batch.logps.clone().requires_grad_()
    found = policy_loss(
        logps, None, batch.advantages, batch.mask, clip_low=0.2, clip_high=0.2, aggregation="token", max_tokens=8,
        applies=batch.applies, normaliser=batch.size,
    )  # fmt: skip
    found.loss.backward()
    taken = batch.mask & batch.applies[:, None]
    torch.testing.assert_close(logps.grad, -batch.advantages[:, None] * taken / 13)
    assert found.ratio_mean == found.ratio_max == 1.0 and found.clip_low == found.clip_high == 0.0


def test_a_clipped_token_has_no_gradient_and_one_that_must_be_undone_has() -> None:
    logps = torch.tensor([[1.5, 0.5, 0.5, 1.5]]).log().repeat(2, 1).requires_grad_()
    ones = torch.ones(2, dtype=torch.bool)
    policy_loss(
        logps, torch.zeros(2, 4), torch.tensor([1.0, -1.0]), torch.ones(2, 4, dtype=torch.bool), clip_low=0.2,
        clip_high=0.2, aggregation="token", max_tokens=4, applies=ones, normaliser=StepSize(2, 8),
    ).loss.backward()  # fmt: skip
    assert logps.grad is not None
    assert (logps.grad != 0).tolist() == [[False, True, True, False], [True, False, False, True]]


def test_the_kl_term_is_k3_and_pulls_towards_the_reference() -> None:
    logps = torch.tensor([[-1.0]], dtype=torch.float64, requires_grad=True)
    one = torch.ones(1, dtype=torch.bool)
    found = policy_loss(
        logps, None, torch.zeros(1), one[:, None], clip_low=0.2, clip_high=0.2, aggregation="token", max_tokens=1,
        applies=one, normaliser=StepSize(1, 1), reference_logps=torch.tensor([[-1.5]], dtype=torch.float64), kl=2.0,
    )  # fmt: skip
    found.loss.backward()
    # d = -.5: exp(-.5) + .5 - 1 = .106531; its derivative by logp is 1 - exp(-.5) = .393469
    assert found.kl == pytest.approx(0.106531, abs=1e-6) and found.loss.item() == pytest.approx(0.213061, abs=1e-6)
    assert logps.grad is not None and logps.grad.item() == pytest.approx(2 * 0.393469, abs=1e-6)


def test_a_reference_without_weight_is_measured_and_not_trained_on() -> None:
    batch = Batch()
    with_it, without = batch.loss("token", kl=0.0), batch.loss("token", kl=0.0, reference_logps=None)
    assert with_it.loss.item() == without.loss.item() and with_it.kl > 0


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_what_stands_on_padding_and_on_unused_completions_cannot_matter(aggregation: Aggregation) -> None:
    batch = Batch()
    clean = batch.logps.clone().requires_grad_()
    batch.loss(aggregation, logps=clean).loss.backward()
    loss = batch.loss(aggregation).loss.item()
    unused = ~(batch.mask & batch.applies[:, None])
    batch.old[unused], batch.reference[unused], batch.weights[unused] = -math.inf, math.nan, math.nan
    batch.advantages[5] = math.nan
    dirty = batch.logps.masked_fill(unused, -math.inf).requires_grad_()
    found = batch.loss(aggregation, logps=dirty)
    found.loss.backward()
    assert found.loss.item() == loss
    torch.testing.assert_close(dirty.grad, clean.grad)
    assert (clean.grad[unused] == 0).all()  # type: ignore[index]


@pytest.mark.parametrize("width", [0, 3])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_completions_without_a_token_give_a_loss_of_zero_and_no_figures(aggregation: Aggregation, width: int) -> None:
    logps = torch.zeros(2, width, requires_grad=True)
    found = policy_loss(
        logps, torch.zeros(2, width), torch.ones(2), torch.zeros(2, width, dtype=torch.bool), clip_low=0.2,
        clip_high=0.2, aggregation=aggregation, max_tokens=8, applies=torch.ones(2, dtype=torch.bool),
        normaliser=StepSize(2, 0),
    )  # fmt: skip
    found.loss.backward()
    assert found.loss.item() == 0 and found.tokens == 0 and all(math.isnan(v) for v in found[1:6])
    assert logps.grad is not None and (logps.grad == 0).all()


def test_parts_without_tokens_do_not_enter_the_means() -> None:
    batch = Batch()
    empty = batch.loss("token", slice(3, 4))
    assert empty.tokens == 0
    assert merged([empty, batch.loss("token")])[1:] == pytest.approx(batch.loss("token")[1:])


def test_sums_over_bfloat16_are_taken_in_float32() -> None:
    n = 4096
    ones = torch.ones(1, n, dtype=torch.bool)
    half = torch.zeros(1, n, dtype=torch.bfloat16, requires_grad=True)
    found = policy_loss(
        half, torch.zeros(1, n, dtype=torch.bfloat16), torch.ones(1), ones, clip_low=0.2, clip_high=0.2,
        aggregation="constant", max_tokens=1, applies=torch.ones(1, dtype=torch.bool), normaliser=StepSize(1, n),
    )  # fmt: skip
    found.loss.backward()
    assert found.loss.dtype == torch.float32 and found.loss.item() == -n
    assert half.grad is not None and half.grad.dtype == torch.bfloat16


def test_a_ratio_beyond_all_bounds_is_not_a_nan() -> None:
    logps = torch.tensor([[500.0], [-500.0]], requires_grad=True)
    found = policy_loss(
        logps, torch.zeros(2, 1), torch.tensor([0.0, -1.0]), torch.ones(2, 1, dtype=torch.bool), clip_low=0.2,
        clip_high=0.2, aggregation="token", max_tokens=1, applies=torch.ones(2, dtype=torch.bool),
        normaliser=StepSize(2, 2), reference_logps=torch.tensor([[-500.0], [500.0]]), kl=0.1,
    )  # fmt: skip
    found.loss.backward()
    assert math.isfinite(found.loss.item()) and torch.isfinite(logps.grad).all()  # type: ignore[arg-type]


def test_the_samplers_weights_are_cut_above_and_not_below() -> None:
    # exp(old - sampler) = 1, 1.5, 4 (cut at 2), .1; the last token is padding: 1
    old = torch.tensor([[1.0, 1.5, 4.0, 0.1, 9.0]], dtype=torch.float64).log().requires_grad_()
    mask = torch.tensor([[True, True, True, True, False]])
    found = truncated_weights(old, torch.zeros(1, 5, dtype=torch.float64), mask)
    np.testing.assert_allclose(found, [[1.0, 1.5, 2.0, 0.1, 1.0]])
    assert not found.requires_grad
    np.testing.assert_allclose(truncated_weights(old, torch.zeros(1, 5), mask, cap=3.0)[0, 2], 3.0)


def test_the_samplers_weights_leave_the_kl_term_alone() -> None:
    batch = Batch()
    batch.advantages = torch.zeros(6, dtype=torch.float64)
    plain, doubled = (batch.loss("token", rollout_correction=w) for w in (None, 2 * batch.weights))
    assert plain.loss.item() == doubled.loss.item() > 0


def test_a_kl_weight_without_reference_is_an_error() -> None:
    with pytest.raises(MedVidBenchError, match=r"KL weight is 0\.1"):
        Batch().loss("token", reference_logps=None)


def test_an_advantage_that_is_no_number_is_an_error_where_it_counts() -> None:
    batch = Batch()
    batch.advantages[0] = math.nan
    with pytest.raises(MedVidBenchError, match="finite"):
        batch.loss("token")


@pytest.mark.parametrize("change", ["applies", "reference_logps", "rollout_correction"])
def test_shapes_that_do_not_fit_are_named(change: str) -> None:
    with pytest.raises(ValueError, match="don't fit"):
        Batch().loss("token", **{change: torch.ones(7)})


def test_nothing_to_merge_is_an_error() -> None:
    with pytest.raises(ValueError, match="No terms"):
        merged([])
