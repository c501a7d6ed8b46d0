"""Steps of two texts side by side: told in another order, told by one text alone.

A step is what is said at one place of the told order. Its features are its concepts and the stems of words that the
lexicon lacks, so that steps are found again whatever the lexicon knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from medvidbench.judges.findings import Finding, Kind
from medvidbench.judges.lexicon_files import Lexicon
from medvidbench.judges.readings import STEM, Clause, Reading

LEAST_SHARED: Final = 0.3
"""A step shares more than this part of its features with the other text."""
FEW: Final = 0.4
"""A step whose deeds are not told shares more than this part."""
_NAMED: Final = frozenset({"instrument", "material", "anatomy", "context"})
SURE: Final = 0.6
"""Part of a step's votes that makes another one its counterpart."""


@dataclass(slots=True)
class _Step:
    time: int
    hard: int
    names: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    meant: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    @property
    def features(self) -> set[str]:
        return self.names | self.words

    @property
    def text(self) -> str:
        return " ".join(self.said)


def compare_steps(
    reference: Reading, prediction: Reading, findings: Sequence[Finding], lexicon: Lexicon
) -> list[Finding]:
    """Steps that only one text has (category "step"), and steps in the inverse order (category "order").

    Args:
        reference, prediction: the readings.
        findings: on the two; a step with a thing that the other text lacks is sooner taken for one of its own.
        lexicon: for relations.
    """
    if reference.clauses[-1:] == [] or prediction.clauses[-1:] == []:
        return []
    if len({clause.time for clause in (*reference.clauses, *prediction.clauses)}) < 2:
        return []
    ours, theirs = _steps(reference.clauses), _steps(prediction.clauses)
    out: list[Finding] = []
    if len(theirs) > 1:
        added = {f.said for f in findings if f.kind == "invented" and f.category in _NAMED}
        out += _alone(theirs, ours, (reference, added), "invented", lexicon)
    if len(ours) > 1:
        missed = {f.concept for f in findings if f.kind == "omitted" and f.category in _NAMED}
        out += _alone(ours, theirs, (prediction, missed), "omitted", lexicon)
    return out + (_inverted(ours, theirs) if len(ours) > 1 and len(theirs) > 1 else [])


def _steps(clauses: Iterable[Clause]) -> list[_Step]:
    found: dict[int, _Step] = {}
    for clause in clauses:
        step = found.get(clause.time)
        if step is None:
            step = found[clause.time] = _Step(clause.time, clause.hard)
        for mention in clause.mentions:
            if mention.concept.level:
                step.names.add(mention.concept.name)
                step.said.append(mention.words)
            step.meant.update(mention.others)
        step.words.update(word[:STEM] for word in clause.unknown)
        step.said += clause.unknown
    return [found[time] for time in sorted(found) if found[time].said]


def _alone(
    steps: Sequence[_Step], others: Sequence[_Step], beside: tuple[Reading, set[str]], kind: Kind, lexicon: Lexicon
) -> list[Finding]:
    other, lacking = beside
    names = {name for step in others for name in (*step.names, *step.meant)}
    names |= {implied for name in names for implied in lexicon.concepts[name].implies}
    stems: set[str] | None = None
    out = []
    for step in steps:
        whole = len(step.names) + len(step.words)
        if len(step.names & names) > 0.5 * whole or (not step.names and whole < 2):
            continue
        stems = {token[:STEM] for token in other.tokens} if stems is None else stems
        told = {name for name in step.names if _is_told(name, names, lexicon)}
        shared = len(told) + len(step.words & stems)
        deeds = {name for name in step.names if lexicon.concepts[name].category == "action"}
        strange = bool(step.names & lacking) and shared <= 0.5 * whole
        if (
            strange
            or shared <= LEAST_SHARED * whole
            or (deeds and not deeds & told and shared <= FEW * whole and whole > 2)
        ):
            words = ("", step.text) if kind == "invented" else (step.text, "")
            out.append(Finding(kind, "step", 0.0, 1.0, "", "", *words))
    return out


def _is_told(name: str, names: set[str], lexicon: Lexicon) -> bool:
    if name in names:
        return True
    concept = lexicon.concepts[name]
    if concept.implies and names.issuperset(concept.implies):
        return True
    return any(
        name in lexicon.ancestors[other]
        or other in lexicon.ancestors[name]
        or other in concept.near
        or frozenset((name, other)) in lexicon.opposites
        for other in names
        if lexicon.concepts[other].level
    )


def _inverted(ours: Sequence[_Step], theirs: Sequence[_Step]) -> list[Finding]:
    places = _counterparts(ours, theirs)
    told = list(places)
    for a, first in enumerate(told):
        for second in told[a + 1 :]:
            one, other = theirs[places[first]], theirs[places[second]]
            stated = ours[first].hard != ours[second].hard, one.hard != other.hard
            if places[first] > places[second] and any(stated):
                words = f"{ours[first].text} before {ours[second].text}", f"{other.text} before {one.text}"
                return [Finding("order", "order", 0.0, 1.0 if all(stated) else 0.6, "", "", *words, 1.0)]
    return []


def _counterparts(ours: Sequence[_Step], theirs: Sequence[_Step]) -> dict[int, int]:
    """For each step of the reference that of the prediction with most of the features that are in one step alone."""
    mine, yours = _places(ours), _places(theirs)
    votes: dict[int, Counter[int]] = {}
    for feature, at in mine.items():
        if at is not None and (place := yours.get(feature)) is not None:
            votes.setdefault(at, Counter())[place] += 1
    out: dict[int, int] = {}
    for at, counted in sorted(votes.items()):
        place, most = counted.most_common(1)[0]
        if most > SURE * counted.total() and place not in out.values():
            out[at] = place
    return out


def _places(steps: Sequence[_Step]) -> dict[str, int | None]:
    """The one step that has each feature; None for a feature of several."""
    found: dict[str, int | None] = {}
    for at, step in enumerate(steps):
        for feature in step.features:
            found[feature] = None if feature in found else at
    return found
