"""Options of the commands that train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medvidbench.cli.options import TRAINING, app

train_app = typer.Typer(help="Fine-tune a Qwen2.5-VL: sft, stats, grpo, report.", no_args_is_help=True)

Recipe = Annotated[str, typer.Argument(help="Name of a recipe that ships (see `train recipes`), or a .yaml file.")]
Data = Annotated[Path | None, typer.Option(help="Benchmark folder; the recipe's own when left out.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run. An unfinished run in it goes on.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Another value for a key, e.g. optimiser.lr=1e-6. Repeatable.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Refuse a folder that holds a run.")]
MaxCost = Annotated[
    float | None, typer.Option(min=0, help="Dollars that a paid judge may cost in this folder in all; then it stops.")
]
RolloutPrompts = Annotated[int | None, typer.Option(min=1, help="Prompts whose completions are sampled together.")]
Workers = Annotated[int | None, typer.Option(min=0, help="Processes that decode video.")]
Prepared = Annotated[Path | None, typer.Option(help="Folder of prepared prompts; DATA.prepared when left out.")]
Frames = Annotated[Path | None, typer.Option(help="Folder of decoded frames; DATA.frames when left out.")]


@train_app.command()
def sft(
    recipe: Recipe,
    out: Out,
    data: Data = None,
    model: Annotated[str | None, typer.Option(help="Model to fine-tune; the recipe's own when left out.")] = None,
    changes: Set = None,
    fresh: Fresh = False,
    workers: Workers = None,
    prepared: Prepared = None,
    frame_cache: Frames = None,
    micro_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of one forward at most: bounds the memory.")
    ] = None,
) -> None:
    """Supervised fine-tuning on a benchmark's training rows."""
    from medvidbench.commands.train import sft as run

    run(
        recipe,
        data,
        out,
        changes or (),
        model=model,
        resume=not fresh,
        frame_cache=frame_cache,
        prepared=prepared,
        workers=workers,
        micro_tokens=micro_tokens,
    )


@train_app.command()
def stats(
    recipe: Recipe,
    out: Out,
    data: Data = None,
    model: Annotated[str | None, typer.Option(help="The SFT model; the recipe's own when left out.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Prompts of each source and task.")] = None,
    changes: Set = None,
    workers: Workers = None,
    prepared: Prepared = None,
    frame_cache: Frames = None,
    rollout_prompts: RolloutPrompts = None,
    max_cost: MaxCost = None,
) -> None:
    """Quartiles of the raw rewards of the model that reinforcement starts from, by source and task."""
    from medvidbench.commands.train_stats import run

    run(
        recipe,
        data,
        out,
        changes or (),
        model=model,
        samples=samples,
        frame_cache=frame_cache,
        prepared=prepared,
        workers=workers,
        rollout_prompts=rollout_prompts,
        max_cost=max_cost,
    )


@train_app.command()
def grpo(
    recipe: Recipe,
    out: Out,
    data: Data = None,
    model: Annotated[str | None, typer.Option(help="Checkpoint to start from; the recipe's own when left out.")] = None,
    statistics: Annotated[Path | None, typer.Option(help="File of `train stats`, for the normalisation.")] = None,
    changes: Set = None,
    fresh: Fresh = False,
    workers: Workers = None,
    prepared: Prepared = None,
    frame_cache: Frames = None,
    rollout_prompts: RolloutPrompts = None,
    rollout_memory: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="Share of a GPU's memory for vLLM's rollouts.")
    ] = None,
    rollout_server: Annotated[
        str | None, typer.Option(metavar="URL", help="vLLM server that draws completions, for grpo.rollouts=vllm.")
    ] = None,
    rollout_weights: Annotated[
        Path | None, typer.Option(help="Folder that the server sees too, for weights on their way; OUT when left out.")
    ] = None,
    max_cost: MaxCost = None,
) -> None:
    """Reinforcement: MedGRPO, or another of ten methods, chosen in the recipe."""
    from medvidbench.commands.train_grpo import run

    run(
        recipe,
        data,
        out,
        changes or (),
        model=model,
        statistics=statistics,
        resume=not fresh,
        workers=workers,
        prepared=prepared,
        frame_cache=frame_cache,
        rollout_prompts=rollout_prompts,
        rollout_memory=rollout_memory,
        rollout_server=rollout_server,
        rollout_weights=rollout_weights,
        max_cost=max_cost,
    )


@train_app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folder of a run; several of one kind are shown side by side.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="HTML file; RUN/report.html when left out.")] = None,
) -> None:
    """A page of how a run goes, or went: rewards, gradient share, entropy, lengths, completions."""
    from medvidbench.commands.train_report import run

    run(runs, out)


@train_app.command()
def recipes() -> None:
    """The recipes that ship."""
    from medvidbench.commands.train_recipes import run

    run()


@train_app.command()
def rewards(
    data: Annotated[Path, typer.Option(help="Benchmark folder.")],
    rows: Annotated[int, typer.Option(min=1, help="Training questions of each task.")] = 6,
) -> None:
    """What answers that don't look at the video would earn: reward beside metric, task by task."""
    from medvidbench.commands.train_rewards import run

    run(data, rows)


@train_app.command()
def methods() -> None:
    """The methods of `train grpo`: source, formula, and what differs from public implementations."""
    from medvidbench.training.methods.table import methods_table

    typer.echo(methods_table())


app.add_typer(train_app, name="train", rich_help_panel=TRAINING)
