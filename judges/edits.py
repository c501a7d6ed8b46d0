"""Nearly equal texts: what stands in the place of what, where the lexicon can't tell.

Two captions that differ in a few short runs of words say the same but for these runs. A run with a word that the
lexicon lacks, a preposition of place, or a general verb in the place of an unrelated one is an exchange unless both
runs are forms, initials or quantities of the same. A paraphrase differs in more and is never looked at here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Final, TypeAlias

from medvidbench.judges.clauses import LIGHT
from medvidbench.judges.findings import MOTIONS, Finding, Kind
from medvidbench.judges.lexicon_files import Lexicon
from medvidbench.judges.readings import Mention, Reading

MOST_EXCHANGED, MOST_RUNS, LONGEST_RUN = 12, 2, 6
"""Different tokens, runs, and tokens of one run up to which two texts are nearly equal."""
_DENIALS: Final = frozenset(("not", "no", "without", "never", "cannot", "un"))
_WAYS: Final = frozenset((
    "toward", "towards", "away", "from", "into", "onto", "off", "out", "over", "under", "above", "below", "across",
    "along", "through", "around", "inside", "outside", "in", "on", "against", "beneath", "behind", "upon", "up", "down",
    "back", "forward", "backward", "clockwise", "counterclockwise", "anticlockwise",
))  # fmt: skip
_PERSONS: Final = frozenset(("surgeon", "assistant", "nurse", "patient", "scrub_nurse", "anesthetist"))
_ONTO: Final = frozenset(("onto", "toward", "towards"))
_THINGS: Final = frozenset(("instrument", "material", "anatomy"))
_ORDINALS: Final = frozenset(("first", "second", "third", "fourth", "fifth", "last", "next", "previous"))
_FORMS: Final = ("ed", "ing", "es", "s", "en")
_BEFORE_NOUNS: Final = frozenset(
    ("the", "a", "an", "with", "of", "to", "on", "in", "by", "into", "through", "from", "for", "and", "or", "using")
)
_AUXILIARIES: Final = frozenset(("is", "are", "was", "were", "been", "being", "be", "to", "and", "then", "then,"))


Runs: TypeAlias = Sequence[tuple[int, int, int, int]]


def edited(
    reference: Reading, prediction: Reading, runs: Runs, findings: Sequence[Finding], lexicon: Lexicon
) -> list[Finding]:
    """The findings with every exchange in the runs where nearly equal texts differ told as one."""
    out = list(findings)
    # a denial that stands elsewhere is still there
    gone = any(_DENIALS.intersection(reference.tokens[a:b]) for a, b, _, _ in runs)
    moved = gone and any(_DENIALS.intersection(prediction.tokens[c:d]) for _, _, c, d in runs)
    for a, b, c, d in runs:
        run = _Run(reference, prediction, (a, b, c, d), moved)
        known = [f for f in out if f.contradicts and run.holds(f)]
        found = None if known else run.finding(out, lexicon)
        if found is not None:
            out = [f for f in out if f.contradicts or not run.holds(f)] + [found]
    return out


def runs_of(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Where nearly equal texts differ: (start, end, start, end); [] for copies and for other texts."""
    if abs(len(ours) - len(theirs)) > MOST_EXCHANGED or len(ours) < 4:
        return []
    differing = Counter(ours)
    differing.subtract(theirs)
    if sum(map(abs, differing.values())) > MOST_EXCHANGED:
        return []
    blocks = [b for b in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes() if b[0] != "equal"]
    if len(blocks) > MOST_RUNS or any(max(b[2] - b[1], b[4] - b[3]) > LONGEST_RUN for b in blocks):
        return []
    if len(blocks) > 1 and _moved(ours, theirs, blocks):
        return []
    return [(a, b, c, d) for _, a, b, c, d in blocks]


def _moved(ours: Sequence[str], theirs: Sequence[str], blocks: Sequence[tuple[str, int, int, int, int]]) -> bool:
    """Whether a word stands elsewhere: then the text is rephrased."""
    gone = {word for _, a, b, _, _ in blocks for word in ours[a:b] if len(word) > 3}
    return any(word in gone for _, _, _, c, d in blocks for word in theirs[c:d])


class _Run:
    """One run of each text, either of which may be empty."""

    def __init__(self, reference: Reading, prediction: Reading, at: tuple[int, int, int, int], moved: bool) -> None:
        self.moved = moved
        self.texts, self.at = (reference, prediction), at
        self.truth, self.said = reference.tokens[at[0] : at[1]], prediction.tokens[at[2] : at[3]]
        self.before = reference.tokens[at[0] - 1] if at[0] else ""

    def holds(self, finding: Finding) -> bool:
        """Whether the words of a finding are words of the runs."""
        truth, said = finding.reference.split(), finding.prediction.split()
        ours = bool(truth) and all(word in self.truth for word in truth)
        theirs = bool(said) and all(word in self.said for word in said)
        return (ours and (theirs or not said)) or (theirs and not truth)

    def finding(self, findings: Sequence[Finding], lexicon: Lexicon) -> Finding | None:
        """The exchange, or None where both runs may say the same."""
        words = " ".join(self.truth), " ".join(self.said)
        denied, denies = _DENIALS & {*self.truth}, _DENIALS & {*self.said}
        if (
            bool(denied) != bool(denies)
            and not self.moved
            and not (self.truth and self.said and self._same_things(lexicon))
        ):
            return Finding("negated", "state", 0.0, 1.0, "", "", *words, 1.0)
        if not self.truth or not self.said or self._is_same():
            return None
        ours, theirs = self._mentions()
        if self._persons():
            kind: Kind = "direction" if "to" in self.texts[0].tokens[max(0, self.at[0] - 2) : self.at[0]] else "role"
            return Finding(kind, "direction" if kind == "direction" else "agent", 0.0, 1.0, "", "", *words, 1.0)
        if (side := self._side(lexicon)) is not None:
            return side
        if (way := self._way(ours, theirs)) is not None:
            return replace(way, reference=words[0], prediction=words[1])
        if _ORDINALS.issuperset((*self.truth, *self.said)):
            return Finding("substituted", "anatomy", 0.0, 1.0, "", "", *words, 1.0)
        strange = {*self.texts[0].unknown, *self.texts[1].unknown}
        if strange.isdisjoint((*self.truth, *self.said)) and not self._unlike(ours, theirs, lexicon):
            return None
        if _ONTO.intersection(self.texts[0].tokens[max(0, self.at[0] - 2) : self.at[0]]):
            return Finding("direction", "direction", 0.0, 1.0, "", "", *words, 1.0)
        category = self._category(ours, theirs)
        return Finding("substituted", category, 0.0, 1.0, "", "", *words, 1.0)

    def _side(self, lexicon: Lexicon) -> Finding | None:
        """Another side on one axis: "the left hand" where the right one was."""
        truth, said = ({*filter(None, map(lexicon.side_words.get, run))} for run in (self.truth, self.said))
        axes = {value.partition(":")[0] for value in truth} & {value.partition(":")[0] for value in said}
        if not axes or truth & said:
            return None
        kind: Kind = "side" if MOTIONS.isdisjoint(axes) else "direction"
        return Finding(kind, kind, 0.0, 1.0, "", "", " ".join(self.truth), " ".join(self.said), 1.0)

    def _same_things(self, lexicon: Lexicon) -> bool:
        """A denial of the opposite: "not visible" for "hidden"."""
        ours, theirs = self._mentions()
        return any(lexicon.relation(a.concept.name, b.concept.name)[0] == "opposite" for a in ours for b in theirs)

    def _mentions(self) -> tuple[list[Mention], list[Mention]]:
        a, b, c, d = self.at
        ours = [m for m in self.texts[0].mentions if m.end > a and m.at < b and m.concept.level]
        return ours, [m for m in self.texts[1].mentions if m.end > c and m.at < d and m.concept.level]

    def _persons(self) -> bool:
        """One person in the place of another."""
        a, b, c, d = self.at
        ours = {m.concept.name for m in self.texts[0].mentions if a <= m.at < b}
        theirs = {m.concept.name for m in self.texts[1].mentions if c <= m.at < d}
        return ours != theirs and ours <= _PERSONS and theirs <= _PERSONS and bool(ours and theirs)

    def _is_same(self) -> bool:
        truth, said = ([w for w in run if w.isalnum()] for run in (self.truth, self.said))
        if {w[:5] for w in truth} == {w[:5] for w in said} and not _WAYS & {*truth, *said}:
            return True
        if _initials(truth, said) or _initials(said, truth):
            return True
        quantities = [sorted(text.quantities) for text in self.texts]
        return bool(quantities[0]) and quantities[0] == quantities[1] and any(w[0].isdigit() for w in truth + said)

    def _way(self, ours: Sequence[Mention], theirs: Sequence[Mention]) -> Finding | None:
        """Other prepositions or adverbs of place: "toward" for "away from", "off" for "onto"."""
        if ours or theirs:
            return None
        truth, said = _WAYS & {*self.truth}, _WAYS & {*self.said}
        moved = truth != said and ((truth and said) or _is_adverb(self.truth) or _is_adverb(self.said))
        if not moved and not (_is_adverb(self.truth) and _is_adverb(self.said)):
            return None
        return Finding("direction", "direction", 0.0, 1.0, specific=1.0)

    def _unlike(self, ours: Sequence[Mention], theirs: Sequence[Mention], lexicon: Lexicon) -> bool:
        """Whether known words on both sides have nothing to do with each other."""
        a, b = self.at[:2]
        light = any(m.concept.name == LIGHT and a <= m.at < b for m in self.texts[0].mentions)
        if light and not ours and any(m.verb and m.concept.level > 1 for m in theirs):
            # "clipping is performed" says what "is clipped" says
            told = {m.concept.name for m in self.texts[0].mentions}
            return told.isdisjoint(m.concept.name for m in theirs)
        if not ours or not theirs:
            # "lets" for "draws"
            return any(m.verb and m.concept.level > 1 for m in ours) and self.said[-1].isalpha()
        return all(
            lexicon.relation(a.concept.name, b.concept.name)[0] == "other"
            and b.concept.name not in a.others
            and a.concept.name not in b.others
            and not {*a.others} & {*b.others}
            for a in ours
            for b in theirs
        )

    def _category(self, ours: Sequence[Mention], theirs: Sequence[Mention]) -> str:
        # the last word of a noun phrase names the thing
        things = [m.concept.category for m in (*reversed(ours), *reversed(theirs)) if m.concept.category in _THINGS]
        if things and self.before in _BEFORE_NOUNS:
            return things[0]
        is_verb = any(m.verb for m in ours) or (any(m.verb for m in theirs) and self.truth[-1].endswith(_FORMS))
        if self.before not in _BEFORE_NOUNS and is_verb:
            return "action"
        named = next(iter((*reversed(ours), *reversed(theirs))), None)
        if named is not None and (named.verb or named.concept.category != "action"):
            return named.concept.category if named.concept.category != "context" else "anatomy"
        words = [w for w in self.truth if w.isalpha()] or list(self.truth)
        if self.before in _BEFORE_NOUNS - _AUXILIARIES:
            return "anatomy"
        is_verb = any(w.endswith(_FORMS) for w in words[:2]) or self.before in _AUXILIARIES
        return "action" if is_verb or self._follows_noun() else "anatomy"

    def _follows_noun(self) -> bool:
        """ "the forceps evert the edge": a word between a thing and an article."""
        behind = self.texts[0].tokens[self.at[1] : self.at[1] + 1]
        return self.before not in _BEFORE_NOUNS and behind[:1] in (("the",), ("a",), ("an",), ("its",))


def _is_adverb(words: Sequence[str]) -> bool:
    return any(w.endswith(("ward", "wards", "wise")) or (w.endswith("ly") and w[:-2].endswith("al")) for w in words)


def _initials(short: Sequence[str], long: Collection[str]) -> bool:
    words = [w for w in long if w not in ("of", "the", "and", "a", "in")]
    return (
        len(short) == 1
        and 1 < len(short[0]) == len(words)
        and all(letter == word[0] for letter, word in zip(short[0], words, strict=True))
    )
