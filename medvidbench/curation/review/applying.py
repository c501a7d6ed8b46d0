"""What people decided, put into a build: dropped captions become rejections, kept ones are marked as reviewed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from medvidbench.curation.candidates import Verdict
from medvidbench.curation.review.decisions import REVIEWED
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample

Reviewed = tuple[tuple[str, str, bool], ...]
"""(question's sample id, generator, kept), sorted."""
_ACCEPTED = "a JSON file as `medvidbench review agree --out` writes it, with a list `decisions`"


def read_decisions(files: Iterable[Path]) -> Reviewed:
    """The decisions of some files together.

    Raises:
        MedVidBenchError: a file that can't be read or has no decisions, or two files that contradict each other.
    """
    found: dict[tuple[str, str], bool] = {}
    for file in files:
        for key, kept in _decisions(file):
            if found.setdefault(key, kept) != kept:
                seen = (
                    f"{file} says {'keep' if kept else 'drop'} of {key[1]} on {key[0]}, and another file the opposite."
                )
                raise MedVidBenchError(seen, remedy="run `medvidbench review agree` on all answers of a sheet together")
    return tuple(sorted((sample_id, generator, kept) for (sample_id, generator), kept in found.items()))


def _decisions(file: Path) -> list[tuple[tuple[str, str], bool]]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["decisions"]
        decided = [((str(row["sample_id"]), str(row["generator"])), str(row["decision"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise MedVidBenchError(f"{file} can't be used as reviews: {error!r:.200}", _ACCEPTED) from error
    unknown = sorted({decision for _, decision in decided} - {"keep", "drop"})
    if unknown:
        raise MedVidBenchError(f"{file} holds the decision {unknown[0]!r:.50}.", "keep, drop")
    return [(key, decision == "keep") for key, decision in decided]


def reviewed_verdicts(verdicts: Sequence[Verdict], reviewed: Mapping[tuple[str, str], bool]) -> list[Verdict]:
    """The verdicts with dropped captions rejected. What validation rejected stays so, whatever people say."""
    return [
        replace(v, decision="rejected", reasons=(*v.reasons, "review: dropped by the reviewers"))
        if v.decision == "accepted" and reviewed.get((v.sample_id, v.generator)) is False
        else v
        for v in verdicts
    ]


def reviewed_rows(
    rows: Iterable[Sample], verdicts: Iterable[Verdict], reviewed: Mapping[tuple[str, str], bool]
) -> list[Sample]:
    """The accepted rows of one question, in the order of its accepted verdicts; those that people kept say so."""
    accepted = [v for v in verdicts if v.decision == "accepted"]
    marked = []
    for row, verdict in zip(rows, accepted, strict=True):
        proof = row.provenance
        if proof is not None and reviewed.get((verdict.sample_id, verdict.generator)):
            row = replace(row, provenance=replace(proof, decision=REVIEWED))
        marked.append(row)
    return marked
