"""Intervals in free text: neighbouring mentions of a time whose in-between joins them.

"12.5-30.2 s", "from 12 to 30", "starts at 12.5 seconds and ends at 30.2 seconds", "(12.5, 30.2)". Each mention is
used once, left to right. `Pair.strength` says how sure the phrasing is, and readers take the surest only.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from medvidbench.tasks.reading.common import word_set
from medvidbench.tasks.reading.times import Kind, Mention, find_mentions, words_of

LABELLED, TIMED, BARE = 3, 2, 1
_WINDOW, _MAX_GAP = 48, 160
_FILLER = word_set(
    "s sec secs second seconds min mark about around approximately approx roughly nearly near the a an time"
    " timestamp timestamps timecode t at of is was are it frame frames no number index idx exactly point : , / ~ ."
    " action event segment clip video this"
)
_STARTS = word_set(
    "start starts started starting starttime startsec startseconds startframe framestart begin begins began beginning"
    " begintime commence commences commencing initiates onset tstart"
)
_RANGES = frozenset(("from", "between"))
_ENDS = word_set(
    "end ends ended ending endtime endsec endseconds endframe frameend finish finishes finished finishing stop stops"
    " stopped stopping conclude concludes concluded concluding completes completed terminates ceases offset tend"
)
_UNTIL = word_set("to until till through thru")
_LASTS = word_set("lasts lasted lasting duration")
_CONTINUES = word_set("and lasts lasting continues continuing runs running goes on up all way") | _UNTIL
_ARROWS = ("→", "-")
_JOINS = _UNTIL | word_set("- -- --- → ~ .. ...")
_PLAIN_JOINS = _JOINS | {"->", "-->", "=>"}
_WRAPPING = " \t\n\"'()[]{}"
_LETTER = re.compile(r"[A-Za-z]|[^\x00-\x7f]|[<&]")
_ASIDE = re.compile(r"[(\[]?\s?\bframes?\s?[#:]?\s?\d{1,9}(?:\s?-\s?\d{1,9})?\s?[)\]]?", re.IGNORECASE)
_LIST_GAP = re.compile(
    r"[\s,;&|()\[\]{}\"-]{0,12}(?:(?:and|then|also|plus|or)\s{1,3})?"
    r"(?:\d{1,2}[.):]\s{1,3})?(?:(?:from|between)\s)?[\s\[(\"]{0,4}",
    re.IGNORECASE,
)
_DECIMAL_COMMAS = re.compile(
    r"(?<![\d.,:\[(-])(\d{1,5}),(\d{1,2})(\s{0,2}(?:s[a-z]{0,8}\s{0,2})?(?:-|to|bis|until|and)\s{0,2})"
    r"(\d{1,5}),(\d{1,2})(?![\d.:]|,\d|\s?-)",
    re.IGNORECASE,
)


class Pair(NamedTuple):
    """An interval said in words; both mentions count the same thing. `lasts`: `last` is a length."""

    begin: int
    finish: int
    first: Mention
    last: Mention
    strength: int
    lasts: bool = False

    @property
    def kind(self) -> Kind:
        """What the two numbers count."""
        return self.first.kind


def find_pairs(masked: str) -> list[Pair]:
    """Every interval in the masked text, left to right; a unit said once holds for the whole list.

    Not an interval: a negative time, a chain of three ("2024-05-06"), a number with a thousands comma.
    """
    mentions = find_mentions(masked)
    asides = _restated(masked, mentions)
    if asides != masked:
        masked, mentions = asides, find_mentions(asides)
    return _shared_units(masked, _unglued(masked, _joined(masked, mentions)))


def _restated(masked: str, mentions: list[Mention]) -> str:
    """The text with times said a second way blanked: "12.5 s (0:12) to 30.2 s (frame 60)"."""
    kinds = {mention.kind for mention in mentions}
    if "frame" in kinds and "seconds" in kinds:
        masked = _ASIDE.sub(lambda aside: " " * len(aside[0]), masked)
    pieces, position = [], 0
    for said, again in pairwise(mentions):
        wrapped = masked[said.finish : again.begin].strip() == "(" and masked[again.finish : again.finish + 1] == ")"
        if wrapped and said.kind == again.kind == "seconds":
            pieces += [masked[position : said.finish], " " * (again.finish + 1 - said.finish)]
            position = again.finish + 1
    return "".join([*pieces, masked[position:]])


def point_decimals(masked: str) -> str:
    """Decimal commas as points ("6,0-16,7; 32,7-49,8"), only in pairs of them and in a text without decimal points."""
    if "," not in masked or re.search(r"\d\.\d", masked):
        return masked
    return _DECIMAL_COMMAS.sub(r"\1.\2\3\4.\5", masked)


def _joined(masked: str, mentions: list[Mention]) -> list[Pair]:
    pairs: list[Pair] = []
    index = floor = 0
    while index + 1 < len(mentions):
        pair = _pair(masked, mentions[index], mentions[index + 1], floor)
        if pair is None:
            index += 1
        else:
            pairs.append(pair)
            floor = pair.finish
            index += 2
    return pairs


def _pair(masked: str, first: Mention, last: Mention, floor: int) -> Pair | None:
    gap = masked[first.finish : last.begin]
    negative = masked[first.begin - 1 : first.begin] == "-"
    chained = masked[last.finish : last.finish + 1] == "-" and masked[last.finish + 1 : last.finish + 2].isdigit()
    if negative or chained or len(gap) > _MAX_GAP:
        return None
    alike = _same_kind(first, last)
    if alike is None:
        return None
    plain = TIMED if alike[0].kind != "bare" else BARE
    if gap.strip(_WRAPPING) in _PLAIN_JOINS:
        return Pair(first.begin, last.finish, *alike, plain)
    bracketed = _bracketed(masked, first, last, gap)
    if not bracketed and _LETTER.search(gap) is None:
        return None
    words = words_of(gap)
    before = words_of(masked[max(floor, first.begin - _WINDOW) : first.begin])
    strength = _strength(words, before, plain, bracketed)
    return Pair(first.begin, last.finish, *alike, abs(strength), strength < 0) if strength else None


def _same_kind(first: Mention, last: Mention) -> tuple[Mention, Mention] | None:
    """Both mentions with the unit that either has; None when the units contradict each other."""
    if first.kind == last.kind:
        return first, last
    if first.kind == "bare":
        return first._replace(kind=last.kind, factor=last.factor), last
    if last.kind == "bare" and first.factor == 1.0:
        return first, last._replace(kind=first.kind)
    return None


def _strength(words: list[str], before: list[str], plain: int, bracketed: bool) -> int:
    """How surely the words join two mentions: 0 not at all; negative when the second is a length."""
    core = [word for word in words if word not in _FILLER]
    if core and core[0] in ("start", "starting"):
        core = core[1:]
    if len(core) == 1 and core[0] in _JOINS:
        return plain
    if bracketed and not core:
        return plain
    opener = _last(before, _ARROWS)
    if core in (["and"], ["&"]) and opener == "between":
        return plain
    closer = _last(words, (*_ARROWS, "for", "total"))
    if opener in _STARTS:
        if closer in _ENDS or closer in _UNTIL:
            return LABELLED
        return -LABELLED if closer in _LASTS else 0
    if plain == BARE:
        return 0
    # "from 12 s, when the clip is placed, to 30 s", "at 12 s and lasts until 30 s": only with a unit
    ranged = opener in _RANGES and (closer in _UNTIL or closer == "and")
    return plain if ranged or closer in _ENDS or (closer in _UNTIL and _CONTINUES.issuperset(core)) else 0


def _last(words: list[str], skipped: tuple[str, ...]) -> str:
    """The last word that says something; "" when there is none."""
    for word in reversed(words):
        if word not in _FILLER and word not in skipped:
            return word
    return ""


def _bracketed(masked: str, first: Mention, last: Mention, gap: str) -> bool:
    if gap.strip(" \t\n\"'") not in ("", ",", ";"):
        return False
    left = masked[max(0, first.begin - 8) : first.begin].rstrip(" \"'")[-1:]
    right = masked[last.finish : last.finish + 8].lstrip(" \"'")[:1]
    return left in ("[", "(", "<", ">") and right in ("]", ")", ">", "<")


def _unglued(masked: str, pairs: list[Pair]) -> list[Pair]:
    """Without pairs that cut a number such as "1,200" in two ("22-78,89-94" is a list and stays)."""
    begins = {pair.begin for pair in pairs}
    finishes = {pair.finish for pair in pairs}
    return [pair for pair in pairs if not _cuts_number(masked, pair, begins, finishes)]


def _cuts_number(masked: str, pair: Pair, begins: set[int], finishes: set[int]) -> bool:
    before, after = masked[max(0, pair.begin - 2) : pair.begin], masked[pair.finish : pair.finish + 2]
    left = len(before) == 2 and before[1] == "," and before[0].isdigit() and pair.begin - 1 not in finishes
    right = len(after) == 2 and after[0] == "," and after[1].isdigit() and pair.finish + 1 not in begins
    return left or right


def _shared_units(masked: str, pairs: list[Pair]) -> list[Pair]:
    """Bare pairs take the unit of the pair that follows or precedes them in the same list."""
    shared = pairs.copy()
    for order in (range(len(pairs) - 2, -1, -1), range(1, len(pairs))):
        step = 1 if order.step < 0 else -1
        for index in order:
            pair, near = shared[index], shared[index + step]
            if pair.kind == "bare" and near.kind != "bare" and _same_list(masked, pair, near):
                shared[index] = _with_unit(pair, near.last)
    return shared


def _same_list(masked: str, one: Pair, other: Pair) -> bool:
    between = masked[min(one.finish, other.finish) : max(one.begin, other.begin)]
    return len(between) < 40 and _LIST_GAP.fullmatch(between) is not None


def _with_unit(pair: Pair, unit: Mention) -> Pair:
    first, last = (m._replace(kind=unit.kind, factor=unit.factor) for m in (pair.first, pair.last))
    return pair._replace(first=first, last=last, strength=max(pair.strength, TIMED))
