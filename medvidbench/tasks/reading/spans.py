"""Reads the intervals of a temporal-grounding answer (TAG).

Order of trust: the published grammar; labelled start and end (JSON keys, table columns, "starts at .. ends at ..");
clock or unit-bearing pairs; pairs of bare numbers, only when the answer is mostly that ("2-0 suture" is none, nor are
coordinates in prose). The surest kind that is present is read, and all of that kind.
"""

from __future__ import annotations

import re

from medvidbench.records import Span, Spans, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.common import final_answer, flagged, mask, unparsed, word_set
from medvidbench.tasks.reading.json_times import intervals_in
from medvidbench.tasks.reading.json_values import find_json
from medvidbench.tasks.reading.pairs import BARE, Pair, find_pairs, point_decimals
from medvidbench.tasks.reading.tables import interval_of_row, table_rows
from medvidbench.tasks.reading.times import find_mentions, in_seconds

_PUBLISHED = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)-(\d{1,9}(?:\.\d{1,3})?)(?:, | seconds\.?\Z)", re.ASCII)
_PROSE_WORDS = 20
_WORD = re.compile(r"[A-Za-z]{2,}")
_NEXT_WORD = re.compile(r"[ \t]{1,3}([A-Za-z]+)")
_LAST_WORD = re.compile(r"([A-Za-z]+)[ \t#]{1,3}\Z")
_MAY_FOLLOW = word_set(
    "and to the for during when while as in is are with where then or on because since it this that at within so"
    " approximately roughly about from based inclusive relative total which corresponding"
)
_COUNTED = word_set(
    "step steps phase phases grade level levels stage type size figure fig table case page part score scores rated"
    " rating stitch stitches port ports station class"
)
_COORDINATES = re.compile(r"box|coordinate|pixel|\bx\d?\s?[=:]", re.IGNORECASE)
_FRACTION = re.compile(r"\b(?:fractions?|normali[sz]ed|relative|proportions?|ratio)\b", re.IGNORECASE)
_OF_CLIP = re.compile(
    r"\b(?:clip|video|duration|footage|recording|sequence|length|total|way|timeline)\b", re.IGNORECASE
)


def read_spans(text: str, context: Context) -> Spans | Unparsed:
    """Every interval that the answer gives, in its order, in seconds from the clip's start.

    Repeats and intervals that end before they start are kept (the latter flagged "end_before_start"): they were
    answered. Negative times are no interval. Frame numbers become time = frame / `context.fps`
    ("frame_numbers"); fractions and percentages of the clip, where said so, become seconds with
    `context.duration` ("relative_times"); without either the answer is `Unparsed`. Other flags: "json", "table",
    "length_given" (start and length), "bare_numbers", "free_form" (any other phrasing). An answer in the published
    grammar has no flag.

    Never raises. Time is linear in the text.
    """
    answer = final_answer(text)
    if isinstance(answer, Unparsed):
        return answer
    published = _published(answer)
    if published is not None:
        return published
    masked = point_decimals(mask(answer))
    for how, pairs in ((("json",), intervals_in(find_json(masked))), (("table",), _table(masked))):
        if pairs:
            return _converted(pairs, masked, context, how)
    pairs = _from_prose(masked)
    return _converted(pairs, masked, context, ("free_form",)) if pairs else unparsed(answer, "no time interval")


def seconds_of(pair: Pair, context: Context) -> tuple[float, float] | Unparsed:
    """A pair's start and end in seconds, or why they can't be converted."""
    start, end = in_seconds(pair.first, context), in_seconds(pair.last, context)
    if start is None or end is None:
        if pair.kind == "frame":
            return Unparsed("frame numbers, and no frame rate to turn them into seconds")
        return Unparsed("relative times, and no clip duration to turn them into seconds")
    return (start, round(start + end, 6)) if pair.lasts else (start, end)


def flags_of(pair: Pair, start: float, end: float) -> list[str]:
    """What is worth saying about how a pair was read."""
    said = {"frame": "frame_numbers", "percent": "relative_times"}
    flags = [said[pair.kind]] if pair.kind in said else []
    if pair.lasts:
        flags.append("length_given")
    if end < start:
        flags.append("end_before_start")
    return flags


def _published(answer: str) -> Spans | None:
    """The grammar itself, `22.0-78.0, 89.0-94.0 seconds.`; None for any other text."""
    spans: list[Span] = []
    position = 0
    stripped = answer.strip()
    while match := _PUBLISHED.match(stripped, position):
        spans.append(Span(float(match[1]), float(match[2])))
        position = match.end()
    if not spans or position != len(stripped) or not stripped.endswith(("seconds", "seconds.")):
        return None
    return Spans(tuple(spans), ("end_before_start",) if any(s.end < s.start for s in spans) else ())


def _table(masked: str) -> list[Pair]:
    rows = (interval_of_row(cells) for cells in table_rows(masked))
    return [row[0] for row in rows if row is not None]


def _from_prose(masked: str) -> list[Pair]:
    """The pairs of the surest phrasing; bare ones only where the answer is little else."""
    pairs = [pair for pair in find_pairs(masked) if pair.kind != "percent" or _OF_CLIP.search(masked)]
    surest = max((pair.strength for pair in pairs), default=0)
    if surest > BARE:
        return [pair for pair in pairs if pair.strength == surest or pair.strength > BARE]
    if len(_WORD.findall(masked)) > _PROSE_WORDS or _COORDINATES.search(masked):
        return []
    return [pair for pair in pairs if not _counts_things(masked, pair)] or _two_numbers(masked)


def _counts_things(masked: str, pair: Pair) -> bool:
    """Whether a word beside a bare pair shows that it is no time: "2-0 suture", "step 3-4", "3-4 of 10"."""
    after = _NEXT_WORD.match(masked, pair.finish)
    before = _LAST_WORD.search(masked, max(0, pair.begin - 20), pair.begin)
    noun_after = after is not None and after[1].lower() not in _MAY_FOLLOW
    return noun_after or (before is not None and before[1].lower() in _COUNTED)


def _two_numbers(masked: str) -> list[Pair]:
    """An answer of exactly two numbers and nothing else, "12.5, 30.2"."""
    mentions = find_mentions(masked)
    if len(mentions) != 2 or re.fullmatch(r"[\s\d.,;:'\"]{3,60}", masked.strip()) is None:
        return []
    return [Pair(mentions[0].begin, mentions[1].finish, mentions[0], mentions[1], BARE)]


def _converted(pairs: list[Pair], masked: str, context: Context, how: tuple[str, ...]) -> Spans | Unparsed:
    numbers = [n for pair in pairs for n in (pair.first.number, pair.last.number)]
    if all(pair.kind == "bare" for pair in pairs) and max(numbers) <= 1 and _FRACTION.search(masked):
        pairs = [_as_percent(pair) for pair in pairs]
    spans: list[Span] = []
    flags = list(how)
    for pair in pairs:
        times = seconds_of(pair, context)
        if isinstance(times, Unparsed):
            return times
        spans.append(Span(*times))
        flags += flags_of(pair, *times)
    if all(pair.strength == BARE for pair in pairs):
        flags.append("bare_numbers")
    return Spans(tuple(spans), flagged(flags))


def _as_percent(pair: Pair) -> Pair:
    first, last = (m._replace(kind="percent", number=m.number * 100) for m in (pair.first, pair.last))
    return pair._replace(first=first, last=last)
