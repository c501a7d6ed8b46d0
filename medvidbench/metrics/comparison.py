"""Paired comparison of two models on the same rows, and corrections for many comparisons."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from medvidbench.metrics.bootstrap import Combine, cluster_bootstrap
from medvidbench.metrics.statistics import Clusters, Estimate, Floats, clustered_mean, scored_rows, t_interval
from medvidbench.metrics.student import t_quantile, t_two_sided_p


@dataclass(frozen=True)
class PairedDifference:
    """Model a minus model b over the rows that both scored.

    Attributes:
        difference: nan without common rows.
        se: standard error, clustered by recording.
        t: difference / se, with n_clusters - 1 degrees of freedom.
        p: two-sided.
        ci95: interval at the level asked for, or None; p < 1 - level exactly when it leaves 0 out.
        n: rows that both scored.
        n_clusters: clusters among them.
        mdd: smallest true difference that this design finds with power 0.8 at alpha = 1 - level.
        note: why there is no interval (then t, p and mdd are nan), or a caveat; usually empty.
    """

    difference: float
    se: float
    t: float
    p: float
    ci95: tuple[float, float] | None
    n: int
    n_clusters: int
    mdd: float
    note: str = ""


def paired_difference(a: ArrayLike, b: ArrayLike, clusters: Clusters, level: float = 0.95) -> PairedDifference:
    """Clustered mean of a - b, with its t test.

    Args:
        a: (N,) scores of one model; nan marks an unscored row, which is left out for both.
        b: (N,) scores of the other on the same rows.
        clusters: (N,) ids.
        level: coverage of the interval, in (0, 1).

    Returns:
        p is 1 and se 0 when the two agree on every row. Under 10 clusters: no interval and no p.

    Raises:
        ValueError: the lengths differ, or a value is infinite.

    >>> recordings = [f"video{i}" for i in range(10)]
    >>> result = paired_difference([1, 1, 1, 1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1, 1, 0, 0], recordings)
    >>> round(result.difference, 6), round(result.se, 6), round(result.t, 6), round(result.p, 4)
    (0.2, 0.133333, 1.5, 0.1679)
    """
    columns, groups = scored_rows(_paired(a, b)[:, :, 0].T, clusters)
    return _test(clustered_mean(columns[:, 0] - columns[:, 1], groups.codes, level), level)


def paired_bootstrap_difference(
    columns_a: ArrayLike,
    columns_b: ArrayLike,
    clusters: Clusters,
    combine: Combine,
    replicates: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    combine_b: Combine | None = None,
) -> PairedDifference:
    """combine(sums of a) - combine(sums of b), e.g. of two kappas, both models resampled together by cluster.

    se is that of `cluster_bootstrap`; t, p and the interval come from it and t(C - 1), so that they agree with each
    other. A difference has no bound close to 0, so the percentile interval's one advantage does not count here.

    Args:
        columns_a: (N, K) per-row sums of one model; a row with nan is left out for both.
        columns_b: (N, K) of the other on the same rows; (N, K') when `combine_b` is given.
        clusters: (N,) ids.
        combine: maps (..., K) sums to (...) values, nan where undefined.
        combine_b: the same for the other model, when its columns mean something else.
        replicates: number of resamples.
        seed: the same seed gives the same numbers.
        level: coverage of the interval, in (0, 1).

    Returns:
        As `paired_difference`; no interval either when more than 5 % of the replicates are undefined.

    Raises:
        ValueError: the shapes differ, or a value is infinite.
    """
    a, b = _paired(columns_a, columns_b) if combine_b is None else _beside(columns_a, columns_b)
    width = a.shape[1]
    other = combine_b or combine

    def difference(sums: Floats) -> Floats:
        return combine(sums[..., :width]) - other(sums[..., width:])

    return _test(cluster_bootstrap(np.hstack((a, b)), clusters, difference, replicates, seed, level), level)


def _beside(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise ValueError(f"Paired columns need as many rows, (N, K) and (N, K'), seen {first.shape} and {second.shape}")
    return first, second


def _paired(a: ArrayLike, b: ArrayLike) -> Floats:
    """Both as one (2, N, K) array; one-dimensional scores become K = 1."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim not in (1, 2):
        raise ValueError(f"Paired scores need one shape, (N,) or (N, K), seen {first.shape} and {second.shape}")
    return np.stack([first, second]).reshape(2, len(first), -1)


def _test(estimate: Estimate, level: float) -> PairedDifference:
    value, se, n, n_clusters = estimate.value, estimate.se, estimate.n, estimate.n_clusters
    if estimate.ci95 is None:
        return PairedDifference(value, se, math.nan, math.nan, None, n, n_clusters, math.nan, estimate.note)
    # se 0: the same difference on every row, either none (t 0, p 1) or one that chance does not explain (p 0).
    none = 0.0 if abs(value) <= 1e-12 else math.copysign(math.inf, value)
    t = value / se if se > 0 else none
    p = t_two_sided_p(t, n_clusters - 1)
    ci = t_interval(value, se, n_clusters - 1, level)
    mdd = minimum_detectable_difference(se, n_clusters, alpha=1 - level)
    return PairedDifference(value, se, t, p, ci, n, n_clusters, mdd, estimate.note)


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p values (Holm 1979), which bound the family-wise error rate.

    With m values sorted upwards, adjusted_(k) = max over j <= k of (m - j + 1) * p_(j), at most 1.

    Args:
        p_values: (m,) in [0, 1]; nan stays nan and does not count in m.

    Returns:
        (m,) in the order given.

    Raises:
        ValueError: not one-dimensional, or a value outside [0, 1].

    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()  # 3 * 0.01, max(0.06, 1 * 0.04), 2 * 0.03
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        raise ValueError(f"Holm needs (m,) p values in [0, 1], seen {p!r:.200}")
    counted = np.flatnonzero(~np.isnan(p))
    order = counted[np.argsort(p[counted], kind="stable")]
    steps = np.arange(len(order), 0, -1) * p[order]
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def minimum_detectable_difference(se: float, n_clusters: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The true difference that a two-sided test at `alpha` finds with probability `power`.

    (t_(1 - alpha / 2) + t_power) * se, with n_clusters - 1 degrees of freedom (Bloom 1995).

    Args:
        se: standard error of the difference, in the metric's unit; nan gives nan.
        n_clusters: fewer than 2 gives nan.
        alpha: in (0, 1).
        power: in (0, 1).

    Raises:
        ValueError: alpha or power is out of range.

    >>> round(minimum_detectable_difference(0.02, 20), 4)  # (2.0930 + 0.8610) * 0.02
    0.0591
    """
    if n_clusters < 2:
        return math.nan
    df = n_clusters - 1
    return (t_quantile(1 - alpha / 2, df) + t_quantile(power, df)) * se


def tie_groups(told_apart: ArrayLike) -> list[tuple[int, ...]]:
    """The largest sets of models of which no two are told apart (the letters of a compact letter display).

    A difference that was not found is no equality, and it is not transitive: a may tie with b, and b with c, while a
    and c are told apart. So a model can stand in several groups. Insert and absorb (Piepho 2004).

    Args:
        told_apart: (k, k) symmetric booleans.

    Returns:
        Ascending tuples of positions, in the order of their first members. Every model is in at least one.

    Raises:
        ValueError: not square, or not symmetric.

    >>> tie_groups([[0, 0, 1], [0, 0, 0], [1, 0, 0]])  # 0 and 2 are told apart, 1 from neither
    [(0, 1), (1, 2)]
    """
    apart = np.asarray(told_apart, dtype=bool)
    if apart.ndim != 2 or apart.shape[0] != apart.shape[1] or (apart != apart.T).any():
        raise ValueError(f"Tie groups need a symmetric (k, k) matrix, seen {apart.shape}")
    groups = [frozenset(range(len(apart)))]
    for i, j in np.argwhere(np.triu(apart, 1)).tolist():
        split = [part for g in groups for part in ((g - {i}, g - {j}) if {i, j} <= g else (g,))]
        distinct = list(dict.fromkeys(split))
        groups = [g for g in distinct if g and not any(g < other for other in distinct)]
    return sorted(tuple(sorted(g)) for g in groups if g)
