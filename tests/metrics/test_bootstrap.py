from __future__ import annotations

import math
import time
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from medvidbench.metrics.agreement import confusion, quadratic_weighted_kappa
from medvidbench.metrics.bootstrap import cluster_bootstrap, replicate_sums
from medvidbench.metrics.statistics import clustered_mean


def ratio(sums):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def kappa(sums):
    return quadratic_weighted_kappa(sums.reshape(*sums.shape[:-1], 3, 3))


def with_count(values):
    return np.stack([np.asarray(values, dtype=float), np.ones(len(values))], axis=1)


def clustered_values(generator, n_clusters, icc, kind):
    """Rows of clusters of unequal size with mean 0 (normal) or 0.3 (beta-binomial), and their cluster codes."""
    codes = np.repeat(np.arange(n_clusters), generator.integers(3, 40, n_clusters))
    if kind == "binary":
        total = 1 / icc - 1
        return generator.random(len(codes)) < generator.beta(0.3 * total, 0.7 * total, n_clusters)[codes], codes
    shared = math.sqrt(icc) * generator.standard_normal(n_clusters)[codes]
    return shared + math.sqrt(1 - icc) * generator.standard_normal(len(codes)), codes


def test_replicates_follow_the_draws_of_the_generator():
    """The matrix form against adding up the drawn clusters one by one, with the same draws."""
    sums = np.random.default_rng(1).random((7, 3))
    draws = np.random.Generator(np.random.PCG64(5)).integers(0, 7, size=(40, 7))
    slow = [sum(sums[cluster] for cluster in row) for row in draws.tolist()]
    np.testing.assert_allclose(replicate_sums(sums, 40, seed=5), slow, rtol=1e-12)


def test_every_resample_holds_as_many_clusters_as_the_data():
    # 40,000 clusters exceed a chunk, 3,000 leave a last chunk that is not full.
    for n_clusters in (1, 3_000, 40_000):
        counts = replicate_sums(np.ones((n_clusters, 1)), 23, seed=0)
        assert (counts == n_clusters).all()


def test_matrix_resampling_has_the_distribution_of_a_slow_resampling_loop():
    """Quantiles and standard error against rows gathered cluster by cluster with an unrelated generator."""
    import random

    generator = np.random.default_rng(2)
    values, codes = clustered_values(generator, 12, 0.3, "binary")
    members = [values[codes == cluster] for cluster in range(12)]
    other = random.Random(3)
    slow = []
    for _ in range(6000):
        rows = np.concatenate([members[other.randrange(12)] for _ in range(12)])
        slow.append(rows.mean())
    sums = np.array([[m.sum(), len(m)] for m in members], dtype=float)
    fast = ratio(replicate_sums(sums, 6000, seed=4))
    # Two samples of 6,000: the 0.1 % point of the Kolmogorov-Smirnov distance is about 1.95 * sqrt(2 / 6000) = 0.036.
    assert stats.ks_2samp(slow, fast).statistic < 0.036
    assert np.std(fast) == pytest.approx(np.std(slow), rel=0.05)


def test_the_standard_error_of_a_mean_agrees_with_the_sandwich():
    generator = np.random.default_rng(6)
    values = generator.random(60)  # one row a cluster: the two formulas then differ by simulation noise alone
    estimate = cluster_bootstrap(with_count(values), np.arange(60), ratio)
    sandwich = clustered_mean(values, np.arange(60))
    assert estimate.value == pytest.approx(sandwich.value, rel=1e-12)
    assert estimate.se == pytest.approx(sandwich.se, rel=0.03)  # 1 / sqrt(2 * 10,000) = 0.7 % noise
    assert estimate.ci95 == pytest.approx(sandwich.ci95, abs=0.1 * sandwich.se)
    assert (estimate.n, estimate.n_clusters) == (60, 60)


def test_the_interval_is_the_quantiles_at_the_expanded_levels():
    generator = np.random.default_rng(7)
    sums = with_count(generator.random(15))
    draws = ratio(replicate_sums(sums, 2000, seed=9))
    # h = t(0.975, 14) * sqrt(15 / 14) = 2.1448 * 1.0351 = 2.2201; Phi(-h) = 0.01321
    tail = stats.norm.cdf(-stats.t.ppf(0.975, 14) * math.sqrt(15 / 14))
    assert tail == pytest.approx(0.01321, abs=5e-6)
    estimate = cluster_bootstrap(sums, range(15), ratio, replicates=2000, seed=9)
    assert estimate.ci95 == pytest.approx(np.quantile(draws, [tail, 1 - tail]), rel=1e-12)
    assert estimate.se == pytest.approx(math.sqrt(15 / 14) * draws.std(ddof=1), rel=1e-12)
    assert estimate.method == "cluster bootstrap, expanded percentile, 2000 replicates"


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    columns, codes = with_count(np.random.default_rng(8).random(50)), np.arange(50) % 14
    first = cluster_bootstrap(columns, codes, ratio, seed=1)
    assert cluster_bootstrap(columns, codes, ratio, seed=1) == first
    assert cluster_bootstrap(columns, codes, ratio, seed=2).ci95 != first.ci95


def test_the_order_of_the_rows_does_not_change_the_interval():
    generator = np.random.default_rng(9)
    columns, codes = with_count(generator.integers(0, 2, 80)), generator.integers(0, 14, 80)
    order = generator.permutation(80)
    names = [f"video{code:02d}" for code in codes]
    first = cluster_bootstrap(columns, names, ratio)
    assert cluster_bootstrap(columns[order], [names[i] for i in order], ratio) == first


def test_the_interval_stays_inside_the_range_of_the_metric():
    values = np.zeros(60)
    values[:2] = 1
    low, high = cluster_bootstrap(with_count(values), np.arange(60) % 20, ratio).ci95
    assert 0 <= low <= 2 / 60 <= high <= 1
    assert clustered_mean(values, np.arange(60) % 20).ci95[0] < 0  # the t interval does not


def test_undefined_replicates_are_reported_and_too_many_take_the_interval():
    # Kappa is undefined when a resample holds one single level. The two odd clusters of 12 are both absent from a
    # resample with probability (10 / 12)^12 = 11.2 %.
    truth = np.zeros(12, dtype=int)
    truth[:2] = 1
    columns = np.array([confusion([t], [t], 3).ravel() for t in truth])
    estimate = cluster_bootstrap(columns, range(12), kappa)
    assert estimate.value == 1.0
    assert estimate.ci95 is None
    share = float(estimate.note.split("%")[0])
    assert share == pytest.approx(100 * (10 / 12) ** 12, abs=1.3)
    assert "of replicates undefined" in estimate.note

    # Four odd clusters of 12: (8 / 12)^12 = 0.8 %, an interval with a remark.
    truth[:4] = 1
    columns = np.array([confusion([t], [t if i else 0], 3).ravel() for i, t in enumerate(truth)])
    estimate = cluster_bootstrap(columns, range(12), kappa)
    assert estimate.ci95 is not None
    assert float(estimate.note.split("%")[0]) == pytest.approx(0.77, abs=0.4)


def test_a_value_that_is_undefined_has_no_interval():
    estimate = cluster_bootstrap(np.zeros((12, 2)), range(12), ratio)
    assert math.isnan(estimate.value)
    assert (estimate.ci95, estimate.note) == (None, "undefined on these rows")


@pytest.mark.parametrize(("n_clusters", "note"), [(1, "1 cluster: too few"), (9, "9 clusters: too few")])
def test_under_ten_clusters_a_note_stands_for_the_interval(n_clusters, note):
    estimate = cluster_bootstrap(with_count(np.arange(30)), np.arange(30) % n_clusters, ratio)
    assert (estimate.value, estimate.ci95, estimate.note) == (14.5, None, note)
    assert math.isnan(estimate.se) == (n_clusters == 1)


def test_without_rows_the_value_is_nan():
    estimate = cluster_bootstrap(np.empty((0, 2)), [], ratio)
    assert math.isnan(estimate.value)
    assert (estimate.n, estimate.note) == (0, "no rows")


def test_equal_rows_have_no_width_and_say_so():
    estimate = cluster_bootstrap(with_count([0.1] * 30), np.arange(30) % 11, ratio)
    assert estimate.se == 0.0
    assert estimate.note == "no variation between clusters"
    assert estimate.ci95 == pytest.approx((0.1, 0.1))


def test_a_row_with_a_nan_is_unscored():
    columns = with_count(np.arange(24))
    columns[5, 0] = math.nan
    estimate = cluster_bootstrap(columns, np.arange(24) % 12, ratio)
    assert estimate.n == 23
    assert estimate.value == pytest.approx((276 - 5) / 23)


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_the_interval_covers_with_twenty_clusters(kind):
    """Intraclass correlation 0.2, clusters of unequal size, 1,000 simulations: chance is +- 0.014."""
    generator = np.random.default_rng(20)
    truth = 0.3 if kind == "binary" else 0.0
    hits = []
    for _ in range(1000):
        values, codes = clustered_values(generator, 20, 0.2, kind)
        low, high = cluster_bootstrap(with_count(values), codes, ratio, replicates=600).ci95
        hits.append(low <= truth <= high)
    assert 0.90 <= np.mean(hits) <= 0.97


@pytest.mark.parametrize(("n_clusters", "width"), [(94, 2), (94, 25), (6245, 2)])
def test_ten_thousand_replicates_of_the_board_take_under_a_second_and_fifty_megabytes(n_clusters, width):
    columns, codes = np.random.default_rng(10).random((6245, width)), np.arange(6245) % n_clusters
    cluster_bootstrap(columns, codes, ratio, replicates=10)  # imports
    started = time.process_time()
    cluster_bootstrap(columns, codes, ratio)
    assert time.process_time() - started < 1.0
    tracemalloc.start()
    cluster_bootstrap(columns, codes, ratio, replicates=200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
