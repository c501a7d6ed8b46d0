"""What a report is made of: the rows of a results file, and the questions where the data is at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.comparison import row_file
from medvidbench.evaluation.data import EvalData, load_data
from medvidbench.evaluation.results import Results
from medvidbench.records import Sample, Split

ProtocolRow: TypeAlias = Mapping[str, Any]
"""A line of the row file: the columns of `evaluation.results.row_table`, without `columns`."""
JUDGE_COLUMNS = ("judge", "rationale")
"""Columns that a row file may have beside its own: what a judge said, as text or as a struct."""


@dataclass(frozen=True)
class Item:
    """One sample of a report.

    Attributes:
        rows: its line in the row file by protocol, the main protocol first.
        sample: the question with its truth, or None when the data is not at hand.
    """

    rows: dict[str, ProtocolRow]
    sample: Sample | None

    @property
    def row(self) -> ProtocolRow:
        """The line of the main protocol."""
        return next(iter(self.rows.values()))


@dataclass(frozen=True)
class ReportInput:
    """A results file with its rows.

    Attributes:
        results: as read.
        items: in the order of the row file.
        data: where questions and truth came from, or None.
        note: why there are no questions, or "".
    """

    results: Results
    items: list[Item]
    data: EvalData | None
    note: str = ""


def read_input(results: Results, path: Path, data: Path | None = None) -> ReportInput:
    """The rows beside `path` joined with the data.

    Args:
        results: as read from `path`.
        path: results.json or its folder.
        data: the benchmark; None looks where the results say that it was, and goes on without it if it isn't there.

    Raises:
        MedVidBenchError: no row file, or `data` is not what the results were scored against.
    """
    by_id = _rows_by_id(results, path)
    found, note = _data(results, by_id, data)
    samples = {} if found is None else {s.sample_id: s for s in found.samples}
    items = [Item(rows, samples.get(sample_id)) for sample_id, rows in by_id.items()]
    return ReportInput(results, items, found, note)


def _rows_by_id(results: Results, path: Path) -> dict[str, dict[str, ProtocolRow]]:
    import pyarrow.parquet as pq

    file = row_file(results, path)
    with pq.ParquetFile(file) as parquet:
        names = [name for name in parquet.schema_arrow.names if name != "columns"]
        table = parquet.read(columns=names)
    by_id: dict[str, dict[str, ProtocolRow]] = {}
    order = [p.protocol for p in results.protocols()]
    for row in sorted(table.to_pylist(), key=lambda row: order.index(row["protocol"])):
        by_id.setdefault(row["sample_id"], {})[row["protocol"]] = row
    return by_id


def _data(results: Results, ids: Iterable[str], path: Path | None) -> tuple[EvalData | None, str]:
    place = Path(results.data["path"]) if path is None else path
    absent = f"Questions and reference answers are not shown: {place.name} {{}}. Pass --data."
    if path is None and not place.exists():
        return None, absent.format("was not at hand")
    try:
        found = _same_rows(place, list(ids))
    except MedVidBenchError:
        if path is not None:
            raise
        return None, absent.format("could not be read")
    if found is not None and found.digest == results.data["sha256"]:
        return found, ""
    if path is None:
        return None, absent.format("has changed since")
    raise MedVidBenchError(
        f"{path} is not the data that {results.model} was scored against.",
        f"data with the digest {results.data['sha256'][:12]}..., once at {results.data['path']}",
    )


def _same_rows(path: Path, ids: Sequence[str]) -> EvalData | None:
    """The samples of these ids in their order, from the test split or else the training split; None if one lacks."""
    read = 0
    splits: tuple[Split, ...] = ("test", "train") if path.is_dir() else ("test",)
    for split in splits:
        try:
            data = load_data(path, split)
        except MedVidBenchError:
            if split == splits[-1] and not read:
                raise
            continue
        read += 1
        known = {s.sample_id: s for s in data.samples}
        if all(i in known for i in ids):
            return replace(data, samples=[known[i] for i in ids], merged=[])
    return None
