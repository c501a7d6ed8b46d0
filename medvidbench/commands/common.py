"""Option parsing shared by the commands, and the table that `score` and `eval` print."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.records import TASK_NAMES, Finding, Split, TaskName

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.evaluation.results import MetricValue, Results

SHOWN_FINDINGS = 5
INCOMPLETE = "incomplete"


@contextmanager
def without_collector() -> Iterator[None]:
    """No cyclic garbage collection inside: many rows, no cycles, and the search for some costs a tenth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def parse_tasks(text: str | None) -> list[TaskName]:
    """ "TAG,CVS" as task names, any case; None or "" is all of them (an empty list)."""
    wanted = [part.strip().upper() for part in (text or "").split(",") if part.strip()]
    known = {name: name for name in TASK_NAMES}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise MedVidBenchError(f"Unknown task {', '.join(map(repr, unknown))}.", ", ".join(TASK_NAMES))
    return [known[name] for name in TASK_NAMES if name in wanted]


def parse_sources(text: str | None) -> list[str]:
    """ "cholect50,NurViD" as published source names, any case; unknown names are passed on as they are."""
    from medvidbench.tasks.registry import SOURCE_TASKS

    known = {name.lower(): name for name in SOURCE_TASKS}
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    return [known.get(part.lower(), part) for part in parts]


def parse_split(text: str) -> Split:
    """ "train" or "test"."""
    for name in get_args(Split):
        if text == name:
            return "train" if text == "train" else "test"
    raise MedVidBenchError(f"Unknown split {text!r}.", ", ".join(get_args(Split)))


def parse_protocol(text: str | None) -> Literal["strict", "official", "both"]:
    """None is both, strict first."""
    if text is None or text == "both":
        return "both"
    if text == "strict":
        return "strict"
    if text == "official":
        return "official"
    raise MedVidBenchError(f"Unknown protocol {text!r}.", "strict, official, both")


def print_results(results: Results) -> None:
    """Every metric, one column a protocol, with interval, counts and parse rate; then notes and findings."""
    console = console_of()
    console.print(_table(results))
    for item in results.protocols():
        for note in item.notes:
            console.print(f"{item.protocol}: {note}", markup=False, highlight=False)
    print_findings([Finding(**f) for f in results.findings], console)


def console_of(width: int = 160) -> Console:
    """The terminal, or `width` columns in a pipe or a log, which has no width: never wrap a number there."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=width)


def named_path(text: str) -> tuple[str, Path]:
    """ "nurvid=/data/NurViD" as its two parts.

    Raises:
        MedVidBenchError: a part or the sign between them is missing.
    """
    name, sign, path = text.partition("=")
    if not sign or not name.strip() or not path:
        raise MedVidBenchError(f"{text!r} is not NAME=PATH.", "e.g. nurvid=/data/NurViD")
    return name.strip(), Path(path).expanduser()


def print_table(console: Console, title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows of plain text as a table, its texts without markup; nothing without rows."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _table(results: Results) -> object:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    protocols = results.protocols()
    mark = " (synthetic data)" if results.synthetic else ""
    table = Table(title=escape(f"{results.model}{mark}"), box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("metric", *(p.protocol for p in protocols), "rows", "groups", "parsed", "unscored"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    judged = any(value.coverage is not None for p in protocols for value in p.metrics.values())
    if judged:
        table.add_column("judged", justify="right", no_wrap=True)
    for name in dict.fromkeys(name for p in protocols for name in p.metrics):
        found = [p.metrics.get(name) for p in protocols]
        given = [value for value in found if value is not None]
        table.add_row(name, *map(cell, found), *_support(given), *([_coverage(given)] if judged else []))
    return table


def _coverage(values: Sequence[MetricValue]) -> str:
    """The share of rows that a judge scored, marked where it is too small to be trusted."""
    shares = [v.coverage for v in values if v.coverage is not None]
    mark = "  incomplete" if any(v.note.startswith(INCOMPLETE) for v in values) else ""
    return " / ".join(dict.fromkeys(f"{100 * share:.1f} %" for share in shares)) + mark


def cell(value: MetricValue | None) -> str:
    """Value and interval in rich markup; empty without a metric."""
    if value is None:
        return ""
    if value.value is None:
        return "undefined"
    if value.ci95 is None:
        # the share that was judged has a column of its own
        why = INCOMPLETE if value.note.startswith(INCOMPLETE) else value.note.split(";")[0]
        return f"{value.value:.3f}  {why or 'no interval'}"
    return f"{value.value:.3f}  \\[{value.ci95[0]:.3f}, {value.ci95[1]:.3f}]"


def _support(values: Sequence[MetricValue]) -> tuple[str, str, str, str]:
    """Rows, groups, parse rate and unscored rows; "a / b" where the protocols count differently."""

    def both(texts: list[str]) -> str:
        return " / ".join(dict.fromkeys(texts))

    rates = ["–" if v.parse_rate is None else f"{100 * v.parse_rate:.1f} %" for v in values]
    return (
        both([str(v.n) for v in values]),
        both([str(v.n_clusters) for v in values]),
        both(rates),
        both([str(v.n_unscored) for v in values]),
    )


def print_findings(findings: Sequence[Finding], console: Console | None = None) -> None:
    """The first few findings and how many more there are."""
    console = console or console_of()
    for f in findings[:SHOWN_FINDINGS]:
        place = f"{f.file}, {f.row}" if f.row else f.file
        console.print(f"finding: {place}: {f.what} ({f.done})", markup=False, highlight=False)
    if len(findings) > SHOWN_FINDINGS:
        console.print(f"... and {len(findings) - SHOWN_FINDINGS} more findings", highlight=False)
