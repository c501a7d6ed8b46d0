"""The distribution of the rewards seen in training, with exponentially falling weights.

Quartiles of single steps must not be averaged: a step holds few prompts of a pair, and the completions of one prompt
are alike, so the step's own spread is far below that of the pair. Here the *distributions* are mixed: after each step
the old one keeps the share 1 - share, and quartiles are taken of the mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medvidbench.errors import MedVidBenchError

MOST = 2000
"""Rewards kept of a pair; the oldest, lightest ones go first. At a share of 0.02 the last of 2,000 weighs nothing."""


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
        self._values = np.concatenate([self._values, values])[-MOST:]
        self._weights = np.concatenate([self._weights * (1 - self._share), own])[-MOST:]
        self._weights /= self._weights.sum()
        self.seen += len(values)

    def quantile(self, q: float) -> float:
        """Interpolated between the values, each at the middle of its weight."""
        order = np.argsort(self._values, kind="stable")
        values, weights = self._values[order], self._weights[order]
        return float(np.interp(q, np.cumsum(weights) - weights / 2, values))

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
