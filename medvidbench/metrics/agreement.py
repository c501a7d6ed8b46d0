"""Agreement of ordinal labels: confusion matrix, quadratic-weighted kappa, balanced accuracy.

The two scores are functions of a confusion matrix and work over leading dimensions, so that bootstrap replicates of a
summed matrix are scored in one call.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
