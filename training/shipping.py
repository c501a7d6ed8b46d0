"""The small model that ships, from nothing, in one command: simulate, build, begin, teach to see, fine-tune,
measure, describe.

    python -m medvidbench.training.shipping --out FOLDER [--work FOLDER]
    torchrun --standalone --nproc-per-node 2 -m medvidbench.training.shipping --out FOLDER [--work FOLDER]

Two processes of one thread train so small a model in nearly half the time of one with two threads. Every stage leaves
its result in the work folder whole or not at all, and training leaves checkpoints: after a kill the same command goes
on where it was, and comes to the same weights. Training and held-out recordings are simulated with different seeds, so
no recording of one is in the other.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path

from medvidbench.benchmark import MANIFEST, Benchmark
from medvidbench.training.machine import Machine
from medvidbench.training.processes import Processes
from medvidbench.training.shipping_plan import Plan, Simulation
from medvidbench.training.steps import SftStep

SHIPPED = Path(str(files("medvidbench.models"))) / "shipped" / "tiny-surgery"
"""Where the model lies in the package."""
ROWS_READ = 150
"""Rows of each source and task that the tokenizer is learned from."""
SIGHT = "sight"
"""The stage in which the vision tower is trained."""
Say = Callable[[str], object]


def trained_model(work: Path, plan: Plan, processes: Processes, say: Say = print) -> Path:
    """The folder of the trained model, in bfloat16; what is already in `work` is taken from there. Where several
    processes were launched all of them call this, and train together.

    Raises:
        MedVidBenchError: see `medvidbench.training.sft.run_sft`; the work folder holds another plan's run.
    """
    from medvidbench.training.recipe_files import load_recipe
    from medvidbench.training.sft import run_sft
    from medvidbench.training.shipping_sight import aligned
    from medvidbench.training.shipping_start import stream_parts

    bench, model = work / "train", work / "start"
    if processes.main:
        simulated(bench, plan.training, plan.layouts, say)
        _start(model, bench, plan.sight.seed)
    processes.wait()
    parts = stream_parts(plan.sight.seed)
    machine = Machine(prepared=work / "prepared")
    model = aligned(model, work / SIGHT, bench, plan.sight, parts, machine, processes, say)
    recipe = load_recipe(plan.tuning, plan.keys(model, bench))
    return run_sft(recipe, work / plan.stage, progress=partial(_told, say), machine=machine)


def _told(say: Say, done: SftStep, total: int) -> None:
    if done.step % 20 == 0 and done.loss is not None:
        say(f"fine-tuning: step {done.step} of {total}, loss {done.loss:.3f}")


def simulated(folder: Path, simulation: Simulation, layouts: tuple[str, ...] | None, say: Say = print) -> None:
    """The benchmark in `folder`, with its raw data in `FOLDER-raw`; made where it isn't there."""
    from medvidbench.curation.build import build
    from medvidbench.curation.settings import BuildSettings
    from medvidbench.synthetic.layouts import LAYOUT_KEYS, write_all

    keys = layouts or LAYOUT_KEYS
    raw = folder.with_name(f"{folder.name}-raw")
    if not raw.exists():
        counts = simulation.counts(keys)
        say(f"Simulating {sum(counts.values())} recordings in {len(keys)} layouts.")
        part = raw.with_name(f".{raw.name}.part")  # a simulation that was stopped leaves this, and it is drawn anew
        shutil.rmtree(part, ignore_errors=True)
        write_all(part, counts, simulation.seconds, simulation.seed, keys=keys, drawn=simulation.drawn)
        part.rename(raw)
    if not (folder / MANIFEST).is_file():
        say(f"Building {folder}.")
        settings = BuildSettings(seed=simulation.seed, test_share=simulation.test_share, overwrite=folder.exists())
        build([(key, raw / key) for key in keys], folder, settings)


def _start(folder: Path, bench: Path, seed: int) -> None:
    """The checkpoint that training begins with; its tokenizer is learned from the training rows."""
    from medvidbench.training.shipping_start import build_start

    if not folder.is_dir():
        part = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        build_start(part, _texts(Benchmark.open(bench)), seed)
        part.rename(folder)


def _texts(bench: Benchmark) -> Iterator[str]:
    """Questions and answers, of each source and task as many, so that the words of rare tasks become tokens too."""
    taken: Counter[tuple[str, str]] = Counter()
    for row in bench.samples("train"):
        taken[row.source, row.task] += 1
        if taken[row.source, row.task] <= ROWS_READ:
            yield row.question
            yield row.answer or ""


if __name__ == "__main__":
    from medvidbench.training.shipping_card import main

    main()
