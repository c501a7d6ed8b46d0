"""The structured truth of a published row: every shape of `struc_info` to a typed truth, and back.

Shapes met in the published files (arXiv 2512.06581, dataset card):

* TAG `[{action, spans: [{start, end}]}]`, also as one bare dict
* STG `[{bbox_dict: {"1.0": [x1, y1, x2, y2]}}]`, or the time-to-box dict alone
* DVC `[[{start, end, caption}]]`, `[{dc_segments: [...]}]`, or `[{start, end, caption}]`
* SA `[{skill_level, skill_scores: {aspect: int}}]`
* CVS `[{cvs_scores: {two_structures, cystic_plate, hepatocystic_triangle}}]`
* NAP, VS, RC: the truth is the answer text
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from medvidbench.records import (
    Box,
    BoxTrack,
    Caption,
    Content,
    Event,
    Events,
    Label,
    Rating,
    Ratings,
    Span,
    Spans,
    TaskName,
    TimedBox,
)

CVS_KEYS = {
    "Two structures": "two_structures",
    "Cystic plate": "cystic_plate",
    "Hepatocystic triangle": "hepatocystic_triangle",
}
SKILL_ASPECTS = (
    "Respect for tissue",
    "Suture/needle handling",
    "Time and motion",
    "Flow of operation",
    "Overall performance",
    "Quality of final product",
)


def number(value: object) -> float | None:
    """A finite float, or None for anything else (booleans and text that is no number included)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def read_truth(task: TaskName, struc_info: object, answer: object) -> tuple[Content | None, str]:
    """The typed truth and the queried target ("" when the shape names none).

    Malformed entries are left out; with nothing left the truth is None, and the row can't be scored.
    """
    items = list(_dicts(struc_info))
    text = answer if isinstance(answer, str) else ""
    if task == "TAG":
        return _spans(items)
    if task == "STG":
        return _boxes(items), _first_text(items, ("object", "target", "label"))
    if task == "DVC":
        return _events(items), ""
    if task == "SA":
        return _ratings(items, "skill_scores", {name: name for name in SKILL_ASPECTS}), ""
    if task == "CVS":
        return _ratings(items, "cvs_scores", CVS_KEYS), ""
    if not text.strip():
        return None, ""
    return (Label(text.strip()) if task == "NAP" else Caption(text)), ""


def write_truth(truth: Content | None, target: str) -> list[Any]:
    """The published shape of a truth (the first of the shapes listed above)."""
    if isinstance(truth, Spans):
        return [{"action": target, "spans": [{"start": s.start, "end": s.end} for s in truth.spans]}]
    if isinstance(truth, BoxTrack):
        return [{"bbox_dict": {f"{b.time:.1f}": [b.box.x1, b.box.y1, b.box.x2, b.box.y2] for b in truth.boxes}}]
    if isinstance(truth, Events):
        return [[{"start": e.start, "end": e.end, "caption": e.caption} for e in truth.events]]
    if isinstance(truth, Ratings):
        values = {r.name: r.value for r in truth.ratings}
        if set(values) <= set(CVS_KEYS):
            return [{"cvs_scores": {CVS_KEYS[name]: value for name, value in values.items()}}]
        return [{"skill_scores": values}]
    return []


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    """Every dict in a dict, a list of dicts, or a list of lists of dicts, in order."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item
            elif isinstance(item, list):
                yield from (inner for inner in item if isinstance(inner, dict))


def _first_text(items: Iterable[dict[str, Any]], keys: tuple[str, ...]) -> str:
    return next((item[k] for item in items for k in keys if isinstance(item.get(k), str)), "")


def _interval(item: object) -> tuple[float, float] | None:
    if not isinstance(item, dict):
        return None
    start, end = number(item.get("start")), number(item.get("end"))
    return None if start is None or end is None else (start, end)


def _spans(items: list[dict[str, Any]]) -> tuple[Content | None, str]:
    found = [_interval(s) for item in items if isinstance(item.get("spans"), list) for s in item["spans"]]
    spans = tuple(Span(*pair) for pair in found if pair is not None)
    return (Spans(spans) if spans else None), _first_text(items, ("action",))


def _boxes(items: list[dict[str, Any]]) -> BoxTrack | None:
    boxes: dict[float, Box] = {}
    for item in items:
        mapping = item.get("bbox_dict", item)
        for key, value in mapping.items() if isinstance(mapping, dict) else ():
            time = number(key)
            corners = [number(v) for v in value] if isinstance(value, list) else []
            known = [c for c in corners if c is not None]
            if time is not None and len(known) == len(corners) == 4:
                boxes[time] = Box(*known)
    return BoxTrack(tuple(TimedBox(t, boxes[t]) for t in sorted(boxes))) if boxes else None


def _events(items: list[dict[str, Any]]) -> Events | None:
    segments: list[dict[str, Any]] = []
    for item in items:
        nested = item.get("dc_segments")
        segments.extend(nested if isinstance(nested, list) else [item])
    events = []
    for segment in segments:
        pair = _interval(segment)
        if pair is not None:
            caption = segment.get("caption")
            events.append(Event(*pair, caption if isinstance(caption, str) else ""))
    return Events(tuple(events)) if events else None


def _ratings(items: list[dict[str, Any]], key: str, names: dict[str, str]) -> Ratings | None:
    scores: dict[str, Any] = next((item[key] for item in items if isinstance(item.get(key), dict)), {})
    ratings = []
    for name, published in names.items():
        value = number(scores.get(published))
        if value is not None and value == int(value):
            ratings.append(Rating(name, int(value)))
    return Ratings(tuple(ratings)) if ratings else None
