"""A table as Markdown, LaTeX, CSV or JSON. Names and notes can hold anything; in no form do they become markup."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable

from medvidbench.leaderboards.entries import Entry, Number
from medvidbench.leaderboards.tables import Cell, Table

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
    "team",
    "table",
    "date",
    "blind",
    "coverage",
    "flags",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")
"""First characters that make some spreadsheet run a cell, after white space is left out."""


def markdown(table: Table) -> str:
    """Markdown as GitHub and pandoc read it; the underline is an `ins` element."""
    heads = [*table.info, *(_escape_markdown(table.head(c)) for c in table.columns)]
    lines = ["| model | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for entry, cells in table.rows:
        texts = [_escape_markdown(text) for text in _info(table, entry)]
        texts += [_markdown_cell(cell, table) for cell in cells]
        lines.append("| " + " | ".join([_escape_markdown(_model_name(entry)), *texts]) + " |")
    return "\n".join([*lines, "", _escape_notes(" ".join(table.notes))]) + "\n"


def latex(table: Table) -> str:
    """A `tabular` for booktabs, blind baselines under a rule; notes as comments."""
    heads = [head.capitalize() for head in ["model", *table.info]]
    heads += [_escape_latex(table.head(c)) for c in table.columns]
    shape = "l" * (1 + len(table.info)) + "r" * len(table.columns)
    lines = [r"% needs \usepackage{booktabs}", r"\begin{tabular}{" + shape + "}", r"\toprule"]
    lines += [" & ".join(heads) + r" \\", r"\midrule"]
    for number, (entry, cells) in enumerate(table.rows):
        if entry.blind and number and not table.rows[number - 1][0].blind:
            lines.append(r"\midrule")
        texts = [_escape_latex(text) for text in (_model_name(entry), *_info(table, entry))]
        if texts[0].startswith(("[", "*")):  # to LaTeX that would belong to the end of the row before
            texts[0] = "{}" + texts[0]
        lines.append(" & ".join([*texts, *(_latex_cell(cell, table) for cell in cells)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *("% " + _one_line(n) for n in table.notes)]) + "\n"


def comma_separated(table: Table) -> str:
    """One line a number, everything that is known of it; text that a spreadsheet would run is kept as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for entry, cells in table.rows:
        for column, cell in zip(table.columns, cells, strict=True):
            if cell.number is not None:
                n = cell.number
                texts = [_safe_cell(entry.model), entry.synthetic, column.protocol, _safe_cell(column.source or "all")]
                values = [_safe_cell(column.metric), n.value, n.low, n.high, n.n, n.n_clusters]
                counts = [n.n_unparsed, n.n_unscored, n.parse_rate, _safe_cell(n.note)]
                about = [_safe_cell(entry.team), entry.table, entry.date, entry.blind, n.coverage]
                writer.writerow([*texts, *values, *counts, *about, _safe_cell(_flags(entry, column.metric))])
    return out.getvalue()


def as_json(table: Table) -> str:
    """`{"columns": [...], "rows": [...], "notes": [...]}`; the numbers of a row in the order of the columns."""
    content = {
        "columns": [{"protocol": c.protocol, "source": c.source, "metric": c.metric} for c in table.columns],
        "rows": [
            {
                "entry_id": entry.entry_id,
                "model": entry.model,
                "team": entry.team,
                "date": entry.date,
                "table": entry.table,
                "synthetic": entry.synthetic,
                "blind": entry.blind,
                "place": table.places.get(entry.entry_id),
                "numbers": [None if cell.number is None else cell.number.model_dump() for cell in cells],
                "flags": [flag.model_dump() for flag in entry.flags],
            }
            for entry, cells in table.rows
        ],
        "notes": list(table.notes),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


FORMS: dict[str, Callable[[Table], str]] = {"md": markdown, "latex": latex, "csv": comma_separated, "json": as_json}


# --- what the forms share ---------------------------------------------------------------------------------------------


def _model_name(entry: Entry) -> str:
    return f"{entry.model} (synthetic data)" if entry.synthetic else entry.model


def _info(table: Table, entry: Entry) -> list[str]:
    place = table.places.get(entry.entry_id)
    texts = {"place": "–" if place is None else str(place), "team": entry.team, "table": entry.table}
    texts["date"] = entry.date
    return [texts[name] for name in table.info]


def _flags(entry: Entry, metric: str) -> str:
    return "; ".join(f"{flag.kind}: {flag.what}" for flag in entry.flags if metric in flag.metrics or not flag.metrics)


def _support(number: Number) -> str:
    if number.n is None:
        return ""
    rate = "no answers" if number.parse_rate is None else f"{100 * number.parse_rate:.0f} % parsed"
    return f"n={number.n}, {rate}"


def _interval(number: Number, digits: int) -> str:
    if number.low is None or number.high is None:
        return number.note or "no interval"
    return f"[{number.low:.{digits}f}, {number.high:.{digits}f}]"


def _details(number: Number, table: Table) -> list[str]:
    """The interval and, in brackets, the counts; as much of both as is shown and known."""
    if table.show == "values":
        return []
    support = _support(number) if table.show == "all" else ""
    return [_interval(number, table.digits), *([f"({support})"] if support else [])]


def _marks(cell: Cell) -> str:
    return ("=" if cell.tied else "") + ("!" if cell.flagged else "")


def _one_line(text: str) -> str:
    """White space as blanks, and no control or direction characters, which could hide or turn what follows."""
    kept = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
    return " ".join(kept.split())


# --- Markdown ---------------------------------------------------------------------------------------------------------


def _markdown_cell(cell: Cell, table: Table) -> str:
    if cell.number is None or cell.number.value is None:
        return "–"
    text = f"{cell.number.value:.{table.digits}f}"
    text = {"best": f"**{text}**", "second": f"<ins>{text}</ins>", "": text}[cell.mark]
    details = [_escape_notes(part) for part in _details(cell.number, table)]
    return " ".join([text + _marks(cell), *details])


def _escape_markdown(text: str, brackets: str = "[]") -> str:
    special: dict[str, str | int | None] = {c: "\\" + c for c in "\\|*`#~" + brackets}
    special |= {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
    # an underscore inside a word is one to Markdown too, and CVS_acc stays readable
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", _one_line(text).translate(str.maketrans(special)))


def _escape_notes(text: str) -> str:
    """For sentences and intervals, whose brackets stay readable."""
    return _escape_markdown(text, brackets="")


# --- LaTeX ------------------------------------------------------------------------------------------------------------


def _latex_cell(cell: Cell, table: Table) -> str:
    if cell.number is None or cell.number.value is None:
        return "--"
    text = f"{cell.number.value:.{table.digits}f}"
    text = {"best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}", "": text}[cell.mark]
    marks = _marks(cell)
    details = " ".join(_details(cell.number, table))
    small = rf" {{\scriptsize {_escape_latex(details)}}}" if details else ""
    raised = f"$^{{{marks}}}$" if marks else ""
    # without room for themselves, marks leave the digits of a column one below the other
    return text + (raised if details or not marks else rf"\rlap{{{raised}}}") + small


def _escape_latex(text: str) -> str:
    special: dict[str, str | int | None] = {c: "\\" + c for c in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--"}
    special |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
    return _one_line(text).translate(str.maketrans(special))


# --- CSV --------------------------------------------------------------------------------------------------------------


def _safe_cell(text: str) -> str:
    """What a spreadsheet would run as a formula is kept as text by a leading apostrophe."""
    return "'" + text if text[:1].isspace() or text.lstrip().startswith(FORMULA) else text
