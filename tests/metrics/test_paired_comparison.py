from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from medvidbench.metrics.agreement import quadratic_weighted_kappa
from medvidbench.metrics.comparison import (
    holm,
    minimum_detectable_difference,
    paired_bootstrap_difference,
    paired_difference,
)

P_VALUES = st.lists(st.floats(0, 1), max_size=8)


def ratio(sums):
    return np.asarray(sums[..., 0] / sums[..., 1])


def kappa(sums):
    return quadratic_weighted_kappa(sums.reshape(*sums.shape[:-1], 3, 3))


def with_count(values):
    return np.stack([np.asarray(values, dtype=float), np.ones(len(values))], axis=1)


@pytest.fixture
def two_models():
    """Scores of two models that share each recording's difficulty, 300 rows of 25 recordings."""
    generator = np.random.default_rng(11)
    codes = np.concatenate([np.arange(25), generator.integers(0, 25, 275)])
    shared = generator.standard_normal(25)[codes]
    edge = 0.3 * generator.standard_normal(25)[codes]
    a = shared + edge + 0.2 + generator.standard_normal(300)
    return a, shared + generator.standard_normal(300), codes


# --- paired difference


def test_difference_test_and_interval_equal_those_of_statsmodels(two_models):
    a, b, codes = two_models
    fit = sm.OLS(a - b, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    result = paired_difference(a, b, codes)
    assert result.difference == pytest.approx(fit.params[0], rel=1e-10)
    assert result.se == pytest.approx(fit.bse[0], rel=1e-10)
    assert result.t == pytest.approx(fit.tvalues[0], rel=1e-9)
    assert result.p == pytest.approx(fit.pvalues[0], rel=1e-8)
    assert result.ci95 == pytest.approx(fit.conf_int()[0], rel=1e-9)
    assert (result.n, result.n_clusters, result.note) == (300, 25, "")
    assert result.mdd == minimum_detectable_difference(result.se, 25)


def test_one_row_a_cluster_gives_the_paired_t_test():
    generator = np.random.default_rng(12)
    a, b = generator.random(20), generator.random(20)
    expected = stats.ttest_rel(a, b)
    result = paired_difference(a, b, range(20))
    assert (result.t, result.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_swapping_the_models_changes_the_sign_only(two_models):
    a, b, codes = two_models
    forth, back = paired_difference(a, b, codes), paired_difference(b, a, codes)
    assert (back.difference, back.t, back.p) == pytest.approx((-forth.difference, -forth.t, forth.p))
    assert back.ci95 == pytest.approx((-forth.ci95[1], -forth.ci95[0]))


def test_only_rows_that_both_models_scored_count(two_models):
    a, b, codes = two_models
    both = np.ones(300, dtype=bool)
    both[[0, 7, 9]] = False
    expected = paired_difference(a[both], b[both], codes[both])
    a, b = a.copy(), b.copy()
    a[[0, 7]] = math.nan
    b[[7, 9]] = math.nan
    assert paired_difference(a, b, codes) == expected
    assert expected.n == 297


def test_two_equal_models_have_p_one_and_no_error():
    scores = np.random.default_rng(13).random(60)
    result = paired_difference(scores, scores, np.arange(60) % 15)
    assert (result.difference, result.se, result.t, result.p, result.ci95) == (0.0, 0.0, 0.0, 1.0, (0.0, 0.0))
    assert result.mdd == 0.0
    assert result.note == "no variation between clusters"


def test_a_constant_lead_is_not_chance():
    result = paired_difference(np.full(24, 0.75), np.full(24, 0.5), np.arange(24) % 12)
    assert (result.difference, result.se, result.t, result.p) == (0.25, 0.0, math.inf, 0.0)


def test_under_ten_clusters_there_is_neither_interval_nor_p(two_models):
    a, b, codes = two_models
    result = paired_difference(a, b, codes % 9)
    assert result.difference == pytest.approx((a - b).mean())
    assert result.se > 0
    assert (result.ci95, result.note) == (None, "9 clusters: too few")
    assert math.isnan(result.t)
    assert math.isnan(result.p)
    assert math.isnan(result.mdd)


def test_no_common_row_gives_nan():
    result = paired_difference([1.0, math.nan], [math.nan, 1.0], ["a", "b"])
    assert math.isnan(result.difference)
    assert (result.n, result.note) == (0, "no rows")


def test_scores_of_different_length_or_infinite_scores_are_an_error():
    with pytest.raises(ValueError, match=r"seen \(2,\) and \(1,\)"):
        paired_difference([1, 2], [1], ["a", "b"])
    with pytest.raises(ValueError, match="infinite"):
        paired_difference([math.inf, 1], [math.inf, 1], ["a", "b"])


def test_the_test_keeps_its_level_under_clusters():
    """Two models of equal skill, 20 clusters, intraclass correlation 0.2 of the differences: p < 0.05 in about 5 %."""
    generator = np.random.default_rng(14)
    rejected = []
    for _ in range(1000):
        codes = np.repeat(np.arange(20), generator.integers(3, 30, 20))
        difference = math.sqrt(0.2) * generator.standard_normal(20)[codes]
        difference = difference + math.sqrt(0.8) * generator.standard_normal(len(codes))
        rejected.append(paired_difference(difference, np.zeros(len(codes)), codes).p < 0.05)
    assert 0.03 <= np.mean(rejected) <= 0.10


# --- bootstrap difference


def test_for_means_the_bootstrap_agrees_with_the_clustered_test(two_models):
    a, b, codes = two_models
    sandwich = paired_difference(a, b, codes)
    bootstrap = paired_bootstrap_difference(with_count(a), with_count(b), codes, ratio)
    assert bootstrap.difference == pytest.approx(sandwich.difference, rel=1e-10)
    assert bootstrap.se == pytest.approx(sandwich.se, rel=0.08)  # unequal clusters: the two agree to first order only
    assert bootstrap.t == pytest.approx(bootstrap.difference / bootstrap.se)
    assert bootstrap.p == pytest.approx(2 * stats.t.sf(abs(bootstrap.t), 24))
    assert (bootstrap.ci95[0] > 0 or bootstrap.ci95[1] < 0) == (bootstrap.p < 0.05)


def test_both_models_are_resampled_together():
    """Shared difficulty cancels: resampling them apart would give sqrt(2) times one model's error or more."""
    generator = np.random.default_rng(15)
    codes = np.repeat(np.arange(20), 5)
    b = generator.standard_normal(20)[codes]
    result = paired_bootstrap_difference(with_count(b + 0.5), with_count(b), codes, ratio)
    assert result.difference == pytest.approx(0.5)
    assert result.se == 0.0


def test_a_model_compared_with_itself_has_p_one():
    table = np.eye(9)[np.random.default_rng(16).integers(0, 9, 120)]
    result = paired_bootstrap_difference(table, table, np.arange(120) % 12, kappa)
    assert (result.difference, result.se, result.p) == (0.0, 0.0, 1.0)


def test_the_kappa_of_the_better_model_is_found():
    generator = np.random.default_rng(17)
    truth = generator.integers(0, 3, 600)
    good = np.where(generator.random(600) < 0.8, truth, generator.integers(0, 3, 600))
    poor = np.where(generator.random(600) < 0.3, truth, generator.integers(0, 3, 600))
    tables = [np.eye(9)[3 * truth + predicted] for predicted in (good, poor)]
    result = paired_bootstrap_difference(*tables, np.arange(600) % 30, kappa)
    assert result.difference == pytest.approx(float(kappa(tables[0].sum(0)) - kappa(tables[1].sum(0))))
    assert result.p < 1e-6
    assert result.ci95[0] < 0.5 < result.ci95[1]  # kappa equals the share answered knowingly: 0.8 - 0.3


def test_too_few_clusters_or_undefined_replicates_leave_no_p():
    table = np.eye(9)[np.zeros(24, dtype=int)]
    few = paired_bootstrap_difference(with_count(np.arange(24)), with_count(np.zeros(24)), np.arange(24) % 5, ratio)
    assert (few.ci95, few.note) == (None, "5 clusters: too few")
    undefined = paired_bootstrap_difference(table, table, np.arange(24) % 12, kappa)
    assert (undefined.ci95, undefined.note) == (None, "undefined on these rows")
    assert math.isnan(undefined.p)
    assert math.isnan(few.p)


# --- Holm


@settings(max_examples=15, deadline=None)  # statsmodels takes 70 ms a call
@given(P_VALUES.filter(bool))
def test_holm_equals_statsmodels(p_values):
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), expected, rtol=1e-12)


def test_holm_of_a_small_family_is_the_value_derived_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.9: times 4, 3, 2, 1 gives 0.04, 0.06, 0.06, 0.9.
    assert holm([0.9, 0.01, 0.03, 0.02]) == pytest.approx([0.9, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]


@given(P_VALUES, st.integers(0, 8))
def test_nan_stays_nan_and_is_not_counted(p_values, position):
    position = min(position, len(p_values))
    with_nan = holm([*p_values[:position], math.nan, *p_values[position:]])
    assert math.isnan(with_nan[position])
    assert np.delete(with_nan, position).tolist() == holm(p_values).tolist()


@given(P_VALUES)
def test_adjusted_values_keep_the_order_and_never_shrink(p_values):
    adjusted = holm(p_values)
    assert all(q >= p and q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    pairs = list(zip(p_values, adjusted, strict=True))
    assert all(q1 <= q2 for (p1, q1), (p2, q2) in itertools.product(pairs, pairs) if p1 <= p2)


@pytest.mark.parametrize("wrong", [[1.5], [-0.1], [[0.5]]])
def test_a_value_that_is_no_probability_is_an_error(wrong):
    with pytest.raises(ValueError, match=r"p values in \[0, 1\], seen"):
        holm(wrong)


# --- minimum detectable difference


@pytest.mark.parametrize("n_clusters", [10, 20, 94])
def test_a_difference_of_that_size_is_found_with_the_power_asked_for(n_clusters):
    # One observation a cluster with standard deviation 1: se = 1 / sqrt(C), and statsmodels knows the exact power. The
    # formula is Bloom's approximation of the noncentral t, good to about 1.5 points of power at 10 clusters.
    difference = minimum_detectable_difference(1 / math.sqrt(n_clusters), n_clusters)
    power = TTestPower().power(difference, n_clusters, 0.05)
    assert power == pytest.approx(0.8, abs=0.02)


def test_the_detectable_difference_is_the_value_derived_by_hand():
    # (t(0.975, 19) + t(0.8, 19)) * se = (2.0930 + 0.8610) * 0.02
    assert minimum_detectable_difference(0.02, 20) == pytest.approx(0.05908, abs=5e-6)
    # (t(0.995, 9) + t(0.9, 9)) * se = 3.24984 + 1.38303
    assert minimum_detectable_difference(1.0, 10, alpha=0.01, power=0.9) == pytest.approx(4.63287, abs=1e-5)


def test_one_cluster_detects_nothing():
    assert math.isnan(minimum_detectable_difference(0.1, 1))
    assert math.isnan(minimum_detectable_difference(math.nan, 20))
