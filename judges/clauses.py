"""Clauses of a reading: joined, negated and put in order, and what each says as a deed.

Negation follows NegEx (Chapman et al. 2001): triggers with a reach and words that end it. Sequence words ("then",
"after", "before") give clauses a stated order; sentences without one have the order of telling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from medvidbench.judges.lexicon_files import Lexicon
from medvidbench.judges.readings import Clause, Mention, Reading

LIGHT = "light_verb"
"""Verbs that leave the deed to a noun: "performs the dissection of"."""
MOST = 1 << 30
_THINGS = ("instrument", "material")
_PASSIVE = frozenset(("is", "are", "was", "were", "be", "been", "being"))
_SMALL = frozenset(("of", "the", "a", "an", "in", "on", "from", "to", "at", "by", "with", "into", "its", "for"))


@dataclass(frozen=True, slots=True)
class Deed:
    """An action with who does it and what it is done to.

    Attributes:
        agents: instruments as (concept, side), the side "" where none is said.
        targets: names of structures.
        time, hard: see `Clause`.
    """

    action: str
    negated: bool
    agents: frozenset[tuple[str, str]]
    targets: frozenset[str]
    time: int
    hard: int


def finish(reading: Reading, lexicon: Lexicon) -> None:
    """Joins the pieces of each clause, negates, orders, and makes compounds, in place."""
    reading.clauses = _joined(reading.clauses)
    for clause in reading.clauses:
        _negate(clause, lexicon, reading.tokens)
        _compound(clause, lexicon)
    _order(reading.clauses)


def deeds(reading: Reading) -> Iterator[Deed]:
    """The deeds in the order of telling; a clause joined by "and" borrows what it lacks from the one before."""
    before: tuple[frozenset[tuple[str, str]], frozenset[str]] = (frozenset(), frozenset())
    for clause in reading.clauses:
        actions = clause.actions
        # "coagulates the artery with no injury to the muscle"
        end = MOST
        if actions and clause.marks:
            end = min((at for at, mark, _ in clause.marks if mark == "negation" and at > actions[0].at), default=MOST)
        agents, targets = _parts(clause, end)
        if clause.opened in ("soft", "or") and actions and clause.mentions[0] is actions[0]:
            agents, targets = agents or before[0], targets or before[1]
        if agents or targets:
            before = agents, targets
        for action in actions:
            yield Deed(action.concept.name, action.negated, agents, targets, clause.time, clause.hard)


def _parts(clause: Clause, end: int) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """Agents of a clause, and the targets that stand before the token `end`."""
    agents: list[tuple[str, str]] = []
    targets: list[str] = []
    for mention in clause.mentions:
        concept = mention.concept
        if not concept.level:
            continue
        if concept.category == "instrument" and not mention.negated:
            agents.append((concept.name, dict(mention.sides).get("horizontal", "") if mention.sides else ""))
        elif concept.category == "anatomy" and mention.at < end:
            targets.append(concept.name)
    return frozenset(agents), frozenset(targets)


def _joined(clauses: Sequence[Clause]) -> list[Clause]:
    """Pieces without an action go with the piece before when that has one, else with the piece behind."""
    out: list[Clause] = []
    for clause in clauses:
        last = out[-1] if out else None
        loose = clause.opened in ("soft", "or") and last is not None and last.sentence == clause.sentence
        # "without bleeding or leakage" denies both
        listed = clause.opened == "or" and not any(mention.verb for mention in clause.mentions)
        # "not recapped after use and drops": what follows isn't after
        bare = (
            last is not None
            and last.opened == "after"
            and not last.mentions
            and clause.opened == "soft"
            and clause.acts
        )
        if last is not None and loose and not bare and (listed or not (clause.acts and last.acts)):
            last.mentions += clause.mentions
            last.marks += clause.marks
            last.unknown += clause.unknown
        else:
            out.append(clause)
    return [clause for clause in out if clause.mentions or clause.marks or clause.unknown]


def _negate(clause: Clause, lexicon: Lexicon, tokens: Sequence[str]) -> None:
    if not any(mark in ("negation", "negated") for _, mark, _ in clause.marks):
        _settle(clause, False)
        return
    reach = lexicon.grammar["negation"]["reach"]
    shields = [at for at, mark, _ in clause.marks if mark == "not_really"]
    denied = False
    for at, mark, said in clause.marks:
        if mark == "negated":
            denied = True
            for mention in clause.mentions:
                if mention.at < at and mention.concept.category == "state":
                    mention.negated = True
        elif mark == "negation" and at not in shields:
            verbal = "not" in said.split() or said in ("never", "cannot", "un") or "to" in said.split()
            denied |= verbal
            if verbal and (done := _left_to_noun(clause.mentions, at)) is not None:
                done.negated = True
            else:
                _deny(clause.mentions, at, reach, verbal, tokens)
    _settle(clause, denied)


def _deny(mentions: Iterable[Mention], at: int, reach: int, verbal: bool, tokens: Sequence[str]) -> None:
    """ "not" denies the verbs and states behind it, "no" and "without" the first thing or deed and what is listed."""
    denied = False
    for mention in mentions:
        if at < mention.at <= at + reach:
            if (
                denied
                and not verbal
                and mention.verb
                and tokens[mention.at - 1] in _PASSIVE
                and _takes_negation(mention)
            ):
                mention.negated = True  # "no artery is identified"
                return
            if denied and not verbal and (mention.verb or not _is_listed(mention, tokens)):
                return
            denied |= mention.concept.level > 0 or mention.verb
            if _takes_negation(mention):
                mention.negated = not mention.negated
                if verbal and mention.verb:
                    return
            elif not verbal and mention.concept.level:
                mention.negated = True


def _left_to_noun(mentions: Sequence[Mention], at: int) -> Mention | None:
    """The deed before a denied light verb: "clipping of the duct is not performed"."""
    behind = next((mention for mention in mentions if mention.at > at), None)
    if behind is None or behind.concept.name != LIGHT or behind.at > at + 2:
        return None
    before = [m for m in mentions if m.at < at and m.concept.category == "action" and m.concept.level]
    return before[0] if before else None


def _is_listed(mention: Mention, tokens: Sequence[str]) -> bool:
    """Whether it follows another by "or", a comma or nothing: "without bleeding or bile leakage"."""
    before = tokens[max(0, mention.at - 2) : mention.at]
    return not before or before[-1] not in _SMALL or "or" in before or "nor" in before


def _settle(clause: Clause, denied: bool) -> None:
    """A finding such as the critical view has the sign of its whole clause; "incomplete" is "complete" denied."""
    falls_short = any(m.concept.name == "not_achieved" and not m.negated for m in clause.mentions)
    falls_short |= any(m.concept.name == "achieved" and m.negated for m in clause.mentions)
    for mention in clause.mentions:
        if mention.concept.finding and mention.concept.category == "context":
            mention.negated = mention.negated or denied or falls_short
        elif mention.concept.name == "hemostasis" and falls_short:
            mention.negated = True


def _takes_negation(mention: Mention) -> bool:
    concept = mention.concept
    return concept.category == "state" or (concept.category == "action" and concept.level > 0)


def _compound(clause: Clause, lexicon: Lexicon) -> None:
    """ "places two clips on" is "clips": the rules of the grammar, one action for one action and thing."""
    names = {m.concept.name for m in clause.mentions}
    for rule in lexicon.grammar["compounds"]:
        if rule["with"] not in names:
            continue
        actions = rule["of"].split()
        for mention in clause.mentions:
            if mention.concept.name in actions:
                mention.concept = lexicon.concepts[rule["are"]]
                clause.mentions = [m for m in clause.mentions if m.concept.name != rule.get("without")]


def _order(clauses: Sequence[Clause]) -> None:
    """Sets `time` and `hard`; a clause behind "after" that stands first comes before what follows it."""
    time = hard = 0
    sentence = -1
    waiting = ""
    for clause in clauses:
        fresh = clause.sentence != sentence
        sentence = clause.sentence
        word = next((value for _, mark, value in clause.marks if mark == "then"), "")
        later = word in ("before", "prior to", "ahead of", "until", "preparatory to")
        if clause.opened == "then" and later and fresh:
            # "Before X, Y": Y is told next and comes first
            clause.time, clause.hard, waiting = time + 3, hard + 3, "before"
            continue
        if clause.opened == "after" and not fresh:
            clause.time, clause.hard = time - 1, hard - 1
            continue
        if waiting == "after" and not fresh:
            time, hard, waiting = time + 2, hard + 2, ""
        elif waiting == "before" and not fresh:
            time, hard, waiting = time + 1, hard + 1, "passed"
        elif waiting == "passed" and fresh:
            time, hard, waiting = time + 4, hard + 4, ""
        if clause.opened == "then":
            time, hard = time + 2, hard + 2
        elif fresh:
            time += 2
        if clause.opened == "after":
            waiting = "after"
        clause.time, clause.hard = time, hard
