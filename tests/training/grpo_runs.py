"""What the tests of the GRPO loop share; as a program it does one run and says each step, for tests that kill it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch

from medvidbench.training.grpo import run_grpo
from medvidbench.training.machine import Machine
from medvidbench.training.recipe import Recipe
from medvidbench.training.recipe_files import load_recipe
from medvidbench.training.steps import GrpoStep


def grpo_recipe(bench: Path, model: Path, **changes: Any) -> Recipe:
    """Two prompts a step, three completions of at most 6 tokens; raw rewards. "__" stands for a dot."""
    put: dict[str, Any] = {
        "model.path": str(model),
        "model.freeze_vision": False,
        "data.benchmark": str(bench),
        "data.frames": 3,
        "data.max_pixels": 8 * 784,
        "data.tasks": ["TAG", "VS"],
        "batch_size": 2,
        "steps": 4,
        "save_every": 2,
        "optimiser.lr": 1e-3,
        "rewards.normalisation": "none",
        "rewards.functions": ["grpo_runs:even_ids"],
        "grpo.group_size": 3,
        "grpo.max_new_tokens": 6,
        "grpo.updates": 2,
        "alarms.parse_below": None,
        "alarms.truncated_above": None,
    }
    return load_recipe("tiny-grpo", put | {key.replace("__", "."): value for key, value in changes.items()})


def even_ids(prompts: Any, completions: Any, completion_ids: Any, **columns: Any) -> list[float | None]:
    """Share of a completion's tokens with an even id: a random model earns more or less of it, unlike an IoU."""
    return [sum(token % 2 == 0 for token in ids) / max(1, len(ids)) for ids in completion_ids]


def run(recipe: Recipe, out: Path, *, server: str | None = None, **options: Any) -> list[GrpoStep]:
    """The steps that were done; clips are decoded in this process."""
    torch.set_num_threads(1)
    steps: list[GrpoStep] = []
    machine = Machine(workers=0, rollout_server=server)
    run_grpo(recipe, out, machine=machine, progress=lambda step, total: steps.append(step), **options)
    return steps


if __name__ == "__main__":
    bench, model, out, count = sys.argv[1:5]
    torch.set_num_threads(1)

    def say(step: GrpoStep, total: int) -> None:
        """A line a step, at once."""
        print(step.step, flush=True)
        if os.environ.get("DIE_AFTER") == str(step.step):
            os.kill(os.getpid(), 9)

    run_grpo(
        grpo_recipe(Path(bench), Path(model), batch_size=int(count)),
        Path(out),
        machine=Machine(workers=0),
        progress=say,
    )
