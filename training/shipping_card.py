"""The shipped model's scores on held-out recordings, beside every blind row, and the card that says them."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.training.order import share
from medvidbench.training.processes import Processes
from medvidbench.training.shipping import SHIPPED, SIGHT, simulated, trained_model
from medvidbench.training.shipping_plan import Plan

if TYPE_CHECKING:
    from medvidbench.evaluation.evaluate import EvalOptions

BAR = ("TAG_mIoU", "STG_mIoU", "NAP_acc", "VS_concept")
"""Metrics (strict protocol) on which the model must beat every blind row by more than the interval."""
RESULTS, CARD = "held_out.json", "README.md"
BATCH = 16
QUESTIONS = 1600
"""Asked of each, spread over tasks and sources."""
LARGEST = 12_000_000
"""Bytes of the folder, at most."""
QUESTION_ONLY = "question-only"
"""The blind row that is this model itself, shown no frame: what its words and numbers alone are worth."""
NAMES = {
    "TAG_mIoU": "TAG, temporal IoU under one-to-one matching, mean",
    "STG_mIoU": "STG, box IoU, mean",
    "NAP_acc": "NAP, accuracy",
    "VS_concept": "VS, concept judge (1 to 5)",
}


@dataclass(frozen=True)
class Beside:
    """The model's difference to one blind row on one metric; `low` to `high` is its 95 % interval by recording."""

    metric: str
    model: float
    blind_row: str
    blind: float
    difference: float
    low: float | None
    high: float | None
    rows: int
    recordings: int

    @property
    def beaten(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low is not None and self.low > 0


def evaluated(model: Path, bench: Path, runs: Path, processes: Processes) -> None:
    """Evaluates the model, seeing and unseeing, on the test split; processes share the two. A run that was stopped goes
    on where it was.

    Raises:
        MedVidBenchError: the model can't be loaded or the benchmark can't be used.
    """
    from medvidbench.evaluation.evaluate import evaluate
    from medvidbench.models.registry import ModelOptions, video_model

    options = _options()
    unseeing = replace(options, settings=replace(options.settings, view="none"))
    for name, asked in share((("model", options), (QUESTION_ONLY, unseeing)), processes.rank, processes.count):
        if not (runs / name / "results.json").is_file():
            with video_model(f"hf:{model}", asked.settings, ModelOptions(batch_size=BATCH)) as loaded:
                evaluate(loaded, bench, runs / name, asked)
    processes.wait()


def _options() -> EvalOptions:
    from medvidbench.evaluation.evaluate import EvalOptions

    return EvalOptions(protocol="strict", limit=QUESTIONS)


def measured(bench: Path, runs: Path) -> dict[str, Any]:
    """What `evaluated` found beside the blind rows; JSON values: metrics of each, and the differences."""
    from medvidbench.commands.evaluate import evaluate as evaluate_rule
    from medvidbench.evaluation.results import read_results
    from medvidbench.models.blind import KINDS

    options = _options()
    for kind in KINDS:
        evaluate_rule(f"blind:{kind}", bench, runs / kind, options)
    blind = (*KINDS, QUESTION_ONLY)
    names = {"model": "tiny-surgery"} | {kind: f"blind:{kind}" for kind in blind}
    found = {name: read_results(runs / folder) for folder, name in names.items()}
    return {
        "benchmark": found["tiny-surgery"].data["sha256"],
        "metrics": {
            name: {metric: value.model_dump(mode="json") for metric, value in results.metrics.items()}
            for name, results in found.items()
        },
        "beside": [asdict(item) for kind in blind for item in _beside(runs, kind)],
    }


def _beside(runs: Path, kind: str) -> list[Beside]:
    from medvidbench.evaluation.comparison import compare
    from medvidbench.evaluation.results import read_results

    pair = [(read_results(runs / name), runs / name) for name in ("model", kind)]
    found = []
    for item in compare(pair[0], pair[1], "strict"):
        if item.metric not in BAR:
            continue
        d = item.difference
        low, high = d.ci95 or (None, None)
        row = f"blind:{kind}"
        found.append(Beside(item.metric, item.a, row, item.b, d.difference, low, high, d.n, d.n_clusters))
    return found


def bar_report(measured: dict[str, Any]) -> list[Beside]:
    """The differences to the blind rows, in the order of `BAR`."""
    items = [Beside(**item) for item in measured["beside"]]
    return sorted(items, key=lambda item: (BAR.index(item.metric), item.blind_row))


def card(measured: dict[str, Any], facts: dict[str, Any]) -> str:
    """README.md of the folder; every number comes from `measured` and `facts`."""
    template = (Path(__file__).parent / "shipped_card.md").read_text(encoding="utf-8")
    missed = [f"{item.metric} against {item.blind_row}" for item in bar_report(measured) if not item.beaten]
    verdict = (
        "It beats every blind row on these four metrics: each interval of the difference lies above 0."
        if not missed
        else f"It does not beat every blind row: {', '.join(missed)}."
    )
    slots = facts | {
        "bar": "\n".join(map(_bar_row, bar_report(measured))),
        "verdict": verdict,
        "metrics": "\n".join(_metric_row(name, measured) for name in measured["metrics"]["tiny-surgery"]),
        "models": " | ".join(measured["metrics"]),
        "lines": "---|" * len(measured["metrics"]),
        "batch": BATCH,
        "questions": f"{QUESTIONS:,}",
    }
    return template.format(**slots)


def _bar_row(item: Beside) -> str:
    interval = "none" if item.low is None or item.high is None else f"{item.low:+.3f} to {item.high:+.3f}"
    said = f"{item.model:.3f} | {item.blind:.3f} | {item.difference:+.3f} | {interval}"
    return f"| {NAMES[item.metric]} | {item.blind_row} | {said} | {item.rows} | {item.recordings} |"


def _metric_row(name: str, measured: dict[str, Any]) -> str:
    cells = []
    for values in measured["metrics"].values():
        value, ci = values[name]["value"], values[name]["ci95"]
        cells.append("undefined" if value is None else f"{value:.3f}" + (f" [{ci[0]:.3f}, {ci[1]:.3f}]" if ci else ""))
    own = measured["metrics"]["tiny-surgery"][name]
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
        found = measured(bench, runs)
        ship(model, found, work, plan, out)
        for item in bar_report(found):
            print(_bar_row(item))  # noqa: T201
        print(f"Model: {out}")  # noqa: T201
