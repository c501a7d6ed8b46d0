"""The answer key: what a question-only export leaves out, in a file of its own, and both put together again.

One Parquet file with `sample_id` and the hidden columns. It names the questions by a digest of their shards, so a key
of other questions is refused; the question folder says nothing of its key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample, Split, TaskName

HIDDEN = ("target", "choices", "region", "answer", "truth", "generator", "residue", "provenance")
"""Columns of a sample that an export may blank, and that the key holds as they were."""
KEY_FORMAT, KEY_VERSION = "medvidbench-answer-key", 1
METADATA = b"medvidbench.answer_key"
_ACCEPTED = "an answer key written by `medvidbench export --to questions`"

_Table: TypeAlias = Any  # pyarrow's own annotations differ between its versions


def questions_digest(files: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over paths and hashes of the shards among a manifest's file entries."""
    shards = sorted((entry["path"], entry["sha256"]) for entry in files if entry["path"].endswith(".parquet"))
    return hashlib.sha256(json.dumps(shards).encode()).hexdigest()


def answered_samples(
    questions: Benchmark,
    key: Path,
    split: Split | None = None,
    tasks: Iterable[TaskName] | None = None,
    sources: Iterable[str] | None = None,
) -> list[Sample]:
    """The samples of a question-only export with their answers and truth, as they were before the export.

    Raises:
        MedVidBenchError: the key can't be read, belongs to other questions, or lacks one of them.
    """
    import pyarrow.compute as pc

    from medvidbench.arrow import from_table

    held = _read_key(key, questions_digest(questions.manifest["files"]), questions.path)
    table = questions.table(None, split, tasks, sources)
    places = pc.index_in(table.column("sample_id"), value_set=held.column("sample_id").combine_chunks())
    if places.null_count:
        missing = table.column("sample_id").filter(pc.is_null(places))
        seen = f"{key} has no answer to {len(missing)} questions, e.g. {missing[0].as_py()}."
        raise MedVidBenchError(seen, _ACCEPTED)
    for name in HIDDEN:
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(index), held.column(name).take(places))
    return from_table(table, Sample)


def _read_key(key: Path, digest: str, questions: Path) -> _Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(key) as file:
            said = json.loads((file.metadata.metadata or {}).get(METADATA, b"{}"))
            table = file.read()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise MedVidBenchError(f"{key} can't be read: {error}", _ACCEPTED) from error
    if said.get("format") != KEY_FORMAT or said.get("version") != KEY_VERSION:
        raise MedVidBenchError(f"{key} is no answer key of version {KEY_VERSION}.", _ACCEPTED)
    if said.get("questions") != digest:
        raise MedVidBenchError(
            f"{key} is the key to other questions than those in {questions}.",
            remedy="Name the key that was written together with this folder.",
        )
    return table
