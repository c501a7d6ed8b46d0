"""From a judge's scores to clinicians': isotonic calibration, and intervals for a board's mean that use both.

Prediction-powered inference (Angelopoulos et al. 2023, Science 382:669): a judge rates everything, clinicians rate a
part, and the part tells how wrong the judge is on average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medvidbench.metrics.bootstrap import cluster_bootstrap
from medvidbench.metrics.statistics import MIN_CLUSTERS, clustered_mean
from medvidbench.metrics.student import t_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class IsotonicMap:
    """A rising step-wise linear map from judge scores to clinicians' scores.

    Attributes:
        judge: rising judge scores.
        clinicians: what clinicians give on average at each, never falling.
    """

    judge: tuple[float, ...]
    clinicians: tuple[float, ...]

    def __call__(self, scores: ArrayLike) -> Floats:
        """Calibrated scores; linear between the knots, constant beyond the ends; nan stays nan."""
        return np.interp(np.asarray(scores, dtype=np.float64), self.judge, self.clinicians)


@dataclass(frozen=True, slots=True)
class PredictionPowered:
    """A board's mean as clinicians would give it.

    Attributes:
        value: judge's mean plus the correction.
        ci95: None with fewer than `MIN_CLUSTERS` clusters on either side, as everywhere.
        judge_mean: what the judge alone says.
        correction: how far clinicians are above the judge on the rated part.
        weight: lambda, the trust in the judge: 1 is the plain form, 0 uses the clinicians alone.
        clinicians_only: the mean of the rated part with its interval, for comparison.
        widths: of the two intervals, (prediction-powered, clinicians only).
    """

    value: float
    se: float
    ci95: tuple[float, float] | None
    judge_mean: float
    correction: float
    weight: float
    clinicians_only: tuple[float, tuple[float, float] | None]
    rated: int
    unrated: int


def fit_isotonic(judge: ArrayLike, clinicians: ArrayLike) -> IsotonicMap:
    """The never-falling map with the least squared error (pool adjacent violators).

    Args:
        judge: (N,) scores; pairs with a nan are left out.
        clinicians: (N,) of the same rows.

    Raises:
        ValueError: the lengths differ or no whole pair is left.
    """
    from scipy.optimize import isotonic_regression

    x, y = np.asarray(judge, dtype=np.float64), np.asarray(clinicians, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"Scores differ in shape: {x.shape} and {y.shape}")
    kept = ~(np.isnan(x) | np.isnan(y))
    if not kept.any():
        raise ValueError("No row was rated by both")
    knots, codes, counts = np.unique(x[kept], return_inverse=True, return_counts=True)
    means = np.bincount(codes, weights=y[kept]) / counts
    fitted = isotonic_regression(means, weights=counts.astype(np.float64)).x
    return IsotonicMap(tuple(knots.tolist()), tuple(np.asarray(fitted).tolist()))


def cross_fitted(judge: ArrayLike, clinicians: ArrayLike, clusters: Sequence[str], folds: int = 5) -> Floats:
    """Calibrated scores where no row was calibrated with its own cluster's labels.

    Clusters are dealt to folds in sorted order. A row without a judge score stays nan.

    Raises:
        ValueError: fewer than two clusters.
    """
    x, y = np.asarray(judge, dtype=np.float64), np.asarray(clinicians, dtype=np.float64)
    names, codes = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    if len(names) < 2:
        raise ValueError("Cross-fitting needs at least two clusters")
    fold = codes % min(folds, len(names))
    out = np.full(len(x), np.nan)
    for k in range(min(folds, len(names))):
        held = fold == k
        out[held] = fit_isotonic(x[~held], y[~held])(x[held])
    return out


def prediction_powered_mean(
    rated: tuple[ArrayLike, ArrayLike, Sequence[str]],
    unrated: tuple[ArrayLike, Sequence[str]],
    weights: ArrayLike | None = None,
    trust: float | None = None,
    level: float = 0.95,
) -> PredictionPowered:
    """The mean score that clinicians would give to everything, with an interval.

    theta = lambda * mean_N(f) + mean_n(Y - lambda * f); its variance is the sum of the two parts', each robust to
    clusters; the interval is Student's t with the degrees of freedom of the side with fewer clusters. Without `trust`,
    lambda = cov(Y, f) / ((1 + n / N) var(f)) on [0, 1], which makes the interval shortest (Angelopoulos, Duchi and
    Zrnic 2023, arXiv 2311.01453). Both sides must be draws from the same rows; the rated ones must not be among the
    unrated.

    Args:
        rated: clinicians' scores Y, the judge's f, and clusters, of the n rated rows.
        unrated: the judge's scores and clusters of the N other rows.
        weights: (n,) 1 / chance of having been drawn, for a stratified draw; equal unless given.
        trust: lambda.
        level: of the interval.

    Returns:
        nan and no interval where either side is empty.
    """
    y, f, own = (np.asarray(rated[0], dtype=np.float64), np.asarray(rated[1], dtype=np.float64), list(rated[2]))
    others = np.asarray(unrated[0], dtype=np.float64)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=np.float64)
    alone = _weighted(y, w, own)
    tuned = _tuned(y, f, w, len(others)) if trust is None else trust
    judged = clustered_mean(tuned * others, list(unrated[1]), level)
    gap = _weighted(y - tuned * f, w, own)
    value, se = judged.value + gap.value, math.hypot(judged.se, gap.se)
    fewest = min(judged.n_clusters, gap.n_clusters)
    has_interval = fewest >= MIN_CLUSTERS and math.isfinite(se)
    half = t_quantile(0.5 + level / 2, fewest - 1) * se if has_interval else math.nan
    plain = float(others.mean()) if len(others) else math.nan
    return PredictionPowered(
        value,
        se,
        (value - half, value + half) if has_interval else None,
        plain,
        _weighted(y - f, w, own).value,
        tuned,
        (alone.value, _interval(alone.value, alone.se, alone.n_clusters, level)),
        len(y),
        len(others),
    )


@dataclass(frozen=True, slots=True)
class _Mean:
    value: float
    se: float
    n_clusters: int


def _weighted(values: Floats, weights: Floats, clusters: Sequence[str]) -> _Mean:
    if np.ptp(weights) == 0 if len(weights) else True:
        plain = clustered_mean(values, clusters)
        return _Mean(plain.value, plain.se, plain.n_clusters)
    columns = np.stack([weights * values, weights], axis=1)
    ratio = cluster_bootstrap(columns, clusters, lambda sums: sums[..., 0] / sums[..., 1], 2000)
    return _Mean(ratio.value, ratio.se, ratio.n_clusters)


def _interval(value: float, se: float, n_clusters: int, level: float) -> tuple[float, float] | None:
    if n_clusters < MIN_CLUSTERS or not math.isfinite(se):
        return None
    half = t_quantile(0.5 + level / 2, n_clusters - 1) * se
    return value - half, value + half


def _tuned(y: Floats, f: Floats, weights: Floats, n_unrated: int) -> float:
    """The lambda with the least variance, on [0, 1]; 0 where the judge says nothing."""
    if len(y) < 2 or not n_unrated:
        return 0.0
    share = weights / weights.sum()
    around = f - (share * f).sum()
    spread = float((share * around**2).sum())
    if spread <= 1e-12:
        return 0.0
    together = float((share * around * (y - (share * y).sum())).sum())
    return min(1.0, max(0.0, together / ((1 + len(y) / n_unrated) * spread)))
