"""MedGRPO and its kin: one loop, in which the recipe's method turns rewards into advantages.

A step draws prompts, samples G completions of each from the policy, rewards them, normalises the rewards by source and
task, turns them into advantages, and takes `grpo.updates` optimiser steps on the clipped loss (arXiv 2512.06581).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.prefetch import Prefetched
from medvidbench.models.torch_env import memory_errors
from medvidbench.training import checkpoints
from medvidbench.training.alarms import alarms, last_good
from medvidbench.training.baseline import BaselineStatistics, sampling_record
from medvidbench.training.examples import chosen_rows
from medvidbench.training.export import export
from medvidbench.training.grpo_batch import Collected, Collector
from medvidbench.training.grpo_log import step_row, step_samples
from medvidbench.training.grpo_update import Updater
from medvidbench.training.key_steps import Judged
from medvidbench.training.machine import Machine
from medvidbench.training.methods import Advantages, filled, method, resolved
from medvidbench.training.normalisation import Normaliser, reward_batch
from medvidbench.training.optimiser import learning_rate, make_optimiser, set_rate
from medvidbench.training.order import DataOrder
from medvidbench.training.policy import load_policy, trainable_parameters
from medvidbench.training.processes import Processes
from medvidbench.training.random_state import seed_everything
from medvidbench.training.recipe import Recipe
from medvidbench.training.rewards import Rewarder, opened_rewarder
from medvidbench.training.rows import Example, Key
from medvidbench.training.run_facts import end_run, stops_told, write_facts
from medvidbench.training.samplers import rollouts
from medvidbench.training.starting import Shown, alone_in, begin, example_stream, run_facts
from medvidbench.training.steps import GrpoStep
from medvidbench.training.stream import LeftOut
from medvidbench.training.unavailable import Unavailable
from medvidbench.training.watch import RunLog

MEMORY_REMEDY = (
    "a smaller --rollout-prompts, data.max_pixels or grpo.group_size, or model.gradient_checkpointing: true with "
    "grpo.forward: prefix_packed"
)
StepDone = Callable[[GrpoStep, int], object]


class RunStoppedError(MedVidBenchError):
    """An alarm stopped the run; the last good checkpoint is kept."""


def run_grpo(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = True,
    progress: StepDone | None = None,
    machine: Machine | None = None,
) -> Path:
    """Trains, and writes the model to `OUT/model`; goes on from the newest checkpoint in `out`.

    Args:
        out: folder of the run: checkpoints, `log.jsonl`, `samples.jsonl`, `recipe.yaml`, `model`.
        resume: False refuses a folder that holds a run.
        progress: is told each step's row, and how many steps there are.

    Raises:
        RunStoppedError: an alarm.
        Unavailable: a judge or the server of rollouts is down; the step before was saved.
        MedVidBenchError: recipe, data, model, statistics or folder can't be used, no row can be shown, or the disk or
            the memory is full.
    """
    if recipe.kind != "grpo" or recipe.data.benchmark is None:
        raise MedVidBenchError(f"The recipe {recipe.name} is of the kind {recipe.kind}.", "grpo, with data.benchmark")
    if not resume and checkpoints.latest(out) is not None:
        raise MedVidBenchError(f"{out} holds a run.", "a new folder, or go on with it")
    grpo, rewards = filled(recipe.grpo, recipe.rewards)
    recipe = recipe.model_copy(update={"grpo": grpo, "rewards": rewards})
    seed_everything(recipe.seed)
    processes = Processes.start(recipe.model.device)
    machine = machine or Machine()
    rewarding = opened_rewarder(rewards, out / "judgements", processes.device, machine.max_cost)
    with alone_in(out, processes.main), rewarding as rewarder:
        run = _Run(recipe, out, processes, machine, rewarder)
        told = stops_told(out, processes.main, lambda: run.state.step)
        with told, memory_errors("training", MEMORY_REMEDY):
            run.train(progress)
            note = f"{recipe.model.path} after {run.total} steps of {recipe.name}.\n"
            export(run.policy, out / "model", note, processes.main)
        if processes.main:
            end_run(out, "finished", run.total)
    processes.wait()
    return out / "model"


class _Run:
    """One run, from its last checkpoint to the end."""

    def __init__(self, recipe: Recipe, out: Path, processes: Processes, machine: Machine, rewarder: Rewarder) -> None:
        assert recipe.data.benchmark is not None and recipe.steps is not None
        self.recipe, self.out, self.processes = recipe, out, processes
        self.rewarder, self.total = rewarder, recipe.steps
        bench = Benchmark.open(recipe.data.benchmark)
        self.rows = chosen_rows(bench, recipe.data, recipe.seed)
        rewarder.check(sorted({row.task for row in self.rows}))
        self.settings = resolved(recipe.grpo, recipe.rewards)
        measure_kl = recipe.alarms.kl_above is not None
        with_reference = measure_kl or self.settings.kl > 0
        self.policy = load_policy(recipe.model, recipe.data, processes.device, with_reference, processes.sharding)
        self.named = trainable_parameters(self.policy)
        self.optimiser = make_optimiser(self.named, recipe.optimiser)
        self.method, self.normaliser = method(recipe.grpo.method), self._normaliser()
        self.order = DataOrder.of([Key(row.source, row.task) for row in self.rows], recipe.data, recipe.seed)
        self.stream = example_stream(bench, self.rows, self.policy, recipe.data, machine)
        self.updater = Updater(
            self.policy,
            self.optimiser,
            recipe.grpo,
            self.settings,
            processes,
            max_grad_norm=recipe.optimiser.max_grad_norm,
            measure_kl=measure_kl,
            corrected=recipe.grpo.rollouts != "own",
        )
        digest = self.normaliser.statistics.digest if self.normaliser.statistics is not None else ""
        self.state = begin(out, self.rows, self.policy, self.optimiser, recipe, processes, digest)
        if "normaliser" in self.state.parts:
            self.normaliser.restore(self.state.parts["normaliser"])
            self.method.restore(self.state.parts["method"])
        self.rollouts = rollouts(self.policy, recipe.grpo, machine, processes, out)
        if processes.main:
            write_facts(out, run_facts(recipe, bench, self.policy, processes, self.total))
        self.log: list[GrpoStep] = []
        self.shown = Shown(self.state.step)

    def _normaliser(self) -> Normaliser:
        rewards, statistics = self.recipe.rewards, None
        if self.settings.normalisation != "none" and rewards.statistics is not None:
            statistics = BaselineStatistics.load(rewards.statistics)
            statistics.check(self.policy.checkpoint.revision, self.rewarder.record(), sampling_record(self.recipe.grpo))
            for key in sorted({Key(row.source, row.task) for row in self.rows}):
                for part in self.rewarder.parts_of(key.task):
                    statistics.of(key, part)  # a pair without statistics is found now, not at its first prompt
        return Normaliser(self.settings.normalisation, statistics, k=rewards.k, drift=rewards.drift, share=rewards.ema)

    def train(self, progress: StepDone | None) -> None:
        """All steps that are left."""
        log = RunLog(self.out)
        if self.processes.main:
            log.cut_after(self.state.step)
        self.processes.wait()
        self.log = [row for row in log.read() if isinstance(row, GrpoStep)] if log.log.exists() else []
        ahead = 2 * self.recipe.batch_size
        with Prefetched(self._examples(self.state.cursor), ahead) as examples:
            resamples = self.recipe.grpo.resamples if self.settings.zero_spread == "resample" else 0
            collector = Collector(examples, self.rollouts, self.rewarder, self.processes, self.recipe.seed, resamples)
            while self.state.step < self.total:
                self._step(collector, log)
                if progress is not None and self.processes.main:
                    progress(self.log[-1], self.total)

    def _examples(self, cursor: int) -> Iterator[Example | LeftOut]:
        """This process' examples from a position on, made ready ahead."""
        rank, of = self.processes.rank, self.processes.count
        first = cursor + (rank - cursor) % of
        return self.stream.stream(self.order.row(p) for p in _counted(first, of))

    def _step(self, collector: Collector, log: RunLog) -> None:
        done = self.state.step
        self.rewarder.state.global_step, self.rewarder.state.max_steps = done, self.total
        try:
            collected = collector.collect(self.state.cursor, self.recipe.batch_size)
        except Unavailable:
            # a whole checkpoint of this step holds the same: written anew, a kill in between would lose it
            if self.out / checkpoints.step_name(done) not in checkpoints.checkpoints(self.out):
                self._save(done, self.state.cursor)
            raise
        rate = learning_rate(done, self.total, self.recipe.optimiser)
        set_rate(self.optimiser, rate)
        judged, advantages = self._judge(collected)
        with collected.timed("update"):
            updated = self.updater.update(collected.own, collected.groups, advantages)
            self.rollouts.sync()
        drift = self.normaliser.drifts(judged.rewards)
        self.normaliser.observe(judged.rewards)
        logged = self.rewarder.take_logged().metrics
        row = step_row(done + 1, rate, collected, judged, updated, drift, logged)
        self.log.append(row)
        if self.processes.main:
            log.append(row, step_samples(done + 1, self.recipe.seed, collected, judged))
        self.state = checkpoints.RunState(done + 1, collected.cursor, self.state.parts)
        self.shown.add(row.prompts, row.skipped, done + 1 == self.total)
        self._check(done + 1)
        if (done + 1) % self.recipe.save_every == 0 or done + 1 == self.total:
            self._save(done + 1, collected.cursor)

    def _judge(self, collected: Collected) -> tuple[Judged, Advantages]:
        """Normalised rewards and advantages of the step's groups, the same on every process."""
        rewards = [group.rewards for group in collected.groups]
        if not rewards:  # no prompt of the step could be shown
            nothing = np.zeros((0, self.recipe.grpo.group_size))
            return Judged([], self.recipe.rewards.weights, nothing, nothing), Advantages(nothing, nothing.astype(bool))
        trees = [group.trees for group in collected.groups]
        known = np.array(trees, dtype=np.int64) if trees and None not in trees else None
        weights = self.recipe.rewards.weights
        batch = reward_batch(rewards, self.normaliser, weights, self.rewarder.names, known)
        advantages = self.method.advantages(batch, self.settings.scale)
        judged = Judged(rewards, weights, batch.total(), advantages.values, self.normaliser.far(rewards))
        return judged, advantages

    def _check(self, step: int) -> None:
        """Stop on an alarm; mark the newest checkpoint that is known to be good."""
        found = alarms(self.log, self.recipe.alarms)
        saved = {int(path.name.partition("-")[2]): path for path in checkpoints.checkpoints(self.out)}
        if not found:
            good = last_good(sorted(saved), step, self.recipe.alarms.window)
            if good is not None and self.processes.main:
                checkpoints.mark_good(self.out, saved[good])
            return
        why = " ".join(alarm.why for alarm in found)
        if self.processes.main:
            end_run(self.out, "alarm", step, why)
        kept = checkpoints.last_good(self.out)
        where = "no checkpoint is old enough to be good"
        if kept is not None:
            good = int(kept.name.partition("-")[2])
            where = (
                f"{kept} is kept as the last good checkpoint: to have its model, remove the younger step-* folders and "
                f"give the same command with --set steps={good}"
            )
        raise RunStoppedError(f"Stopped at step {step}: {why}", remedy=where)

    def _save(self, step: int, cursor: int) -> None:
        said = {"normaliser": self.normaliser.state(), "method": self.method.state()}
        self.state = checkpoints.RunState(step, cursor, {**self.state.parts, **said})
        checkpoints.save(self.out, self.state, self.policy, self.optimiser, self.recipe, self.processes)


def _counted(first: int, step: int) -> Iterator[int]:
    while True:
        yield first
        first += step
