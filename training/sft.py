"""Supervised fine-tuning: the reference answers of many datasets, one optimiser step a batch.

    loss = sum over the step's answer tokens of -log p(token | video, question, earlier tokens) / their number

Answer tokens are those of the reference answer and the end token; the question is never learned. The mean is over the
tokens of the whole step, also where it is computed in pieces and by several processes.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.prefetch import Prefetched
from medvidbench.records import Sample
from medvidbench.training import checkpoints
from medvidbench.training.batches import MicroBatch, answer_losses, micro_batches
from medvidbench.training.examples import ExampleMaker, chosen_rows, rows_digest
from medvidbench.training.export import export
from medvidbench.training.machine import Machine
from medvidbench.training.optimiser import clip_gradients, learning_rate, make_optimiser, set_rate
from medvidbench.training.order import DataOrder, share
from medvidbench.training.policy import Policy, load_policy, trainable_parameters
from medvidbench.training.prepared import PreparedPrompts
from medvidbench.training.processes import Processes
from medvidbench.training.random_state import seed_everything
from medvidbench.training.recipe import Recipe, write_recipe
from medvidbench.training.rows import Example, Key
from medvidbench.training.run_log import RunLog
from medvidbench.training.stream import ExampleStream, LeftOut

AHEAD = 2
"""Batches made ready ahead of the one that is trained on."""
StepDone = Callable[[dict[str, Any], int], object]


@dataclass(frozen=True)
class StepRows:
    """This process' part of a step."""

    batches: list[MicroBatch]
    left_out: list[LeftOut]


@dataclass
class Tally:
    """Sums of one step; `key` to loss sum, tokens and rows."""

    loss: dict[Key, float] = field(default_factory=lambda: defaultdict(float))
    tokens: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    rows: dict[Key, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, examples: Sequence[Example], losses: Sequence[float]) -> None:
        """The rows of one forward."""
        for example, loss in zip(examples, losses, strict=True):
            self.loss[example.key] += loss
            self.tokens[example.key] += len(example.answer_ids)
            self.rows[example.key] += 1

    def merge(self, other: Tally) -> None:
        """Another process' sums."""
        for key in other.rows:
            self.loss[key] += other.loss[key]
            self.tokens[key] += other.tokens[key]
            self.rows[key] += other.rows[key]


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
        out: folder of the run: checkpoints, `log.jsonl`, `recipe.yaml`, `model`.
        resume: False refuses a folder that holds a run.
        progress: is told each step's line of the log, and how many steps there are.

    Raises:
        MedVidBenchError: recipe, data, model or folder can't be used, the disk is full, or the loss is not a number.
    """
    if recipe.kind != "sft" or recipe.data.benchmark is None:
        raise MedVidBenchError(f"The recipe {recipe.name} is of the kind {recipe.kind}.", "sft, with data.benchmark")
    if not resume and checkpoints.latest(out) is not None:
        raise MedVidBenchError(f"{out} holds a run.", "a new folder, or go on with it")
    seed_everything(recipe.seed)
    processes = Processes.start(recipe.model.device)
    run = _Run(recipe, out, processes, machine or Machine())
    run.train(progress)
    if processes.main:
        export(run.policy, out / "model", _note(recipe, run.total))
    processes.wait()
    return out / "model"


class _Run:
    """One run, from its last checkpoint to the end."""

    def __init__(self, recipe: Recipe, out: Path, processes: Processes, machine: Machine) -> None:
        assert recipe.data.benchmark is not None
        self.recipe, self.out, self.processes, self.machine = recipe, out, processes, machine
        bench = Benchmark.open(recipe.data.benchmark)
        self.rows = chosen_rows(bench, recipe.data, recipe.seed)
        self.total = total_steps(recipe, len(self.rows))
        self.policy = load_policy(recipe.model, recipe.data, processes.device)
        self.named = trainable_parameters(self.policy)
        self.optimiser = make_optimiser(self.named, recipe.optimiser)
        self.stream = _stream(bench, self.rows, self.policy, recipe, machine)
        keys = [Key(row.source, row.task) for row in self.rows]
        self.order = DataOrder.of(keys, recipe.data, recipe.seed)
        self.parts = {"rows": rows_digest(self.rows)}
        self.state = self._begin()

    def _begin(self) -> checkpoints.RunState:
        """From the newest checkpoint, or from the start."""
        found = checkpoints.latest(self.out)
        if found is None:
            self.out.mkdir(parents=True, exist_ok=True)
            if self.processes.main:
                write_recipe(self.recipe, self.out / checkpoints.RECIPE)
            return checkpoints.RunState(0, 0, self.parts)
        state = checkpoints.load(found, self.policy, self.optimiser, self.recipe, self.processes)
        if state.parts.get("rows") != self.parts["rows"]:
            seen = f"{self.recipe.data.benchmark} doesn't hold the rows that the run in {self.out} began with."
            raise MedVidBenchError(seen, "the same benchmark", "another folder for a new run")
        return state

    def train(self, progress: StepDone | None) -> None:
        """All steps that are left."""
        if self.state.step >= self.total:
            return
        log = RunLog(self.out, self.state.step) if self.processes.main else None
        with Prefetched(self._steps(), AHEAD) as ready:
            for step in range(self.state.step, self.total):
                began, waited = time.monotonic(), ready.waited
                line = self._step(step, next(ready))
                line |= {"seconds": time.monotonic() - began, "waited": ready.waited - waited}
                if log is not None:
                    log.write(line)
                if progress is not None and self.processes.main:
                    progress(line, self.total)
                self._save(step + 1)

    def _save(self, done: int) -> None:
        if done % self.recipe.save_every and done != self.total:
            return
        state = checkpoints.RunState(done, done * self.recipe.batch_size, self.parts)
        checkpoints.save(self.out, state, self.policy, self.optimiser, self.recipe, self.processes)

    def _steps(self) -> Iterator[StepRows]:
        """This process' rows of each step that is left, made ready in another thread."""
        size, rank, count = self.recipe.batch_size, self.processes.rank, self.processes.count
        steps = range(self.state.step, self.total)
        first = self.state.cursor - self.state.step * size
        shares = [share(self.order.batch(first + step * size, size), rank, count) for step in steps]
        examples = self.stream.stream(number for numbers in shares for number in numbers)
        for numbers in shares:
            found = list(islice(examples, len(numbers)))
            good = [item for item in found if isinstance(item, Example)]
            batches = micro_batches(good, self.policy.pad, self.policy.video_token, self.machine.micro_tokens)
            yield StepRows(batches, [item for item in found if isinstance(item, LeftOut)])

    def _step(self, step: int, mine: StepRows) -> dict[str, Any]:
        """One optimiser step; the line of the log without its times."""
        rate = learning_rate(step, self.total, self.recipe.optimiser)
        set_rate(self.optimiser, rate)
        own = sum(len(example.answer_ids) for batch in mine.batches for example in batch.examples)
        tokens = sum(self.processes.gathered(own))
        tally = self._backward(mine.batches, tokens)
        left_out = [item for items in self.processes.gathered(mine.left_out) for item in items]
        norm = self._update(step) if tokens else None
        return {
            "step": step + 1,
            "loss": sum(tally.loss.values()) / tokens if tokens else None,
            "lr": rate,
            "grad_norm": norm,
            "tokens": tokens,
            "rows": sum(tally.rows.values()),
            "left_out": [{"sample_id": item.sample_id, "key": str(item.key), "why": item.why} for item in left_out],
            "keys": {
                str(key): {
                    "loss": tally.loss[key] / tally.tokens[key],
                    "tokens": tally.tokens[key],
                    "rows": tally.rows[key],
                }
                for key in sorted(tally.rows)
            },
        }

    def _backward(self, batches: Sequence[MicroBatch], tokens: int) -> Tally:
        """Gradients of the step's mean loss, in this process; the tally is that of all."""
        tally = Tally()
        for batch in batches:
            moved = batch.to(self.policy.device)
            with self.policy.computing():
                losses = answer_losses(self.policy.model, moved)
            torch.autograd.backward(losses.sum() / tokens)
            tally.add(batch.examples, losses.detach().tolist())
        whole = Tally()
        for other in self.processes.gathered(tally):
            whole.merge(other)
        return whole

    def _update(self, step: int) -> float:
        parameters = [parameter for _, parameter in self.named]
        self.processes.sum_gradients(parameters)
        norm = clip_gradients(parameters, self.recipe.optimiser.max_grad_norm)
        if not math.isfinite(norm):
            seen = f"The gradient of step {step + 1} is {norm}."
            raise MedVidBenchError(seen, remedy="a lower learning rate; the last checkpoint is whole")
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return norm


def _stream(
    bench: Benchmark, rows: Sequence[Sample], policy: Policy, recipe: Recipe, machine: Machine
) -> ExampleStream:
    maker = ExampleMaker(bench, policy.prompter, recipe.data, machine.frame_cache, policy.longest)
    return ExampleStream(rows, maker, PreparedPrompts(machine.prepared, policy.prompter), machine.workers)


def total_steps(recipe: Recipe, rows: int) -> int:
    """The recipe's steps, or those of its epochs: `ceil(epochs * rows / batch_size)`."""
    if recipe.steps is not None:
        return recipe.steps
    assert recipe.epochs is not None
    return max(1, math.ceil(recipe.epochs * rows / recipe.batch_size))


def _note(recipe: Recipe, steps: int) -> str:
    return f"Fine-tuned from {recipe.model.path} by the medvidbench recipe {recipe.name}, {steps} steps.\n"
