"""`medvidbench import`."""

from __future__ import annotations

from pathlib import Path

from medvidbench.commands.common import SHOWN_FINDINGS, console_of, named_path, print_findings


def run(
    files: list[Path], out: Path, frames: list[str] | None = None, synthetic: bool = False, overwrite: bool = False
) -> None:
    """Write published JSON files as a benchmark folder, and say what came out.

    Args:
        frames: "CholecT50=/data/CholecT50": by source name, the folder that frame paths are relative to.
    """
    from medvidbench.curation.importing import import_published

    roots = dict(map(named_path, frames or []))
    report = import_published(files, out, roots, synthetic, overwrite)
    console = console_of()
    for note in report.notes:
        console.print(note, markup=False, highlight=False)
    print_findings(report.findings, console)
    if len(report.findings) > SHOWN_FINDINGS:
        console.print(f"All findings: {out / 'findings.jsonl'}", highlight=False)
    print(f"Benchmark: {out} ({report.rows} rows)")  # noqa: T201
