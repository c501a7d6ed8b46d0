"""Where the events of a dense-captioning answer begin: the interval and the words that wrap it.

An event's head is an interval at the start of a line (past bullets, numbering, "Event 1:", "From", brackets), or
inside a line when its form is unmistakable ("36.0-49.0 seconds:", "[00:12 - 00:30]", ". From 12 to 30 seconds, ").
Intervals elsewhere in a caption ("holds it for 2-3 seconds") are words of the caption.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from typing import NamedTuple

from medvidbench.tasks.reading.pairs import LABELLED, TIMED, Pair

_ORDER = r"(?:(?:first|second|third|then|and then|next|after that|afterwards?|finally|lastly|initially),?\s)?"
_UNIT = r"(?:event|segment|clip|scene|step|action|phase|part|interval|chapter|caption|shot|moment)s?"
_BULLET = r"[\s<>#|+•·*-]{0,12}(?:\(?\d{1,3}[.):]\s{0,3})?[\s*-]{0,4}"
_NUMBERED = rf"(?:(?:the\s|this\s)?{_UNIT}\s{{0,2}}#?\d{{0,3}}[\s:.)|-]{{0,5}})?"
_TIME_WORD = (
    r"(?:(?:time\s?(?:range|stamps?|interval|span)|timestamps?|time|duration|interval|range|t)\b\s{0,2}[:=-]?\s{0,2})?"
)
_START_WORD = (
    r"(?:(?:the\s)?(?:start|begin)[a-z]{0,4}(?:[\s_]?(?:time|sec|seconds|s|frame))?\s{0,2}(?:at\b|[:=])?\s{0,2})?"
)
_RANGE_WORD = r"(?:(?:from|between|at|during|in)\s{1,2})?(?:about|around|approximately|frames?|second|t\s?=)?"
_DECORATION = re.compile(
    _BULLET + _ORDER + _NUMBERED + _TIME_WORD + _START_WORD + _RANGE_WORD + r"[\s\[(<\"']{0,4}", re.IGNORECASE
)
_CLOSE = re.compile(r"[\s\"']{0,3}[\])>]?[\s\"']{0,3}")
_SENTENCE_END = re.compile(r"[.;!?)\]]\s{1,3}" + _ORDER + r"(?:from |between |at )?[\[(]?\Z", re.IGNORECASE)
_WRAP = re.compile(
    _ORDER + r"(?:(?:from|between|at)\s|(?:<\w{1,12}\s)?" + _START_WORD + r")[\s\[(\"']{0,3}\Z", re.IGNORECASE
)
_MAX_PREFIX = 90


class Head(NamedTuple):
    """One event's interval, where its head begins, where its caption begins, and whether a name stands before it."""

    begin: int
    text_begin: int
    pair: Pair
    named: bool = False


def find_heads(masked: str, pairs: list[Pair]) -> list[Head]:
    """The intervals that open an event, in order; those that close a line only when none opens one."""
    at_start = [_at_line_start(masked, pair) for pair in pairs]
    if not any(at_start):
        named = _named_lines(masked, pairs)
        if named:
            return named
    heads = (head or _inside_line(masked, pair) for head, pair in zip(at_start, pairs, strict=True))
    return [head for head in heads if head is not None]


def _named_lines(masked: str, pairs: list[Pair]) -> list[Head]:
    """Lines with one interval after a text: "Suturing (12.5-30.2 s): the surgeon ...", "The surgeon ties [31-40 s]"."""
    starts = [0, *(newline.end() for newline in re.finditer("\n", masked))]
    lines = [starts[bisect_right(starts, pair.begin) - 1] for pair in pairs]
    alone = Counter(lines)
    return [
        Head(line, _after(masked, pair), pair, named=True)
        for line, pair in zip(lines, pairs, strict=True)
        if alone[line] == 1 and (pair.strength >= TIMED or _is_wrapped(masked, pair))
    ]


def _at_line_start(masked: str, pair: Pair) -> Head | None:
    line = _line_start(masked, pair)
    if pair.begin - line > _MAX_PREFIX or _DECORATION.fullmatch(masked, line, pair.begin) is None:
        return None
    return Head(line, _after(masked, pair), pair)


def _inside_line(masked: str, pair: Pair) -> Head | None:
    """An event that follows another one on the same line."""
    after = _after(masked, pair)
    lead = masked[max(_line_start(masked, pair), pair.begin - 32) : pair.begin]
    sign = masked[after : after + 1]
    sentence = _SENTENCE_END.search(lead) is not None and sign in (",", "-", ":")
    # "Start: 12", not "the clip starts at 3 s and ends at 5 s" inside a caption
    keyed = pair.strength == LABELLED and lead.rstrip(" \"'")[-1:] in (":", "=")
    sure = keyed or sign in (":", "|") or _is_wrapped(masked, pair)
    if not sentence and (pair.strength < TIMED or not sure):
        return None
    wrap = _WRAP.search(lead)
    return Head(pair.begin - (len(wrap[0]) if wrap else 0), after, pair)


def _line_start(masked: str, pair: Pair) -> int:
    """Where the pair's line begins, looked for no further back than any head is long."""
    floor = max(0, pair.begin - 2 * _MAX_PREFIX)
    newline = masked.rfind("\n", floor, pair.begin)
    return newline + 1 if newline >= 0 else floor


def _after(masked: str, pair: Pair) -> int:
    close = _CLOSE.match(masked, pair.finish)
    return close.end() if close else pair.finish


def _is_wrapped(masked: str, pair: Pair) -> bool:
    left = masked[max(0, pair.begin - 3) : pair.begin].rstrip()[-1:]
    right = masked[pair.finish : pair.finish + 3].lstrip()[:1]
    return (left, right) in (("[", "]"), ("(", ")"), ("<", ">"))
