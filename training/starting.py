"""What runs of both kinds begin with: their rows as examples, where they stand, what they say about themselves."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from medvidbench.benchmark import MANIFEST, Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.records import Sample
from medvidbench.training import checkpoints
from medvidbench.training.examples import ExampleMaker, rows_digest
from medvidbench.training.machine import Machine
from medvidbench.training.policy import Policy
from medvidbench.training.prepared import PreparedPrompts
from medvidbench.training.processes import Processes
from medvidbench.training.recipe import DataPart, Recipe, write_recipe
from medvidbench.training.run_facts import RunFacts, now
from medvidbench.training.stream import ExampleStream

PACKAGES = ("medvidbench", "torch", "transformers", "accelerate", "safetensors", "numpy")


def example_stream(
    bench: Benchmark, rows: Sequence[Sample], policy: Policy, recipe: Recipe, machine: Machine
) -> ExampleStream:
    """The rows as the policy's examples, decoded and kept where the machine says."""
    return rows_stream(bench, rows, policy, recipe.data, machine)


def rows_stream(
    bench: Benchmark, rows: Sequence[Sample], policy: Policy, data: DataPart, machine: Machine
) -> ExampleStream:
    """The same, where no recipe says how frames are shown."""
    maker = ExampleMaker(bench, policy.prompter, data, machine.frame_cache, policy.longest)
    return ExampleStream(rows, maker, PreparedPrompts(machine.prepared, policy.prompter), machine.workers)


def begin(
    out: Path,
    rows: Sequence[Sample],
    policy: Policy,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    processes: Processes,
) -> checkpoints.RunState:
    """The state of the newest checkpoint, put into policy, optimiser and generators; or of step 0.

    Raises:
        MedVidBenchError: see `checkpoints.load`; the benchmark doesn't hold the rows that the run began with.
    """
    parts = {"rows": rows_digest(rows)}
    found = checkpoints.latest(out)
    processes.wait()
    if found is None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            if processes.main:
                write_recipe(recipe, out / checkpoints.RECIPE)
        except OSError as error:
            raise MedVidBenchError(
                f"{out} can't be written to: {error.strerror}.", "a folder, new or of a run"
            ) from error
        return checkpoints.RunState(0, 0, parts)
    state = checkpoints.load(found, policy, optimiser, recipe, processes)
    if state.parts.get("rows") != parts["rows"]:
        seen = f"{recipe.data.benchmark} doesn't hold the rows that the run in {out} began with."
        raise MedVidBenchError(seen, "the same benchmark", "another folder for a new run")
    return state


def run_facts(recipe: Recipe, bench: Benchmark, policy: Policy, processes: Processes, steps: int) -> RunFacts:
    """What the run is; without an ending."""
    return RunFacts(
        kind=recipe.kind,
        recipe=recipe.name,
        steps=steps,
        device=policy.device,
        dtype=policy.dtype,
        processes=processes.count,
        model=recipe.model.path,
        revision=policy.checkpoint.revision,
        benchmark=str(bench.path),
        benchmark_id=file_sha256(bench.path / MANIFEST),
        synthetic=bool(bench.manifest.get("synthetic")),
        versions={name: version(name) for name in PACKAGES},
        started=now(),
    )
