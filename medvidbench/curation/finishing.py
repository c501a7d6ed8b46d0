"""The last step of a build: shards side by side in one folder, with the card, the findings and the rejections."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.curation.candidates import Candidate, Verdict
from medvidbench.curation.card import card
from medvidbench.curation.folder import finish_benchmark, staged
from medvidbench.curation.parts import read_rows
from medvidbench.curation.stages import Manifest, Shard
from medvidbench.curation.steps.plan import part_file
from medvidbench.curation.steps.shard import ShardStage
from medvidbench.records import TASK_NAMES, Finding

if TYPE_CHECKING:
    from medvidbench.curation.pipeline import Pipeline

REJECTIONS = "rejections.jsonl"


def finish(pipeline: Pipeline, out: Path, findings: Sequence[Finding], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Runs the shard stage and moves the finished folder to `out`; returns its manifest.

    Raises:
        MedVidBenchError: no row is left, or `out` can't be written.
    """
    from medvidbench.curation.croissant import CROISSANT, croissant_text

    shards = sharded(pipeline)
    rejected = "".join(_rejections(pipeline))

    def texts(manifest: Mapping[str, Any]) -> dict[str, str]:
        return {CROISSANT: croissant_text(manifest), REJECTIONS: rejected}

    with staged(out, pipeline.settings.overwrite) as staging:
        for shard in shards:
            for name in shard.files:
                _place(shard.folder / name, staging / name)
        entries = [entry for shard in shards for entry in shard.facts["entries"]]
        return finish_benchmark(staging, out, entries, findings, fields, card, pipeline.settings.overwrite, texts)


def sharded(pipeline: Pipeline) -> list[Manifest]:
    """The shards of every task and source that has rows."""
    settings = pipeline.settings
    stage = ShardStage(frozenset(pipeline.split.test), settings.shard_rows, settings.embed_frames)
    shards = []
    for source in pipeline.known:
        made = [m for m in (*pipeline.selected, *pipeline.validated) if m.shard.rsplit("-", 1)[0] == source.key]
        for task in TASK_NAMES:
            names = {f"rows-{task}.parquet", f"accepted-{task}.parquet"}
            inputs = tuple(_only(manifest, names) for manifest in made if names & manifest.files.keys())
            if inputs:
                facts = {"task": task, "source": source.name, "key": source.key}
                shards.append(Shard(f"{task}-{source.key}", inputs, facts))
    return pipeline.run(stage, shards)


def _only(manifest: Manifest, names: set[str]) -> Manifest:
    """The manifest with the files of one task: another task's rows don't touch this one's shards."""
    files = {name: digest for name, digest in manifest.files.items() if name in names}
    return Manifest(manifest.stage, manifest.shard, manifest.key, manifest.folder, files, manifest.facts)


def _place(file: Path, target: Path) -> None:
    """A copy, not a link: who spoils a file of the benchmark must not spoil what it can be built from again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def _rejections(pipeline: Pipeline) -> Iterator[str]:
    """One rejected caption a line: what it was and why, without its text, which stays in the work folder."""
    for generated, validated in zip(pipeline.generated, pipeline.validated, strict=True):
        models = {(c.sample_id, c.generator): c.model for c in read_rows(part_file(generated, "candidates"), Candidate)}
        for verdict in read_rows(part_file(validated, "verdicts"), Verdict):
            if verdict.decision == "rejected":
                row = {
                    "question": verdict.sample_id,
                    "generator": verdict.generator,
                    "model": models.get((verdict.sample_id, verdict.generator), ""),
                    "similarity": verdict.similarity,
                    "reasons": list(verdict.reasons),
                }
                yield json.dumps(row, ensure_ascii=False) + "\n"
