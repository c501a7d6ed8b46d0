"""`medvidbench table`."""

from __future__ import annotations

from pathlib import Path


def run(
    results: list[Path], form: str, protocol: str | None, metrics: str | None, source: str, out: Path | None
) -> None:
    """Read the result files, render, print or write."""
    from medvidbench.evaluation.results import read_results
    from medvidbench.leaderboards.tables import render_table

    wanted = [name.strip() for name in (metrics or "").split(",") if name.strip()]
    text = render_table([read_results(path) for path in results], form, protocol, wanted, source)
    if out is None:
        print(text, end="")  # noqa: T201
    else:
        out.write_text(text, encoding="utf-8")
