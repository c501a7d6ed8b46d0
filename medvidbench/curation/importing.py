"""Published JSON rows as a benchmark folder, in bounded memory and without loss."""

from __future__ import annotations

import platform
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medvidbench import __version__
from medvidbench.benchmark import CROISSANT
from medvidbench.curation.card import card
from medvidbench.curation.croissant import croissant_text
from medvidbench.curation.folder import finish_benchmark, staged
from medvidbench.curation.json_rows import json_rows
from medvidbench.curation.sharding import write_shards
from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.published import from_merged, from_published
from medvidbench.records import Finding, Provenance, Sample, TaskName

ROWS_HELD = 5_000
PARTS = ".parts"


@dataclass(frozen=True)
class ImportReport:
    """What an import wrote.

    Attributes:
        rows: samples in the folder.
        notes: what a user should know, above all groups on both sides of the split.
        findings: rows that were left out or changed.
    """

    out: Path
    rows: int
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]


def import_published(
    files: Sequence[Path],
    out: Path,
    frame_roots: Mapping[str, Path] | None = None,
    synthetic: bool = False,
    overwrite: bool = False,
) -> ImportReport:
    """Writes published JSON lists or merged files as a benchmark folder.

    Each row keeps what `medvidbench.published` reads of it, its side of the split, and the rest as `residue`: an export
    in the same form gives the very row back (half of a UTF-16 pair becomes U+FFFD). Rows alike in clip, qa_type and
    question get "-2", "-3" behind their id. A row of no known task is left out as a finding; a model's answer in a
    merged file is not taken over.

    Args:
        frame_roots: by source name, the folder that its frame paths are relative to.
        synthetic: the rows show simulated recordings.

    Raises:
        MedVidBenchError: a file can't be read or holds no rows, or `out` is in the way or can't be written.
    """
    if not files:
        raise MedVidBenchError("No file is named.", "at least one JSON file of published rows")
    with staged(out, overwrite) as staging:
        taken = _Taken(staging / PARTS)
        for file in files:
            taken.add(file)
        taken.flush()
        if not taken.parts:
            found = "; ".join(f"{f.file}, {f.row}: {f.what}" for f in taken.findings[:3])
            raise MedVidBenchError(f"No row came out of {', '.join(map(str, files))}.", remedy=found)
        entries = [entry for kind, parts in taken.parts.items() for entry in write_shards(staging, *kind, parts)]
        shutil.rmtree(staging / PARTS)
        notes = tuple(_notes(taken))
        fields = _fields(files, taken, frame_roots or {}, synthetic) | {"notes": list(notes)}
        finish_benchmark(staging, out, entries, taken.findings, fields, card, overwrite, _texts)
    return ImportReport(out, sum(entry["rows"] for entry in entries), notes, tuple(taken.findings))


@dataclass
class _Taken:
    """Rows read so far: those in memory, part files by (task, source), and what must be known of all."""

    folder: Path
    held: dict[tuple[TaskName, str], list[Sample]] = field(default_factory=lambda: defaultdict(list))
    parts: dict[tuple[TaskName, str], list[Path]] = field(default_factory=lambda: defaultdict(list))
    seen: Counter[str] = field(default_factory=Counter)
    sides: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    recordings: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    findings: list[Finding] = field(default_factory=list)
    rows: int = 0
    files: int = 0

    def add(self, file: Path) -> None:
        for number, row in enumerate(json_rows(file)):
            try:
                sample = from_published(row) if "conversations" in row else from_merged(row)
            except MedVidBenchError as error:
                self.findings.append(Finding(file.name, f"row {number}", error.seen, "left out"))
                continue
            self.take(replace(sample, provenance=Provenance(f"{file.name} row {number}", decision="imported")))

    def take(self, sample: Sample) -> None:
        self.seen[sample.sample_id] += 1
        count = self.seen[sample.sample_id]
        if count > 1:
            sample = replace(sample, sample_id=f"{sample.sample_id}-{count}")
        self.sides[sample.group].add(sample.split)
        self.recordings[sample.source].add(sample.recording_id)
        self.held[sample.task, sample.source].append(sample)
        self.rows += 1
        if self.rows % ROWS_HELD == 0:
            self.flush()

    def flush(self) -> None:
        """Writes the rows in memory to part files."""
        import pyarrow.parquet as pq

        from medvidbench.arrow import to_table

        self.folder.mkdir(exist_ok=True)
        for kind, rows in self.held.items():
            file = self.folder / f"{self.files}.parquet"
            self.files += 1
            pq.write_table(to_table(rows, Sample), file, compression="zstd", compression_level=1)
            self.parts[kind].append(file)
        self.held.clear()


def _notes(taken: _Taken) -> Iterator[str]:
    shared = sorted(group for group, sides in taken.sides.items() if len(sides) > 1)
    if shared:
        yield (
            f"{len(shared)} groups (patients, trainees or physical videos) stand on both sides of the split as "
            f"published: {', '.join(shared[:5])}."
        )
    repeats = sum(count - 1 for count in taken.seen.values())
    if repeats:
        yield f"{repeats} rows repeat another row's clip, task and question; their ids end in -2, -3, ..."


def _fields(files: Sequence[Path], taken: _Taken, roots: Mapping[str, Path], synthetic: bool) -> dict[str, Any]:
    sides = ("train", "test")
    return {
        "medvidbench": __version__,
        "python": platform.python_version(),
        "pyarrow": version("pyarrow"),
        "synthetic": synthetic,
        "imported": [{"file": file.name, "sha256": file_sha256(file)} for file in files],
        "sources": [_describe(name, taken, roots, synthetic) for name in sorted(taken.recordings)],
        "groups": {side: sorted(group for group, held in taken.sides.items() if side in held) for side in sides},
        "findings": len(taken.findings),
    }


def _describe(name: str, taken: _Taken, roots: Mapping[str, Path], synthetic: bool) -> dict[str, Any]:
    from medvidbench.sources.registry import SOURCE_KEYS, source_of

    described: dict[str, Any] = {
        "key": "",
        "name": name,
        "root": str(roots[name].resolve()) if name in roots else "",
        "recordings": len(taken.recordings[name]),
        "synthetic": synthetic,
    }
    for source in map(source_of, SOURCE_KEYS):
        if _plain(source.name) == _plain(name):
            said = ("key", "licence", "licence_url", "citation", "homepage")
            described |= {attribute: getattr(source, attribute) for attribute in said}
    return described


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())


def _texts(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {CROISSANT: croissant_text(manifest)}
