"""The benchmark folder on disk: samples as Parquet by split, task and source, with a card and a manifest.

    OUT/manifest.json                     what went in and what came out; written last
    OUT/README.md                         the dataset card
    OUT/findings.jsonl                    one bad input a line: file, row, what, done
    OUT/{split}/{task}/{source}.parquet   rows by recording and clip start; zstd-3, row groups of 10,000

A folder is written beside its place and moved there whole, so a benchmark is complete or not there. Two builds
from the same input with the same versions are equal byte by byte: nothing in the folder tells the time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.records import TASK_NAMES, Finding, Sample, Split, TaskName

FORMAT, FORMAT_VERSION = "medvidbench-benchmark", 1
MANIFEST, CARD, FINDINGS = "manifest.json", "README.md", "findings.jsonl"
ROWS_PER_FILE = 100_000
ROWS_PER_GROUP = 10_000
SPLITS: tuple[Split, ...] = get_args(Split)

_ACCEPTED = f"a folder written by `medvidbench build`, with {MANIFEST} in it"


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
        return cls(path, _read_manifest(path))

    @property
    def sources(self) -> list[str]:
        """Names of the sources that have rows, sorted."""
        return sorted({entry["source"] for entry in self._tables()})

    def samples(
        self,
        split: Split | None = None,
        tasks: Iterable[TaskName] | None = None,
        sources: Iterable[str] | None = None,
    ) -> list[Sample]:
        """The samples in file order (split, task, source, recording, clip start); None takes all.

        Raises:
            MedVidBenchError: an unknown split, task or source, or a file that is missing, changed or not readable.
        """
        kept = self._tables()
        wanted = {"split": None if split is None else [split], "task": tasks, "source": sources}
        known: dict[str, Sequence[str]] = {"split": SPLITS, "task": TASK_NAMES, "source": self.sources}
        for column, names in wanted.items():
            if names is not None:
                chosen = _checked(column, names, known[column])
                kept = [entry for entry in kept if entry[column] in chosen]
        return [sample for entry in kept for sample in self._read(entry)]

    def frame_root(self, source: str) -> Path:
        """The folder that a source's `frame_paths` are relative to, as it was when the benchmark was built.

        Raises:
            MedVidBenchError: the benchmark has no such source.
        """
        roots = {entry["name"]: entry["root"] for entry in self.manifest.get("sources", [])}
        (name,) = _checked("source", [source], list(roots))
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

    def _tables(self) -> list[dict[str, Any]]:
        return [entry for entry in self.manifest["files"] if entry["path"].endswith(".parquet")]

    def _read(self, entry: dict[str, Any]) -> list[Sample]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from medvidbench.arrow import from_table

        file = self.path / entry["path"]
        remedy = "Build the benchmark again, or fetch the file again."
        try:
            size = file.stat().st_size
            if size != entry["bytes"]:
                raise MedVidBenchError(f"{file} has {size} bytes, the manifest says {entry['bytes']}.", remedy=remedy)
            with pq.ParquetFile(file) as parquet:
                return from_table(parquet.read(), Sample)
        except (OSError, pa.ArrowException) as error:
            raise MedVidBenchError(f"{file} can't be read: {error}", remedy=remedy) from error


def _checked(column: str, names: Iterable[str], known: Sequence[str]) -> set[str]:
    chosen = set(names)
    unknown = sorted(chosen.difference(known))
    if unknown:
        raise MedVidBenchError(f"Unknown {column}: {', '.join(unknown)}.", accepted=", ".join(known) or "none is there")
    return chosen


def _read_manifest(path: Path) -> dict[str, Any]:
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
    if manifest.get("format_version") != FORMAT_VERSION:
        seen = f"{file} has the format version {manifest.get('format_version')!r}."
        raise MedVidBenchError(seen, str(FORMAT_VERSION), "Install the medvidbench version that wrote it, or rebuild.")
    return manifest


def _entries_hold(files: object) -> bool:
    """Whether the manifest's file list has what reading needs."""
    needed = {"path", "bytes", "split", "task", "source"}
    return isinstance(files, list) and all(isinstance(entry, dict) and needed <= entry.keys() for entry in files)


# --- writing --------------------------------------------------------------------------------------------


def check_target(out: Path, overwrite: bool = False) -> None:
    """Whether a benchmark may be written to `out`: nothing there, an empty folder, or a benchmark to replace.

    Raises:
        MedVidBenchError: something else is there, or a benchmark without `overwrite`, or a benchmark among whose
            files lie others, which a replacement would delete.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    accepted = "a path where nothing is, an empty folder, or a benchmark with --overwrite"
    if not (out / MANIFEST).is_file():
        raise MedVidBenchError(f"{out} exists and is not a benchmark.", accepted, "Name another --out.")
    manifest = _read_manifest(out)
    if not overwrite:
        raise MedVidBenchError(f"{out} already holds a benchmark.", accepted, "Add --overwrite to replace it.")
    own = {MANIFEST, *(entry["path"] for entry in manifest["files"])}
    others = sorted({p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file() or p.is_symlink()} - own)
    if others:
        seen = f"{out} holds files that no build wrote, and replacing it would delete them: {', '.join(others[:5])}."
        raise MedVidBenchError(seen, accepted, "Move them away, or name another --out.")


def write_benchmark(
    out: Path,
    samples: Iterable[Sample],
    findings: Iterable[Finding],
    fields: Mapping[str, Any],
    card: Callable[[Mapping[str, Any]], str],
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes a benchmark folder whole, or leaves `out` as it was.

    Args:
        out: the folder to write.
        samples: in any order; sorted here.
        findings: in the order to be listed.
        fields: what the manifest says beside the format, the counts and the file list.
        card: makes the text of README.md from the manifest (in which the card itself is not yet listed).
        overwrite: replace a benchmark that stands at `out`.

    Returns:
        The manifest as written.

    Raises:
        MedVidBenchError: `check_target` refuses `out`, or the folder can't be written.
    """
    out = out.resolve()
    check_target(out, overwrite)
    staging = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        staging.mkdir(parents=True)
        files = _write_files(staging, samples, findings)
        manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, **fields, "counts": _counts(files)}
        manifest["files"] = files
        manifest["files"] = [_write_text(staging, CARD, card(manifest)), *files]
        _write_text(staging, MANIFEST, json.dumps(manifest, indent=1) + "\n")
        _move_into_place(staging, out)
    except OSError as error:
        raise MedVidBenchError(f"{out} can't be written: {error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _move_into_place(staging: Path, out: Path) -> None:
    if not out.exists():
        staging.rename(out)
        return
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    out.rename(old)
    try:
        staging.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old)


def _write_files(folder: Path, samples: Iterable[Sample], findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Writes tables and findings; returns the manifest's file list in the order split, task, source, shard."""
    rows = sorted(samples, key=lambda s: (s.split, s.task, s.source, s.recording_id, s.clip_start, s.sample_id))
    lines = [json.dumps(asdict(finding)) + "\n" for finding in findings]
    entries = [_write_text(folder, FINDINGS, "".join(lines)) | {"rows": len(lines)}]
    for key, group in groupby(rows, key=lambda s: (s.split, s.task, s.source)):
        entries += [_write_table(folder, key, *part) for part in _parts(list(group))]
    return entries


def _write_text(folder: Path, name: str, text: str) -> dict[str, Any]:
    # A lone surrogate, from a file name with broken bytes, has no UTF-8 form.
    (folder / name).write_text(text, encoding="utf-8", errors="replace", newline="")
    return _entry(folder, name, None, ("", "", ""))


def _counts(files: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """Rows by split, task and source."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for entry in files:
        if entry["split"]:
            by_source = counts.setdefault(entry["split"], {}).setdefault(entry["task"], {})
            by_source[entry["source"]] = by_source.get(entry["source"], 0) + entry["rows"]
    return counts


def _parts(rows: list[Sample]) -> Iterable[tuple[int, int, list[Sample]]]:
    total = -(-len(rows) // ROWS_PER_FILE)
    return ((n, total, rows[n * ROWS_PER_FILE : (n + 1) * ROWS_PER_FILE]) for n in range(total))


def _write_table(
    folder: Path, key: tuple[str, str, str], number: int, total: int, rows: list[Sample]
) -> dict[str, Any]:
    import pyarrow.parquet as pq

    from medvidbench.arrow import to_table

    split, task, source = key
    part = "" if total == 1 else f"-{number:05d}-of-{total:05d}"
    name = f"{split}/{task}/{re.sub(r'[^A-Za-z0-9._-]', '_', source)}{part}.parquet"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        to_table(rows, Sample),
        folder / name,
        compression="zstd",
        compression_level=3,
        row_group_size=ROWS_PER_GROUP,
        write_page_index=True,
    )
    return _entry(folder, name, len(rows), key)


def _entry(folder: Path, name: str, rows: int | None, key: tuple[str, str, str]) -> dict[str, Any]:
    content = (folder / name).read_bytes()
    split, task, source = key
    return {
        "path": name,
        "split": split,
        "task": task,
        "source": source,
        "rows": rows,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
