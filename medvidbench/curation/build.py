"""From raw datasets to a benchmark folder: run the pipeline, then put the folder in its place."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medvidbench import __version__
from medvidbench.curation.engine import engine_of
from medvidbench.curation.finishing import finish
from medvidbench.curation.folder import check_target
from medvidbench.curation.locks import only_build
from medvidbench.curation.pipeline import Pipeline, Say, context_of
from medvidbench.curation.review.loading import LATEST
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.stages import Manifest
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Finding
from medvidbench.sources.registry import source_of


@dataclass(frozen=True)
class BuildReport:
    """What a build wrote.

    Attributes:
        counts: rows by (split, task, source); empty when the build was asked to stop before it wrote.
        notes: what a user should know about the split and the captions.
        findings: everything wrong with the input; file names begin with the source's key.
        captions: pairs, accepted, and rejections by the check that spoke first.
        work: the folder of the stages.
        finished: whether `out` was written.
    """

    out: Path
    counts: dict[tuple[str, str, str], int]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    captions: dict[str, Any]
    work: Path
    finished: bool = True


def build(
    sources: Sequence[tuple[str, Path]],
    out: Path,
    settings: BuildSettings | None = None,
    say: Say | None = None,
) -> BuildReport:
    """Builds a benchmark folder; the same input gives the same bytes, on any engine, stopped and resumed or not.

    Args:
        sources: (key, folder) of each raw dataset, e.g. ("cholect50", Path("/data/CholecT50")).
        out: the folder to write; written whole or not at all.
        say: told of each finished shard of a stage.

    Raises:
        MedVidBenchError: an unknown source or task, a folder that is missing or not laid out as its source, an
            `out` that can't be used, another build in the same work folder, calls that failed, or input that gives no
            question. What was done until then is kept in the work folder, and a rerun goes on from there.
    """
    settings = settings or BuildSettings()
    settings.check()
    _check_sources(sources)
    check_target(out, settings.overwrite)
    for key, root in sources:
        source_of(key).check(root)  # a wrong folder is told before any work is done
    context = context_of(sources, settings, out)
    with (
        only_build(context.work, settings.rank),
        engine_of(settings.engine, settings.workers, settings.address) as engine,
    ):
        pipeline = Pipeline(sources, settings, context, engine, say or (lambda stage, done, total: None))
        stopped = _stopped_early(pipeline)
        return _report(pipeline, out, finished=False) if stopped else _finished(pipeline, out)


def _check_sources(sources: Sequence[tuple[str, Path]]) -> None:
    if not sources:
        raise MedVidBenchError("No source is named.", accepted="at least one, e.g. cholect50=/data/CholecT50")
    keys = [key.lower() for key, _ in sources]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise MedVidBenchError(f"The source {', '.join(repeated)} is named twice.", remedy="Name each source once.")


def _stopped_early(pipeline: Pipeline) -> bool:
    """Runs the stages that are wanted; whether the build ends before the folder is written."""
    settings = pipeline.settings
    stages = {"plan": "plans", "prompt": "prompts", "generate": "generated", "validate": "validated"}
    last = settings.until or "validate"
    for name, attribute in stages.items():
        getattr(pipeline, attribute)
        if name == last:
            break
    if last == "validate" and settings.rank is None:
        _note_latest(pipeline)
    return bool(settings.until) or settings.rank is not None


def _note_latest(pipeline: Pipeline) -> None:
    """Leaves word of the folders that this build went through, for the review sheet."""
    work = pipeline.context.work
    parts = zip(pipeline.selected, pipeline.generated, pipeline.validated, strict=True)
    names = ("selected", "generated", "validated")
    found = {
        "roots": {s.name: pipeline.context.options["roots"][s.key] for s in pipeline.known},
        "frame_store": pipeline.context.options["frame_store"],
        "parts": [
            {name: m.folder.relative_to(work).as_posix() for name, m in zip(names, part, strict=True)} for part in parts
        ],
    }
    part_file = work / f"{LATEST}.part"
    part_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    part_file.replace(work / LATEST)


def _finished(pipeline: Pipeline, out: Path) -> BuildReport:
    if not any(facts["rows"] + facts["captions"] for plan in pipeline.plans for facts in plan.facts["parts"]):
        found = [f"{f.file}: {f.what}" for f in list(findings_of(pipeline))[:5]]
        seen = f"No question came out of {', '.join(str(root) for _, root in pipeline.sources)}."
        raise MedVidBenchError(seen, remedy="; ".join(found) or "Name another task or dataset.")
    notes = _notes(pipeline)
    findings = list(findings_of(pipeline))
    fields = _fields(pipeline) | {"notes": notes, "findings": len(findings)}
    manifest = finish(pipeline, out, findings, fields)
    return _report(pipeline, out, True, _flat(manifest["counts"]), notes, findings)


def _report(
    pipeline: Pipeline,
    out: Path,
    finished: bool,
    counts: dict[tuple[str, str, str], int] | None = None,
    notes: Sequence[str] = (),
    findings: Sequence[Finding] | None = None,
) -> BuildReport:
    found = tuple(findings_of(pipeline)) if findings is None else tuple(findings)
    done = pipeline.settings.until in ("", "validate")
    captions = captions_of(pipeline) if done else {}
    return BuildReport(out, counts or {}, tuple(notes), found, captions, pipeline.context.work, finished)


def findings_of(pipeline: Pipeline) -> Iterator[Finding]:
    """Everything wrong with the input, source by source; file names begin with the source's key."""
    manifests: list[tuple[str, Manifest]] = [(plan.shard, plan) for plan in pipeline.plans]
    if pipeline.settings.until != "plan":
        manifests += [(part.shard.rsplit("-", 1)[0], part) for part in pipeline.selected]
    for key, manifest in sorted(manifests, key=lambda pair: [p.shard for p in pipeline.plans].index(pair[0])):
        for line in (manifest.folder / "findings.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            yield Finding(**(row | {"file": f"{key}/{row['file']}"}))


def captions_of(pipeline: Pipeline) -> dict[str, Any]:
    """How many captions were written, kept and rejected, and by which check."""
    rejected: Counter[str] = Counter()
    for manifest in pipeline.validated:
        rejected.update(manifest.facts["rejected"])
    settings = pipeline.settings
    return {
        "generators": [g.name for g in settings.generators] or ["plain", "clinical"],
        "models": [g.model for g in settings.generators] or ["offline:plain", "offline:clinical"],
        "questions": sum(part.facts["captions"] for part in pipeline.selected),
        "accepted": sum(manifest.facts["accepted"] for manifest in pipeline.validated),
        "rejected": dict(sorted(rejected.items())),
        "similarity_threshold": pipeline.validation.limit(pipeline.validation.method),
        "similarity_method": pipeline.validation.method,
    }


def _notes(pipeline: Pipeline) -> list[str]:
    empty = [s.name for s, plan in zip(pipeline.known, pipeline.plans, strict=True) if not plan.facts["groups"]]
    return [*(f"{name}: no question came out of it." for name in empty), *pipeline.split.notes]


def _fields(pipeline: Pipeline) -> dict[str, Any]:
    """The manifest's own fields. No time, no host, no user, no spend: equal input gives equal bytes."""
    settings, split = pipeline.settings, pipeline.split
    described = [_describe(pipeline, place) for place in range(len(pipeline.sources))]
    fields: dict[str, Any] = {
        "medvidbench": __version__,
        "python": platform.python_version(),
        "pyarrow": version("pyarrow"),
        "seed": settings.seed,
        "test_share": settings.test_share,
        "plan": settings.plan,
        "synthetic": any(source["synthetic"] for source in described),
        "sources": described,
        "groups": {"train": split.groups("train"), "test": split.groups("test")},
        "captions": captions_of(pipeline),
    }
    if settings.embed_frames:
        fields["embedded_frames"] = True
    if settings.frame_store is not None:
        fields["frame_store"] = pipeline.context.options["frame_store"]
    return fields


def _describe(pipeline: Pipeline, place: int) -> dict[str, Any]:
    source, plan = pipeline.known[place], pipeline.plans[place]
    return {
        "key": source.key,
        "name": source.name,
        "root": pipeline.context.options["roots"][source.key],
        "digest": plan.facts["digest"],
        "recordings": plan.facts["recordings"],
        "synthetic": plan.facts["synthetic"],
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
