"""Reward statistics for people: a table, and a histogram of each reward by source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medvidbench.errors import MedVidBenchError
from medvidbench.training.baseline import FEWEST, BaselineStatistics, Earned, PartStatistics
from medvidbench.training.normalisation import scale_of
from medvidbench.training.stats_rows import PromptRewards

BINS = 25


def statistics_table(statistics: BaselineStatistics, rows: Sequence[PromptRewards]) -> str:
    """One line a source, task and reward in Markdown, quartiles with their 95 % intervals, counts beside them.

    Args:
        rows: of the run; parse rates and prompts without rewards are counted in them.
    """
    head = (
        "| task | source | reward | p25 | p50 | p75 | scale | mean | rewards | prompts | recordings | parsed | note |"
    )
    lines = [head, "|" + "---|" * 13]
    for own in statistics.parts:
        name = [own.task, own.source or "all", own.part]
        numbers = [_cell(own, "p25"), _cell(own, "p50"), _cell(own, "p75"), f"{scale_of(own.iqr, own.std):.3f}"]
        counts = [str(own.n), str(own.prompts), str(own.recordings), _parsed(own, rows)]
        lines.append(f"| {' | '.join([*name, *numbers, _cell(own, 'mean'), *counts, _note(own)])} |")
    sampling = ", ".join(f"{name} {value:g}" for name, value in statistics.sampling.items())
    lost = [row for row in rows if row.left_out]
    tail = [f"Model {statistics.model['path']} ({statistics.model['revision']}), seed {statistics.seed}, {sampling}."]
    if lost:
        tail.append(f"{len(lost)} of {len(rows)} prompts have no rewards, the first because: {lost[0].left_out}.")
    return "\n".join([*lines, "", *tail, ""])


def _cell(own: PartStatistics, name: str) -> str:
    interval = own.ci95.get(name)
    value = f"{getattr(own, name):.3f}"
    return value if interval is None else f"{value} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _parsed(own: PartStatistics, rows: Sequence[PromptRewards]) -> str:
    flags = [flag for row in rows if row.task == own.task and own.source in (None, row.source) for flag in row.parsed]
    return f"{100 * sum(flags) / len(flags):.1f} %" if flags else "–"


def _note(own: PartStatistics) -> str:
    notes = [own.note] if own.note else []
    if own.source is not None and own.n < FEWEST:
        notes.append(f"under {FEWEST} rewards: the task's statistics are used")
    if scale_of(own.iqr, own.std) != own.iqr:
        notes.append("IQR near 0")
    return "; ".join(notes)


def draw_histograms(statistics: BaselineStatistics, earned: Sequence[Earned], folder: Path) -> str:
    """One SVG a task and reward, a panel for each source, the quartiles as lines.

    Returns:
        Why nothing was drawn, or "".

    Raises:
        MedVidBenchError: the folder can't be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return 'no histograms: matplotlib is not installed, pip install "medvidbench[report]"'
    folder.mkdir(parents=True, exist_ok=True)
    for task, part in dict.fromkeys((own.task, own.part) for own in statistics.parts):
        panels = [own for own in statistics.parts if (own.task, own.part) == (task, part) and own.source is not None]
        figure = Figure(figsize=(6.0, 1.5 * len(panels) + 0.6), layout="constrained")
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        shared = [e.value for e in earned if (e.key.task, e.part) == (task, part)]
        edges = np.linspace(min(0.0, *shared), max(1.0, *shared), BINS + 1)
        for panel, own in zip(axes, panels, strict=True):
            values = [e.value for e in earned if (e.key.source, e.key.task, e.part) == (own.source, task, part)]
            _panel(panel, own, values, edges)
        axes[-1].set_xlabel(f"{part} reward of {task}")
        file = folder / f"{task}-{part}.svg"
        try:
            figure.savefig(file, metadata={"Date": None})
        except OSError as error:
            raise MedVidBenchError(f"{file} can't be written: {error.strerror}.") from error
    return ""


def _panel(panel: Any, own: PartStatistics, values: Sequence[float], edges: Any) -> None:
    counts, _ = np.histogram(values, edges)
    panel.stairs(counts / max(1, len(values)), edges, fill=True, color="0.75")
    for value, style in ((own.p25, ":"), (own.p50, "-"), (own.p75, ":")):
        panel.axvline(value, color="tab:blue", linestyle=style)
    panel.set_ylabel("share")
    panel.set_title(f"{own.source}, {own.n} rewards of {own.prompts} prompts", loc="left", fontsize=9)
    panel.spines[["top", "right"]].set_visible(False)
