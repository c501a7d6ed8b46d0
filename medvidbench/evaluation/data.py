"""The questions and truth that a file of predictions is scored against."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import read_text
from medvidbench.published import from_merged, from_published
from medvidbench.records import Finding, Label, Sample, Split, TaskName

ACCEPTED = "a benchmark folder, a JSON list of published rows, or a merged file with its truth"


@dataclass(frozen=True)
class EvalData:
    """Samples with truth, in a fixed order.

    Attributes:
        merged: the raw merged rows when the data came in that form (the official protocol reads them as
            they are), aligned with `samples`; empty otherwise.
        digest: SHA-256 over the ids and truths of the samples, whatever file form they came in: two results can be
            compared when it is equal.
        synthetic: whether the benchmark says that it is made of simulated recordings.
    """

    path: str
    samples: list[Sample]
    synthetic: bool = False
    merged: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @cached_property
    def digest(self) -> str:
        """See the class."""
        total = hashlib.sha256()
        for s in self.samples:
            total.update(f"{s.sample_id} {s.truth!r}\n".encode("utf-8", "surrogatepass"))
        return total.hexdigest()


def load_data(
    path: Path,
    split: Split = "test",
    tasks: Iterable[TaskName] | None = None,
    sources: Iterable[str] | None = None,
    answers: Path | None = None,
) -> EvalData:
    """Samples with truth from a benchmark folder or a JSON file.

    Args:
        answers: the answer key of a question-only benchmark.

    Raises:
        MedVidBenchError: nothing there, not a benchmark, or no rows left after the filters.
    """
    wanted_tasks, wanted_sources = set(tasks or ()), set(sources or ())
    if answers is not None and not path.is_dir():
        raise MedVidBenchError(f"--answers goes with a question-only benchmark folder; {path} is a file.")
    data = _from_folder(path, split, answers) if path.is_dir() else _from_json(path)
    keep = [
        i
        for i, s in enumerate(data.samples)
        if (not wanted_tasks or s.task in wanted_tasks) and (not wanted_sources or s.source in wanted_sources)
    ]
    if not keep:
        raise MedVidBenchError(_nothing_left(path, split, data.samples))
    merged = [data.merged[i] for i in keep] if data.merged else []
    return replace(data, samples=[data.samples[i] for i in keep], merged=merged)


def data_from_merged(rows: list[dict[str, Any]], path: Path) -> EvalData:
    """The rows of a merged file as samples; a row of an unknown task is a finding and is left out."""
    samples, kept, findings = [], [], []
    for position, row in enumerate(rows):
        try:
            samples.append(from_merged(row, keep_residue=False))
            kept.append(row)
        except MedVidBenchError as error:
            findings.append(Finding(path.name, f"row {position}", error.seen, "left out"))
    return EvalData(str(path), _finish(samples), merged=kept, findings=findings)


def _from_folder(path: Path, split: Split, answers: Path | None) -> EvalData:
    from medvidbench.benchmark import Benchmark

    benchmark = Benchmark.open(path)
    if answers is None:
        samples = benchmark.samples(split=split)
    else:
        from medvidbench.answer_key import answered_samples

        samples = answered_samples(benchmark, answers, split)
    return EvalData(str(path), samples, synthetic=bool(benchmark.manifest.get("synthetic")))


def _from_json(path: Path) -> EvalData:
    text = read_text(path)
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MedVidBenchError(f"{path} is not valid JSON: {error}.", ACCEPTED) from None
    values = list(rows.values()) if isinstance(rows, dict) else rows
    if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
        raise MedVidBenchError(f"{path} is JSON, but no list or dict of rows.", ACCEPTED)
    if values and "conversations" not in values[0]:
        return data_from_merged(values, path)
    return _from_published_rows(values, path)


def _from_published_rows(rows: list[Mapping[str, Any]], path: Path) -> EvalData:
    samples, findings = [], []
    for position, row in enumerate(rows):
        try:
            samples.append(from_published(row))
        except MedVidBenchError as error:
            findings.append(Finding(path.name, f"row {position}", error.seen, "left out"))
    return EvalData(str(path), _finish(samples), findings=findings)


def _finish(samples: list[Sample]) -> list[Sample]:
    return _offer_labels(_tell_repeats_apart(samples))


def _tell_repeats_apart(samples: list[Sample]) -> list[Sample]:
    """Rows alike in everything that is hashed (29 of the published 6,245) get "-2", "-3" behind the id."""
    seen: Counter[str] = Counter()
    result = []
    for sample in samples:
        seen[sample.sample_id] += 1
        count = seen[sample.sample_id]
        result.append(sample if count == 1 else replace(sample, sample_id=f"{sample.sample_id}-{count}"))
    return result


def _offer_labels(samples: list[Sample]) -> list[Sample]:
    """Next-action rows without a label list get their source's labels in this file, so that prose can be read."""
    labels: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if isinstance(sample.truth, Label):
            labels[sample.source].add(sample.truth.label)
    return [
        replace(s, choices=tuple(sorted(labels[s.source]))) if s.task == "NAP" and not s.choices else s for s in samples
    ]


def _nothing_left(path: Path, split: str, samples: list[Sample]) -> str:
    if not samples:
        return f"{path} holds no rows in the split {split!r}."
    tasks, sources = sorted({s.task for s in samples}), sorted({s.source for s in samples})
    return f"No row is left. {path} holds the tasks {', '.join(tasks)} and the sources {', '.join(sources)}."
