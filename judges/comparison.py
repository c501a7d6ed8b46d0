"""Two readings side by side: what was matched, said more vaguely, contradicted, missed and invented.

Units are the different concepts of a text. Those of one category are aligned one to one, best relation first: the same
concept, one confused in good faith, a more special or a more general one, an opposite. What is left on both sides of a
category is a substitution ("scissors" for "hook"), what is left on one side is omitted or invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from medvidbench.judges.clauses import LIGHT, Deed, deeds
from medvidbench.judges.differences import compare_paths, directions, orders, places, quantities, roles, sides
from medvidbench.judges.edits import edited, runs_of
from medvidbench.judges.findings import WEIGHT, Finding, Kind, Unit
from medvidbench.judges.goodwill import trusted
from medvidbench.judges.lexicon_files import CATEGORIES, Concept, Lexicon, Relation
from medvidbench.judges.readings import Mention, Reading
from medvidbench.judges.steps import compare_steps

_NEGATED_BY_NOUN: Final = frozenset({"action", "state", "context"})
_COUNTABLE: Final = _NEGATED_BY_NOUN | {"material"}
_TOOLS: Final = frozenset({"instrument", "material"})
_SAID_OF: Final = frozenset({"instrument", "material", "anatomy"})
_PARTNERS: Final = {
    "state": ("action",),
    "action": ("state",),
    "instrument": ("material",),
    "material": ("instrument",),
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that scores and reports are made of."""

    findings: tuple[Finding, ...]
    reference: Reading
    prediction: Reading
    reference_deeds: tuple[Deed, ...]
    prediction_deeds: tuple[Deed, ...]


def compare(reference: Reading, prediction: Reading, lexicon: Lexicon) -> Comparison:
    """All findings on a pair."""
    truth, said = _units(reference, lexicon), _units(prediction, lexicon)
    done, told = tuple(deeds(reference)), tuple(deeds(prediction))
    findings = _aligned(truth, said, lexicon)
    findings += sides(truth, said, prediction.places)
    findings += places(reference.places, prediction.places, directions(said, lexicon), said)
    findings += quantities(reference, prediction)
    findings += roles(done, told, lexicon) + orders(done, told)
    findings = compare_paths(reference.paths, prediction.paths, findings)
    runs = runs_of(reference.tokens, prediction.tokens)
    if runs:
        findings = edited(reference, prediction, runs, findings, lexicon)
    told_steps = compare_steps(reference, prediction, findings, lexicon)
    known = any(f.kind == "order" for f in findings)
    findings += [f for f in told_steps if not (known and f.kind == "order")]
    return Comparison(tuple(trusted(findings, reference, prediction, bool(runs))), reference, prediction, done, told)


def _units(reading: Reading, lexicon: Lexicon) -> list[Unit]:
    found: dict[tuple[str, bool], Unit] = {}
    for mention, company in _with_company(reading):
        if mention.concept.name == LIGHT:
            continue
        # "free of fat" names the fat; of things only fluids and materials can be missing
        negated = mention.negated and (mention.concept.category in _COUNTABLE or "fluid" in mention.concept.parents)
        key = mention.concept.name, negated
        unit = found.get(key)
        if unit is None:
            unit = Unit(mention.concept, mention.words, negated, mention.lay, others=frozenset(mention.others))
            unit.company = company
            found[key] = unit
        elif unit.lay and not mention.lay:
            unit.lay, unit.words = False, mention.words
        for axis, value in mention.sides:
            unit.sides.setdefault(axis, set()).add(value)
    implied = {
        other: (unit.words, unit.negated and unit.concept.finding)
        for unit in list(found.values())
        for other in unit.concept.implies
    }
    for unit in found.values():
        unit.implied = unit.concept.name in implied
    for name, (words, negated) in implied.items():
        # what is implied can be matched, and is neither missing nor invented
        unit = Unit(lexicon.concepts[name], words, negated, False, said=False, implied=True)
        found.setdefault((name, negated), unit)
    return list(found.values())


def _with_company(reading: Reading) -> Iterator[tuple[Mention, frozenset[str]]]:
    """Mentions with the names of the things in their clause."""
    for clause in reading.clauses:
        things = frozenset(
            m.concept.name for m in clause.mentions if m.concept.category in _SAID_OF and m.concept.level
        )
        for mention in clause.mentions:
            yield mention, things


def _aligned(truth: Sequence[Unit], said: Sequence[Unit], lexicon: Lexicon) -> list[Finding]:
    out: list[Finding] = []
    left: list[Unit] = []
    implied: list[Unit] = []
    # by position: ties between candidates must not depend on where objects lie in memory
    open_said = dict(enumerate(said))
    at = {(unit.concept.name, unit.negated): i for i, unit in enumerate(said)}
    names = {unit.concept.name for unit in said}
    # what is only implied takes no partner from what is said
    for unit in (unit for unit in truth if unit.said):
        same = at.get((unit.concept.name, unit.negated))
        if same is not None and not said[same].said and (unit.concept.name, not unit.negated) in at:
            same = None  # what is said counts against what is only implied
        parts = unit.concept.implies
        if same is not None and not said[same].said and unit.concept.category in _TOOLS:
            implied.append(unit)
        elif same is not None:
            open_said.pop(same, None)
            out.append(_matched(unit, said[same]))
        elif len(parts) > 1 and names.issuperset(parts):
            out.append(_matched(unit, unit))
        else:
            left.append(unit)
    out += _ambiguous(left, open_said, lexicon)
    out += _related(left, open_said, lexicon)
    _spare(truth, open_said, lexicon)
    surplus = list(open_said.values())
    strange = _TOOLS & {unit.concept.category for unit in surplus if unit.concept.level > 1}
    # another instrument in the place of one that needn't be said is an exchange all the same
    out += [_matched(unit, unit) for unit in implied if unit.concept.category not in strange]
    left = [unit for unit in left if _is_missed(unit, truth, left, strange, lexicon)]
    return out + _rest(left + [unit for unit in implied if unit.concept.category in strange], surplus)


def _is_missed(
    unit: Unit, truth: Sequence[Unit], left: Sequence[Unit], strange: frozenset[str], lexicon: Lexicon
) -> bool:
    """Whether a unit without a partner must be told, or another tool stands in its place."""
    missing = {id(other) for other in left}
    told = [other for other in truth if id(other) not in missing]
    spared = not unit.needed or _repeats(unit.concept, told, lexicon)
    return not spared or (unit.said and unit.concept.category in strange)


def _matched(unit: Unit, same: Unit) -> Finding:
    name, category = unit.concept.name, unit.concept.category
    if same.lay and not unit.lay:
        return Finding("lay", category, 0.9, unit.weight, name, name, unit.words, same.words, 0.85)
    return Finding("matched", category, 1.0, unit.weight, name, name, unit.words, same.words, 1.0)


def _ambiguous(left: list[Unit], said: dict[int, Unit], lexicon: Lexicon) -> list[Finding]:
    """Words of several meanings agree when one meaning does: "clears the blood" with "suctions the blood"."""
    out: list[Finding] = []
    for unit in list(left):
        key = next((key for key, other in said.items() if _may_agree(unit, other, lexicon)), None)
        if key is not None:
            left.remove(unit)
            match = _matched(unit, said.pop(key))
            out.append(replace(match, weight=max(match.weight, WEIGHT[2]) if unit.others else match.weight))
    return out


def _may_agree(unit: Unit, other: Unit, lexicon: Lexicon) -> bool:
    names = unit.concept.name, other.concept.name
    meant = names[0] in other.others or names[1] in unit.others or not unit.others.isdisjoint(other.others)
    if not (meant and unit.negated == other.negated and unit.said and other.said):
        return False
    return lexicon.relation(*names)[0] != "opposite"


def _related(left: list[Unit], said: dict[int, Unit], lexicon: Lexicon) -> list[Finding]:
    """Aligns by relation, best credit first; takes what it uses out of both."""
    pairs = []
    for i, unit in enumerate(left):
        for key, other in said.items():
            allowed = other.concept.category == unit.concept.category or (
                other.concept.category in _PARTNERS.get(unit.concept.category, ())
            )
            relation, credit = lexicon.relation(unit.concept.name, other.concept.name) if allowed else ("other", 0.0)
            if relation != "other":
                pairs.append((-credit, i, key, relation))
    out: list[Finding] = []
    used: set[int] = set()
    for negative, i, key, relation in sorted(pairs):
        if i not in used and key in said:
            used.add(i)
            out.append(_relation(left[i], said.pop(key), relation, -negative))
    left[:] = [unit for i, unit in enumerate(left) if i not in used]
    return out


def _relation(unit: Unit, other: Unit, relation: Relation, credit: float) -> Finding:
    category, names = unit.concept.category, (unit.concept.name, other.concept.name)
    words = unit.words, other.words
    weight = unit.weight or other.weight
    if relation == "opposite":
        # "not bleeding" is no opposite of "haemostasis"
        if unit.negated != other.negated:
            return Finding("matched", category, 0.9, weight, *names, *words, 1.0)
        return Finding("opposite", category, 0.0, weight, *names, *words, 1.0)
    if unit.negated != other.negated and (relation == "same" or other.concept.level > 1):
        # "no blood" for "blood" is no other thing: it is the state that is wrong
        said = category if category in _NEGATED_BY_NOUN else "state"
        return Finding("negated", said, 0.0, weight, *names, *words, 1.0)
    if relation == "vaguer":
        return Finding("vaguer", category, credit, weight, *names, *words, credit)
    kind: Kind = "lay" if other.lay and not unit.lay else "matched"
    return Finding(kind, category, credit, weight, *names, *words, 1.0)


def _spare(truth: Sequence[Unit], said: dict[int, Unit], lexicon: Lexicon) -> None:
    """Drops what isn't invented: the implied, the general word for something matched, a phase whose deeds are there."""
    named = {unit.concept.name for unit in truth}
    unsaid = {unit.concept.name for unit in truth if not unit.said}
    for key, unit in list(said.items()):
        implies = unit.concept.implies
        whole = len(implies) > 1 and all(name in named for name in implies)
        general = not unit.negated and _repeats(unit.concept, truth, lexicon)
        if not unit.needed or whole or general or unit.concept.name in unsaid:
            del said[key]


def _repeats(concept: Concept, others: Sequence[Unit], lexicon: Lexicon) -> bool:
    """Whether it is a general word for, or easily taken for, one of the others that has a name."""
    for unit in others:
        name = unit.concept.name
        if concept.name in lexicon.ancestors[name] or concept.name in unit.concept.near or name in concept.near:
            return True
    return False


def _of_one_deed(left: Sequence[Unit], said: Sequence[Unit]) -> tuple[list[Unit], list[Unit]]:
    """Verbs that stand for each other: those that are said of a common thing, or where one of them has none."""
    ours: list[Unit] = []
    theirs: list[Unit] = []
    for unit in left:
        for other in said:
            apart = unit.company and other.company and unit.company.isdisjoint(other.company)
            if not apart and not any(other is taken for taken in theirs):
                ours.append(unit)
                theirs.append(other)
                break
    return ours, theirs


def _rest(left: Sequence[Unit], said: Sequence[Unit]) -> list[Finding]:
    out: list[Finding] = []
    for category in CATEGORIES:
        missing = [unit for unit in left if unit.concept.category == category]
        surplus = [unit for unit in said if unit.concept.category == category]
        # a word of another class that says little ("places") is no contradiction
        strong = [unit for unit in missing if unit.concept.level > 1]
        others = [unit for unit in surplus if unit.concept.level > 1]
        if category == "action":
            strong, others = _of_one_deed(strong, others)
        for unit, other in zip(strong, others, strict=False):
            weight = max(unit.weight, other.weight)
            out.append(
                Finding(
                    "substituted",
                    category,
                    0.0,
                    weight,
                    unit.concept.name,
                    other.concept.name,
                    unit.words,
                    other.words,
                    0.95,
                    bool(unit.others or other.others),
                )
            )
        swapped = {id(unit) for unit in (*strong[: len(others)], *others[: len(strong)])}
        missing = [unit for unit in missing if id(unit) not in swapped]
        surplus = [unit for unit in surplus if id(unit) not in swapped]
        out += [Finding("omitted", category, 0.0, u.weight, u.concept.name, "", u.words) for u in missing]
        out += [Finding("invented", category, 0.0, u.weight, "", u.concept.name, "", u.words) for u in surplus]
    return out
