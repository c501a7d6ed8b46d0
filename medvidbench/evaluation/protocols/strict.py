"""Protocol `strict`, the project's own: every row counts, and nothing unreadable is skipped.

A given answer that can't be read is 0 ("unparsed"); no answer, a failed call and a row without truth are "unscored" and
enter no number. The row scores are those of `medvidbench.tasks`; this module decides which rows count and collects what
was read. `strict_metrics` turns the rows into metrics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.metric_rows import ProtocolScores, RowOutcome
from medvidbench.evaluation.protocols.strict_metrics import CountedRow, combine_of, metrics_of
from medvidbench.records import (
    TASK_NAMES,
    Answer,
    BoxTrack,
    Caption,
    Content,
    Events,
    Label,
    Ratings,
    Sample,
    Spans,
    TaskName,
    Unparsed,
)
from medvidbench.tasks.rated import RatingTask
from medvidbench.tasks.registry import TASKS, context_of
from medvidbench.tasks.scoring import normal_label

__all__ = ["combine_of", "no_prediction", "no_truth", "reading_of", "score_strict"]

NEEDS_JUDGE = "needs a judge"
CONTENT_TYPES: dict[TaskName, type[Content]] = {
    "TAG": Spans,
    "STG": BoxTrack,
    "DVC": Events,
    "VS": Caption,
    "RC": Caption,
    "NAP": Label,
    "SA": Ratings,
    "CVS": Ratings,
}


def score_strict(samples: Sequence[Sample], answers: Sequence[Answer | None]) -> ProtocolScores:
    """All rows and metrics of one model's answers.

    Args:
        samples: the questions with their truth.
        answers: aligned with `samples` by position; None where there is no prediction.

    Returns:
        One outcome for each sample, the metrics over all rows and by source. A metric is there only when at least one
        row counts for it; `notes` names the tasks of which none does.

    Raises:
        MedVidBenchError: the two differ in length.
    """
    if len(samples) != len(answers):
        raise MedVidBenchError(
            f"{len(samples)} samples and {len(answers)} answers.", "one answer, or None, for each sample, in order"
        )
    outcomes: list[RowOutcome] = []
    counted: list[CountedRow] = []
    for position, (sample, answer) in enumerate(zip(samples, answers, strict=True)):
        outcome, parsed = _row(position, sample, answer)
        outcomes.append(outcome)
        if outcome.numbers and sample.truth is not None and parsed is not None:
            counted.append(CountedRow(position, sample.task, sample.source, outcome.numbers, parsed, sample.truth))
    by_source: dict[str, list[CountedRow]] = defaultdict(list)
    for row in counted:
        by_source[row.source].append(row)
    return ProtocolScores(
        protocol="strict",
        outcomes=outcomes,
        overall=metrics_of(counted),
        by_source={source: metrics_of(by_source[source]) for source in sorted(by_source)},
        notes=_notes(samples, counted),
    )


def reading_of(content: Content) -> dict[str, Any]:
    """What was read, as a JSON-ready object: one key named after the content, and `flags` when there are any."""
    reading: dict[str, Any]
    if isinstance(content, Spans):
        reading = {"spans": [[s.start, s.end] for s in content.spans]}
    elif isinstance(content, BoxTrack):
        reading = {"boxes": [[b.time, [b.box.x1, b.box.y1, b.box.x2, b.box.y2]] for b in content.boxes]}
    elif isinstance(content, Events):
        reading = {"events": [[e.start, e.end, e.caption] for e in content.events]}
    elif isinstance(content, Ratings):
        reading = {"ratings": {r.name: r.value for r in content.ratings}}
    elif isinstance(content, Label):
        reading = {"label": content.label}
    else:
        reading = {"text": content.text}
    return {**reading, "flags": list(content.flags)} if content.flags else reading


def _row(position: int, sample: Sample, answer: Answer | None) -> tuple[RowOutcome, Content | Unparsed | None]:
    task = TASKS[sample.task]
    problem = no_prediction(answer) or no_truth(sample)
    if problem or answer is None:
        return RowOutcome(position, sample.task, sample.source, "unscored", problem), None
    context = context_of(sample)
    parsed = Unparsed("null answer") if answer.text is None else task.read(answer.text, context)
    numbers = dict(task.score(parsed, sample.truth, context))
    if isinstance(parsed, Unparsed):
        return RowOutcome(position, sample.task, sample.source, "unparsed", parsed.reason, numbers), parsed
    reading = reading_of(parsed)
    if not task.metrics:
        return RowOutcome(position, sample.task, sample.source, "unscored", NEEDS_JUDGE, reading=reading), None
    return RowOutcome(position, sample.task, sample.source, "scored", "", numbers, reading), parsed


def no_prediction(answer: Answer | None) -> str:
    """Why there is no answer to score, or ""."""
    if answer is None:
        return "no prediction"
    return f"call failed: {answer.error}" if answer.error else ""


def no_truth(sample: Sample) -> str:
    """Why a sample's truth can't be scored against, or ""."""
    truth = sample.truth
    if truth is None:
        return "no truth: the row is question-only or its truth can't be read"
    if not isinstance(truth, CONTENT_TYPES[sample.task]):
        return (
            f"no truth: {sample.task} needs {CONTENT_TYPES[sample.task].__name__}, the row has {type(truth).__name__}"
        )
    if _is_empty(truth):
        return "no truth: it is empty"
    task = TASKS[sample.task]
    if isinstance(truth, Ratings) and isinstance(task, RatingTask):
        aspects = {normal_label(aspect) for aspect in task.aspects}
        for rating in truth.ratings:
            if rating.value not in task.levels or normal_label(rating.name) not in aspects:
                return f"no truth: {rating.name!r} = {rating.value} is no {sample.task} rating"
    return ""


def _is_empty(truth: Content) -> bool:
    if isinstance(truth, Caption):
        return not truth.text.strip()
    if isinstance(truth, Label):
        return not normal_label(truth.label)
    parts = {Spans: "spans", BoxTrack: "boxes", Events: "events", Ratings: "ratings"}
    return not getattr(truth, parts[type(truth)])


def _notes(samples: Sequence[Sample], counted: Sequence[CountedRow]) -> list[str]:
    scored = {row.task for row in counted}
    asked = {sample.task for sample in samples}
    return [
        f"{task}: {NEEDS_JUDGE}" if not TASKS[task].metrics else f"{task}: no row could be scored"
        for task in TASK_NAMES
        if task in asked - scored
    ]
