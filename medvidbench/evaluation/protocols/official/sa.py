"""SA under the official protocol: exact match per skill aspect, over the rows where the aspect was read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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
    UnreadableAnswerError,
    UnscorableRowError,
    answer_text,
    require_keys,
    type_name,
)

_OUT_OF_FIVE = re.compile(r"(\d+)(/5)?")
_ASPECT_SCORE = re.compile(r":\s*(\d+)/5")

# The order decides which word names the level of a longer text ("not good" holds "n" before "good").
_LEVEL_WORDS = {
    "novice": "novice",
    "beginner": "novice",
    "intermediate": "intermediate",
    "expert": "expert",
    "advanced": "expert",
    "n": "novice",
    "i": "intermediate",
    "e": "expert",
    "1": "novice",
    "2": "intermediate",
    "3": "expert",
    "low": "novice",
    "medium": "intermediate",
    "high": "expert",
    "poor": "novice",
    "good": "intermediate",
    "excellent": "expert",
}


def read_scores(text: str) -> list[int]:
    """Every N of an "N/5", in order.

    Quirk: "4.5/5" gives 5, "2/50" gives 2 and "12/5" gives 12.
    """
    return [whole_number(digits) for digits, fifth in _OUT_OF_FIVE.findall(text) if fifth]


def read_aspects(text: str) -> dict[str, int]:
    """Score by aspect name: one per comma-separated part, the last of a repeated name.

    Quirk: names are kept as written, so case and Markdown matter; without commas only the first aspect is found.
    """
    found = (_first_aspect(part.strip()) for part in text.split(","))
    return dict(aspect for aspect in found if aspect)


def _first_aspect(part: str) -> tuple[str, int] | None:
    for score in _ASPECT_SCORE.finditer(part):
        # The name reaches back to the colon before; "Scores: Time and motion: 3/5" names "Time and motion".
        name = part[part.rfind(":", 0, score.start()) + 1 : score.start()]
        if name:
            return name.strip(), whole_number(score[1])
    return None


def level_of_scores(scores: Sequence[int]) -> str:
    """Skill level of a mean score: novice up to 2.0, intermediate up to 3.5, else expert."""
    try:
        mean = sum(scores) / len(scores)
    except OverflowError:
        raise UnreadableAnswerError("a score in the answer is too large for a number") from None
    return "novice" if mean <= 2.0 else "intermediate" if mean <= 3.5 else "expert"


def level_of_word(word: str) -> str:
    """Skill level that a truth's word or letter means; the word itself when it means none.

    Quirk: a word that is not in the list takes the first listed text that it contains, down to single letters.
    """
    word = word.strip().lower()
    contained = (level for known, level in _LEVEL_WORDS.items() if known in word)
    return _LEVEL_WORDS.get(word) or next(contained, word)


def _truth_level(truth: Mapping[str, object], row: Row) -> str:
    word = truth.get("skill_level", "")
    if word and not isinstance(word, str):
        raise UnscorableRowError(f"the truth's skill_level is {type_name(word)}, not text")
    level = level_of_word(cast(str, word)) if word else ""
    if level:
        return level
    scores = read_reference(read_scores, row)
    if not scores:
        # Quirk: the row is dropped here even when skill_scores could be compared.
        raise UnscorableRowError(
            "no skill level in the truth and no N/5 in the reference: the public evaluator skips it"
        )
    return level_of_scores(scores)


def _truth_aspects(truth: Mapping[str, object], row: Row) -> Mapping[str, object]:
    aspects = truth.get("skill_scores", {}) or read_reference(read_aspects, row)
    return aspects if isinstance(aspects, Mapping) else {}  # a list of names has no scores to compare


def _absolute_errors(said: Mapping[str, int], truth: Mapping[str, object], shared: Iterable[str]) -> dict[str, float]:
    try:
        return {f"SA_mae/{aspect}": float(abs(said[aspect] - cast(float, truth[aspect]))) for aspect in shared}
    except OverflowError:
        raise UnreadableAnswerError("a score in the answer is too large for a number") from None


def score_row(row: Row) -> Scored:
    """Exact match per aspect and skill level of one row; the public evaluator skips a row without any N/5."""
    require_keys(row)
    text = answer_text(row, default=None)
    scores = read_scores(text)
    if not scores:
        return Scored({}, None, SKIPPED_UNREAD, "no N/5 in the answer: the public evaluator skips the row")
    truth = first_truth(row)
    level, true_level = level_of_scores(scores), _truth_level(truth, row)
    aspects, true_aspects = read_aspects(text), _truth_aspects(truth, row)
    matches = compare(aspects, true_aspects)
    errors = _absolute_errors(aspects, true_aspects, matches)
    numbers = {**numbers_of("SA_acc", matches), **errors, "SA_level": float(level == true_level)}
    reading = {"level": level, "aspects": aspects}
    if matches:
        return Scored(numbers, reading)
    if not true_aspects:
        return Scored(numbers, reading, "unscored", "no aspect score in the truth: nothing is compared")
    return Scored(numbers, reading, SKIPPED_UNREAD, "no aspect of the truth by its exact name: nothing is compared")


def metrics(outcomes: Sequence[RowOutcome]) -> list[MetricRows]:
    """SA_acc: the mean over sources of the mean over aspects of the exact-match rate."""
    return balanced_metric("SA_acc", "SA", outcomes)


RULE = Rule("SA", score_row)
