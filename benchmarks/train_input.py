"""How long a training step waits for its videos: decoded while it trains, or kept ready from an earlier epoch.

    python benchmarks/train_input.py            # about 6 minutes on two cores
    python benchmarks/train_input.py --quick    # a few small steps: checks that it runs

Simulated nursing videos (H.264), every frame of a clip up to `--frames`, at the paper's most pixels a frame (48 x 28 x
28); a policy of 11 M random weights (language model 6 x 256, vision tower 4 x 128), float32, on one thread. Fine-tuning
on 4 rows a step, GRPO on 4 prompts a step with 8 completions of 64 tokens. "waited" is what the log says of a step:
seconds in which the trainer had no prompt to go on with. In the rows "decoded" nothing is kept: every clip is decoded
anew in each use, by one process beside the trainer. Below: CPU seconds of making one prompt, which a faster device has
to be fed with.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from medvidbench.benchmark import Benchmark
from medvidbench.curation.build import build
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.validate import ValidationSettings
from medvidbench.models.tiny import TinyShape, build_tiny_qwen
from medvidbench.synthetic.layouts import write_layout
from medvidbench.training.examples import chosen_rows
from medvidbench.training.grpo import run_grpo
from medvidbench.training.machine import Machine
from medvidbench.training.policy import load_policy
from medvidbench.training.recipe import Recipe
from medvidbench.training.recipe_files import load_recipe
from medvidbench.training.rows import Example
from medvidbench.training.sft import run_sft
from medvidbench.training.starting import example_stream

SHAPE = TinyShape(
    layers=6, width=256, feedforward=1024, head_width=32, rope_sections=(4, 6, 6), vision_layers=4, vision_width=128,
    vision_heads=4,
)  # fmt: skip


def benchmark_of(folder: Path, seconds: int) -> Path:
    """Two videos of one simulated source, one of them for training."""
    write_layout("nurvid", folder / "raw", recordings=2, seconds=seconds, seed=1)
    settings = BuildSettings(test_share=0.5, validation=ValidationSettings(method="ngram"), workers=1)
    build([("nurvid", folder / "raw")], folder / "bench", settings)
    return folder / "bench"


def recipe_of(kind: str, bench: Path, model: Path, options: argparse.Namespace) -> Recipe:
    """Fine-tuning or GRPO on the benchmark."""
    changes: dict[str, Any] = {
        "model.path": str(model),
        "data.benchmark": str(bench),
        "data.frames": options.frames,
        "data.max_pixels": 48 * 784,
        "batch_size": 4,
        "steps": options.steps,
        "save_every": options.steps,
    }
    if kind == "grpo":
        changes |= {
            "data.tasks": ["TAG", "VS"],
            "rewards.normalisation": "none",
            "grpo.group_size": 8,
            "grpo.max_new_tokens": options.length,
            "alarms.parse_below": None,
            "alarms.truncated_above": None,
        }
    return load_recipe("tiny-sft" if kind == "sft" else "tiny-grpo", changes)


def prompt_cost(recipe: Recipe, bench: Path, kept: Path) -> tuple[float, float, int]:
    """CPU seconds of making a prompt, of loading a kept one, and its tokens; means over all rows, which are kept."""
    opened = Benchmark.open(bench)
    policy, rows = load_policy(recipe.model, recipe.data), chosen_rows(opened, recipe.data, 0)
    stream = example_stream(opened, rows, policy, recipe, Machine(prepared=kept, workers=0))
    taken: list[list[float]] = [[], []]
    tokens = 0
    for times in taken:
        for number in range(len(rows)):
            start = time.process_time()
            found = stream.one(number)
            times.append(time.process_time() - start)
            assert isinstance(found, Example), found
            tokens += found.prompt.length
    made, loaded = (sum(times) / len(times) for times in taken)
    return made, loaded, round(tokens / 2 / len(rows))


def measured(recipe: Recipe, out: Path, machine: Machine) -> tuple[float, float]:
    """Wall seconds of all steps but the first, which waits for decoders to start, and of them those waited."""
    steps: list[Any] = []
    run = run_sft if recipe.kind == "sft" else run_grpo
    run(recipe, out, machine=machine, progress=lambda step, _: steps.append(step))
    whole = sum(sum(step.seconds.values()) for step in steps[1:])
    return whole, sum(step.seconds["prompts"] for step in steps[1:])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag, value in {"--steps": 6, "--frames": 44, "--length": 64, "--seconds": 60, "--workers": 1}.items():
        parser.add_argument(flag, type=int, default=value)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.steps, options.frames, options.length, options.seconds = 3, 4, 4, 20
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench, model = benchmark_of(folder, options.seconds), build_tiny_qwen(folder / "model", shape=SHAPE)
        made, loaded, tokens = prompt_cost(recipe_of("sft", bench, model, options), bench, folder / "kept")
        print("| step | prompts | s a step | waited a step | share |\n|---|---|---|---|---|")
        for kind in ("sft", "grpo"):
            recipe = recipe_of(kind, bench, model, options)
            for label, kept in (("decoded", None), ("kept", folder / "kept")):
                machine = Machine(prepared=kept, workers=options.workers)
                whole, waited = measured(recipe, folder / f"{kind}-{label}", machine)
                count = options.steps - 1
                print(
                    f"| {kind} | {label} | {whole / count:.2f} | {waited / count:.3f} | {waited / whole:.1%} |",
                    flush=True,
                )
        print(f"\nA prompt of {tokens} tokens: {made:.2f} CPU s decoded and prepared, {loaded:.3f} CPU s loaded.")


if __name__ == "__main__":
    main()
