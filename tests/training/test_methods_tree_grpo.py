"""Tree-GRPO: comparisons within and across trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from advantage_batches import one_reward

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods import method
from medvidbench.training.rows import RewardBatch


def trees(rows: list[list[float]], numbers: list[list[int]]) -> RewardBatch:
    return replace(one_reward(rows), trees=np.array(numbers))


def test_two_trees_of_two_equal_the_numbers_worked_out_by_hand() -> None:
    found = method("tree_grpo").advantages(trees([[1, 0, 1, 1]], [[0, 0, 1, 1]]), "group").values
    # across: mean .75, sum of squares .75, std .5: .5 -1.5 .5 .5; within: +-.5 / sqrt(.5) = +-.707107, and 0 0
    np.testing.assert_allclose(found, [[1.207107, -2.207107, 0.5, 0.5]], atol=1e-6)


def test_a_tree_of_one_adds_nothing_instead_of_its_raw_reward() -> None:
    found = method("tree_grpo").advantages(trees([[1, 0, 1, 0.8]], [[0, 0, 0, 1]]), "group").values
    plain = method("grpo").advantages(one_reward([[1, 0, 1, 0.8]]), "group").values
    assert found[0, 3] == plain[0, 3]


def test_trees_of_one_everywhere_are_plain_grpo_and_one_tree_counts_double() -> None:
    rows = [[0.1, 0.4, 0.4, 0.9]]
    plain = method("grpo").advantages(one_reward(rows), "group").values
    for numbers, factor in (([[0, 1, 2, 3]], 1), ([[7, 7, 7, 7]], 2)):
        np.testing.assert_allclose(method("tree_grpo").advantages(trees(rows, numbers), "group").values, factor * plain)


def test_equal_numbers_in_two_prompts_are_two_trees() -> None:
    both = method("tree_grpo").advantages(trees([[1, 0, 1, 1], [0, 0, 0, 1]], [[0, 0, 1, 1], [1, 1, 0, 0]]), "group")
    alone = [
        method("tree_grpo").advantages(trees([rewards], [numbers]), "group").values[0]
        for rewards, numbers in (([1, 0, 1, 1], [0, 0, 1, 1]), ([0, 0, 0, 1], [1, 1, 0, 0]))
    ]
    np.testing.assert_allclose(both.values, alone)


def test_a_reward_of_zero_counts_as_a_reward() -> None:
    found = method("tree_grpo").advantages(trees([[0, 1, 0, 1]], [[0, 0, 1, 1]]), "none").values
    np.testing.assert_allclose(found, [[-1, 1, -1, 1]])


def test_completions_without_trees_are_refused() -> None:
    with pytest.raises(MedVidBenchError, match="branches"):
        method("tree_grpo").advantages(one_reward([[0.5, 0.6]]), "group")
