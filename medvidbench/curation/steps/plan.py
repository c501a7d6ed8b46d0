"""Plan: one raw dataset to questions with truth, and the evidence behind each caption question.

    rows-00000.parquet       Sample: TAG, STG, NAP, SA, CVS; their answers are the annotations themselves
    captions-00000.parquet   Sample: DVC, VS, RC, still worded by the rules of `tasks.verbalise`
    evidence-00000.parquet   Evidence, row by row with the captions
    findings.jsonl           one bad input a line

A part ends after the recording with which it reaches `PART_ROWS` rows: it is cut by the data, not by workers.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.curation.evidence import Evidence
from medvidbench.curation.parts import write_rows
from medvidbench.curation.stages import Context, Manifest, Shard, Stage
from medvidbench.records import Finding, Recording, Sample, TaskName
from medvidbench.sources.aliases import NO_ALIASES, Aliases, physical_group
from medvidbench.sources.base import Source
from medvidbench.sources.registry import source_of

PART_ROWS = 5_000
CAPTIONED: frozenset[TaskName] = frozenset({"DVC", "VS", "RC"})


@dataclass(frozen=True)
class PlanStage(Stage):
    """See the module. A shard is a source; `context.options["roots"]` says where each lies.

    Attributes:
        seed: of the clips and the wording.
        tasks: the tasks to ask; () asks all that a source feeds.
        aliases: what the user adds to the table of shared physical videos.
        transcripts: folder of transcripts by source key, "" for those beside the videos; None reads none.
    """

    name: ClassVar[str] = "plan"
    version: ClassVar[int] = 1
    seed: int = 0
    tasks: tuple[TaskName, ...] = ()
    aliases: Aliases = NO_ALIASES
    transcripts: str | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        """What the questions depend on."""
        return {
            "seed": self.seed,
            "tasks": self.tasks,
            "aliases": dict(self.aliases.merged),
            "transcripts": self.transcripts,
        }

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Reads the source and asks every chosen task about every recording."""
        source = source_of(shard.name)
        root = Path(context.options["roots"][shard.name])
        parts = _Parts(out)
        findings = list(source.check(root))
        recordings = 0
        for recording in source.recordings(root):
            recordings += 1
            recording = self._completed(recording, root)
            findings += recording.findings
            parts.add(recording, self._ask(source, recording), findings)
        parts.flush()
        lines = [json.dumps(asdict(finding)) + "\n" for finding in findings]
        (out / "findings.jsonl").write_text("".join(lines), encoding="utf-8", errors="replace")
        return {
            "recordings": recordings,
            "parts": parts.described,
            "groups": sorted(parts.groups),
            "findings": len(findings),
            "synthetic": source.is_synthetic(root),
            "digest": source.digest(root),
        }

    def _completed(self, recording: Recording, root: Path) -> Recording:
        if self.transcripts is not None:
            from medvidbench.curation.transcripts import with_transcript

            recording = with_transcript(recording, root, Path(self.transcripts) if self.transcripts else None)
        group = physical_group(recording.source, recording.recording_id, self.aliases)
        return recording if group == recording.group else replace(recording, group=group)

    def _ask(self, source: Source, recording: Recording) -> Iterator[Sample]:
        from medvidbench.tasks.registry import TASKS

        for task in source.tasks:
            if not self.tasks or task in self.tasks:
                yield from TASKS[task].ask(recording, self.seed)


@dataclass
class _Parts:
    """Questions on their way to disk; holds one part at a time."""

    out: Path
    rows: list[Sample] = field(default_factory=list)
    captions: list[Sample] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    described: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def add(self, recording: Recording, samples: Iterator[Sample], findings: list[Finding]) -> None:
        """The questions of one recording; one that came out before is a finding."""
        from medvidbench.curation.accept import annotation_row
        from medvidbench.curation.gather import Gatherer

        gatherer = Gatherer(recording)
        for sample in samples:
            if sample.sample_id in self.seen:
                what = f"the question {sample.question!r:.200} comes out twice for clip {sample.clip_id}"
                findings.append(Finding(sample.recording_id, sample.task, what, "the first one is kept"))
                continue
            self.seen.add(sample.sample_id)
            self.groups.add(sample.group)
            if sample.task in CAPTIONED:
                self.captions.append(sample)
                self.evidence.append(gatherer.gather(sample))
            else:
                self.rows.append(annotation_row(sample))
        if len(self.rows) + len(self.captions) >= PART_ROWS:
            self.flush()

    def flush(self) -> None:
        """Writes what is held as the next part."""
        if not self.rows and not self.captions:
            return
        number = len(self.described)
        write_rows(self.out / f"rows-{number:05d}.parquet", self.rows, Sample)
        write_rows(self.out / f"captions-{number:05d}.parquet", self.captions, Sample)
        write_rows(self.out / f"evidence-{number:05d}.parquet", self.evidence, Evidence)
        counts = Counter(sample.task for sample in (*self.rows, *self.captions))
        self.described.append(
            {"rows": len(self.rows), "captions": len(self.captions), "tasks": dict(sorted(counts.items()))}
        )
        self.rows, self.captions, self.evidence = [], [], []


def source_shard(key: str, root: Path, transcripts: str | None) -> Shard:
    """The shard of one source: its labels by content, all its files by name, size and time of change."""
    source = source_of(key)
    facts = {"labels": source.digest(root), "files": listing_digest(root)}
    if transcripts:
        facts["transcripts"] = listing_digest(Path(transcripts))
    return Shard(source.key, facts=facts)


def listing_digest(root: Path) -> str:
    """SHA-256 over the names, sizes and modification times of all files below a folder."""
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        try:
            found = path.stat()
        except OSError:  # vanished, or a link to nowhere: the source's own check says so
            continue
        total.update(
            f"{path.relative_to(root).as_posix()}\0{found.st_size}\0{found.st_mtime_ns}\n".encode(
                "utf-8", "surrogateescape"
            )
        )
    return total.hexdigest()


def part_manifests(plan: Manifest) -> list[Manifest]:
    """The parts of a plan, each as a manifest of its own: a change in one part leaves the others as they are."""
    parts = []
    for number, facts in enumerate(plan.facts["parts"]):
        files = {name: digest for name, digest in plan.files.items() if name.endswith(f"-{number:05d}.parquet")}
        parts.append(Manifest(plan.stage, f"{plan.shard}-{number:05d}", plan.key, plan.folder, files, facts))
    return parts


def part_file(manifest: Manifest, stem: str) -> Path:
    """The file of a part: `stem` is "rows", "captions" or "evidence"."""
    name = next(name for name in manifest.files if name.startswith(f"{stem}-"))
    return manifest.folder / name
