"""One model at several settings: what more frames, a higher rate or more pixels buy, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.evaluation.evaluate import EvalOptions, Evaluated, evaluate
from medvidbench.evaluation.runner import Progress
from medvidbench.models.settings import EvalSettings

if TYPE_CHECKING:
    from medvidbench.models.base import VideoModel

Axis: TypeAlias = Literal["frames", "fps", "pixels"]
AXES: tuple[Axis, ...] = ("frames", "fps", "pixels")
SWEEP = "sweep.json"
COSTS = (("tokens", "input tokens"), ("seconds", "seconds"), ("dollars", "dollars"))


@dataclass(frozen=True)
class Point:
    """One setting's outcome.

    Attributes:
        value: frames, frames a second, or pixels of a frame.
        metrics: value, lower and upper end of the 95 % interval (None where there is none) by metric.
        tokens: input tokens a question, where the model counts them.
        seconds: a question, over the answers of this run; None where all were there before.
        dollars: a question; None where a price isn't known.
    """

    value: float
    metrics: dict[str, tuple[float | None, float | None, float | None]]
    tokens: float
    seconds: float | None
    dollars: float | None
    questions: int


def sweep(
    model_of: Callable[[EvalSettings, Path], VideoModel],
    data: Path,
    out: Path,
    axis: Axis,
    values: Sequence[float],
    options: EvalOptions,
    told: Callable[[float, Progress], object] | None = None,
) -> list[Point]:
    """Evaluates at each value into `OUT/{axis}-{value}`; decoded frames are shared, answered questions stay answered.

    Args:
        model_of: loads the model for some settings; the folder is for its paid calls.

    Raises:
        MedVidBenchError: no or repeated values, or as `evaluate`.
    """
    if not values or len(set(values)) != len(values):
        raise MedVidBenchError(f"--{axis} {', '.join(f'{v:g}' for v in values)}.", "different values, e.g. 8,16,32")
    points = []
    for value in values:
        chosen = replace(options, settings=at(options.settings, axis, value))
        folder = out / f"{axis}-{value:g}"
        with model_of(chosen.settings, folder) as model:
            say = None if told is None else _of(told, value)
            points.append(_point(value, evaluate(model, data, folder, chosen, say)))
        _write(out, axis, points)
    return points


def at(settings: EvalSettings, axis: Axis, value: float) -> EvalSettings:
    """The settings with one value changed."""
    if axis == "fps":
        return replace(settings, fps=value)
    if value != int(value) or value < 1:
        raise MedVidBenchError(f"--{axis} {value:g}.", "whole numbers from 1")
    if axis == "frames":
        return replace(settings, frames=int(value))
    return replace(settings, max_pixels=int(value), min_pixels=min(settings.min_pixels, int(value)))


def _of(told: Callable[[float, Progress], object], value: float) -> Callable[[Progress], object]:
    return lambda progress: told(value, progress)


def _point(value: float, done: Evaluated) -> Point:
    if done.scored is None:
        raise MedVidBenchError(done.note, remedy="sweep over a benchmark with its truth")
    results, progress = done.scored.results, done.progress
    found = {name: (m.value, *(m.ci95 if m.ci95 is not None else (None, None))) for name, m in results.metrics.items()}
    cost = results.run.get("cost_usd")
    return Point(
        value=value,
        metrics=found,
        tokens=results.run["input_tokens"] / done.total,
        seconds=progress.seconds / progress.done if progress.done else None,
        dollars=None if cost is None else cost / done.total,
        questions=done.total,
    )


def _write(out: Path, axis: Axis, points: Sequence[Point]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    part = out / f"{SWEEP}.part"
    part.write_text(
        json.dumps({"axis": axis, "points": [asdict(p) for p in points]}, indent=1) + "\n", encoding="utf-8"
    )
    part.replace(out / SWEEP)


def draw(points: Sequence[Point], axis: Axis, metrics: Sequence[str], file: Path, title: str) -> None:
    """Each metric with its interval against tokens, seconds and dollars a question, where these are known.

    Raises:
        MedVidBenchError: matplotlib is not installed, or the file can't be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("matplotlib", "report", "Drawing a sweep") from None
    costs = [
        ("tokens", "input tokens a question"),
        ("seconds", "seconds a question"),
        ("dollars", "dollars a question"),
    ]
    shown = [(name, label) for name, label in costs if all(getattr(p, name) for p in points)] or [("value", axis)]
    figure = Figure(figsize=(4.2 * len(shown), 2.6 * len(metrics)), layout="constrained")
    axes = figure.subplots(len(metrics), len(shown), squeeze=False)
    for row, metric in enumerate(metrics):
        known = [p for p in points if metric in p.metrics and p.metrics[metric][0] is not None]
        for column, (name, label) in enumerate(shown):
            panel = axes[row][column]
            xs = [getattr(p, name) for p in known]
            ys = [p.metrics[metric][0] for p in known]
            panel.plot(xs, ys, "-", color="0.7", zorder=1)
            panel.scatter(xs, ys, color="tab:blue", zorder=3)
            for x, p in zip(xs, known, strict=True):
                value, low, high = p.metrics[metric]
                if low is not None and high is not None:
                    panel.plot([x, x], [low, high], color="tab:blue", zorder=2)
                panel.annotate(f"{p.value:g}", (x, value), textcoords="offset points", xytext=(5, 4), fontsize=8)
            panel.set_xlabel(label)
            panel.set_ylabel(metric)
    figure.suptitle(f"{title}: points are {axis}; bars are 95 % intervals")
    try:
        figure.savefig(file)
    except (OSError, ValueError) as error:
        raise MedVidBenchError(f"{file} can't be written: {error}", ".svg, .png or .pdf") from error
