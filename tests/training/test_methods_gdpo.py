"""GDPO: rewards made relative one by one; missing ones count nowhere; the degenerate cases."""

from __future__ import annotations

import numpy as np
from advantage_batches import named_rewards, one_reward
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medvidbench.training.methods import method


def test_two_rewards_equal_the_numbers_worked_out_by_hand() -> None:
    found = method("gdpo").advantages(named_rewards(iou=[[0, 0, 1, 1]], format=[[0, 1, 1, 1]]), "group").values
    # iou: +-.5 / sqrt(1/3) = -+.866025; format: mean .75, std .5: -1.5 .5 .5 .5
    # sum: -2.366025 -.366025 1.366025 1.366025; squares 5.598076 .133975 1.866025 1.866025 = 9.464102
    # std sqrt(9.464102 / 3) = 1.776148
    np.testing.assert_allclose(found, [[-1.332110, -0.206078, 0.769094, 0.769094]], atol=1e-5)


def test_a_reward_of_small_range_counts_as_much_as_one_of_large_range() -> None:
    batch = named_rewards(iou=[[0, 0, 1, 1]], judge=[[0.50, 0.51, 0.50, 0.51]])
    plain, decoupled = (method(name).advantages(batch, "group").values[0] for name in ("grpo", "gdpo"))
    # iou -1 -1 1 1 and judge -1 1 -1 1, both by .866025: the sum is -2 0 0 2
    assert np.isclose(decoupled[1], 0) and np.isclose(decoupled[2], 0)
    assert plain[1] < -0.8 and plain[2] > 0.8


def test_a_reward_that_all_completions_earn_does_not_dilute_the_other() -> None:
    alone = method("gdpo").advantages(named_rewards(iou=[[0, 0, 1, 1]]), "group").values
    beside = method("gdpo").advantages(named_rewards(iou=[[0, 0, 1, 1]], format=[[1, 1, 1, 1]]), "group").values
    np.testing.assert_allclose(alone, beside)


def test_parts_that_cancel_teach_nothing_instead_of_rounding_noise() -> None:
    # thirds: the parts' sum is a few 1e-17, which a whitening without care makes as large as any advantage
    batch = named_rewards(iou=[[0, 0, 0.1], [0, 0.3, 0]], format=[[0.9, 0.9, 0.2], [0.7, 0, 0.7]])
    found = method("gdpo").advantages(batch, "group")
    assert (found.values == 0).all() and found.flat.all() and found.applies.all()


def test_a_missing_reward_is_not_taken_for_a_zero() -> None:
    nan = np.nan
    batch = named_rewards(iou=[[0.5, 0.6, nan, nan], [0, 1, 0, 1]], format=[[1, 0, 1, 0], [1, 1, 1, 1]])
    found = method("gdpo").advantages(batch, "group").values
    # row 1: iou over the two that have it: -+.707107; format +-.866025: .158919 -.158919 .866025 -.866025
    # row 2: iou -+.866025, format 0; squares 2 * .025255 + 2 * .75 + 4 * .75 = 4.550510; std sqrt(/7) = .806271
    row = np.array([[0.158919, -0.158919, 0.866025, -0.866025], [-0.866025, 0.866025, -0.866025, 0.866025]])
    np.testing.assert_allclose(found, row / 0.806271, atol=1e-5)
    zeroed = named_rewards(iou=[[0.5, 0.6, 0, 0], [0, 1, 0, 1]], format=[[1, 0, 1, 0], [1, 1, 1, 1]])
    assert not np.allclose(found, method("gdpo").advantages(zeroed, "group").values, atol=0.1)


def test_one_reward_and_one_prompt_are_plain_grpo() -> None:
    one = one_reward([[0.1, 0.5, 0.6, 0.6]])
    found, plain = (method(name).advantages(one, "group").values for name in ("gdpo", "grpo"))
    np.testing.assert_allclose(found, plain)


def test_weights_count_in_the_sum() -> None:
    even = method("gdpo").advantages(named_rewards([1, 1], iou=[[0, 0, 1, 1]], format=[[0, 1, 0, 1]]), "group").values
    tilted = method("gdpo").advantages(named_rewards([3, 1], iou=[[0, 0, 1, 1]], format=[[0, 1, 0, 1]]), "group").values
    assert np.isclose(even[0, 1], 0) and np.isclose(even[0, 2], 0)
    # 3 iou + format in units of .866025: -4 -2 2 4; std sqrt(40 / 3) = 3.651484
    np.testing.assert_allclose(tilted, np.array([[-4, -2, 2, 4]]) / 3.651484, atol=1e-6)


@given(arrays(np.float64, (4, 4, 2), elements=st.sampled_from([0.0, 0.5, 1.0, np.nan])))
def test_the_step_is_white_and_every_reward_has_its_own_relative_part(parts: np.ndarray) -> None:
    batch = named_rewards(iou=parts[:, :, 0], format=parts[:, :, 1])
    found = method("gdpo").advantages(batch, "group")
    summed = np.zeros((4, 4))
    for r in range(2):
        for p in range(4):
            column = parts[p, :, r]
            if np.unique(column[~np.isnan(column)]).size > 1:
                summed[p] += np.nan_to_num((column - np.nanmean(column)) / np.nanstd(column, ddof=1))
    applies = ~np.isnan(parts).all(axis=-1)
    if np.abs(summed).max() > 1e-9:
        summed = summed / np.std(summed[applies], ddof=1)
    np.testing.assert_allclose(found.values, summed, atol=1e-9)
    assert (found.applies == applies).all()
