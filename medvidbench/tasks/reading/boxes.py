"""Reads the timed boxes of a spatio-temporal-grounding answer (STG).

Order: the published grammar; JSON that names each box's time; boxes in text, each with the time said before it
(or, throughout, after it); boxes without times, laid on the times that the question asks for.
"""

from __future__ import annotations

import re

from medvidbench.records import Box, BoxTrack, TimedBox, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.box_forms import Corners, FoundBox, boxes_in_json, boxes_in_rows, boxes_in_text
from medvidbench.tasks.reading.common import final_answer, flagged, mask, unparsed, word_set
from medvidbench.tasks.reading.json_values import find_json
from medvidbench.tasks.reading.times import Mention, find_mentions, in_seconds, words_of

_N = r"(-?\d{1,7}(?:\.\d{1,9})?)"
_PUBLISHED = re.compile(rf"(\d{{1,9}}(?:\.\d{{1,3}})?) seconds: \[{_N}, {_N}, {_N}, {_N}\](?: |\Z)", re.ASCII)
_THOUSAND = re.compile(
    r"\b0\s?(?:-|to|\.\.)\s?1000\b|(?:range|scale|normali[sz]ed|relative)\D{0,30}\[?(?:0,\s?)?1000\b", re.IGNORECASE
)
_OVER_EDGE = 1.05
_NOT_TIMES = word_set("box bbox boxes object obj instance instrument tool track id region d")


def read_boxes(text: str, context: Context) -> BoxTrack | Unparsed:
    """The object's boxes by time, ascending, xyxy pixels of the original frame.

    Times: seconds, clocks, or frame numbers with time = frame / `context.fps` ("frame_numbers"). Boxes without any
    times go to `context.times` in order when there are at most as many boxes ("times_assumed"), else the answer is
    `Unparsed`. A repeated time: the last box wins ("repeated_time").

    Scale, judged over all boxes together with `context.frame_size` (never silently, always flagged):

    * all coordinates in 0..1, and one above 0: fractions of the frame, scaled ("boxes_0_1");
    * 0..1000 said in words, or a coordinate beyond the frame's edge by over 5 % while all are <= 1000: thousandths,
      scaled ("boxes_0_1000"). A box that merely spills over the edge stays in pixels;
    * with no frame size known they stay as given ("boxes_0_1_unscaled", "boxes_0_1000_unscaled").

    Width and height only when the keys say so ("boxes_xywh"). Swapped corners are left as given
    ("corners_swapped"). Other flags: "json", "table", "free_form" (any other phrasing). Never raises.
    Time is linear in the text.
    """
    answer = final_answer(text)
    if isinstance(answer, Unparsed):
        return answer
    published = _published(answer)
    if published:
        return _track(published, [], "", context)
    masked = mask(answer)
    found, flags = boxes_in_json(find_json(masked)), ["json"]
    if not found:
        found, flags = boxes_in_rows(masked), ["table"]
    if not found:
        found, flags = boxes_in_text(masked), ["free_form"]
        if not found:
            return unparsed(answer, "no box")
        times = _times_beside(masked, found)
        if times is None:
            return _untimed(found, masked, context)
        found = [box._replace(time=time) for box, time in zip(found, times, strict=True) if time is not None]
    return _timed(found, flags, masked, context)


def _published(answer: str) -> list[tuple[float, Corners]]:
    """The grammar itself, `1.0 seconds: [x1, y1, x2, y2] 5.0 seconds: [...]`; empty for any other text."""
    boxes: list[tuple[float, Corners]] = []
    stripped = answer.strip()
    position = 0
    while match := _PUBLISHED.match(stripped, position):
        time, x1, y1, x2, y2 = map(float, match.groups())
        boxes.append((time, (x1, y1, x2, y2)))
        position = match.end()
    return boxes if position == len(stripped) else []


def _times_beside(masked: str, found: list[FoundBox]) -> list[Mention | None] | None:
    """Each box's time from the text before it, or after it if all are written so; None when they have none."""
    edges = [0, *(box.finish for box in found)]
    before = [_last_time(masked, edge, box.begin) for edge, box in zip(edges, found, strict=False)]
    if before[0] is None:
        after = [*before[1:], _last_time(masked, edges[-1], min(len(masked), edges[-1] + 200))]
        if after[-1] is not None:
            return after
    timed = sum(time is not None for time in before)
    # one time before many boxes is the request repeated ("sampled every 5 s: [..] [..]")
    return None if timed == 0 or (timed == 1 and len(found) > 1) else before


def _last_time(masked: str, begin: int, finish: int) -> Mention | None:
    mentions = find_mentions(masked, begin, finish)
    for kind in ("seconds", "frame"):
        sure = [mention for mention in mentions if mention.kind == kind]
        if sure:
            return sure[-1]
    bare = [mention for mention in mentions if not _is_numbering(masked, mention, begin)]
    return bare[-1] if bare else None


def _is_numbering(masked: str, mention: Mention, floor: int) -> bool:
    """Whether a bare number counts boxes or list items: "Box 1:", "2.", "(3)"."""
    words = words_of(masked[max(floor, mention.begin - 16) : mention.begin])
    return masked[mention.finish : mention.finish + 1] in (".", ")") or (bool(words) and words[-1] in _NOT_TIMES)


def _untimed(found: list[FoundBox], masked: str, context: Context) -> BoxTrack | Unparsed:
    if not context.times:
        return Unparsed(f"{len(found)} boxes without times")
    if len(found) > len(context.times):
        return Unparsed(f"{len(found)} boxes without times, and {len(context.times)} times were asked for")
    boxes = [(time, box.corners) for time, box in zip(context.times, found, strict=False)]
    return _track(
        boxes, ["free_form", "times_assumed", *(flag for box in found for flag in box.flags)], masked, context
    )


def _timed(found: list[FoundBox], flags: list[str], masked: str, context: Context) -> BoxTrack | Unparsed:
    boxes: list[tuple[float, Corners]] = []
    for box in found:
        seconds = in_seconds(box.time, context) if box.time is not None else None
        if box.time is None or seconds is None:
            return Unparsed("frame numbers or relative times, and no frame rate or duration to make them seconds")
        if box.time.kind == "frame":
            flags.append("frame_numbers")
        flags += box.flags
        boxes.append((seconds, box.corners))
    return _track(boxes, flags, masked, context)


def _track(boxes: list[tuple[float, Corners]], flags: list[str], masked: str, context: Context) -> BoxTrack:
    by_time = dict(boxes)
    if len(by_time) < len(boxes):
        flags.append("repeated_time")
    factors, scale = _scale([corners for _, corners in boxes], masked, context.frame_size)
    flags += scale
    track = tuple(TimedBox(time, _box(by_time[time], factors)) for time in sorted(by_time))
    if any(at.box.x2 < at.box.x1 or at.box.y2 < at.box.y1 for at in track):
        flags.append("corners_swapped")
    return BoxTrack(track, flagged(flags))


def _scale(
    boxes: list[Corners], masked: str, size: tuple[int, int] | None
) -> tuple[tuple[float, float] | None, list[str]]:
    """What to multiply x and y with to get pixels (None: nothing), and the flag that says so."""
    values = [value for corners in boxes for value in corners]
    low, high = min(values), max(values)
    if low >= 0 and 0 < high <= 1:
        if size is None:
            return None, ["boxes_0_1_unscaled"]
        return ((float(size[0]), float(size[1])), ["boxes_0_1"]) if min(size) > 1 else (None, [])
    if low < 0 or high > 1000:
        return None, []
    said = _THOUSAND.search(masked) is not None
    if size is None:
        return None, ["boxes_0_1000_unscaled"] if said else []
    right = max(max(corners[0], corners[2]) for corners in boxes)
    bottom = max(max(corners[1], corners[3]) for corners in boxes)
    if said or right > _OVER_EDGE * size[0] or bottom > _OVER_EDGE * size[1]:
        return (size[0] / 1000, size[1] / 1000), ["boxes_0_1000"]
    return None, []


def _box(corners: Corners, factors: tuple[float, float] | None) -> Box:
    if factors is None:
        return Box(*corners)
    x1, y1, x2, y2 = corners
    across, down = factors
    return Box(round(x1 * across, 4), round(y1 * down, 4), round(x2 * across, 4), round(y2 * down, 4))
