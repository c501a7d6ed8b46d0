"""Intervals in JSON objects: `{"start": .., "end": ..}`, `{"timestamp": [.., ..]}`, `{"time": "00:12 - 00:30"}`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from medvidbench.tasks.reading.common import mask
from medvidbench.tasks.reading.json_values import Fields, Json, Region, key_of, objects_in
from medvidbench.tasks.reading.pairs import LABELLED, Pair, find_pairs
from medvidbench.tasks.reading.times import Mention, time_of

_SUFFIX = r"(?:s|secs?|seconds?|times?|timestamps?|in|frames?|index|idx|ms|number){0,3}"
_OWNER = r"(?:t|ts|times?|timestamp|frames?|segment|event|action|clip|span)?"
_START = re.compile(rf"{_OWNER}(?:start|begin|beginning|from|onset){_SUFFIX}")
_END = re.compile(rf"{_OWNER}(?:end|ending|stop|finish|until|to|offset){_SUFFIX}")
_INTERVAL = re.compile(
    r"(?:predicted|answer|time|timestamp|frame)?"
    r"(?:timestamps?|times?|spans?|intervals?|segments?|ranges?|windows?|frames?)(?:s|secs?|seconds?|inseconds)?"
)


def intervals_in(regions: list[Region]) -> list[Pair]:
    """Every interval that an object names by its keys, in the order of the text."""
    return [pair for region in regions for fields in objects_in(region.value) for pair in own_intervals(fields)]


def own_intervals(fields: Fields) -> Iterator[Pair]:
    """The interval of the object's start and end keys, else those under its time keys."""
    start = end = None
    for name, value in fields.items():
        key = key_of(name)
        if start is None and _START.fullmatch(key):
            start = _keyed(key, value)
        elif end is None and _END.fullmatch(key):
            end = _keyed(key, value)
    if start is not None and end is not None:
        yield Pair(0, 0, start, end, LABELLED)
        return
    for name, value in fields.items():
        if len(name) <= 40 and _INTERVAL.fullmatch(key_of(name)):
            yield from intervals_of(value, key_of(name))


def intervals_of(value: Json, key: str = "") -> Iterator[Pair]:
    """The intervals that a value says as `[a, b]`, `[[a, b], ...]`, "a - b" or `["a - b", ...]`."""
    if isinstance(value, str) and len(value) <= 200:
        yield from (pair._replace(strength=LABELLED) for pair in find_pairs(mask(value)))
    if not isinstance(value, list):
        return
    times = [_keyed(key, item) for item in value] if len(value) == 2 else []
    if len(times) == 2 and times[0] is not None and times[1] is not None:
        yield Pair(0, 0, times[0], times[1], LABELLED)
        return
    for item in value:
        if not isinstance(item, Fields):
            yield from intervals_of(item, key)


def _keyed(key: str, value: Json) -> Mention | None:
    """A time whose key may say what it counts: frames or milliseconds."""
    time = time_of(value)
    if time is None or time.kind != "bare":
        return time
    if "frame" in key:
        return time._replace(kind="frame")
    return time._replace(factor=0.001) if key.endswith("ms") else time
