"""Small reward batches for the tests of the methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medvidbench.training.rows import Key, RewardBatch

EASY, HARD = Key("CoPESD", "STG"), Key("EgoSurgery", "STG")


def one_reward(rows: Sequence[Sequence[float]], keys: Sequence[Key] | None = None) -> RewardBatch:
    """(P, G) values of one reward, weight 1."""
    parts = np.array(rows, dtype=np.float64)[:, :, None]
    return RewardBatch(parts, ("iou",), np.ones(1), tuple(keys or [EASY] * len(rows)))


def named_rewards(weights: Sequence[float] | None = None, **parts: Sequence[Sequence[float]]) -> RewardBatch:
    """One prompt a row; each reward by its name."""
    stacked = np.stack([np.array(rows, dtype=np.float64) for rows in parts.values()], axis=-1)
    return RewardBatch(stacked, tuple(parts), np.array(weights or [1.0] * len(parts)), tuple([EASY] * stacked.shape[0]))
