"""Discrimination: does a score drop where it must, and stay where it must?

The area under the ROC curve (AUC) is the probability that a harmless caption scores above a corrupted one, ties half
(Hanley and McNeil 1982). It needs no threshold, so judges with other scales compare. A violation compares a caption
with the reference judged as its own caption: "drop" asks for at least `MARGIN` less, "stay" for less than `MARGIN` of a
change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.judges.base import DIMENSIONS
from medvidbench.judges.certificate.estimates import plain_estimate, share_estimate
from medvidbench.judges.certificate.probes import CORRUPTED, HARMLESS, Probe
from medvidbench.metrics.bootstrap import cluster_bootstrap

Floats = NDArray[np.float64]
MARGIN = 0.5
"""Half a level: the least that makes an integer judge's score another one."""
REPLICATES = 1000
MAX_LISTED = 40
OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class Violation:
    """A score that didn't do what it must."""

    pair_id: str
    kind: str
    must: str
    dimensions: tuple[str, ...]
    change: float
    """Score minus that of the reference itself; for "one of these must drop" the largest drop."""


def discrimination(probes: Sequence[Probe], scores: Floats, margin: float = MARGIN) -> dict[str, Any]:
    """AUC and violations by kind of change.

    Args:
        probes: N pairs, the identity pair of each reference among them.
        scores: (N, 5), nan for a failed judgement.
        margin: least drop in points.

    Returns:
        margin, controls, kinds (a row for each kind of corruption: n, auc and auc_harmless as {overall and each
        dimension: estimate}, telling (the same on the dimension that must drop), within, mean_change, and the shares
        of missed drops and of broken stays), harmless (a row
        for each harmless kind), all_harmless, violations (listed, at most `MAX_LISTED` a kind).
    """
    changes = scores - _own_scores(probes, scores)
    found = [violation for at, probe in enumerate(probes) for violation in violations(probe, changes[at], margin)]
    kinds = [kind for kind in CORRUPTED if any(probe.kind == kind for probe in probes)]
    milder = [kind for kind in HARMLESS if any(probe.kind == kind for probe in probes)]
    return {
        "margin": margin,
        "controls": {
            group: sum(p.expected.group == group for p in probes) for group in ("identity", "harmless", "corrupted")
        },
        "kinds": [_kind(probes, scores, changes, kind, found, margin) for kind in kinds],
        "harmless": [_harmless(probes, changes, (kind,), margin) | {"kind": kind} for kind in milder],
        "all_harmless": _harmless(probes, changes, HARMLESS, margin),
        "violations": _listed(found, probes),
    }


def violations(probe: Probe, change: Floats, margin: float = MARGIN) -> list[Violation]:
    """What a caption's changes of score break, at most one for each dimension that must drop or stay.

    Args:
        probe: the caption pair.
        change: (5,) scores minus those of the reference itself; nan where either failed, which breaks nothing.
        margin: least drop in points.
    """
    expected, by_name = probe.expected, dict(zip(DIMENSIONS, change.tolist(), strict=True))
    out = [
        Violation(probe.pair_id, probe.kind, "drop", (name,), by_name[name])
        for name in expected.drop
        if by_name[name] > -margin
    ]
    least = min((by_name[name] for name in expected.drop_any), default=-np.inf)
    if least > -margin:
        out.append(Violation(probe.pair_id, probe.kind, "drop_any", expected.drop_any, float(least)))
    stays = [name for name in expected.stay if abs(by_name[name]) >= margin]
    return out + [Violation(probe.pair_id, probe.kind, "stay", (name,), by_name[name]) for name in stays]


def auc(controls: Floats, corrupted: Floats) -> float:
    """Probability that a control scores above a corrupted caption, ties half; nan without either.

    >>> auc(np.array([5.0, 4.0]), np.array([4.0, 1.0]))
    0.875
    """
    return float(_wins(controls, corrupted).mean()) if len(controls) and len(corrupted) else float("nan")


def auc_estimate(
    controls: tuple[Floats, Sequence[str]], corrupted: tuple[Floats, Sequence[str]], replicates: int = REPLICATES
) -> dict[str, Any]:
    """AUC with an interval from resampled references.

    Args:
        controls, corrupted: scores and the reference of each; nan scores are left out.
        replicates: number of resamples; 0 gives no interval.

    A resample weighs each pair of captions with the product of the times their references were drawn, so that both
    sides of a reference come and go together.
    """
    (high, high_of), (low, low_of) = (_finite(*side) for side in (controls, corrupted))
    if not replicates:
        value = auc(high, low)
        return {"value": None if np.isnan(value) else value, "ci95": None, "n": len(low), "controls": len(high)}
    names = sorted({*high_of, *low_of})
    rows, columns = ([names.index(name) for name in own] for own in (high_of, low_of))
    wins = np.zeros((len(names), len(names)))
    np.add.at(wins, (np.array(rows, dtype=int)[:, None], np.array(columns, dtype=int)[None, :]), _wins(high, low))
    ups, downs = (np.bincount(own, minlength=len(names)).astype(np.float64) for own in (rows, columns))

    def combine(drawn: Floats) -> Floats:
        pairs = (drawn @ ups) * (drawn @ downs)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(((drawn @ wins) * drawn).sum(axis=-1) / pairs)

    estimate = cluster_bootstrap(np.eye(len(names)), np.arange(len(names)), combine, replicates)
    return plain_estimate(estimate) | {"n": len(low), "controls": len(high)}


def _kind(
    probes: Sequence[Probe], scores: Floats, changes: Floats, kind: str, found: Sequence[Violation], margin: float
) -> dict[str, Any]:
    own = np.array([probe.kind == kind for probe in probes])
    groups = np.array([probe.expected.group for probe in probes])
    specimen = next(probe for probe in probes if probe.kind == kind)
    judged = own & ~np.isnan(changes).any(axis=1)
    broken = [violation for violation in found if violation.kind == kind]
    missed = {violation.pair_id for violation in broken if violation.must != "stay"}
    strayed = {violation.pair_id for violation in broken if violation.must == "stay"}
    ids = [(probe.reference_id, probe.pair_id) for probe, is_own in zip(probes, judged, strict=True) if is_own]
    told = (*specimen.expected.drop, *specimen.expected.drop_any)
    wide = _aucs(probes, scores, np.isin(groups, ("identity", "harmless")), own, told)
    narrow = _aucs(probes, scores, groups == "harmless", own, told)
    name = _telling(specimen, wide)
    return {
        "kind": kind,
        "n": int(own.sum()),
        "judged": int(judged.sum()),
        "drop": list(specimen.expected.drop),
        "drop_any": list(specimen.expected.drop_any),
        "stay": list(specimen.expected.stay),
        "auc": wide,
        "auc_harmless": narrow,
        "telling": {"dimension": name, "auc": wide[name], "auc_harmless": narrow[name]},
        "within": _within(probes, scores, own, groups == "harmless"),
        "mean_change": _by_name(changes[judged]),
        "missed_drops": share_estimate([(name in missed) for _, name in ids], [ref for ref, _ in ids]),
        "broken_stays": share_estimate([(name in strayed) for _, name in ids], [ref for ref, _ in ids]),
    }


def _telling(specimen: Probe, aucs: Mapping[str, Any]) -> str:
    """The dimension that decides: the worst of those that must all drop, else the best of those of which one must."""
    expected = specimen.expected
    names = expected.drop or expected.drop_any
    values = {name: -1.0 if aucs[name]["value"] is None else aucs[name]["value"] for name in names}
    return (min if expected.drop else max)(values, key=lambda name: values[name])


def _aucs(
    probes: Sequence[Probe], scores: Floats, controls: NDArray[np.bool_], own: NDArray[np.bool_], names: Sequence[str]
) -> dict[str, Any]:
    """AUC of the mean of the five scores and of each dimension; with intervals for the mean and for `names`."""
    references = np.array([probe.reference_id for probe in probes])
    columns = {OVERALL: scores.mean(axis=1)} | {name: scores[:, at] for at, name in enumerate(DIMENSIONS)}
    sides = (references[controls].tolist(), references[own].tolist())
    return {
        name: auc_estimate(
            (column[controls], sides[0]), (column[own], sides[1]), REPLICATES if name in (OVERALL, *names) else 0
        )
        for name, column in columns.items()
    }


def _within(
    probes: Sequence[Probe], scores: Floats, own: NDArray[np.bool_], harmless: NDArray[np.bool_]
) -> dict[str, Any]:
    """How often the corrupted caption scores below the harmless ones of the same reference, ties half."""
    overall = scores.mean(axis=1)
    references = np.array([probe.reference_id for probe in probes])
    shares, names = [], []
    for at in np.flatnonzero(own & ~np.isnan(overall)):
        others = overall[harmless & (references == references[at])]
        wins = _wins(others[~np.isnan(others)], overall[at : at + 1])
        if wins.size:
            shares.append(float(wins.mean()))
            names.append(str(references[at]))
    return share_estimate(shares, names)


def _harmless(probes: Sequence[Probe], changes: Floats, kinds: Sequence[str], margin: float) -> dict[str, Any]:
    """Shares of violated checks (a caption on a dimension) and of captions with any, and of the mean score."""
    at = [i for i, probe in enumerate(probes) if probe.kind in kinds and not np.isnan(changes[i]).any()]
    own = changes[at].reshape(-1, len(DIMENSIONS))
    references = [probes[i].reference_id for i in at]
    broken = (np.abs(own) >= margin).astype(np.float64)
    moved = (np.abs(own.mean(axis=1)) >= margin).astype(np.float64)
    return {
        "n": sum(probe.kind in kinds for probe in probes),
        "judged": len(at),
        "checks": share_estimate(broken.mean(axis=1).tolist(), references),
        "captions": share_estimate(broken.max(axis=1).tolist(), references),
        "overall": share_estimate(moved.tolist(), references),
        "mean_change": _by_name(own),
    }


def _listed(found: Sequence[Violation], probes: Sequence[Probe]) -> list[dict[str, Any]]:
    """The worst of each kind, with the texts."""
    by_id: Mapping[str, Probe] = {probe.pair_id: probe for probe in probes}
    out: list[dict[str, Any]] = []
    for kind in dict.fromkeys(violation.kind for violation in found):
        own = [violation for violation in found if violation.kind == kind]
        own.sort(key=lambda v: (-abs(v.change) if v.must == "stay" else -v.change, v.pair_id))
        for violation in own[:MAX_LISTED]:
            probe = by_id[violation.pair_id]
            out.append(
                {
                    "pair_id": violation.pair_id,
                    "kind": kind,
                    "must": violation.must,
                    "dimensions": list(violation.dimensions),
                    "change": violation.change,
                    "reference": probe.reference,
                    "prediction": probe.prediction,
                    "of": len(own),
                }
            )
    return out


def _own_scores(probes: Sequence[Probe], scores: Floats) -> Floats:
    """(N, 5): the scores of the reference judged as its own caption."""
    own = {probe.reference_id: scores[at] for at, probe in enumerate(probes) if probe.kind == "identity"}
    missing = np.full(len(DIMENSIONS), np.nan)
    return np.array([own.get(probe.reference_id, missing) for probe in probes]).reshape(-1, len(DIMENSIONS))


def _wins(high: Floats, low: Floats) -> Floats:
    return np.asarray((high[:, None] > low[None, :]) + 0.5 * (high[:, None] == low[None, :]), dtype=np.float64)


def _finite(values: Floats, names: Sequence[str]) -> tuple[Floats, list[str]]:
    kept = ~np.isnan(values)
    return values[kept], [name for name, ok in zip(names, kept, strict=True) if ok]


def _by_name(changes: Floats) -> dict[str, float | None]:
    means = changes.mean(axis=0) if len(changes) else np.full(len(DIMENSIONS), np.nan)
    return {name: None if np.isnan(mean) else float(mean) for name, mean in zip(DIMENSIONS, means, strict=True)}
