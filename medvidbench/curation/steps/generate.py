"""Generate: two captions for every caption question of a part.

    candidates-0.parquet   Candidate: two a question, in the order of the captions

`OfflineStage` words them by rules. `CallStage` only files replies: the calls are made by one engine for all parts
(`medvidbench.curation.steps.calls`), so that its concurrency, rate limits and budget hold for the whole build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.curation.candidates import Candidate
from medvidbench.curation.evidence import Evidence
from medvidbench.curation.parts import read_rows, write_rows
from medvidbench.curation.stages import Context, Shard, Stage
from medvidbench.curation.steps.plan import part_file
from medvidbench.records import Sample


@dataclass(frozen=True)
class OfflineStage(Stage):
    """Two differently worded verbalisers of the annotations. A shard's input is a selected part."""

    name: ClassVar[str] = "generate-offline"
    version: ClassVar[int] = 1

    @property
    def config(self) -> Mapping[str, Any]:
        """The rules themselves."""
        from medvidbench.curation.offline import RULES_SHA256

        return {"rules": RULES_SHA256}

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Writes two candidates a question."""
        from medvidbench.curation.offline import write_candidates

        (part,) = shard.inputs
        captions = read_rows(part_file(part, "captions"), Sample)
        evidence = read_rows(part_file(part, "evidence"), Evidence)
        pairs = [write_candidates(s, e) for s, e in zip(captions, evidence, strict=True)]
        write_rows(out / "candidates-0.parquet", [candidate for pair in pairs for candidate in pair], Candidate)
        return {"candidates": 2 * len(pairs)}
