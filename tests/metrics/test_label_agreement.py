from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.metrics.agreement import balanced_accuracy, confusion, quadratic_weighted_kappa

LEVELS = 4
PAIRS = st.lists(st.tuples(st.integers(0, LEVELS - 1), st.integers(0, LEVELS - 1)), max_size=30)


def loop_kappa(pairs) -> float:
    """1 - mean squared disagreement / mean squared disagreement of all pairings of the two label lists."""
    if not pairs:
        return math.nan
    observed = sum((t - p) ** 2 for t, p in pairs) / len(pairs)
    by_chance = sum((t - p) ** 2 for t, _ in pairs for _, p in pairs) / len(pairs) ** 2
    return 1 - observed / by_chance if by_chance else math.nan


def loop_balanced_accuracy(pairs) -> float:
    recalls = [
        sum(p == level for t, p in pairs if t == level) / sum(t == level for t, _ in pairs)
        for level in sorted({t for t, _ in pairs})
    ]
    return sum(recalls) / len(recalls) if recalls else math.nan


@given(PAIRS)
def test_scores_of_a_confusion_matrix_equal_loops_over_the_rows(pairs):
    truth, predicted = [t for t, _ in pairs], [p for _, p in pairs]
    counts = confusion(truth, predicted, LEVELS)
    assert counts.sum() == len(pairs)
    assert all(counts[t, p] == pairs.count((t, p)) for t in range(LEVELS) for p in range(LEVELS))
    assert quadratic_weighted_kappa(counts) == pytest.approx(loop_kappa(pairs), abs=1e-12, nan_ok=True)
    assert balanced_accuracy(counts) == pytest.approx(loop_balanced_accuracy(pairs), abs=1e-12, nan_ok=True)


def test_kappa_of_a_small_table_is_the_value_derived_by_hand():
    # n 6; disagreement 1 * 4 + 1 * 1 = 5; rows 2, 1, 3; columns 1, 2, 3.
    # Chance, times n: row 0: 2 * (0 * 1 + 1 * 2 + 4 * 3) = 28; row 1: 1 * (1 + 0 + 3) = 4; row 2: 3 * (4 + 2) = 18.
    # kappa = 1 - 6 * 5 / 50 = 0.4
    assert quadratic_weighted_kappa([[1, 0, 1], [0, 1, 0], [0, 1, 2]]) == pytest.approx(0.4, abs=1e-15)


def test_a_constant_answer_gains_nothing():
    # 89 of 100 truths are 0 and the answer is always 0: accuracy 0.89, which looks like skill.
    counts = np.zeros((3, 3))
    counts[:, 0] = [89, 8, 3]
    assert quadratic_weighted_kappa(counts) == 0.0
    assert balanced_accuracy(counts) == pytest.approx(1 / 3)


def test_full_agreement_is_one_and_opposite_ends_are_minus_one():
    assert quadratic_weighted_kappa(np.diag([3, 4, 5])) == 1.0
    assert quadratic_weighted_kappa([[0, 0, 5], [0, 0, 0], [5, 0, 0]]) == -1.0
    assert balanced_accuracy(np.diag([3, 4, 0])) == 1.0  # the absent class does not count


def test_undefined_is_nan_without_a_warning():
    one_level = np.zeros((3, 3))
    one_level[1, 1] = 7
    with np.errstate(all="raise"):
        assert math.isnan(quadratic_weighted_kappa(one_level))
        assert math.isnan(quadratic_weighted_kappa(np.zeros((3, 3))))
        assert math.isnan(balanced_accuracy(np.zeros((3, 3))))
        assert balanced_accuracy(one_level) == 1.0


def test_leading_dimensions_are_scored_one_by_one():
    tables = np.random.default_rng(3).integers(0, 5, size=(2, 7, 3, 3)).astype(float)
    tables[0, 0] = 0
    for score in (quadratic_weighted_kappa, balanced_accuracy):
        one_by_one = [[float(score(tables[i, j])) for j in range(7)] for i in range(2)]
        np.testing.assert_allclose(score(tables), one_by_one, rtol=1e-13)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0.5, 1], [[0, 1]]])
def test_a_label_that_is_no_level_is_an_error(labels):
    with pytest.raises(ValueError, match=r"whole values 0 \.\. 2, seen"):
        confusion(labels, [0, 1], 3)


def test_a_wrong_shape_is_named_in_the_error():
    with pytest.raises(ValueError, match=r"differ in length: \(2,\) and \(1,\)"):
        confusion([0, 1], [0], 2)
    with pytest.raises(ValueError, match=r"shape \(\.\.\., L, L\), seen \(2, 3\)"):
        quadratic_weighted_kappa(np.zeros((2, 3)))
