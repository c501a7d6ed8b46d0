"""`medvidbench build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.commands.common import SHOWN_FINDINGS, console_of, named_path, parse_tasks, print_findings

if TYPE_CHECKING:
    from medvidbench.curation.build import BuildReport


def run(
    sources: list[str],
    out: Path,
    seed: int,
    tasks: str | None,
    overwrite: bool,
    test_share: float = 0.15,
    frame_store: Path | None = None,
) -> None:
    """Read the raw datasets, ask the tasks' questions, write the folder, say what came out."""
    from rich.console import Console
    from rich.progress import Progress

    from medvidbench.curation.build import build

    named = [named_path(text) for text in sources]
    wanted = parse_tasks(tasks) or None
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Building", total=None)

        def say(text: str) -> None:
            progress.update(bar, description=text, advance=1)

        report = build(named, out, seed, wanted, overwrite, say, test_share, frame_store)
    _print(report, out)


def _print(report: BuildReport, out: Path) -> None:
    from rich import box
    from rich.table import Table

    console = console_of()
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("task", "source", "train", "test"):
        table.add_column(name, justify="left" if name in ("task", "source") else "right")
    for task, source in sorted({(task, source) for _, task, source in report.counts}):
        table.add_row(task, source, *(str(report.counts.get((s, task, source), 0)) for s in ("train", "test")))
    console.print(table)
    for note in report.notes:
        console.print(note, markup=False, highlight=False)
    print_findings(report.findings, console)
    if len(report.findings) > SHOWN_FINDINGS:
        console.print(f"All findings: {out / 'findings.jsonl'}", highlight=False)
    print(f"Benchmark: {out}")  # noqa: T201
