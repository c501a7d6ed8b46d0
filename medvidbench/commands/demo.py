"""`medvidbench demo`: the whole way from raw data to a scored table, on simulated recordings."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from medvidbench.evaluation.evaluate import EvalOptions
    from medvidbench.evaluation.results import MetricValue, Results

RECORDINGS, SECONDS, SEED = 12, 60, 0
# half of the recordings go to test, so that intervals have enough of them; a real build keeps 0.85/0.15
TEST_SHARE = 0.5
QUESTIONS = 480
"""Asked of each model, spread over tasks and sources: the small one needs a minute for 200 of them on two cores."""
BATCH = 16
MARK = "medvidbench-demo.json"


def run(out: Path) -> None:
    """Write raw data, build, audit, score three blind models and the small one that ships, make a leaderboard, print
    a table and where all lies."""
    from medvidbench.commands import audit, build, evaluate, leaderboard_site, synth, table
    from medvidbench.curation.settings import BuildSettings
    from medvidbench.evaluation.evaluate import EvalOptions
    from medvidbench.models.blind import KINDS
    from medvidbench.synthetic.layouts import LAYOUT_KEYS

    _claim(out)
    raw, bench, runs = out / "raw", out / "bench", out / "runs"
    if not raw.is_dir():
        part = out / "raw.part"  # an earlier demo that was stopped leaves this, and it is drawn anew
        shutil.rmtree(part, ignore_errors=True)
        synth.run(part, RECORDINGS, SECONDS, SEED)
        part.rename(raw)
    named = [f"{key}={raw / key}" for key in LAYOUT_KEYS]
    build.run(named, bench, BuildSettings(seed=SEED, overwrite=True, test_share=TEST_SHARE))
    page = out / "audit.html" if find_spec("matplotlib") and find_spec("imagehash") else None
    audit.run(bench, out / "audit.json", page, quiet=True)
    options = EvalOptions(limit=QUESTIONS)
    results = [evaluate.evaluate(f"blind:{kind}", bench, runs / kind, options, SEED) for kind in KINDS]
    results += _shipped_model(bench, runs / "tiny", options)
    kept = [runs / name for name in (*KINDS, "tiny")[: len(results)]]
    table.run(kept, "md", "strict", None, "", out / "table.md")
    leaderboard_site.run(None, out / "site", results=kept, name="medvidbench demo")
    for protocol in ("strict", "official"):
        _print_summary(results, protocol)
    print(  # noqa: T201
        f"\nSynthetic recordings, made up for this demo: no number above says anything about surgery.\n"
        f"  raw data    {raw}\n  benchmark   {bench}/README.md\n  audit       {page or out / 'audit.json'}\n"
        f"  results     {runs}/*/results.json\n"
        f"  table       {out / 'table.md'}\n"
        f"  leaderboard {out / 'site' / 'index.html'}: published rows, and these in a table of their own\n"
        f"Next: {sys.argv[0]} compare {runs / 'majority'} {runs / 'random'}"
    )


def _shipped_model(bench: Path, out: Path, options: EvalOptions) -> list[Results]:
    """The small vision-language model that ships, where what runs it is installed."""
    from medvidbench.commands.evaluate import asked
    from medvidbench.models.registry import ModelOptions

    if not (find_spec("torch") and find_spec("transformers")):
        print('Left out: the small model that ships. It needs `pip install "medvidbench[video,hf]"`.')  # noqa: T201
        return []
    shutil.rmtree(out, ignore_errors=True)  # answers to the questions of another version's demo
    done = asked("tiny", bench, out, options, ModelOptions(batch_size=BATCH))
    return [done.scored.results] if done.scored is not None else []


def _claim(out: Path) -> None:
    """Only a new or empty folder, or one of an earlier demo, is written into."""
    mark = out / MARK
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not mark.is_file())):
        raise MedVidBenchError(
            f"--out {out} holds something else.", "a folder that is new, empty, or of an earlier demo"
        )
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"recordings": RECORDINGS, "seconds": SECONDS, "seed": SEED}) + "\n", encoding="utf-8")


def _print_summary(results: list[Results], protocol: str) -> None:
    """Models as columns, so that the table fits a terminal."""
    from rich import box
    from rich.table import Table

    from medvidbench.commands.common import cell, console_of

    tables = [next(p for p in item.protocols() if p.protocol == protocol) for item in results]
    title = (
        f"Protocol {protocol}, synthetic data, {QUESTIONS} questions, 95 % intervals clustered by recording; "
        "(n %): answers that could be read, where not all could"
    )
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("metric", no_wrap=True)
    for item in results:
        table.add_column(item.model, justify="right", no_wrap=True)
    for name in dict.fromkeys(name for item in tables for name in item.metrics):
        values = [item.metrics.get(name) for item in tables]
        table.add_row(name, *(cell(value) + _read(value) for value in values))
    console_of().print(table)


def _read(value: MetricValue | None) -> str:
    """The share of answers that could be read, where it isn't all."""
    rate = None if value is None else value.parse_rate
    return "" if rate is None or rate == 1 else f" ({100 * rate:.1f} %)"
