"""The small model that ships on a second set of simulated recordings, by which nothing of it was chosen. SYNTHETIC.

    python benchmarks/second_set.py --out FOLDER

About four minutes on two cores; what is in the folder already is taken from there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from medvidbench.commands.evaluate import evaluate as evaluate_rule
from medvidbench.evaluation.evaluate import EvalOptions, evaluate
from medvidbench.models.blind import KINDS
from medvidbench.models.registry import ModelOptions, video_model
from medvidbench.training.shipping import simulated
from medvidbench.training.shipping_bar import BATCH, beside
from medvidbench.training.shipping_card import bar_row
from medvidbench.training.shipping_plan import Simulation

LAYOUTS = ("avos", "cholect50", "cholectrack20", "copesd", "egosurgery", "nurvid")
SET = Simulation(recordings=24, seconds=60, seed=41877, test_share=0.75)
OPTIONS = EvalOptions(protocol="strict", tasks=("TAG", "STG", "NAP", "VS"), limit=760)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("second-set"))
    parser.add_argument("--model", default="tiny", help="as --model of an evaluation")
    args = parser.parse_args()
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    simulated(out / "bench", SET, LAYOUTS)
    for kind in KINDS:
        evaluate_rule(f"blind:{kind}", out / "bench", out / kind, OPTIONS)
    with video_model(args.model, OPTIONS.settings, ModelOptions(batch_size=BATCH)) as model:
        evaluate(model, out / "bench", out / "model", OPTIONS)
    print("| metric | blind row | model | blind | difference | 95 % interval | rows | groups |")
    print("|---" * 8 + "|")
    for kind in KINDS:
        for item in beside(out, kind):
            print(bar_row(item))


if __name__ == "__main__":
    main()
