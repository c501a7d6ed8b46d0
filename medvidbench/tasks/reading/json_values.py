"""JSON in a reply, read without ever raising: strict first, then as models write it by hand.

Numbers come back as floats, a number that is not finite or absurdly long as None, objects as `Fields`.
Depth and length are bounded before anything recurses, and each character belongs to one parse.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

MAX_DEPTH = 24
Json: TypeAlias = "bool | float | str | list[Json] | Fields | None"

_BRACKET = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
_OPENER = {"}": "{", "]": "["}
_SPACE = re.compile(r"\s*")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# the quote that ends a single-quoted string is the one that a delimiter follows: "'the surgeon's hand',"
_SINGLE = re.compile(r"'((?:[^\\]|\\.)*?)'(?=\s{0,8}[,:}\]])", re.DOTALL)
_KEY = re.compile(r"[^\s{}\[\],:\"'][^{}\[\],:\"'\n]{0,60}")
_BARE = re.compile(r"[^{}\[\],\"'\n]{1,60}")
_WORDS = {"true": True, "false": False, "none": None, "null": None, "nan": None}


class Fields(dict[str, Json]):
    """A JSON object; `repeated` says that a key stood twice (the last value is kept)."""

    repeated = False


class Region(NamedTuple):
    """A JSON value and where it stands in the text."""

    begin: int
    finish: int
    value: Json


class _MalformedError(ValueError):
    """The region is not JSON, not even loosely."""


def find_json(text: str) -> list[Region]:
    """The outermost balanced objects and arrays that can be read, left to right.

    What is unbalanced (an answer cut off by the token limit) is skipped, and what it holds balanced is found.
    """
    if "{" not in text and "[" not in text:
        return []
    regions = []
    for begin, finish in _balanced(text):
        value = _parse(text[begin:finish]) if finish - begin > 2 else None
        if value is not None:
            regions.append(Region(begin, finish, value))
    return regions


def key_of(name: str) -> str:
    """A field name for comparison: "Start_Time (s)" to "starttimes"."""
    return "".join(filter(str.isalnum, name)).lower()


def objects_in(value: Json) -> Iterator[Fields]:
    """Every object in the value, outer before inner, in order."""
    if isinstance(value, Fields):
        yield value
    children = value.values() if isinstance(value, Fields) else value if isinstance(value, list) else ()
    for child in children:
        yield from objects_in(child)


def _balanced(text: str) -> list[tuple[int, int]]:
    found = _bracketed(text, quotes=True)
    # a quote that never closes (12" written in a list, an answer cut off in a string) hides what follows it
    return (_bracketed(text, quotes=False) or []) if found is None else found


def _bracketed(text: str, *, quotes: bool) -> list[tuple[int, int]] | None:
    """The outermost bracketed stretches; brackets inside quotes don't count. None when a quote stays open."""
    stack: list[tuple[str, int]] = []
    found: list[tuple[int, int, int]] = []
    quoted = False
    for sign in _BRACKET.finditer(text):
        char = sign[0]
        if char == '"':
            quoted = quotes and bool(stack) and not quoted
        elif quoted:
            continue
        elif char in "{[":
            stack.append((char, sign.start()))
        elif char in "}]" and stack and stack[-1][0] == _OPENER[char]:
            _close(found, stack.pop()[1], sign.end())
    return None if quoted else [(begin, finish) for begin, finish, depth in found if depth <= MAX_DEPTH]


def _close(found: list[tuple[int, int, int]], begin: int, finish: int) -> None:
    depth = 0
    while found and found[-1][0] > begin:
        depth = max(depth, found.pop()[2])
    found.append((begin, finish, depth + 1))


def _parse(text: str) -> Json:
    try:
        value: Json = json.loads(
            text, parse_int=_number, parse_float=_number, parse_constant=_number, object_pairs_hook=_fields
        )
    except ValueError:
        try:
            value, _ = _loose(text, 0, 0)
        except _MalformedError:
            return None
    return value


def _number(text: str) -> float | None:
    """A finite float; None for NaN, infinities and numbers of over 30 characters."""
    value = float(text) if len(text) <= 30 else math.nan
    return value if math.isfinite(value) else None


def _fields(pairs: list[tuple[str, Json]]) -> Fields:
    fields = Fields(pairs)
    fields.repeated = len(fields) < len(pairs)
    return fields


def _loose(text: str, position: int, depth: int) -> tuple[Json, int]:
    """A value with single quotes, bare words, trailing commas or round brackets, and where it ends."""
    position = _skip(text, position)
    char = text[position : position + 1]
    if depth > MAX_DEPTH or not char:
        raise _MalformedError
    if char == "{":
        return _loose_object(text, position + 1, depth + 1)
    if char in "[(":
        return _loose_array(text, position + 1, depth + 1)
    if char in "\"'":
        return _loose_string(text, position)
    bare = _BARE.match(text, position)
    if bare is None:
        raise _MalformedError
    word = bare[0].rstrip(" )")
    return _loose_word(word), position + len(word)


def _loose_array(text: str, position: int, depth: int) -> tuple[Json, int]:
    items: list[Json] = []
    while True:
        position = _skip(text, position)
        if text[position : position + 1] in ("]", ")"):
            return items, position + 1
        item, position = _loose(text, position, depth)
        items.append(item)
        position = _separator(text, position)


def _loose_object(text: str, position: int, depth: int) -> tuple[Json, int]:
    pairs: list[tuple[str, Json]] = []
    while True:
        position = _skip(text, position)
        if text[position : position + 1] == "}":
            return _fields(pairs), position + 1
        key, position = _loose_key(text, position)
        position = _skip(text, position)
        if text[position : position + 1] != ":":
            raise _MalformedError
        value, position = _loose(text, position + 1, depth)
        pairs.append((key, value))
        position = _separator(text, position)


def _loose_key(text: str, position: int) -> tuple[str, int]:
    if text[position : position + 1] in ("'", '"'):
        return _loose_string(text, position)
    key = _KEY.match(text, position)
    if key is None:
        raise _MalformedError
    return key[0].strip(), key.end()


def _loose_string(text: str, position: int) -> tuple[str, int]:
    quoted = (_SINGLE if text[position] == "'" else _STRING).match(text, position)
    if quoted is None:
        raise _MalformedError
    return quoted[1].replace("\\'", "'").replace('\\"', '"').replace("\\n", "\n"), quoted.end()


def _loose_word(word: str) -> Json:
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    return _number(word) if re.fullmatch(r"-?\d{1,15}(?:\.\d{1,12})?", word) else word


def _separator(text: str, position: int) -> int:
    """Past a comma; the closing bracket stays for the caller. A missing comma is forgiven after a bracket."""
    position = _skip(text, position)
    char = text[position : position + 1]
    if char == ",":
        return position + 1
    if char in ("]", "}", ")", "{", "["):
        return position
    raise _MalformedError


def _skip(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position
