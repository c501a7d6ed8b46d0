"""From judgements to the metrics of a results file: DVC_llm, VS_llm, RC_llm, or _concept by the kind of judge.

Strict: each row's value is the mean over its pairs and the five dimensions; the metric is the mean over rows. Official
(arXiv 2512.06581): VS and RC are the mean of the five means over rows; DVC takes for each source and threshold the mean
of each dimension over all pairs of the source, then over dimensions above 0, then over thresholds above 0, and weights
the sources by their rows. All are sums over rows, so every number has its clustered interval.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.evaluation.data import EvalData
from medvidbench.evaluation.metric_rows import MetricRows, ProtocolScores, RowOutcome
from medvidbench.evaluation.protocols.strict import NEEDS_JUDGE
from medvidbench.evaluation.scoring import COMPLETE, merged_rows
from medvidbench.judges.base import DIMENSIONS, LEAST, MOST, CaptionPair, Judge, Judgement, Mode
from medvidbench.judges.calling import empty_side
from medvidbench.judges.pairing import (
    JUDGED_TASKS,
    THRESHOLDS,
    RowPairs,
    Texts,
    distinct_pairs,
    judgements_by_texts,
    official_rows,
    strict_rows,
    texts_of,
)
from medvidbench.judges.run_record import counts, dimension_means
from medvidbench.judges.telling import NOT_JUDGED, told_of
from medvidbench.records import Answer

SIZE = len(DIMENSIONS)
BLOCK = len(THRESHOLDS) * (SIZE + 1) + 1
"""Columns of one source in the official DVC: five sums and a count a threshold, then the rows."""


@dataclass(frozen=True, slots=True)
class RowScore:
    """One row as the judge sees it.

    Attributes:
        scores: mean of each dimension, or None; then `reason` says why.
        sums: official DVC: (3, 6) sums of each dimension and number of pairs at each threshold; else None.
        failed: pairs without a judgement.
    """

    row: RowPairs
    scores: tuple[float, ...] | None
    reason: str = ""
    sums: NDArray[np.float64] | None = None
    failed: int = 0

    @property
    def value(self) -> float | None:
        """The mean of the five."""
        return None if self.scores is None else sum(self.scores) / SIZE


def add_judge(
    data: EvalData,
    answers: Sequence[Answer | None],
    scores: Sequence[ProtocolScores],
    judge: Judge,
    told: Callable[[Judgement], object] | None = None,
) -> tuple[list[ProtocolScores], dict[str, Any]]:
    """The protocols' scores with the judge's metrics, and the judge's record for the results.

    Both protocols share the judgements; the same two texts are judged once.

    Args:
        answers: aligned with the data's samples.
        told: called with each judgement as it comes.

    Raises:
        MedVidBenchError: what makes going on pointless for the judge.
    """
    rows = {each.protocol: rows_of(each.protocol, data, answers) for each in scores}
    pairs = distinct_pairs(row for protocol in rows.values() for row in protocol)
    mode: Mode = "absolute"
    judged: list[Judgement] = []
    for judgement in _all_judged(judge, list(pairs.values()), mode):
        judged.append(judgement)
        if told is not None:
            told(judgement)
    by_texts = judgements_by_texts(pairs, judged)
    found = {protocol: row_scores(of, by_texts, protocol) for protocol, of in rows.items()}
    new = [with_judge(each, found[each.protocol], by_texts, judge) for each in scores]
    record = {**judge.record(), "mode": mode, **counts(judged), "dimensions": dimension_means(found)}
    return new, record


def _all_judged(judge: Judge, pairs: Sequence[CaptionPair], mode: Mode) -> Iterator[Judgement]:
    """A pair with an empty side has the least from every judge alike, and is never asked about."""
    fixed = {pair.pair_id: found for pair in pairs if (found := empty_side(pair, judge.name)) is not None}
    yield from fixed.values()
    yield from judge.judge([pair for pair in pairs if pair.pair_id not in fixed], mode)


def rows_of(protocol: str, data: EvalData, answers: Sequence[Answer | None]) -> list[RowPairs]:
    """The caption pairs of every row that a judge scores under a protocol."""
    if protocol == "strict":
        return strict_rows(data.samples, answers)
    absent = [i for i, a in enumerate(answers) if a is None or a.error]
    return official_rows(merged_rows(data, answers), absent)


def row_scores(rows: Sequence[RowPairs], judged: Mapping[Texts, Judgement], protocol: str = "strict") -> list[RowScore]:
    """Each row's five dimensions, or the reason why it has none.

    A pair that wasn't judged is never a number. Strict: it takes its row along. Official: the row goes on without it.
    """
    return [_row_score(row, [judged.get(texts_of(pair)) for pair in row.pairs], protocol) for row in rows]


def _row_score(row: RowPairs, judged: Sequence[Judgement | None], protocol: str) -> RowScore:
    values = [None if j is None or j.scores is None else np.array(j.scores) for j in judged]
    failed = sum(value is None for value in values)
    errors = [("no judgement" if j is None else j.error) for j, v in zip(judged, values, strict=True) if v is None]
    if not row.pairs:
        return RowScore(row, None, row.reason or "no caption to judge")
    if failed == len(values) or (failed and protocol == "strict"):
        return RowScore(row, None, f"judge: {failed} of {len(values)} judgements failed: {errors[0]}", failed=failed)
    known = {k: value for k, value in enumerate(values) if value is not None}
    if not row.at:
        return RowScore(row, _tuple(np.mean(list(known.values()), axis=0)), failed=failed)
    sums = np.zeros((len(THRESHOLDS), SIZE + 1))
    for number, tau in enumerate(THRESHOLDS):
        for k in row.at[tau]:
            if k in known:
                sums[number] += [*known[k], 1.0]
    reached = sums[:, SIZE] > 0
    means = sums[reached, :SIZE] / sums[reached, SIZE:]
    return RowScore(row, _tuple(means.mean(axis=0)), sums=sums, failed=failed)


def _tuple(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


# --- metrics --------------------------------------------------------------------------------------------------------


def judge_metrics(found: Sequence[RowScore], protocol: str, kind: str) -> list[MetricRows]:
    """The judge's metrics over these rows, tasks without any number left out."""
    metrics = []
    for task in JUDGED_TASKS:
        own = [score for score in found if score.row.task == task]
        if not any(score.scores is not None for score in own):
            continue
        due = [score for score in own if score.row.due]
        whole = sum(score.scores is not None and not score.failed for score in due)
        build = _matched_events if task == "DVC" and protocol == "official" else _row_means
        metric = build(f"{task}_{kind}", own)
        metrics.append(
            replace(
                metric,
                scale=(LEAST, MOST),
                coverage=whole / len(due) if due else None,
                unscored=sum(score.scores is None for score in own),
            )
        )
    return metrics


def _row_means(name: str, own: Sequence[RowScore]) -> MetricRows:
    counted = [(score.row.position, score.value) for score in own if score.value is not None]
    columns = np.array([(value, 1.0) for _, value in counted])
    return MetricRows(name, own[0].row.task, np.array([at for at, _ in counted], dtype=np.int64), columns)


def _matched_events(name: str, own: Sequence[RowScore]) -> MetricRows:
    """Quirk: a row without a pair has no score and still weighs in, as in DVC_F1; one without an answer doesn't."""
    weighing = [score for score in own if score.row.reason != "no prediction"]
    sources = sorted({score.row.source for score in weighing})
    columns = np.zeros((len(weighing), len(sources), BLOCK))
    for at, score in enumerate(weighing):
        block = columns[at, sources.index(score.row.source)]
        block[-1] = 1.0
        if score.sums is not None:
            block[:-1] = score.sums.ravel()
    positions = np.array([score.row.position for score in weighing], dtype=np.int64)
    return MetricRows(name, "DVC", positions, columns.reshape(len(weighing), -1), matched_event_means)


def matched_event_means(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., S * 19) summed columns to (...) values of the official DVC judge score; nan without a row.

    For each source: mean of each dimension over the pairs of a threshold, mean over the dimensions above 0, mean over
    the thresholds above 0 (0 when there is none). Then the mean of the sources, weighted by their rows.
    """
    blocks = sums.reshape(*sums.shape[:-1], -1, BLOCK)
    rows = blocks[..., -1]
    taus = blocks[..., :-1].reshape(*blocks.shape[:-1], len(THRESHOLDS), SIZE + 1)
    dimensions = _divided(taus[..., :SIZE], taus[..., SIZE:])
    by_tau = _mean_above_zero(dimensions)
    by_source = _mean_above_zero(by_tau)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((by_source * rows).sum(axis=-1) / rows.sum(axis=-1), dtype=np.float64)


def _mean_above_zero(values: NDArray[np.float64]) -> NDArray[np.float64]:
    above = values > 0
    return _divided(np.where(above, values, 0.0).sum(axis=-1), above.sum(axis=-1).astype(np.float64))


def _divided(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    bottom = np.broadcast_to(bottom, top.shape)
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


# --- into a protocol's scores ---------------------------------------------------------------------------------------


def with_judge(
    scores: ProtocolScores, found: Sequence[RowScore], judged: Mapping[Texts, Judgement], judge: Judge
) -> ProtocolScores:
    """A protocol's scores with the judge's numbers in the rows, and its metrics overall and by source."""
    by_position = {score.row.position: score for score in found}
    update = partial(_outcome, judged=judged, judge=judge)
    outcomes = [update(o, by_position[o.position]) if o.position in by_position else o for o in scores.outcomes]
    by_source: dict[str, list[RowScore]] = defaultdict(list)
    for score in found:
        by_source[score.row.source].append(score)
    overall = judge_metrics(found, scores.protocol, judge.kind)
    new = {metric.name for metric in overall}
    kept = {source: [m for m in metrics if m.name not in new] for source, metrics in scores.by_source.items()}
    for source, own in by_source.items():
        kept.setdefault(source, []).extend(judge_metrics(own, scores.protocol, judge.kind))
    notes = _notes(scores.notes, overall, found, judge)
    return replace(
        scores,
        outcomes=outcomes,
        overall=[*(m for m in scores.overall if m.name not in new), *overall],
        by_source={source: metrics for source, metrics in kept.items() if metrics},
        notes=notes,
    )


def _outcome(outcome: RowOutcome, score: RowScore, judged: Mapping[Texts, Judgement], judge: Judge) -> RowOutcome:
    name = f"{score.row.task}_{judge.kind}"
    numbers = {key: value for key, value in outcome.numbers.items() if key != name}
    status, reason = outcome.status, outcome.reason
    waited = reason == NEEDS_JUDGE or reason.startswith(NOT_JUDGED)
    if score.value is not None:
        numbers[name] = score.value
        status, reason = ("scored", "") if waited and status == "unscored" else (status, reason)
    elif waited and not any(key.startswith(f"{score.row.task}_") for key in numbers):
        status, reason = "unscored", f"{NOT_JUDGED}: {score.reason}"
    text = told_of(outcome.judge, judge.name, score.row, "" if score.scores else score.reason, judged)
    return replace(outcome, numbers=numbers, status=status, reason=reason, judge=text)


def _notes(notes: Sequence[str], metrics: Sequence[MetricRows], found: Sequence[RowScore], judge: Judge) -> list[str]:
    judged = {metric.task for metric in metrics}
    kept = [note for note in notes if note not in {f"{task}: {NEEDS_JUDGE}" for task in judged}]
    kept = [note for note in kept if not any(note.startswith(f"{metric.name} ") for metric in metrics)]
    for metric in metrics:
        if metric.coverage is not None and metric.coverage < COMPLETE:
            errors = Counter(
                s.reason.split(": ", 2)[-1][:80] for s in found if s.row.task == metric.task and s.failed and s.reason
            )
            main = f", most often: {errors.most_common(1)[0][0]}" if errors else ""
            kept.append(f"{metric.name} is incomplete: {100 * metric.coverage:.1f} % of the rows due were judged{main}")
    return kept
