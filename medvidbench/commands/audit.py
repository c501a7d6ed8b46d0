"""`medvidbench audit BENCH`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from rich.console import Console

LEAK_EXIT = 1
"""Exit code when a leak was found; 0 otherwise, and 2 for an error, as everywhere."""
_SHOWN = 20
_MARKS = {
    "passed": "[green]passed[/green]",
    "leak": "[bold red]leak[/bold red]",
    "not checked": "[yellow]not checked[/yellow]",
}


def run(
    bench: Path,
    out: Path | None = None,
    html: Path | None = None,
    aliases: Path | None = None,
    pictures: bool = True,
    workers: int = 2,
    quiet: bool = False,
) -> int:
    """Audits a benchmark, prints tables, writes the JSON file and the page that are asked for.

    Args:
        bench: the benchmark folder.
        out: where to write audit.json's content; None writes none.
        html: where to write the page; None writes none.
        aliases: the user's own alias table.
        pictures: also compare videos and frames.
        workers: processes that decode and hash frames.
        quiet: print nothing but the verdict.

    Returns:
        1 when a leak was found, else 0.

    Raises:
        MedVidBenchError: the folder or the alias table can't be read, an output can't be written, or the page is asked
            for without matplotlib.
    """
    from medvidbench.benchmark import Benchmark
    from medvidbench.curation.audit.audit import audit
    from medvidbench.sources.aliases import NO_ALIASES, read_aliases

    own = read_aliases(aliases) if aliases is not None else NO_ALIASES
    console = console_of()
    with console.status("Reading") as status:
        done = audit(Benchmark.open(bench), own, pictures, workers, lambda name: status.update(f"Frames of {name}"))
    found = done.as_json()
    _write(found, out, html)
    if not quiet:
        _print(found, console)
    _verdict(found, console)
    return LEAK_EXIT if done.leaks else 0


def _write(found: Mapping[str, Any], out: Path | None, html: Path | None) -> None:
    if out is not None:
        try:
            out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise MedVidBenchError(f"{out} can't be written: {error}") from error
    if html is not None:
        from medvidbench.curation.audit.page import write_page

        write_page(found, html)


def _verdict(found: Mapping[str, Any], console: Console) -> None:
    open_checks = [check["name"] for check in found["checks"] if check["outcome"] == "not checked"]
    if found["leaks"]:
        console.print(f"[bold red]{found['leaks']} leaks between train and test[/bold red]", highlight=False)
    else:
        console.print("No leak found between train and test.", highlight=False)
    if open_checks:
        console.print(f"Not checked: {', '.join(open_checks)}.", highlight=False)


def _print(found: Mapping[str, Any], console: Console) -> None:
    from medvidbench.curation.audit.page import balance_rows, number

    checks = [
        (c["name"], _MARKS[c["outcome"]], *map(number, c["compared"]), number(len(c["found"])), c["note"])
        for c in found["checks"]
    ]
    _table(console, "leaks", ("check", "outcome", "train", "test", "found", "note"), checks, marked=(1,))
    for check in found["checks"]:
        for leak in check["found"][:_SHOWN]:
            said = ", ".join(f"{key} {_said(value)}" for key, value in leak.items() if value is not None)
            console.print(f"  {check['name']}: {said}", markup=False, highlight=False, soft_wrap=True)
        if len(check["found"]) > _SHOWN:
            console.print(f"  ... and {len(check['found']) - _SHOWN} more", highlight=False)
    rows = [
        (r["task"], r["source"], number(r["train"]), number(r["test"]), _top(r["generators"]), _top(r["labels"]))
        for r in balance_rows(found)
    ]
    _table(console, "balance", ("task", "source", "train", "test", "generators", "labels"), rows)
    shares = [(s["what"], _percent(s["published"]), _percent(s["here"])) for s in found["shares"]]
    _table(console, "shares of rows", ("what", "published", "here"), shares)
    quantiles = [(name, *map(number, by_task["all"] or [None] * 5)) for name, by_task in found["quantiles"].items()]
    _table(console, "lengths and rates", ("over all rows", "least", "25 %", "median", "75 %", "most"), quantiles)
    counts = [(name, number(repeats["count"])) for name, repeats in found["duplicates"].items()]
    counts += [(name, number(value)) for name, value in found["frames"].items() if name != "unreadable"]
    counts += [(f"decision: {name}", number(count)) for name, count in found["decisions"].items()]
    counts += [(f"rejected: {name}", number(count)) for name, count in found["rejections"].items()]
    _table(console, "repeats, frames, captions", ("what", "rows"), counts)


def _table(
    console: Console, title: str, names: Sequence[str], rows: Iterable[Sequence[str]], marked: Sequence[int] = ()
) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    numeric = {"train", "test", "found", "rows", "published", "here", "least", "25 %", "median", "75 %", "most"}
    for name in names:
        table.add_column(name, justify="right" if name in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if at in marked else escape(cell) for at, cell in enumerate(row)))
    console.print(table)


def _top(counts: Mapping[str, int], shown: int = 4) -> str:
    text = ", ".join(f"{name} ({count:,})" for name, count in list(counts.items())[:shown])
    return f"{text}, {len(counts) - shown} more" if len(counts) > shown else text


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
