"""Means and macro averages with intervals that respect clusters.

Rows of one recording (patient, trainee) are alike, so the recording is the unit of sampling: N rows of C recordings
hold about C independent observations. `partition` alone decides what a cluster is; the standard error, the degrees of
freedom and the bootstrap all use it and cannot drift apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medvidbench.metrics.student import t_quantile

Floats: TypeAlias = NDArray[np.float64]
Clusters: TypeAlias = Sequence[str] | Sequence[int] | NDArray[Any]

MIN_CLUSTERS = 10
"""Below this many clusters no interval is given: its coverage would depend on the unknown shape of the data."""
NO_ROWS = "no rows"
NO_VARIATION = "no variation between clusters"


@dataclass(frozen=True)
class Partition:
    """Cluster codes (N,) in 0 .. count - 1, numbered in the sorted order of the ids, and the number of clusters."""

    codes: NDArray[np.int64]
    count: int


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty.

    Attributes:
        value: the metric; nan without rows.
        n: rows counted.
        n_clusters: clusters among them.
        se: standard error clustered by recording; nan with fewer than 2 clusters.
        ci95: interval at the level asked for (0.95 unless told otherwise), or None; `note` then says why.
        method: how `se` and `ci95` were made.
        note: what a reader must know, e.g. "4 clusters: too few"; usually empty.
    """

    value: float
    n: int
    n_clusters: int
    se: float
    ci95: tuple[float, float] | None
    method: str
    note: str = ""


def partition(clusters: Clusters) -> Partition:
    """Integer cluster codes of N rows and the number of clusters. An integer array is the fast path.

    The numbering follows the sorted ids, so it does not depend on the order of the rows.

    Args:
        clusters: (N,) ids, all str or all int.

    Raises:
        TypeError: ids of mixed types.

    >>> partition(["b", "a", "b"])
    Partition(codes=array([1, 0, 1]), count=2)
    """
    if isinstance(clusters, np.ndarray) and clusters.dtype.kind in "iu":
        ids, codes = np.unique(clusters, return_inverse=True)
        return Partition(codes.astype(np.int64, copy=False), len(ids))
    code = {cluster: i for i, cluster in enumerate(sorted(set(clusters)))}
    return Partition(np.array([code[cluster] for cluster in clusters], dtype=np.int64), len(code))


def scored_rows(columns: ArrayLike, clusters: Clusters) -> tuple[Floats, Partition]:
    """The rows that hold a number in every column, as (n, K), and their clusters. nan marks an unscored row.

    Raises:
        ValueError: the lengths differ, `columns` is not (N, K), or a value is infinite.
    """
    array = np.asarray(columns, dtype=np.float64)
    groups = partition(clusters)
    if array.ndim != 2 or len(array) != len(groups.codes):
        raise ValueError(f"Need (N, K) columns and N clusters, seen {array.shape} and {len(groups.codes)}")
    if np.isinf(array).any():
        raise ValueError("A row holds an infinite value")
    scored = ~np.isnan(array).any(axis=1)
    if scored.all():
        return array, groups
    return array[scored], partition(groups.codes[scored])


def cluster_sums(columns: Floats, groups: Partition) -> Floats:
    """Sums of (N, K) columns per cluster, (C, K)."""
    out = np.empty((groups.count, columns.shape[1]))
    for k, column in enumerate(columns.T):
        out[:, k] = np.bincount(groups.codes, weights=column, minlength=groups.count)
    return out


def too_few(n_clusters: int) -> str:
    """The note that replaces an interval under `MIN_CLUSTERS` clusters, else an empty string.

    >>> too_few(4)
    '4 clusters: too few'
    """
    if n_clusters >= MIN_CLUSTERS:
        return ""
    return f"{n_clusters} cluster{'' if n_clusters == 1 else 's'}: too few"


def t_interval(value: float, se: float, df: float, level: float) -> tuple[float, float]:
    """value +- t(df) * se, both ends equal to the value when se is 0."""
    half = t_quantile(0.5 + level / 2, df) * se if se > 0 else 0.0
    return value - half, value + half


def clustered_mean(values: ArrayLike, clusters: Clusters, level: float = 0.95) -> Estimate:
    """Mean of rows with a cluster-robust standard error (CR1) and a t interval.

    se^2 = C / (C - 1) * sum over clusters c of (sum over i in c of (x_i - mean))^2 / N^2, the sandwich of the
    regression on a constant (Liang and Zeger 1986); interval mean +- t(C - 1) * se.

    Args:
        values: (N,) numbers; nan marks an unscored row, which is left out.
        clusters: (N,) ids.
        level: coverage aimed at, in (0, 1).

    Returns:
        value nan without rows; se nan with one cluster; no interval under `MIN_CLUSTERS` clusters.

    Raises:
        ValueError: the lengths differ, or a value is infinite.

    >>> clustered_mean([1, 1, 0, 0], ["a", "a", "b", "b"]).se  # sqrt(2 / 1 * (1 + 1) / 16)
    0.5
    """
    columns, groups = scored_rows(np.asarray(values, dtype=np.float64)[:, None], clusters)
    if not len(columns):
        return Estimate(math.nan, 0, 0, math.nan, None, "", NO_ROWS)
    mean = float(columns.mean())
    se = _cr1(columns, mean, groups)
    note = too_few(groups.count)
    ci = None if note else t_interval(mean, se, groups.count - 1, level)
    flat = NO_VARIATION if se == 0 else ""
    return Estimate(mean, len(columns), groups.count, se, ci, f"CR1, t({groups.count - 1})", note or flat)


def _cr1(column: Floats, mean: float, groups: Partition) -> float:
    if groups.count < 2:
        return math.nan
    if np.ptp(column) == 0:
        return 0.0  # The mean of equal values may be off by one rounding, which must not become a standard error.
    residuals = cluster_sums(column - mean, groups)
    return math.sqrt(groups.count / (groups.count - 1) * float((residuals**2).sum())) / len(column)


def macro(estimates: Mapping[str, Estimate], level: float = 0.95) -> Estimate:
    """Unweighted mean over sources, with the sources' variances summed: they share no recording.

    se^2 = sum of se_s^2 / S^2. Degrees of freedom (Satterthwaite 1946): (sum of se_s^2)^2 / sum of
    (se_s^4 / (C_s - 1)).

    Args:
        estimates: one per source; a source without a value is left out and named in `note`.
        level: coverage aimed at, in (0, 1).

    Returns:
        n and n_clusters are sums. No interval when any source has none; `note` names that source. value nan when no
        source has one.

    >>> a = Estimate(0.2, 50, 11, 0.03, (0.13, 0.27), "")
    >>> b = Estimate(0.6, 50, 11, 0.04, (0.51, 0.69), "")
    >>> both = macro({"a": a, "b": b})
    >>> round(both.value, 6), round(both.se, 6), both.method  # df = 0.0025^2 / ((0.0009^2 + 0.0016^2) / 10)
    (0.4, 0.025, 'macro over 2 sources, t(18.5)')
    """
    valued = {source: e for source, e in estimates.items() if not math.isnan(e.value)}
    notes = [f"{source} left out: {e.note}" for source, e in estimates.items() if source not in valued]
    if not valued:
        return Estimate(math.nan, 0, 0, math.nan, None, "", "; ".join(notes) or NO_ROWS)
    parts = list(valued.values())
    value, variance = math.fsum(e.value for e in parts) / len(parts), math.fsum(e.se**2 for e in parts)
    missing = [f"{source}: {e.note}" for source, e in valued.items() if e.ci95 is None]
    se, method, ci = math.sqrt(variance) / len(parts), f"macro over {len(parts)} sources", None
    if not missing:
        df = _satterthwaite(parts)
        ci, method = t_interval(value, se, df, level), f"{method}, t({df:.1f})"
    flat = [NO_VARIATION] if variance == 0 else []
    n, n_clusters = sum(e.n for e in parts), sum(e.n_clusters for e in parts)
    return Estimate(value, n, n_clusters, se, ci, method, "; ".join(notes + missing + flat))


def _satterthwaite(parts: Sequence[Estimate]) -> float:
    """Degrees of freedom of a sum of independent variances; between the smallest C - 1 and their sum."""
    # Divided by the largest, so that squares of tiny standard errors do not underflow to 0 / 0.
    largest = max(e.se for e in parts) or 1.0
    shares = [(e.se / largest) ** 2 for e in parts]
    spread = sum(share**2 / (e.n_clusters - 1) for share, e in zip(shares, parts, strict=True))
    return sum(shares) ** 2 / spread if spread else float(sum(e.n_clusters - 1 for e in parts))
