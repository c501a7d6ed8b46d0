"""What the normalisation of rewards does: one small model, many arms, five seeds, all on simulated video.

    python benchmarks/ablation.py                     # everything that is missing; stops and goes on as you like
    python benchmarks/ablation.py --minutes 30        # a piece of it
    python benchmarks/ablation.py --table             # tables and pictures from what is there

Arms (see `ablation_arms.py`): the SFT model; {raw, z-score, logistic} x {group, batch, none}; MedGRPO without a judge;
grounding rewards alone; captions alone. All else is equal: data order, seeds, steps, learning rate, clipping, no KL
term. Every part of the work is kept in the folder `--out` once it is whole: data, statistics, each run, each
evaluation. Runs go on from their checkpoints.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ablation_arms import ARMS, SEEDS, Sizes, arm_changes

HERE = Path(__file__).resolve().parent
CLI = [sys.executable, "-m", "medvidbench"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE.parent / "ablation")
    parser.add_argument("--base", default="tiny", help="SFT model that all arms start from")
    parser.add_argument("--minutes", type=float, default=300.0, help="begin no further part after this long")
    parser.add_argument("--jobs", type=int, default=2, help="parts at the same time, one core each")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--arms", default="", help="only these, e.g. raw-none,logistic-batch")
    parser.add_argument("--quick", action="store_true", help="sizes at which nothing can be learned: a check")
    parser.add_argument("--table", action="store_true", help="tables and pictures alone")
    args = parser.parse_args()
    out: Path = args.out / ("quick" if args.quick else "full")
    sizes = Sizes.quick() if args.quick else Sizes()
    if not args.table:
        work(out, args.base, sizes, args)
    from ablation_table import write_tables

    print(write_tables(out))


def work(out: Path, base: str, sizes: Sizes, args: argparse.Namespace) -> None:
    """All parts that are missing, until the time is up."""
    deadline = time.monotonic() + 60 * args.minutes
    prepare(out, base, sizes)
    wanted = [name for name in ARMS if not args.arms or name in args.arms.split(",")]
    # seed by seed: a piece of the work is a whole table with fewer seeds
    parts = [(arm, seed) for seed in SEEDS[: args.seeds] for arm in wanted]

    def part(arm: str, seed: int) -> str:
        folder = out / "runs" / f"{arm}-{seed}"
        if (folder / "results" / "results.json").is_file():
            return f"{arm} seed {seed}: there"
        if time.monotonic() > deadline:
            return f"{arm} seed {seed}: left for the next time"
        return run_arm(out, base, arm, seed, sizes)

    with ThreadPoolExecutor(args.jobs) as pool:
        for said in pool.map(lambda item: part(*item), parts):
            print(said, flush=True)


def prepare(out: Path, base: str, sizes: Sizes) -> None:
    """Data, the statistics of the model at the start, and its own evaluation."""
    out.mkdir(parents=True, exist_ok=True)
    bench = out / "bench"
    if not (bench / "manifest.json").is_file():
        shutil.rmtree(out / "raw", ignore_errors=True)
        call("synth", "--out", out / "raw", "--recordings", sizes.recordings, "--seconds", sizes.seconds, "--seed", 71)
        named = [option for key in sizes.layouts for option in ("--source", f"{key}={out / 'raw' / key}")]
        call("build", *named, "--out", bench, "--seed", 71, "--test-share", "0.4", "--overwrite")
    stats = out / "stats"
    if not (stats / "statistics.json").is_file():
        keys = setting(base, sizes, 0)
        call(
            "train", "stats", recipe(), "--out", stats, "--data", bench, "--samples", sizes.stats_rows, *keys
        )  # fmt: skip
    sft = out / "runs" / "sft-0" / "results"
    if not (sft / "results.json").is_file():
        evaluate(bench, base, sft, sizes)


def run_arm(out: Path, base: str, arm: str, seed: int, sizes: Sizes) -> str:
    """One arm with one seed, trained and evaluated."""
    folder, began = out / "runs" / f"{arm}-{seed}", time.monotonic()
    changes = arm_changes(arm, out / "stats" / "statistics.json")
    try:
        call(
            "train", "grpo", recipe(), "--out", folder, "--data", out / "bench", "--workers", 0,
            *setting(base, sizes, seed, changes),
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-2:]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "failed.txt").write_text("\n".join(last) + "\n", encoding="utf-8")
        return f"{arm} seed {seed}: failed: {' '.join(last)}"
    model = folder / "model"
    evaluate(out / "bench", str(model), folder / "results", sizes)
    for big in (model, *folder.glob("step-*")):
        shutil.rmtree(big)  # what the tables need is in the log and in the results
    return f"{arm} seed {seed}: {time.monotonic() - began:.0f} s"


def evaluate(bench: Path, model: str, results: Path, sizes: Sizes) -> None:
    """Greedy answers to the test rows, scored."""
    spec = model if model == "tiny" else f"hf:{model}"
    # the same frames and tokens as in training: a row of the test is a question of the same kind
    call(
        "eval", "--model", spec, "--data", bench, "--tasks", "TAG,STG,VS,RC", "--out", results, "--limit", sizes.test_rows,
        "--max-tokens", sizes.tokens, "--frames", sizes.frames, "--frame-cache", bench.parent / "bench.frames",
    )  # fmt: skip


def setting(base: str, sizes: Sizes, seed: int, *changes: dict[str, object]) -> list[str]:
    """The options of a run: `--set key=value`."""
    put = {"model.path": base, "seed": seed, **sizes.recipe()}
    for more in changes:
        put |= more
    return [option for key, value in put.items() for option in ("--set", f"{key}={json.dumps(value)}")]


def recipe() -> Path:
    """The recipe that all arms share."""
    return HERE / "ablation.yaml"


def call(*command: object) -> None:
    """A command of the program, on one core."""
    import os

    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    said = [*CLI, *(str(word) for word in command)]
    subprocess.run(said, check=True, env=quiet, capture_output=True, text=True)


if __name__ == "__main__":
    main()
