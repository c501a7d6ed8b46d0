"""Interval dot plots for papers: one panel a task, one row a metric, one dot a model with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.evaluation.report.wording import TASK_TITLES, scale_of, task_of_metric
from medvidbench.evaluation.results import MetricValue, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = (".svg", ".png", ".pdf")
BOARD = (
    *("TAG_mIoU", "TAG_R1@0.3", "TAG_R1@0.5", "TAG_F1@0.5", "STG_mIoU", "DVC_F1", "NAP_acc"),
    *("SA_acc", "SA_kappa", "CVS_acc", "CVS_bacc", "CVS_kappa"),
)
"""Metrics of the strict protocol that are drawn when none are named."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito: told apart by eyes that see no red. The markers differ, too, for print without colour."""
MARKERS = ("o", "s", "^", "D", "v", "P")
BLIND = "#6b6b6b"
WIDTH = 5.2
ROW = 0.11
"""Inches: of the figure, and of one model's dot."""


def plot_intervals(
    results: Sequence[Results], out: Path, protocol: str | None = None, metrics: Sequence[str] = (), source: str = ""
) -> list[str]:
    """Write the figure; blind models ("blind:...") are hollow and grey.

    Args:
        results: one or more, in the order of the legend.
        out: .svg, .png or .pdf.
        protocol: None takes the main one of the first.
        metrics: which, in order; empty draws `BOARD`, or all of the official protocol.
        source: one source's numbers; "" takes those over all.

    Returns:
        The metrics drawn.

    Raises:
        MedVidBenchError: matplotlib is missing, another file ending, different data, or an unknown protocol, metric or
            source.
    """
    if out.suffix.lower() not in FORMS:
        raise MedVidBenchError(f"{out} ends with {out.suffix!r}.", ", ".join(FORMS))
    if not results:
        raise MedVidBenchError("No results to draw.", "one or more results.json")
    try:
        import matplotlib
    except ImportError:
        raise missing_extra("matplotlib", "report", "Drawing a figure") from None
    wanted = protocol or results[0].protocol
    tables = [_table(r, wanted, source, results[0]) for r in results]
    names = _chosen(tables, metrics, wanted)
    # no date and no random ids: the same results give the same bytes
    with matplotlib.rc_context({"svg.hashsalt": "medvidbench", "svg.fonttype": "none", "font.size": 8}):
        figure = _draw([r.model for r in results], tables, names)
        figure.supxlabel(_caption(results, wanted, source), fontsize=7)
        _save(figure, out)
    return names


def _table(results: Results, protocol: str, source: str, first: Results) -> dict[str, MetricValue]:
    if results.data["sha256"] != first.data["sha256"]:
        raise MedVidBenchError(f"{results.model} and {first.model} rest on different data.", "results of one benchmark")
    table = next((p for p in results.protocols() if p.protocol == protocol), None)
    if table is None:
        raise MedVidBenchError(f"{results.model} has no numbers of the protocol {protocol!r}.", "strict, official")
    if source and source not in table.sources:
        raise MedVidBenchError(f"{results.model} has no source {source!r}.", ", ".join(table.sources))
    return table.sources[source] if source else table.metrics


def _chosen(tables: Sequence[dict[str, MetricValue]], metrics: Sequence[str], protocol: str) -> list[str]:
    known = list(dict.fromkeys(name for table in tables for name in table))
    unknown = [name for name in metrics if name not in known]
    if unknown:
        raise MedVidBenchError(f"Unknown metric {', '.join(map(repr, unknown))}.", ", ".join(known))
    return list(metrics) or [name for name in known if protocol != "strict" or name in BOARD] or known


def _draw(models: Sequence[str], tables: Sequence[dict[str, MetricValue]], names: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure

    panels = [
        (task, list(group)) for task, group in groupby(names, key=lambda name: (task_of_metric(name), scale_of(name)))
    ]
    row = max(0.24, ROW * len(models) + 0.08)
    heights = [row * len(group) + 0.42 for _, group in panels]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.75), layout="constrained")
    grid: Any = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axes, ((task, _), group) in zip(grid[:, 0], panels, strict=True):
        axes.set_title(TASK_TITLES[task] if task else "Other", loc="left", fontsize=8, fontweight="bold", pad=3)
        _panel(axes, group, models, tables)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(3, len(models)), frameon=False, fontsize=8)
    return figure


def _panel(axes: Axes, names: Sequence[str], models: Sequence[str], tables: Sequence[dict[str, MetricValue]]) -> None:
    step = 0.7 / max(1, len(models))
    colours = _colours(models)
    for i, (model, table) in enumerate(zip(models, tables, strict=True)):
        offset = (i - (len(models) - 1) / 2) * step
        style: dict[str, Any] = {
            "color": colours[i],
            "marker": MARKERS[i % len(MARKERS)],
            "markersize": 4.2,
            "linestyle": "none",
        }
        face = "white" if model.startswith("blind:") else colours[i]
        values = [(table[name], row + offset) for row, name in enumerate(names) if name in table]
        for value, at in values:
            if value.ci95 is not None:
                axes.plot(value.ci95, [at, at], color=colours[i], linewidth=1.3, solid_capstyle="butt", zorder=2)
        known = [(v.value, at) for v, at in values if v.value is not None]
        x, y = [v for v, _ in known], [at for _, at in known]
        axes.plot(x, y, label=model, markerfacecolor=face, zorder=3, **style)
    _finish(axes, names, tables)


def _colours(models: Sequence[str]) -> list[str]:
    seeing = [model for model in models if not model.startswith("blind:")]
    return [BLIND if m.startswith("blind:") else COLOURS[seeing.index(m) % len(COLOURS)] for m in models]


def _finish(axes: Axes, names: Sequence[str], tables: Sequence[dict[str, MetricValue]]) -> None:
    found = [table[name] for table in tables for name in names if name in table]
    numbers = [v for m in found for v in ((m.value, *m.ci95) if m.ci95 else (m.value,)) if v is not None]
    low, high = scale_of(names[0])
    axes.set_xlim(min(low, *numbers, low) - 0.01, high + 0.01)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="x", color="#d9d9d9", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _caption(results: Sequence[Results], protocol: str, source: str) -> str:
    parts = [
        f"Protocol {protocol}{f', {source}' if source else ''}; 95 % intervals clustered by patient, trainee or video"
    ]
    tables = [p for r in results for p in r.protocols() if p.protocol == protocol]
    if any(m.ci95 is None for t in tables for m in t.metrics.values()):
        parts.append("no line: too few of them for an interval")
    if any(r.synthetic for r in results):
        parts.append("SYNTHETIC DATA")
    return "; ".join(parts)


def _save(figure: Figure, out: Path) -> None:
    form = out.suffix.lower()[1:]
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, format=form, dpi=300, metadata=dated)
    except OSError as error:
        raise MedVidBenchError(f"{out} can't be written: {error.strerror}.") from error
