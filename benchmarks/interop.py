"""lmms-eval itself on an exported task: are its numbers those of `medvidbench score`?

It runs lmms-eval's own command line on a small simulated benchmark of all tasks and sources, with a model that replays
answers (right, wrong, unreadable, empty, failed, never asked), and compares

* every metric of both protocols in lmms-eval's results file with `medvidbench score` on the same answers (to 1e-9);
* the results of `medvidbench score --from lmms-eval` on its sample log with the same (equal in every field);
* what the model was shown with the frames' times.

lmms-eval pins packages otherwise than the rest of the project does, so it gets an environment of its own. Its evaluator
needs far less than its package asks for; from a checkout:

    python -m venv lmmsenv && . lmmsenv/bin/activate
    pip install torch==2.13.0
    pip install --no-deps lmms-eval==0.7.3
    pip install accelerate datasets evaluate transformers loguru pytablewriter sacrebleu
    pip install python-dotenv jsonlines zstandard
    pip install -e ".[semantic]"
    python benchmarks/interop.py

Two minutes on two cores. The exit code is 1 when anything differs.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "interop")]


def main() -> int:
    """Run everything; print one line a comparison."""
    with tempfile.TemporaryDirectory(prefix="medvidbench-interop-") as folder:
        os.environ.setdefault("HF_HOME", f"{folder}/hf")
        os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        # lmms-eval takes a task's name for a folder where there is one: never run it where `medvidbench/` lies
        os.chdir(folder)
        lines = compare(Path(folder))
    print("\n".join(lines))
    return int(any(line.startswith("DIFFERS") for line in lines))


def compare(folder: Path) -> list[str]:
    from interop_bench import make_bench, replayed, write_predictions
    from lmms_replay import register

    from medvidbench.interop import export_lmms_eval
    from medvidbench.interop.writing import ExportOptions

    register()
    os.environ["REPLAY"] = str(folder)
    bench = make_bench(folder)
    answers = replayed(bench.samples("test"))
    write_predictions(folder / "predictions.jsonl", answers)
    export_lmms_eval(bench, folder / "all", ExportOptions(frames=0))
    export_lmms_eval(bench, folder / "frames", ExportOptions(sources=("CholecTrack20",), frames=3))
    lines = []
    for model in ("simple_replay", "chat_replay"):
        lines += numbers(folder, bench, answers, model, len(answers))
        lines += numbers(folder, bench, answers, model, 60)
        lines.append(frames(folder, bench, model))
    return lines


def numbers(folder: Path, bench: Any, answers: dict[str, Any], model: str, limit: int) -> list[str]:
    """One run on the first rows, against our own scoring of the same answers."""
    from interop_bench import write_predictions

    from medvidbench.evaluation.data import load_data
    from medvidbench.evaluation.join import join
    from medvidbench.evaluation.score_file import score_answers, score_file
    from medvidbench.interop import read_predictions_from
    from medvidbench.interop.package import table_of
    from medvidbench.records import Answer

    # lmms-eval asks every row of its range; our file gives those that the table doesn't hold as failed, too
    asked = list(answers)[:limit]
    same = {k: answers[k] or Answer(k, "replay", None, "never asked") for k in asked}
    ours = score_file(write_predictions(folder / "ours.jsonl", same), bench.path).results
    results, log = run(folder, "all", model, limit)
    got = {k.removesuffix(",none"): v for k, v in results.items() if k.endswith(",none") and "_stderr" not in k}
    # lmms-eval prints a metric only when the run holds a row of its task
    expected = {k: v for k, v in table_of(ours).items() if k in got or limit >= len(answers)}
    wrong = [k for k in expected.keys() | got.keys() if not same_number(expected.get(k, math.nan), got.get(k))]
    what = f"{model}, {len(asked)} rows"
    lines = [verdict(not wrong, f"{what}: {len(expected)} metrics {', '.join(sorted(wrong))}")]
    data = load_data(bench.path)
    joined = join(data.samples, read_predictions_from("lmms-eval", log).predictions, log.name, model)
    used = {"path": "", "sha256": "", "joined_by": ""}
    again = score_answers(data, joined.answers, "both", model, used).results
    equal = [p.model_dump() for p in again.protocols()] == [p.model_dump() for p in ours.protocols()]
    lines.append(verdict(equal and again.counts == ours.counts, f"{what}: score --from lmms-eval"))
    return [*lines, verdict(not (leaks := told(bench, log)), f"{what}: no truth in the log {leaks[:3]}")]


def same_number(ours: float, theirs: float | None) -> bool:
    """Equal to 1e-9, or undefined on both sides."""
    if theirs is None or math.isnan(theirs):
        return math.isnan(ours)
    return abs(ours - theirs) <= 1e-9


def told(bench: Any, log: Path) -> list[str]:
    """Rows whose reference answer stands in the log outside what the model said."""
    truth = {s.sample_id: s.answer or "" for s in bench.samples("test")}
    found = []
    for row in map(json.loads, log.read_text(encoding="utf-8").splitlines()):
        rest = json.dumps({k: v for k, v in row.items() if k not in ("resps", "filtered_resps")}, ensure_ascii=False)
        answer = json.dumps(truth[row["target"]], ensure_ascii=False)[1:-1]
        # the question of a next-action row lists all labels, and a short span may stand anywhere
        listed = answer in json.dumps(row["input"], ensure_ascii=False)
        found += [row["target"]] if len(answer) > 25 and answer in rest and not listed else []
    return found


def frames(folder: Path, bench: Any, model: str) -> str:
    """Whether each picture came at its time, three a clip."""
    from medvidbench.interop.package import open_package
    from medvidbench.interop.questions import stamps

    run(folder, "frames", model, 4)
    package = open_package((folder / "frames").resolve())
    wrong = 0
    lines = (folder / "shown.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        question = package.questions[row["sample_id"]]
        times = stamps([question.frame_times[k] for k in package.shown(question)])
        size = [question.width, question.height]
        if "parts" in row:
            wrong += row["parts"] != [p for t in times for p in (t, size)] + [question.question]
        else:
            wrong += row["sizes"] != [size] * 3 or not row["text"].endswith(f"{' '.join(times)}.\n{question.question}")
    return verdict(len(lines) == 4 and not wrong, f"{model}: frames at their times in {len(lines)} prompts")


def run(folder: Path, package: str, model: str, limit: int) -> tuple[dict[str, Any], Path]:
    """lmms-eval's command line; its results for the task, and its sample log."""
    from lmms_eval.__main__ import cli_evaluate

    out = folder / f"{model}-{package}-{limit}"
    options = {"model": model, "tasks": "medvidbench", "include_path": folder / package, "output_path": out}
    sys.argv = ["lmms_eval", "--log_samples", "--batch_size", "1", "--limit", str(limit)]
    sys.argv += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    cli_evaluate()
    (results,) = out.rglob("*_results.json")
    (log,) = out.rglob("*_samples_medvidbench.jsonl")
    return json.loads(results.read_text(encoding="utf-8"))["results"]["medvidbench"], log


def verdict(holds: bool, what: str) -> str:
    return f"{'equal  ' if holds else 'DIFFERS'} {what}"


if __name__ == "__main__":
    sys.exit(main())
