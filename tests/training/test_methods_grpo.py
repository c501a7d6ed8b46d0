"""GRPO on raw rewards, and what all methods share: the scales, missing rewards, groups without spread."""

from __future__ import annotations

import numpy as np
import pytest
from advantage_batches import EASY, one_reward
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods import METHODS, method
from medvidbench.training.recipe import Scale
from medvidbench.training.rows import RewardBatch

TWO_GROUPS = [[1.0, 0.0, 0.0, 1.0], [0.2, 0.4, 0.4, 0.6]]
# row 1: mean .5, centred +-.5, sum of squares 1; row 2: mean .4, centred -.2 0 0 .2, sum of squares .08
#   group: sqrt(1/3) = .57735 and sqrt(.08/3) = .163299;  step: sqrt(1.08/7) = .392792
EXPECTED: dict[Scale, list[list[float]]] = {
    "group": [[0.866025, -0.866025, -0.866025, 0.866025], [-1.224745, 0.0, 0.0, 1.224745]],
    "batch": [[1.272938, -1.272938, -1.272938, 1.272938], [-0.509175, 0.0, 0.0, 0.509175]],
    "none": [[0.5, -0.5, -0.5, 0.5], [-0.2, 0.0, 0.0, 0.2]],
}


@pytest.mark.parametrize("scale", EXPECTED)
def test_two_groups_of_four_equal_the_numbers_worked_out_by_hand(scale: Scale) -> None:
    found = method("grpo").advantages(one_reward(TWO_GROUPS), scale)
    np.testing.assert_allclose(found.values, EXPECTED[scale], atol=1e-6)
    assert found.applies.all() and not found.flat.any()


@given(arrays(np.float64, (5, 4), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan])))
def test_any_rewards_equal_a_plain_loop_over_the_groups(rows: np.ndarray) -> None:
    found = method("grpo").advantages(one_reward(rows), "group")
    for row, values, applies in zip(rows, found.values, found.applies, strict=True):
        known = [r for r in row if r == r]
        spread = np.std(known, ddof=1) if len(set(known)) > 1 else 0.0
        expected = [(r - np.mean(known)) / spread if r == r and spread else 0.0 for r in row]
        np.testing.assert_allclose(values, expected, atol=1e-12)
        assert applies.tolist() == [r == r for r in row]


@pytest.mark.parametrize("scale", EXPECTED)
@pytest.mark.parametrize("name", [name for name in METHODS if name not in {"crpo", "tree_grpo"}])
def test_equal_rewards_give_exactly_zero_and_nothing_is_blown_up(name: str, scale: Scale) -> None:
    # .1 + .2 is 4e-17 more than .3: with an epsilon of 1e-6 or 1e-4 the difference would survive
    found = method(name).advantages(one_reward([[0.3, 0.1 + 0.2, 0.3, 0.3], [0.7, 0.70009, 0.7, 0.7]]), scale)
    assert (found.values == 0).all() and found.flat.all() and found.applies.all()


def test_a_spread_above_the_limit_is_divided_by_as_it_is() -> None:
    found = method("grpo").advantages(one_reward([[0.0, 0.0, 0.0, 2e-4]]), "group")
    # mean 5e-5, sum of squares 3 * 25e-10 + 225e-10 = 3e-8, std 1e-4
    np.testing.assert_allclose(found.values, [[-0.5, -0.5, -0.5, 1.5]], atol=1e-9)


@given(
    arrays(np.float64, (3, 4), elements=st.floats(0, 1)), st.floats(0.5, 100.0), st.floats(-5, 5), st.floats(0.5, 100.0)
)
def test_an_affine_map_of_a_group_cancels_under_its_own_spread(
    rows: np.ndarray, slope: float, shift: float, other: float
) -> None:
    rows = np.round(rows, 2)
    slopes = np.array([[slope], [other], [1.0]])
    plain = method("grpo").advantages(one_reward(rows), "group").values
    mapped = method("grpo").advantages(one_reward(rows * slopes + shift), "group").values
    np.testing.assert_allclose(plain, mapped, atol=1e-8)


def test_a_missing_reward_counts_nowhere_and_its_completion_takes_no_part() -> None:
    found = method("grpo").advantages(one_reward([[1.0, np.nan, 0.0, np.nan], [np.nan] * 4]), "group")
    # the two that count: mean .5, std sqrt(.5) = .707107
    np.testing.assert_allclose(found.values, [[0.707107, 0, -0.707107, 0], [0] * 4], atol=1e-6)
    assert found.applies.tolist() == [[True, False, True, False], [False] * 4]
    assert found.flat.tolist() == [False, True]


def test_one_completion_left_in_a_group_gets_zero_and_not_its_reward() -> None:
    found = method("grpo").advantages(one_reward([[0.9, np.nan, np.nan, np.nan]]), "group")
    assert (found.values == 0).all() and found.applies.sum() == 1


def test_one_prompt_has_the_same_advantages_by_group_and_by_step() -> None:
    one = one_reward(TWO_GROUPS[1:])
    group, step = (method("grpo").advantages(one, scale).values for scale in ("group", "batch"))
    np.testing.assert_allclose(group, step)


def test_the_order_of_prompts_and_completions_changes_nothing() -> None:
    forward = method("grpo").advantages(one_reward(TWO_GROUPS), "batch").values
    backward = method("grpo").advantages(one_reward([row[::-1] for row in TWO_GROUPS[::-1]]), "batch").values
    np.testing.assert_allclose(forward, backward[::-1, ::-1], atol=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_a_group_of_one_is_refused(name: str) -> None:
    with pytest.raises(MedVidBenchError, match="group of 1"):
        method(name).advantages(one_reward([[0.5], [0.7]]), "group")


def test_infinite_rewards_are_refused_by_name() -> None:
    with pytest.raises(MedVidBenchError, match="iou"):
        method("grpo").advantages(one_reward([[0.5, np.inf]]), "group")


def test_negative_weights_are_refused() -> None:
    batch = RewardBatch(np.ones((1, 2, 1)), ("iou",), -np.ones(1), (EASY,))
    with pytest.raises(MedVidBenchError, match=r"\[-1.0\]"):
        method("grpo").advantages(batch, "group")


def test_rewards_that_do_not_fit_their_names_are_an_error() -> None:
    batch = RewardBatch(np.ones((1, 2, 2)), ("iou",), np.ones(1), (EASY,))
    with pytest.raises(ValueError, match="don't fit"):
        method("grpo").advantages(batch, "group")


def test_a_step_without_prompts_has_no_advantages() -> None:
    batch = RewardBatch(np.zeros((0, 4, 1)), ("iou",), np.ones(1), ())
    assert method("grpo").advantages(batch, "batch").values.shape == (0, 4)


def test_a_method_without_memory_refuses_the_state_of_another() -> None:
    chosen = method("grpo")
    chosen.restore(chosen.state())
    with pytest.raises(MedVidBenchError, match="history"):
        chosen.restore({"history": []})
