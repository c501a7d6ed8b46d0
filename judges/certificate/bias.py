"""Bias: does the judge like length, position, style, or its own writing?

Length and style are measured where the content is the same, so that a difference can only come from the form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medvidbench.judges.base import CaptionPair, Judge
from medvidbench.judges.certificate.estimates import share_estimate, slope_estimate
from medvidbench.judges.certificate.probes import HARMLESS, Probe
from medvidbench.judges.certificate.scoring import Scored, run_judge

Floats = NDArray[np.float64]
FILLER = "This is shown in the present video clip, which was recorded and can be watched by the viewer at any time."
"""Words without clinical content: they may cost a point, and must never win one."""
SYMMETRIC: Final = (*HARMLESS, "wrong_instrument", "wrong_structure", "wrong_laterality", "wrong_action")
"""Kinds where both texts say as much, so that closeness can't depend on which of them is called the reference."""
STYLES: Final[Mapping[str, Callable[[str], str]]] = {
    "capitals": str.upper,
    "small letters": str.lower,
    "no full stop": lambda text: text.rstrip("."),
    "markdown": lambda text: f"**Caption:** {text}",
    "list": lambda text: "\n".join(f"- {part}" for part in re.split(r"(?<=[.;])\s+", text)),
    "lead-in": lambda text: f"In this clip we can see that {text[:1].lower()}{text[1:]}",
    "spaces": lambda text: text.replace(" ", "  ") + "\n",
}
"""The same words in another dress."""


@dataclass(frozen=True, slots=True)
class RatedCaption:
    """A caption with the writer's name and both opinions, for self-preference.

    Attributes:
        judge: the judge's mean score.
        clinicians: the clinicians' mean score.
        cluster: its recording's group.
    """

    writer: str
    judge: float
    clinicians: float
    cluster: str


def length_slope(probes: Sequence[Probe], scores: Floats) -> dict[str, Any]:
    """Points won for each doubling of the caption's length, over harmless captions.

    Least squares of (mean score - that of the reference as its own caption) on log2(words of the caption / words of the
    reference). Both sides are changes, so long and short references don't mix.
    """
    overall = scores.mean(axis=1)
    own = {probe.reference_id: overall[i] for i, probe in enumerate(probes) if probe.kind == "identity"}
    change = np.array([overall[i] - own.get(probe.reference_id, np.nan) for i, probe in enumerate(probes)])
    at = [i for i, p in enumerate(probes) if p.expected.group in ("identity", "harmless") and not np.isnan(change[i])]
    ratio = [np.log2(len(probes[i].prediction.split()) / len(probes[i].reference.split())) for i in at]
    return slope_estimate(ratio, change[at], [probes[i].reference_id for i in at])


def form_changes(judge: Judge, probes: Sequence[Probe], base: Scored) -> tuple[dict[str, Any], Scored]:
    """How much the mean score moves when only the form changes.

    Each style is put on the reference as its own caption, and must change nothing. The filler is put behind captions
    with a wrong instrument or structure, which it must not rescue.

    Args:
        judge: the judge.
        probes: the pairs to change, the first of each kind are enough.
        base: the judge's scores of these pairs.

    Returns:
        The figures {style: mean change}, and the run, for its cost.
    """
    own = base.scores.mean(axis=1)
    rows = [
        (style, i, dress(p.prediction))
        for i, p in enumerate(probes)
        if p.kind == "identity"
        for style, dress in STYLES.items()
    ]
    padded = [
        ("padding of wrong captions", i, f"{p.prediction} {FILLER}")
        for i, p in enumerate(probes)
        if p.kind in ("wrong_instrument", "wrong_structure")
    ]
    rows += padded
    pairs = [
        replace(probes[i].pair, pair_id=f"{probes[i].pair.pair_id}#{at}", prediction=text)
        for at, (_, i, text) in enumerate(rows)
    ]
    run = run_judge(judge, pairs)
    changes = run.scores.mean(axis=1) - own[[i for _, i, _ in rows]] if rows else np.empty(0)
    out: dict[str, Any] = {}
    for style in dict.fromkeys(style for style, _, _ in rows):
        at = [k for k, row in enumerate(rows) if row[0] == style and not np.isnan(changes[k])]
        out[style] = share_estimate(changes[at].tolist(), [probes[rows[k][1]].reference_id for k in at])
    return out, run


def position_swap(judge: Judge, probes: Sequence[Probe]) -> tuple[dict[str, Any], Scored]:
    """What changes in comparative mode when reference and caption change places.

    Returns:
        The figures: "mean" (score as given minus score swapped, 0 for a judge without a liking for a place),
        "absolute" (mean size of the change); and the run of both orders, for its cost.
    """
    own = [probe for probe in probes if probe.kind in SYMMETRIC]
    given = [replace(probe.pair, pair_id=f"{probe.pair.pair_id}#given") for probe in own]
    swapped = [_swapped(probe.pair) for probe in own]
    run = run_judge(judge, [*given, *swapped], "comparative")
    overall = run.scores.mean(axis=1)
    changes = overall[: len(own)] - overall[len(own) :]
    kept = [i for i in range(len(own)) if not np.isnan(changes[i])]
    references = [own[i].reference_id for i in kept]
    figures = {
        "mean": share_estimate(changes[kept].tolist(), references),
        "absolute": share_estimate(np.abs(changes[kept]).tolist(), references),
    }
    return figures, run


def self_preference(captions: Sequence[RatedCaption], own: str) -> dict[str, Any]:
    """How much more than clinicians the judge likes captions of its own family, over what it gives other writers.

    Mean of (judge - clinicians) over the captions of `own` minus the same over all others: a judge that is too kind to
    everybody has 0.

    Args:
        captions: captions with both opinions.
        own: the writer of the judge's family.

    Returns:
        value None with the reason in "note" when one side is empty.
    """
    from medvidbench.judges.certificate.estimates import resampled

    gaps = np.array([caption.judge - caption.clinicians for caption in captions])
    is_own = np.array([caption.writer == own for caption in captions], dtype=bool)
    if not is_own.any() or is_own.all():
        return {"value": None, "ci95": None, "n": len(captions), "note": f"no captions by {own!r} and by others"}

    def score(rows: NDArray[np.intp]) -> float:
        mine = is_own[rows]
        if not mine.any() or mine.all():
            return float("nan")
        return float(gaps[rows][mine].mean() - gaps[rows][~mine].mean())

    return resampled(score, [caption.cluster for caption in captions])


def _swapped(pair: CaptionPair) -> CaptionPair:
    return replace(pair, pair_id=f"{pair.pair_id}#swapped", reference=pair.prediction, prediction=pair.reference)
