"""The ways to write a box: four numbers in brackets, two corner points, named coordinates, JSON fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from medvidbench.tasks.reading.common import mask
from medvidbench.tasks.reading.json_values import Fields, Json, Region, key_of
from medvidbench.tasks.reading.tables import table_rows
from medvidbench.tasks.reading.times import Mention, time_of

Corners: TypeAlias = tuple[float, float, float, float]

_NUMBER = r"['\"]?([-+]?\d{1,7}(?:\.\d{1,9})?(?:e[-+]?\d{1,2})?)(?:\s?px)?['\"]?"
_SEP = r"(?:\s{0,8}[,;]\s{0,8}|\s{1,3}-\s{1,3}|\s{1,8})"
_OPEN, _SHUT = r"[\[({<>]\s{0,8}", r"\s{0,8},?\s{0,8}[\])}<>]"
_FOUR = re.compile(_OPEN + _SEP.join([_NUMBER] * 4) + _SHUT, re.IGNORECASE)
_POINTS = re.compile(
    rf"{_OPEN}{_NUMBER}{_SEP}{_NUMBER}{_SHUT}[^\d\[\](){{}}]{{0,40}}{_OPEN}{_NUMBER}{_SEP}{_NUMBER}{_SHUT}",
    re.IGNORECASE,
)
_AFTER_COLON = re.compile(rf"[:=]\s{{0,4}}{_SEP.join([_NUMBER] * 4)}(?![\w.]|\s?,\s?\d)", re.IGNORECASE)
_NAMED = re.compile(
    rf"\b([xy]_?(?:[012]|min|max)?|left|top|right|bottom|w|h|width|height)['\"]?\s{{0,2}}[=:]\s{{0,2}}{_NUMBER}",
    re.IGNORECASE,
)
_CORNER = {
    **dict.fromkeys(("x1", "xmin", "left"), "x1"),
    **dict.fromkeys(("y1", "ymin", "top"), "y1"),
    **dict.fromkeys(("x2", "xmax", "right"), "x2"),
    **dict.fromkeys(("y2", "ymax", "bottom"), "y2"),
    **dict.fromkeys(("w", "width"), "w"),
    **dict.fromkeys(("h", "height"), "h"),
    **{name: name for name in ("x", "y", "x0", "y0")},
}
_TIME_KEY = re.compile(
    r"(?:at)?(?:t|ts|times?|timestamps?|seconds?|secs?|frames?)"
    r"(?:s|secs?|seconds?|in|id|idx|index|number|no|stamp){0,3}"
)
_BOX_KEY = re.compile(r"box|coord|rect|region|position|location|xyxy|answer|result", re.IGNORECASE)


class FoundBox(NamedTuple):
    """One box as written: where it stands, its four corners, its time when its object says it, and flags."""

    begin: int
    finish: int
    corners: Corners
    time: Mention | None = None
    flags: tuple[str, ...] = ()


def boxes_in_text(masked: str) -> list[FoundBox]:
    """Every box in the masked text, by the first way of writing that occurs in it."""
    for pattern in (_FOUR, _POINTS):
        found = [FoundBox(*match.span(), _corners(match)) for match in pattern.finditer(masked)]
        if found:
            return found
    named = list(_named_boxes(masked))
    return named or [FoundBox(*match.span(), _corners(match)) for match in _AFTER_COLON.finditer(masked)]


def boxes_in_rows(masked: str) -> list[FoundBox]:
    """Table rows of five numbers or more: the last five are the time and the four corners."""
    found = []
    for cells in table_rows(masked):
        times = [time for time in map(time_of, cells) if time is not None]
        if len(times) >= 5:
            x1, y1, x2, y2 = (time.number for time in times[-4:])
            found.append(FoundBox(0, 0, (x1, y1, x2, y2), times[-5]))
    return found


def boxes_in_json(regions: list[Region]) -> list[FoundBox]:
    """Every box under a time in JSON: objects with a time key, or objects whose keys are times."""
    return [box for region in regions for box in _walk(region.value, None, "") if box.time is not None]


def corners_of(named: dict[str, float]) -> tuple[Corners, tuple[str, ...]] | None:
    """Corners from named coordinates; width and height only when the names say so (flag "boxes_xywh")."""
    if "x0" in named and "y0" in named and "x1" in named and "y1" in named:
        return (named["x0"], named["y0"], named["x1"], named["y1"]), ()
    if {"x1", "y1", "x2", "y2"} <= named.keys():
        return (named["x1"], named["y1"], named["x2"], named["y2"]), ()
    x, y = named.get("x", named.get("x1")), named.get("y", named.get("y1"))
    if x is None or y is None or "w" not in named or "h" not in named:
        return None
    return (x, y, x + named["w"], y + named["h"]), ("boxes_xywh",)


def _corners(match: re.Match[str]) -> Corners:
    x1, y1, x2, y2 = map(float, match.groups())
    return x1, y1, x2, y2


def _named_boxes(masked: str) -> Iterator[FoundBox]:
    named: dict[str, float] = {}
    begin = 0
    for match in _NAMED.finditer(masked):
        name = _CORNER.get(match[1].lower().replace("_", ""))
        if name is None:
            continue
        if name in named or not named:
            named, begin = {}, match.start()
        named[name] = float(match[2])
        corners = corners_of(named) if len(named) == 4 else None
        if corners is not None:
            yield FoundBox(begin, match.end(), corners[0], None, corners[1])
            named = {}


def _walk(value: Json, time: Mention | None, key: str) -> Iterator[FoundBox]:
    corners = _corners_in(value)
    if corners is not None:
        yield FoundBox(0, 0, corners, time)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, time, key)
    elif isinstance(value, Fields):
        yield from _walk_object(value, time)
    elif isinstance(value, str) and _BOX_KEY.search(key) and len(value) < 200:
        yield from (box._replace(time=time) for box in boxes_in_text(mask(value)))


def _walk_object(fields: Fields, time: Mention | None) -> Iterator[FoundBox]:
    repeated = ("repeated_time",) if fields.repeated else ()
    keys = {name: key_of(name) for name in fields if len(name) <= 40}
    for name, key in keys.items():
        said = time_of(fields[name]) if _TIME_KEY.fullmatch(key) else None
        if said is not None:
            time = said._replace(kind="frame") if "frame" in key and said.kind == "bare" else said
    numbers = {
        _CORNER[key]: value for name, key in keys.items() if key in _CORNER and isinstance(value := fields[name], float)
    }
    corners = corners_of(numbers)
    if corners is not None:
        yield FoundBox(0, 0, corners[0], time, corners[1])
        return
    for name, key in keys.items():
        own = time_of(name)
        nested = _walk(fields[name], own or time, "box" if own else key)
        yield from (box._replace(flags=(*box.flags, *repeated)) if own else box for box in nested)


def _corners_in(value: Json) -> Corners | None:
    """`[x1, y1, x2, y2]` or `[[x1, y1], [x2, y2]]`; numbers may be text."""
    if not isinstance(value, list) or len(value) not in (2, 4):
        return None
    if len(value) == 2:
        points = [point for point in value if isinstance(point, list) and len(point) == 2]
        value = [number for point in points for number in point]
    numbers = [number for number in map(_number, value) if number is not None]
    if len(numbers) != 4 or len(value) != 4:
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _number(value: Json) -> float | None:
    if isinstance(value, str):
        written = re.fullmatch(_NUMBER, value.strip(), re.IGNORECASE) if len(value) < 30 else None
        return float(written[1]) if written else None
    return value if isinstance(value, float) and abs(value) < 1e7 else None
