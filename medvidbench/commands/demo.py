"""`medvidbench demo`: the whole way from raw data to a scored table, on simulated recordings."""

from __future__ import annotations

import json
from pathlib import Path

from medvidbench.errors import MedVidBenchError

RECORDINGS, SECONDS, SEED = 24, 90, 0
# half of the recordings go to test, so that 12 of them carry the intervals; a real build keeps 0.85/0.15
TEST_SHARE = 0.5
MARK = "medvidbench-demo.json"


def run(out: Path) -> None:
    """Write raw data, build, score three blind models, print one table and where everything lies."""
    from medvidbench.commands import build, evaluate, table
    from medvidbench.models.blind import KINDS

    _claim(out)
    raw, bench, runs = out / "raw" / "cholect50", out / "bench", out / "runs"
    if not raw.is_dir():
        build.run_synth(raw, RECORDINGS, SECONDS, SEED)
    build.run([f"cholect50={raw}"], bench, SEED, None, overwrite=True, test_share=TEST_SHARE)
    for kind in KINDS:
        evaluate.run(f"blind:{kind}", bench, runs / kind, None, SEED, None, None)
    results = [runs / kind / "results.json" for kind in KINDS]
    table.run(results, "md", "strict", None, "", out / "table.md")
    _print_summary(results)
    print(  # noqa: T201
        f"\nSynthetic recordings, made up for this demo: no number above says anything about surgery.\n"
        f"  raw data    {raw}\n  benchmark   {bench}/README.md\n  results     {runs}/*/results.json\n"
        f"  table       {out / 'table.md'}\n"
        f"Next: medvidbench compare {runs / 'majority'} {runs / 'random'}"
    )


def _claim(out: Path) -> None:
    """Only a new or empty folder, or one of an earlier demo, is written into."""
    mark = out / MARK
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not mark.is_file())):
        raise MedVidBenchError(
            f"--out {out} holds something else.", "a folder that is new, empty, or of an earlier demo"
        )
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"recordings": RECORDINGS, "seconds": SECONDS, "seed": SEED}) + "\n", encoding="utf-8")


def _print_summary(paths: list[Path]) -> None:
    """Models as columns, so that the table fits a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from medvidbench.commands.common import cell
    from medvidbench.evaluation.results import read_results

    results = [read_results(path) for path in paths]
    table = Table(title="Strict protocol, 95 % intervals clustered by recording", box=box.SIMPLE_HEAD)
    table.add_column("metric", no_wrap=True)
    for item in results:
        table.add_column(f"{item.model} (parsed)", justify="right", no_wrap=True)
    for name in dict.fromkeys(name for item in results for name in item.metrics):
        values = [item.metrics.get(name) for item in results]
        rates = ["" if v is None or v.parse_rate is None else f" ({100 * v.parse_rate:.0f} %)" for v in values]
        table.add_row(name, *(cell(v) + rate for v, rate in zip(values, rates, strict=True)))
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
