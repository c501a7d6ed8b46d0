"""What runs of both kinds begin with: their rows as examples, where they stand, what they say about themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from medvidbench.training.recipe import DataPart, Recipe
from medvidbench.training.recipe_files import write_recipe
from medvidbench.training.run_facts import FACTS, RunFacts, now
from medvidbench.training.steps import Skipped
from medvidbench.training.stream import ExampleStream

PACKAGES = ("medvidbench", "torch", "transformers", "accelerate", "safetensors", "numpy")
SOON = 20
"""Steps after which something is amiss if no row could be shown."""
OTHERS = {"rows": "training rows of the benchmark", "statistics": "reward statistics"}
"""What a run is bound to beside its model and recipe, in words."""


class Shown:
    """Stops a run that learns nothing, because none of its rows can be shown: a benchmark whose videos were moved.

    Args:
        begun: steps that earlier starts of the run have done.
    """

    def __init__(self, begun: int) -> None:
        self._begun, self._steps, self._rows, self._why = begun, 0, 0, ""

    def add(self, rows: int, skipped: Sequence[Skipped], last: bool) -> None:
        """One step of this start, over all processes.

        Args:
            rows: that were shown.
            last: whether it ends the run.

        Raises:
            MedVidBenchError: there was none in the first `SOON` steps of this start, or in the whole run.
        """
        self._steps, self._rows = self._steps + 1, self._rows + rows
        self._why = self._why or (skipped[0].why if skipped else "")
        if not self._rows and (self._steps == SOON or (last and not self._begun)):
            raise MedVidBenchError(
                f"No row of {self._steps} steps could be shown. The first one: {self._why}",
                remedy="a benchmark names its videos by full path: build it anew if they were moved",
            )


@contextmanager
def alone_in(out: Path, main: bool) -> Iterator[None]:
    """Holds the folder of a run, so that no second one writes into it; the system lets go of it when the process ends.

    Args:
        main: whether this process is the one that writes.

    Raises:
        MedVidBenchError: another process holds it, or it can't be written to.
    """
    if not main:
        yield
        return
    import fcntl

    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / ".lock").open("w")
    except OSError as error:
        raise MedVidBenchError(f"{out} can't be written to: {error.strerror}.", "a folder, new or of a run") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            seen = f"Another process is training in {out}."
            raise MedVidBenchError(seen, remedy="wait until it has ended, or another folder") from error
        yield


def example_stream(
    bench: Benchmark, rows: Sequence[Sample], policy: Policy, data: DataPart, machine: Machine
) -> ExampleStream:
    """The rows as the policy's examples, decoded and kept where the machine says."""
    maker = ExampleMaker(bench, policy.prompter, data, machine.frame_cache, policy.longest)
    return ExampleStream(rows, maker, PreparedPrompts(machine.prepared, policy.prompter), machine.workers)


def begin(
    out: Path,
    rows: Sequence[Sample],
    policy: Policy,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    processes: Processes,
    statistics: str = "",
) -> checkpoints.RunState:
    """The state of the newest checkpoint, put into policy, optimiser and generators; or of step 0.

    Args:
        statistics: SHA-256 of the file of reward statistics, "" without one.

    Raises:
        MedVidBenchError: see `checkpoints.load`; rows or statistics are not those that the run began with; the folder
            holds a model that isn't a run's; processes don't see the same folder.
    """
    parts = {"rows": rows_digest(rows), "statistics": statistics}
    found = checkpoints.latest(out)
    _check_seen(out, found, processes)
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
    for name, digest in parts.items():
        if state.parts.get(name, "") != digest:
            seen = f"The {OTHERS[name]} are not those that the run in {out} began with."
            raise MedVidBenchError(seen, f"the same {OTHERS[name]}", "another folder for a new run")
    return state


def _check_seen(out: Path, found: Path | None, processes: Processes) -> None:
    """That all processes see one folder, and that nothing of the user's would be replaced in it."""
    foreign = found is None and (out / "model").exists() and not (out / FACTS).exists()
    seen = processes.gathered((None if found is None else found.name, foreign))  # also waits for all to have looked
    if any(foreign for _, foreign in seen):
        raise MedVidBenchError(f"{out} holds a model that is no run's.", "a folder that is new or of a run")
    if len({name for name, _ in seen}) > 1:
        names = ", ".join(str(name) for name, _ in seen)
        raise MedVidBenchError(f"The processes see other checkpoints in {out}: {names}.", "one folder that all share")


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
