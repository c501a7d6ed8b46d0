"""Writing a task package for inspect_ai."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.interop.lmms_eval_export import judged
from medvidbench.interop.writing import ExportOptions, ExportReport, render, samples_for, tasks_in, write_package

if TYPE_CHECKING:
    from medvidbench.benchmark import Benchmark

TASK_FILE = "medvidbench_task.py"


def export_inspect(bench: Benchmark, out: Path, options: ExportOptions | None = None) -> ExportReport:
    """Writes a folder with a task file that `inspect eval` runs.

    It holds the task file, which imports nothing but `medvidbench` and `inspect_ai`, the questions, the truth in a file
    of its own, and a README.

    Raises:
        MedVidBenchError: no rows, something else at `out`, a benchmark without truth, or a disk that can't be written.
    """
    options = options or ExportOptions()
    rows = samples_for(bench, options)
    command = f"inspect eval {out / TASK_FILE}@medvidbench --model MODEL --no-log-images"
    values = {"command": command, "rows": len(rows), "options": options, "judged": judged(tasks_in(rows))}
    texts = {TASK_FILE: render("inspect_task.py.j2", **values), "README.md": render("inspect_readme.md.j2", **values)}
    truth = write_package(bench, out, "inspect", rows, texts, options)
    return ExportReport(out, len(rows), tasks_in(rows), truth, command)
