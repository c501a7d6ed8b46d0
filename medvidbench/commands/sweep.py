"""`medvidbench sweep`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.commands.common import console_of
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from medvidbench.evaluation.evaluate import EvalOptions
    from medvidbench.evaluation.sweep import Axis, Point
    from medvidbench.models.base import VideoModel
    from medvidbench.models.registry import ModelOptions
    from medvidbench.models.settings import EvalSettings

FIRST = ("TAG_mIoU", "STG_mIoU", "DVC_F1", "NAP_acc", "SA_bacc", "CVS_bacc")
"""Metrics drawn unless others are named; those that the data has."""


def run(
    model: str,
    data: Path,
    out: Path,
    axis: Axis,
    values: list[float],
    options: EvalOptions,
    model_options: ModelOptions,
    metrics: str | None = None,
) -> None:
    """Evaluate at each value, print the table, draw the curves."""
    from rich.console import Console

    from medvidbench.evaluation.sweep import draw, sweep
    from medvidbench.models.registry import video_model

    def model_of(settings: EvalSettings, folder: Path) -> VideoModel:
        return video_model(model, settings, replace(model_options, cache=model_options.cache or folder / "calls"))

    console = Console(stderr=True)
    with console.status("Starting") as status:
        points = sweep(
            model_of,
            data,
            out,
            axis,
            values,
            options,
            lambda value, now: status.update(
                f"{axis} {value:g}: {now.kept + now.done} of {now.total}, {now.rate:.1f}/s"
            ),
        )
    known = [name for name in points[0].metrics if points[0].metrics[name][0] is not None]
    wanted = [name.strip() for name in (metrics or "").split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise MedVidBenchError(f"There is no {', '.join(unknown)} in these results.", ", ".join(known))
    shown = wanted or [name for name in FIRST if name in known] or known[:4]
    _print(points, axis, shown)
    draw(points, axis, shown, out / "sweep.svg", model)
    print(f"Curves: {out / 'sweep.svg'}\nNumbers: {out / 'sweep.json'}")  # noqa: T201


def parse_values(frames: str | None, fps: str | None, pixels: str | None) -> tuple[Axis, list[float]]:
    """The one axis that is named, with its values.

    Raises:
        MedVidBenchError: none or several are named, or a value is no number.
    """
    named: list[tuple[Axis, str]] = []
    if frames is not None:
        named.append(("frames", frames))
    if fps is not None:
        named.append(("fps", fps))
    if pixels is not None:
        named.append(("pixels", pixels))
    if len(named) != 1:
        raise MedVidBenchError(
            f"{len(named)} things to sweep over.", "one of --frames 8,16,32, --fps 0.5,1 or --pixels"
        )
    axis, text = named[0]
    try:
        return axis, [float(part) for part in text.split(",")]
    except ValueError:
        raise MedVidBenchError(f"--{axis} {text!r}.", "numbers with commas between") from None


def _print(points: list[Point], axis: str, metrics: list[str]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in (axis, *metrics, "tokens", "seconds", "dollars", "questions"):
        table.add_column(name, justify="right", no_wrap=True)
    for point in points:
        cells = []
        for name in metrics:
            value, low, high = point.metrics.get(name, (None, None, None))
            interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
            cells.append("–" if value is None else f"{value:.3f}{interval}")
        seconds = "–" if point.seconds is None else f"{point.seconds:.2f}"
        dollars = "–" if point.dollars is None else f"{point.dollars:.4f}"
        row = (f"{point.value:g}", *cells, f"{point.tokens:.0f}", seconds, dollars, str(point.questions))
        table.add_row(*row)
    console_of().print(table)
