"""Reads the named scores of a skill (SA) or critical-view (CVS) answer.

Order: JSON; table rows; names with a score behind them ("Respect for tissue: 4/5", "... is rated 4 out of 5") or
before them ("4/5 for respect for tissue"); a bare list of exactly as many scores as there are aspects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from medvidbench.records import Rating, Ratings, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.common import final_answer, flagged, mask, unparsed
from medvidbench.tasks.reading.json_values import Fields, Json, find_json, key_of, objects_in
from medvidbench.tasks.reading.rating_names import Names, names_of
from medvidbench.tasks.reading.tables import table_rows

_WORD_NUMBERS = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_VALUE = (
    r"(?:(-?\d{1,9}(?:\.\d{1,9})?)(?![\d%])(?:\s{0,3}(?:/|out of|of)\s{0,3}(\d{1,9}(?:\.\d{1,9})?))?"
    rf"|({'|'.join(_WORD_NUMBERS)})\b(?:\s{{1,3}}out\sof\s{{1,3}}(?:{'|'.join(_WORD_NUMBERS)})\b)?)"
)
# a number that counts something ("2 errors were made") is no score
_ENDS_HERE = r"(?=\s{0,3}(?:\Z|[\n,.;:|)\]}\"'(]|[/-](?!\s?\d)|and\b|&|points?\b|stars?\b|for\b))"
_SCORE_WORD = r"(?:score|rating|rated|grade|level|value|points?)s?"
# "(0-2)", "(out of 5)" between a name and its score
_SCALE = r"(?:\s{0,2}[(\[](?:\d\s?(?:-|to)\s?\d|(?:out of|max\.?|of|/)\s?\d)[)\]])?"
_BEHIND = (
    re.compile(
        rf"{_SCALE}[^\n:=|>→\d]{{0,60}}?(?:[:=|>→]|\s-|-\s)\s{{0,4}}[\"'(\[]{{0,3}}"
        rf"(?:{_SCORE_WORD})?[\s:=\"']{{0,3}}{_VALUE}{_ENDS_HERE}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_SCALE}[\s,\"')(\]\[]{{0,4}}"
        rf"(?:(?:is|was|are|were|be|to|at|as|a|an|the|of|gets?|got|receives?|has|scored|{_SCORE_WORD})\s{{1,2}}){{0,5}}"
        rf"[\"'(\[]{{0,2}}{_VALUE}{_ENDS_HERE}",
        re.IGNORECASE,
    ),
)
_ANYWHERE = (
    re.compile(rf"(?<![\d.]){_VALUE}", re.IGNORECASE),
    re.compile(rf"\b{_SCORE_WORD}[\s:=(\"']{{1,4}}(?:(?:of|is|as|at)\s)?{_VALUE}{_ENDS_HERE}", re.IGNORECASE),
)
_OPENS = re.compile(rf"\s{{0,9}}{_VALUE}{_ENDS_HERE}", re.IGNORECASE)
_AHEAD = re.compile(
    rf"(?<![\d.\w]){_VALUE}\s{{0,2}}[)\]]?\s{{0,2}}(?:for|in|on|-|:|=)\s{{0,2}}(?:the\s)?\Z", re.IGNORECASE
)
_SCORE_KEY = re.compile(r"(?:score|rating|value|grade|level|points?)s?")
_NAME_KEY = re.compile(r"name|aspect|criterion|criteria|metric|item|category|dimension|label")
_NUMBERING = re.compile(r"^[ \t>*-]{0,4}\d{1,2}[.)][ \t]{1,3}(?=\S)", re.MULTILINE)
_LIST_WORDS = re.compile(
    r"\b(?:the|my|final|predicted|skill|cvs|scores?|ratings?|values?|answer|are|is|as|follows|and)\b", re.IGNORECASE
)
_PART = re.compile(r"([^:]{1,60}): (\d{1,9})(?:/(\d{1,9}))?", re.ASCII)
_REGION = 400


class Given(NamedTuple):
    """A score as written, before it is checked: name, number, denominator, and whether by the task's own name."""

    label: str
    number: float
    out_of: float | None
    own: bool


def read_ratings(text: str, context: Context, levels: range) -> Ratings | Unparsed:
    """The scores that the answer gives to the aspects `context.labels`, in that order.

    Only what was read is there: an aspect that is missing, not an integer ("not_an_integer": 4.5), outside `levels`
    ("out_of_range") or over another denominator than the top level ("other_scale": 8/10) is left out, and the
    strict protocol counts it as unparsed. `Unparsed` when no aspect could be read. Named twice: the last
    readable score wins ("repeated_name"), the task's own name before a synonym ("overall"). Other flags:
    "json", "table", "order_assumed" (a bare list, as long as `context.labels`),
    and "free_form" for any other phrasing than the published `Name: 2/5, Name: 1/5`.

    Never raises. Time is linear in the text.
    """
    answer = final_answer(text)
    if isinstance(answer, Unparsed):
        return answer
    if not context.labels:
        return Unparsed("the question names no aspects, so scores can't be assigned")
    names = names_of(context.labels)
    published = _published(answer, names)
    if published:
        return _checked(published, [], context.labels, levels)
    masked = mask(answer)
    for flag, way in _WAYS:
        given = list(way(masked, names))
        if given:
            return _checked(given, [flag], context.labels, levels)
    return unparsed(answer, "no score of the named aspects")


def _published(answer: str, names: Names) -> list[Given]:
    """The grammar itself, `Name: 2/5, Name: 1/5` under the task's own names; empty for any other text."""
    given = []
    for part in answer.strip().removesuffix(".").split(", ") if len(answer) < 1_000 else ():
        match = _PART.fullmatch(part)
        label = names.of(match[1]) if match else None
        if match is None or label is None or label != match[1]:
            return []
        given.append(Given(label, float(match[2]), float(match[3]) if match[3] else None, True))
    return given


def _checked(given: list[Given], flags: list[str], labels: tuple[str, ...], levels: range) -> Ratings | Unparsed:
    values: dict[str, int] = {}
    problems: dict[str, str] = {}
    for score in sorted(given, key=lambda score: score.own):
        level = _level(score, levels)
        if isinstance(level, str):
            problems[score.label] = level
            continue
        if score.label in values and score.own:
            flags.append("repeated_name")
        values[score.label] = level
    flags += [problem for label, problem in problems.items() if label not in values]
    if not values:
        return Unparsed(f"no readable score: {', '.join(flagged(flags))}")
    return Ratings(tuple(Rating(label, values[label]) for label in labels if label in values), flagged(flags))


def _level(score: Given, levels: range) -> int | str:
    """The score as a level, or the flag that says why it is none."""
    if score.out_of is not None and score.out_of != levels[-1]:
        return "other_scale"
    if score.number != int(score.number):
        return "not_an_integer"
    return int(score.number) if int(score.number) in levels else "out_of_range"


def _from_json(masked: str, names: Names) -> Iterator[Given]:
    for region in find_json(masked):
        for fields in objects_in(region.value):
            for name, value in fields.items():
                label = names.of(name)
                score = _score_of(value) if label is not None else None
                if label is not None and score is not None:
                    yield Given(label, *score, names.owns(name))
            yield from _named_object(fields, names)


def _named_object(fields: Fields, names: Names) -> Iterator[Given]:
    """`{"aspect": "Time and motion", "score": 3}`."""
    for name, value in fields.items():
        label = names.of(value) if isinstance(value, str) and _NAME_KEY.fullmatch(key_of(name)) else None
        score = _score_of(fields) if label is not None else None
        if label is not None and score is not None:
            yield Given(label, *score, names.owns(str(value)))


def _score_of(value: Json) -> tuple[float, float | None] | None:
    if isinstance(value, float):
        return value, None
    if isinstance(value, str) and len(value) <= 80:
        match = _OPENS.match(value)
        return _value(match) if match else None
    if isinstance(value, Fields):
        found = (_score_of(item) for name, item in value.items() if _SCORE_KEY.fullmatch(key_of(name)))
        return next((score for score in found if score is not None), None)
    return None


def _from_table(masked: str, names: Names) -> Iterator[Given]:
    """Rows of name and score, or a row of names over a row of scores."""
    above: list[str | None] = []
    for cells in table_rows(masked):
        labels = [names.of(cell) for cell in cells]
        scores = [_score_of(cell) for cell in cells]
        if sum(label is not None for label in labels) == 1:
            at = next(index for index, label in enumerate(labels) if label is not None)
            score = next((score for score in scores[at + 1 :] if score is not None), None)
            if score is not None:
                yield Given(labels[at] or "", *score, names.owns(cells[at]))
        elif not any(labels):
            for label, score in zip(above, scores, strict=False):
                if label is not None and score is not None:
                    yield Given(label, *score, True)
        above = labels


def _behind_names(masked: str, names: Names) -> Iterator[Given]:
    found = names.find(masked)
    if not found:
        return
    ends = [*(name.begin for name in found[1:]), len(masked)]
    for name, end in zip(found, ends, strict=True):
        score = _score_in(masked[name.finish : min(end, name.finish + _REGION)])
        if score is not None:
            yield Given(name.label, *score, name.own)


def _score_in(region: str) -> tuple[float, float | None] | None:
    """The score right behind a name, else one that "k/n" or a word such as "score" shows to be one."""
    for pattern in _BEHIND:
        match = pattern.match(region)
        if match:
            return _value(match)
    over = (match for match in _ANYWHERE[0].finditer(region) if match[2] is not None)
    match = next(over, None) or _ANYWHERE[1].search(region)
    return _value(match) if match else None


def _ahead_of_names(masked: str, names: Names) -> list[Given]:
    """Scores before their names, only when every name has one and no score stands behind the last name."""
    found = names.find(masked)
    matches = [_AHEAD.search(masked[max(0, name.begin - 40) : name.begin]) for name in found]
    if not found or not all(matches) or _score_in(masked[found[-1].finish :][:_REGION]) is not None:
        return []
    return [Given(name.label, *_value(match), name.own) for name, match in zip(found, matches, strict=True) if match]


def _bare_list(masked: str, names: Names) -> list[Given]:
    plain = _LIST_WORDS.sub(" ", _NUMBERING.sub("", masked[:2_000]))
    matches = list(_ANYWHERE[0].finditer(plain))
    rest = _ANYWHERE[0].sub(" ", plain).strip(" \t\r\n,;|[](){}:.-")
    if len(masked) > 2_000 or len(matches) != len(names.labels) or re.sub(r"[\s,;|\[\](){}:.\"'-]", "", rest):
        return []
    return [Given(label, *_value(match), True) for label, match in zip(names.labels, matches, strict=True)]


def _value(match: re.Match[str]) -> tuple[float, float | None]:
    if match[3] is not None:
        return float(_WORD_NUMBERS[match[3].lower()]), None
    return float(match[1]), float(match[2]) if match[2] is not None else None


_WAYS: tuple[tuple[str, Callable[[str, Names], Iterable[Given]]], ...] = (
    ("json", _from_json),
    ("table", _from_table),
    ("free_form", _ahead_of_names),
    ("free_form", _behind_names),
    ("order_assumed", _bare_list),
)
