"""Judges for results that are there already: `medvidbench judge RESULTS`.

The row file holds every answer and what the rules made of it, so nothing is scored again: the captions are judged, the
rows get the judge's numbers and words, the results its metrics and its record. Both files are replaced at the end, each
whole; until then every paid reply is in the judge's cache, so a run that was broken off goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.comparison import row_file
from medvidbench.evaluation.data import EvalData, load_data
from medvidbench.evaluation.metric_rows import ProtocolScores, RowOutcome
from medvidbench.evaluation.results import Results, read_results, row_schema, write_results
from medvidbench.evaluation.scoring import clusters_of, metric_value
from medvidbench.judges.base import CaptionPair, Judge, Judgement
from medvidbench.judges.pairing import distinct_pairs
from medvidbench.judges.scoring import add_judge, rows_of
from medvidbench.judges.telling import without
from medvidbench.records import Answer, Split

CALL_FAILED, NO_PREDICTION = "call failed: ", "no prediction"


@dataclass(frozen=True)
class Existing:
    """A results file with its rows, its data and its answers.

    Attributes:
        lines: the row file, line by line, in its order.
        answers: aligned with `data.samples`.
        scores: each protocol's outcomes, without metrics.
    """

    path: Path
    results: Results
    lines: list[dict[str, Any]]
    data: EvalData
    answers: list[Answer | None]
    scores: list[ProtocolScores]

    def pairs(self) -> list[CaptionPair]:
        """What a judge would be asked."""
        rows = (row for each in self.scores for row in rows_of(each.protocol, self.data, self.answers))
        return list(distinct_pairs(rows).values())


def read_existing(path: Path, data: Path | None = None) -> Existing:
    """A results file or folder, joined with the data that it was scored against.

    Args:
        data: None looks where the results say that it was.

    Raises:
        MedVidBenchError: no results, no row file, no data, or other data than then.
    """
    import pyarrow.parquet as pq

    results = read_results(path)
    file = path / "results.json" if path.is_dir() else path
    lines: list[dict[str, Any]] = pq.read_table(row_file(results, path)).to_pylist()
    main = [line for line in lines if line["protocol"] == results.protocol]
    found = _data(results, [line["sample_id"] for line in main], data)
    answers = [_answer(line, results.model) for line in main]
    scores = [_scores(each.protocol, lines, each.notes) for each in results.protocols()]
    return Existing(file, results, lines, found, answers, scores)


def judge_existing(
    existing: Existing, judges: Sequence[Judge], told: Callable[[Judgement], object] | None = None
) -> Results:
    """The results with the judges' metrics, written over the files they came from.

    A judge of a kind that judged before takes that one's place.

    Raises:
        MedVidBenchError: two judges of one kind, or what makes going on pointless for a judge.
    """
    kinds = [judge.kind for judge in judges]
    if len(set(kinds)) < len(kinds):
        seen = ", ".join(f"{judge.name} ({judge.kind})" for judge in judges)
        raise MedVidBenchError(f"Two judges of one kind: {seen}.", "one a kind", "make them a jury: JUDGE,JUDGE")
    scores, records = existing.scores, list(existing.results.judges)
    for judge in judges:
        scores = _forgotten(scores, [r["judge"] for r in records if r.get("kind") == judge.kind])
        scores, record = add_judge(existing.data, existing.answers, scores, judge, told)
        records = [*(r for r in records if r.get("kind") != judge.kind), record]
    results = _with_metrics(existing, scores, kinds).model_copy(update={"judges": records})
    write_results(results, existing.path, _table(existing, scores))
    return results


def _data(results: Results, ids: Sequence[str], path: Path | None) -> EvalData:
    place = path or Path(results.data["path"])
    if not place.exists():
        seen = f"The data of these results, {place}, isn't there."
        raise MedVidBenchError(seen, remedy="pass --data BENCHMARK")
    splits: tuple[Split, ...] = ("test", "train") if place.is_dir() else ("test",)
    problem: MedVidBenchError | None = None
    for split in splits:
        try:
            data = _in_order(load_data(place, split), ids)
        except MedVidBenchError as error:  # one of the splits may have no rows
            problem = problem or error
            continue
        if data is not None and data.digest == results.data["sha256"]:
            return data
        problem = _other_data(place, results)
    raise problem or _other_data(place, results)


def _other_data(place: Path, results: Results) -> MedVidBenchError:
    seen = f"{place} is not the data that {results.model} was scored against."
    return MedVidBenchError(seen, f"data with the digest {results.data['sha256'][:12]}...")


def _in_order(data: EvalData, ids: Sequence[str]) -> EvalData | None:
    place = {sample.sample_id: at for at, sample in enumerate(data.samples)}
    if not all(sample_id in place for sample_id in ids):
        return None
    order = [place[sample_id] for sample_id in ids]
    merged = [data.merged[at] for at in order] if data.merged else []
    return replace(data, samples=[data.samples[at] for at in order], merged=merged)


def _answer(line: Mapping[str, Any], model: str) -> Answer | None:
    reason = line["reason"] or ""
    if line["answer"] is None and reason == NO_PREDICTION:
        return None
    failed = reason.removeprefix(CALL_FAILED) if line["answer"] is None and reason.startswith(CALL_FAILED) else ""
    return Answer(line["sample_id"], model, line["answer"], failed)


def _scores(protocol: str, lines: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> ProtocolScores:
    own = [line for line in lines if line["protocol"] == protocol]
    outcomes = [
        RowOutcome(
            position,
            line["task"],
            line["source"],
            line["status"],
            line["reason"] or "",
            {item["name"]: item["value"] for item in line["numbers"]},
            None if line["reading"] is None else json.loads(line["reading"]),
            line.get("judge") or "",
        )
        for position, line in enumerate(own)
    ]
    return ProtocolScores(protocol, outcomes, [], {}, list(notes))


def _forgotten(scores: Sequence[ProtocolScores], judges: Sequence[str]) -> list[ProtocolScores]:
    """The scores without what these judges said of the rows."""

    def row(outcome: RowOutcome) -> RowOutcome:
        return replace(outcome, judge=without(outcome.judge, judges)) if judges and outcome.judge else outcome

    return [replace(each, outcomes=[row(outcome) for outcome in each.outcomes]) for each in scores]


def _with_metrics(existing: Existing, scores: Sequence[ProtocolScores], kinds: Sequence[str]) -> Results:
    groups = clusters_of(existing.data.samples)
    endings = tuple(f"_{kind}" for kind in kinds)
    tables = []
    for table, each in zip(existing.results.protocols(), scores, strict=True):
        kept = {name: value for name, value in table.metrics.items() if not name.endswith(endings)}
        new = {metric.name: metric_value(metric, each.outcomes, groups) for metric in each.overall}
        sources: dict[str, dict[str, Any]] = {
            source: {name: value for name, value in metrics.items() if not name.endswith(endings)}
            for source, metrics in table.sources.items()
        }
        for source, metrics in each.by_source.items():
            values = {metric.name: metric_value(metric, each.outcomes, groups, source) for metric in metrics}
            sources[source] = sources.get(source, {}) | values
        update = {"metrics": kept | new, "sources": dict(sorted(sources.items())), "notes": each.notes}
        tables.append(table.model_copy(update=update))
    main, beside = tables[0], tables[1] if len(tables) > 1 else None
    states = [outcome.status for outcome in scores[0].outcomes]
    counts = existing.results.counts | {name: states.count(name) for name in ("scored", "unparsed", "unscored")}
    update = {"metrics": main.metrics, "sources": main.sources, "notes": main.notes, "beside": beside, "counts": counts}
    return existing.results.model_copy(update=update)


def _table(existing: Existing, scores: Sequence[ProtocolScores]) -> Any:
    import pyarrow as pa

    outcomes = {each.protocol: iter(each.outcomes) for each in scores}
    lines = [_line(line, next(outcomes[line["protocol"]])) for line in existing.lines]
    return pa.Table.from_pylist(lines, schema=row_schema())


def _line(line: Mapping[str, Any], outcome: RowOutcome) -> dict[str, Any]:
    numbers = [{"name": name, "value": value} for name, value in outcome.numbers.items()]
    changed = {"status": outcome.status, "reason": outcome.reason, "numbers": numbers, "judge": outcome.judge}
    return {**line, **changed}
