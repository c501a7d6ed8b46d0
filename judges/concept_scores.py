"""The five scores of a comparison, each 1 + 4 q with q in [0, 1].

With w a unit's weight and c its credit (see `findings`), over the findings of a dimension's categories:

* R = sum w c / sum w over what the reference says, P = the same over what the prediction says,
  F = (1 + b^2) P R / (b^2 P + R); b = 2 in absolute mode (a missing thing is worse than a true detail too many), 1 in
  comparative mode, where the score is the lower of both directions and so symmetric.
* each contradiction costs a factor: `FIRST` for the first, `FURTHER` for the others; each dimension with something
  omitted or invented the factor `GAP`, so that one fault stays visible in a long text. An added verb without an added
  thing weighs `ADDED_VERB`.

terminology: mean credit of the wording of what both texts speak of: 1 technical, `LAY` lay, the concept's credit where
vaguer, `WRONG_TERM` a proper term for another thing; under `COVERED` of the reference's units it shrinks in proportion.
instrument_anatomy: F over instruments, materials and structures; contradictions of side and role count here.
specificity: R with every concrete word credited, right or wrong, and places and quantities as units.
clinical_context: F over phases, procedures, signs and findings; the shared regions of the body; F of the deeds, a
substituted one counting `SAME_STEP`; times `ORDER` when deeds are told in the inverse order, `DENIED` when something
is denied or reversed, `OTHER_PICTURE` for another structure, finding, side or dose, `OTHER_DEED` for any other
contradiction, `ONE_STEP` for a step that only one text tells, `UNSAFE` for a never-event. action_state: F over actions
and states; contradictions of direction and sign count here.

A dimension without a unit in the reference takes the mean of those that have some. What the lexicon doesn't know is
compared by its words: with fewer than `ENOUGH` units in the reference, the F of content words takes their share.

All five are multiplied by the economy of the text, which a copy never touches: words beyond `FREE_WORDS` times the
reference's cost the square root of the excess, repeated runs of three words their share, and concepts beyond
`FREE_CONCEPTS` times the reference's their excess. So a list of the whole lexicon, a text said fifty times or 10,000
words score near 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from medvidbench.judges.base import DIMENSIONS, LEAST, MOST
from medvidbench.judges.comparison import Comparison
from medvidbench.judges.findings import Finding
from medvidbench.judges.readings import Reading
from medvidbench.judges.safety import NeverEvent

FIRST: Final = 0.62
FURTHER: Final = 0.85
GAP: Final = 0.97
LAY, WRONG_TERM, COVERED = 0.25, 0.6, 0.4
SAME_STEP, ORDER, UNSAFE, DENIED = 0.6, 0.6, 0.45, 0.8
ADDED_VERB: Final = 0.4
ENOUGH: Final = 1.0
FREE_WORDS, LEAST_WORDS = 3.0, 15
FREE_CONCEPTS, LEAST_CONCEPTS = 2.5, 4
OBJECTS: Final = frozenset({"instrument", "material", "anatomy"})
DEEDS: Final = frozenset({"action", "state"})
CONTEXT: Final = frozenset({"context"})
TERMS: Final = OBJECTS | DEEDS | CONTEXT
CONTEXT_AT: Final = DIMENSIONS.index("clinical_context")
ONE_STEP, OTHER_PICTURE, OTHER_DEED = 0.72, 0.75, 0.85
_PICTURE: Final = frozenset({"anatomy", "state", "side", "direction", "context", "quantity"})
_STATED: Final = frozenset({"matched", "lay", "vaguer", "substituted", "opposite", "negated"})


def scores(comparison: Comparison, events: Sequence[NeverEvent], beta: float) -> tuple[float, ...]:
    """Five scores from 1 to 5 in the order of `DIMENSIONS`, with two decimals.

    Args:
        comparison: of the pair.
        events: what `medvidbench.judges.safety.never_events` found in it.
        beta: weight of recall against precision.
    """
    parts = [part(comparison, beta) for part in _PARTS]
    if events and parts[CONTEXT_AT] is not None:
        parts[CONTEXT_AT] = (parts[CONTEXT_AT] or 0.0) * UNSAFE
    known = [part for part in parts if part is not None]
    words = _word_score(comparison)
    mean = sum(known) / len(known) if known else words
    share = min(1.0, _told(comparison) / ENOUGH)
    thrift = economy(comparison)
    mixed = ((mean if part is None else part) * share + words * (1 - share) for part in parts)
    return tuple(round(LEAST + (MOST - LEAST) * min(1.0, max(0.0, q * thrift)), 2) for q in mixed)


def economy(comparison: Comparison) -> float:
    """The factor in (0, 1] for length, repetition and listing; 1 for a text as long and as varied as the reference."""
    truth, said = comparison.reference, comparison.prediction
    length = FREE_WORDS * max(truth.words, LEAST_WORDS) / max(said.words, 1)
    repeats = said.distinct / min(0.8, truth.distinct)
    listing = FREE_CONCEPTS * max(_concepts(truth), LEAST_CONCEPTS) / max(_concepts(said), 1)
    return min(1.0, math.sqrt(length)) * min(1.0, repeats) * min(1.0, listing)


def _concepts(reading: Reading) -> int:
    return len({mention.concept.name for mention in reading.mentions if mention.concept.level})


def _told(comparison: Comparison) -> float:
    return sum(f.weight for f in comparison.findings if f.kind != "invented" and f.concept)


def _terminology(comparison: Comparison, beta: float) -> float | None:
    findings = [f for f in comparison.findings if f.category in TERMS and f.kind != "invented"]
    told = [f for f in findings if f.kind in _STATED and f.weight]
    whole = sum(f.weight for f in findings)
    if not whole:
        return None
    shared = sum(f.weight for f in told)
    mean = sum(f.weight * _wording(f) for f in told) / shared if shared else 0.0
    lay = 0.85 if any(f.kind == "lay" for f in told) else 1.0
    return mean * lay * min(1.0, shared / whole / COVERED)


def _wording(finding: Finding) -> float:
    if finding.kind == "lay":
        return LAY
    if finding.kind == "vaguer":
        return finding.credit
    return WRONG_TERM if finding.kind == "substituted" else 1.0


def _objects(comparison: Comparison, beta: float) -> float | None:
    # left for right is a wrong side too, whatever moves there
    wrong = [f for f in comparison.findings if f.kind in ("side", "role", "direction")]
    return _agreement(comparison.findings, OBJECTS, wrong, beta)


def _actions(comparison: Comparison, beta: float) -> float | None:
    wrong = [f for f in comparison.findings if f.kind == "direction"]
    wrong += [f for f in comparison.findings if f.category == "context" and f.kind == "negated"]
    return _agreement(_without_company(comparison.findings), DEEDS, wrong, beta)


def _without_company(findings: Sequence[Finding]) -> Sequence[Finding]:
    """An added verb weighs `ADDED_VERB` when no thing is added or wrong with it: "held in the hand" invents no step."""
    if any(f.kind in ("invented", "substituted") and f.category in OBJECTS for f in findings):
        return findings
    return [replace(f, weight=ADDED_VERB * f.weight) if _is_verb_alone(f) else f for f in findings]


def _is_verb_alone(finding: Finding) -> bool:
    return finding.kind == "invented" and finding.category == "action"


def _specificity(comparison: Comparison, beta: float) -> float | None:
    found = [
        f
        for f in comparison.findings
        if f.kind not in ("invented", "role", "order") and f.category != "step" and f.weight
    ]
    if not found:
        return None
    vague = sum(f.kind == "vaguer" for f in found)
    return sum(f.weight * f.specific for f in found) / sum(f.weight for f in found) * FURTHER**vague


def _context(comparison: Comparison, beta: float) -> float | None:
    parts = [
        (0.4, _agreement(comparison.findings, CONTEXT, (), beta)),
        (0.2, _regions(comparison)),
        (0.4, _steps(comparison.findings, beta)),
    ]
    told = [(weight, value) for weight, value in parts if value is not None]
    if not told:
        return None
    mean = sum(weight * value for weight, value in told) / sum(weight for weight, _ in told)
    denied = any(f.kind in ("negated", "opposite") for f in comparison.findings)
    mean *= DENIED if denied else 1.0
    against = [f.category for f in comparison.findings if f.contradicts]
    mean *= (OTHER_PICTURE if _PICTURE.intersection(against) else OTHER_DEED) if against else 1.0
    mean *= ONE_STEP ** min(2, sum(f.category == "step" for f in comparison.findings))
    inverted = max((f.weight for f in comparison.findings if f.kind == "order"), default=0.0)
    return mean * (1 - (1 - ORDER) * inverted)


def _regions(comparison: Comparison) -> float | None:
    """Share of the reference's regions of the body that the prediction is in as well."""
    wanted, found = (
        {mention.concept.region for mention in reading.mentions} - {""}
        for reading in (comparison.reference, comparison.prediction)
    )
    return len(wanted & found) / len(wanted) if wanted else None


def _steps(findings: Sequence[Finding], beta: float) -> float | None:
    """F of the actions as steps of a procedure, where another action is still a step."""
    steps = [f for f in _without_company(findings) if f.category == "action" and f.weight]
    truth = [f for f in steps if f.kind != "invented"]
    if not truth:
        return None
    credit = sum(
        f.weight * (SAME_STEP if f.kind in ("substituted", "opposite", "negated") else f.credit) for f in truth
    )
    weight, extra = sum(f.weight for f in truth), sum(f.weight for f in steps if f.kind == "invented")
    told = sum(f.weight for f in truth if f.kind != "omitted") + extra
    gap = GAP if extra >= 1 or told - extra < weight else 1.0
    return _f(credit / weight, credit / told if told else 0.0, beta) * gap


def _agreement(
    findings: Sequence[Finding], categories: frozenset[str], wrong: Sequence[Finding], beta: float
) -> float | None:
    """F over the categories times the factors of contradictions and gaps; None where the reference says nothing."""
    ours = [f for f in findings if f.category in categories and f.weight]
    truth = [f for f in ours if f.kind != "invented"]
    if not truth:
        return 0.5 if wrong else None
    credit, weight = sum(f.weight * f.credit for f in truth), sum(f.weight for f in truth)
    told = sum(f.weight for f in ours if f.kind != "omitted")
    q = _f(credit / weight, credit / told if told else 0.0, beta)
    count = len(wrong) + sum(f.contradicts for f in ours)
    gap = any(f.kind in ("omitted", "invented", "vaguer") and f.weight >= 1.0 for f in ours)
    return q * (FIRST if count else 1.0) * FURTHER ** max(0, count - 1) * (GAP if gap else 1.0)


def _f(recall: float, precision: float, beta: float) -> float:
    below = beta * beta * precision + recall
    return (1 + beta * beta) * precision * recall / below if below else 0.0


def _word_score(comparison: Comparison) -> float:
    """F of the different words of both texts, cut to their first five letters."""
    ours, theirs = (
        {token[:5] for token in reading.tokens if len(token) > 2}
        for reading in (comparison.reference, comparison.prediction)
    )
    shared = len(ours & theirs)
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0


_PARTS: Final[tuple[Callable[[Comparison, float], float | None], ...]] = (
    _terminology,
    _objects,
    _specificity,
    _context,
    _actions,
)
"""In the order of `DIMENSIONS`."""

_SUBJECTS: Final = {
    "terminology": (frozenset({"lay", "vaguer", "substituted", "matched"}), TERMS),
    "instrument_anatomy": (None, OBJECTS | {"side", "agent", "target"}),
    "specificity": (frozenset({"vaguer", "omitted", "matched"}), TERMS | {"side", "quantity"}),
    "clinical_context": (None, CONTEXT | {"order", "action", "step"}),
    "action_state": (None, DEEDS | {"direction"}),
}
_WORDS: Final = {
    "lay": "lay wording",
    "vaguer": "vaguer",
    "substituted": "wrong",
    "opposite": "opposite",
    "negated": "negation differs",
    "side": "wrong side",
    "direction": "wrong direction",
    "quantity": "wrong quantity",
    "role": "wrong role",
    "order": "wrong order",
    "omitted": "missing",
    "invented": "invented",
    "matched": "right",
}
SHOWN: Final = 4


def rationales(comparison: Comparison, events: Sequence[NeverEvent]) -> tuple[str, ...]:
    """One sentence a dimension with the words that decided, worst first."""
    spoken = [(f, _quoted(f)) for f in comparison.findings if f.weight]
    wordy = ["long or repetitive for what the reference says"] if economy(comparison) < 1 else []
    unsafe = [f"unsafe: {event.name} ({event.prediction})" for event in events]
    return tuple(
        "; ".join((unsafe if name == "clinical_context" else []) + _said(name, spoken) + wordy) + "."
        for name in DIMENSIONS
    )


def _said(dimension: str, spoken: Sequence[tuple[Finding, str]]) -> list[str]:
    kinds, categories = _SUBJECTS[dimension]
    groups: dict[str, list[str]] = {}
    for finding, words in spoken:
        if finding.category in categories and (kinds is None or finding.kind in kinds):
            groups.setdefault(finding.kind, []).append(words)
    if not groups:
        return ["nothing of the reference concerns this dimension"]
    return [f"{text}: {_some(groups[kind])}" for kind, text in _WORDS.items() if kind in groups]


def _quoted(finding: Finding) -> str:
    if finding.kind in ("matched", "omitted", "invented"):
        return f'"{finding.reference or finding.prediction}"'
    return f'"{finding.prediction}" for "{finding.reference}"'


def _some(words: Sequence[str]) -> str:
    more = len(words) - SHOWN
    return ", ".join(words[:SHOWN]) + (f" and {more} more" if more > 0 else "")


assert len(_PARTS) == len(DIMENSIONS)
