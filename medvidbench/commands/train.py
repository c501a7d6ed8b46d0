"""`medvidbench train sft`, and what the training commands share."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError, missing_extra

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.training.machine import Machine
    from medvidbench.training.recipe import Kind, Recipe
    from medvidbench.training.steps import GrpoStep, SftStep


def sft(
    recipe_name: str,
    benchmark: Path | None,
    out: Path,
    changes: Sequence[str] = (),
    *,
    model: str | None = None,
    resume: bool = True,
    frame_cache: Path | None = None,
    prepared: Path | None = None,
    workers: int | None = None,
    micro_tokens: int | None = None,
) -> None:
    """Fine-tunes a model on a benchmark's training rows, and says where it is and what to do with it.

    Args:
        recipe_name: of one that ships, or a .yaml file.
        benchmark, model: in place of the recipe's.
        changes: "optimiser.lr=1e-5", ...: keys of the recipe with other values.
        frame_cache, prepared: BENCH.frames and BENCH.prepared when left out.

    Raises:
        MedVidBenchError: see `medvidbench.training.sft.run_sft`.
    """
    from rich.console import Console

    recipe = chosen_recipe(recipe_name, "sft", benchmark, changes, model)
    from medvidbench.training.sft import run_sft

    machine = machine_of(recipe, frame_cache, prepared, workers=workers, micro_tokens=micro_tokens)
    with StepBar("Fine-tuning", Console(stderr=True)) as bar:
        folder = run_sft(recipe, out, resume=resume, progress=bar.say, machine=machine)
    if bar.last:
        print(f"{bar.last}. Log: {out / 'log.jsonl'}")  # noqa: T201
    print(f"Model: {folder}\nAsk it: medvidbench eval --model hf:{folder} --data {recipe.data.benchmark} --out RUN")  # noqa: T201


def chosen_recipe(
    name: str,
    kind: Kind,
    benchmark: Path | None,
    changes: Sequence[str],
    model: str | None = None,
    statistics: Path | None = None,
) -> Recipe:
    """The recipe with the command line's changes; of two values for a key the one by its name wins.

    Raises:
        MedVidBenchError: no such recipe or key, another kind, no benchmark, or what training needs isn't installed.
    """
    from medvidbench.training.recipe_files import load_recipe

    for package in ("torch", "transformers", "accelerate"):
        if find_spec(package) is None:
            raise missing_extra(package, "video,hf,train", "Training")
    said = {"model.path": model, "rewards.statistics": statistics, "data.benchmark": benchmark}
    put = {key: str(value) for key, value in said.items() if value is not None} | parse_changes(changes)
    recipe = load_recipe(name, put)
    if recipe.kind != kind:
        raise MedVidBenchError(f"The recipe {name} is of the kind {recipe.kind}.", f"a recipe of the kind {kind}")
    if recipe.data.benchmark is None:
        raise MedVidBenchError(f"The recipe {name} names no benchmark.", "--data FOLDER, or data.benchmark in it")
    return recipe


def parse_changes(changes: Sequence[str]) -> dict[str, Any]:
    """["optimiser.lr=1e-5", "model.lora={rank: 8}"] as keys and YAML values; "1e-5" is a number here.

    Raises:
        MedVidBenchError: no "=", or a value that is not YAML.
    """
    import yaml  # type: ignore[import-untyped,unused-ignore]

    found: dict[str, Any] = {}
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign or not key.strip():
            raise MedVidBenchError(f"{change!r} is not KEY=VALUE.", "e.g. optimiser.lr=1e-5")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise MedVidBenchError(f"The value of {key} is not YAML: {error}.", "e.g. optimiser.lr=1e-5") from error
        found[key.strip()] = _as_number(value)
    return found


def _as_number(value: Any) -> Any:
    """YAML 1.1 takes 1e-5, without a point, for text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def machine_of(
    recipe: Recipe,
    frame_cache: Path | None = None,
    prepared: Path | None = None,
    *,
    workers: int | None = None,
    micro_tokens: int | None = None,
    rollout_prompts: int | None = None,
    rollout_memory: float | None = None,
    rollout_server: str | None = None,
    rollout_weights: Path | None = None,
    max_cost: float | None = None,
) -> Machine:
    """Caches beside the benchmark, where `medvidbench eval` has its own too, and what was given of the machine; its
    usual values where None is."""
    from medvidbench.training.machine import Machine

    bench = recipe.data.benchmark
    assert bench is not None
    given: dict[str, Any] = {
        "workers": workers,
        "micro_tokens": micro_tokens,
        "rollout_prompts": rollout_prompts,
        "rollout_memory": rollout_memory,
        "rollout_server": rollout_server,
        "rollout_weights": rollout_weights,
        "max_cost": max_cost,
    }
    return Machine(
        frame_cache=frame_cache or bench.with_name(f"{bench.name}.frames"),
        prepared=prepared or bench.with_name(f"{bench.name}.prepared"),
        **{name: value for name, value in given.items() if value is not None},
    )


class StepBar:
    """One line: how far, how long yet, what the last step said."""

    def __init__(self, title: str, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, TextColumn("{task.description}"), console=console, transient=True)
        self._bar = self._progress.add_task("loading", total=None)
        self.last = ""

    def __enter__(self) -> StepBar:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def say(self, step: SftStep | GrpoStep, total: int) -> None:
        """Moves the bar."""
        loss = "no loss" if step.loss is None else f"loss {step.loss:.4f}"
        skipped = f", {len(step.skipped)} rows left out" if step.skipped else ""
        self.last = f"Step {step.step} of {total}: {loss}, {sum(step.seconds.values()):.2f} s{skipped}"
        self._progress.update(self._bar, total=total, completed=step.step, description=self.last.partition(": ")[2])
