"""Results as a table for a paper: Markdown, LaTeX (booktabs) or CSV, one row a model.

Each number carries its interval, its count and its parse rate. The best of a column is bold; no
second place is marked, and no winner is claimed: for that, see `medvidbench compare`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Literal, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.results import MetricValue, ProtocolResults, Results

Format: TypeAlias = Literal["md", "latex", "csv"]
FORMATS: tuple[Format, ...] = ("md", "latex", "csv")
CSV_COLUMNS = (
    "model",
    "synthetic",
    "protocol",
    "source",
    "metric",
    "value",
    "ci95_low",
    "ci95_high",
    "n",
    "n_clusters",
    "n_unparsed",
    "n_unscored",
    "parse_rate",
    "note",
)


def render_table(
    results: Sequence[Results], form: str, protocol: str | None = None, metrics: Sequence[str] = (), source: str = ""
) -> str:
    """The table as text.

    Args:
        protocol: "strict" or "official"; None takes each file's main protocol, which must then be the same.
        metrics: column names in order; empty takes every metric that any of the files has.
        source: one source's numbers; "" takes those over all sources.

    Raises:
        MedVidBenchError: unknown format, metric, source or protocol, or files of different main protocols.
    """
    chosen = [_pick(r, protocol or _common_protocol(results)) for r in results]
    rows = [(r, p, _numbers(p, source)) for r, p in zip(results, chosen, strict=True)]
    columns = _columns([numbers for _, _, numbers in rows], metrics)
    if form == "csv":
        return _csv(rows, columns, source)
    if form == "md":
        return _markdown(rows, columns)
    if form == "latex":
        return _latex(rows, columns)
    raise MedVidBenchError(f"Unknown table format {form!r}.", ", ".join(FORMATS))


Row: TypeAlias = tuple[Results, ProtocolResults, dict[str, MetricValue]]


def _common_protocol(results: Sequence[Results]) -> str:
    names = sorted({r.protocol for r in results})
    if len(names) > 1:
        raise MedVidBenchError(
            f"The files have different main protocols: {', '.join(names)}.", remedy="pass --protocol strict or official"
        )
    return names[0]


def _pick(results: Results, protocol: str) -> ProtocolResults:
    found = {p.protocol: p for p in results.protocols()}
    for name, item in found.items():
        if name == protocol:
            return item
    raise MedVidBenchError(
        f"The results of {results.model} have no protocol {protocol!r}.", ", ".join(found), "score with --protocol both"
    )


def _numbers(item: ProtocolResults, source: str) -> dict[str, MetricValue]:
    if not source:
        return item.metrics
    if source not in item.sources:
        raise MedVidBenchError(f"No numbers for the source {source!r}.", ", ".join(item.sources))
    return item.sources[source]


def _columns(rows: Sequence[dict[str, MetricValue]], wanted: Sequence[str]) -> list[str]:
    known = list(dict.fromkeys(name for numbers in rows for name in numbers))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise MedVidBenchError(f"Unknown metric {', '.join(map(repr, unknown))}.", ", ".join(known))
    return list(wanted) or known


def _best(rows: Sequence[Row], name: str) -> float | None:
    values = [n[name].value for _, _, n in rows if name in n]
    known = [v for v in values if v is not None]
    return max(known) if len(known) > 1 else None


def _model_name(results: Results) -> str:
    return f"{results.model} (synthetic data)" if results.synthetic else results.model


def _support(value: MetricValue) -> str:
    rate = "no answers" if value.parse_rate is None else f"{100 * value.parse_rate:.0f} % parsed"
    return f"n={value.n}, {rate}"


def _interval(value: MetricValue) -> str:
    return value.note or "no interval" if value.ci95 is None else f"[{value.ci95[0]:.3f}, {value.ci95[1]:.3f}]"


def _markdown(rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = ["| model | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for results, _, numbers in rows:
        cells = [_markdown_cell(numbers.get(name), _best(rows, name)) for name in columns]
        lines.append("| " + " | ".join([_escape_markdown(_model_name(results)), *cells]) + " |")
    return "\n".join([*lines, "", _caption(rows)]) + "\n"


def _markdown_cell(value: MetricValue | None, best: float | None) -> str:
    if value is None or value.value is None:
        return "–"
    number = f"**{value.value:.3f}**" if value.value == best else f"{value.value:.3f}"
    return f"{number} {_interval(value)} ({_support(value)})"


def _caption(rows: Sequence[Row]) -> str:
    protocol = rows[0][1].protocol
    return (
        f"Protocol {protocol}; in brackets the 95 % interval clustered by patient, trainee or video; – means no number."
    )


def _escape_markdown(text: str) -> str:
    table = str.maketrans({c: "\\" + c for c in "\\|*_`[]#~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " "})
    return text.translate(table)


def _latex(rows: Sequence[Row], columns: Sequence[str]) -> str:
    head = " & ".join(["Model", *map(_escape_latex, columns)]) + r" \\"
    lines = [r"% needs \usepackage{booktabs}", r"\begin{tabular}{l" + "r" * len(columns) + "}", r"\toprule", head]
    lines.append(r"\midrule")
    for results, _, numbers in rows:
        cells = [_latex_cell(numbers.get(name), _best(rows, name)) for name in columns]
        lines.append(" & ".join([_escape_latex(_model_name(results)), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", "% " + _caption(rows)]) + "\n"


def _latex_cell(value: MetricValue | None, best: float | None) -> str:
    if value is None or value.value is None:
        return "--"
    number = rf"\textbf{{{value.value:.3f}}}" if value.value == best else f"{value.value:.3f}"
    return rf"{number} {{\scriptsize {_escape_latex(_interval(value))} ({_escape_latex(_support(value))})}}"


def _escape_latex(text: str) -> str:
    special: dict[str, str | int | None] = {c: "\\" + c for c in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "\n": " "}
    return text.translate(str.maketrans(special))


def _csv(rows: Sequence[Row], columns: Sequence[str], source: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for results, item, numbers in rows:
        for name in columns:
            value = numbers.get(name)
            if value is not None:
                low, high = value.ci95 or ("", "")
                cells = [_safe_cell(results.model), results.synthetic, item.protocol, source or "all", name]
                counts = [value.n, value.n_clusters, value.n_unparsed, value.n_unscored, value.parse_rate]
                writer.writerow([*cells, value.value, low, high, *counts, value.note])
    return out.getvalue()


def _safe_cell(text: str) -> str:
    """A name that a spreadsheet would run as a formula is kept as text by a leading apostrophe."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
