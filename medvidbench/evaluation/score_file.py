"""A file of predictions to results: the work behind `medvidbench score` and the end of `medvidbench eval`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.data import EvalData, data_from_merged, load_data
from medvidbench.evaluation.files import PredictionFile, read_predictions
from medvidbench.evaluation.join import Joined, join
from medvidbench.evaluation.metric_rows import ProtocolScores
from medvidbench.evaluation.results import Results, row_table, write_results
from medvidbench.evaluation.scoring import Protocol, results_of, run_protocols
from medvidbench.hashing import file_sha256
from medvidbench.records import Answer, Finding, Split, TaskName

if TYPE_CHECKING:
    from medvidbench.judges.base import Judge


@dataclass(frozen=True)
class Scored:
    """Results with what they were made from, ready to be written."""

    results: Results
    data: EvalData
    answers: list[Answer | None]
    scores: list[ProtocolScores]

    def write(self, path: Path) -> None:
        """Write `path` and `<stem>.rows.parquet` beside it."""
        write_results(self.results, path, row_table(self.data.samples, self.answers, self.scores))


def score_file(
    predictions: Path,
    data: Path | None,
    protocol: Protocol = "both",
    *,
    model: str | None = None,
    by_position: bool = False,
    split: Split = "test",
    tasks: Sequence[TaskName] = (),
    sources: Sequence[str] = (),
    written_by: str | None = None,
    answers: Path | None = None,
) -> Scored:
    """Score a predictions file against `data`, or a merged file against the truth that it carries.

    A truth inside the file is never used when `data` is given.

    Raises:
        MedVidBenchError: the file or the data can't be read, or they can't be joined.
    """
    file = _read(predictions, written_by)
    name = model or predictions.stem
    if data is None:
        truth, joined = _from_itself(file, name)
    else:
        truth = load_data(data, split, tasks, sources, answers)
        joined = join(truth.samples, file.predictions, predictions.name, name, by_position)
        joined.findings.extend(_ignored_truth(file))
    findings = [*truth.findings, *joined.findings, *_no_text(file)]
    used = {"path": str(predictions), "sha256": file_sha256(predictions), "joined_by": joined.joined_by}
    return score_answers(truth, joined.answers, protocol, name, used, findings)


def _read(predictions: Path, written_by: str | None) -> PredictionFile:
    """`written_by` names the tool whose log it is; None is a predictions file."""
    if written_by is None:
        return read_predictions(predictions)
    from medvidbench.interop import read_predictions_from

    return read_predictions_from(written_by, predictions)


def score_answers(
    data: EvalData,
    answers: list[Answer | None],
    protocol: Protocol,
    model: str,
    predictions: dict[str, str],
    findings: Sequence[Finding] = (),
    judges: Sequence[Judge] = (),
) -> Scored:
    """Score answers that are already aligned with the samples, and have each judge score the captions."""
    scores = run_protocols(data, answers, protocol)
    records = []
    for judge in judges:
        from medvidbench.judges.scoring import add_judge

        scores, record = add_judge(data, answers, scores, judge)
        records.append(record)
    results = results_of(data, answers, scores, model, predictions, findings)
    return Scored(results.model_copy(update={"judges": records}), data, answers, scores)


def _from_itself(file: PredictionFile, model: str) -> tuple[EvalData, Joined]:
    if not file.merged:
        raise MedVidBenchError(
            f"{file.path} holds predictions but no truth.",
            "a merged file (with struc_info and gnd), or --data",
            "pass --data BENCHMARK_FOLDER or --data FILE with the truth",
        )
    data = data_from_merged(file.merged, file.path)
    if not data.samples:
        raise MedVidBenchError(f"{file.path}: no row has a known task.", remedy="see `qa_type` in the rows")
    position = {id(row): i for i, row in enumerate(file.merged)}
    answers: list[Answer | None] = []
    for sample, row in zip(data.samples, data.merged, strict=True):
        p = file.predictions[position[id(row)]]
        answers.append(Answer(sample.sample_id, model, p.text, p.error))
    return data, Joined(answers, "rows that carry their own truth", [])


def _ignored_truth(file: PredictionFile) -> list[Finding]:
    if not file.merged:
        return []
    what = "the file carries a truth of its own"
    return [Finding(file.path.name, "all rows", what, "not used: --data holds the truth")]


def _no_text(file: PredictionFile) -> list[Finding]:
    return [
        Finding(file.path.name, p.where, p.problem, "counted as an unreadable answer")
        for p in file.predictions
        if p.problem and not p.error
    ]
