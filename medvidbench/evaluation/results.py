"""`results.json` and the row file beside it: what a run's numbers are, and what they rest on."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import read_text
from medvidbench.evaluation.metric_rows import ProtocolScores, RowOutcome, ratio
from medvidbench.records import Answer, Sample

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_KEPT = 100_000
"""Characters of an answer that the row file keeps; the predictions file holds the rest."""
_as_json = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes one a call
FORMAT: Literal["medvidbench.results/1"] = "medvidbench.results/1"


class MetricValue(BaseModel):
    """One number with what it rests on.

    Attributes:
        value: the metric, or None when it is undefined (no row counted, a kappa with a single class).
        n: rows that the number counts.
        n_clusters: groups (patients, trainees or videos) among them.
        n_unparsed: rows of the task whose answer was given but could not be read.
        n_unscored: rows of the task without a number (no prediction, failed call, needs a judge, ...).
        parse_rate: readable answers over given answers; None when none was given.
        ci95: 95 % interval clustered by group, or None; `note` says why.
        coverage: for a judge's metric, the share of the rows due that were judged; None for all others. Under 0.99 the
            `note` begins with "incomplete".
    """

    model_config = ConfigDict(extra="forbid")
    value: float | None
    n: int
    n_clusters: int
    n_unparsed: int
    n_unscored: int
    parse_rate: float | None
    se: float | None
    ci95: tuple[float, float] | None
    method: str
    note: str = ""
    coverage: float | None = None


class ProtocolResults(BaseModel):
    """All metrics of one protocol, over all sources and by source."""

    model_config = ConfigDict(extra="forbid")
    protocol: Literal["strict", "official"]
    metrics: dict[str, MetricValue]
    sources: dict[str, dict[str, MetricValue]]
    notes: list[str] = Field(default_factory=list)


class Results(BaseModel):
    """The content of `results.json`.

    `protocol`, `metrics` and `sources` are those of the main protocol; `beside` holds the other one when
    both were asked for. `counts` are rows: samples, answers, scored, unparsed, unscored (main protocol).
    `run` says how the model was asked, where `medvidbench eval` asked it: model, settings, time_axis (the proof of the
    time contract), cost_usd, tokens; empty for a scored file. `judges` holds, for each judge that scored captions, its
    record, its failures and what it cost.
    """

    model_config = ConfigDict(extra="forbid")
    format: Literal["medvidbench.results/1"] = FORMAT
    medvidbench: str
    model: str
    synthetic: bool
    predictions: dict[str, str]
    data: dict[str, str]
    protocol: Literal["strict", "official"]
    metrics: dict[str, MetricValue]
    sources: dict[str, dict[str, MetricValue]]
    beside: ProtocolResults | None = None
    counts: dict[str, int]
    notes: list[str] = Field(default_factory=list)
    findings: list[dict[str, str]] = Field(default_factory=list)
    rows: str | None = None
    run: dict[str, Any] = Field(default_factory=dict)
    judges: list[dict[str, Any]] = Field(default_factory=list)

    def protocols(self) -> list[ProtocolResults]:
        """The main protocol first, then the one beside it."""
        main = ProtocolResults(protocol=self.protocol, metrics=self.metrics, sources=self.sources, notes=self.notes)
        return [main] if self.beside is None else [main, self.beside]


def read_results(path: Path) -> Results:
    """Read and check a `results.json` (or a folder that holds one).

    Raises:
        MedVidBenchError: missing, not JSON, or another format (names the first field that is off).
    """
    file = path / "results.json" if path.is_dir() else path
    if not file.is_file():
        accepted = "a results.json or its folder, as `medvidbench eval` and `medvidbench score` write them"
        raise MedVidBenchError(f"No file {file}.", accepted)
    try:
        return Results.model_validate_json(read_text(file))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "top level"
        raise MedVidBenchError(
            f"{file} is no results file: {place}: {first['msg']}.",
            f"a file of format {FORMAT}, written by `medvidbench score`",
        ) from None


def write_results(results: Results, path: Path, rows: pa.Table) -> None:
    """Write the row file, then the results that name it; each appears whole or not at all."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    row_file = path.with_name(path.stem + ".rows.parquet")
    _replace(row_file, lambda target: pq.write_table(rows, target, compression="zstd"))
    text = results.model_copy(update={"rows": row_file.name}).model_dump_json(indent=2)
    _replace(path, lambda target: target.write_text(text + "\n", encoding="utf-8"))


def _replace(path: Path, write: Any) -> None:
    part = path.with_name(path.name + ".part")
    write(part)
    part.replace(path)


def row_table(
    samples: Sequence[Sample], answers: Sequence[Answer | None], protocols: Sequence[ProtocolScores]
) -> pa.Table:
    """One line per sample and protocol: ids, state, numbers, the answer, what was read, and the metric columns.

    `columns` holds what a row adds to a metric that is no mean of `numbers` (a kappa's confusion counts; see
    `MetricRows`), so that two result files can be compared row by row.
    """
    # through Arrow's JSON reader: pa.array and pa.table import pandas when it is installed, a fifth of the whole run
    import pyarrow.json as arrow_json

    lines = io.BytesIO()
    for scores in protocols:
        columns = _columns_by_row(scores)
        for outcome in scores.outcomes:
            row = _row(samples[outcome.position], answers[outcome.position], scores.protocol, outcome)
            row["columns"] = columns.get(outcome.position, [])
            lines.write(_as_json(row).encode("utf-8", "replace") + b"\n")
    lines.seek(0)
    options = arrow_json.ParseOptions(explicit_schema=row_schema(), unexpected_field_behavior="error")
    # a block must hold the longest line whole; threads would cost more than they bring here
    reading = arrow_json.ReadOptions(use_threads=False, block_size=max(1 << 20, lines.getbuffer().nbytes))
    return arrow_json.read_json(lines, read_options=reading, parse_options=options)


def _row(sample: Sample, answer: Answer | None, protocol: str, outcome: RowOutcome) -> dict[str, Any]:
    reading = None if outcome.reading is None else _as_json(outcome.reading)
    return {
        "sample_id": sample.sample_id,
        "clip_id": sample.clip_id,
        "source": outcome.source,
        "group": sample.group,
        "task": sample.task,
        "qa_type": sample.qa_type,
        "protocol": protocol,
        "status": outcome.status,
        "reason": outcome.reason,
        "numbers": [{"name": name, "value": value} for name, value in outcome.numbers.items()],
        "reading": reading,
        "answer": None if answer is None or answer.text is None else answer.text[:LONGEST_KEPT],
        "judge": outcome.judge,
    }


def row_schema() -> pa.Schema:
    """Columns of the row file."""
    import pyarrow as pa

    texts = ("sample_id", "clip_id", "source", "group", "task", "qa_type", "protocol", "status", "reason")
    number = pa.struct([("name", pa.string()), ("value", pa.float64())])
    column = pa.struct([("metric", pa.string()), ("values", pa.list_(pa.float64()))])
    fields: list[tuple[str, pa.DataType]] = [(name, pa.string()) for name in texts]
    fields += [("numbers", pa.list_(number)), ("reading", pa.string()), ("answer", pa.string())]
    fields += [("judge", pa.string())]
    return pa.schema([*fields, ("columns", pa.list_(column))])


def _columns_by_row(scores: ProtocolScores) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for metric in scores.overall if scores.protocol == "strict" else ():
        if metric.combine is ratio:
            continue
        for position, values in zip(metric.rows.tolist(), metric.columns.tolist(), strict=True):
            found.setdefault(position, []).append({"metric": metric.name, "values": values})
    return found


def finite(value: float | None) -> float | None:
    """The value, or None where a number is missing or undefined: JSON has no nan."""
    return None if value is None or not math.isfinite(value) else value
