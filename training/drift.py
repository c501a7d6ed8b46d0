"""The distribution of the rewards seen in training, with exponentially falling weights.

Quartiles of single steps must not be averaged: a step holds few prompts of a pair, and the completions of one prompt
are alike, so the step's own spread is far below that of the pair. Here the *distributions* are mixed: after each step
the old one keeps the share 1 - share, and quartiles are taken of the mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError

Floats: TypeAlias = NDArray[np.float64]
MOST, OLDEST = 2000, 50
"""Rewards kept of a pair; when there are more, the older half becomes this many quantiles with its weight."""


class MovingRewards:
    """A weighted sample of one pair's rewards.

    Args:
        start: quantiles of the distribution to start from, with a total weight of 1.
        share: of a step in the mixture, in (0, 1).
    """

    def __init__(self, start: Sequence[float], share: float) -> None:
        self._share = share
        self._values = np.asarray(start, dtype=np.float64)
        self._weights = np.full(len(start), 1.0 / len(start))
        self.seen = 0

    def add(self, values: Sequence[float]) -> None:
        """Mixes a step's rewards in; none changes nothing."""
        if not len(values):
            return
        own = np.full(len(values), self._share / len(values))
        self._values = np.concatenate([self._values, values])
        self._weights = np.concatenate([self._weights * (1 - self._share), own])
        if len(self._values) > MOST:
            self._shorten(len(self._values) - MOST // 2)
        self._weights /= self._weights.sum()
        self.seen += len(values)

    def _shorten(self, count: int) -> None:
        """Replaces the oldest `count` values by quantiles of their distribution."""
        values, weights = self._values[:count], self._weights[:count]
        middles = (np.arange(OLDEST) + 0.5) / OLDEST
        total = float(weights.sum())
        kept = _quantiles(values, weights / total, middles)
        self._values = np.concatenate([kept, self._values[count:]])
        self._weights = np.concatenate([np.full(OLDEST, total / OLDEST), self._weights[count:]])

    def quantile(self, q: float) -> float:
        """Interpolated between the values, each at the middle of its weight."""
        return float(_quantiles(self._values, self._weights, np.array([q]))[0])

    def std(self) -> float:
        """Population standard deviation."""
        mean = float(self._weights @ self._values)
        return float(np.sqrt(self._weights @ (self._values - mean) ** 2))

    def mean(self) -> float:
        """Weighted mean."""
        return float(self._weights @ self._values)

    def state(self) -> dict[str, Any]:
        """For a checkpoint; JSON keeps float64 exactly."""
        return {"values": self._values.tolist(), "weights": self._weights.tolist(), "seen": self.seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state.

        Raises:
            MedVidBenchError: it isn't one.
        """
        values, weights = np.asarray(state["values"], np.float64), np.asarray(state["weights"], np.float64)
        if values.ndim != 1 or values.shape != weights.shape or not len(values):
            raise MedVidBenchError(f"Moving rewards of {values.shape} values and {weights.shape} weights.")
        self._values, self._weights, self.seen = values, weights, int(state["seen"])


def _quantiles(values: Floats, weights: Floats, at: Floats) -> Floats:
    """Of a weighted sample (weights add up to 1), interpolated between the values, each at the middle of its weight."""
    order = np.argsort(values, kind="stable")
    own = weights[order]
    return np.asarray(np.interp(at, np.cumsum(own) - own / 2, values[order]), dtype=np.float64)
