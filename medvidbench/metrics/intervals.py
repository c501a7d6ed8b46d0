"""Temporal IoU of time intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def temporal_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Temporal IoU of every interval of `a` with every interval of `b`.

    IoU = overlap / hull, with overlap = max(0, min(ends) - max(starts)) and hull = max(ends) - min(starts).
    For intervals that overlap the hull is the union, and for disjoint ones the overlap is 0, so this equals the
    usual intersection / union and also the IoU of the public evaluator's temporal grounding (arXiv 2512.06581).

    Args:
        a: (N, 2) start and end, any unit; an empty sequence stands for no interval.
        b: (M, 2) in the same unit.

    Returns:
        (N, M) values in [0, 1]. 0 where the hull is 0 (two equal points), where an interval runs backwards
        (end < start), and where a bound is nan or infinite.

    Raises:
        ValueError: an argument is neither empty nor of shape (K, 2).

    >>> temporal_iou([[0.0, 4.0], [5.0, 6.0]], [[2.0, 6.0]]).round(3).tolist()
    [[0.333], [0.25]]
    >>> temporal_iou([], [[2.0, 6.0]]).shape
    (0, 1)
    """
    a, b = as_intervals(a), as_intervals(b)
    start_a, end_a = a[:, None, 0], a[:, None, 1]
    start_b, end_b = b[None, :, 0], b[None, :, 1]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        overlap = np.minimum(end_a, end_b) - np.maximum(start_a, start_b)
        hull = np.maximum(end_a, end_b) - np.minimum(start_a, start_b)
        iou = overlap / hull
        # nan fails every comparison. A positive overlap already says that both intervals run forwards.
        valid = (overlap > 0) & (hull < np.inf)
    return np.where(valid, iou, 0.0)


def as_intervals(spans: ArrayLike) -> NDArray[np.float64]:
    """`spans` as a (K, 2) float64 array; anything empty becomes (0, 2).

    Raises:
        ValueError: not of shape (K, 2).
    """
    array = np.asarray(spans, dtype=np.float64)
    if array.size == 0:
        return np.empty((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"Intervals need the shape (K, 2), seen {array.shape}")
    return array
