"""Detection-style precision, recall and F1 of time intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medvidbench.metrics.intervals import temporal_iou
from medvidbench.metrics.matching import match_count

DENSE_CAPTION_THRESHOLDS = (0.3, 0.5, 0.7)
"""Temporal IoU thresholds of dense video captioning (arXiv 2512.06581)."""


class EventScores(NamedTuple):
    """Precision, recall and F1, each of shape (T,), one value per threshold, in [0, 1] or nan."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]


def event_scores(predicted: ArrayLike, truth: ArrayLike, thresholds: Sequence[float]) -> EventScores:
    """Precision, recall and F1 of intervals at temporal IoU thresholds, with one-to-one matching.

    At each threshold tau, m = the largest number of one-to-one pairs with IoU >= tau; precision = m / N,
    recall = m / M, F1 = 2 m / (N + M). With one side empty all three are 0; with both empty they are nan.

    Args:
        predicted: (N, 2) start and end; backward intervals count in N and match nothing.
        truth: (M, 2) in the same unit.
        thresholds: T values in [0, 1]; a pair without overlap never matches, not even at 0.

    Raises:
        ValueError: an interval array that is neither empty nor (K, 2).

    >>> scores = event_scores([[0, 10], [0, 9]], [[0, 10], [20, 30], [40, 50]], [0.5])
    >>> [float(x[0].round(4)) for x in scores]
    [0.5, 0.3333, 0.4]
    """
    iou = temporal_iou(predicted, truth)
    n, m = iou.shape
    matched = np.array([match_count(iou, tau) for tau in thresholds], dtype=np.float64)
    if n + m == 0:
        undefined = np.full(len(thresholds), np.nan)
        return EventScores(undefined, undefined.copy(), undefined.copy())
    return EventScores(matched / max(n, 1), matched / max(m, 1), 2 * matched / (n + m))


def event_f1(predicted: ArrayLike, truth: ArrayLike, thresholds: Sequence[float] = DENSE_CAPTION_THRESHOLDS) -> float:
    """Mean over thresholds of the one-to-one F1: the row score of `DVC_F1` in the strict protocol.

    A pair counts at IoU >= tau and each event counts once. The public evaluator matches many-to-many with IoU > tau
    and takes the harmonic mean of mean precision and mean recall; with one-to-one pairs that order of averaging gives
    the same number, because F1 is linear in the number of pairs.

    Returns:
        A value in [0, 1]; 0 when one side is empty, nan when both are or when there is no threshold.

    Raises:
        ValueError: as `event_scores`.

    >>> event_f1([[0, 10]], [[0, 6]])  # IoU 0.6 passes 0.3 and 0.5
    0.6666666666666666
    """
    f1 = event_scores(predicted, truth, thresholds).f1
    return float(f1.mean()) if f1.size else float("nan")
