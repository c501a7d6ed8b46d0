"""The certificate as one page: figures in tables, intervals also as small drawings, every text escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medvidbench.judges.base import DIMENSIONS
from medvidbench.judges.certificate.probes import EXPECTED

GOOD, FAIR = 0.95, 0.8
KIND_WORDS = {
    "concept": "rules and a lexicon, no language model",
    "llm": "large language model",
    "baseline": "text similarity",
}


def render(content: Mapping[str, Any]) -> str:
    """The page of a certificate's content."""
    from medvidbench.pages import render_page

    folder = Path(__file__).parent
    return render_page(
        folder,
        "certificate.html.j2",
        css=(folder / "certificate.css").read_text(encoding="utf-8"),
        c=content,
        dimensions=DIMENSIONS,
        kinds=[kind for kind, expected in EXPECTED.items() if expected.group == "corrupted"],
        kind_words=KIND_WORDS,
        record=json.dumps(content["judge"]["record"], indent=1, ensure_ascii=False),
        number=number,
        interval=interval,
        percent=percent,
        grade=grade,
        words=words,
        whisker=whisker,
    )


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def interval(estimate: Mapping[str, Any] | None, digits: int = 3) -> str:
    """An estimate's interval in brackets, or nothing."""
    bounds = (estimate or {}).get("ci95")
    return f"[{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]" if bounds else ""


def percent(value: float | None) -> str:
    """A share in per cent with one decimal."""
    return "–" if value is None else f"{100 * value:.1f} %"


def grade(value: float | None) -> str:
    """The colour of an AUC; the number stands beside it."""
    if value is None:
        return ""
    return "good" if value >= GOOD else "warn" if value >= FAIR else "bad"


def words(name: str) -> str:
    """A name as people write it.

    >>> words("wrong_instrument")
    'wrong instrument'
    """
    return name.replace("_", " ")


def whisker(estimate: Mapping[str, Any], width: int = 120) -> dict[str, float] | None:
    """Places in pixels of a dot and its interval on the line from 0 to 1; None without a value."""
    value = estimate.get("value")
    if value is None:
        return None
    low, high = estimate.get("ci95") or (value, value)
    at = [round(4 + (width - 8) * min(1.0, max(0.0, x)), 1) for x in (low, value, high)]
    return {"low": at[0], "value": at[1], "high": at[2], "width": width}
