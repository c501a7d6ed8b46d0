"""Stability: the spread over repeats, and the drift against scores that were stored once.

The anchors are a fixed draw from the set of caption pairs. Their scores are stored with the judge's record; a hosted
model that changes behind the same name shows as a drift.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, Judge
from medvidbench.judges.certificate.estimates import share_estimate
from medvidbench.judges.certificate.probes import EXPECTED, VERSION, Probe
from medvidbench.judges.certificate.scoring import Scored, run_judge

FORMAT, FORMAT_VERSION = "medvidbench-judge-anchors", 1
ANCHORS_A_KIND = 3
FROZEN = Path(__file__).parent / "anchors"
"""Anchor scores that come with the package, one file for a judge that is the same on every machine."""


def anchors(probes: Sequence[Probe], a_kind: int = ANCHORS_A_KIND) -> list[Probe]:
    """A fixed draw: the `a_kind` pairs of each kind whose ids have the smallest SHA-256."""
    out: list[Probe] = []
    for kind in EXPECTED:
        own = [probe for probe in probes if probe.kind == kind]
        out += sorted(own, key=lambda probe: hashlib.sha256(probe.pair_id.encode()).hexdigest())[:a_kind]
    return out


def repeat_spread(judges: Sequence[Judge], probes: Sequence[Probe]) -> tuple[dict[str, Any], list[Scored]]:
    """How far a judge moves when it is asked the same again.

    Args:
        judges: the judge once for each time; a judge with a cache needs a copy with a repeat number of its own, whose
            cached answers were answers to this copy's own question once.
        probes: the pairs to judge.

    Returns:
        repeats, mean_deviation (standard deviation over repeats of a score, averaged over pairs and dimensions),
        largest_range, changed (share of scores that weren't the same every time), from_cache (share of answers that
        came from a cache), note (says so where the cache gave one judge its own answers again: they say nothing about
        it); and the runs, for their cost.
    """
    repeats = len(judges)
    runs = [run_judge(judge, [probe.pair for probe in probes]) for judge in judges]
    stacked = np.stack([run.scores for run in runs])
    whole = np.asarray(~np.isnan(stacked).any(axis=(0, 2)))
    scores = stacked[:, whole]
    answers = [judgement for run in runs for judgement in run.judgements.values()]
    cached = sum(judgement.cached for judgement in answers) / len(answers) if answers else 0.0
    figures: dict[str, Any] = {"repeats": repeats, "pairs": int(whole.sum()), "from_cache": cached, "note": ""}
    if repeats < 2 or not scores.size:
        return figures | {"note": "nothing was judged twice"}, runs
    names = [probe.reference_id for probe, ok in zip(probes, whole, strict=True) if ok]
    ranges = np.ptp(scores, axis=0)
    deviations = np.where(ranges > 0, scores.std(axis=0, ddof=1), 0.0)  # equal scores have roundings, not a spread
    figures |= {
        "mean_deviation": share_estimate(deviations.mean(axis=1).tolist(), names),
        "largest_range": float(ranges.max()),
        "changed": share_estimate((ranges > 0).mean(axis=1).tolist(), names),
    }
    if cached and len({id(judge) for judge in judges}) < repeats:
        figures["note"] = f"{cached:.0%} of the answers came from a cache and can't differ"
    return figures, runs


def own_spread(probes: Sequence[Probe], scored: Scored) -> dict[str, Any] | None:
    """Mean spread that the judgements report themselves, over repeats or a jury's members; None without any."""
    found = [(probe.reference_id, scored.judgements.get(probe.pair.pair_id)) for probe in probes]
    spreads = [(name, sum(j.spread) / len(j.spread)) for name, j in found if j is not None and j.spread]
    return share_estimate([spread for _, spread in spreads], [name for name, _ in spreads]) if spreads else None


def frozen(judge: Judge, probes: Sequence[Probe], scored: Scored) -> dict[str, Any]:
    """The anchor file's content: the judge's record and its scores of these pairs; failed ones are left out."""
    scores = {
        probe.pair_id: row.tolist() for probe, row in zip(probes, scored.scores, strict=True) if not np.isnan(row).any()
    }
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "set": VERSION}
    return head | {"judge": judge.record(), "scores": scores}


def drift(stored: Mapping[str, Any], judge: Judge, probes: Sequence[Probe], scored: Scored) -> dict[str, Any]:
    """The change of scores since they were stored.

    Returns:
        pairs, same_record (whether the judge calls itself the same as then), mean_change (now minus then) and
        mean_absolute_change of all scores, by_dimension, largest, changed (share of scores that moved at all).
    """
    then = stored["scores"]
    rows = [
        (probe.reference_id, row - np.array(then[probe.pair_id]))
        for probe, row in zip(probes, scored.scores, strict=True)
        if probe.pair_id in then and not np.isnan(row).any()
    ]
    figures: dict[str, Any] = {
        "pairs": len(rows),
        "same_record": stored["judge"] == json.loads(json.dumps(judge.record())),
    }
    if not rows:
        return figures | {"note": "no anchor was judged both times"}
    names, changes = [name for name, _ in rows], np.stack([change for _, change in rows])
    return figures | {
        "mean_change": share_estimate(changes.mean(axis=1).tolist(), names),
        "mean_absolute_change": share_estimate(np.abs(changes).mean(axis=1).tolist(), names),
        "by_dimension": dict(zip(DIMENSIONS, changes.mean(axis=0).tolist(), strict=True)),
        "largest": float(np.abs(changes).max()),
        "changed": share_estimate((changes != 0).mean(axis=1).tolist(), names),
        "note": "",
    }


def packaged_anchors(judge: Judge) -> dict[str, Any] | None:
    """The anchor scores that come with the package for this judge; None without any."""
    file = FROZEN / f"{judge.name}.json"
    return read_anchors(file) if judge.kind == "concept" and file.is_file() else None


def read_anchors(file: Path) -> dict[str, Any]:
    """Stored anchor scores.

    Raises:
        MedVidBenchError: the file can't be read, is none, or is of another version or another set of pairs.
    """
    accepted = "an anchor file as `frozen` writes it"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", accepted) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise MedVidBenchError(f"{file} holds no anchor scores.", accepted)
    seen = (content.get("format_version"), content.get("set"))
    if seen != (FORMAT_VERSION, VERSION):
        raise MedVidBenchError(
            f"{file} has the version {seen[0]!r} and the set {seen[1]!r}.", f"{FORMAT_VERSION}, {VERSION}"
        )
    scores = content.get("scores")
    if not isinstance(scores, dict) or not all(_is_five(row) for row in scores.values()) or "judge" not in content:
        raise MedVidBenchError(f"{file} is damaged.", accepted)
    return content


def _is_five(row: object) -> bool:
    return isinstance(row, list) and len(row) == len(DIMENSIONS) and all(isinstance(v, int | float) for v in row)
