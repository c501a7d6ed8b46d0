"""From raw datasets to a benchmark folder: read, ask, split by group, write."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medvidbench import __version__
from medvidbench.benchmark import check_target, write_benchmark
from medvidbench.curation.card import card
from medvidbench.curation.split import TEST_SHARE, GroupSplit, split_groups
from medvidbench.errors import MedVidBenchError
from medvidbench.records import TASK_NAMES, Finding, Sample, TaskName
from medvidbench.sources.base import Source
from medvidbench.sources.registry import source_of


@dataclass(frozen=True)
class BuildReport:
    """What a build wrote.

    Attributes:
        counts: rows by (split, task, source).
        notes: what a user should know about the split.
        findings: everything wrong with the input; file names begin with the source's key.
    """

    out: Path
    counts: dict[tuple[str, str, str], int]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass
class _Input:
    """One source with its folder, and what came out of it."""

    source: Source
    root: Path
    samples: list[Sample]
    findings: list[Finding]
    recordings: int = 0


def build(
    sources: Sequence[tuple[str, Path]],
    out: Path,
    seed: int = 0,
    tasks: Sequence[TaskName] | None = None,
    overwrite: bool = False,
    progress: Callable[[str], object] | None = None,
    test_share: float = TEST_SHARE,
    frame_store: Path | None = None,
) -> BuildReport:
    """Builds a benchmark folder; the same input gives the same bytes.

    Args:
        sources: (key, folder) of each raw dataset, e.g. ("cholect50", Path("/data/CholecT50")).
        out: the folder to write; written whole or not at all.
        seed: of the split, the clips and the wording.
        tasks: the tasks to ask; None asks all that a source feeds.
        overwrite: replace a benchmark that stands at `out`.
        progress: called with a line of text for each recording.
        test_share: share of each source's groups that goes to test.
        frame_store: folder to extract the frames of videos into, each once; None leaves them in the videos.

    Raises:
        MedVidBenchError: an unknown source or task, a folder that is missing or not laid out as its source, an
            `out` that can't be used, or input that gives no question.
    """
    _check(sources, tasks)
    check_target(out, overwrite)
    inputs = [_Input(source_of(key), Path(root), [], []) for key, root in sources]
    for given in inputs:
        given.findings += given.source.check(given.root)
    for given in inputs:
        _read(given, seed, tasks, progress or (lambda _: None))
    samples = [sample for given in inputs for sample in _unique(given)]
    if not samples:
        seen = f"No question came out of {', '.join(str(given.root) for given in inputs)}."
        found = [f"{f.file}: {f.what}" for given in inputs for f in given.findings[:3]]
        raise MedVidBenchError(seen, remedy="; ".join(found) or "Name another task or dataset.")
    if frame_store is not None:
        samples = _stored(inputs, samples, frame_store, progress)
    groups = {g.source.name: {s.group for s in g.samples} for g in inputs}
    split = split_groups(groups, seed, test_share)
    findings = [replace(f, file=f"{g.source.key}/{f.file}") for g in inputs for f in g.findings]
    notes = [*(f"{g.source.name}: no question came out of it." for g in inputs if not g.samples), *split.notes]
    fields = _fields(inputs, split, seed, test_share) | {"notes": notes, "findings": len(findings)}
    if frame_store is not None:
        fields["frame_store"] = str(frame_store.resolve())
    sided = (replace(sample, split=split.side(sample.group)) for sample in samples)
    manifest = write_benchmark(out, sided, findings, fields, card, overwrite)
    return BuildReport(out, _flat(manifest["counts"]), tuple(notes), tuple(findings))


def _check(sources: Sequence[tuple[str, Path]], tasks: Sequence[TaskName] | None) -> None:
    if not sources:
        raise MedVidBenchError("No source is named.", accepted="at least one, e.g. cholect50=/data/CholecT50")
    keys = [key.lower() for key, _ in sources]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise MedVidBenchError(f"The source {', '.join(repeated)} is named twice.", remedy="Name each source once.")
    unknown = [task for task in tasks or () if task not in TASK_NAMES]
    if unknown:
        raise MedVidBenchError(f"There is no task {', '.join(unknown)}.", accepted=", ".join(TASK_NAMES))


def _read(given: _Input, seed: int, tasks: Sequence[TaskName] | None, progress: Callable[[str], object]) -> None:
    """Asks every chosen task about every recording of one source."""
    from medvidbench.tasks.registry import TASKS

    chosen = [task for task in given.source.tasks if tasks is None or task in tasks]
    for recording in given.source.recordings(given.root):
        progress(f"{given.source.name} {recording.recording_id}")
        given.recordings += 1
        given.findings += recording.findings
        for task in chosen:
            given.samples += TASKS[task].ask(recording, seed)


def _stored(
    inputs: Sequence[_Input], samples: list[Sample], folder: Path, progress: Callable[[str], object] | None
) -> list[Sample]:
    from medvidbench.curation.frames import store_frames

    stored, findings = store_frames(samples, {g.source.name: g.root for g in inputs}, folder, progress)
    for source_name, finding in findings:
        next(g for g in inputs if g.source.name == source_name).findings.append(finding)
    return stored


def _unique(given: _Input) -> Iterator[Sample]:
    """The samples without repeats of an id: the second of two equal questions is a finding."""
    seen: set[str] = set()
    for sample in given.samples:
        if sample.sample_id in seen:
            what = f"the question {sample.question!r:.200} comes out twice for clip {sample.clip_id}"
            given.findings.append(Finding(sample.recording_id, sample.task, what, "the first one is kept"))
            continue
        seen.add(sample.sample_id)
        yield sample


def _fields(inputs: list[_Input], split: GroupSplit, seed: int, test_share: float) -> dict[str, Any]:
    """The manifest's own fields. No time, no host, no user: equal input gives equal bytes."""
    described = [_describe(given) for given in inputs]
    return {
        "medvidbench": __version__,
        "python": platform.python_version(),
        "pyarrow": version("pyarrow"),
        "seed": seed,
        "test_share": test_share,
        "synthetic": any(source["synthetic"] for source in described),
        "sources": described,
        "groups": {"train": split.groups("train"), "test": split.groups("test")},
    }


def _describe(given: _Input) -> dict[str, Any]:
    source = given.source
    return {
        "key": source.key,
        "name": source.name,
        "root": str(given.root.resolve()),
        "digest": source.digest(given.root),
        "recordings": given.recordings,
        "synthetic": source.is_synthetic(given.root),
        "licence": source.licence,
        "licence_url": source.licence_url,
        "citation": source.citation,
        "homepage": source.homepage,
    }


def _flat(counts: dict[str, dict[str, dict[str, int]]]) -> dict[tuple[str, str, str], int]:
    return {
        (split, task, source): rows
        for split, by_task in counts.items()
        for task, by_source in by_task.items()
        for source, rows in by_source.items()
    }
