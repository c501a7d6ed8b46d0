"""What every task of the official protocol needs from a merged row, and the two ways in which a row can fail.

The public evaluator loses a task's metric for the whole file at the first row that it can't handle. Here such a row
raises one of the two exceptions below, is marked, and the file goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from medvidbench.evaluation.metric_rows import MetricRows, RowOutcome
from medvidbench.records import Status, TaskName

Row: TypeAlias = Mapping[str, Any]

ANSWER_CAP = 100_000
"""Characters; a longer answer is not read. Reading is linear, so the cap bounds the time of one row."""

NUMBER = r"\d+(?:\.\d+)?"
"""An unsigned decimal; `\\d` takes full-width and Arabic digits, which `float` reads too.

Always searched behind `(?<!\\d)`: the public patterns have no such guard and retry at every digit, which is quadratic
on a long digit run. A match that starts inside a run also starts at its first digit, so the guard changes no result.
"""


SKIPPED_UNREAD: Status = "unparsed"
"""Status of a row that the public evaluator skips because it reads nothing in the answer (DVC, SA, CVS).

It has no number and enters no mean, but counts against the parse rate: "unscored" would hide it.
"""


class UnreadableAnswerError(Exception):
    """The answer stops or corrupts the public evaluator; the row is `unparsed`."""


class UnscorableRowError(Exception):
    """The row gives nothing to score against (truth absent, malformed or skipped by rule); the row is `unscored`."""


@dataclass(frozen=True, slots=True)
class Member:
    """One row under one task: where it stands in the file, and the source that the task assigns to it."""

    position: int
    source: str
    row: Row


@dataclass(frozen=True, slots=True)
class Scored:
    """A task's verdict on a row; the fields are those of `RowOutcome`."""

    numbers: dict[str, float]
    reading: object
    status: Status = "scored"
    reason: str = ""


def answer_text(row: Row, default: str | None = "") -> str:
    """The answer as text.

    Args:
        row: the merged row.
        default: what a missing key stands for; None when the public evaluator needs the key.

    Raises:
        UnreadableAnswerError: when it is absent without a default, no text (null, a list, a number) or above the cap.
    """
    answer = row.get("answer", default)
    if not isinstance(answer, str):
        raise UnreadableAnswerError(f"the answer is {type_name(answer)}, not text")
    if len(answer) > ANSWER_CAP:
        raise UnreadableAnswerError(f"the answer has {len(answer):,} characters; at most {ANSWER_CAP:,} are read")
    return answer


def metadata_of(row: Row) -> Mapping[str, Any]:
    """The row's metadata object, empty when the key is missing.

    Raises:
        UnscorableRowError: when it is there and is not an object.
    """
    metadata = row.get("metadata", {})
    if not isinstance(metadata, Mapping):
        raise UnscorableRowError(f"metadata is {type_name(metadata)}, not an object")
    return metadata


def sampling_rate(row: Row) -> float:
    """Frames per second: the row's own `fps`, else the metadata's (a string as published), else 1.

    Raises:
        UnscorableRowError: when it is not a number.
    """
    fps = row.get("fps", metadata_of(row).get("fps", 1.0))
    try:
        return float(fps)
    except (TypeError, ValueError, OverflowError):
        raise UnscorableRowError(f"fps {fps!r} is not a number") from None


def require_keys(row: Row) -> None:
    """Checks the keys without which the public evaluator drops all skill or critical-view rows.

    Raises:
        UnscorableRowError: when the question, the reference answer or the video id is missing.
    """
    missing = [key for key in ("question", "gnd") if key not in row]
    if "video_id" not in metadata_of(row):
        missing.append("metadata.video_id")
    if missing:
        raise UnscorableRowError(f"the row has no {', '.join(missing)}, which the public evaluator needs")


def reference_text(row: Row) -> str:
    """The reference answer `gnd`, where the structured truth doesn't do; empty when the key is missing.

    Raises:
        UnscorableRowError: when it is not text.
    """
    gnd = row.get("gnd", "")
    if not isinstance(gnd, str):
        raise UnscorableRowError(f"the reference answer is {type_name(gnd)}, not text")
    return gnd


def type_name(value: object) -> str:
    """The JSON name of a value's type, with its article, for messages."""
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "an object")


def is_number(value: object) -> bool:
    """Whether a truth value is a JSON number (booleans pass, as they do in the public evaluator)."""
    return isinstance(value, (int, float))


@dataclass(frozen=True)
class Rule:
    """How one task scores its rows, for `score_each`.

    Attributes:
        task: the task.
        score: verdict on one row; may raise the two exceptions of this module.
        floor: the numbers of an unreadable answer: zeros where the public evaluator counts an unparsable one as 0.
    """

    task: TaskName
    score: Callable[[Row], Scored]
    floor: Mapping[str, float] = field(default_factory=dict)


def score_each(rule: Rule, members: Iterable[Member]) -> list[RowOutcome]:
    """One outcome per member, in order; a row that fails is marked and the others go on."""
    # Digits beyond a float become inf, and its products nan: the readers look for both, so numpy need not warn.
    with np.errstate(all="ignore"):
        return [score_one(rule, member) for member in members]


def score_one(rule: Rule, member: Member) -> RowOutcome:
    """The member's outcome under the rule."""
    try:
        verdict = rule.score(member.row)
    except UnreadableAnswerError as fault:
        verdict = Scored(dict(rule.floor), None, "unparsed", str(fault))
    except UnscorableRowError as fault:
        verdict = Scored({}, None, "unscored", str(fault))
    return RowOutcome(
        member.position, rule.task, member.source, verdict.status, verdict.reason, verdict.numbers, verdict.reading
    )


def mean_metric(name: str, task: TaskName, outcomes: Sequence[RowOutcome]) -> list[MetricRows]:
    """The mean of the number `name` over the outcomes that have it, or nothing when none has."""
    counted = [(outcome.position, outcome.numbers[name]) for outcome in outcomes if name in outcome.numbers]
    if not counted:
        return []
    columns = np.ones((len(counted), 2))
    columns[:, 0] = [value for _, value in counted]
    return [MetricRows(name, task, np.array([position for position, _ in counted], dtype=np.int64), columns)]
