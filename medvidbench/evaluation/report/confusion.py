"""Which label was answered where another was true: next actions by source, ratings by aspect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medvidbench.evaluation.report.inputs import Item, ReportInput
from medvidbench.records import Label, Ratings, TaskName
from medvidbench.tasks.rated import RatingTask
from medvidbench.tasks.registry import TASKS
from medvidbench.tasks.scoring import normal_label

MOST_LABELS = 24
"""Rows and columns of a table at most; rarer labels are taken together."""
REST = "other labels"
UNREAD = "not read"


@dataclass(frozen=True)
class Confusion:
    """Counts of rows: truth down, answer across.

    Attributes:
        task, source: which samples; `source` is "" for all.
        title: what is compared, e.g. an aspect.
        truths, said: labels of rows and columns; `said` ends with `UNREAD` where answers could not be read.
        counts: one list a row.
    """

    task: TaskName
    source: str
    title: str
    truths: list[str]
    said: list[str]
    counts: list[list[int]]

    @property
    def lines(self) -> list[tuple[str, int, list[tuple[str, int, float, bool]]]]:
        """(truth, rows, cells); a cell is (answer, count, share of the row, whether it is right)."""
        found = []
        for truth, row in zip(self.truths, self.counts, strict=True):
            total = sum(row)
            cells = [
                (said, n, n / total if total else 0.0, said == truth) for said, n in zip(self.said, row, strict=True)
            ]
            found.append((truth, total, cells))
        return found

    @property
    def agreement(self) -> tuple[int, int]:
        """Rows answered right, and all rows."""
        right = sum(n for _, _, cells in self.lines for _, n, _, same in cells if same)
        return right, sum(map(sum, self.counts))


def confusions(report: ReportInput) -> list[Confusion]:
    """The tables of every label task with truth at hand; rows without an answer are left out."""
    return [*_next_actions(report.items), *_ratings(report.items, "CVS"), *_ratings(report.items, "SA")]


def _reading(item: Item) -> dict[str, Any]:
    """What the strict protocol read (the official one where there is no other); empty when nothing was read."""
    text = item.rows.get("strict", item.row)["reading"]
    found = json.loads(text) if text else None
    return found if isinstance(found, dict) else {}


def _answered(items: Sequence[Item], task: TaskName) -> list[Item]:
    return [i for i in items if i.row["task"] == task and i.row["status"] != "unscored" and i.sample is not None]


def _next_actions(items: Sequence[Item]) -> list[Confusion]:
    by_source: dict[str, Counter[tuple[str, str]]] = {}
    for item in _answered(items, "NAP"):
        truth = item.sample.truth if item.sample else None
        if isinstance(truth, Label):
            said = _reading(item).get("label")
            pair = truth.label, _as_written(str(said), truth.label) if said else UNREAD
            by_source.setdefault(item.row["source"], Counter())[pair] += 1
    return [_table("NAP", source, source, pairs) for source, pairs in sorted(by_source.items())]


def _as_written(said: str, truth: str) -> str:
    """The truth's spelling for an answer that counts as equal to it."""
    return truth if normal_label(said) == normal_label(truth) else said


def _table(task: TaskName, source: str, title: str, pairs: Counter[tuple[str, str]]) -> Confusion:
    kept = _most_common(_sums(pairs, 0))
    extra = [s for s in _most_common(_sums(pairs, 1)) if s not in kept and s != UNREAD][: MOST_LABELS - len(kept)]
    merged: Counter[tuple[str, str]] = Counter()
    for (truth, said), n in pairs.items():
        row = truth if truth in kept else REST
        column = said if said in kept or said in extra or said == UNREAD else REST
        merged[row, column] += n
    truths = kept + [REST] * any(row == REST for row, _ in merged)
    columns = [*kept, *extra, *([REST] if any(c == REST for _, c in merged) else [])]
    columns += [UNREAD] * any(c == UNREAD for _, c in merged)
    return Confusion(task, source, title, truths, columns, [[merged[t, s] for s in columns] for t in truths])


def _sums(pairs: Counter[tuple[str, str]], side: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for pair, n in pairs.items():
        found[pair[side]] += n
    return found


def _most_common(counts: Counter[str]) -> list[str]:
    return [name for name, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))][:MOST_LABELS]


def _ratings(items: Sequence[Item], name: TaskName) -> list[Confusion]:
    task = TASKS[name]
    assert isinstance(task, RatingTask)
    pairs: dict[str, Counter[tuple[str, str]]] = {aspect: Counter() for aspect in task.aspects}
    spelled = {normal_label(aspect): aspect for aspect in task.aspects}
    for item in _answered(items, name):
        truth = item.sample.truth if item.sample else None
        if not isinstance(truth, Ratings):
            continue
        read = _reading(item)
        said = {normal_label(k): v for k, v in (read.get("ratings") or read.get("aspects") or read).items()}
        for rating in truth.ratings:
            key = normal_label(rating.name)
            if key in spelled:
                level = said.get(key)
                pairs[spelled[key]][str(rating.value), str(level) if level in task.levels else UNREAD] += 1
    return [_rating_table(name, aspect, task.levels, found) for aspect, found in pairs.items() if found]


def _rating_table(task: TaskName, aspect: str, levels: range, pairs: Counter[tuple[str, str]]) -> Confusion:
    names = [str(level) for level in levels]
    columns = [*names, UNREAD] if any(said == UNREAD for _, said in pairs) else names
    return Confusion(task, "", aspect, names, columns, [[pairs[t, s] for s in columns] for t in names])
