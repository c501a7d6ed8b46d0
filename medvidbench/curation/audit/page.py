"""The audit as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medvidbench.curation.audit.charts import charts
from medvidbench.errors import MedVidBenchError
from medvidbench.records import TASK_NAMES

CAPTIONS = {
    "balance": "Rows by task and source.",
    "shares": "Shares of rows beside those of the published benchmark (arXiv 2512.06581).",
    "words": "Length of the answers.",
    "seconds": "Length of the clips.",
    "frames": "Frames in a clip.",
    "similarity": "Similarity of the two captions of one question, where a row states it.",
}
LABELS_SHOWN = 12


def write_page(audit: Mapping[str, Any], out: Path) -> None:
    """Writes the page of what `Audit.as_json` gives.

    Raises:
        MedVidBenchError: matplotlib is not installed, or the file can't be written.
    """
    text = page(audit)
    try:
        out.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise MedVidBenchError(f"{out} can't be written: {error}") from error


def page(audit: Mapping[str, Any]) -> str:
    """The page's text; everything from the benchmark is escaped.

    Raises:
        MedVidBenchError: matplotlib is not installed.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("medvidbench.curation.audit", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["number"] = number
    # matplotlib escapes the texts that it draws, so its SVG is markup.
    pictures = {name: Markup(svg) for name, svg in charts(audit).items()}  # noqa: S704
    template = environment.get_template("page.html.j2")
    return template.render(
        audit=audit, pictures=pictures, captions=CAPTIONS, balance=balance_rows(audit), shown=LABELS_SHOWN
    )


def balance_rows(audit: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Train and test rows with labels and generators, one entry for each task and source."""
    rows: dict[tuple[Any, str], dict[str, Any]] = {}
    for entry in audit["balance"]:
        key = (entry["task"], entry["source"])
        row = rows.setdefault(key, {"task": key[0], "source": key[1], "train": 0, "test": 0})
        row[entry["split"]] = entry["rows"]
    for field in ("labels", "generators"):
        for entry in audit[field]:
            rows[entry["task"], entry["source"]][field] = entry["counts"]
    ordered = sorted(rows, key=lambda key: (TASK_NAMES.index(key[0]), key[1]))
    return [{"labels": {}, "generators": {}} | rows[key] for key in ordered]


def number(value: object) -> str:
    """A number for people: thousands apart, at most three decimals; a dash for none.

    >>> number(531850), number(0.28125), number(None)
    ('531,850', '0.281', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, float) and value != int(value):
        return f"{value:.3f}".rstrip("0")
    return f"{int(value):,}" if isinstance(value, int | float) else str(value)
