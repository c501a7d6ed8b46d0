"""What a run of a judge says of itself in a results file: pairs, failures, cost, spread, and the five means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medvidbench.judges.base import DIMENSIONS, Judgement
from medvidbench.judges.pairing import JUDGED_TASKS

if TYPE_CHECKING:
    from medvidbench.judges.scoring import RowScore


def counts(judged: Sequence[Judgement]) -> dict[str, Any]:
    """Pairs, failed ones by the beginning of their reason, cached ones, spread, dollars (None when any isn't known)."""
    errors = Counter(j.error.split(":")[0] for j in judged if j.scores is None)
    costs = [j.cost for j in judged]
    known = [cost for cost in costs if cost is not None]
    return {
        "pairs": len(judged),
        "failed": errors.total(),
        "failures": dict(errors.most_common(8)),
        "cached": sum(j.cached for j in judged),
        **_spread(judged),
        "dollars": None if len(known) < len(costs) else round(sum(known), 6),
    }


def dimension_means(found: Mapping[str, Sequence[RowScore]]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean of each dimension over the scored rows, by protocol and task."""
    means: dict[str, dict[str, dict[str, float]]] = {}
    for protocol, scores in found.items():
        for task in JUDGED_TASKS:
            own = [score.scores for score in scores if score.row.task == task and score.scores is not None]
            if own:
                values = np.mean(own, axis=0).tolist()
                means.setdefault(protocol, {})[task] = dict(zip(DIMENSIONS, map(float, values), strict=True))
    return means


def _spread(judged: Sequence[Judgement]) -> dict[str, float]:
    """Of repeats or a jury: the standard deviation of a score, averaged over dimensions and the pairs that have one."""
    spreads = [sum(j.spread) / len(j.spread) for j in judged if j.spread]
    return {"spread": round(sum(spreads) / len(spreads), 4)} if spreads else {}
