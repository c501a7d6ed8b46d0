"""What the normalisation of rewards does: one small model, many arms, five seeds, all on simulated video.

    python benchmarks/ablation.py                     # everything that is missing; stops and goes on as you like
    python benchmarks/ablation.py --minutes 30        # a piece of it
    python benchmarks/ablation.py --table             # tables and pictures from what is there

Arms (see `ablation_arms.py`): the SFT model; {raw, z-score, logistic} x {group, batch, none}; MedGRPO without a judge;
grounding rewards alone; captions alone; and with `--regimes` those in which raw rewards should fail. All else is equal:
data order, seeds, steps, learning rate, clipping, no KL term. Every part of the work is kept in the folder `--out` once
it is whole: data, statistics, each run, each evaluation. Runs go on from their checkpoints.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ablation_arms import ALL_ARMS, ARMS, REGIMES, SEEDS, Sizes
from ablation_runs import HERE, make_data, measure_start, one_thread, run_arm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE.parent / "ablation")
    parser.add_argument("--base", default="tiny", help="SFT model that all arms start from: tiny, or hf:FOLDER")
    parser.add_argument("--minutes", type=float, default=300.0, help="begin no further part after this long")
    parser.add_argument("--jobs", type=int, default=2, help="parts at the same time, one core each")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--arms", default="", help="only these, e.g. raw-none,logistic-batch")
    parser.add_argument("--regimes", action="store_true", help="the arms of the regimes, in place of the others")
    parser.add_argument("--quick", action="store_true", help="sizes at which nothing can be learned: a check")
    parser.add_argument("--table", action="store_true", help="tables and pictures alone")
    args = parser.parse_args()
    folder = Path(args.base.removeprefix("hf:"))
    if args.base.startswith("hf:") and folder.is_dir():
        args.base = f"hf:{folder.resolve()}"  # the parts run in a folder of their own
    out: Path = args.out.resolve() / ("quick" if args.quick else "full")
    if not args.table:
        work(out, Sizes.quick() if args.quick else Sizes(), args)
    from ablation_table import write_tables

    print(write_tables(out))


def work(out: Path, sizes: Sizes, args: argparse.Namespace) -> None:
    """All parts that are missing, until the time is up."""
    deadline = time.monotonic() + 60 * args.minutes
    out.mkdir(parents=True, exist_ok=True)
    named = args.arms.split(",") if args.arms else list(REGIMES if args.regimes else ARMS)
    wanted = [name for name in ALL_ARMS if name in named]
    make_data(out, sizes)
    # seed by seed: a piece of the work is a whole table with fewer seeds
    parts = [(arm, seed) for seed in SEEDS[: args.seeds] for arm in wanted]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, spawn, initializer=one_thread) as pool:
        pool.submit(measure_start, out, args.base, sizes).result()
        running = [pool.submit(part, out, args.base, arm, seed, sizes, deadline) for arm, seed in parts]
        for future in running:
            print(future.result(), flush=True)


def part(out: Path, base: str, arm: str, seed: int, sizes: Sizes, deadline: float) -> str:
    """One arm with one seed, unless it is there or the time is up. The deadline is of the machine's one clock."""
    if (out / "runs" / f"{arm}-{seed}" / "results" / "results.json").is_file():
        return f"{arm} seed {seed}: there"
    if time.monotonic() > deadline:
        return f"{arm} seed {seed}: left for the next time"
    return run_arm(out, base, arm, seed, sizes)


if __name__ == "__main__":
    main()
