"""The folder of the small model that ships, with the card that says how it was made and how it scores."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.training.processes import Processes
from medvidbench.training.shipping import SHIPPED, SIGHT, simulated, trained_model
from medvidbench.training.shipping_bar import BATCH, QUESTIONS, Beside, bar_report, evaluated, measured
from medvidbench.training.shipping_plan import Plan

RESULTS, CARD = "held_out.json", "README.md"
LARGEST = 12_000_000
"""Bytes of the folder, at most."""
NAMES = {
    "TAG_mIoU": "TAG, temporal IoU under one-to-one matching, mean",
    "STG_mIoU": "STG, box IoU, mean",
    "NAP_acc": "NAP, accuracy",
    "VS_concept": "VS, concept judge (1 to 5)",
}


def card(found: dict[str, Any], facts: dict[str, Any]) -> str:
    """README.md of the folder; every number comes from `found` and `facts`."""
    template = (Path(__file__).parent / "shipped_card.md").read_text(encoding="utf-8")
    missed = [f"{item.metric} against {item.blind_row}" for item in bar_report(found) if not item.beaten]
    verdict = (
        "It beats every blind row on these four metrics: each interval of the difference lies above 0."
        if not missed
        else f"It does not beat every blind row: {', '.join(missed)}."
    )
    slots = facts | {
        "bar": "\n".join(map(bar_row, bar_report(found))),
        "verdict": verdict,
        "metrics": "\n".join(_metric_row(name, found) for name in found["metrics"]["tiny-surgery"]),
        "models": " | ".join(found["metrics"]),
        "lines": "---|" * len(found["metrics"]),
        "batch": BATCH,
        "questions": f"{QUESTIONS:,}",
    }
    return template.format(**slots)


def bar_row(item: Beside) -> str:
    """A line of the card's table."""
    interval = "none" if item.low is None or item.high is None else f"{item.low:+.3f} to {item.high:+.3f}"
    said = f"{item.model:.3f} | {item.blind:.3f} | {item.difference:+.3f} | {interval}"
    return f"| {NAMES[item.metric]} | {item.blind_row} | {said} | {item.rows} | {item.recordings} |"


def _metric_row(name: str, found: dict[str, Any]) -> str:
    cells = []
    for values in found["metrics"].values():
        value, ci = values[name]["value"], values[name]["ci95"]
        cells.append("undefined" if value is None else f"{value:.3f}" + (f" [{ci[0]:.3f}, {ci[1]:.3f}]" if ci else ""))
    own = found["metrics"]["tiny-surgery"][name]
    parsed = "" if own["parse_rate"] is None else f"{100 * own['parse_rate']:.1f} %"
    return f"| {name} | {' | '.join(cells)} | {own['n']} | {own['n_clusters']} | {parsed} |"


def ship(model: Path, found: dict[str, Any], work: Path, plan: Plan, out: Path) -> None:
    """Writes the model's folder: weights, tokenizer, card, `held_out.json`; whole or not at all.

    Args:
        found: see `measured`.

    Raises:
        MedVidBenchError: the folder would be larger than `LARGEST`.
    """
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(model, part)
    slots = run_slots(work, plan) | {"parameters": f"{parameters(model):,}"}
    (part / RESULTS).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (part / CARD).write_text(card(found, slots), encoding="utf-8")
    size = sum(file.stat().st_size for file in part.iterdir())
    if size > LARGEST:
        raise MedVidBenchError(f"The model's folder has {size:,} bytes.", f"at most {LARGEST:,}")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def run_slots(work: Path, plan: Plan) -> dict[str, Any]:
    """What the card says of the training runs: from its own records."""
    from medvidbench.training.run_facts import read_facts
    from medvidbench.training.shipping_sight import FACTS
    from medvidbench.training.watch import LOG, read_log

    sight = json.loads((work / SIGHT / FACTS).read_text(encoding="utf-8"))
    run = work / plan.stage
    found = read_facts(run)
    if found is None or found.ending is None or found.ending.how != "finished":
        raise MedVidBenchError(f"The run in {run} hasn't finished.", remedy="the same command again")
    seconds = sight["seconds"] + sum(sum(step.seconds.values()) for step in read_log(run / LOG))
    return {
        "sight": f"{sight['steps']} steps",
        "named_right": ", ".join(f"{source} {share:.0%}" for source, share in sight["named_right"].items()),
        "boxes": ", ".join(f"{source} {overlap:.2f}" for source, overlap in sight["boxes"].items()),
        "steps": f"{found.steps} steps of `{found.recipe}`",
        "seconds": f"The steps took {seconds / 60:.0f} minutes on the wall clock.",
        "versions": ", ".join(f"{name} {number}" for name, number in found.versions.items()),
        "recipe": (run / "recipe.yaml").read_text(encoding="utf-8").strip(),
        "train": plan.training,
        "held_out": plan.held_out,
    }


def parameters(model: Path) -> int:
    """Weights of the model, tied ones once."""
    from safetensors import safe_open

    total = 0
    for file in model.glob("*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118  (no mapping)
                size = 1
                for side in weights.get_slice(name).get_shape():
                    size *= side
                total += size
    return total


def _end_with_launcher() -> None:
    """Ends this process when the one that started it is gone: what torchrun starts outlives a torchrun that is killed,
    and would write beside the next one's."""
    launcher = os.getppid()

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m medvidbench.training.shipping", description=__doc__)
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder of the model; replaced when it is whole")
    parser.add_argument("--work", type=Path, default=Path("tiny-model"), help="folder of the stages, to go on from")
    asked = parser.parse_args()
    try:
        _make(asked.work, asked.out)
    except MedVidBenchError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(2)


def _make(work: Path, out: Path) -> None:
    plan, processes = Plan(), Processes.start("cpu")
    if processes.count > 1:
        _end_with_launcher()
    work.mkdir(parents=True, exist_ok=True)
    model = trained_model(work, plan, processes)
    bench, runs = work / "held-out", work / "runs"
    if processes.main:
        simulated(bench, plan.held_out, plan.layouts)
    processes.wait()
    evaluated(model, bench, runs, processes)
    if processes.main:
        found = measured(runs)
        ship(model, found, work, plan, out)
        for item in bar_report(found):
            print(bar_row(item))  # noqa: T201
        print(f"Model: {out}")  # noqa: T201
