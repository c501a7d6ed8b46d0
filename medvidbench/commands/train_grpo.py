"""`medvidbench train grpo`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medvidbench.training.machine import Machine


def run(
    recipe_name: str,
    benchmark: Path | None,
    out: Path,
    changes: Sequence[str] = (),
    *,
    model: str | None = None,
    statistics: Path | None = None,
    resume: bool = True,
    workers: int | None = None,
    prepared: Path | None = None,
    frame_cache: Path | None = None,
    rollout_prompts: int | None = None,
    rollout_memory: float | None = None,
    rollout_server: str | None = None,
    rollout_weights: Path | None = None,
    max_cost: float | None = None,
) -> None:
    """Improves a model by reinforcement on a benchmark's training rows, and says where it is.

    Args:
        recipe_name: of one that ships, or a .yaml file.
        model, statistics: in place of the recipe's.
        rollout_prompts, rollout_memory, rollout_server, rollout_weights, max_cost: of the machine, see
            `medvidbench.training.machine.Machine`.

    Raises:
        MedVidBenchError: see `medvidbench.training.grpo.run_grpo`.
    """
    from rich.console import Console

    from medvidbench.commands.train import StepBar, chosen_recipe, machine_of

    recipe = chosen_recipe(recipe_name, "grpo", benchmark, changes, model, statistics)
    from medvidbench.training.grpo import run_grpo

    machine: Machine = machine_of(
        recipe,
        frame_cache,
        prepared,
        workers=workers,
        rollout_prompts=rollout_prompts,
        rollout_memory=rollout_memory,
        rollout_server=rollout_server,
        rollout_weights=rollout_weights,
        max_cost=max_cost,
    )
    with StepBar("Reinforcing", Console(stderr=True)) as bar:
        folder = run_grpo(recipe, out, resume=resume, progress=bar.say, machine=machine)
    if bar.last:
        print(f"{bar.last}. Log: {out / 'log.jsonl'}")  # noqa: T201
    print(  # noqa: T201
        f"Model: {folder}\nWatch it: medvidbench train report {out}\n"
        f"Ask it: medvidbench eval --model hf:{folder} --data {recipe.data.benchmark} --out RUN"
    )
