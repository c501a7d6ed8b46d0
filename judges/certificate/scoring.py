"""Runs a judge over caption pairs and counts what it cost and where it failed. A failure is never a number."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, LEAST, MOST, CaptionPair, Judge, Judgement, Mode

NO_JUDGEMENT = "the judge gave no judgement"


@dataclass(frozen=True)
class Scored:
    """A run of a judge.

    Attributes:
        scores: (N, 5) in the order of the pairs; nan where there is no judgement.
        judgements: by pair id.
        seconds: wall time.
    """

    scores: NDArray[np.float64]
    judgements: Mapping[str, Judgement]
    failures: Mapping[str, str]
    seconds: float


def run_judge(judge: Judge, pairs: Sequence[CaptionPair], mode: Mode = "absolute") -> Scored:
    """Judges the pairs and checks that the judge keeps its contract.

    Raises:
        MedVidBenchError: a judgement for a pair that wasn't asked about, two for one pair, or scores that aren't five
            finite numbers from 1 to 5: a certificate of such a judge would mean nothing.
    """
    started = time.monotonic()
    wanted = {pair.pair_id for pair in pairs}
    if len(wanted) < len(pairs):
        raise MedVidBenchError("A pair id stands twice.", "each pair once")
    found: dict[str, Judgement] = {}
    for judgement in judge.judge(list(pairs), mode):
        _check(judgement, wanted, found)
        found[judgement.pair_id] = judgement
    scores = np.array([_scores(found.get(pair.pair_id)) for pair in pairs], dtype=np.float64).reshape(-1, 5)
    failures = {pair.pair_id: _reason(found.get(pair.pair_id)) for pair in pairs}
    failed = {name: reason for name, reason in failures.items() if reason}
    return Scored(scores, found, failed, time.monotonic() - started)


def cost_of(runs: Sequence[Scored]) -> dict[str, Any]:
    """Calls, failures by reason, dollars and time of several runs.

    Returns:
        judgements, failed, failure_rate, reasons (the ten most frequent), cached, dollars (None when the price of any
        judgement isn't known), seconds, judgements_per_second.
    """
    judged = [judgement for run in runs for judgement in run.judgements.values()]
    asked = sum(len(run.scores) for run in runs)
    failed = sum(len(run.failures) for run in runs)
    costs = [judgement.cost for judgement in judged]
    known = [cost for cost in costs if cost is not None]
    seconds = sum(run.seconds for run in runs)
    reasons = Counter(reason[:200] for run in runs for reason in run.failures.values())
    return {
        "judgements": asked,
        "failed": failed,
        "failure_rate": failed / asked if asked else None,
        "reasons": dict(reasons.most_common(10)),
        "cached": sum(judgement.cached for judgement in judged),
        "dollars": math.fsum(known) if len(known) == len(costs) else None,
        "seconds": seconds,
        "judgements_per_second": asked / seconds if seconds > 0 else None,
    }


def _check(judgement: Judgement, wanted: set[str], found: Mapping[str, Judgement]) -> None:
    if judgement.pair_id not in wanted:
        raise MedVidBenchError(f"The judge {judgement.judge} judged an unknown pair {judgement.pair_id!r:.80}.")
    if judgement.pair_id in found:
        raise MedVidBenchError(f"The judge {judgement.judge} judged the pair {judgement.pair_id!r:.80} twice.")
    scores = judgement.scores
    if scores is not None and (len(scores) != len(DIMENSIONS) or not all(LEAST <= score <= MOST for score in scores)):
        seen = f"The judge {judgement.judge} gave the scores {scores!r:.120}."
        raise MedVidBenchError(seen, f"{len(DIMENSIONS)} numbers from {LEAST:g} to {MOST:g}, or None")


def _scores(judgement: Judgement | None) -> tuple[float, ...]:
    return (math.nan,) * 5 if judgement is None or judgement.scores is None else judgement.scores


def _reason(judgement: Judgement | None) -> str:
    """Why there are no scores; "" when there are."""
    if judgement is None:
        return NO_JUDGEMENT
    return "" if judgement.scores is not None else judgement.error or NO_JUDGEMENT
