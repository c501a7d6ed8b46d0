"""CRPO, our reading: three named rewards, jointly."""

from __future__ import annotations

import numpy as np
import pytest
from advantage_batches import named_rewards, one_reward

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods import method


def test_three_objectives_equal_the_numbers_worked_out_by_hand() -> None:
    batch = named_rewards(
        accuracy=[[1, 1, 0, 0]], faithfulness=[[0.9, 0.3, 0.9, 0.3]], comprehensiveness=[[0.5, 0.5, 0.6, 0.0]]
    )
    found = method("crpo").advantages(batch, "group").values
    # totals .8 .6 .5 .1, mean .5; centred .3 .1 0 -.4; sum of squares .26; std sqrt(.26 / 3) = .294392
    np.testing.assert_allclose(found, [[1.019049, 0.339683, 0.0, -1.358732]], atol=1e-6)


def test_of_two_right_answers_the_faithful_one_is_preferred() -> None:
    batch = named_rewards(accuracy=[[1, 1]], faithfulness=[[0.2, 0.8]], comprehensiveness=[[0.5, 0.5]])
    low, high = method("crpo").advantages(batch, "group").values[0]
    assert low < 0 < high


def test_an_objective_that_does_not_apply_is_left_out_of_the_mean() -> None:
    nan = np.nan
    batch = named_rewards(accuracy=[[1, 0]], faithfulness=[[nan, nan]], comprehensiveness=[[0.6, 0.2]])
    # totals (1 + .6) / 2 and (0 + .2) / 2
    np.testing.assert_allclose(method("crpo").advantages(batch, "none").values, [[0.35, -0.35]])


def test_a_missing_objective_is_named() -> None:
    with pytest.raises(MedVidBenchError, match="accuracy, faithfulness, comprehensiveness; there are iou"):
        method("crpo").advantages(one_reward([[0.5, 0.6]]), "group")


def test_it_says_that_it_is_a_reading() -> None:
    own = method("crpo")
    assert "our reading" in own.title and "not the paper's formula" in own.differs
