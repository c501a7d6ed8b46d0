"""TAG under the official protocol: the mean IoU of the matched pairs alone, at tau = 0.3 and 0.5.

A row's score at tau is sum(IoU of matched pairs) / number of matched pairs, 0 with no match: missed spans and surplus
predictions cost nothing. The board value is the mean over all rows of all sources.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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
    mean_metric,
    sampling_rate,
    type_name,
)

THRESHOLDS = (0.3, 0.5)
METRICS = tuple(f"TAG_mIoU@{tau}" for tau in THRESHOLDS)

Times = list[tuple[float, float]]

# Quirk: only the ASCII hyphen joins a span, anywhere in the text, also across a line break. So dates and "2-0 suture"
# become spans, the sign in "-5-3" is dropped (5 to 3), and an en dash is no span.
_HYPHEN_PAIR = re.compile(rf"(?<!\d)({NUMBER})\s*-\s*({NUMBER})")
# Quirk: one space and the word, or "s" with none: "12 s to 20 s" is not read.
_TO_PAIR = re.compile(rf"(?<!\d)({NUMBER})(?:s| seconds?)?\s*to\s*({NUMBER})", re.IGNORECASE)
_CLOCK_PAIR = re.compile(r"(?<!\d)(\d+):(\d+):(\d+)\s+to\s+(\d+):(\d+):(\d+)", re.IGNORECASE)


def read_spans(text: str) -> Times:
    """The spans of an answer in seconds, in the order in which the public evaluator lists them.

    Raises:
        UnreadableAnswerError: for a clock time beyond the range of a float.
    """
    spans = [(float(start), float(end)) for start, end in _HYPHEN_PAIR.findall(text)]
    # Quirk: one hyphen pair anywhere, be it in the model's reasoning, and no "to" form is looked at.
    return spans or _read_to_forms(text)


def _read_to_forms(text: str) -> Times:
    # Quirk: "00:00:10 to 00:00:20" counts twice: the plain form sees "10 to 00", the clock form 10 to 20.
    plain = [(round(float(start), 2), round(float(end), 2)) for start, end in _TO_PAIR.findall(text)]
    return plain + [(_clock(parts[:3]), _clock(parts[3:])) for parts in _CLOCK_PAIR.findall(text)]


def _clock(parts: Sequence[str]) -> float:
    hours, minutes, seconds = (float(part) for part in parts)
    total = hours * 3600 + minutes * 60 + seconds
    if total == float("inf"):
        raise UnreadableAnswerError("a clock time in the answer is too large for a number")
    return total


def truth_spans(row: Row) -> Times:
    """All `spans` of the dicts in the `struc_info` list, in order, in seconds.

    Raises:
        UnscorableRowError: for an entry that the public evaluator can't read.
    """
    entries = row.get("struc_info", [])
    # Quirk: only a list holds truth; a bare {"spans": ...} object counts as no truth, and the row scores 0.
    if not isinstance(entries, list):
        return []
    return [_truth_span(span) for entry in entries for span in _spans_of(entry)]


def _spans_of(entry: object) -> list[object]:
    if isinstance(entry, (list, str)) and "spans" not in entry:
        return []  # Quirk: a list or text in the list is skipped
    if not isinstance(entry, dict):
        raise UnscorableRowError(f"an entry of the truth is {type_name(entry)}")
    spans = entry.get("spans", [])
    if spans in ({}, ""):
        return []
    if not isinstance(spans, list):
        raise UnscorableRowError(f"the truth's spans are {type_name(spans)}")
    return spans


def _truth_span(span: object) -> tuple[float, float]:
    try:
        return float(span["start"]), float(span["end"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UnscorableRowError("a span of the truth has no start and end that are numbers") from None


def hull_iou(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Overlap over hull for (N, 2) predictions and (M, 2) truths: (M, N), 0 where the hull is not positive.

    For disjoint spans the hull is longer than the union; both give 0. A reversed span (end < start) is not
    reordered: it has no overlap with anything.
    """
    start, end = truth[:, :1], truth[:, 1:]
    overlap = np.fmin(end, predicted[:, 1]) - np.fmax(start, predicted[:, 0])
    hull = np.fmax(end, predicted[:, 1]) - np.fmin(start, predicted[:, 0])
    # An infinite overlap (digits beyond a float) has an infinite hull: never a match, as nan is never the largest.
    defined = (overlap > 0) & (hull > 0) & (overlap < np.inf)
    iou = np.zeros(overlap.shape)
    np.divide(overlap, hull, out=iou, where=defined)
    return iou


def matched_ious(iou: NDArray[np.float64], tau: float) -> list[float]:
    """Greedy matching in truth order over an (M, N) matrix: the IoUs of the pairs with IoU >= tau > 0.

    Quirk: each truth takes the best prediction still free (the first of equals); a later truth that fits that
    prediction better goes without.
    """
    free = iou.copy()
    matched = []
    for row in free:
        best = int(row.argmax())
        if row[best] >= tau:
            matched.append(float(row[best]))
            free[:, best] = 0.0
    return matched


def score_row(row: Row) -> Scored:
    """Mean matched IoU and recall of one row at each tau; an answer without a span scores 0 and is `unparsed`."""
    truth, fps = truth_spans(row), sampling_rate(row)
    spans = read_spans(answer_text(row))
    numbers = _numbers(spans, truth, fps)
    if spans:
        return Scored(numbers, _json_spans(spans))
    return Scored(numbers, None, "unparsed", "no 'start-end' pair and no 'a to b' form in the answer: scores 0")


def _numbers(spans: Times, truth: Times, fps: float) -> dict[str, float]:
    if not spans or not truth:
        return dict(RULE.floor)
    # Quirk: IoU is taken after both sides are multiplied by fps; the rounding of that product decides whether a pair
    # that lies exactly on a threshold counts (fps 0.1, 0.2 and 3.0 flip some). The public code scales the truth in
    # place, so its second pass differs; here nothing is changed.
    iou = hull_iou(np.array(spans) * fps, np.array(truth) * fps)
    numbers = {}
    for tau in THRESHOLDS:
        matched = matched_ious(iou, tau)
        numbers[f"TAG_mIoU@{tau}"] = sum(matched) / len(matched) if matched else 0.0
        numbers[f"TAG_recall@{tau}"] = len(matched) / len(truth)
    return numbers


def _json_spans(spans: Times) -> list[list[float | str]]:
    finite = float("inf")
    return [[bound if bound < finite else str(bound) for bound in span] for span in spans]


def metrics(outcomes: Sequence[RowOutcome]) -> list[MetricRows]:
    """TAG_mIoU@0.3 and @0.5: plain means over the rows, all sources pooled."""
    return [metric for name in METRICS for metric in mean_metric(name, "TAG", outcomes)]


RULE = Rule("TAG", score_row, {f"TAG_{kind}@{tau}": 0.0 for tau in THRESHOLDS for kind in ("mIoU", "recall")})
