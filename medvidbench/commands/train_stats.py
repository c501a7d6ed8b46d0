"""`medvidbench train stats`: the reward quartiles of the model that reinforcement starts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medvidbench.commands.common import console_of


def run(
    recipe_name: str,
    benchmark: Path | None,
    out: Path,
    changes: Sequence[str] = (),
    *,
    model: str | None = None,
    samples: int | None = None,
    frame_cache: Path | None = None,
    prepared: Path | None = None,
    workers: int | None = None,
    rollout_prompts: int | None = None,
    max_cost: float | None = None,
) -> None:
    """Asks the recipe's model a sample of its training rows, and writes quartiles, table and pictures.

    Args:
        recipe_name: of a recipe of the kind grpo that ships, or a .yaml file.
        benchmark: in place of the recipe's.
        out: folder of the run; the same command goes on with what is there.
        changes: "grpo.temperature=0.7", ...: keys of the recipe with other values.
        model: in place of the recipe's.
        samples: prompts of each source and task.
        frame_cache, prepared: BENCH.frames and BENCH.prepared when left out.
        rollout_prompts, max_cost: of the machine, see `medvidbench.training.machine.Machine`.

    Raises:
        MedVidBenchError: see `medvidbench.training.stats.run_stats`.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from medvidbench.commands.train import chosen_recipe, machine_of

    recipe = chosen_recipe(recipe_name, "grpo", benchmark, changes, model)
    from medvidbench.training.stats import SAMPLES, run_stats

    machine = machine_of(
        recipe, frame_cache, prepared, workers=workers, rollout_prompts=rollout_prompts, max_cost=max_cost
    )
    columns = (TextColumn("Prompts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("", total=None)
        found = run_stats(
            recipe,
            out,
            samples=SAMPLES if samples is None else samples,
            machine=machine,
            progress=lambda done, total: bar.update(line, completed=done, total=total),
        )
    console = console_of()
    for own in found.statistics.parts:
        if own.source is not None:
            quartiles = f"p25 {own.p25:.3f}  p50 {own.p50:.3f}  p75 {own.p75:.3f}"
            console.print(f"{own.source}/{own.task} {own.part}: {quartiles}  ({own.n} rewards)", highlight=False)
    if found.left_out:
        first = next(iter(found.left_out.values()))
        console.print(f"{len(found.left_out)} prompts have no rewards, the first because: {first}", markup=False)
    if found.note:
        console.print(found.note, markup=False, highlight=False)
    console.print(f"Statistics: {found.path} (rewards.statistics of the recipe)", markup=False, highlight=False)
