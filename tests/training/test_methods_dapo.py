"""DAPO: group advantages, the upper clip, and which groups are exchanged."""

from __future__ import annotations

import numpy as np
from advantage_batches import one_reward

from medvidbench.training.methods import method


def test_a_lone_success_among_four_weighs_three_times_a_failure() -> None:
    own = method("dapo")
    found = own.advantages(one_reward([[1.0, 0.0, 0.0, 0.0]]), own.defaults.scale).values
    # mean .25; sum of squares .5625 + 3 * .0625 = .75; std .5
    np.testing.assert_allclose(found, [[1.5, -0.5, -0.5, -0.5]])


def test_spread_and_not_the_mean_decides_which_groups_are_exchanged() -> None:
    # a filter that keeps means between .01 and .99 would keep the first and drop the second
    found = method("dapo").advantages(one_reward([[0.4] * 4, [0.98, 1.0, 1.0, 1.0]]), "group")
    assert found.flat.tolist() == [True, False]


def test_the_settings_are_the_papers() -> None:
    own = method("dapo").defaults
    assert (own.clip_low, own.clip_high, own.aggregation, own.zero_spread) == (0.2, 0.28, "token", "resample")
