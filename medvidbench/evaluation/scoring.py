"""From answers to results: run a protocol, put an interval on every metric, keep every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import medvidbench
from medvidbench.evaluation.data import EvalData
from medvidbench.evaluation.metric_rows import MetricRows, ProtocolScores, RowOutcome, ratio
from medvidbench.evaluation.results import MetricValue, ProtocolResults, Results, finite
from medvidbench.metrics.bootstrap import cluster_bootstrap
from medvidbench.metrics.statistics import Estimate, clustered_mean
from medvidbench.published import to_merged
from medvidbench.records import Answer, Finding, Sample, TaskName

Protocol: TypeAlias = Literal["strict", "official", "both"]
Text: TypeAlias = NDArray[np.str_]
COMPLETE = 0.99
"""Coverage from which a judge's metric is not marked as incomplete."""


def run_protocols(data: EvalData, answers: Sequence[Answer | None], protocol: Protocol) -> list[ProtocolScores]:
    """Score with the strict protocol, the official one, or both (strict first)."""
    scores = []
    if protocol in ("strict", "both"):
        from medvidbench.evaluation.protocols.strict import score_strict

        scores.append(score_strict(data.samples, answers))
    if protocol in ("official", "both"):
        from medvidbench.evaluation.protocols.official import score_official

        scores.append(_only_answered(score_official(merged_rows(data, answers)), answers))
    return scores


def merged_rows(data: EvalData, answers: Sequence[Answer | None]) -> list[Any]:
    """The rows that the official protocol reads: raw when the data came merged, else rebuilt from the samples.

    A missing or failed answer stands as an empty text here, and is taken out of the numbers afterwards.
    """
    rows: list[Any] = data.merged or [to_merged(s) for s in data.samples]
    return [dict(row, answer=_answer_value(a, row)) for row, a in zip(rows, answers, strict=True)]


def _answer_value(answer: Answer | None, row: Any) -> Any:
    if answer is None or answer.error:
        return ""
    return answer.text if answer.text is not None else row.get("answer")


def _only_answered(scores: ProtocolScores, answers: Sequence[Answer | None]) -> ProtocolScores:
    """Rows without a prediction, or whose call failed, lose the number that an empty text would get."""
    absent = {i for i, a in enumerate(answers) if a is None or a.error}
    if not absent:
        return scores
    outcomes = [_unscored(o, answers[o.position]) if o.position in absent else o for o in scores.outcomes]
    overall = [_drop(m, absent) for m in scores.overall]
    by_source = {s: [_drop(m, absent) for m in metrics] for s, metrics in scores.by_source.items()}
    note = f"{len(absent)} rows without an answer are unscored here; the public evaluator would refuse the file."
    return ProtocolScores(scores.protocol, outcomes, overall, by_source, [*scores.notes, note])


def _unscored(outcome: RowOutcome, answer: Answer | None) -> RowOutcome:
    reason = "no prediction" if answer is None else f"call failed: {answer.error}"
    return RowOutcome(outcome.position, outcome.task, outcome.source, "unscored", reason)


def _drop(metric: MetricRows, absent: set[int]) -> MetricRows:
    keep = ~np.isin(metric.rows, list(absent))
    return MetricRows(metric.name, metric.task, metric.rows[keep], metric.columns[keep], metric.combine)


def results_of(
    data: EvalData,
    answers: Sequence[Answer | None],
    scores: Sequence[ProtocolScores],
    model: str,
    predictions: dict[str, str],
    findings: Sequence[Finding],
) -> Results:
    """The results of one file under the protocols run, the first one being the main one."""
    groups = clusters_of(data.samples)
    tables = [_protocol_results(s, groups) for s in scores]
    main = scores[0]
    counts = {state: sum(o.status == state for o in main.outcomes) for state in ("scored", "unparsed", "unscored")}
    given = sum(a is not None and not a.error for a in answers)
    return Results(
        medvidbench=medvidbench.__version__,
        model=model,
        synthetic=data.synthetic,
        predictions=predictions,
        data={"path": data.path, "sha256": data.digest},
        protocol=tables[0].protocol,
        metrics=tables[0].metrics,
        sources=tables[0].sources,
        beside=tables[1] if len(tables) > 1 else None,
        counts={"samples": len(data.samples), "answers": given, **counts},
        notes=tables[0].notes,
        findings=[{"file": f.file, "row": f.row, "what": f.what, "done": f.done} for f in findings],
    )


def clusters_of(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """(N,) codes of the samples' groups."""
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(s.group, len(codes)) for s in samples], dtype=np.int64)


def _protocol_results(scores: ProtocolScores, groups: NDArray[np.int64]) -> ProtocolResults:
    return ProtocolResults(
        protocol="official" if scores.protocol == "official" else "strict",
        metrics={m.name: metric_value(m, scores.outcomes, groups) for m in scores.overall},
        sources={
            source: {m.name: metric_value(m, scores.outcomes, groups, source) for m in metrics}
            for source, metrics in sorted(scores.by_source.items())
        },
        notes=scores.notes,
    )


def metric_value(
    metric: MetricRows, outcomes: Sequence[RowOutcome], groups: NDArray[np.int64], source: str | None = None
) -> MetricValue:
    """A metric with its count, parse rate and clustered interval."""
    states = _states(outcomes, metric.task, source)
    estimate = interval(metric, groups)
    given = states["scored"] + states["unparsed"]
    return MetricValue(
        value=finite(estimate.value),
        n=estimate.n,
        n_clusters=estimate.n_clusters,
        n_unparsed=states["unparsed"],
        n_unscored=states["unscored"] if metric.unscored is None else metric.unscored,
        parse_rate=states["scored"] / given if given else None,
        se=finite(estimate.se),
        ci95=estimate.ci95,
        method=estimate.method,
        note="; ".join(part for part in (_incomplete(metric), estimate.note) if part),
        coverage=metric.coverage,
    )


def _incomplete(metric: MetricRows) -> str:
    if metric.coverage is None or metric.coverage >= COMPLETE:
        return ""
    return f"incomplete: {100 * metric.coverage:.1f} % judged"


def interval(metric: MetricRows, groups: NDArray[np.int64]) -> Estimate:
    """A plain mean gets the clustered standard error (CR1, t); any other function of sums the cluster bootstrap.

    A mean of row scores in [0, 1], or on a judge's scale, lies there too, so its t interval is cut at the ends; that
    doesn't change how often it covers the truth.
    """
    clusters = groups[metric.rows]
    if metric.combine is ratio and bool(np.all(metric.columns[:, 1] == 1.0)):
        return _cut(clustered_mean(metric.columns[:, 0], clusters), metric.columns[:, 0], metric.scale)
    return cluster_bootstrap(metric.columns, clusters, metric.combine)


def _cut(estimate: Estimate, values: NDArray[np.float64], scale: tuple[float, float]) -> Estimate:
    least, most = scale
    if estimate.ci95 is None or not bool(np.all((values >= least) & (values <= most))):
        return estimate
    low, high = estimate.ci95
    return replace(estimate, ci95=(max(least, low), min(most, high)))


def _states(outcomes: Sequence[RowOutcome], task: TaskName, source: str | None) -> dict[str, int]:
    counts = {"scored": 0, "unparsed": 0, "unscored": 0}
    for outcome in outcomes:
        if outcome.task == task and (source is None or outcome.source == source):
            counts[outcome.status] += 1
    return counts
