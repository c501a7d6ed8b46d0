"""Parquet shards of one task and source, from part files of any cut, in bounded memory.

    {split}/{granularity}/{task}/{source}-00000-of-00002.parquet

Rows are sorted by recording, clip start and sample id, in row groups of 10,000 rows (fewer where rows are very long),
zstd level 3, with statistics and page index, so that a reader skips what it doesn't need. A file is closed after the
row group with which it reaches `FILE_BYTES` on disk, or at a number of rows. The bytes depend on the rows alone, never
on how the parts were cut: recordings are read in sorted order, a bucket of them at a time, and every row group is
written from one contiguous piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from medvidbench.benchmark import SPLITS
from medvidbench.curation.sorting import FRAME_WEIGHT, ORDER, ROW_WEIGHT, Rows, part_rows, sorted_pieces
from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.records import GRANULARITY, Split, TaskName

# pyarrow's own annotations differ between its versions
_Table: TypeAlias = Any
_Schema: TypeAlias = Any
FILE_BYTES = 256 * 2**20
ROWS_PER_GROUP, ROWS_PER_IMAGE_GROUP = 10_000, 50
GROUP_WEIGHT, IMAGE_GROUP_BYTES = 256 * 2**20, 64 * 2**20
DELTA = ("sample_id", "clip_id", "provenance.source_row")
"""Columns of ids that share beginnings with their neighbours, beside frame paths."""


def write_shards(
    folder: Path,
    task: TaskName,
    source: str,
    parts: Sequence[Path],
    side: Callable[[str], Split] | None = None,
    images: Callable[[str], bytes | None] | None = None,
    rows_per_file: int | None = None,
) -> list[dict[str, Any]]:
    """Writes the shards of one task and source below `folder`; returns their manifest entries (test after train).

    Args:
        parts: Parquet files with the schema `medvidbench.arrow.schema_of(Sample)`, in any order and cut.
        side: the split of a group; None keeps each row's own.
        images: the encoded picture of a frame path (None when there is none); adds a column `images`.
        rows_per_file: rows after which a file is closed, beside `FILE_BYTES`; rounded up to whole row groups.

    Raises:
        MedVidBenchError: a part can't be read or has another schema, a row of another task or source, a repeated
            sample id, or a source whose file name another source has taken.
        OSError: a shard can't be written.
    """
    return write_rows(folder, task, source, part_rows(parts), side, images, rows_per_file)


def write_rows(
    folder: Path,
    task: TaskName,
    source: str,
    rows: Rows,
    side: Callable[[str], Split] | None = None,
    images: Callable[[str], bytes | None] | None = None,
    rows_per_file: int | None = None,
) -> list[dict[str, Any]]:
    """As `write_shards`, from any reader of rows."""
    per_file = rows_per_file or 2**62
    files = {split: _FileSet(folder, split, task, source, images, per_file) for split in SPLITS}
    for table in sorted_pieces(rows, task, source, side):
        for split, written in files.items():
            _add(written, table, split)
    return [entry for written in files.values() for entry in written.close()]


# --- writing the files ----------------------------------------------------------------------------------


@dataclass
class _FileSet:
    """The files of one split, task and source while they are written, under temporary names.

    Attributes:
        pending: rows that don't fill a row group yet.
    """

    folder: Path
    split: Split
    task: TaskName
    source: str
    images: Callable[[str], bytes | None] | None
    rows_per_file: int
    pending: list[Any] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    writer: Any = None

    @property
    def place(self) -> Path:
        return self.folder / self.split / GRANULARITY[self.task] / self.task

    @property
    def stem(self) -> str:
        return re.sub(r"[^A-Za-z0-9._-]", "_", self.source)

    def part(self, number: int) -> Path:
        return self.place / f".{self.stem}.{number:05d}.part"

    def write(self, group: _Table) -> None:
        """One row group, into the open file or a new one."""
        if self.writer is None:
            self._open(group.schema)
        self.writer.write_table(group, row_group_size=group.num_rows)
        self.rows[-1] += group.num_rows
        if self.rows[-1] >= self.rows_per_file or self.part(len(self.rows) - 1).stat().st_size >= FILE_BYTES:
            self._finish()

    def close(self) -> list[dict[str, Any]]:
        """Writes what is pending, gives the files their names, returns the manifest's entries."""
        for group in _groups(self.pending, self.images is not None, whole=True):
            _write_group(self, group)
        self._finish()
        return [self._named(number) for number in range(len(self.rows))]

    def _open(self, schema: _Schema) -> None:
        import pyarrow.parquet as pq

        self.place.mkdir(parents=True, exist_ok=True)
        self.rows.append(0)
        self.writer = pq.ParquetWriter(self.part(len(self.rows) - 1), schema, **writer_options(schema))

    def _finish(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _named(self, number: int) -> dict[str, Any]:
        file = self.place / f"{self.stem}-{number:05d}-of-{len(self.rows):05d}.parquet"
        if file.exists():
            seen = f"The source {self.source!r} would be written to {file.name}, which another source has taken."
            raise MedVidBenchError(seen, remedy="Give the sources names that differ in letters, digits, '.', '_', '-'.")
        self.part(number).rename(file)
        return {
            "path": file.relative_to(self.folder).as_posix(),
            "split": self.split,
            "granularity": GRANULARITY[self.task],
            "task": self.task,
            "source": self.source,
            "rows": self.rows[number],
            "bytes": file.stat().st_size,
            "sha256": file_sha256(file),
        }


def _add(files: _FileSet, table: _Table, split: Split) -> None:
    import pyarrow.compute as pc

    rows = table.filter(pc.field("split") == split)
    if rows.num_rows:
        files.pending.append(rows)
        for group in _groups(files.pending, files.images is not None, whole=False):
            _write_group(files, group)


def _groups(pending: list[Any], small: bool, whole: bool) -> Iterator[_Table]:
    """Takes full row groups off the pending rows; the rest too when `whole`."""
    import pyarrow as pa

    if not pending:
        return
    table = pa.concat_tables(pending).combine_chunks()
    while table.num_rows:
        length, full = _group_length(table, ROWS_PER_IMAGE_GROUP if small else ROWS_PER_GROUP)
        if not (full or whole):
            break
        yield table.slice(0, length)
        table = table.slice(length)
    pending[:] = [table] if table.num_rows else []


def _group_length(table: _Table, most: int) -> tuple[int, bool]:
    """Rows of the next row group, and whether more rows couldn't lengthen it."""
    import numpy as np
    import pyarrow.compute as pc

    head = table.column("frame_times").slice(0, most)
    weights = pc.list_value_length(head).to_numpy() * FRAME_WEIGHT + ROW_WEIGHT
    fitting = int(np.searchsorted(np.cumsum(weights, dtype=np.int64), GROUP_WEIGHT, side="right"))
    length = max(1, min(fitting, len(weights)))
    return length, length == most or length < len(weights)


def _write_group(files: _FileSet, group: _Table) -> None:
    if files.images is None:
        # contiguous: pages are cut by chunk, so the chunks must not tell how the rows came
        files.write(group.combine_chunks())
        return
    from medvidbench.curation.images import with_images

    for piece in with_images(group, files.images, IMAGE_GROUP_BYTES):
        files.write(piece)


def writer_options(schema: _Schema) -> dict[str, Any]:
    """Arguments of `pyarrow.parquet.ParquetWriter` for a shard.

    Frame paths are numbered names: delta encoding stores of each the part in which it differs from the one before.
    Encoded pictures don't compress, and have neither repeats nor a useful order.
    """
    import pyarrow.parquet as pq

    leaves = [leaf for field in schema for leaf in _leaves(field.name, field.type)]
    bare = {path for path in leaves if path.startswith("images.") and path.endswith(".bytes")}
    delta = {path for path in leaves if path.startswith("frame_paths.") or path in DELTA}
    return {
        "compression": {path: "none" if path in bare else "zstd" for path in leaves},
        "compression_level": {path: 3 for path in leaves if path not in bare},
        "use_dictionary": [path for path in leaves if path not in bare | delta],
        "column_encoding": dict.fromkeys(sorted(delta), "DELTA_BYTE_ARRAY"),
        "write_statistics": [path for path in leaves if path not in bare],
        "write_page_index": True,
        "sorting_columns": pq.SortingColumn.from_ordering(schema, [(name, "ascending") for name in ORDER]),
    }


def _leaves(path: str, kind: Any) -> Iterator[str]:
    """The Parquet columns below an Arrow field."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for child in kind:
            yield from _leaves(f"{path}.{child.name}", child.type)
    else:
        yield path
