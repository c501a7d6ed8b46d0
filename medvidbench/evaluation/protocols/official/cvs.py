"""CVS under the official protocol: exact match per criterion of the critical view, over the rows where it was read.

A constant answer of zeros scores about 0.89 on the test set, where every fine-tuned model sits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from medvidbench.evaluation.metric_rows import MetricRows, RowOutcome
from medvidbench.evaluation.protocols.official.ratings import (
    balanced_metric,
    compare,
    first_truth,
    numbers_of,
    read_reference,
    whole_number,
)
from medvidbench.evaluation.protocols.official.rows import (
    SKIPPED_UNREAD,
    Row,
    Rule,
    Scored,
    UnscorableRowError,
    answer_text,
    is_number,
    require_keys,
)

# Name looked for, key of the truth, pattern of the score. The order matters: see `_criterion`.
_CRITERIA = (
    ("two structures", "two_structures", re.compile(r"two structures?:\s*(\d+)")),
    ("cystic plate", "cystic_plate", re.compile(r"cystic plate:\s*(\d+)")),
    ("hepatocystic triangle", "hepatocystic_triangle", re.compile(r"hepatocystic triangle:\s*(\d+)")),
)
_KEYS = tuple(key for _, key, _ in _CRITERIA)


def read_criteria(text: str) -> dict[str, int]:
    """Score by criterion from the comma-separated parts, in any case of letters; the last of a repeated one.

    Quirk: "1.7" reads as 1 and "2/2" as 2.
    """
    found = (_criterion(part.strip().lower()) for part in text.split(","))
    return dict(criterion for criterion in found if criterion)


def _criterion(part: str) -> tuple[str, int] | None:
    # Quirk: the first name in the order structures, plate, triangle claims the whole part, readable or not; so without
    # commas only that one is found. The name is looked for in the plural, the score also after "two structure:".
    for name, key, pattern in _CRITERIA:
        if name in part:
            score = pattern.search(part)
            return (key, whole_number(score[1])) if score else None
    return None


def _truth_criteria(row: Row) -> Mapping[str, object]:
    scores = first_truth(row).get("cvs_scores", {})
    if not isinstance(scores, Mapping):
        raise UnscorableRowError("the truth's cvs_scores are not an object")
    truth = {key: score for key, score in scores.items() if key in _KEYS} or read_reference(read_criteria, row)
    if not all(map(is_number, truth.values())):
        raise UnscorableRowError(f"a score of the truth is not a number: {truth}")
    return truth


def rating(scores: Mapping[str, object]) -> str:
    """The word for the sum of the scores; no score at all is a sum of 0."""
    total = sum(cast("Mapping[str, float]", scores).values())
    return "poor" if total <= 1 else "fair" if total <= 3 else "good" if total <= 5 else "excellent"


def score_row(row: Row) -> Scored:
    """Exact match per criterion and of the rating; a criterion that is not read is not compared."""
    require_keys(row)
    truth = _truth_criteria(row)
    criteria = read_criteria(answer_text(row, default=None))
    matches = compare(criteria, truth)
    numbers = {**numbers_of("CVS_acc", matches), "CVS_rating": float(rating(criteria) == rating(truth))}
    if matches:
        return Scored(numbers, criteria)
    if not criteria:
        return Scored(numbers, None, SKIPPED_UNREAD, "no criterion's 'name: digit' in the answer: nothing is compared")
    return Scored(numbers, criteria, "unscored", "the truth lacks the criteria of the answer: nothing is compared")


def metrics(outcomes: Sequence[RowOutcome]) -> list[MetricRows]:
    """CVS_acc: the mean over sources of the mean over criteria of the exact-match rate."""
    return balanced_metric("CVS_acc", "CVS", outcomes)


RULE = Rule("CVS", score_row)
