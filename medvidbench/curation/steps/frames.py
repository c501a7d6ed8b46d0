"""Frames and choice: the questions that are built, with the frames of videos taken out where a store is wanted.

rows-TAG.parquet, ...                  Sample: as planned, one file a task, less what the selection leaves out
captions-0.parquet, evidence-0.parquet the caption questions and their evidence, row by row
findings.jsonl                         videos that can't be read
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.curation.evidence import Evidence
from medvidbench.curation.parts import read_rows, write_by_task, write_rows
from medvidbench.curation.selection import Selection
from medvidbench.curation.stages import Context, Shard, Stage
from medvidbench.curation.steps.plan import part_file
from medvidbench.records import Finding, Sample


@dataclass(frozen=True)
class SelectStage(Stage):
    """See the module. A shard is a part of a plan.

    Attributes:
        selection: which questions are built.
        store: whether frames go into `context.options["frame_store"]`; raw data lie at `context.options["roots"]`.
    """

    name: ClassVar[str] = "select"
    version: ClassVar[int] = 1
    selection: Selection
    store: bool = False

    @property
    def config(self) -> Mapping[str, Any]:
        """What the output depends on; where the store lies doesn't matter, paths are relative to it."""
        return {"seed": self.selection.seed, "limits": self.selection.limits, "store": self.store}

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Filters, then takes the frames out."""
        (part,) = shard.inputs
        rows = [s for s in read_rows(part_file(part, "rows"), Sample) if self._keeps(s)]
        captions = read_rows(part_file(part, "captions"), Sample)
        evidence = read_rows(part_file(part, "evidence"), Evidence)
        kept = [(s, e) for s, e in zip(captions, evidence, strict=True) if self._keeps(s)]
        captions, evidence = [s for s, _ in kept], [e for _, e in kept]
        findings: list[Finding] = []
        if self.store:
            rows, captions, findings = self._stored(rows, captions, context, part.shard)
            evidence = [_at_stored_frames(e, s) for e, s in zip(evidence, captions, strict=True)]
        write_by_task(out, "rows", rows)
        write_rows(out / "captions-0.parquet", captions, Sample)
        write_rows(out / "evidence-0.parquet", evidence, Evidence)
        lines = [json.dumps(asdict(finding)) + "\n" for finding in findings]
        (out / "findings.jsonl").write_text("".join(lines), encoding="utf-8", errors="replace")
        return {"rows": len(rows), "captions": len(captions), "findings": len(findings)}

    def _keeps(self, sample: Sample) -> bool:
        return self.selection.keeps(sample.task, sample.source, sample.sample_id)

    def _stored(
        self, rows: Sequence[Sample], captions: Sequence[Sample], context: Context, shard: str
    ) -> tuple[list[Sample], list[Sample], list[Finding]]:
        from medvidbench.curation.frames import store_frames

        key = shard.rsplit("-", 1)[0]
        names = {sample.source for sample in (*rows, *captions)}
        roots = {name: Path(context.options["roots"][key]) for name in names}
        folder = Path(context.options["frame_store"])
        stored, findings = store_frames([*rows, *captions], roots, folder, workers=1)
        return stored[: len(rows)], stored[len(rows) :], [finding for _, finding in findings]


def _at_stored_frames(evidence: Evidence, sample: Sample) -> Evidence:
    """The evidence with the paths of the stored frames: the frame of a moment is the nearest one shown."""
    if not sample.frame_paths or not sample.video:
        return evidence
    moments = []
    for moment in evidence.moments:
        place = min(range(len(sample.frame_times)), key=lambda k: abs(sample.frame_times[k] - moment.time))
        moments.append(replace(moment, frame_path=sample.frame_paths[place]))
    return replace(evidence, moments=tuple(moments))
