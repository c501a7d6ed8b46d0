"""The parts of the ablation: each leaves a folder that is whole, or goes on from its last checkpoint."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablation_arms import STATISTICS, Sizes, arm_changes

HERE = Path(__file__).resolve().parent
TASKS = ("TAG", "STG", "VS", "RC", "NAP", "CVS")
"""Asked of each model; the last two are never rewarded."""


def one_thread() -> None:
    """Makes this process one of several on the machine: called in each before torch is imported."""
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    os.chdir(HERE / "rewards")  # where the regimes' reward function lies


def make_data(out: Path, sizes: Sizes) -> None:
    """Simulated recordings and their benchmark."""
    from medvidbench.curation.build import build
    from medvidbench.curation.settings import BuildSettings
    from medvidbench.synthetic.layouts import write_all

    if (out / "bench" / "manifest.json").is_file():
        return
    shutil.rmtree(out / "raw", ignore_errors=True)
    write_all(out / "raw", sizes.recordings, sizes.seconds, 71, keys=sizes.layouts)
    named = [(key, out / "raw" / key) for key in sizes.layouts]
    build(named, out / "bench", BuildSettings(seed=71, test_share=0.4, overwrite=True))


def measure_start(out: Path, base: str, sizes: Sizes) -> None:
    """The statistics of the model at the start, for all kinds of rewards, and its own evaluation."""
    from medvidbench.training.stats import run_stats

    for name, rewards in STATISTICS.items():
        folder = out / "stats" / name
        if not (folder / "statistics.json").is_file():
            recipe = recipe_of(out, base, sizes, 0, rewards)
            run_stats(recipe, folder, samples=sizes.stats_rows, machine=machine_of(out))
    results = out / "runs" / "sft-0" / "results"
    if not (results / "results.json").is_file():
        evaluate(out, base, results, sizes)


def run_arm(out: Path, base: str, arm: str, seed: int, sizes: Sizes) -> str:
    """One arm with one seed, trained and evaluated; says how long it took, or why it failed."""
    from medvidbench.errors import MedVidBenchError
    from medvidbench.training.grpo import run_grpo

    folder, began = out / "runs" / f"{arm}-{seed}", time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        recipe = recipe_of(out, base, sizes, seed, arm_changes(arm, out / "stats"))
        model = run_grpo(recipe, folder, machine=machine_of(out))
        evaluate(out, f"hf:{model}", folder / "results", sizes)
    except MedVidBenchError as error:
        (folder / "failed.txt").write_text(f"{error}\n", encoding="utf-8")
        return f"{arm} seed {seed}: failed: {error}"
    for big in (model, *folder.glob("step-*")):
        shutil.rmtree(big)  # what the tables need is in the log and in the results
    return f"{arm} seed {seed}: {time.monotonic() - began:.0f} s"


def evaluate(out: Path, spec: str, results: Path, sizes: Sizes) -> None:
    """Greedy answers to the test rows, scored; frames and tokens as in training."""
    from medvidbench.evaluation.evaluate import EvalOptions
    from medvidbench.evaluation.evaluate import evaluate as ask
    from medvidbench.models.registry import ModelOptions, video_model

    options = EvalOptions(protocol="strict", tasks=TASKS, limit=sizes.test_rows, frame_cache=frames_of(out), workers=1)
    options = replace(options, settings=replace(options.settings, frames=sizes.frames, max_new_tokens=sizes.tokens))
    how = ModelOptions(device="cpu", dtype="float32", attention="eager", batch_size=16)
    with video_model(spec, options.settings, how) as model:
        ask(model, out / "bench", results, options)


def recipe_of(out: Path, base: str, sizes: Sizes, seed: int, *changes: dict[str, Any]) -> Any:
    """The recipe that all arms share, with what an arm changes."""
    from medvidbench.training.recipe_files import load_recipe

    put: dict[str, Any] = {"model.path": base.removeprefix("hf:"), "seed": seed, "data.benchmark": str(out / "bench")}
    put |= sizes.recipe()
    for more in changes:
        put |= more
    return load_recipe(HERE / "ablation.yaml", put)


def machine_of(out: Path) -> Any:
    """Frames and prompts are made once for all runs."""
    from medvidbench.training.machine import Machine

    return Machine(frame_cache=frames_of(out), prepared=out / "prepared", workers=0)


def frames_of(out: Path) -> Path:
    """The folder of decoded frames."""
    return out / "frames"
