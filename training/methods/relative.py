"""Rewards relative to a set of completions: centred, then scaled. The one place where a spread is divided by."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.training.recipe import Scale
from medvidbench.training.rows import FLAT

Floats: TypeAlias = NDArray[np.float64]


def prompt_sets(rewards: Floats) -> NDArray[np.int64]:
    """(P, G) number of the prompt: each prompt's completions are one set."""
    return np.broadcast_to(np.arange(len(rewards), dtype=np.int64)[:, None], rewards.shape)


def relative(rewards: Floats, sets: NDArray[np.int64], scale: Scale) -> Floats:
    """Rewards less the mean of their set, over a standard deviation.

    a = (r - mean(set)) / d, with d = std(set) for the scale "group", the standard deviation of all centred rewards of
    the step for "batch" (TRL's "batch" takes rewards that are not centred, the spread between prompts included), 1 for
    "none". Standard deviations divide by n - 1, as torch.std does in TRL and verl, so that
    with one prompt in the step "group" and "batch" are the same.

    Args:
        rewards: (P, G), NaN where none applies; those count nowhere.
        sets: (P, G) numbers; completions with equal numbers are compared with one another.
        scale: see above.

    Returns:
        (P, G); 0 where the reward is NaN, and in sets of one or whose rewards are all equal (`FLAT`).
    """
    applies = ~np.isnan(rewards)
    values = rewards[applies]
    count, place = _numbered(sets[applies])
    size = np.bincount(place, minlength=count)
    centred = values - (np.bincount(place, values, minlength=count) / size)[place]
    centred[_flat(values, place, count)[place]] = 0.0
    if scale == "group":
        squares = np.bincount(place, centred**2, minlength=count)
        centred = _divided(centred, np.sqrt(squares / np.maximum(size - 1, 1))[place])
    elif scale == "batch":
        centred = _divided(centred, np.full_like(centred, spread(centred)))
    out = np.zeros_like(rewards)
    out[applies] = centred
    return out


def spread(centred: Floats) -> float:
    """Standard deviation of values that are centred by their sets already: sqrt(sum c^2 / (n - 1)); 0 for n < 2."""
    return float(np.sqrt((centred**2).sum() / (centred.size - 1))) if centred.size > 1 else 0.0


def whitened(centred: Floats, applies: NDArray[np.bool_]) -> Floats:
    """(P, G) centred values over their standard deviation in the step; as they are where all are 0."""
    return _divided(centred, np.full_like(centred, spread(centred[applies])))


def _numbered(sets: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    names, place = np.unique(sets, return_inverse=True)
    return len(names), place


def _flat(values: Floats, place: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, place, values)
    np.maximum.at(high, place, values)
    flat: NDArray[np.bool_] = high - low <= FLAT
    return flat


def _divided(values: Floats, by: Floats) -> Floats:
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)
