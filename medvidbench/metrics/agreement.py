"""Agreement of labels: confusion matrix, Cohen's kappa plain and quadratic, balanced accuracy, Krippendorff's alpha.

The scores are functions of a confusion or coincidence matrix and work over leading dimensions, so that bootstrap
replicates of a summed matrix are scored in one call.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scale: TypeAlias = Literal["nominal", "ordinal", "interval"]


def confusion(truth: ArrayLike, predicted: ArrayLike, levels: int) -> NDArray[np.float64]:
    """Counts of (truth, predicted) pairs.

    Args:
        truth: (N,) integer levels 0 .. levels - 1.
        predicted: (N,) of the same kind.
        levels: number of levels, L.

    Returns:
        (L, L), row = truth, column = predicted.

    Raises:
        ValueError: the lengths differ, or a level lies outside 0 .. levels - 1.

    >>> confusion([0, 1, 1], [0, 1, 0], 2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    rows, columns = _as_levels(truth, levels), _as_levels(predicted, levels)
    if rows.shape != columns.shape:
        raise ValueError(f"Truth and prediction differ in length: {rows.shape} and {columns.shape}")
    counts = np.bincount(rows * levels + columns, minlength=levels * levels)
    return counts.reshape(levels, levels).astype(np.float64)


def quadratic_weighted_kappa(confusion: ArrayLike) -> NDArray[np.float64]:
    """Cohen's kappa with quadratic weights (Cohen 1968).

    kappa = 1 - sum(w * O) / sum(w * E), w_ij = (i - j)^2, O the counts, E_ij = row_i * column_j / n. A constant
    answer against varied truth gives 0, exact agreement 1.

    Args:
        confusion: (..., L, L) counts, row = truth. Which axis is truth does not matter here.

    Returns:
        (...) values at most 1; nan where chance disagreement is 0: no counts, or one single level on both sides.

    Raises:
        ValueError: the last two axes are not square.

    >>> float(quadratic_weighted_kappa([[1, 0, 1], [0, 1, 0], [0, 1, 2]]).round(4))
    0.4
    """
    counts = _as_square(confusion)
    levels = np.arange(counts.shape[-1], dtype=np.float64)
    weights = (levels[:, None] - levels[None, :]) ** 2
    observed = (weights * counts).sum(axis=(-2, -1))
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    # Unnormalised weights and counts keep whole numbers whole, so that no chance disagreement is exactly 0 / 0 = nan.
    # einsum, not @: waking BLAS threads for products this small costs more CPU time than the products.
    expected = np.einsum("...i,ij,...j->...", rows, weights, columns)
    total = rows.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1.0 - total * observed / expected, dtype=np.float64)


def balanced_accuracy(confusion: ArrayLike) -> NDArray[np.float64]:
    """Mean recall over the classes that occur in the truth; a constant answer gets 1 / (their number).

    Args:
        confusion: (..., L, L) counts, row = truth.

    Returns:
        (...) values in [0, 1]; nan where there is no count.

    Raises:
        ValueError: the last two axes are not square.

    >>> float(balanced_accuracy([[8, 0, 0], [2, 0, 0], [0, 0, 0]]))
    0.5
    """
    counts = _as_square(confusion)
    support = counts.sum(axis=-1)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    recall = np.divide(hits, support, out=np.zeros_like(support), where=support > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(recall.sum(axis=-1) / (support > 0).sum(axis=-1), dtype=np.float64)


def cohens_kappa(confusion: ArrayLike) -> NDArray[np.float64]:
    """Cohen's kappa of nominal labels (Cohen 1960): every disagreement counts the same.

    kappa = (p_o - p_e) / (1 - p_e), p_o = trace / n, p_e = sum_i row_i * column_i / n^2.

    Args:
        confusion: (..., L, L) counts of one rater's labels against the other's.

    Returns:
        (...) values at most 1; nan where chance agreement is 1 or there is no count.

    Raises:
        ValueError: the last two axes are not square.

    >>> float(cohens_kappa([[20, 5], [10, 15]]).round(4))
    0.4
    """
    counts = _as_square(confusion)
    rows, columns, total = counts.sum(axis=-1), counts.sum(axis=-2), counts.sum(axis=(-2, -1))
    agreed = np.trace(counts, axis1=-2, axis2=-1)
    by_chance = (rows * columns).sum(axis=-1)  # times n^2, so that whole counts stay whole numbers
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((total * agreed - by_chance) / (total**2 - by_chance), dtype=np.float64)


def coincidences(ratings: ArrayLike, levels: int) -> NDArray[np.float64]:
    """What each unit adds to Krippendorff's coincidence matrix.

    A unit that m raters labelled adds 1 / (m - 1) for each ordered pair of its labels by two raters: m in all. One
    that fewer than two labelled adds nothing.

    Args:
        ratings: (N, R) levels 0 .. levels - 1 of N units by R raters; nan where a rater gave none.
        levels: number of levels, L.

    Returns:
        (N, L, L), each symmetric; its sum over units is the coincidence matrix.

    Raises:
        ValueError: not two axes, or a level lies outside 0 .. levels - 1.

    >>> coincidences([[0, 1, 1], [0, np.nan, np.nan]], 2).tolist()
    [[[0.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    """
    array = np.asarray(ratings, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"Ratings need the shape (units, raters), seen {array.shape}")
    _as_levels(array[~np.isnan(array)], levels)
    counts = (array[:, :, None] == np.arange(levels)).sum(axis=1).astype(np.float64)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(levels)
    others = np.maximum(counts.sum(axis=1) - 1, 1)
    return np.asarray(pairs / others[:, None, None], dtype=np.float64)


def krippendorff_alpha(coincidence: ArrayLike, scale: Scale = "nominal") -> NDArray[np.float64]:
    """Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").

    alpha = 1 - (n - 1) * sum_ck o_ck d_ck^2 / sum_ck n_c n_k d_ck^2, o the coincidences, n_c their row sums, n their
    sum. d^2: nominal 1 off the diagonal; interval (c - k)^2; ordinal (the labels between c and k, those at both ends
    half)^2. Any number of raters, and any may be missing.

    Args:
        coincidence: (..., L, L) sums of `coincidences`.
        scale: what a difference of levels means.

    Returns:
        (...) values at most 1; nan where no two labels differ, or nothing was labelled twice.

    Raises:
        ValueError: the last two axes are not square.

    >>> units = coincidences([[0, 0], [1, 1], [0, 1], [0, 0]], 2)
    >>> float(krippendorff_alpha(units.sum(axis=0)).round(4))
    0.5333
    """
    observed = _as_square(coincidence)
    sums = observed.sum(axis=-1)
    total = sums.sum(axis=-1)
    if scale == "ordinal":
        places = np.cumsum(sums, axis=-1) - sums / 2
    else:
        places = np.broadcast_to(np.arange(sums.shape[-1], dtype=np.float64), sums.shape)
    gaps = places[..., :, None] - places[..., None, :]
    squared = np.not_equal(gaps, 0).astype(np.float64) if scale == "nominal" else gaps**2
    seen = (observed * squared).sum(axis=(-2, -1))
    by_chance = np.einsum("...c,...ck,...k->...", sums, squared, sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1.0 - (total - 1) * seen / by_chance, dtype=np.float64)


def _as_levels(labels: ArrayLike, levels: int) -> NDArray[np.int64]:
    array = np.asarray(labels)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    codes = array.astype(np.int64)
    if array.ndim != 1 or (codes != array).any() or codes.min() < 0 or codes.max() >= levels:
        raise ValueError(f"Levels need the shape (N,) and whole values 0 .. {levels - 1}, seen {array!r:.200}")
    return codes


def _as_square(confusion: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(confusion, dtype=np.float64)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise ValueError(f"A confusion matrix needs the shape (..., L, L), seen {array.shape}")
    return array
