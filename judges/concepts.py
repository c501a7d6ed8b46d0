"""What a caption says: concepts with their negation, sides, quantities, roles and order, found with the lexicon.

Steps: tokens; the longest match in the trie at each place; a noun or a verb where a word is both; clauses, with what
negates them and what puts them in order; who does what to what in each.

A caption is data: no word of it can change how it is read. Texts are read up to `MOST_TOKENS` tokens; what is behind
them counts as words (`Reading.words`) and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from medvidbench.judges.clauses import finish
from medvidbench.judges.lexicon_files import Lexicon, Sense, phrases, plain
from medvidbench.judges.paths import paths
from medvidbench.judges.readings import Clause, Mention, Place, Reading

MOST_TOKENS: Final = 3000
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|°c|℃|[^\W\d_]+|[%.,;:!?()\n]")
SENTENCE_ENDS: Final = frozenset(".;!?\n")
SOFT_ENDS: Final = frozenset(",:()")
_ARTICLES: Final = frozenset(("a", "an", "the"))
_JOINS: Final = {"and": "soft", "plus": "soft", "or": "or"}
"""How a clause opens behind these words."""


class Reader:
    """Reads captions with one lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        grammar = lexicon.grammar
        self.lexicon = lexicon
        self.heads = frozenset(phrases(grammar["place_heads"]))
        self.toward = frozenset(phrases(grammar["toward"]))
        self.articles = frozenset(phrases(grammar["articles"]))
        self.stop_words = frozenset(grammar["stop_words"].split())
        self.long = {short: tuple(words.split()) for short, words in grammar["abbreviations"].items()}
        self.short = frozenset(self.long)
        self.sides = lexicon.side_words
        self.numbers = {word: float(i) for i, word in enumerate(phrases(grammar["numbers"]))} | {
            word: float(value) for word, value in grammar["tens"].items()
        }
        self.units = {
            unit: (dimension, float(factor))
            for dimension, units in grammar["units"].items()
            for unit, factor in units.items()
        }

    def read(self, text: str) -> Reading:
        """What a text says."""
        tokens = _TOKEN.findall(plain(text))
        words = sum(token not in SENTENCE_ENDS and token not in SOFT_ENDS for token in tokens)
        if not self.short.isdisjoint(tokens):
            tokens = [word for token in tokens for word in self.long.get(token, (token,))]
        tokens = tokens[:MOST_TOKENS]
        ways = tuple(paths(tokens, self.sides))
        reading = Reading([Clause(0)], [], [], [], words, distinct_share(tokens), tuple(tokens), ways)
        self._walk(tokens, reading)
        finish(reading, self.lexicon)
        return reading

    def _walk(self, tokens: Sequence[str], reading: Reading) -> None:
        trie, i, sentence = self.lexicon.trie, 0, 0
        sides: list[tuple[int, str]] = []
        while i < len(tokens):
            token = tokens[i]
            if token in SENTENCE_ENDS:
                sides = self._flush(tokens, sides, reading)
                sentence += 1
                reading.clauses.append(Clause(sentence))
                i += 1
                continue
            if token in SOFT_ENDS or token in _JOINS:
                # "up and to the left" is one direction, "the left and the right hand" two
                if token in SOFT_ENDS:
                    sides = self._flush(tokens, sides, reading)
                reading.clauses.append(Clause(sentence, _JOINS.get(token, "soft")))
                i += 1
                continue
            senses, end = longest(trie, tokens, i)
            if senses is None and token[:2] == "un" and len(token) > 6:
                # "unexposed" is "exposed" denied
                senses, end = longest(trie, (token[2:],), 0)[0], i + 1
                if senses is not None and senses[0].verb:
                    reading.clauses[-1].marks.append((i - 1, "negation", "un"))
                else:
                    senses = None
            if senses is None:
                quantity = self._quantity(tokens, i)
                if quantity:
                    reading.quantities.append(quantity[0])
                    i = quantity[1]
                    continue
                if token.isalpha() and len(token) > 2 and token not in self.stop_words and token not in self.heads:
                    reading.unknown.append(token)
                    reading.clauses[-1].unknown.append(token)
                i += 1
                continue
            sides = self._take(tokens, i, end, senses, reading, sides)
            # of "injects local anesthetic" the drug is read as well
            i = i + 1 if end - i > 1 and tuple(tokens[i:end]) in self.lexicon.open_phrases else end
        self._flush(tokens, sides, reading)

    def _take(
        self,
        tokens: Sequence[str],
        i: int,
        end: int,
        senses: list[Sense],
        reading: Reading,
        sides: list[tuple[int, str]],
    ) -> list[tuple[int, str]]:
        """Adds what stands at tokens[i:end]; the sides that wait for the word they belong to."""
        mark = next((sense for sense in senses if sense.mark), None)
        clause = reading.clauses[-1]
        if mark is not None and mark.mark == "side":
            # "upper left" and "up and to the left" are one place, "left to right" are two
            gap = tokens[sides[-1][0] + 1 : i] if sides else ()
            if gap and ("and" not in gap or len(gap) > 4):
                sides = self._flush(tokens, sides, reading)
            return [*sides, (i, mark.value)]
        if mark is not None and mark.mark in ("then", "first") and end - i == 1 and i and tokens[i - 1] in _ARTICLES:
            return sides  # "the fourth ring" tells no order
        if mark is not None:
            self._mark(mark, i, clause, reading)
            if mark.mark not in ("agent", "then", "same"):
                return sides
            return self._flush(tokens, sides, reading)
        sense = self._chosen(tokens, i, end, senses, clause)
        if sense.verb and self._is_adjective(tokens, i, end):
            return sides
        concept = self.lexicon.concepts[sense.concept]
        mention = Mention(concept, i, end, " ".join(tokens[i:end]), sense.lay, sense.verb)
        if len(senses) > 1:
            mention.others = tuple(
                other.concept for other in senses if other.concept and other.concept != sense.concept
            )
        # the side word right before belongs to the thing; words that mean any place leave it free
        if sides and not sense.verb and concept.category != "action" and i - sides[-1][0] == 1:
            if (concept.level and concept.category != "state") or concept.name == "lateral_position":
                mention.sides = tuple(sorted(_values(value for _, value in sides)))
                sides = []
        elif sides and (sense.verb or i - sides[-1][0] > 2):
            sides = self._flush(tokens, sides, reading)
        clause.mentions.append(mention)
        return sides

    def _mark(self, mark: Sense, i: int, clause: Clause, reading: Reading) -> None:
        if mark.mark in ("then", "after", "same", "break", "stop", "first"):
            reading.clauses.append(Clause(clause.sentence, mark.mark))
            clause = reading.clauses[-1]
        clause.marks.append((i, mark.mark, mark.value))

    def _chosen(self, tokens: Sequence[str], i: int, end: int, senses: list[Sense], clause: Clause) -> Sense:
        """The noun behind an article, a number or another verb, else the verb; of equals the first."""
        if len(senses) == 1:
            return senses[0]
        before = tokens[i - 1] if i else ""
        behind = tokens[end] if end < len(tokens) else ""
        is_noun = before in self.articles or (before in self.numbers) or before.isdecimal()
        last = clause.mentions[-1] if clause.mentions else None
        if last is not None and last.end == i and last.verb:
            is_noun = True
        if behind in ("the", "a", "an", "its", "both") and before not in ("the", "a", "an"):
            is_noun = False
        if not is_noun and before in ("", ",", ".") and behind in ("is", "are", "was", "were"):
            is_noun = True
        return next((sense for sense in senses if sense.verb != is_noun), senses[0])

    def _is_adjective(self, tokens: Sequence[str], i: int, end: int) -> bool:
        """ "a wet towel", "the open wound": a base form between an article and another word."""
        if end - i != 1 or not i or tokens[i - 1] not in _ARTICLES or tokens[i].endswith(("s", "ed", "ing")):
            return False
        return (
            end < len(tokens) and tokens[end].isalpha() and (tokens[end] == "one" or tokens[end] not in self.stop_words)
        )

    def _flush(self, tokens: Sequence[str], sides: list[tuple[int, str]], reading: Reading) -> list[tuple[int, str]]:
        """Side words that belong to no concept become a place; returns no sides."""
        if sides:
            first, last = sides[0][0], sides[-1][0]
            words = " ".join(tokens[first : last + 1])
            if self._is_hand(tokens, first, last, reading):
                hand = Mention(self.lexicon.concepts["hand"], first, last + 1, f"{words} hand")
                hand.sides = tuple(sorted(_values(value for _, value in sides)))
                reading.clauses[-1].mentions.append(hand)
                return []
            reading.places.append(
                Place(self._role(tokens, first, last), tuple(sorted(_values(v for _, v in sides))), words)
            )
        return []

    @staticmethod
    def _is_hand(tokens: Sequence[str], first: int, last: int, reading: Reading) -> bool:
        """ "... in the right hand and pulls with the left": the hand that isn't said again."""
        alone = last + 1 == len(tokens) or not tokens[last + 1].isalpha() or tokens[last + 1] == "and"
        if not alone or first < 2 or tokens[first - 1] != "the" or tokens[first - 2] not in ("with", "by", "using"):
            return False
        sentence = reading.clauses[-1].sentence
        return any(
            mention.concept.name == "hand"
            for clause in reading.clauses
            if clause.sentence == sentence
            for mention in clause.mentions
        )

    def _role(self, tokens: Sequence[str], first: int, last: int) -> str:
        before = tokens[max(0, first - 3) : first]
        behind = tokens[last + 1 : last + 3]
        said = tokens[first : last + 1]
        near = next((word for word in reversed(before) if word == "from" or word in self.toward), "")
        if near == "from":
            return "from"
        if near or "direction" in behind:
            return "to"
        if any(word.endswith(("ward", "wards", "ly", "ad", "ial")) or word in ("up", "down") for word in said) and not (
            behind and behind[0] in self.heads
        ):
            return "to"
        return "at"

    def _quantity(self, tokens: Sequence[str], i: int) -> tuple[tuple[str, float], int] | None:
        token = tokens[i]
        value, end = self.numbers.get(token), i + 1
        if token in _TIMES:
            return ("times", _TIMES[token]), end
        if token in _PARTS and (part := self._part(tokens, i)) is not None:
            return part
        if value is None:
            if not token[0].isdecimal():
                return None
            value = float(token.replace(",", "."))
        unit = self.units.get(tokens[end]) if end < len(tokens) else None
        if unit is None:
            # "one" is an article as often as a number
            return None if value == 1 else (("number", value), end)
        name, amount, end = unit[0], value * unit[1], end + 1
        if name in ("volume", "drops", "mass", "dose") and (by := self._per(tokens, end)) is not None:
            name, amount, end = f"{name} rate", amount / by[0], by[1]
        return (name, round(amount, 6)), end

    def _per(self, tokens: Sequence[str], i: int) -> tuple[float, int] | None:
        """Seconds of "per minute", "a minute", "min" behind a volume, and the index behind."""
        if i < len(tokens) and tokens[i] in ("per", "a", "an", "every", "each"):
            i += 1
        unit = self.units.get(tokens[i]) if i < len(tokens) else None
        return (unit[1], i + 1) if unit is not None and unit[0] == "time" else None

    def _part(self, tokens: Sequence[str], i: int) -> tuple[tuple[str, float], int] | None:
        """ "half a minute", "a quarter of an hour": part of one unit."""
        for at in range(i + 1, min(i + 4, len(tokens))):
            unit = self.units.get(tokens[at])
            if unit is not None:
                return (unit[0], round(_PARTS[tokens[i]] * unit[1], 6)), at + 1
            if tokens[at] not in ("a", "an", "of"):
                return None
        return None


_TIMES: Final = {"twice": 2.0, "thrice": 3.0}
_PARTS: Final = {"half": 0.5, "quarter": 0.25}


def longest(trie: dict[str, Any], tokens: Sequence[str], i: int) -> tuple[list[Sense] | None, int]:
    """The senses of the longest form at tokens[i:], and the index behind it; None without one."""
    node: Any = trie
    found, end = None, i
    for j in range(i, len(tokens)):
        node = node.get(tokens[j])
        if node is None:
            break
        if "" in node:
            found, end = node[""], j + 1
    return found, end


def distinct_share(tokens: Sequence[str]) -> float:
    """Different runs of three tokens / all such runs; 1 for fewer than four tokens."""
    if len(tokens) < 4:
        return 1.0
    return len(set(zip(tokens, tokens[1:], tokens[2:], strict=False))) / (len(tokens) - 2)


def _values(said: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(axis, value) of side words; a later word on the same axis wins, and the centre is the middle of both axes."""
    found: dict[str, str] = {}
    for value in (part for values in said for part in values.split()):
        if value == "center":
            found.setdefault("horizontal", "middle")
            found.setdefault("vertical", "middle")
        else:
            axis, _, place = value.partition(":")
            # "the left and the right hand"
            found[axis] = "both" if {found.get(axis), place} == {"left", "right"} else place
    return iter(found.items())
