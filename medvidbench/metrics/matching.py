"""Optimal one-to-one matching of predictions with truths."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def match(similarity: ArrayLike, minimum: float = 0.0) -> list[tuple[int, int]]:
    """The one-to-one assignment with the largest summed similarity, among the pairs that are allowed.

    A pair is allowed when its similarity is above 0 and at least `minimum`; the others are removed before the
    maximisation, so they never displace an allowed pair. nan counts as not allowed.

    Args:
        similarity: (N, M), e.g. IoU of N predictions with M truths.
        minimum: smallest similarity of a pair.

    Returns:
        (row, column) pairs in row order; each row and each column at most once.

    Raises:
        ValueError: `similarity` is not two-dimensional (unless empty), or holds an infinite value.

    >>> match([[0.9, 0.8], [0.8, 0.0]])
    [(0, 1), (1, 0)]
    >>> match([[0.9, 0.8], [0.8, 0.0]], minimum=0.85)
    [(0, 0)]
    """
    gain = _allowed(similarity, minimum)
    if not gain.any():
        return []
    pairs = _undisputed(gain)
    if pairs is None:
        transposed = _undisputed(gain.T)
        pairs = _assignment(gain) if transposed is None else sorted((row, column) for column, row in transposed)
    return [(row, column) for row, column in pairs if gain[row, column] > 0]


def match_count(similarity: ArrayLike, threshold: float) -> int:
    """The largest number of one-to-one pairs whose similarity is at least `threshold` (and above 0).

    This is the count behind recall, precision and F1 at a threshold. It is not `len(match(similarity, threshold))`:
    the largest sum may take one pair of 0.9 + 0 where two pairs of 0.4 exist.

    Args:
        similarity: (N, M).
        threshold: smallest similarity of a pair.

    Raises:
        ValueError: as `match`.

    >>> match_count([[0.9, 0.4], [0.4, 0.0]], 0.3)
    2
    """
    return len(match(_allowed(similarity, threshold) > 0))


def _allowed(similarity: ArrayLike, minimum: float) -> NDArray[np.float64]:
    """(N, M) similarities with every pair that is not allowed set to 0."""
    matrix = np.asarray(similarity, dtype=np.float64)
    if matrix.size == 0:
        return np.empty((0, 0))
    if matrix.ndim != 2:
        raise ValueError(f"Similarity needs the shape (N, M), seen {matrix.shape}")
    if np.isinf(matrix).any():
        raise ValueError("Similarity holds an infinite value")
    return np.where((matrix > 0) & (matrix >= minimum), matrix, 0.0)


def _undisputed(gain: NDArray[np.float64]) -> list[tuple[int, int]] | None:
    """Each row's best column when no two rows want the same one, else None.

    The sum of the row maxima bounds every assignment from above, so reaching it is optimal. Most answers end
    here, and the 0.4 s that importing scipy.optimize costs are never spent.
    """
    rows = np.flatnonzero(gain.any(axis=1))
    columns = gain[rows].argmax(axis=1)
    if len(set(columns.tolist())) < len(columns):
        return None
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _assignment(gain: NDArray[np.float64]) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gain, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
