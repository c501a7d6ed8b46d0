"""What is said in words that the lexicon lacks.

A lexicon is never complete. Where two texts contradict each other in nothing and share most of what they say, a thing
or deed that one of them lacks is taken as said by a word of it that the lexicon doesn't know, and a deed that only one
of them names is doubted when the things it is done with are all told. The credit is a little lower, and no more than
`MOST_TRUSTED` of a reference is taken on trust. A step without a counterpart is never taken on trust (`steps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from medvidbench.judges.findings import Finding
from medvidbench.judges.readings import STEM, Reading

TRUSTED, ALONE = 0.95, 0.88
"""Credit of what an unknown word or another verb may say, and of a deed whose things are all told."""
DOUBTED: Final = 0.25
"""Weight of an added verb that may say what the reference says in other words."""
MOST_TRUSTED, FIRM = 0.5, 1.0
_THINGS: Final = frozenset({"instrument", "material", "anatomy"})
_DEEDS: Final = frozenset({"action", "state"})


def trusted(findings: list[Finding], reference: Reading, prediction: Reading, nearly_equal: bool) -> list[Finding]:
    """The findings with what may be said in other words, where nothing is contradicted.

    Args:
        findings: on the two readings.
        reference, prediction: the readings.
        nearly_equal: whether the texts differ in a few short runs of words; then a verb is no rewording.
    """
    if not nearly_equal and _is_told_of_one(findings):
        findings = [_unproven(f) for f in findings]
    loose = [f for f in findings if f.kind in ("omitted", "invented") and f.concept + f.said]
    if not loose or any(f.contradicts or f.category == "step" for f in findings):
        return findings
    if not 0.4 * reference.words <= prediction.words <= 2.2 * reference.words + 4:
        return findings
    truth = [f for f in findings if f.kind != "invented" and f.concept]
    whole = sum(f.weight for f in truth)
    firm = sum(f.weight for f in truth if f.credit >= 0.85)
    if not whole or firm < (1 - MOST_TRUSTED) * whole:
        return findings
    return _Trust(findings, reference, prediction, MOST_TRUSTED * whole).given()


def _is_told_of_one(findings: Sequence[Finding]) -> bool:
    """Whether verbs of several meanings are all that stands against it, and every thing is told."""
    against = [f for f in findings if f.contradicts]
    doubtful = all(f.kind == "substituted" and f.category == "action" and f.unsure for f in against)
    missing = any(f.category in _THINGS and f.kind in ("omitted", "invented") and f.weight >= FIRM for f in findings)
    return bool(against) and doubtful and not missing


def _unproven(finding: Finding) -> Finding:
    """A verb of several meanings in a rephrased text is no proof of another deed."""
    if finding.kind != "substituted":
        return finding
    return replace(finding, kind="matched", credit=ALONE, specific=ALONE)


class _Trust:
    def __init__(self, findings: Sequence[Finding], reference: Reading, prediction: Reading, budget: float) -> None:
        self.findings, self.budget = findings, budget
        self.new = _other_words(prediction, reference)
        self.gone = _other_words(reference, prediction)
        self.verbs = sum(f.kind == "invented" and f.category in _DEEDS for f in findings)
        self.used = 0

    def given(self) -> list[Finding]:
        out = [self._omitted(f) if f.kind == "omitted" and f.concept else f for f in self.findings]
        # a thing that is missing or added for certain leaves no room for doubt about deeds
        sure = any(f.category in _THINGS and f.kind in ("omitted", "invented") and f.weight >= FIRM for f in out)
        kept = [f for f in out if f.kind != "invented" or not self._is_told(f)]
        return kept if sure else [_doubted(f) for f in kept]

    def _omitted(self, finding: Finding) -> Finding:
        if finding.weight > self.budget or not (self.new or (self.verbs and finding.category in _DEEDS)):
            return finding
        self.budget -= finding.weight
        if finding.category in _DEEDS and self.verbs:
            self.verbs, self.used = self.verbs - 1, self.used + 1
        else:
            self.new.pop()
        return replace(finding, kind="matched", credit=TRUSTED, specific=TRUSTED)

    def _is_told(self, finding: Finding) -> bool:
        if finding.category in _DEEDS and self.used:
            self.used -= 1
            return True
        if self.gone and finding.said:
            self.gone.pop()
            return True
        return False


def _doubted(finding: Finding) -> Finding:
    if finding.category not in _DEEDS or not finding.concept + finding.said:
        return finding
    if finding.kind == "omitted":
        return replace(finding, kind="matched", credit=ALONE, specific=ALONE)
    return replace(finding, weight=DOUBTED * finding.weight) if finding.kind == "invented" else finding


def _other_words(reading: Reading, other: Reading) -> list[str]:
    """Unknown words that the other text lacks in every form, of clauses that say something of what it says."""
    if not reading.unknown:
        return []
    names = {mention.concept.name for mention in other.mentions if mention.concept.level}
    stems = {token[:STEM] for token in other.tokens}
    near = (
        clause.unknown
        for clause in reading.clauses
        if clause.unknown and any(mention.concept.name in names for mention in clause.mentions)
    )
    return [word for word in dict.fromkeys(word for words in near for word in words) if word[:STEM] not in stems]
