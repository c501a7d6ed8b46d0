"""`medvidbench compare`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of, parse_protocol

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.evaluation.comparison import Comparison
    from medvidbench.evaluation.many_models import ManyModels
    from medvidbench.evaluation.results import Results
    from medvidbench.records import Sample

SHOWN_ROWS = 3
"""Differing rows of each task that are printed; JSON and page hold more."""


def run(
    a: Path,
    b: Path,
    protocol: str | None,
    as_json: bool,
    more: Sequence[Path] = (),
    html: Path | None = None,
    data: Path | None = None,
    top: int = 10,
) -> None:
    """Read the results, compare every pair, print; write the page when asked.

    Args:
        more: results beyond the first two.
        html: page to write.
        data: benchmark for the questions on the page; where the results say that it was, when None.
        top: rows that differ most, of each task.
    """
    from medvidbench.evaluation.many_models import compare_all
    from medvidbench.evaluation.results import read_results

    wanted = None if protocol is None else parse_protocol(protocol)
    models = [(read_results(path), path) for path in (a, b, *more)]
    found = compare_all(models, wanted, top)
    if html is not None:
        _write_page(html, found, models[0][0], data)
    if as_json:
        print(json.dumps(_as_dict(found), indent=2))  # noqa: T201
        return
    _print(found)
    if html is not None:
        print(f"Page: {html}")  # noqa: T201


def _write_page(path: Path, found: ManyModels, results: Results, data: Path | None) -> None:
    from medvidbench.evaluation.report.comparison_page import build_comparison_page
    from medvidbench.pages import write_page

    write_page(path, build_comparison_page(found, _samples(results, found, data)))


def _samples(results: Results, found: ManyModels, data: Path | None) -> dict[str, Sample]:
    """The samples of the rows that differ most, where the data is at hand."""
    from medvidbench.errors import MedVidBenchError
    from medvidbench.evaluation.data import load_data

    place = data or Path(results.data["path"])
    wanted = {row.sample_id for row in found.differing}
    try:
        return {s.sample_id: s for s in load_data(place).samples if s.sample_id in wanted}
    except MedVidBenchError:
        if data is not None:
            raise
        return {}


def _as_dict(found: ManyModels) -> dict[str, Any]:
    """`metrics` has one entry for each metric and pair, `values` one for each metric."""
    from medvidbench.evaluation.results import finite

    pairs = [
        {"metric": m.metric, "model_a": found.models[i], "model_b": found.models[j], **_pair_dict(c)}
        for m in found.metrics
        for i, j, c in m.pairs
    ]
    values = [
        {
            "metric": m.metric,
            "values": {name: finite(v) for name, v in zip(found.models, m.values, strict=True)},
            "tie_groups": [[found.models[i] for i in group] for group in m.groups],
        }
        for m in found.metrics
    ]
    rows = [
        {
            "sample_id": row.sample_id,
            "task": row.task,
            "source": row.source,
            "metric": row.metric,
            "scores": dict(zip(found.models, row.scores, strict=True)),
            "spread": row.spread,
            "answers": dict(zip(found.models, row.answers, strict=True)),
        }
        for row in found.differing
    ]
    head: dict[str, Any] = {
        "models": found.models,
        "protocol": found.protocol,
        "synthetic": found.synthetic,
        "rows": found.rows,
    }
    head |= {"left_out": dict(zip(found.models, found.left_out, strict=True)), "tests": found.tests}
    return {**head, "metrics": pairs, "values": values, "differing": rows}


def _pair_dict(row: Comparison) -> dict[str, Any]:
    from medvidbench.evaluation.comparison import verdict
    from medvidbench.evaluation.results import finite

    d = row.difference
    return {
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


def _print(found: ManyModels) -> None:
    console = console_of(170)
    if len(found.models) > 2:
        _print_values(found, console)
    for i, j in sorted({(i, j) for m in found.metrics for i, j, _ in m.pairs}):
        _print_pair(found, i, j, console)
    console.print("detectable: the smallest true difference found with 80 % power at these rows and groups")
    console.print(f"p (Holm): corrected over {found.tests} tests together", highlight=False)
    for name, n in zip(found.models, found.left_out, strict=True):
        if n:
            console.print(f"{name}: {n} rows that another model answered are left out", markup=False, highlight=False)
    _print_rows(found, console)


def _print_values(found: ManyModels, console: Console) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    title = "Values; models that share a letter are not told apart"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("metric", *found.models):
        table.add_column(escape(name), justify="left" if name == "metric" else "right", no_wrap=True)
    for m in found.metrics:
        letters = m.letters if m.groups else ["?"] * len(m.values)
        table.add_row(m.metric, *(f"{_shown(v, '.3f')} {x:3}" for v, x in zip(m.values, letters, strict=True)))
    console.print(table)
    if any(not m.groups for m in found.metrics):
        console.print("?: too few groups for a test")


def _print_pair(found: ManyModels, i: int, j: int, console: Console) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from medvidbench.evaluation.comparison import verdict

    title = f"A = {found.models[i]}, B = {found.models[j]}: paired differences on the rows that all answered"
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left")
    tested = ("A - B", "95 % interval", "p", "p (Holm)", "detectable", "rows", "groups", "better")
    for name in ("metric", "A", "B", *tested):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    for m in found.metrics:
        for row in (c for a, b, c in m.pairs if (a, b) == (i, j)):
            d = row.difference
            interval = d.note or "no interval" if d.ci95 is None else f"{d.ci95[0]:+.3f} to {d.ci95[1]:+.3f}"
            numbers = (_shown(row.a, ".3f"), _shown(row.b, ".3f"), _shown(d.difference, "+.3f"), interval)
            test = (_shown(d.p, ".3g"), _shown(row.p_holm, ".3g"), _shown(d.mdd, ".3f"))
            table.add_row(m.metric, *numbers, *test, str(d.n), str(d.n_clusters), verdict(row))
    console.print(table)


def _print_rows(found: ManyModels, console: Console) -> None:
    """The rows of each task whose scores lie farthest apart, one line each."""
    shown: dict[str, int] = {}
    for row in found.differing:
        shown[row.task] = shown.get(row.task, 0) + 1
        if shown[row.task] == 1:
            console.print(f"\n{row.task}: rows that differ most ({row.metric})", highlight=False)
        if shown[row.task] <= SHOWN_ROWS:
            scores = ", ".join(f"{n} {s:.2f}" for n, s in zip(found.models, row.scores, strict=True))
            console.print(f"  {row.sample_id}  {row.source}: {scores}", markup=False, highlight=False)


def _shown(value: float, form: str) -> str:
    """The number, or a dash where there is none."""
    return format(value, form) if math.isfinite(value) else "–"
