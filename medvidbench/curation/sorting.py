"""Rows of one task and source in sorted order, a bucket of recordings at a time, whatever files they come from.

A first pass reads the keys alone and puts neighbouring recordings into buckets of bounded memory; then each bucket is
read, row groups without its recordings being skipped, and sorted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample, Split, TaskName

# pyarrow's own annotations differ between its versions
_Table: TypeAlias = Any

BUCKET_WEIGHT = 64 * 2**20
ROW_WEIGHT, FRAME_WEIGHT = 1024, 64
"""Estimated bytes in memory of a row without frames, and of one frame's path and time."""
ORDER = ("recording_id", "clip_start", "sample_id")

Rows: TypeAlias = Callable[[Sequence[str] | None, set[str] | None], Iterator[_Table]]
"""Reads rows piece by piece: the columns (None: all), and the recordings that are wanted (None: all; else more may
come). Can be called again."""


def sorted_pieces(
    rows: Rows, task: TaskName, source: str, side: Callable[[str], Split] | None = None
) -> Iterator[_Table]:
    """The rows as tables that follow each other in the order of `ORDER`, the split set by group if `side` is given.

    Raises:
        MedVidBenchError: a row of another task or source, or a repeated sample id.
    """
    for bucket in _buckets(_keys(rows, task, source)):
        yield _bucket_table(rows, bucket, side)


def part_rows(parts: Sequence[Path]) -> Rows:
    """The rows of Parquet part files; row groups without a wanted recording are not read."""

    def read(columns: Sequence[str] | None, recordings: set[str] | None) -> Iterator[_Table]:
        for part in parts:
            yield from _read_part(part, columns, recordings)

    return read


def table_rows(table: _Table) -> Rows:
    """The rows of a table in memory."""

    def read(columns: Sequence[str] | None, recordings: set[str] | None) -> Iterator[_Table]:
        yield table if columns is None else table.select(columns)

    return read


def _read_part(part: Path, columns: Sequence[str] | None, recordings: set[str] | None) -> Iterator[_Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from medvidbench.arrow import schema_of

    wanted = schema_of(Sample)
    try:
        with pq.ParquetFile(part) as file:
            if not file.schema_arrow.equals(wanted):
                seen = f"{part} has other columns than a sample: {', '.join(file.schema_arrow.names)}."
                raise MedVidBenchError(seen, ", ".join(wanted.names), "Build again from the start.")
            groups = _groups_with(file, recordings)
            for batch in file.iter_batches(
                1000, row_groups=groups, columns=list(columns) if columns else None, use_threads=False
            ):
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise MedVidBenchError(f"{part} can't be read: {error}", remedy="Build again from the start.") from error


def _groups_with(file: Any, recordings: set[str] | None) -> list[int]:
    """Row groups that may hold one of the recordings, by their statistics."""
    groups = range(file.num_row_groups)
    if recordings is None:
        return list(groups)
    column = file.schema_arrow.names.index("recording_id")
    return [g for g in groups if _overlaps(file.metadata.row_group(g).column(column).statistics, recordings)]


def _overlaps(statistics: Any, recordings: set[str]) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return any(statistics.min <= name <= statistics.max for name in recordings)


def _keys(rows: Rows, task: TaskName, source: str) -> _Table:
    """Recording, number of rows and weight, sorted by recording; checks what must hold for all rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pieces = []
    for piece in rows(["sample_id", "recording_id", "task", "source", "frame_times"], None):
        _check_names(piece, task, source)
        frames = pc.list_value_length(piece.column("frame_times"))
        weight = pc.add(pc.multiply(pc.cast(frames, pa.int64()), FRAME_WEIGHT), ROW_WEIGHT)
        pieces.append(piece.select(["sample_id", "recording_id"]).append_column("weight", weight))
    if not pieces:
        return pa.table({"recording_id": pa.array([], pa.string()), "weight_sum": pa.array([], pa.int64())})
    table = pa.concat_tables(pieces)
    ids = table.column("sample_id")
    if len(pc.unique(ids)) < len(ids):
        repeated, count = Counter(ids.to_pylist()).most_common(1)[0]
        seen = f"{source} {task} has the sample {repeated} {count} times."
        raise MedVidBenchError(seen, remedy="Each row must come once: build again from the start.")
    return table.group_by("recording_id").aggregate([("weight", "sum")]).sort_by("recording_id")


def _check_names(piece: _Table, task: str, source: str) -> None:
    import pyarrow.compute as pc

    for column, name in (("task", task), ("source", source)):
        others = [found for found in pc.unique(piece.column(column)).to_pylist() if found != name]
        if others:
            raise MedVidBenchError(f"Among the rows of {source} {task} is one with the {column} {others[0]!r}.", name)


def _buckets(keys: _Table) -> Iterator[set[str]]:
    """Neighbouring recordings that together stay under `BUCKET_WEIGHT`; a heavier one stands alone."""
    bucket: set[str] = set()
    held = 0
    names, weights = keys.column("recording_id").to_pylist(), keys.column("weight_sum").to_pylist()
    for name, weight in zip(names, weights, strict=True):
        if bucket and held + weight > BUCKET_WEIGHT:
            yield bucket
            bucket, held = set(), 0
        bucket.add(name)
        held += weight
    if bucket:
        yield bucket


def _bucket_table(rows: Rows, bucket: set[str], side: Callable[[str], Split] | None) -> _Table:
    """All rows of a bucket's recordings, sorted, with the split set."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array(sorted(bucket), pa.string())
    pieces = []
    for piece in rows(None, bucket):
        keep = pc.is_in(piece.column("recording_id"), value_set=names)
        pieces.append(piece if pc.all(keep).as_py() else piece.filter(keep))
    table: _Table = pa.concat_tables(pieces)
    table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in ORDER]))
    if side is None:
        return table
    groups = table.column("group").combine_chunks().dictionary_encode()
    sides = pa.array([side(group) for group in groups.dictionary.to_pylist()], pa.string())
    index = table.schema.get_field_index("split")
    return table.set_column(index, table.schema.field(index), sides.take(groups.indices))
