"""DVC F1 under the official protocol: many-to-many matching of frame intervals, averaged over tau = 0.3, 0.5, 0.7.

Per row: precision = share of predictions with IoU > tau against some truth, recall = share of truths with some
prediction, each averaged over the taus; F1 is their harmonic mean. Per source: the mean F1 of the scored rows. Board:
source values weighted by all rows of the source.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from medvidbench.evaluation.metric_rows import MetricRows, RowOutcome
from medvidbench.evaluation.protocols.official.rows import (
    NUMBER,
    SKIPPED_UNREAD,
    Row,
    Rule,
    Scored,
    UnreadableAnswerError,
    UnscorableRowError,
    answer_text,
    sampling_rate,
)

THRESHOLDS = np.array([0.3, 0.5, 0.7])
FRAME_LIMIT = 2.0**64
"""Frames: the public evaluator's integer arrays fail from here on (a time of 20 digits at 1 fps)."""

Events = list[tuple[float, float, str]]

_EVENT_KEYS = {"start", "end", "caption"}

_TIMES = rf"({NUMBER})-({NUMBER})\s+seconds?:"
# Quirk: an event may begin anywhere, but a caption ends only before a line that starts with the times themselves: a
# bullet, number, indent or "**" there, and the rest of the answer becomes this caption.
# Quirk: the white space after the colon may hold the line break: an empty caption swallows the next event.
_EVENT_HEAD = re.compile(rf"(?<!\d){_TIMES}\s+")
_LINE_HEAD = re.compile(rf"\n{_TIMES}")
# The looser reading, line by line; its numbers may end in a bare point.
_LOOSE_HEAD = re.compile(
    r"(?:\*\*Start Time:\*\*|Start\s*\(?Time\)?|Time\s*Range:|Time\s*Interval:|^)"
    r"\s*(\d+(?:\.\d*)?)\s*[-–]\s*(\d+(?:\.\d*)?)\s*seconds?"
)
_LOOSE_CAPTION_MARK = re.compile(r"(?:\*\*Description:\*\*|-)(?=.)", re.DOTALL)


def read_events(text: str) -> Events:
    """(start, end, caption) in seconds, in the order of the answer, repeats of a (start, end) dropped."""
    return _read_timed_captions(text) or _read_loose_lines(text)


def _read_timed_captions(text: str) -> Events:
    line_heads = [head.start() for head in _LINE_HEAD.finditer(text)]
    captions: dict[tuple[float, float], str] = {}
    head = _EVENT_HEAD.search(text)
    while head:
        following = bisect_left(line_heads, head.end())
        stop = line_heads[following] if following < len(line_heads) else len(text)
        caption = text[head.end() : stop].strip().replace("\n", " ")
        captions.setdefault((float(head[1]), float(head[2])), caption)  # the first of equal times is kept
        head = _EVENT_HEAD.search(text, stop)
    return [(start, end, caption) for (start, end), caption in captions.items()]


def _read_loose_lines(text: str) -> Events:
    # Quirk: reached only when the strict form finds nothing ("1.0 - 2.0 seconds:" has spaces around its hyphen). A line
    # then needs a later "-" or a description label, and the first of these starts the caption.
    events = []
    for line in text.strip().split("\n"):
        head = _LOOSE_HEAD.search(line)
        # A later head in the line has only later marks, so the first one decides.
        mark = _LOOSE_CAPTION_MARK.search(line, head.end()) if head else None
        if head and mark:
            events.append((float(head[1]), float(head[2]), line[mark.end() :].strip().rstrip(".")))
    return events


def flatten(events: Events) -> Events:
    """The events themselves when none overlap, else elementary intervals cut at every boundary.

    Each interval has the caption of the longest event that covers it, the first of equally long ones; intervals that no
    event covers are left out. Reversed events (end < start) cover nothing. O(n log n).
    """
    ordered = sorted((start, end, order) for order, (start, end, _) in enumerate(events))
    if all(after[0] >= before[1] for before, after in pairwise(ordered)):
        return events
    points = sorted({point for start, end, _ in ordered for point in (start, end)})
    return _cut(events, ordered, points)


def _cut(events: Events, ordered: list[tuple[float, float, int]], points: list[float]) -> Events:
    pieces: Events = []
    covering: list[tuple[float, int, float]] = []  # heap of (-length, order, end)
    begun = 0
    for left, right in pairwise(points):
        while begun < len(ordered) and ordered[begun][0] <= left:
            start, end, order = ordered[begun]
            heappush(covering, (start - end, order, end))
            begun += 1
        while covering and covering[0][2] <= left:
            heappop(covering)
        if covering:
            pieces.append((left, right, events[covering[0][1]][2]))
    return pieces


def predicted_frames(events: Events, fps: float) -> NDArray[np.float64]:
    """(N, 2) whole frames of the flattened events: seconds x fps, truncated.

    Raises:
        UnreadableAnswerError: for a time that the public evaluator's integers can't hold.
    """
    frames = _frames([piece[:2] for piece in flatten(events)], fps)
    if (np.abs(frames) < FRAME_LIMIT).all():
        return frames
    raise UnreadableAnswerError("a time in the answer is beyond the frame numbers that the public evaluator can hold")


def truth_frames(row: Row, fps: float) -> NDArray[np.float64]:
    """(M, 2) whole frames of the truth's events that have a start, an end and a caption.

    Raises:
        UnscorableRowError: when a bound is not a number or not finite.
    """
    frames = _frames([event[:2] for event in timed_truth(row)], fps)
    if not np.isfinite(frames).all():
        raise UnscorableRowError("an event of the truth has a bound that is not finite")
    return frames


def timed_truth(row: Row) -> Events:
    """(start, end, caption) in seconds of the truth's events that have all three.

    Raises:
        UnscorableRowError: when a bound is not a number.
    """
    events = [event for event in _truth_list(row) if isinstance(event, Mapping) and event.keys() >= _EVENT_KEYS]
    try:
        return [(float(event["start"]), float(event["end"]), str(event["caption"])) for event in events]
    except (TypeError, ValueError, OverflowError):
        raise UnscorableRowError("an event of the truth has a bound that is not a number") from None


def _frames(seconds: Sequence[tuple[float, float]], fps: float) -> NDArray[np.float64]:
    return np.asarray(np.trunc(np.array(seconds).reshape(-1, 2) * fps), dtype=np.float64)


def _truth_list(row: Row) -> list[object]:
    """Events under any of the published shapes: `[[...]]`, `[{"dc_segments": [...]}]` or `[...]`; else none."""
    truth = row.get("struc_info", [])
    first = truth[0] if isinstance(truth, list) and truth else None
    if isinstance(first, list):
        truth = first
    elif isinstance(first, dict) and "dc_segments" in first:
        truth = first["dc_segments"]
    return truth if isinstance(truth, list) else []


def frame_iou(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, M) intersection / (hull + 1e-8); reversed intervals are turned round first.

    The public evaluator takes the sum of the lengths where that is below the hull; then the intervals are disjoint, and
    both give 0.

    Quirk: an event shorter than a frame has length 0 and IoU 0, but counts in the denominators.
    """
    start, end = np.minimum(predicted[:, :1], predicted[:, 1:]), np.maximum(predicted[:, :1], predicted[:, 1:])
    true_start, true_end = np.minimum(truth[:, 0], truth[:, 1]), np.maximum(truth[:, 0], truth[:, 1])
    overlap = np.maximum(np.minimum(end, true_end) - np.maximum(start, true_start), 0.0)
    hull = np.maximum(end, true_end) - np.minimum(start, true_start)
    return np.asarray(overlap / (hull + 1e-8), dtype=np.float64)


def precision_recall(iou: NDArray[np.float64]) -> tuple[float, float]:
    """Mean precision and recall over the taus from an (N, M) matrix; strictly above tau, many-to-many."""
    # Quirk: one truth may be found by many predictions and one prediction may find many truths.
    found = iou > THRESHOLDS[:, None, None]
    predictions, truths = iou.shape
    right, recalled = np.count_nonzero(found.any(axis=2)), np.count_nonzero(found.any(axis=1))
    return right / (len(THRESHOLDS) * predictions), recalled / (len(THRESHOLDS) * truths)


def score_row(row: Row) -> Scored:
    """Precision, recall and F1 of one row; a row with nothing parsed or no truth has no number (but weighs in)."""
    events = read_events(answer_text(row))
    fps = sampling_rate(row)
    truth = truth_frames(row, fps)
    if not events:
        return Scored({}, None, SKIPPED_UNREAD, "no 'start-end seconds: text' in the answer: not scored, but weighs in")
    predicted = predicted_frames(events, fps)
    reading = [list(event) for event in events]
    if not len(predicted) or not len(truth):
        return Scored({}, reading, "unscored", "no event in the truth: not scored, but weighs in")
    precision, recall = precision_recall(frame_iou(predicted, truth))
    f1 = 2 * recall * precision / (recall + precision) if recall + precision > 0 else 0.0
    return Scored({"DVC_precision": precision, "DVC_recall": recall, "DVC_F1": f1}, reading)


def metrics(outcomes: Sequence[RowOutcome]) -> list[MetricRows]:
    """DVC_F1 with three columns per source: sum of F1, scored rows, all rows.

    Quirk: rows without a score weigh in: 1 of 10 rows read and perfect gives the source 1.0, at the weight of 10. A
    source without any scored row is 0.
    """
    if not outcomes:
        return []
    sources = sorted({outcome.source for outcome in outcomes})
    columns = np.zeros((len(outcomes), len(sources), 3))
    for at, outcome in enumerate(outcomes):
        f1 = outcome.numbers.get("DVC_F1")
        columns[at, sources.index(outcome.source)] = (f1 or 0.0, f1 is not None, 1.0)
    positions = np.array([outcome.position for outcome in outcomes], dtype=np.int64)
    return [MetricRows("DVC_F1", "DVC", positions, columns.reshape(len(outcomes), -1), weighted_source_means)]


def weighted_source_means(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3S) sums to (...) values: source means weighted by all rows; nan without a row."""
    f1, scored, rows = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 3), -1, 0)
    means = np.divide(f1, scored, out=np.zeros_like(f1), where=scored > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((means * rows).sum(axis=-1) / rows.sum(axis=-1), dtype=np.float64)


RULE = Rule("DVC", score_row)
