"""STG under the official protocol: the mean box IoU over the truth's times.

A time's predicted box is looked up by the time's text; a missing one is replaced by the box used before. The board
value is the mean over the rows that have a usable truth box, all sources pooled.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.evaluation.metric_rows import MetricRows, RowOutcome
from medvidbench.evaluation.protocols.official.rows import (
    NUMBER,
    Row,
    Rule,
    Scored,
    UnreadableAnswerError,
    UnscorableRowError,
    answer_text,
    is_number,
    mean_metric,
    type_name,
)

BoxValues: TypeAlias = list[float]

NO_BOX: BoxValues = [0.0, 0.0, 0.0, 0.0]
MIN_UNION = 1e-6
"""Square pixels: the floor of the union, so a zero-area box on itself scores 0."""

_TIMED_BOX = re.compile(rf"(?<!\d)({NUMBER})\s+seconds:\s*\[([^\]]+)\]")
_BARE_BOX = re.compile(r"\[\[([\d\s,]+)\]\]")
_INT_DIGITS = 4300
"""Python's limit for int(text): the public evaluator drops a bare box with a longer number."""


def read_boxes(text: str) -> dict[str, BoxValues] | list[BoxValues]:
    """Boxes by time (as `str(float(time))`), or a bare list when no timed box is there; empty when there is neither."""
    # No match can reach past the last bracket; without the cut, unclosed brackets make the search quadratic.
    entries = _TIMED_BOX.findall(text, 0, text.rfind("]") + 1)
    return _timed_boxes(entries) if entries else _bare_boxes(text)


def _timed_boxes(entries: Sequence[tuple[str, str]]) -> dict[str, BoxValues]:
    boxes: dict[str, BoxValues] = {}
    last_valid: BoxValues | None = None
    for time, inside in entries:
        box = _four_numbers(inside)
        # Quirk: a malformed entry takes over the last valid box, also when that overwrites a good one of its own time.
        last_valid = box or last_valid
        if last_valid is not None:
            boxes[str(float(time))] = last_valid  # a repeated time: the last wins
    return boxes


def _four_numbers(inside: str) -> BoxValues | None:
    # Quirk: stray brackets around a number are cut off, and numbers are what Python's float takes: 1_000, 1e3, +5, nan.
    try:
        numbers = [float(part.strip().lstrip("[").rstrip("]")) for part in inside.split(",")]
    except ValueError:
        return None
    return numbers if len(numbers) == 4 else None


def _bare_boxes(text: str) -> list[BoxValues]:
    boxes = (_four_integers(inside) for inside in _BARE_BOX.findall(text))
    return [box for box in boxes if box]


def _four_integers(inside: str) -> BoxValues | None:
    # Quirk: "[[a, b, c, d], [e, f, g, h]]" holds no box, since each one needs its own double brackets. The public
    # evaluator computes these in int64, which wraps (one answer printed 50000000.5); here they are floats.
    parts = [part.strip() for part in inside.split(",")]
    if len(parts) != 4 or any(len(part) > _INT_DIGITS for part in parts):
        return None
    return _four_numbers(inside)


def truth_boxes(row: Row) -> Mapping[Any, Any]:
    """Time to box, in the truth's own key order (which the carry of the previous box depends on).

    Raises:
        UnscorableRowError: when the truth is no such object.
    """
    truth = row.get("struc_info", {})
    if isinstance(truth, list) and truth:
        truth = truth[0]
    elif not isinstance(truth, Mapping):
        truth = {}
    if isinstance(truth, Mapping) and "bbox_dict" in truth:
        truth = truth["bbox_dict"]
    if not isinstance(truth, Mapping):
        raise UnscorableRowError(f"the truth is {type_name(truth)}, not an object of time to box")
    return truth


def paired_boxes(
    predicted: dict[str, BoxValues] | list[BoxValues], truth: Mapping[Any, Any]
) -> tuple[list[BoxValues], list[list[float]]]:
    """The predicted and the true box of each time whose true box is valid.

    Raises:
        UnscorableRowError: when a time of the truth is not a number.
    """
    # Quirk: bare boxes go to the truth's times in order, under the raw key text: "5" is not found as "5.0" below.
    by_time = predicted if isinstance(predicted, dict) else dict(zip(truth, predicted, strict=False))
    used: list[BoxValues] = []
    for time in truth:
        box = by_time.get(_time_key(time), NO_BOX)
        # Quirk: an explicit zero box counts as missing too, and the first time has nothing before it.
        used.append(used[-1] if box == NO_BOX and used else box)
    pairs = [(box, true) for box, true in zip(used, truth.values(), strict=True) if _is_box(true)]
    return [box for box, _ in pairs], [true for _, true in pairs]


def _time_key(time: object) -> str:
    # Quirk: one decimal, with the binary value's rounding: 0.25 looks up "0.2", 0.35 "0.3"; so two-decimal times of an
    # answer are never found.
    try:
        return f"{float(time):.1f}"  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise UnscorableRowError(f"the time {time!r} of the truth is not a number") from None


def _is_box(box: object) -> bool:
    # Quirk: a truth box that is not 4 numbers is dropped with its time, after the carry.
    return isinstance(box, list) and len(box) == 4 and all(map(is_number, box))


def box_iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-wise IoU of (N, 4) xyxy boxes with the union floored at 1e-6; swapped corners are not reordered."""
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    overlap = _area(np.maximum(high - low, 0.0))
    union = _area(first[:, 2:] - first[:, :2]) + _area(second[:, 2:] - second[:, :2]) - overlap
    return np.asarray(overlap / np.maximum(union, MIN_UNION), dtype=np.float64)


def _area(sides: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float64)


def score_row(row: Row) -> Scored:
    """Mean box IoU of one row; an answer without a box scores 0 and is `unparsed`."""
    truth = truth_boxes(row)
    if not any(map(_is_box, truth.values())):
        raise UnscorableRowError("the truth has no time with a valid box: the public evaluator skips the row")
    boxes = read_boxes(answer_text(row))
    numbers = {"STG_mIoU": _mean_iou(*paired_boxes(boxes, truth))}
    if boxes:
        return Scored(numbers, _json_boxes(boxes))
    return Scored(numbers, None, "unparsed", "no 'T seconds: [x1, y1, x2, y2]' and no '[[x1, y1, x2, y2]]': scores 0")


def _mean_iou(predicted: list[BoxValues], true: list[list[float]]) -> float:
    try:
        boxes = np.array([predicted, true], dtype=np.float64)
    except OverflowError:
        raise UnscorableRowError("a truth box holds a number beyond a float") from None
    value = float(box_iou(boxes[0], boxes[1]).mean())
    if math.isfinite(value):
        return value
    if not np.isfinite(boxes[1]).all():
        raise UnscorableRowError("a truth box is not finite")
    raise UnreadableAnswerError("a box of the answer gives no finite IoU (nan, infinite or too large)")


def _json_boxes(boxes: dict[str, BoxValues] | list[BoxValues]) -> object:
    if isinstance(boxes, dict):
        return {time: _json_box(box) for time, box in boxes.items()}
    return [_json_box(box) for box in boxes]


def _json_box(box: BoxValues) -> list[float | str]:
    return [value if math.isfinite(value) else str(value) for value in box]


def metrics(outcomes: Sequence[RowOutcome]) -> list[MetricRows]:
    """STG_mIoU: the plain mean over the rows with a usable truth box, all sources pooled."""
    return mean_metric("STG_mIoU", "STG", outcomes)


RULE = Rule("STG", score_row, {"STG_mIoU": 0.0})
