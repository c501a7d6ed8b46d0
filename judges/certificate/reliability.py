"""Agreement of ratings on a scale: intraclass correlation, and rank and linear correlation without ties trouble."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Form: TypeAlias = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]
FORMS: tuple[Form, ...] = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


def intraclass_correlation(ratings: ArrayLike, form: Form = "ICC(2,1)") -> float:
    """Intraclass correlation (Shrout and Fleiss 1979, Psychological Bulletin 86:420).

    From the mean squares of n targets (BMS), k raters (JMS), residual (EMS) and within targets (WMS):
    ICC(1,1) = (BMS - WMS) / (BMS + (k-1) WMS); ICC(2,1) = (BMS - EMS) / (BMS + (k-1) EMS + k (JMS - EMS) / n);
    ICC(3,1) = (BMS - EMS) / (BMS + (k-1) EMS); for the mean of k raters: (BMS - WMS) / BMS,
    (BMS - EMS) / (BMS + (JMS - EMS) / n), (BMS - EMS) / BMS.

    Args:
        ratings: (n, k) of n targets by k raters; targets with a nan are left out.
        form: ICC(2,1) asks whether another rater of the same kind would give the same value (absolute agreement).

    Returns:
        At most 1; nan with fewer than two whole targets or raters, or where nothing varies.

    Raises:
        ValueError: not two axes, or an unknown form.

    >>> intraclass_correlation([[1, 2], [2, 3], [3, 4]], "ICC(3,1)")
    1.0
    """
    array = np.asarray(ratings, dtype=np.float64)
    if array.ndim != 2 or form not in FORMS:
        raise ValueError(f"Ratings need the shape (targets, raters), seen {array.shape}; forms: {', '.join(FORMS)}")
    array = array[~np.isnan(array).any(axis=1)]
    n, k = array.shape
    if n < 2 or k < 2:
        return float("nan")
    bms, jms, ems, wms = _mean_squares(array)
    parts = {
        "ICC(1,1)": (bms - wms, bms + (k - 1) * wms),
        "ICC(2,1)": (bms - ems, bms + (k - 1) * ems + k * (jms - ems) / n),
        "ICC(3,1)": (bms - ems, bms + (k - 1) * ems),
        "ICC(1,k)": (bms - wms, bms),
        "ICC(2,k)": (bms - ems, bms + (jms - ems) / n),
        "ICC(3,k)": (bms - ems, bms),
    }
    above, below = parts[form]
    # Sums of squares of equal ratings are roundings, not exactly 0.
    scale = max(1.0, float((array**2).mean()))
    return float("nan") if abs(below) <= 1e-12 * scale else above / below


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's rank correlation: Pearson's r of the average ranks.

    Returns:
        nan with fewer than 3 pairs or where a side is constant. Pairs with a nan are left out.
    """
    from scipy.stats import rankdata

    first, second = _whole(x, y)
    return pearson(rankdata(first), rankdata(second)) if len(first) >= 3 else float("nan")


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's linear correlation; nan with fewer than 3 pairs or where a side is constant."""
    first, second = _whole(x, y)
    if len(first) < 3:
        return float("nan")
    a, b = first - first.mean(), second - second.mean()
    below = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / below) if below > 1e-12 else float("nan")


def _mean_squares(array: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Between targets, between raters, residual, within targets."""
    n, k = array.shape
    mean = array.mean()
    between = k * ((array.mean(axis=1) - mean) ** 2).sum()
    raters = n * ((array.mean(axis=0) - mean) ** 2).sum()
    within = ((array - array.mean(axis=1, keepdims=True)) ** 2).sum()
    residual = within - raters
    return (
        float(between / (n - 1)),
        float(raters / (k - 1)),
        float(residual / ((n - 1) * (k - 1))),
        float(within / (n * (k - 1))),
    )


def _whole(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    kept = ~(np.isnan(first) | np.isnan(second))
    return first[kept], second[kept]
