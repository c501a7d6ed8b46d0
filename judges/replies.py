"""A judge's reply as five whole numbers, or the reason why it is none; never a guess.

First the JSON object that was asked for, then the tolerant text grammar: `R2: 4`, `R2 = 4`, `**R2**: **4**`, `R2: [4]`,
`terminology - 4/5`, any case. Each dimension needs exactly one whole number from 1 to 5: a missing one, 0, 77, 4.5 or
two different ones make the whole reply unreadable. Nothing is scraped from a number that stands elsewhere, and a score
that the judged texts hold themselves is taken for an echo, not for an answer.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from medvidbench.judges.rubric import LEVELS, Dimension, Rubric

LONGEST_REPLY = 20_000
LONGEST_RATIONALE = 500
MOST_STARTS = 20
"""Places where a JSON object may begin that are tried: bounds the time of one reply."""
SCORE_KEYS = ("score", "rating", "value", "grade")
RATIONALE_KEYS = ("rationale", "reason", "explanation", "justification")
RANGE = f"a whole number from {LEVELS[0]} to {LEVELS[-1]}"
_NUMBER = re.compile(
    r"(?P<number>[+-]?\d+(?:[.,]\d+)?)"
    r"(?P<rest>\s*(?:/|out of)\s*(?P<top>\d+(?:\.\d+)?))?"
    r"(?P<more>[\w%]|\s*(?:[-–—~]|to|or)\s*\d)?"  # "4th", "4 %", "4-5": no plain number
)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a reply says: five whole numbers in the rubric's order, and a sentence each ("" where it gave none)."""

    scores: tuple[int, ...]
    rationales: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a reply is no judgement."""

    reason: str


def read_reply(text: str, rubric: Rubric, quoted: Sequence[str] = ()) -> Scores | Unreadable:
    """The judgement that a reply holds. Never raises; time is linear in the text, which may have 20,000 characters.

    Args:
        quoted: the texts under judgement. An object or a labelled number that stands in one of them word for word is an
            echo: such an object is passed over, such a number makes the reply unreadable.
    """
    if len(text) > LONGEST_REPLY:
        return Unreadable(f"the reply has {len(text):,} characters, at most {LONGEST_REPLY:,} are read")
    if not text.strip():
        return Unreadable("the reply is empty")
    said = tuple(_spaced(part) for part in quoted)
    found = [_from_object(given, rubric) for given in _objects(text, said)]
    if found:
        # a quoted caption may hold an object of its own: two that differ are no judgement
        readable = {item.scores: item for item in found if isinstance(item, Scores)}
        if len(readable) > 1:
            return Unreadable("the reply holds several JSON objects with different scores")
        first = found[0]
        return next(iter(readable.values())) if readable and len(found) == 1 else _one_of(found, readable, first)
    return _from_text(text, rubric, said)


def _one_of(
    found: list[Scores | Unreadable], readable: dict[tuple[int, ...], Scores], first: Scores | Unreadable
) -> Scores | Unreadable:
    broken = next((item for item in found if isinstance(item, Unreadable)), None)
    return broken or next(iter(readable.values()), first)


# --- JSON -----------------------------------------------------------------------------------------------------------


class _RepeatedKeyError(ValueError):
    """An object names a key twice: Python would keep the last in silence."""


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _RepeatedKeyError("a key stands twice")
    return dict(pairs)


def _reject(constant: str) -> Any:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(object_pairs_hook=_no_repeats, parse_constant=_reject)


def _objects(text: str, said: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand in a text, outermost only, without those that were said before."""
    at, starts = text.find("{"), 0
    while at >= 0 and starts < MOST_STARTS:
        starts += 1
        try:
            value, end = _DECODER.raw_decode(text, at)
        except _RepeatedKeyError:
            yield {}  # an object, and not one to trust
            return
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict) and not _echoes(text[at:end], said):
                yield value
        at = text.find("{", end)


def _from_object(given: dict[str, Any], rubric: Rubric) -> Scores | Unreadable:
    fields = {_plain(key): value for key, value in given.items()}
    if len(fields) == 1 and isinstance(only := next(iter(fields.values())), dict):
        fields = {_plain(key): value for key, value in only.items()}  # {"scores": {...}}
    scores, rationales = [], []
    for dimension in rubric.dimensions:
        names = {_plain(dimension.name), _plain(dimension.code), _plain(dimension.title)} & fields.keys()
        if len(names) != 1:
            return Unreadable(f"{dimension.name}: {'named twice' if names else 'no score'} in the JSON object")
        value, rationale = _score_and_rationale(fields[names.pop()])
        score = _whole(value)
        if score is None:
            return Unreadable(f"{dimension.name}: {_short(value)} is not {RANGE}")
        scores.append(score)
        rationales.append(rationale)
    return Scores(tuple(scores), tuple(rationales))


def _score_and_rationale(value: Any) -> tuple[Any, str]:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return value, ""
    fields = {_plain(key): item for key, item in value.items()}
    keys = [key for key in SCORE_KEYS if key in fields]
    rationale = next((fields[key] for key in RATIONALE_KEYS if isinstance(fields.get(key), str)), "")
    return fields[keys[0]] if len(keys) == 1 else None, _sentence(rationale)


def _whole(value: Any) -> int | None:
    """A level of the scale, from a JSON value; None for anything else (true, 4.5, 77, null)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value.strip().strip("*[]() "))
        return _level(found) if found else None
    return value if isinstance(value, int) and value in LEVELS else None


# --- text -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """A dimension's name as a label: at most two words in between ("R2 terminology (Terminology precision): 4")."""
    one = "|".join(re.escape(name).replace("_", r"[_ ]") for name in sorted(names, key=len, reverse=True))
    label = rf"(?<!\w)(?:{one})(?!\w)"
    link = rf"[\s*_\"'`)\]]{{0,4}}(?:[(\s]{{1,3}}(?:{one})[\s*_\"'`)\]]{{0,4}}){{0,2}}(?:score\s*)?"
    return re.compile(label + link + r"[:=\-–—]{1,2}>?[\s*_\"'`(\[]{0,6}(?=[+-]?\d)", re.IGNORECASE)


def _from_text(text: str, rubric: Rubric, said: Sequence[str]) -> Scores | Unreadable:
    scores, rationales = [], []
    labels = {dimension.name: _labels(text, dimension) for dimension in rubric.dimensions}
    starts = sorted(label.start() for found in labels.values() for label in found)
    for dimension in rubric.dimensions:
        found = [(_NUMBER.match(text, label.end()), label) for label in labels[dimension.name]]
        levels = {_level(number) if number else None for number, _ in found}
        if not found:
            return Unreadable(f"{dimension.name}: no score in the reply")
        if len(levels) > 1:
            return Unreadable(f"{dimension.name}: several scores in the reply")
        level = levels.pop()
        number = found[0][0]
        if level is None or number is None:
            return Unreadable(f"{dimension.name}: {_short(text[found[0][1].end() :])} is not {RANGE}")
        if any(item and _echoes(text[label.start() : item.end()], said) for item, label in found):
            return Unreadable(f"{dimension.name}: the score stands in the texts under judgement as well")
        scores.append(level)
        rationales.append(_rest_of_line(text, number.end(), starts))
    return Scores(tuple(scores), tuple(rationales))


def _labels(text: str, dimension: Dimension) -> list[re.Match[str]]:
    return list(_pattern((dimension.code, dimension.name, dimension.title)).finditer(text))


def _level(found: re.Match[str]) -> int | None:
    """The number as a level: whole, on the scale, and if "of N" is said, of the scale's most."""
    if found["more"] or (found["top"] and float(found["top"]) != LEVELS[-1]):
        return None
    number = found["number"]
    if not re.fullmatch(r"\d+", number) or not number.isascii() or len(number) > 2:
        return None
    return int(number) if int(number) in LEVELS else None


def _rest_of_line(text: str, start: int, labels: list[int]) -> str:
    """What follows a score, up to the next label or the line's end."""
    end = next((at for at in labels[bisect_left(labels, start) :]), len(text))
    line = text[start : min(end, start + 2 * LONGEST_RATIONALE)].split("\n", 1)[0]
    return _sentence(line.strip(" \t*_[](){}|-–—:;,.\"'`") if line.strip() else "")


def _echoes(part: str, said: Sequence[str]) -> bool:
    own = _spaced(part)
    return any(own in text for text in said)


def _spaced(text: str) -> str:
    return " ".join(text.lower().split())


def _sentence(text: str) -> str:
    return " ".join(text.split())[:LONGEST_RATIONALE]


def _plain(key: str) -> str:
    return re.sub(r"[\W_]+", "_", key.lower()).strip("_")


def _short(value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    return repr(" ".join(shown[:200].split())[:24])
