"""Two or more models on the same rows: every pair tested, one correction for all, and the rows that differ most."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.comparison import Comparison, Rows, metrics_of_rows, paired, read_rows, row_file
from medvidbench.evaluation.metric_rows import MetricRows
from medvidbench.evaluation.report.wording import headline_metric
from medvidbench.evaluation.results import Results
from medvidbench.metrics.comparison import holm, tie_groups
from medvidbench.records import TASK_NAMES

ALPHA = 0.05


@dataclass(frozen=True)
class MetricComparison:
    """One metric over all models.

    Attributes:
        values: each model's own value over the rows that all models answered; nan where it has none.
        pairs: (position of a, position of b, their comparison), a before b.
        groups: sets of models that are not told apart, the best first; empty when some pair has too few groups of rows
            (patients, trainees or videos) for a test.
    """

    metric: str
    values: list[float]
    pairs: list[tuple[int, int, Comparison]]
    groups: list[tuple[int, ...]]

    @property
    def letters(self) -> list[str]:
        """Each model's letters; two models that share one are not told apart. Empty texts without a test."""
        return [
            "".join(chr(ord("a") + n) for n, group in enumerate(self.groups) if i in group)
            for i in range(len(self.values))
        ]


@dataclass(frozen=True)
class DifferingRow:
    """A row on which the models' scores lie far apart: `spread` is the largest score less the smallest."""

    sample_id: str
    task: str
    source: str
    metric: str
    scores: list[float]
    spread: float
    answers: list[str | None] = field(default_factory=list)


@dataclass(frozen=True)
class ManyModels:
    """A comparison of all models.

    Attributes:
        rows: rows that all models answered; `left_out` counts, for each model, the rows that others answered and it
            did not.
        tests: tests that the correction is over.
        differing: the widest rows of each task.
    """

    models: list[str]
    protocol: str
    synthetic: bool
    rows: int
    left_out: list[int]
    tests: int
    metrics: list[MetricComparison]
    differing: list[DifferingRow]


def compare_all(models: Sequence[tuple[Results, Path]], protocol: str | None = None, top: int = 10) -> ManyModels:
    """Every pair of models, metric by metric; Holm's correction over all pairs and metrics together.

    Args:
        models: results with their paths, two or more.
        protocol: None takes the main one of the first.
        top: rows of each task in `differing`.

    Raises:
        MedVidBenchError: fewer than two models, different truth, a protocol or row file that is missing, or no row that
            all of them answered.
    """
    if len(models) < 2:
        raise MedVidBenchError(f"{len(models)} results can't be compared.", "two or more")
    wanted = protocol or models[0][0].protocol
    _check_same_data([results for results, _ in models])
    read = [read_rows(results, path, wanted) for results, path in models]
    rows, left_out = _common(read)
    metrics, tests = _metrics(rows, wanted)
    if not metrics:
        raise MedVidBenchError(f"The results have no scored row in common under the protocol {wanted!r}.")
    return ManyModels(
        models=_names([results.model for results, _ in models]),
        protocol=wanted,
        synthetic=any(results.synthetic for results, _ in models),
        rows=len(rows[0]),
        left_out=left_out,
        tests=tests,
        metrics=metrics,
        differing=_with_answers(_differing(rows, models[0][0], wanted, top), models, wanted),
    )


def _names(names: Sequence[str]) -> list[str]:
    """The same model twice (two runs of it) gets a number behind its name."""
    return [f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _check_same_data(results: Sequence[Results]) -> None:
    first = results[0]
    for other in results[1:]:
        if other.data["sha256"] != first.data["sha256"]:
            raise MedVidBenchError(
                f"The results rest on different data: {first.data['path']} and {other.data['path']}.",
                "results of the same benchmark",
                "score all prediction files with the same --data",
            )


def _common(read: Sequence[Rows]) -> tuple[list[Rows], list[int]]:
    answered = [{row["sample_id"]: row for row in rows if row["status"] != "unscored"} for rows in read]
    ids = [row["sample_id"] for row in read[0] if all(row["sample_id"] in known for known in answered)]
    anyone = set().union(*answered)
    return [[known[i] for i in ids] for known in answered], [len(anyone - known.keys()) for known in answered]


def _metrics(rows: Sequence[Rows], protocol: str) -> tuple[list[MetricComparison], int]:
    own = [{m.name: m for m in metrics_of_rows(side, protocol)} for side in rows]
    groups = np.unique(np.array([row["group"] for row in rows[0]]), return_inverse=True)[1].astype(np.int64)
    found: list[tuple[str, int, int, Comparison]] = []
    for name in own[0]:
        for i, j in combinations(range(len(own)), 2):
            if name in own[i] and name in own[j] and (pair := paired(own[i][name], own[j][name], groups)) is not None:
                found.append((name, i, j, Comparison(*pair, math.nan)))
    adjusted = holm(np.array([c.difference.p for *_, c in found])) if found else np.array([])
    by_metric: dict[str, list[tuple[int, int, Comparison]]] = defaultdict(list)
    for (name, i, j, comparison), p in zip(found, adjusted.tolist(), strict=True):
        by_metric[name].append((i, j, replace(comparison, p_holm=p)))
    metrics = [_one_metric(name, [side.get(name) for side in own], pairs) for name, pairs in by_metric.items()]
    return metrics, int((~np.isnan(adjusted)).sum())


def _one_metric(
    name: str, own: Sequence[MetricRows | None], pairs: list[tuple[int, int, Comparison]]
) -> MetricComparison:
    values = [math.nan if m is None else float(m.combine(m.columns.sum(axis=0))) for m in own]
    tested = [(i, j, c) for i, j, c in pairs if c.difference.ci95 is not None and not math.isnan(c.p_holm)]
    if len(tested) < len(own) * (len(own) - 1) // 2:
        return MetricComparison(name, values, pairs, [])
    apart = np.zeros((len(own), len(own)), dtype=bool)
    for i, j, c in tested:
        apart[i, j] = apart[j, i] = c.p_holm < ALPHA
    best_first = sorted(tie_groups(apart), key=lambda group: sorted(-values[i] for i in group))
    return MetricComparison(name, values, pairs, best_first)


def _differing(rows: Sequence[Rows], results: Results, protocol: str, top: int) -> list[DifferingRow]:
    metrics = next(p.metrics for p in results.protocols() if p.protocol == protocol)
    by_task: dict[str, list[DifferingRow]] = defaultdict(list)
    for sides in zip(*rows, strict=True):
        name = next((n for row in sides if (n := headline_metric(row, metrics))), "")
        scores = [_number(row, name) for row in sides]
        known = [s for s in scores if not math.isnan(s)]
        if len(known) == len(scores) and max(known) > min(known):
            first, spread = sides[0], max(known) - min(known)
            row = DifferingRow(first["sample_id"], first["task"], first["source"], name, scores, spread)
            by_task[first["task"]].append(row)
    order = [task for task in TASK_NAMES if task in by_task]
    return [r for task in order for r in sorted(by_task[task], key=lambda r: (-r.spread, r.sample_id))[:top]]


def _number(row: Mapping[str, object], name: str) -> float:
    numbers = row["numbers"]
    assert isinstance(numbers, list)
    return next((float(n["value"]) for n in numbers if n["name"] == name), math.nan)


def _with_answers(
    found: Sequence[DifferingRow], models: Sequence[tuple[Results, Path]], protocol: str
) -> list[DifferingRow]:
    import pyarrow.parquet as pq

    ids = [row.sample_id for row in found]
    wanted: Any = [("protocol", "=", protocol), ("sample_id", "in", ids)]
    answers = []
    for results, path in models if ids else ():
        table = pq.read_table(row_file(results, path), columns=["sample_id", "answer"], filters=wanted)
        answers.append(dict(zip(*(table.column(name).to_pylist() for name in ("sample_id", "answer")), strict=True)))
    return [replace(row, answers=[side.get(row.sample_id) for side in answers]) for row in found]
