"""What the tests of fine-tuning share: a small benchmark, a recipe for a tiny model, the parts of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvidbench.benchmark import Benchmark
from medvidbench.curation.build import build
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.validate import ValidationSettings
from medvidbench.records import Sample
from medvidbench.synthetic.layouts import write_layout
from medvidbench.training.examples import ExampleMaker, chosen_rows
from medvidbench.training.machine import Machine
from medvidbench.training.order import DataOrder
from medvidbench.training.policy import Policy, load_policy
from medvidbench.training.prepared import PreparedPrompts
from medvidbench.training.recipe import DataPart, Recipe
from medvidbench.training.recipe_files import load_recipe
from medvidbench.training.rows import Key
from medvidbench.training.sft import run_sft
from medvidbench.training.steps import SftStep
from medvidbench.training.stream import ExampleStream

LAYOUTS = ("cholect50", "nurvid")
"""One source of frame files, one of videos."""
SMALL = DataPart(frames=3, max_pixels=8 * 784)


def small_training_benchmark(folder: Path, layouts: Sequence[str] = LAYOUTS) -> Path:
    """Two simulated sources, one recording of each in training: 17 rows of four tasks."""
    for key in layouts:
        write_layout(key, folder / "raw" / key, recordings=2, seconds=20, seed=1)
    settings = BuildSettings(
        test_share=0.5, validation=ValidationSettings(method="ngram"), workers=1, plan="balanced", per_task=8
    )
    build([(key, folder / "raw" / key) for key in layouts], folder / "bench", settings)
    return folder / "bench"


def sft_recipe(bench: Path, model: Path, **changes: Any) -> Recipe:
    """Three frames of eight tokens, two rows a step. Dots of a key are written as two underscores."""
    put = {
        "model.path": str(model),
        "model.device": "cpu",
        "data.benchmark": str(bench),
        "data.frames": 3,
        "data.max_pixels": 8 * 784,
        "batch_size": 2,
        "steps": 4,
        "save_every": 2,
    }
    return load_recipe("tiny-sft", put | {key.replace("__", "."): value for key, value in changes.items()})


def run(recipe: Recipe, out: Path, prepared: Path | None = None, **options: Any) -> list[SftStep]:
    """The steps that were done; clips are decoded in this process."""
    steps: list[SftStep] = []

    def told(step: SftStep, total: int) -> None:
        steps.append(step)

    run_sft(recipe, out, machine=Machine(prepared=prepared, workers=0), progress=told, **options)
    return steps


@dataclass
class Parts:
    """Rows of a benchmark, and what makes examples of them for a tiny model."""

    bench: Benchmark
    policy: Policy
    data: DataPart = field(default_factory=lambda: SMALL)

    def maker(self, **options: Any) -> ExampleMaker:
        return ExampleMaker(self.bench, self.policy.prompter, self.data, **options)

    def rows(self) -> list[Sample]:
        return chosen_rows(self.bench, self.data, seed=0)

    def stream(self, rows: list[Sample], prepared: Path | None = None, workers: int = 0) -> ExampleStream:
        return ExampleStream(rows, self.maker(), PreparedPrompts(prepared, self.policy.prompter), workers)


def parts_of(bench: Path, model: Path, data: DataPart = SMALL) -> Parts:
    recipe = sft_recipe(bench, model)
    return Parts(Benchmark.open(bench), load_policy(recipe.model, data), data)


def order_of(rows: list[Sample], **options: Any) -> DataOrder:
    return DataOrder([Key(row.source, row.task) for row in rows], **options)
