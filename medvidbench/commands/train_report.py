"""`medvidbench train report`."""

from __future__ import annotations

from pathlib import Path

from medvidbench.errors import MedVidBenchError

PAGE = "report.html"


def run(runs: list[Path], out: Path | None) -> None:
    """Read the runs' logs, write the page and say where it is. The runs may still be going on.

    Args:
        runs: folders of one or more runs of one kind.
        out: the HTML file; `report.html` in the run's folder when left out, which only one run allows.

    Raises:
        MedVidBenchError: a folder holds no run, a log is damaged, runs of different kinds, or an unwritable page.
    """
    from medvidbench.pages import write_page
    from medvidbench.training.report import build_train_report, read_runs

    if out is None and len(runs) > 1:
        raise MedVidBenchError(f"{len(runs)} runs, and no place for their page.", remedy="name a file with --out")
    if out is not None and out.is_dir():
        raise MedVidBenchError(f"--out {out} is a folder.", "a file name, e.g. report.html")
    found = read_runs(runs)
    target = runs[0] / PAGE if out is None else out
    write_page(target, build_train_report(found))
    steps = ", ".join(f"{run.last_step:,} steps" for run in found)
    print(f"Report: {target} ({steps})")  # noqa: T201
