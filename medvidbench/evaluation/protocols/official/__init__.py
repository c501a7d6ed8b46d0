"""Protocol `official`: the numbers of the public MedVidBench evaluator, row by row and to the last digits.

The published table was made with that evaluator, so a comparison with it needs all of its behaviour: which answers it
reads and how, which rows it skips, how it averages. These quirks live in this package alone, one file per task because
one file for all would be too long to read; each has a comment that begins with "Quirk". Nothing else in the project
imports them. For numbers that mean what they say, use protocol `strict`.

Where the public evaluator crashes, hangs or corrupts a metric (an answer that is null or a list, times beyond its
integers, a nan box, digit runs that make its patterns quadratic), only the row concerned is marked here. Truth is never
changed, and nothing is printed or scraped.

Source: arXiv 2512.06581 and the public evaluator of the leaderboard (behaviour only; the code here is our own).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from medvidbench.evaluation.metric_rows import MetricRows, ProtocolScores, RowOutcome
from medvidbench.evaluation.protocols.official import cvs, dvc, nap, sa, stg, tag
from medvidbench.evaluation.protocols.official.grouping import members_of, running_tasks, source_of
from medvidbench.evaluation.protocols.official.rows import Member, Row, Rule, Scored, score_each
from medvidbench.published import MergedRow
from medvidbench.records import TaskName

BOARD_ORDER = ("CVS_acc", "NAP_acc", "SA_acc", "STG_mIoU", "TAG_mIoU@0.3", "TAG_mIoU@0.5", "DVC_F1")

_RULES: dict[TaskName, Rule] = {rule.task: rule for rule in (tag.RULE, stg.RULE, dvc.RULE, sa.RULE, cvs.RULE)}
_METRICS: dict[TaskName, Callable[[Sequence[RowOutcome]], list[MetricRows]]] = {
    "TAG": tag.metrics,
    "STG": stg.metrics,
    "DVC": dvc.metrics,
    "NAP": nap.metrics,
    "SA": sa.metrics,
    "CVS": cvs.metrics,
}


def score_official(rows: Sequence[MergedRow]) -> ProtocolScores:
    """Scores a merged file as the public evaluator does.

    Args:
        rows: the merged rows in file order (the file's values; its keys don't matter). Never changed.

    Returns:
        outcomes: one per row, in order. A row that several tasks take (by its `qa_type`) is listed under the first of
            them, with the numbers of all. "unparsed": nothing was read from the answer, or the answer stops the public
            evaluator; TAG, STG and NAP count it as 0, DVC, SA and CVS leave it out (no number; in DVC it still weighs
            in). "unscored": the row has no usable truth, or its task is not run. `reason` names the rule.
        overall: the board's metrics that have at least one counted row, in the board's column order.
        by_source: the same for each source alone.
        notes: what the whole file lacks, such as the embedding model for next-action answers.

    Raises:
        MedVidBenchError: when the installed embedding model is not the pinned one (free-text next-action answers only).
    """
    table = cast("Sequence[Row]", rows)
    running = running_tasks(table)
    outcomes_of, notes = _score_tasks(table, running)
    by_source: dict[str, list[MetricRows]] = defaultdict(list)
    for task in running:
        for source, outcomes in _by_source(outcomes_of[task]).items():
            by_source[source] += _METRICS[task](outcomes)
    return ProtocolScores(
        "official",
        _one_per_row(table, outcomes_of),
        metrics_of({task: outcomes_of[task] for task in running}),
        {source: _in_board_order(by_source[source]) for source in sorted(by_source) if by_source[source]},
        notes,
    )


def metrics_of(outcomes_of: Mapping[TaskName, Sequence[RowOutcome]]) -> list[MetricRows]:
    """The board's metrics over each task's outcomes, in the board's column order."""
    return _in_board_order([metric for task, of in outcomes_of.items() for metric in _METRICS[task](of)])


def _score_tasks(
    rows: Sequence[Row], running: Collection[TaskName]
) -> tuple[dict[TaskName, list[RowOutcome]], list[str]]:
    outcomes_of: dict[TaskName, list[RowOutcome]] = {}
    notes: list[str] = []
    for task, of in members_of(rows).items():
        if task in ("VS", "RC"):
            outcomes_of[task] = _unscored(task, of, "needs a judge")
        elif task not in running:
            # Quirk: rows that a task would take by part of their type are left out when no row has the exact type.
            outcomes_of[task] = _unscored(
                task, of, "the file has no row with the task's exact qa_type, so it is not run"
            )
        elif task == "NAP":
            outcomes_of[task], notes = nap.score_rows(of)
        else:
            outcomes_of[task] = score_each(_RULES[task], of)
    return outcomes_of, notes


def _unscored(task: TaskName, members: Sequence[Member], reason: str) -> list[RowOutcome]:
    return score_each(Rule(task, lambda row: Scored({}, None, "unscored", reason)), members)


def _one_per_row(rows: Sequence[Row], outcomes_of: dict[TaskName, list[RowOutcome]]) -> list[RowOutcome]:
    merged: dict[int, RowOutcome] = {}
    for outcomes in outcomes_of.values():
        for outcome in outcomes:
            first = merged.setdefault(outcome.position, outcome)
            if first is not outcome:
                numbers = {**outcome.numbers, **first.numbers}
                merged[outcome.position] = replace(first, numbers=numbers)
    return [merged.get(position) or _taskless(position, row) for position, row in enumerate(rows)]


def _taskless(position: int, row: Any) -> RowOutcome:
    reason = f"qa_type {row.get('qa_type')!r} belongs to no task"
    return RowOutcome(position, None, source_of(row, "VS"), "unscored", reason)


def _by_source(outcomes: Sequence[RowOutcome]) -> dict[str, list[RowOutcome]]:
    groups: dict[str, list[RowOutcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.source].append(outcome)
    return groups


def _in_board_order(metrics: Sequence[MetricRows]) -> list[MetricRows]:
    return sorted(metrics, key=lambda metric: BOARD_ORDER.index(metric.name))
