"""The benchmark folder on disk: samples as Parquet, with a card and a manifest.

    OUT/manifest.json      what went in and what came out; written last
    OUT/README.md          the dataset card
    OUT/croissant.json     the same for machines (Croissant 1.1)
    OUT/findings.jsonl     one bad input a line: file, row, what, done; absent in a question-only export
    OUT/{split}/{granularity}/{task}/{source}-00000-of-00002.parquet

Rows are sorted by recording, clip start and sample id. A folder is written beside its place and moved there whole, so
a benchmark is complete or not there. Two builds from the same input with the same versions are equal byte by byte:
nothing in the folder tells the time. `medvidbench.curation.sharding` and `medvidbench.curation.folder` write it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.records import TASK_NAMES, Finding, Sample, Split, TaskName

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT, FORMAT_VERSION = "medvidbench-benchmark", 2
MANIFEST, CARD, FINDINGS, CROISSANT = "manifest.json", "README.md", "findings.jsonl", "croissant.json"
SPLITS: tuple[Split, ...] = get_args(Split)

_ACCEPTED = f"a folder written by `medvidbench build`, with {MANIFEST} in it"
_REMEDY = "Build the benchmark again, or fetch the file again."


@dataclass(frozen=True)
class Benchmark:
    """A benchmark folder opened for reading. `manifest` is its manifest as read."""

    path: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> Benchmark:
        """Opens a folder; reads the manifest only.

        Raises:
            MedVidBenchError: nothing there, no manifest, or one of another format.
        """
        return cls(path, read_manifest(path))

    @property
    def sources(self) -> list[str]:
        """Names of the sources that have rows, sorted."""
        return sorted({entry["source"] for entry in self.shards()})

    @property
    def question_only(self) -> bool:
        """Whether the folder is an export without answers and truth."""
        return self.manifest.get("question_only") is True

    def samples(
        self,
        split: Split | None = None,
        tasks: Iterable[TaskName] | None = None,
        sources: Iterable[str] | None = None,
    ) -> list[Sample]:
        """The samples in file order (split, task, source, recording, clip start); None takes all.

        Only the files of the chosen splits, tasks and sources are opened.

        Raises:
            MedVidBenchError: an unknown split, task or source, or a file that is missing, changed or not readable.
        """
        return list(self.iter_samples(split, tasks, sources))

    def iter_samples(
        self,
        split: Split | None = None,
        tasks: Iterable[TaskName] | None = None,
        sources: Iterable[str] | None = None,
    ) -> Iterator[Sample]:
        """As `samples`, holding one row group at a time."""
        from medvidbench.arrow import from_table

        for piece in self.pieces(None, split, tasks, sources):
            yield from from_table(piece, Sample)

    def table(
        self,
        columns: Sequence[str] | None = None,
        split: Split | None = None,
        tasks: Iterable[TaskName] | None = None,
        sources: Iterable[str] | None = None,
    ) -> pa.Table:
        """Chosen columns as an Arrow table, in file order; None takes all of `Sample`'s (and no picture).

        Raises:
            MedVidBenchError: as `samples`, or an unknown column.
        """
        import pyarrow as pa

        pieces = list(self.pieces(columns, split, tasks, sources))
        return pa.concat_tables(pieces) if pieces else _schema(columns).empty_table()

    def pieces(
        self,
        columns: Sequence[str] | None = None,
        split: Split | None = None,
        tasks: Iterable[TaskName] | None = None,
        sources: Iterable[str] | None = None,
    ) -> Iterator[pa.Table]:
        """As `table`, one row group after the other."""
        schema = _schema(columns)
        for entry in self.shards(split, tasks, sources):
            for piece in self._pieces(entry, schema.names):
                same = piece.schema.equals(schema)
                yield piece.replace_schema_metadata(schema.metadata) if same else piece.cast(schema)

    def shards(
        self,
        split: Split | None = None,
        tasks: Iterable[TaskName] | None = None,
        sources: Iterable[str] | None = None,
    ) -> list[dict[str, Any]]:
        """The manifest's entries of the Parquet files with the chosen rows, in file order.

        Raises:
            MedVidBenchError: an unknown split, task or source.
        """
        kept = [entry for entry in self.manifest["files"] if entry["path"].endswith(".parquet")]
        wanted = {"split": None if split is None else [split], "task": tasks, "source": sources}
        known: dict[str, Sequence[str]] = {
            "split": SPLITS,
            "task": TASK_NAMES,
            "source": sorted({entry["source"] for entry in kept}),
        }
        for column, names in wanted.items():
            if names is not None:
                chosen = _checked(column, names, known[column])
                kept = [entry for entry in kept if entry[column] in chosen]
        return kept

    def frame_root(self, source: str) -> Path:
        """The folder that a source's `frame_paths` are relative to, as it was when the benchmark was built.

        Raises:
            MedVidBenchError: the benchmark has no such source, or was imported without a folder for its frames.
        """
        roots = {entry["name"]: entry["root"] for entry in self.manifest.get("sources", [])}
        (name,) = _checked("source", [source], list(roots))
        if not roots[name]:
            seen = f"{self.path} doesn't say where the frames of {name} lie."
            raise MedVidBenchError(seen, remedy="Import the rows again with --frames NAME=FOLDER.")
        return Path(roots[name])

    def frame_file(self, sample: Sample, index: int) -> Path:
        """Where the sample's frame of that index lies.

        Raises:
            MedVidBenchError: the frames are still inside the video, or there are none.
        """
        if not sample.frame_paths:
            place = f"inside {sample.video}" if sample.video else "not on disk"
            raise MedVidBenchError(
                f"The frames of {sample.clip_id} are {place}.", remedy="build with --frame-store DIR to extract them"
            )
        store = self.manifest.get("frame_store")
        root = Path(store) if sample.video and store else self.frame_root(sample.source)
        return root / sample.frame_paths[index]

    def _pieces(self, entry: Mapping[str, Any], columns: Sequence[str]) -> Iterator[pa.Table]:
        """A shard's columns, one row group after the other."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = self.path / entry["path"]
        try:
            size = file.stat().st_size
            if size != entry["bytes"]:
                raise MedVidBenchError(f"{file} has {size} bytes, the manifest says {entry['bytes']}.", remedy=_REMEDY)
            with pq.ParquetFile(file) as parquet:
                for group in range(parquet.num_row_groups):
                    yield parquet.read_row_group(group, columns=list(columns)).select(list(columns))
        except (OSError, pa.ArrowException) as error:
            raise MedVidBenchError(f"{file} can't be read: {error}", remedy=_REMEDY) from error


def _schema(columns: Sequence[str] | None) -> pa.Schema:
    """The schema of a sample, or of some of its columns."""
    import pyarrow as pa

    from medvidbench.arrow import schema_of

    schema = schema_of(Sample)
    if columns is None:
        return schema
    _checked("column", columns, schema.names)
    return pa.schema([schema.field(name) for name in columns])


def _checked(column: str, names: Iterable[str], known: Sequence[str]) -> set[str]:
    chosen = set(names)
    unknown = sorted(chosen.difference(known))
    if unknown:
        raise MedVidBenchError(f"Unknown {column}: {', '.join(unknown)}.", accepted=", ".join(known) or "none is there")
    return chosen


def read_manifest(path: Path, any_version: bool = False) -> dict[str, Any]:
    """The manifest of a benchmark folder.

    Raises:
        MedVidBenchError: nothing there, no manifest, or one of another format or (unless `any_version`) version.
    """
    file = path / MANIFEST
    if not path.is_dir():
        raise MedVidBenchError(f"There is no folder {path}.", _ACCEPTED)
    if not file.is_file():
        entries = sorted(entry.name for entry in path.iterdir())[:5]
        raise MedVidBenchError(f"{path} has no {MANIFEST}; it holds: {', '.join(entries) or 'nothing'}.", _ACCEPTED)
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", _ACCEPTED) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or not _entries_hold(manifest.get("files")):
        raise MedVidBenchError(f"{file} is not a benchmark's manifest.", _ACCEPTED)
    if manifest.get("format_version") != FORMAT_VERSION and not any_version:
        seen = f"{file} has the format version {manifest.get('format_version')!r}."
        raise MedVidBenchError(seen, str(FORMAT_VERSION), "Install the medvidbench version that wrote it, or rebuild.")
    return manifest


def _entries_hold(files: object) -> bool:
    """Whether the manifest's file list has what reading needs."""
    needed = {"path", "bytes", "split", "task", "source"}
    return isinstance(files, list) and all(isinstance(entry, dict) and needed <= entry.keys() for entry in files)


# --- for `medvidbench.curation.build`, until it writes shards itself ---------------------------------------


def check_target(out: Path, overwrite: bool = False) -> None:
    """See `medvidbench.curation.folder.check_target`."""
    from medvidbench.curation import folder

    folder.check_target(out, overwrite)


def write_benchmark(
    out: Path,
    samples: Iterable[Sample],
    findings: Iterable[Finding],
    fields: Mapping[str, Any],
    card: Callable[[Mapping[str, Any]], str],
    overwrite: bool = False,
) -> dict[str, Any]:
    """See `medvidbench.curation.folder.write_benchmark`."""
    from medvidbench.curation import folder

    return folder.write_benchmark(out, samples, findings, fields, card, overwrite)
