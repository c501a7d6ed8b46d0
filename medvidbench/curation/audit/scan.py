"""One pass over a benchmark's tables, batch by batch: memory doesn't grow with the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError

Batch: TypeAlias = Any  # a pyarrow.Table; pyarrow's own annotations differ between its versions
BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch comes from: every row of one file has the same split, task and source."""

    split: str
    task: str
    source: str


class Tally(Protocol):
    """Something that sums up rows; `columns` are those that it needs, nested ones with dots."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""

    def add(self, batch: Batch, place: Place) -> None:
        """Counts one batch in."""


def tables(benchmark: Benchmark) -> list[Mapping[str, Any]]:
    """The manifest's entries of Parquet files, in its order."""
    return [entry for entry in benchmark.manifest["files"] if entry["path"].endswith(".parquet")]


def scan(benchmark: Benchmark, tallies: Sequence[Tally]) -> int:
    """Shows every row to every tally, reading the columns that they ask for; returns the number of rows.

    Raises:
        MedVidBenchError: a file is missing, not readable, or lacks a column.
    """
    columns = sorted({column for tally in tallies for column in tally.columns})
    rows = 0
    for entry in tables(benchmark):
        place = Place(entry["split"], entry["task"], entry["source"])
        for batch in _batches(benchmark, entry, columns):
            rows += batch.num_rows
            for tally in tallies:
                tally.add(batch, place)
    return rows


def _batches(benchmark: Benchmark, entry: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = benchmark.path / entry["path"]
    try:
        with pq.ParquetFile(file) as parquet:
            missing = sorted({column.split(".")[0] for column in columns} - set(parquet.schema_arrow.names))
            if missing:
                raise MedVidBenchError(
                    f"{file} has no column {', '.join(missing)}.", remedy="Build the benchmark again."
                )
            for batch in parquet.iter_batches(BATCH_ROWS, columns=list(columns)):
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", remedy="Build or fetch it again.") from error
