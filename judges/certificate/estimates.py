"""Estimates for the certificate: plain values for JSON, and intervals from resampled clusters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medvidbench.metrics.bootstrap import cluster_bootstrap
from medvidbench.metrics.statistics import Estimate

Floats = NDArray[np.float64]
REPLICATES = 2000


def plain_estimate(estimate: Estimate) -> dict[str, Any]:
    """An estimate as plain values: nan becomes None, the interval a list or None."""
    fields = asdict(estimate)
    for name in ("value", "se"):
        fields[name] = None if math.isnan(fields[name]) else fields[name]
    return {**fields, "ci95": list(estimate.ci95) if estimate.ci95 else None}


def share_estimate(values: Sequence[float] | Sequence[bool], clusters: Sequence[str]) -> dict[str, Any]:
    """Mean of values with an interval from resampled clusters; value None without any."""
    columns = np.array([[float(value), 1.0] for value in values]).reshape(-1, 2)
    return plain_estimate(cluster_bootstrap(columns, list(clusters), lambda s: s[..., 0] / s[..., 1], REPLICATES))


def slope_estimate(x: ArrayLike, y: ArrayLike, clusters: Sequence[str]) -> dict[str, Any]:
    """Slope of the least-squares line y = a + b x with an interval from resampled clusters.

    b = (n Sxy - Sx Sy) / (n Sxx - Sx^2); value None when all x are equal.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    columns = np.stack([np.ones_like(xs), xs, ys, xs * xs, xs * ys], axis=1).reshape(-1, 5)

    def slope(sums: Floats) -> Floats:
        n, sx, sy, sxx, sxy = np.moveaxis(sums, -1, 0)
        spread = n * sxx - sx * sx
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(spread > 1e-12 * n * n, (n * sxy - sx * sy) / spread, np.nan))

    return plain_estimate(cluster_bootstrap(columns, list(clusters), slope, REPLICATES))


def resampled(
    score: Callable[[NDArray[np.intp]], float], clusters: Sequence[str], replicates: int = REPLICATES
) -> dict[str, Any]:
    """Any statistic of rows with an interval from resampled clusters.

    Args:
        score: maps row numbers, with repeats, to a value; nan where undefined.
        clusters: (N,) the cluster of each row.
        replicates: number of resamples.

    Returns:
        As `plain_estimate`, n = N rows.
    """
    names, codes = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    rows = [np.flatnonzero(codes == code) for code in range(len(names))]

    def combine(drawn: Floats) -> Floats:
        return np.array([score(_rows(rows, counts)) for counts in np.atleast_2d(drawn)]).reshape(drawn.shape[:-1])

    estimate = cluster_bootstrap(np.eye(len(names)), np.arange(len(names)), combine, replicates)
    return plain_estimate(estimate) | {"n": len(codes)}


def _rows(rows: Sequence[NDArray[np.intp]], counts: Floats) -> NDArray[np.intp]:
    """The rows of the drawn clusters, each as often as it was drawn."""
    drawn = [np.tile(own, int(count)) for own, count in zip(rows, counts, strict=True) if count]
    return np.concatenate(drawn) if drawn else np.empty(0, dtype=np.intp)
