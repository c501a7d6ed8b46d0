"""Cohen's kappa and Krippendorff's alpha against published examples, hand-derived values and slow definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.metrics.agreement import cohens_kappa, coincidences, confusion, krippendorff_alpha

NAN = math.nan
# Krippendorff (2011), section E: 12 units, 4 observers, values 1 to 5, some missing.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]
PUBLISHED = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849}


@pytest.mark.parametrize(("scale", "alpha"), PUBLISHED.items())
def test_alpha_of_krippendorffs_own_example(scale, alpha):
    units = coincidences(np.array(OBSERVERS).T - 1, 5)
    assert units.sum() == 40  # the 40 pairable values of the paper
    assert round(float(krippendorff_alpha(units.sum(axis=0), scale)), 3) == alpha


def test_alpha_of_the_binary_example_without_missing_data():
    # Krippendorff (2011), section A: two observers, ten units, values 0 and 1; alpha = 0.095.
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    sums = coincidences(np.array([meg, owen]).T, 2).sum(axis=0)
    assert sums.tolist() == [[10, 4], [4, 2]]
    assert round(float(krippendorff_alpha(sums)), 3) == 0.095


def test_alpha_is_nan_without_anything_to_tell_apart():
    assert math.isnan(krippendorff_alpha(coincidences([[1, 1], [1, 1]], 3).sum(axis=0)))
    assert math.isnan(krippendorff_alpha(coincidences([[0, NAN], [NAN, 1]], 3).sum(axis=0)))


RATINGS = st.lists(st.lists(st.one_of(st.integers(0, 3), st.just(NAN)), min_size=3, max_size=3), min_size=1, max_size=8)


def slow_alpha(units, scale) -> float:
    """1 - (mean squared difference within units) / (the same over all pairs of pairable values)."""
    kept = [[int(v) for v in unit if not math.isnan(v)] for unit in units]
    kept = [unit for unit in kept if len(unit) > 1]
    values = [v for unit in kept for v in unit]

    def squared(a: int, b: int) -> float:
        if scale == "nominal":
            return float(a != b)
        if scale == "interval":
            return float((a - b) ** 2)
        low, high = min(a, b), max(a, b)
        between = sum(low <= v <= high for v in values)
        return (between - (values.count(a) + values.count(b)) / 2) ** 2

    n = len(values)
    if n < 2:
        return NAN
    within = sum(sum(squared(a, b) for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in kept) / n
    overall = sum(squared(a, b) for a, b in itertools.permutations(values, 2)) / (n * (n - 1))
    return 1 - within / overall if overall else NAN


@given(RATINGS, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_equals_the_definition_by_pairs(units, scale):
    fast = krippendorff_alpha(coincidences(units, 4).sum(axis=0), scale)
    assert float(fast) == pytest.approx(slow_alpha(units, scale), abs=1e-9, nan_ok=True)


def test_alpha_works_over_leading_dimensions():
    one, two = coincidences([[0, 0], [1, 0], [1, 1]], 2).sum(axis=0), coincidences([[0, 1], [1, 0]], 2).sum(axis=0)
    both = krippendorff_alpha(np.stack([one, two]), "ordinal")
    assert both.tolist() == [float(krippendorff_alpha(m, "ordinal")) for m in (one, two)]


def test_kappa_of_the_textbook_table():
    # 50 grants, both yes 20, both no 15, 5 and 10 split: p_o = 35 / 50 = 0.7; p_e = 25*30/2500 + 25*20/2500 = 0.5.
    assert cohens_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4, abs=1e-15)


def test_kappa_is_1_for_agreement_0_for_chance_and_nan_for_one_label():
    assert cohens_kappa(np.diag([3, 4, 5])) == 1.0
    assert cohens_kappa(confusion([0, 0, 1, 1], [0, 1, 0, 1], 2)) == 0.0
    assert math.isnan(cohens_kappa([[4, 0], [0, 0]]))
    assert math.isnan(cohens_kappa(np.zeros((2, 2))))


@pytest.mark.parametrize("ratings", [[0, 1], [[0, 4]], [[0, 0.5]], [[-1, 0]]])
def test_ratings_that_are_no_levels_are_refused(ratings):
    with pytest.raises(ValueError, match="need the shape"):
        coincidences(ratings, 4)
