"""Standardised rewards: what the step's scale keeps of them, and what the group's does not."""

from __future__ import annotations

import numpy as np
from advantage_batches import EASY, HARD, one_reward

from medvidbench.training.methods import method

RAW = np.array([[0.2, 0.4, 0.6, 0.8], [0.10, 0.12, 0.14, 0.16]])
# (mean, std) of each key, as a statistics file would hold them: .5, .2 and .12, .02
STANDARDISED = [[-1.5, -0.5, 0.5, 1.5], [-1.0, 0.0, 1.0, 2.0]]


def test_standardised_groups_equal_the_numbers_worked_out_by_hand() -> None:
    found = method("zscore").advantages(one_reward(STANDARDISED, [EASY, HARD]), "batch")
    # row 2 less its mean .5 is row 1; sum of squares 5 + 5, std sqrt(10/7) = 1.195229
    row = [-1.254990, -0.418330, 0.418330, 1.254990]
    np.testing.assert_allclose(found.values, [row, row], atol=1e-6)


def test_under_the_groups_own_spread_standardising_changes_nothing() -> None:
    raw, standardised = (method("zscore").advantages(one_reward(rows), "group") for rows in (RAW, STANDARDISED))
    np.testing.assert_allclose(raw.values, standardised.values, atol=1e-9)


def test_raw_rewards_leave_the_hard_data_set_a_tenth_of_the_weight() -> None:
    found = method("zscore").advantages(one_reward(RAW, [EASY, HARD]), "batch").values
    assert np.isclose(np.abs(found[1]).mean() / np.abs(found[0]).mean(), 0.1)


def test_by_default_rewards_are_standardised_and_the_step_is_the_scale() -> None:
    own = method("zscore").defaults
    assert (own.normalisation, own.scale) == ("zscore", "batch")
