"""What a model earns before reinforcement: completions of a seeded sample, their rewards, and the statistics of these.

    OUT/run.json          what is run; a folder holds one run
    OUT/rewards.jsonl     one line a prompt, appended as they come
    OUT/judgements        cache of a paid judge
    OUT/statistics.json   read by the normaliser, see `medvidbench.training.baseline`
    OUT/statistics.md     the same as a table; OUT/histograms/*.svg as pictures

A run that was killed goes on: prompts are asked in pieces whose rows are fixed by the seed, a piece that isn't whole is
asked again, and each completion's seed hangs on run seed and sample alone. So the file is the same as of a run that was
never killed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvidbench.benchmark import MANIFEST, Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.answers import claim_run
from medvidbench.hashing import file_sha256
from medvidbench.models.qwen_local import stop_ids
from medvidbench.records import Sample
from medvidbench.training.baseline import BaselineStatistics, sampling_record, statistics_of
from medvidbench.training.examples import chosen_rows
from medvidbench.training.machine import Machine
from medvidbench.training.policy import Policy, load_policy
from medvidbench.training.recipe import Recipe
from medvidbench.training.rewards import Rewarder, opened_rewarder
from medvidbench.training.rollout import Sampling, sample_groups
from medvidbench.training.rows import Completions, Example, GroupRewards
from medvidbench.training.starting import example_stream
from medvidbench.training.stats_report import draw_histograms, statistics_table
from medvidbench.training.stats_rows import PromptRewards, RewardsFile
from medvidbench.training.stream import LeftOut

REWARDS, STATISTICS, TABLE, HISTOGRAMS = "rewards.jsonl", "statistics.json", "statistics.md", "histograms"
SAMPLES = 64
"""Prompts of each source and task: with 8 completions 512 rewards."""
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class StatsRun:
    """What came out.

    Attributes:
        path: of the statistics.
        prompts: that have rewards.
        left_out: prompts without, each with the reason.
        note: why there are no pictures, or "".
    """

    path: Path
    statistics: BaselineStatistics
    prompts: int
    left_out: dict[str, str]
    note: str


def run_stats(
    recipe: Recipe,
    out: Path,
    *,
    samples: int = SAMPLES,
    machine: Machine | None = None,
    progress: Progress | None = None,
) -> StatsRun:
    """Asks the model at `recipe.model.path` with the recipe's rows, rewards and sampling; goes on where it stopped.

    Args:
        out: folder of the run.
        samples: prompts of each source and task, drawn with the recipe's seed; all where there are fewer.
        progress: told the prompts done and those of the run.

    Raises:
        RewardUnavailable: the judge is down; what was asked is kept.
        MedVidBenchError: recipe, data, model or folder can't be used, nothing could be asked, or the disk is full.
    """
    if recipe.kind != "grpo" or recipe.data.benchmark is None:
        raise MedVidBenchError(f"The recipe {recipe.name} is of the kind {recipe.kind}.", "grpo, with data.benchmark")
    if samples < 1:
        raise MedVidBenchError(f"{samples} prompts of each source and task.", "at least 1")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        seen = f"{os.environ['WORLD_SIZE']} processes: each would ask every prompt."
        raise MedVidBenchError(seen, "one process, without torchrun or accelerate launch")
    bench = Benchmark.open(recipe.data.benchmark)
    rows = sampled_rows(bench, recipe, samples)
    policy = load_policy(recipe.model, recipe.data)
    machine = machine or Machine()
    rewarding = opened_rewarder(recipe.rewards, out / "judgements", policy.device, machine.max_cost)
    with rewarding as rewarder:
        claim_run(out, _identity(recipe, bench, policy, rewarder, samples))
        run = _Run(recipe, rows, policy, rewarder, RewardsFile(out / REWARDS), machine)
        run.ask(bench, progress)
        return _written(run, out, {"path": recipe.model.path, "revision": policy.checkpoint.revision})


def sampled_rows(bench: Benchmark, recipe: Recipe, samples: int) -> list[Sample]:
    """The training rows that are asked: at most `samples` of each source and task, of the tasks that earn anything."""
    data, per_key = recipe.data, min(samples, recipe.data.per_key or samples)
    if not recipe.rewards.functions:
        tasks = tuple(task for task in recipe.rewards.tasks if data.tasks is None or task in data.tasks)
        if not tasks:
            raise MedVidBenchError(f"The recipe {recipe.name} rewards no task of its data.", "tasks that both name")
        data = data.model_copy(update={"tasks": tasks})
    return chosen_rows(bench, data.model_copy(update={"per_key": per_key}), recipe.seed)


def prompt_seed(seed: int, sample_id: str) -> int:
    """Seed of a prompt's completions: the same whatever is asked beside it, and on any machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}/baseline/{sample_id}".encode()).digest()[:6], "little")


def _identity(recipe: Recipe, bench: Benchmark, policy: Policy, rewarder: Rewarder, samples: int) -> dict[str, Any]:
    shown = recipe.data.model_dump(mode="json", exclude={"benchmark", "balance"})
    return {
        "kind": "baseline",
        "model": policy.checkpoint.revision,
        "dtype": policy.dtype,
        "benchmark": file_sha256(bench.path / MANIFEST),
        "data": shown,
        "rewards": rewarder.record(),
        "sampling": sampling_record(recipe.grpo),
        "seed": recipe.seed,
        "samples": samples,
    }


@dataclass
class _Run:
    """One run with all that it needs."""

    recipe: Recipe
    rows: Sequence[Sample]
    policy: Policy
    rewarder: Rewarder
    file: RewardsFile
    machine: Machine

    def ask(self, bench: Benchmark, progress: Progress | None) -> None:
        """All pieces that aren't whole yet."""
        pieces = [piece for piece in self._pieces() if not self._is_whole(piece)]
        done = len(self.rows) - sum(map(len, pieces))
        with closing(self._examples(bench, pieces)) as examples:
            for piece in pieces:
                self.file.add(self._asked(piece, [next(examples) for _ in piece]))
                done += len(piece)
                if progress is not None:
                    progress(done, len(self.rows))

    def _examples(self, bench: Benchmark, pieces: Sequence[range]) -> Generator[Example | LeftOut, None, None]:
        stream = example_stream(bench, self.rows, self.policy, self.recipe.data, self.machine)
        yield from stream.stream(number for piece in pieces for number in piece)

    def _pieces(self) -> Iterator[range]:
        size = self.machine.rollout_prompts
        return (range(begin, min(begin + size, len(self.rows))) for begin in range(0, len(self.rows), size))

    def _is_whole(self, piece: range) -> bool:
        found = [self.file.rows.get(self.rows[number].sample_id) for number in piece]
        return all(row is not None and not row.left_out for row in found)

    def _asked(self, piece: range, items: Sequence[Example | LeftOut]) -> list[PromptRewards]:
        examples = [item for item in items if isinstance(item, Example)]
        made = self._sampled(examples)
        earned = self.rewarder(examples, made) if examples else []
        by_id = {g.sample_id: (g, c) for g, c in zip(earned, made, strict=True)}
        rows = []
        for number, item in zip(piece, items, strict=True):
            sample = self.rows[number]
            why = item.why if isinstance(item, LeftOut) else ""
            rows.append(_row(sample, self.recipe.seed, by_id.get(sample.sample_id), why))
        return rows

    def _sampled(self, examples: Sequence[Example]) -> list[Completions]:
        if not examples:
            return []
        grpo, checkpoint, model = self.recipe.grpo, self.policy.checkpoint, self.policy.model
        sampling = Sampling(
            grpo.group_size,
            grpo.max_new_tokens,
            stop_ids(checkpoint.model, checkpoint.tokenizer),
            tuple(sorted(self.policy.prompter.vision_ids)),
            grpo.temperature,
        )
        seeds = [prompt_seed(self.recipe.seed, example.sample.sample_id) for example in examples]
        prompts = [example.prompt for example in examples]
        with self.policy.computing():
            return sample_groups(model, prompts, sampling, seeds=seeds, tokenizer=checkpoint.tokenizer)


def _row(sample: Sample, seed: int, found: tuple[GroupRewards, Completions] | None, why: str) -> PromptRewards:
    shared: dict[str, Any] = {
        "sample_id": sample.sample_id,
        "source": sample.source,
        "task": sample.task,
        "recording": sample.recording_id,
        "seed": prompt_seed(seed, sample.sample_id),
    }
    if found is None:
        return PromptRewards(**shared, parts={}, left_out=why)
    rewards, made = found
    return PromptRewards(
        **shared,
        parts=dict(rewards.parts),
        parsed=rewards.parsed,
        finished=tuple(made.finished.tolist()),
        lengths=tuple(made.lengths.tolist()),
        left_out=rewards.left_out,
    )


def _written(run: _Run, out: Path, model: dict[str, str]) -> StatsRun:
    """Statistics, table and pictures of the rows."""
    rows = [run.file.rows[sample.sample_id] for sample in run.rows]
    left_out = {row.sample_id: row.left_out for row in rows if row.left_out}
    earned = [reward for row in rows for reward in row.earned()]
    if not earned:
        reasons = "; ".join(sorted(set(left_out.values()))[:3]) or "no reward applies to any of them"
        raise MedVidBenchError(f"None of {len(rows)} prompts has a reward: {reasons}.", "rows with frames and truth")
    statistics = BaselineStatistics(
        model=model,
        reward=run.rewarder.record(),
        recipe=run.recipe.name,
        seed=run.recipe.seed,
        sampling=sampling_record(run.recipe.grpo),
        parts=statistics_of(earned),
    )
    statistics.write(out / STATISTICS)
    (out / TABLE).write_text(statistics_table(statistics, rows), encoding="utf-8")
    note = draw_histograms(statistics, earned, out / HISTOGRAMS)
    return StatsRun(out / STATISTICS, statistics, len(rows) - len(left_out), left_out, note)
