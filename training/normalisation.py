"""Rewards of different sources and tasks on one scale (arXiv 2512.06581, MedGRPO).

    logistic  r = 1 / (1 + exp(-k z)), z = (x - p50) / IQR        in (0, 1); the median becomes 0.5
    zscore    r = (x - mean) / std                                unbounded
    none      r = x

with p25, p50, p75, mean and std of the model that reinforcement starts from, one set for each source, task and reward
(a caption's two parts are normalised each by its own, and averaged by weight afterwards). Rules that the paper leaves
open, and why they are as they are:

* IQR near 0. IoU rewards are often 0 for most completions, and then p25 = p50 = p75, or p75 is next to nothing. Divided
  by that, the logistic is a step that sees only "above the median or not". Where the IQR is under a quarter of what a
  normal distribution of the same standard deviation would have (1.349 std), that takes its place: k keeps its meaning,
  and a reward 3 std above the median is not yet flat. Where the standard deviation is 0 too (all rewards equal), the
  scale is 1: rewards in [0, 1] pass smoothly.
* z is clipped to +-10: beyond, the logistic is flat to 1e-13 at k = 3 already, and no exponential can overflow.
* Fewer than 50 rewards of a pair: the statistics of its task over all sources (`BaselineStatistics.of`).
* A pair that the statistics don't have is an error that names it. None stays "does not apply".
* Drift. "static" keeps the statistics, as in the paper; drift and saturation are only measured. "ema" takes the
  quartiles of a moving mixture of baseline and rewards seen (`medvidbench.training.drift`).

What this can do and what not: any positive affine map of a pair's rewards cancels when advantages are divided by their
group's standard deviation, so there the logistic acts by its curvature alone (cosine to the raw advantages about 0.96
at k = 3). It balances pairs where advantages are divided by the batch's standard deviation or by nothing. With frozen
statistics it saturates: at k = 3 a group that has moved 3 IQR above the median has next to no spread left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.training.baseline import BaselineStatistics
from medvidbench.training.drift import MovingRewards
from medvidbench.training.rows import GroupRewards, Key, RewardBatch

__all__ = ["BaselineStatistics", "Normaliser", "logistic", "reward_batch", "scale_of"]

Kind = Literal["logistic", "zscore", "none"]
NORMAL_IQR = 1.349
"""IQR of a normal distribution with standard deviation 1."""
LEAST_SHARE = 0.25
NO_SPREAD = 1e-9
CLIP = 10.0
FAR = 3.0
FLAT = 1e-3
"""Standard deviation of a group's normalised rewards under which it is saturated."""


def scale_of(iqr: float, std: float) -> float:
    """What (x - p50) is divided by: the IQR, or its stand-in where it is near 0 (see the module).

    >>> scale_of(0.2, 0.15), scale_of(0.0, 0.1), scale_of(0.0, 0.0)
    (0.2, 0.1349, 1.0)
    """
    if std <= NO_SPREAD and iqr <= NO_SPREAD:
        return 1.0
    stand_in = NORMAL_IQR * std
    return iqr if iqr > LEAST_SHARE * stand_in and iqr > NO_SPREAD else stand_in


def logistic(z: NDArray[np.float64], k: float) -> NDArray[np.float64]:
    """1 / (1 + exp(-k z)) for z clipped to +-10; NaN stays NaN. Never overflows."""
    t = k * np.clip(z, -CLIP, CLIP)
    small = np.exp(-np.abs(t))
    return np.asarray(np.where(t >= 0, 1.0, small) / (1.0 + small), dtype=np.float64)


class Normaliser:
    """Normalises raw rewards.

    Args:
        kind: of the normalisation.
        statistics: needed unless the kind is "none".
        k: steepness of the logistic.
        drift: "static" or "ema".
        share: of a step's rewards in the moving distribution.

    Raises:
        MedVidBenchError: statistics are needed and missing.
    """

    def __init__(
        self,
        kind: Kind,
        statistics: BaselineStatistics | None = None,
        *,
        k: float = 3.0,
        drift: Literal["static", "ema"] = "static",
        share: float = 0.02,
    ) -> None:
        if kind != "none" and statistics is None:
            raise MedVidBenchError(
                f"The normalisation {kind!r} without statistics.",
                remedy="name the file of `medvidbench train stats` as rewards.statistics",
            )
        self.kind, self.k, self.drift, self.share = kind, k, drift, share
        self.statistics = statistics
        self._moving: dict[tuple[Key, str], MovingRewards] = {}

    def __call__(self, key: Key, part: str, values: Sequence[float | None]) -> NDArray[np.float64]:
        """(G,) normalised rewards, NaN where None.

        Raises:
            MedVidBenchError: the statistics don't have the pair.
        """
        raw = _array(values)
        if self.kind == "none":
            return raw
        z = self._z(key, part, raw)
        return logistic(z, self.k) if self.kind == "logistic" else np.asarray(np.clip(z, -CLIP, CLIP))

    def observe(self, groups: Iterable[GroupRewards]) -> None:
        """Takes a step's raw rewards into the moving distributions; of several processes, those of all.

        Called once a step, after its rewards were normalised: a reward never decides its own scale.
        """
        if self.kind == "none":
            return
        seen: dict[tuple[Key, str], list[float]] = {}
        for group in groups:
            for part, values in group.parts.items():
                seen.setdefault((group.key, part), []).extend(value for value in values if value is not None)
        for (key, part), found in seen.items():
            if found:
                self._of(key, part).add(found)

    def far(self, groups: Sequence[GroupRewards]) -> NDArray[np.bool_] | None:
        """(P, G) flags: some reward lies more than 3 scales from its centre, where the logistic is flat.

        None unless the normalisation is the logistic.
        """
        if self.kind != "logistic":
            return None
        return np.array([[abs(z) > FAR for z in self._furthest(group)] for group in groups])

    def drifts(self, groups: Sequence[GroupRewards]) -> dict[str, dict[str, float]]:
        """By "source/task/reward", for the pairs in these groups.

        * shift: (moving median - frozen median) / frozen scale; scale: moving scale / frozen scale
        * saturated: share of the groups with any spread in their raw rewards whose normalised rewards have a standard
          deviation under 1e-3; missing where no group has spread
        * far: share of the completions with |z| > 3; seen: rewards taken in so far
        """
        found: dict[str, dict[str, float]] = {}
        if self.kind == "none":
            return found
        for key, part in dict.fromkeys((group.key, part) for group in groups for part in group.parts):
            own = [_array(g.parts[part]) for g in groups if g.key == key and part in g.parts]
            known = [raw for raw in own if not np.isnan(raw).all()]
            if known:
                found[f"{key}/{part}"] = self._drift(key, part, known)
        return found

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold; JSON."""
        return {"moving": [[*key, part, moving.state()] for (key, part), moving in self._moving.items()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint's state."""
        self._moving = {}
        for source, task, part, moving in state["moving"]:
            self._of(Key(source, task), part).restore(moving)

    def record(self) -> dict[str, Any]:
        """What decides a normalised reward."""
        return {"normalisation": self.kind, "k": self.k, "drift": self.drift, "ema": self.share}

    def _of(self, key: Key, part: str) -> MovingRewards:
        assert self.statistics is not None
        if (key, part) not in self._moving:
            self._moving[key, part] = MovingRewards(self.statistics.of(key, part).grid, self.share)
        return self._moving[key, part]

    def _frozen(self, key: Key, part: str) -> tuple[float, float]:
        assert self.statistics is not None
        own = self.statistics.of(key, part)
        if self.kind == "zscore":
            return own.mean, own.std if own.std > NO_SPREAD else 1.0
        return own.p50, scale_of(own.iqr, own.std)

    def _moved(self, key: Key, part: str) -> tuple[float, float]:
        moving = self._of(key, part)
        if not moving.seen:
            return self._frozen(key, part)
        std = moving.std()
        if self.kind == "zscore":
            return moving.mean(), std if std > NO_SPREAD else 1.0
        return moving.quantile(0.5), scale_of(moving.quantile(0.75) - moving.quantile(0.25), std)

    def _z(self, key: Key, part: str, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        if np.isnan(raw).all():
            return raw  # a reward that never applies to the pair has no statistics
        centre, scale = self._moved(key, part) if self.drift == "ema" else self._frozen(key, part)
        return np.asarray((raw - centre) / scale, dtype=np.float64)

    def _furthest(self, group: GroupRewards) -> NDArray[np.float64]:
        rows = [np.abs(self._z(group.key, part, _array(values))) for part, values in group.parts.items()]
        return np.asarray(np.nan_to_num(np.array(rows), nan=0.0).max(axis=0))

    def _drift(self, key: Key, part: str, own: list[NDArray[np.float64]]) -> dict[str, float]:
        frozen, moved = self._frozen(key, part), self._moved(key, part)
        z = np.concatenate([self._z(key, part, raw) for raw in own])
        z = z[~np.isnan(z)]
        found = {
            "shift": (moved[0] - frozen[0]) / frozen[1],
            "scale": moved[1] / frozen[1],
            "seen": float(self._of(key, part).seen),
            "far": float((np.abs(z) > FAR).mean()),
        }
        spread = [raw for raw in own if np.nanstd(raw) > NO_SPREAD]
        if spread:
            found["saturated"] = float(np.mean([np.nanstd(self(key, part, raw.tolist())) < FLAT for raw in spread]))
        return found


def reward_batch(
    groups: Sequence[GroupRewards],
    normaliser: Normaliser,
    weights: Mapping[str, float],
    names: Sequence[str] | None = None,
    trees: NDArray[np.int64] | None = None,
) -> RewardBatch:
    """A step's normalised rewards.

    Each part is normalised once, with its own statistics; `RewardBatch.total` averages the parts that apply by weight,
    which for a caption with equal weights is half similarity, half judge.

    Args:
        weights: by part; 1 for those not named.
        names: the parts in their order (`Rewarder.names`); those of the groups, in order of appearance, when left out.
        trees: (P, G) branch numbers.

    Raises:
        MedVidBenchError: a pair without statistics, or groups of different sizes.
    """
    found = tuple(names) if names is not None else tuple(dict.fromkeys(part for g in groups for part in g.parts))
    sizes = {len(group.parsed) for group in groups}
    if len(sizes) > 1:
        raise MedVidBenchError(f"Groups of {', '.join(map(str, sorted(sizes)))} completions in one step.", "one size")
    parts = np.full((len(groups), sizes.pop() if sizes else 0, len(found)), np.nan)
    for p, group in enumerate(groups):
        for part, values in group.parts.items():
            parts[p, :, found.index(part)] = normaliser(group.key, part, values)
    weight = np.array([weights.get(name, 1.0) for name in found], dtype=np.float64)
    return RewardBatch(parts, found, weight, tuple(group.key for group in groups), trees)


def _array(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
