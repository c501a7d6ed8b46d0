"""DRPO (QoQ-Med): domains and groups of prompts that are rare and hard weigh more."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods.base import Method, Settings
from medvidbench.training.methods.relative import Floats, prompt_sets, relative, whitened
from medvidbench.training.recipe import Scale
from medvidbench.training.rows import RewardBatch

HISTORY = 1024
"""Prompts remembered, over all domains: their numbers stay in the proportion in which the domains are drawn."""
FLOOR = 0.1
"""No mean reward counts as lower than this: a cluster without any reward would be divided by 0."""
MAX_CLUSTERS = 10
DROP = 0.1
"""The elbow: one more cluster must save at least this share of what the one before it saved."""


class Seen(NamedTuple):
    """One prompt of the history: its domain and its G rewards, sorted."""

    domain: str
    rewards: tuple[float, ...]


class Drpo(Method):
    """Domain-aware relative policy optimisation with hierarchical scaling. A domain is a (source, task).

    Prompts are points of G sorted rewards. Those of a domain d are clustered by k-means; prompt p lies in cluster c.
    N are numbers of prompts in the history, mu_c is a cluster's mean reward, mu_d the mean of a domain's mu_c weighted
    by 1 / N_c. Rewards below 0 count as 0 and means below 0.1 as 0.1, so that a factor is positive and finite.
    `advantages` counts each call as a step: the prompts enter the history, also those without spread.
    """

    name: ClassVar[str] = "drpo"
    title: ClassVar[str] = "DRPO"
    source: ClassVar[str] = "2506.00711"
    formula: ClassVar[str] = (
        "Z = (r - mean_p r) / std_p r;  S = Z / (sqrt(N_d) mu_d * sqrt(N_c) mu_c);  A = S / std_step S"
    )
    differs: ClassVar[str] = (
        "Sorted rewards are clustered: in the public code the order of the rollouts moves a prompt between clusters. "
        "Means have a floor: there mu_c = 0 divides by 0, and negative rewards turn the advantage's sign. The history "
        "holds 1,024 prompts and is in the checkpoint; there it is an unbounded module global, lost on resume. The "
        "KL-aware damping of the paper, commented out there, is left out here too."
    )
    defaults: ClassVar[Settings] = Settings(kl=1e-4)

    def __init__(self) -> None:
        self._history: deque[Seen] = deque(maxlen=HISTORY)

    def values(self, batch: RewardBatch, totals: Floats, scale: Scale) -> Floats:
        """(P, G) group advantages, weighed by domain and cluster and whitened over the step.

        Raises:
            MedVidBenchError: the history holds groups of another size.
        """
        points = [sorted_rewards(row) for row in totals]
        self._remember(batch, points)
        divisors = np.ones((len(totals), 1))
        for domain in sorted({str(key) for key in batch.keys}):
            rows = [p for p, key in enumerate(batch.keys) if str(key) == domain and points[p] is not None]
            if rows:
                asked = [points[p] for p in rows]
                # a step larger than the whole history may have pushed out this domain's prompts
                seen = [seen.rewards for seen in self._history if seen.domain == domain] or asked
                divisors[rows, 0] = hierarchical_divisors(np.array(seen), np.array(asked))
        shares = relative(totals, prompt_sets(totals), scale) / divisors
        return whitened(shares, ~np.isnan(totals))

    def state(self) -> dict[str, Any]:
        """The history, oldest first."""
        return {"history": [[seen.domain, list(seen.rewards)] for seen in self._history]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state()`."""
        try:
            rows = [Seen(str(domain), tuple(map(float, rewards))) for domain, rewards in state["history"]]
        except (KeyError, TypeError, ValueError) as error:
            raise MedVidBenchError("The checkpoint holds no history of drpo.", "a checkpoint of a drpo run") from error
        self._history = deque(rows, maxlen=HISTORY)

    def _remember(self, batch: RewardBatch, points: Sequence[tuple[float, ...] | None]) -> None:
        sizes = {len(seen.rewards) for seen in self._history} - {batch.parts.shape[1]}
        if sizes:
            raise MedVidBenchError(
                f"drpo remembers groups of {sizes.pop()}, this step's have {batch.parts.shape[1]}.",
                "one grpo.group_size throughout a run",
            )
        for key, point in zip(batch.keys, points, strict=True):
            if point is not None:
                self._history.append(Seen(str(key), point))


def sorted_rewards(row: Floats) -> tuple[float, ...] | None:
    """A prompt's G rewards in rising order, below 0 taken as 0; G quantiles of those that apply where some don't;
    None where none does."""
    known = row[~np.isnan(row)]
    if not known.size:
        return None
    spaced = np.sort(known) if known.size == row.size else np.quantile(known, np.linspace(0, 1, row.size))
    return tuple(float(value) for value in np.maximum(spaced, 0.0))


def hierarchical_divisors(seen: Floats, asked: Floats) -> Floats:
    """(n,) divisors sqrt(N_d) mu_d sqrt(N_c) mu_c of one domain's prompts.

    Args:
        seen: (N, G) sorted rewards of the domain's history, the asked ones (or some of them) among them.
        asked: (n, G) sorted rewards; each takes part in the cluster of the nearest centre.
    """
    centres, labels = elbow_clusters(seen)
    sizes = np.bincount(labels, minlength=len(centres)).astype(np.float64)
    means = centres.mean(axis=1)
    of_domain = max(float(np.average(means, weights=1 / sizes)), FLOOR)
    mine = ((asked[:, None, :] - centres[None]) ** 2).sum(axis=-1).argmin(axis=1)
    of_cluster = np.sqrt(sizes) * np.maximum(means, FLOOR)
    divisors: Floats = np.sqrt(len(seen)) * of_domain * of_cluster[mine]
    return divisors


def elbow_clusters(points: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Centres (k, G) and labels (N,) of the k-means with the elbow's k, 1 to 10.

    With s_k the squared distances saved by going from k to k + 1 clusters: k + 1 for the first k whose s_(k+1) is below
    10 % of s_k; where none is, as many clusters as there are different points. Seeded: equal points, equal clusters.
    """
    last = _clusters(points, 1)
    assert last is not None  # one cluster is never empty
    saved = -np.inf
    for k in range(2, min(MAX_CLUSTERS, len(np.unique(points, axis=0))) + 1):
        following = _clusters(points, k)
        if following is None:
            break
        saves = _inertia(points, *last) - _inertia(points, *following)
        if saves < DROP * saved:
            break
        last, saved = following, saves
    return last


def _clusters(points: Floats, k: int) -> tuple[Floats, NDArray[np.int64]] | None:
    """None where k-means loses a cluster."""
    from scipy.cluster.vq import ClusterError, kmeans2

    if k == 1:
        return points.mean(axis=0, keepdims=True), np.zeros(len(points), dtype=np.int64)
    try:
        centres, labels = kmeans2(points, k, iter=25, minit="++", missing="raise", seed=0)
    except ClusterError:
        return None
    used = np.unique(labels)
    return (centres, labels.astype(np.int64)) if len(used) == k else None


def _inertia(points: Floats, centres: Floats, labels: NDArray[np.int64]) -> float:
    return float(((points - centres[labels]) ** 2).sum())
