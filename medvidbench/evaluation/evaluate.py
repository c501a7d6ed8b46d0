"""`medvidbench eval` as a function: claim the folder, prove the time axis, ask, merge, score."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench import __version__
from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.answers import AnswerFile, Kept, claim_run, merged_answers, write_merged
from medvidbench.evaluation.asking import Asker
from medvidbench.evaluation.data import EvalData, load_data
from medvidbench.evaluation.runner import Progress, Shown, run_shard, shard_of
from medvidbench.evaluation.score_file import Scored, score_answers
from medvidbench.evaluation.scoring import Protocol
from medvidbench.evaluation.time_axis import TimeAxis, prove
from medvidbench.hashing import file_sha256
from medvidbench.models.settings import EvalSettings
from medvidbench.records import Answer, Sample, TaskName

if TYPE_CHECKING:
    from medvidbench.models.base import VideoModel


@dataclass(frozen=True)
class EvalOptions:
    """What is asked, beside the model.

    Attributes:
        protocol: "strict", "official" or "both".
        limit: at most so many questions, spread over tasks and sources; None asks all.
        shard: (i, n): ask every n-th question from the i-th on, and score only when all shards are in the folder.
        frame_cache: folder of decoded frames that all runs share; None decodes anew.
        allow_wrong_times: go on although the time contract failed; the results say so.
        workers: processes that decode frames.
        judges: specs of caption judges (`medvidbench.judges.specs`); () judges nothing.
    """

    protocol: Protocol = "both"
    tasks: tuple[TaskName, ...] = ()
    sources: tuple[str, ...] = ()
    settings: EvalSettings = field(default_factory=EvalSettings)
    limit: int | None = None
    shard: tuple[int, int] = (0, 1)
    frame_cache: Path | None = None
    allow_wrong_times: bool = False
    workers: int = 2
    judges: tuple[str, ...] = ("concept",)


@dataclass(frozen=True)
class Evaluated:
    """What a run came to. `scored` is None while shards or the truth are missing; `note` says which."""

    answered: int
    total: int
    scored: Scored | None
    note: str
    progress: Progress
    time_axis: TimeAxis | None


def evaluate(
    model: VideoModel,
    data: Path,
    out: Path,
    options: EvalOptions | None = None,
    told: Callable[[Progress], object] | None = None,
) -> Evaluated:
    """Asks a model what its folder doesn't hold yet, and scores when all is there.

    Args:
        data: a benchmark folder, also a question-only one (then answers are written and nothing is scored).
        out: the run's folder, new or of the same run.

    Raises:
        MedVidBenchError: the data, the folder, the model or its time axis can't be used. What was answered is kept.
    """
    options = options or EvalOptions()
    options.settings.check()
    truth, bench = chosen_data(data, options)
    proof = (
        None
        if options.settings.view == "none"
        else prove(model, truth.samples, shown_in(bench, options), options.settings)
    )
    if proof is not None and not proof.passed and not options.allow_wrong_times:
        remedy = "see `medvidbench doctor model`; --allow-wrong-times goes on, and the results will say so"
        raise MedVidBenchError(f"The time axis of {model.name} is not right: {proof.detail}", remedy=remedy)
    identity = identity_of(model, truth, options)
    claim_run(out, identity)
    mine = shard_of(truth.samples, *options.shard)
    asker = Asker(options.settings, bench.samples(split="train") if options.settings.one_shot else ())
    with AnswerFile(out, *options.shard) as answers:
        progress = run_shard(
            mine, model, asker, shown_in(bench, options), answers, getattr(model, "shrink", None), told
        )
    found = merged_answers(out, truth.samples)
    used = run_facts(model, options, found, proof)
    return _scored(model.name, truth, bench, out, options, found, progress, proof, used)


def _scored(
    name: str,
    truth: EvalData,
    bench: Benchmark,
    out: Path,
    options: EvalOptions,
    found: dict[str, Kept],
    progress: Progress,
    proof: TimeAxis | None,
    used: dict[str, Any],
) -> Evaluated:
    total = len(truth.samples)
    missing = total - len(found)
    if missing:
        note = f"{missing} of {total} questions belong to shards that are not in {out} yet."
        return Evaluated(len(found), total, None, note, progress, proof)
    merged = write_merged(out, name, truth.samples, found)
    if bench.manifest.get("question_only"):
        note = f"The benchmark holds questions alone: {merged} is what to hand in, or to score against the answer key."
        return Evaluated(len(found), total, None, note, progress, proof)
    answers: list[Answer | None] = [
        Answer(s.sample_id, name, found[s.sample_id].text, found[s.sample_id].error) for s in truth.samples
    ]
    predictions = {"path": str(merged), "sha256": file_sha256(merged), "joined_by": "sample_id"}
    scored = judged_answers(truth, answers, name, predictions, out, options)
    scored.results.run.update(used)
    scored.write(out / "results.json")
    return Evaluated(len(found), total, scored, "", progress, proof)


def judged_answers(
    truth: EvalData,
    answers: list[Answer | None],
    name: str,
    predictions: dict[str, str],
    out: Path,
    options: EvalOptions,
) -> Scored:
    """Scores answers, captions by the judges of the options; what they said is kept in `OUT/judge_cache`.

    Raises:
        MedVidBenchError: an unknown judge, or one whose server can't be used.
    """
    from medvidbench.judges.specs import JudgeOptions, opened_judges

    with opened_judges(list(options.judges), JudgeOptions(out / "judge_cache")) as judges:
        return score_answers(truth, answers, options.protocol, name, predictions, judges=judges)


def chosen_data(data: Path, options: EvalOptions) -> tuple[EvalData, Benchmark]:
    """The test questions that the options choose, with the benchmark that says where their frames lie.

    Raises:
        MedVidBenchError: not a benchmark folder, or nothing is left.
    """
    if not data.is_dir():
        seen = f"{data} is no benchmark folder, so there are no frames to show."
        raise MedVidBenchError(seen, "a folder written by `medvidbench build` or `import`", "score its answers instead")
    truth = load_data(data, "test", options.tasks, options.sources)
    return within_limit(truth, options.limit), Benchmark.open(data)


def within_limit(truth: EvalData, limit: int | None) -> EvalData:
    """The questions that a limit leaves; all of them without one."""
    if limit is None:
        return truth
    return EvalData(truth.path, limited(truth.samples, limit), truth.synthetic, [], truth.findings)


def limited(samples: Sequence[Sample], limit: int) -> list[Sample]:
    """At most `limit` samples in their order: taken in turn from each task and source, by a hash of the id.

    Raises:
        MedVidBenchError: the limit is under 1.
    """
    if limit < 1:
        raise MedVidBenchError(f"--limit {limit}.", "at least 1")
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sample in samples:
        kinds[sample.task, sample.source].append(sample.sample_id)
    ranked = [sorted(ids, key=lambda i: hashlib.sha256(i.encode()).hexdigest()) for ids in kinds.values()]
    turns = [ids[turn] for turn in range(max(map(len, ranked), default=0)) for ids in ranked if turn < len(ids)]
    kept = set(turns[:limit])
    return [sample for sample in samples if sample.sample_id in kept]


def shown_in(bench: Benchmark, options: EvalOptions) -> Shown:
    """Where the benchmark's frames lie."""
    store = bench.manifest.get("frame_store")

    def place(sample: Sample) -> Path:
        return Path(store) if sample.video and sample.frame_paths and store else bench.frame_root(sample.source)

    return Shown(place, options.frame_cache, options.workers)


def identity_of(model: VideoModel, truth: EvalData, options: EvalOptions) -> dict[str, Any]:
    """What makes a run this run: with the same identity, answers of several machines belong together."""
    return {
        "medvidbench": __version__,
        "model": model.name,
        "record": model.record(),
        "settings": options.settings.as_dict(),
        "data": {"digest": truth.digest, "questions": len(truth.samples)},
        "shards": options.shard[1],
    }


def run_facts(
    model: VideoModel, options: EvalOptions, found: dict[str, Kept], proof: TimeAxis | None
) -> dict[str, Any]:
    """What the results say about how they came about; the same for the same answers."""
    costs = [kept.cost for kept in found.values()]
    known = [cost for cost in costs if cost is not None]
    facts: dict[str, Any] = {
        "model": model.record(),
        "settings": options.settings.as_dict(),
        "time_axis": None if proof is None else proof.as_dict(),
        "input_tokens": sum(kept.input_tokens for kept in found.values()),
        "output_tokens": sum(kept.output_tokens for kept in found.values()),
        "cost_usd": round(sum(known), 6) if known and len(known) == len(costs) else None,
    }
    if options.limit is not None:
        facts["limit"] = options.limit
    return facts
