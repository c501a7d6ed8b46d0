"""GRPO++, our reading: a steadied spread and a limit."""

from __future__ import annotations

import numpy as np
from advantage_batches import one_reward

from medvidbench.training.methods import method


def test_two_groups_equal_the_numbers_worked_out_by_hand() -> None:
    found = method("grpo_pp").advantages(one_reward([[0.0, 0.0, 1.0, 1.0], [0.4, 0.4, 0.6, 0.6]]), "group").values
    # variances 1/3 and .04/3 = .013333; step 1.04/7 = .148571; averages .240952 and .080952, roots .490869 and .284521
    np.testing.assert_allclose(found[0], [-1.018602, -1.018602, 1.018602, 1.018602], atol=1e-5)
    np.testing.assert_allclose(found[1], [-0.351468, -0.351468, 0.351468, 0.351468], atol=1e-5)


def test_a_nearly_equal_group_stays_small_where_grpo_blows_it_up() -> None:
    batch = one_reward([[0.0, 0.0, 1.0, 1.0], [0.500, 0.500, 0.501, 0.501]])
    plain, steady = (np.abs(method(name).advantages(batch, "group").values[1]) for name in ("grpo", "grpo_pp"))
    assert (plain > 0.86).all() and (steady < 0.01).all()


def test_one_prompt_is_plain_grpo() -> None:
    one = one_reward([[0.1, 0.5, 0.6, 0.6]])
    plain, steady = (method(name).advantages(one, "group").values for name in ("grpo", "grpo_pp"))
    np.testing.assert_allclose(plain, steady)


def test_no_advantage_is_larger_than_three() -> None:
    rows = np.zeros((20, 16))
    rows[0, 0], rows[1:, 0] = 1.0, 0.01  # one lone success, 19 groups of hardly any spread
    batch = one_reward(rows)
    # own variance 1/16, step about 1/16/20: without the limit .9375 / sqrt(.0328) = 5.2
    assert method("grpo_pp").advantages(batch, "group").values.max() == 3.0
    assert method("grpo_pp").advantages(batch, "batch").values.max() == 3.0


def test_missing_rewards_count_nowhere() -> None:
    nan = np.nan
    found = method("grpo_pp").advantages(one_reward([[0.0, nan, 1.0, nan], [0.4, 0.4, 0.6, 0.6]]), "group").values
    # variances .5 / 1 and .013333; step (.5 + .04) / 5 = .108; averages .304 and .060667, roots .551362 and .246306
    np.testing.assert_allclose(found[0], [-0.906845, 0, 0.906845, 0], atol=1e-5)
    np.testing.assert_allclose(found[1], [-0.405999, -0.405999, 0.405999, 0.405999], atol=1e-5)


def test_it_says_that_it_is_a_reading() -> None:
    own = method("grpo_pp")
    assert "our reading" in own.title and "not the paper's formula" in own.differs
