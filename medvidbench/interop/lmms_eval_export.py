"""Writing a task package for lmms-eval."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.interop.package import metric_names
from medvidbench.interop.writing import ExportOptions, ExportReport, render, samples_for, tasks_in, write_package
from medvidbench.records import TaskName

if TYPE_CHECKING:
    from medvidbench.benchmark import Benchmark

TASK = "medvidbench"


def export_lmms_eval(bench: Benchmark, out: Path, options: ExportOptions | None = None) -> ExportReport:
    """Writes a folder that lmms-eval runs with `--include_path OUT --tasks medvidbench`.

    It holds the task's YAML, a `utils.py` that imports nothing but `medvidbench`, the questions, the truth in a file of
    its own, and a README.

    Raises:
        MedVidBenchError: no rows, something else at `out`, a benchmark without truth, or a disk that can't be written.
    """
    options = options or ExportOptions()
    rows = samples_for(bench, options)
    metrics = [(name, task, function_name(name)) for task in tasks_in(rows) for name in metric_names(task)]
    command = f"lmms-eval --model MODEL --include_path {out} --tasks {TASK} --log_samples --output_path runs"
    values = {"task": TASK, "metrics": metrics, "command": command, "rows": len(rows), "options": options}
    texts = {
        f"{TASK}.yaml": render("lmms_eval.yaml.j2", **values),
        "utils.py": render("lmms_eval_utils.py.j2", **values),
        "README.md": render("lmms_eval_readme.md.j2", judged=judged(tasks_in(rows)), **values),
    }
    truth = write_package(bench, out, "lmms-eval", rows, texts, options)
    return ExportReport(out, len(rows), tasks_in(rows), truth, command)


def function_name(metric: str) -> str:
    """A metric's name as a Python name.

    >>> function_name("official_TAG_mIoU@0.3")
    'official_TAG_mIoU_0_3'
    """
    return re.sub(r"\W", "_", metric)


def judged(tasks: tuple[TaskName, ...]) -> str:
    """The tasks whose answers only a judge can score, for the README; "" when there are none."""
    return " and ".join(task for task in tasks if not metric_names(task))
