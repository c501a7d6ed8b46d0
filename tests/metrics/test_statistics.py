from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from medvidbench.metrics.statistics import (
    Estimate,
    cluster_sums,
    clustered_mean,
    macro,
    partition,
    scored_rows,
)

ROWS = st.lists(st.tuples(st.floats(-100, 100), st.integers(0, 6)), min_size=1, max_size=40)


def statsmodels_mean(values, codes):
    """Mean, clustered standard error and 95 % interval from a regression on a constant."""
    fit = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": True}, use_t=True
    )
    return fit.params[0], fit.bse[0], fit.conf_int()[0]


# --- partition


@given(st.lists(st.integers(-5, 5)))
def test_integer_text_and_array_ids_give_the_same_partition(ids):
    as_list, as_array = partition(ids), partition(np.array(ids, dtype=np.int64))
    as_text = partition([f"{i + 5:02d}" for i in ids])
    assert as_list.codes.tolist() == as_array.codes.tolist() == as_text.codes.tolist()
    assert as_list.count == as_array.count == as_text.count == len(set(ids))
    assert as_list.codes.dtype == as_array.codes.dtype == np.int64


def test_codes_follow_the_sorted_ids_not_the_order_of_the_rows():
    assert partition(["z", "a", "m", "a"]).codes.tolist() == [2, 0, 1, 0]
    assert partition(np.array(["z", "a", "m", "a"])).codes.tolist() == [2, 0, 1, 0]


def test_ids_of_mixed_types_are_refused():
    with pytest.raises(TypeError):
        partition(["a", 1])


@given(ROWS)
def test_cluster_sums_equal_a_loop(rows):
    values, ids = np.array([v for v, _ in rows]), [c for _, c in rows]
    sums = cluster_sums(np.stack([values, np.ones(len(values))], axis=1), partition(ids))
    for code, cluster in enumerate(sorted(set(ids))):
        inside = [v for v, c in rows if c == cluster]
        assert sums[code] == pytest.approx([math.fsum(inside), len(inside)], abs=1e-9)


def test_a_row_with_a_nan_is_left_out_and_its_cluster_may_vanish():
    columns, groups = scored_rows([[1, 2], [math.nan, 3], [4, 5]], ["a", "b", "c"])
    assert columns.tolist() == [[1, 2], [4, 5]]
    assert groups.codes.tolist() == [0, 1]
    assert groups.count == 2


@pytest.mark.parametrize(("columns", "ids"), [([[1], [2]], ["a"]), ([1, 2], ["a", "b"]), ([[math.inf]], ["a"])])
def test_rows_that_do_not_fit_are_an_error(columns, ids):
    with pytest.raises(ValueError, match=r"seen|infinite"):
        scored_rows(columns, ids)


# --- clustered mean


def test_a_small_mean_has_the_standard_error_derived_by_hand():
    # Clusters a: 1, 1; b: 0; c: 0, 1. Mean 3/5. Residual sums: a 0.8, b -0.6, c -0.2; squares 0.64 + 0.36 + 0.04.
    # se^2 = 3/2 * 1.04 / 25 = 0.0624
    estimate = clustered_mean([1, 1, 0, 0, 1], ["a", "a", "b", "c", "c"])
    assert estimate.value == pytest.approx(0.6)
    assert estimate.se == pytest.approx(math.sqrt(0.0624), rel=1e-12)
    assert (estimate.n, estimate.n_clusters) == (5, 3)


@pytest.mark.parametrize("n_clusters", [10, 11, 30])
@pytest.mark.parametrize("rows", [40, 500])
@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_mean_error_and_interval_equal_those_of_statsmodels(n_clusters, rows, kind):
    generator = np.random.default_rng([n_clusters, rows])
    codes = np.concatenate([np.arange(n_clusters), generator.integers(0, n_clusters, rows - n_clusters)])
    values = generator.standard_normal(n_clusters)[codes] + generator.standard_normal(rows)
    if kind == "binary":
        values = (values > 0.5).astype(float)
    estimate = clustered_mean(values, codes)
    mean, se, ci = statsmodels_mean(values, codes)
    assert estimate.value == pytest.approx(mean, rel=1e-10)
    assert estimate.se == pytest.approx(se, rel=1e-10)
    assert estimate.ci95 == pytest.approx(ci, rel=1e-9)
    assert estimate.method == f"CR1, t({n_clusters - 1})"
    assert estimate.note == ""


def test_one_row_a_cluster_gives_the_textbook_interval():
    values = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])
    estimate = clustered_mean(values, range(12), level=0.9)
    assert estimate.se == pytest.approx(values.std(ddof=1) / math.sqrt(12))
    expected = stats.t.interval(0.9, 11, values.mean(), stats.sem(values))
    assert estimate.ci95 == pytest.approx(expected)


def test_copying_every_row_changes_nothing_because_clusters_carry_the_information():
    values, ids = np.arange(12.0) ** 2, np.arange(12)
    once, thrice = clustered_mean(values, ids), clustered_mean(np.repeat(values, 3), np.repeat(ids, 3))
    assert thrice.ci95 == pytest.approx(once.ci95)
    assert (thrice.n, thrice.n_clusters) == (36, 12)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    first, second = (clustered_mean([v for v, _ in r], [c for _, c in r]) for r in (rows, shuffled))
    assert first.value == pytest.approx(second.value, abs=1e-9)
    assert first.se == pytest.approx(second.se, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("n_clusters", "note"), [(1, "1 cluster: too few"), (2, "2 clusters: too few"), (9, "9 clusters: too few")]
)
def test_under_ten_clusters_a_note_stands_for_the_interval(n_clusters, note):
    estimate = clustered_mean(np.arange(30.0), np.arange(30) % n_clusters)
    assert estimate.ci95 is None
    assert estimate.note == note
    assert math.isnan(estimate.se) == (n_clusters == 1)


def test_ten_clusters_are_enough():
    assert clustered_mean(np.arange(30.0), np.arange(30) % 10).ci95 is not None


@pytest.mark.parametrize("values", [[], [math.nan, math.nan]])
def test_without_scored_rows_the_value_is_nan(values):
    estimate = clustered_mean(values, ["a", "b"][: len(values)])
    assert math.isnan(estimate.value)
    assert math.isnan(estimate.se)
    assert (estimate.n, estimate.n_clusters, estimate.ci95, estimate.note) == (0, 0, None, "no rows")


def test_unscored_rows_do_not_count():
    ids = [str(i) for i in range(12)]
    estimate = clustered_mean([math.nan, *range(11)], ids)
    assert (estimate.value, estimate.n, estimate.n_clusters) == (5.0, 11, 11)
    assert estimate.method == "CR1, t(10)"


def test_equal_rows_have_no_width_and_say_so():
    estimate = clustered_mean([0.1] * 30, np.arange(30) % 10)  # 30 * 0.1 / 30 is not exactly 0.1
    assert estimate.se == 0.0
    assert estimate.ci95 == (estimate.value, estimate.value)
    assert estimate.note == "no variation between clusters"


def test_an_infinite_value_or_a_missing_cluster_is_an_error():
    with pytest.raises(ValueError, match="infinite"):
        clustered_mean([1, math.inf], ["a", "b"])
    with pytest.raises(ValueError, match="N clusters, seen"):
        clustered_mean([1, 2], ["a"])


# --- macro


def estimate_of(value, se, n_clusters, n=100):
    return Estimate(value, n, n_clusters, se, (value - 2 * se, value + 2 * se), "test")


def test_macro_averages_values_and_sums_variances():
    # se = sqrt(0.03^2 + 0.04^2 + 0.12^2) / 3 = 0.13 / 3
    # df = 0.0169^2 / (0.0009^2 / 10 + 0.0016^2 / 20 + 0.0144^2 / 30) = 40.11
    result = macro({"c": estimate_of(0.6, 0.12, 31), "a": estimate_of(0.1, 0.03, 11), "b": estimate_of(0.2, 0.04, 21)})
    assert result.value == pytest.approx(0.3)
    assert result.se == pytest.approx(0.13 / 3)
    assert (result.n, result.n_clusters) == (300, 63)
    df = 0.0169**2 / (0.0009**2 / 10 + 0.0016**2 / 20 + 0.0144**2 / 30)
    assert result.ci95 == pytest.approx(stats.t.interval(0.95, df, 0.3, 0.13 / 3))
    assert result.method == "macro over 3 sources, t(40.1)"


def test_macro_of_one_source_is_that_source():
    values, ids = np.arange(40.0) ** 1.5, np.arange(40) % 13
    alone = clustered_mean(values, ids)
    result = macro({"only": alone})
    assert (result.value, result.se) == (alone.value, alone.se)
    assert result.ci95 == pytest.approx(alone.ci95)


def test_equal_sources_pool_their_degrees_of_freedom():
    result = macro({name: estimate_of(0.5, 0.1, 11) for name in "abcd"})
    assert result.method.endswith("t(40.0)")


def test_a_source_with_too_few_clusters_takes_the_interval_and_is_named():
    few = clustered_mean([0.0, 1.0, 1.0], ["x", "y", "z"])
    result = macro({"nurvid": estimate_of(0.5, 0.1, 30), "jigsaws": few})
    assert result.ci95 is None
    assert result.note == "jigsaws: 3 clusters: too few"
    assert result.value == pytest.approx((0.5 + 2 / 3) / 2)
    assert result.se == pytest.approx(math.hypot(0.1, few.se) / 2)


def test_a_source_without_rows_is_left_out_and_named():
    result = macro({"a": estimate_of(0.5, 0.1, 30), "b": clustered_mean([], [])})
    assert result.value == 0.5
    assert result.ci95 is not None
    assert result.note == "b left out: no rows"
    nothing = macro({"b": clustered_mean([], [])})
    assert math.isnan(nothing.value)
    assert nothing.note == "b left out: no rows"
    assert macro({}).note == "no rows"


def test_sources_without_variation_give_an_interval_without_width():
    result = macro({name: estimate_of(0.5, 0.0, 12) for name in "ab"})
    assert result.ci95 == (0.5, 0.5)
    assert result.note == "no variation between clusters"


# --- coverage


def test_the_clustered_interval_covers_and_the_naive_one_does_not():
    """20 clusters of unequal size, intraclass correlation 0.2, 1,000 simulations: chance is +- 0.014."""
    generator = np.random.default_rng(20)
    hits, naive_hits = [], []
    for _ in range(1000):
        codes = np.repeat(np.arange(20), generator.integers(3, 40, 20))
        values = math.sqrt(0.2) * generator.standard_normal(20)[codes]
        values = values + math.sqrt(0.8) * generator.standard_normal(len(codes))
        low, high = clustered_mean(values, codes).ci95
        hits.append(low <= 0 <= high)
        naive_hits.append(abs(values.mean()) <= 1.96 * values.std() / math.sqrt(len(values)))
    assert 0.90 <= np.mean(hits) <= 0.97
    assert np.mean(naive_hits) < 0.70
