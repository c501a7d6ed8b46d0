"""Dr.GRPO: centred rewards, divided by nothing."""

from __future__ import annotations

import numpy as np
from advantage_batches import one_reward

from medvidbench.training.methods import method


def test_the_advantage_is_the_reward_less_the_groups_mean() -> None:
    own = method("dr_grpo")
    found = own.advantages(one_reward([[1.0, 0.0, 0.0, 0.0], [0.3, 0.5, 0.7, 0.9]]), own.defaults.scale)
    # means .25 and .6
    np.testing.assert_allclose(found.values, [[0.75, -0.25, -0.25, -0.25], [-0.3, -0.1, 0.1, 0.3]])


def test_twice_the_spread_has_twice_the_weight() -> None:
    own = method("dr_grpo")
    found = own.advantages(one_reward([[0.4, 0.6], [0.3, 0.7]]), own.defaults.scale).values
    np.testing.assert_allclose(found[1], 2 * found[0])


def test_the_loss_is_divided_by_a_constant_and_has_no_kl_term() -> None:
    own = method("dr_grpo").defaults
    assert (own.scale, own.aggregation, own.kl) == ("none", "constant", 0.0)
