"""Rows between stages: one Parquet file a part, one record type a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample, TaskName

R = TypeVar("R")


def write_rows(path: Path, rows: Iterable[R], record_type: type[R]) -> None:
    """Writes records in the order given; the same records give the same bytes."""
    import pyarrow.parquet as pq

    from medvidbench.arrow import to_table

    pq.write_table(to_table(rows, record_type), path, compression="zstd", compression_level=1)


def write_by_task(folder: Path, stem: str, samples: Iterable[Sample]) -> None:
    """Writes `{stem}-{task}.parquet` for each task that there are samples of."""
    by_task: dict[TaskName, list[Sample]] = {}
    for sample in samples:
        by_task.setdefault(sample.task, []).append(sample)
    for task, rows in by_task.items():
        write_rows(folder / f"{stem}-{task}.parquet", rows, Sample)


def read_rows(path: Path, record_type: type[R]) -> list[R]:
    """The records of a part.

    Raises:
        MedVidBenchError: the file is missing, damaged, or of another record type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from medvidbench.arrow import from_table

    try:
        with pq.ParquetFile(path) as parquet:
            return from_table(parquet.read(), record_type)
    except (OSError, pa.ArrowException) as error:
        raise MedVidBenchError(f"{path} can't be read: {error}", remedy="remove its folder and run again") from error
