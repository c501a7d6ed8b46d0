"""The audit's pictures as SVG, drawn by matplotlib, in the colours of the page around them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medvidbench.errors import missing_extra
from medvidbench.records import TASK_NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK = "#0a0b0c"
"""Stands for the page's text colour, which is dark or light: replaced by `currentColor` in the SVG."""
TRAIN, TEST, BAR = "#3f7fb5", "#d98324", "#3f7fb5"
"""Blue and orange differ for every kind of colour vision, and from white and black."""
_PUBLISHED = "#d98324"


def charts(audit: Mapping[str, Any]) -> dict[str, str]:
    """SVG elements by name, from what `Audit.as_json` gives; "" for a picture without numbers.

    Raises:
        MedVidBenchError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise missing_extra("matplotlib", "report", "The audit's page") from error
    # A fixed salt and no date: the same audit gives the same page.
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": "medvidbench", "font.size": 10, "font.family": "sans-serif"}
    ink: Any = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK)
    with matplotlib.rc_context({**style, **ink}):
        return {
            "balance": _balance(audit["balance"]),
            "words": _histogram(audit["histograms"]["words"], "words in an answer", log=True),
            "seconds": _histogram(audit["histograms"]["seconds"], "clip length in seconds"),
            "frames": _histogram(audit["histograms"]["frames"], "frames in a clip"),
            "shares": _shares(audit["shares"]),
            "similarity": _similarity(audit["similarity"]),
        }


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    # Figure itself, not pyplot: no window system, no global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.patch.set_alpha(0)
    return figure, axes


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    # The page sets the width; the height follows from the view box.
    return re.sub(r'(<svg[^>]*?) height="[^"]*"( [^>]*?)? width="[^"]*"', r'\1\2 aria-hidden="true"', text, count=1)


def _balance(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of each task and source, train and test side by side, on a log scale: they differ by orders of magnitude."""
    keys = sorted({(r["task"], r["source"]) for r in rows}, key=lambda k: (TASK_NAMES.index(k[0]), k[1]), reverse=True)
    if not keys:
        return ""
    counts = {(r["task"], r["source"], r["split"]): r["rows"] for r in rows}
    figure, axes = _figure(6.4, 0.9 + 0.32 * len(keys))
    for offset, split, colour in ((0.2, "train", TRAIN), (-0.2, "test", TEST)):
        values = [counts.get((*key, split), 0) for key in keys]
        axes.barh([y + offset for y in range(len(keys))], values, 0.38, color=colour, label=split)
    axes.set_yticks(range(len(keys)), [f"{task}  {source}" for task, source in keys])
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlabel("rows (log scale)")
    axes.set_ylim(-0.7, len(keys) - 0.3)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return _svg(figure)


def _histogram(histogram: Mapping[str, Sequence[float]], label: str, log: bool = False) -> str:
    edges, counts = histogram["edges"], histogram["counts"]
    if not counts:
        return ""
    figure, axes = _figure(4.6, 2.6)
    axes.stairs(counts, edges, fill=True, color=BAR)
    axes.set_xlabel(label)
    axes.set_ylabel("rows (log scale)" if log else "rows")
    if log:
        axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    return _svg(figure)


def _shares(shares: Sequence[Mapping[str, Any]]) -> str:
    """The published shares beside those measured."""
    known = [share for share in shares if share["here"] is not None][::-1]
    if not known:
        return ""
    figure, axes = _figure(6.4, 2.8)
    for offset, key, colour, label in ((0.2, "here", TRAIN, "here"), (-0.2, "published", _PUBLISHED, "published")):
        values = [100 * share[key] for share in known]
        bars = axes.barh([y + offset for y in range(len(known))], values, 0.38, color=colour, label=label)
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
    axes.set_yticks(range(len(known)), [share["what"] for share in known])
    axes.set_xlabel("% of rows")
    axes.set_xlim(0, 112)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return _svg(figure)


def _similarity(histogram: Mapping[str, Any]) -> str:
    if not any(histogram["counts"]):
        return ""
    figure, axes = _figure(4.6, 2.6)
    axes.stairs(histogram["counts"], histogram["edges"], fill=True, color=BAR)
    threshold = histogram["threshold"]
    if threshold is not None:
        axes.axvline(threshold, color=_PUBLISHED, linestyle="--")
    dashed = "" if threshold is None else f" (dashed: the threshold, {threshold:g})"
    axes.set_xlabel(f"similarity of the two captions{dashed}", fontsize=8)
    axes.set_ylabel("rows")
    return _svg(figure)
