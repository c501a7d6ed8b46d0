"""The numbers of a report as its template shows them: facts, metric tables with interval plots, tasks by source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvidbench.evaluation.report.inputs import ReportInput
from medvidbench.evaluation.report.wording import TASK_TITLES, scale_of, task_of_metric
from medvidbench.evaluation.results import MetricValue, ProtocolResults, Results
from medvidbench.records import TASK_NAMES

PLOT_WIDTH = 200.0
"""Units of a plot's own coordinate system."""


@dataclass(frozen=True)
class Plot:
    """A value with its interval and other models' values, in plot coordinates (0 to `PLOT_WIDTH`)."""

    value: float | None
    low: float | None
    high: float | None
    blind: list[float | None]
    ends: tuple[str, str]


@dataclass(frozen=True)
class MetricLine:
    """One row of a metric table. `beside` is what is to be said of the blind models, or ""."""

    name: str
    value: MetricValue
    blind: list[MetricValue | None]
    plot: Plot
    beside: str = ""


@dataclass(frozen=True)
class TaskBlock:
    """A task's metrics over all sources, and by source: (source, {metric: value})."""

    task: str
    title: str
    lines: list[MetricLine]
    sources: list[tuple[str, dict[str, MetricValue]]] = field(default_factory=list)


@dataclass(frozen=True)
class ProtocolView:
    """One protocol's tables."""

    name: str
    blocks: list[TaskBlock]
    notes: list[str]


def protocol_views(results: Results, blind: Sequence[Results]) -> list[ProtocolView]:
    """The tables of each protocol, the main one first; blind models that lack a protocol have empty places there."""
    return [
        _view(item, [_same(b, item.protocol) for b in blind], [b.model for b in blind]) for item in results.protocols()
    ]


def _same(results: Results, protocol: str) -> ProtocolResults | None:
    return next((p for p in results.protocols() if p.protocol == protocol), None)


def _view(item: ProtocolResults, blind: Sequence[ProtocolResults | None], names: Sequence[str]) -> ProtocolView:
    blocks = []
    for task in (*TASK_NAMES, None):
        own = [name for name in item.metrics if task_of_metric(name) == task]
        lines = [
            _line(name, item.metrics[name], [b.metrics.get(name) if b else None for b in blind], names) for name in own
        ]
        sources = [(source, found) for source, table in item.sources.items() if (found := _of_task(table, own))]
        if lines:
            blocks.append(TaskBlock(task or "", TASK_TITLES[task] if task else "Other metrics", lines, sources))
    return ProtocolView(item.protocol, blocks, item.notes)


def _of_task(table: Mapping[str, MetricValue], names: Sequence[str]) -> dict[str, MetricValue]:
    return {name: table[name] for name in names if name in table}


def _line(name: str, value: MetricValue, blind: list[MetricValue | None], names: Sequence[str]) -> MetricLine:
    others = [b.value if b else None for b in blind]
    return MetricLine(name, value, blind, plot_of(name, value, others), _beside_blind(value, others, names))


def plot_of(name: str, value: MetricValue, others: Sequence[float | None] = ()) -> Plot:
    """Places on the metric's scale; a kappa below 0 widens the scale to -1."""
    low, high = scale_of(name)
    numbers = [value.value, *(value.ci95 or ()), *others]
    if any(v is not None and v < low for v in numbers):
        low = -1.0

    def place(v: float | None) -> float | None:
        return None if v is None else round(PLOT_WIDTH * min(1.0, max(0.0, (v - low) / (high - low))), 1)

    ci = value.ci95 or (None, None)
    return Plot(place(value.value), place(ci[0]), place(ci[1]), [place(o) for o in others], (f"{low:g}", f"{high:g}"))


def _beside_blind(value: MetricValue, others: Sequence[float | None], names: Sequence[str]) -> str:
    """Whether the model's interval leaves the best blind value behind; no test, and said so on the page."""
    known = [(v, name) for v, name in zip(others, names, strict=True) if v is not None]
    if not known or value.value is None:
        return ""
    best, name = max(known)
    name = name.removeprefix("blind:")
    if value.value <= best:
        return f"not above {name}"
    if value.ci95 is not None and value.ci95[0] <= best:
        return f"interval reaches {name}"
    return ""


def row_counts(report: ReportInput) -> dict[str, Any]:
    """Rows by what became of them: answers given, read, unreadable, and unscored by reason."""
    rows = [item.row for item in report.items]
    states = Counter(row["status"] for row in rows)
    reasons = Counter(_kind(row["reason"]) for row in rows if row["status"] == "unscored")
    given = sum(not row["reason"].startswith(("no prediction", "call failed")) for row in rows)
    unread = states["unparsed"]
    return {
        "samples": len(rows),
        "given": given,
        "unparsed": unread,
        "read_share": (given - unread) / given if given else None,
        "unscored": states["unscored"],
        "reasons": reasons.most_common(),
        "failed": reasons["call failed"],
        "missing": reasons["no prediction"],
    }


def _kind(reason: str) -> str:
    return reason.partition(":")[0] or "no reason given"


def run_facts(run: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """A run's settings as name and text, nested names joined by dots; the time axis has its own badge."""
    facts: list[tuple[str, str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), item)
        elif isinstance(value, (list, tuple)):
            facts.append((prefix, ", ".join(map(str, value))))
        else:
            facts.append((prefix, f"{value:g}" if isinstance(value, float) else str(value)))

    walk("", {key: value for key, value in (run or {}).items() if key != "time_axis"})
    return facts


def time_axis(run: Mapping[str, Any] | None) -> dict[str, str] | None:
    """The badge of the time-axis check: `text`, `kind` (good, bad) and `detail`; None when it was not made."""
    found = (run or {}).get("time_axis")
    if not isinstance(found, Mapping) or "passed" not in found:
        return None
    passed = found["passed"] is True
    parts = [f"times reach the model by {found['channel']}"] if found.get("channel") else []
    if isinstance(found.get("worst_error"), (int, float)):
        parts.append(f"worst error {found['worst_error']:.3g} s")
    text = "Time axis proven" if passed else "Time axis NOT proven"
    return {"text": text, "kind": "good" if passed else "bad", "detail": "; ".join(parts)}


def last_name(path: str) -> str:
    """The last part of a path: a page may be passed on, and the folders above can name a person."""
    return Path(path).name or path


def duration_text(seconds: Any) -> str:
    """ "1 h 02 min", "3 min 05 s" or "4.2 s"; "" for what is no number.

    >>> duration_text(3725)
    '1 h 02 min'
    """
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60) if seconds >= 3600 else int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if seconds >= 3600 else f"{minutes} min {seconds % 60:02.0f} s"
