"""Validate: which captions of a part become rows, and why the others don't.

    accepted-DVC.parquet, ...  Sample: the rows of the benchmark, one file a task, split not yet set
    verdicts-0.parquet         Verdict: one a candidate

Pure: no call is made here, so another threshold costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.curation.candidates import Candidate, Verdict
from medvidbench.curation.evidence import Evidence
from medvidbench.curation.parts import read_rows, write_by_task, write_rows
from medvidbench.curation.review.applying import Reviewed, reviewed_rows, reviewed_verdicts
from medvidbench.curation.stages import Context, Shard, Stage
from medvidbench.curation.steps.plan import part_file
from medvidbench.curation.validate import ValidationSettings
from medvidbench.records import Sample


@dataclass(frozen=True)
class ValidateStage(Stage):
    """A shard's inputs are a selected part and its candidates.

    Attributes:
        reviewed: what people decided about single captions.
    """

    name: ClassVar[str] = "validate"
    version: ClassVar[int] = 1
    settings: ValidationSettings
    reviewed: Reviewed = ()

    @property
    def config(self) -> Mapping[str, Any]:
        """The checks and their limits, and what people decided."""
        return {"settings": asdict(self.settings), "reviewed": self.reviewed}

    def process(self, shard: Shard, context: Context, out: Path) -> dict[str, Any]:
        """Judges every candidate and writes the rows of the accepted ones."""
        from medvidbench.curation.accept import accepted_rows
        from medvidbench.curation.validate import validate

        questions = load_questions(shard)
        reviewed = {(sample_id, generator): kept for sample_id, generator, kept in self.reviewed}
        verdicts = reviewed_verdicts(validate(questions, self.settings), reviewed)
        by_id: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            by_id.setdefault(verdict.sample_id, []).append(verdict)
        rows: list[Sample] = []
        for sample, evidence, candidates in questions:
            own = by_id.get(sample.sample_id, [])
            rows += reviewed_rows(accepted_rows(sample, candidates, own, evidence), own, reviewed)
        write_by_task(out, "accepted", rows)
        write_rows(out / "verdicts-0.parquet", verdicts, Verdict)
        return _facts(verdicts)


def load_questions(shard: Shard) -> list[tuple[Sample, Evidence, list[Candidate]]]:
    """Question, evidence and candidates, in the order of the part."""
    part, generated = shard.inputs
    captions = read_rows(part_file(part, "captions"), Sample)
    evidence = read_rows(part_file(part, "evidence"), Evidence)
    candidates: dict[str, list[Candidate]] = {}
    for candidate in read_rows(part_file(generated, "candidates"), Candidate):
        candidates.setdefault(candidate.sample_id, []).append(candidate)
    return [(s, e, candidates.get(s.sample_id, [])) for s, e in zip(captions, evidence, strict=True)]


def _facts(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Counts for the manifest: candidates by decision, first reasons by the name of their check."""
    reasons = Counter(v.reasons[0].partition(":")[0] for v in verdicts if v.decision == "rejected" and v.reasons)
    return {
        "accepted": sum(v.decision == "accepted" for v in verdicts),
        "rejected": dict(sorted(reasons.items())),
        "methods": sorted({v.similarity_method for v in verdicts if v.similarity_method}),
    }
