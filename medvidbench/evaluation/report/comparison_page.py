"""The page that compares models: tie groups, paired differences with intervals, and the rows that differ most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from medvidbench.evaluation.comparison import Comparison, verdict
from medvidbench.evaluation.many_models import DifferingRow, ManyModels, MetricComparison
from medvidbench.evaluation.report.overview import PLOT_WIDTH
from medvidbench.evaluation.report.wording import TASK_TITLES, scale_of, task_of_metric
from medvidbench.pages import render_page
from medvidbench.records import Sample

FOLDER = Path(__file__).parent
LONGEST_TEXT = 1500
"""Characters of a question or an answer that the page shows."""


@dataclass(frozen=True)
class DifferenceLine:
    """One metric of one pair, with places for drawing (0 to `PLOT_WIDTH`, no difference in the middle)."""

    metric: str
    comparison: Comparison
    verdict: str
    at: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairView:
    """Two models: `reach` is the difference at either end of the drawing."""

    a: str
    b: str
    lines: list[DifferenceLine]
    reach: float


def build_comparison_page(found: ManyModels, samples: Mapping[str, Sample] | None = None) -> str:
    """The page as HTML text, complete in itself.

    Args:
        found: from `compare_all`.
        samples: questions and references of the rows that differ most, by id; they are left out when absent.
    """
    css = "\n".join((FOLDER / name).read_text("utf-8") for name in ("report.css", "comparison.css"))
    return render_page(
        FOLDER,
        "comparison.html.j2",
        css=css,
        found=found,
        blocks=_blocks(found),
        places=_places,
        pairs=_pairs(found),
        rows=_rows(found.differing, samples or {}),
        cut=_cut,
        titles=TASK_TITLES,
    )


def _blocks(found: ManyModels) -> list[tuple[str, str, list[MetricComparison]]]:
    """(task, title, its metrics) in the order of the metrics."""
    return [
        (task or "", TASK_TITLES[task] if task else "Other metrics", list(group))
        for task, group in groupby(found.metrics, key=lambda m: task_of_metric(m.metric))
    ]


def _places(metric: MetricComparison) -> list[float | None]:
    """Each model's value on the metric's scale, in plot coordinates."""
    low, high = scale_of(metric.metric)
    low = -1.0 if any(v < low for v in metric.values) else low
    share = [None if math.isnan(v) else min(1.0, max(0.0, (v - low) / (high - low))) for v in metric.values]
    return [None if s is None else round(PLOT_WIDTH * s, 1) for s in share]


def _pairs(found: ManyModels) -> list[PairView]:
    names = sorted({(i, j) for metric in found.metrics for i, j, _ in metric.pairs})
    return [_pair(found, i, j) for i, j in names]


def _pair(found: ManyModels, i: int, j: int) -> PairView:
    own = [(m.metric, c) for m in found.metrics for a, b, c in m.pairs if (a, b) == (i, j)]
    bounds = [abs(v) for _, c in own for v in (c.difference.ci95 or (c.difference.difference,)) if math.isfinite(v)]
    reach = math.ceil(max(bounds, default=1.0) * 10 + 1e-9) / 10

    def place(value: float) -> float | None:
        share = (value / reach + 1) / 2
        return round(PLOT_WIDTH * min(1.0, max(0.0, share)), 1) if math.isfinite(value) else None

    lines = []
    for name, c in own:
        low, high = c.difference.ci95 or (math.nan, math.nan)
        lines.append(DifferenceLine(name, c, _verdict(c), place(c.difference.difference), place(low), place(high)))
    return PairView(found.models[i], found.models[j], lines, reach)


def _verdict(comparison: Comparison) -> str:
    return {"A": "first", "B": "second"}.get(verdict(comparison), verdict(comparison))


@dataclass(frozen=True)
class RowView:
    """A row that the models differ on, with its question where it is known."""

    row: DifferingRow
    sample: Sample | None


def _rows(rows: Sequence[DifferingRow], samples: Mapping[str, Sample]) -> list[tuple[str, list[RowView]]]:
    """(task, its rows), in the order given."""
    shown = [RowView(row, samples.get(row.sample_id)) for row in rows]
    return [(task, list(group)) for task, group in groupby(shown, key=lambda item: item.row.task)]


def _cut(text: str | None) -> str:
    if text is None:
        return ""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} ... ({len(text):,} characters)"
