"""Supervised fine-tuning: the reference answers of many datasets, one optimiser step a batch.

    loss = sum over the step's answer tokens of -log p(token | video, question, earlier tokens) / their number

Answer tokens are those of the reference answer and the end token; the question is never learned. The mean is over the
tokens of the whole step, also where it is computed in pieces and by several processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.prefetch import Prefetched
from medvidbench.models.torch_env import memory_errors
from medvidbench.training import checkpoints
from medvidbench.training.batches import MicroBatch, answer_losses, answer_outputs, micro_batches
from medvidbench.training.examples import chosen_rows
from medvidbench.training.export import export
from medvidbench.training.idle import idle_batch
from medvidbench.training.machine import Machine
from medvidbench.training.optimiser import clip_gradients, learning_rate, make_optimiser, set_rate
from medvidbench.training.order import DataOrder, share
from medvidbench.training.pointing import Point, Pointing
from medvidbench.training.policy import load_policy, trainable_parameters
from medvidbench.training.processes import Processes
from medvidbench.training.random_state import seed_everything
from medvidbench.training.recipe import Recipe
from medvidbench.training.rows import Example, Key
from medvidbench.training.run_facts import end_run, stops_told, write_facts
from medvidbench.training.starting import Shown, alone_in, begin, example_stream, run_facts
from medvidbench.training.steps import SftStep, Skipped
from medvidbench.training.stream import LeftOut
from medvidbench.training.tally import Tally
from medvidbench.training.watch import RunLog

AHEAD = 2
"""Batches made ready ahead of the one that is trained on."""
MEMORY_REMEDY = "a smaller --micro-tokens, data.max_pixels or data.frames, or model.gradient_checkpointing: true"
StepDone = Callable[[SftStep, int], object]


@dataclass(frozen=True)
class StepRows:
    """This process' part of a step; `points` of each batch's rows, where attention is supervised."""

    batches: list[MicroBatch]
    left_out: list[LeftOut]
    points: list[list[tuple[Point, ...]]]


def run_sft(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = True,
    progress: StepDone | None = None,
    machine: Machine | None = None,
) -> Path:
    """Trains, and writes the model to `OUT/model`; goes on from the newest checkpoint in `out`.

    Args:
        out: folder of the run: checkpoints, `log.jsonl`, `training.json`, `recipe.yaml`, `model`.
        resume: False refuses a folder that holds a run.
        progress: is told each step, and how many there are.

    Raises:
        MedVidBenchError: recipe, data, model or folder can't be used, no row can be shown, the disk or the memory is
            full, or the loss is not a number.
    """
    if recipe.kind != "sft" or recipe.data.benchmark is None:
        raise MedVidBenchError(f"The recipe {recipe.name} is of the kind {recipe.kind}.", "sft, with data.benchmark")
    if not resume and checkpoints.latest(out) is not None:
        raise MedVidBenchError(f"{out} holds a run.", "a new folder, or go on with it")
    seed_everything(recipe.seed)
    processes = Processes.start(recipe.model.device)
    with alone_in(out, processes.main):
        run = _Run(recipe, Benchmark.open(recipe.data.benchmark), out, processes, machine or Machine())
        with stops_told(out, processes.main, lambda: run.state.step), memory_errors("training", MEMORY_REMEDY):
            run.train(progress)
            note = f"{recipe.model.path} after {run.total} steps of {recipe.name}.\n"
            export(run.policy, out / "model", note, processes.main)
        if processes.main:
            end_run(out, "finished", run.total)
    processes.wait()
    return out / "model"


def total_steps(recipe: Recipe, rows: int) -> int:
    """The recipe's steps, or those of its epochs: `ceil(epochs * rows / batch_size)`."""
    if recipe.steps is not None:
        return recipe.steps
    assert recipe.epochs is not None
    return max(1, math.ceil(recipe.epochs * rows / recipe.batch_size))


class _Run:
    """One run, from its last checkpoint to the end."""

    def __init__(self, recipe: Recipe, bench: Benchmark, out: Path, processes: Processes, machine: Machine) -> None:
        self.recipe, self.out, self.processes, self.machine = recipe, out, processes, machine
        rows = chosen_rows(bench, recipe.data, recipe.seed)
        self.total = total_steps(recipe, len(rows))
        self.policy = load_policy(recipe.model, recipe.data, processes.device, sharding=processes.sharding)
        self.named = trainable_parameters(self.policy)
        self.pointing = Pointing.of(recipe.pointing, self.policy, rows)
        self.optimiser = make_optimiser(self.named, recipe.optimiser)
        self.stream = example_stream(bench, rows, self.policy, recipe.data, machine)
        self.order = DataOrder.of([Key(row.source, row.task) for row in rows], recipe.data, recipe.seed)
        self.state = begin(out, rows, self.policy, self.optimiser, recipe, processes)
        if processes.main:
            write_facts(out, run_facts(recipe, bench, self.policy, processes, self.total))

    def train(self, progress: StepDone | None) -> None:
        """All steps that are left."""
        log = RunLog(self.out)
        if self.processes.main:
            log.cut_after(self.state.step)
        shown = Shown(self.state.step)
        with Prefetched(self._steps(), AHEAD) as ready:
            before = 0.0
            for rows in ready:
                done = self._step(rows, ready.waited - before)
                before = ready.waited
                if self.processes.main:
                    log.append(done)
                    if progress is not None:
                        progress(done, self.total)
                self._check(done)
                shown.add(done.n, done.skipped, done.step == self.total)
                if done.step % self.recipe.save_every == 0 or done.step == self.total:
                    checkpoints.save(self.out, self.state, self.policy, self.optimiser, self.recipe, self.processes)

    def _check(self, done: SftStep) -> None:
        """Stop on a gradient that is not a number: no weight was changed by it."""
        if done.grad_norm is None or math.isfinite(done.grad_norm):
            return
        seen = f"The gradient of step {done.step} is {done.grad_norm}, the loss {done.loss}."
        raise MedVidBenchError(seen, remedy="a lower learning rate, or float32; the last checkpoint is whole")

    def _steps(self) -> Iterator[StepRows]:
        """This process' rows of each step that is left, made ready in another thread."""
        cursors = range(self.state.cursor, self.recipe.batch_size * self.total, self.recipe.batch_size)
        examples = self.stream.stream(number for cursor in cursors for number in self._share(cursor))
        for cursor in cursors:
            found = list(islice(examples, len(self._share(cursor))))
            good = [item for item in found if isinstance(item, Example)]
            batches = micro_batches(good, self.policy.pad, self.policy.checkpoint.config, self.machine.micro_tokens)
            points = [[self._points(example) for example in batch.examples] for batch in batches]
            yield StepRows(batches, [item for item in found if isinstance(item, LeftOut)], points)

    def _points(self, example: Example) -> tuple[Point, ...]:
        return () if self.pointing is None else self.pointing.points(example)

    def _share(self, cursor: int) -> list[int]:
        """This process' rows of the step that begins at a position."""
        rows = self.order.batch(cursor, self.recipe.batch_size)
        return share(rows, self.processes.rank, self.processes.count)

    def _step(self, mine: StepRows, waited: float) -> SftStep:
        """One optimiser step."""
        rate = learning_rate(self.state.step, self.total, self.recipe.optimiser)
        set_rate(self.optimiser, rate)
        began = time.monotonic()
        tally, tokens = self._backward(mine)
        between = time.monotonic()
        left_out = [item for items in self.processes.gathered(mine.left_out) for item in items]
        norm = self._update() if tokens else None
        size = self.recipe.batch_size
        self.state = checkpoints.RunState(self.state.step + 1, self.state.cursor + size, self.state.parts)
        return SftStep(
            step=self.state.step,
            seconds={"prompts": waited, "gradient": between - began, "update": time.monotonic() - between},
            n=sum(tally.rows.values()),
            tokens=tokens,
            loss=sum(tally.loss.values()) / tokens if tokens else None,
            pointing=tally.pointing / tally.points if tally.points else None,
            lr=rate,
            grad_norm=norm,
            skipped=tuple(_skipped(item) for item in left_out),
            keys=tally.keys(),
        )

    def _backward(self, mine: StepRows) -> tuple[Tally, int]:
        """This process' part of the gradient of the step's mean loss; the sums over all processes, and their tokens."""
        own = sum(len(example.answer_ids) for batch in mine.batches for example in batch.examples)
        pointed = sum(len(points) for rows in mine.points for points in rows)
        tokens, points = map(sum, zip(*self.processes.gathered((own, pointed)), strict=True))
        found = Tally(points=pointed)
        self._idle(self.processes.idle(len(mine.batches)))
        for batch, rows in zip(mine.batches, mine.points, strict=True):
            moved = batch.to(self.policy.device)
            with self.policy.computing():
                losses, attentions = answer_outputs(self.policy.model, moved, self.pointing is not None)
            loss = losses.sum() / tokens
            if self.pointing is not None and points:
                looked = self.pointing.loss(attentions, list(zip(batch.examples, rows, strict=True)))
                found.pointing += looked.item()
                loss = loss + self.pointing.weight * looked / points
            torch.autograd.backward(loss)
            for example, value in zip(batch.examples, losses.detach().tolist(), strict=True):
                found.add(example.key, value, len(example.answer_ids))
        whole = Tally()
        for other in self.processes.gathered(found):
            whole.join(other)
        return whole, tokens

    def _idle(self, calls: int) -> None:
        """Forwards and backwards that change nothing; see `medvidbench.training.idle`."""
        for _ in range(calls):
            batch = idle_batch(self.policy.checkpoint.config, self.policy.pad).to(self.policy.device)
            with self.policy.computing():
                losses = answer_losses(self.policy.model, batch)
            torch.autograd.backward(losses.sum())

    def _update(self) -> float:
        """The norm of the whole gradient; the optimiser's step is taken where it is a number."""
        parameters = [parameter for _, parameter in self.named]
        self.processes.sum_gradients(parameters)
        norm = clip_gradients(parameters, self.recipe.optimiser.max_grad_norm)
        if math.isfinite(norm):
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return norm


def _skipped(item: LeftOut) -> Skipped:
    return Skipped(sample_id=item.sample_id, source=item.key.source, task=item.key.task, why=item.why)
