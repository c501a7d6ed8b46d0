"""A benchmark in other forms: questions without ground truth and their answer key, and the published JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from medvidbench.answer_key import HIDDEN, KEY_FORMAT, KEY_VERSION, METADATA, questions_digest
from medvidbench.benchmark import CROISSANT, SPLITS, Benchmark
from medvidbench.curation.blinding import blinded
from medvidbench.curation.card import card
from medvidbench.curation.croissant import croissant_text
from medvidbench.curation.folder import finish_benchmark, staged
from medvidbench.curation.sharding import write_rows
from medvidbench.errors import MedVidBenchError
from medvidbench.published import to_merged, to_published
from medvidbench.records import Sample, Split, TaskName

KEPT_FIELDS = ("medvidbench", "python", "pyarrow", "synthetic", "frame_store")
KEPT_OF_SOURCE = (
    "key", "name", "root", "recordings", "synthetic", "licence", "licence_url", "citation", "homepage",
)  # fmt: skip
"""What a question-only manifest takes over; all else, notes and findings above all, could quote an answer."""

_Table: TypeAlias = Any  # pyarrow's own annotations differ between its versions


def export_questions(
    bench: Benchmark,
    out: Path,
    answers: Path,
    split: Split | None = "test",
    tasks: Iterable[TaskName] | None = None,
    sources: Iterable[str] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes a benchmark folder in which the ground truth is absent, and the answer key beside it.

    The folder opens as any other (`manifest["question_only"]` is true); embedded pictures are not taken over. The key
    and the folder give the rows back as they were: `medvidbench.answer_key.answered_samples`.

    Args:
        answers: the key's Parquet file, outside `out`.
        split: the side to export; None takes both.

    Returns:
        The manifest of the question folder.

    Raises:
        MedVidBenchError: no row is left, `bench` is question-only itself, a file is in the way, or a place can't be
            written.
    """
    if bench.question_only:
        raise MedVidBenchError(f"{bench.path} holds no answers already.", remedy="Export from the full benchmark.")
    if out.resolve() in (answers.resolve(), *answers.resolve().parents):
        raise MedVidBenchError(f"The answer key {answers} would lie in the question folder.", "a path outside of it")
    shards = bench.shards(split, tasks, sources)
    if not shards:
        raise MedVidBenchError(f"{bench.path} has no rows for these filters.", "another split, task or source")
    with _replacing(answers, overwrite) as part, staged(out, overwrite) as staging:
        key = _KeyWriter(part)
        kinds = sorted({(entry["task"], entry["source"]) for entry in shards})
        entries = [entry for kind in kinds for entry in _blind(bench, staging, key, *kind, split)]
        key.close(questions_digest(entries))
        fields = _fields(bench, shards)
        return finish_benchmark(staging, out, entries, None, fields, card, overwrite, _texts)


def export_published(
    bench: Benchmark,
    file: Path,
    merged: bool = False,
    split: Split | None = None,
    tasks: Iterable[TaskName] | None = None,
    sources: Iterable[str] | None = None,
    overwrite: bool = False,
) -> int:
    """Writes the rows as the published JSON list, or as the evaluator's merged file; returns their number.

    Rows are written one by one, in the benchmark's order. A published row has no place for width and height, frame
    times, the writer, and provenance: they stay behind.

    Args:
        merged: write {"0": {...}, "1": {...}} of `medvidbench.published.to_merged` instead of a list.

    Raises:
        MedVidBenchError: a file is in the way, the place can't be written, or a shard can't be read.
    """
    count = 0
    with _replacing(file, overwrite) as part, part.open("w", encoding="utf-8", newline="") as stream:
        stream.write("{" if merged else "[")
        for sample in bench.iter_samples(split, tasks, sources):
            row = to_merged(sample) if merged else to_published(sample)
            # ASCII: half of a UTF-16 pair can't be written otherwise
            text = json.dumps(row)
            stream.write(f"{',' if count else ''}\n" + (f'"{count}": {text}' if merged else text))
            count += 1
        stream.write("\n}\n" if merged else "\n]\n")
    return count


@contextmanager
def _replacing(file: Path, overwrite: bool) -> Iterator[Path]:
    """A name beside `file` to write to; it takes the file's place when the block ends well."""
    if file.exists() and (file.is_dir() or not overwrite):
        raise MedVidBenchError(f"{file} exists.", remedy="Name another file, or add --overwrite.")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise MedVidBenchError(f"{file} can't be written: {error}") from error


def _blind(
    bench: Benchmark, staging: Path, key: _KeyWriter, task: TaskName, source: str, split: Split | None
) -> list[dict[str, Any]]:
    """Writes the question shards of one task and source, and their hidden columns into the key."""
    for piece in bench.pieces(None, split, [task], [source]):
        key.write(piece)

    def read(columns: Any, recordings: Any) -> Iterator[_Table]:
        for piece in bench.pieces(None, split, [task], [source]):
            rows = blinded(piece)
            yield rows if columns is None else rows.select(columns)

    return write_rows(staging, task, source, read)


class _KeyWriter:
    """Writes the answer key piece by piece."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from medvidbench.arrow import schema_of

        schema = schema_of(Sample)
        self.schema = pa.schema([schema.field(name) for name in ("sample_id", *HIDDEN)])
        self.writer: Any = pq.ParquetWriter(path, self.schema, compression="zstd", compression_level=3)

    def write(self, rows: _Table) -> None:
        self.writer.write_table(rows.select(self.schema.names).cast(self.schema))

    def close(self, questions: str) -> None:
        about = {"format": KEY_FORMAT, "version": KEY_VERSION, "questions": questions}
        self.writer.add_key_value_metadata({METADATA: json.dumps(about).encode()})
        self.writer.close()


def _fields(bench: Benchmark, shards: list[dict[str, Any]]) -> dict[str, Any]:
    """The question folder's manifest fields: only such as can't quote an answer."""
    manifest = bench.manifest
    names = {entry["source"] for entry in shards}
    splits = {entry["split"] for entry in shards}
    kept = {name: manifest[name] for name in KEPT_FIELDS if name in manifest}
    kept["sources"] = [
        {name: source[name] for name in KEPT_OF_SOURCE if name in source}
        for source in manifest.get("sources", [])
        if source["name"] in names
    ]
    if manifest.get("groups"):
        kept["groups"] = {s: manifest["groups"].get(s, []) if s in splits else [] for s in SPLITS}
    return kept | {"question_only": True}


def _texts(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {CROISSANT: croissant_text(manifest)}
