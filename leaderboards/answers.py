"""The rows of a submission beside the rows of the benchmark: duplicates, strangers and gaps, all told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction, read_predictions
from medvidbench.evaluation.join import join
from medvidbench.leaderboards.board import Limits
from medvidbench.records import Answer, Sample

SHOWN = 3


@dataclass
class Answered:
    """Answers in the order of the benchmark, None where there is none; `faults` says what doesn't fit."""

    answers: list[Answer | None]
    joined_by: str
    faults: list[str] = field(default_factory=list)


def answers_of(file: Path, samples: Sequence[Sample], model: str, limits: Limits) -> Answered:
    """Joins a file of checked form by id.

    Every row of the benchmark needs an answer (`least_coverage` of them): a failed call counts as none, or a submitter
    could leave out what the model does badly.
    """
    try:
        predictions = read_predictions(file).predictions
    except MedVidBenchError as error:
        return Answered([], "", [error.seen])
    repeated = _repeated(predictions)
    if repeated:
        return Answered([], "", [f"{len(repeated)} ids stand twice or more: {_some(repeated)}"])
    try:
        joined = join(samples, predictions, "the file", model)
    except MedVidBenchError as error:
        return Answered([], "", [error.seen])
    faults = []
    unused = [f for f in joined.findings if f.what.startswith("prediction for no sample")]
    strangers = [f"{f.row} ({f.what.partition(': ')[2]})" for f in unused]
    if strangers:
        faults.append(f"{len(strangers)} rows answer no question of the benchmark: {_some(strangers)}")
    given = sum(a is not None and not a.error for a in joined.answers)
    if given < limits.least_coverage * len(samples):
        share = f"{given} of {len(samples)} questions are answered, {100 * limits.least_coverage:g} % are needed"
        without = [s.sample_id for s, a in zip(samples, joined.answers, strict=True) if a is None or a.error]
        faults.append(f"{share}; without an answer: {_some(without)}")
    return Answered(joined.answers, joined.joined_by, faults)


def _repeated(predictions: Sequence[Prediction]) -> list[str]:
    """Keys that stand twice, by what `join` would join by."""
    by_id = any(p.sample_id for p in predictions)
    asked = all(p.question for p in predictions)

    def key(p: Prediction) -> Hashable:
        return p.sample_id if by_id else (p.clip_id, p.qa_type, p.question if asked else "")

    counts = Counter(map(key, predictions))
    return [str(k if by_id else k[0]) for k, n in counts.items() if n > 1 and isinstance(k, (str, tuple))]


def _some(places: Sequence[str]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(place[:60] for place in places[:SHOWN]) + more
