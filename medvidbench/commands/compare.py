"""`medvidbench compare`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from medvidbench.commands.common import console_of, parse_protocol
from medvidbench.evaluation.comparison import Comparison, compare, verdict
from medvidbench.evaluation.results import finite, read_results


def run(a: Path, b: Path, protocol: str | None, as_json: bool) -> None:
    """Read both results, compare, print."""
    wanted = None if protocol is None else parse_protocol(protocol)
    left, right = read_results(a), read_results(b)
    rows = compare((left, a), (right, b), wanted)
    if as_json:
        lines = [_as_dict(row) for row in rows]
        print(json.dumps({"a": left.model, "b": right.model, "metrics": lines}, indent=2))  # noqa: T201
        return
    _print(rows, left.model, right.model)


def _as_dict(row: Comparison) -> dict[str, Any]:
    d = row.difference
    return {
        "metric": row.metric,
        "a": finite(row.a),
        "b": finite(row.b),
        "difference": finite(d.difference),
        "ci95": d.ci95,
        "p": finite(d.p),
        "p_holm": finite(row.p_holm),
        "minimum_detectable_difference": finite(d.mdd),
        "n": d.n,
        "n_clusters": d.n_clusters,
        "verdict": verdict(row),
        "note": d.note,
    }


def _print(rows: list[Comparison], a: str, b: str) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    title = f"A = {a}, B = {b}: paired differences on the rows that both answered"
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left")
    for name in (
        "metric",
        "A",
        "B",
        "A - B",
        "95 % interval",
        "p",
        "p (Holm)",
        "detectable",
        "rows",
        "groups",
        "better",
    ):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    for row in rows:
        d = row.difference
        interval = d.note or "no interval" if d.ci95 is None else f"{d.ci95[0]:+.3f} to {d.ci95[1]:+.3f}"
        numbers = (_shown(row.a, ".3f"), _shown(row.b, ".3f"), _shown(d.difference, "+.3f"), interval)
        tested = (_shown(d.p, ".3g"), _shown(row.p_holm, ".3g"), _shown(d.mdd, ".3f"))
        rest = (*tested, str(d.n), str(d.n_clusters), verdict(row))
        table.add_row(row.metric, *numbers, *rest)
    console = console_of(170)
    console.print(table)
    console.print("detectable: the smallest true difference found with 80 % power at these rows and groups")


def _shown(value: float, form: str) -> str:
    """The number, or a dash where there is none."""
    return format(value, form) if math.isfinite(value) else "–"
