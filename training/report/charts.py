"""Charts as numbers for an inline SVG: lines over steps, or areas on top of one another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from medvidbench.training.alarms import weighted_mean
from medvidbench.training.report.curves import Curve, Panel, Value
from medvidbench.training.report.inputs import Run

WIDTH, HEIGHT = 420, 210
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 10, 24
POINTS = 240
"""Of a line; more steps than that are drawn as means of neighbours."""
COLOURS, DASHES = 6, 3


@dataclass(frozen=True)
class Line:
    """One curve, drawn.

    Attributes:
        style: classes of colour and dashes.
        path: of the line, or of the area's border.
        dots: a single point, where a line would not be seen.
        values: one for each x of the chart, None where there is none.
    """

    name: str
    style: str
    path: str
    dots: list[tuple[float, float]]
    values: list[float | None]


@dataclass(frozen=True)
class Chart:
    """A panel, drawn for one run or for several.

    Attributes:
        steps: at the points, shared by all lines.
        places: of these points, in the drawing.
        x_ticks, y_ticks: (place, label).
    """

    title: str
    note: str
    lines: list[Line]
    stacked: bool
    steps: list[int]
    places: list[float]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def charts(panel: Panel, runs: Sequence[Run]) -> list[Chart]:
    """One chart for a single run. Of several runs: parts of a whole are drawn run by run, other values over one another
    with a line for each run, one chart a value."""
    if len(runs) == 1 or panel.stacked:
        drawn = [(_title(panel, run.name, runs), [(c.name, c, run) for c in panel.curves]) for run in runs]
    else:
        names = len(panel.curves) > 1
        drawn = [
            (f"{panel.title}: {c.name}" if names else panel.title, [(run.name, c, run) for run in runs])
            for c in panel.curves
        ]
    made = [_chart(title, panel, rows) for title, rows in drawn]
    return [chart for chart in made if chart.lines]


def _title(panel: Panel, run: str, runs: Sequence[Run]) -> str:
    return panel.title if len(runs) == 1 else f"{panel.title}: {run}"


def _chart(title: str, panel: Panel, rows: Sequence[tuple[str, Curve, Run]]) -> Chart:
    last = max((run.last_step for _, _, run in rows), default=0)
    bins = _bins(last)
    found = [(k, name, _means(curve, run, bins)) for k, (name, curve, run) in enumerate(rows)]
    known = [(k, name, values) for k, name, values in found if any(v is not None for v in values)]
    steps = [bin_.stop - 1 for bin_ in bins]
    axis = _axis(panel, [values for _, _, values in known])
    places = [round(_x(step, last), 1) for step in steps]
    lines = _stacked(known, places, axis) if panel.stacked else _lines(known, places, axis)
    return Chart(title, panel.note, lines, panel.stacked, steps, places, _x_ticks(last), axis.ticks)


def smoothing(run: Run) -> int:
    """Steps that each point of a line is the mean of: the alarms' window, or a tenth of a short run."""
    return max(1, min(run.window, len(run.steps) // 10))


def _bins(last: int) -> list[range]:
    size = max(1, math.ceil(last / POINTS))
    return [range(first, min(first + size, last + 1)) for first in range(1, last + 1, size)]


def _means(curve: Curve, run: Run, bins: Sequence[range]) -> list[float | None]:
    """At the end of each bin the mean of the bin and of the steps before it, as many as `smoothing` says."""
    values: dict[int, Value] = {step.step: _finite(curve.read(step)) for step in run.steps}
    wide, missing, found = smoothing(run), (None, 0.0), list[float | None]()
    for bin_ in bins:
        window = range(min(bin_.start, bin_.stop - wide), bin_.stop)
        found.append(weighted_mean(values.get(step, missing) for step in window if bin_.start <= run.last_step))
    return found


def _finite(value: Value) -> Value:
    return value if value[0] is not None and math.isfinite(value[0]) else (None, 0.0)


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    ticks: list[tuple[float, str]]

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share, 1)


def _axis(panel: Panel, curves: Sequence[Sequence[float | None]]) -> _Axis:
    sums = [sum(v or 0.0 for v in column) for column in zip(*curves, strict=True)] if panel.stacked else []
    values = sums or [v for curve in curves for v in curve if v is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = low if panel.scale[0] is None else min(low, panel.scale[0])
    high = high if panel.scale[1] is None else max(high, panel.scale[1])
    if high - low <= 1e-9 * abs(high):
        half = (abs(high) or 1.0) / 2
        low, high = low if panel.scale[0] == low else low - half, high + half
    step = _nice((high - low) / 5)
    low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    axis = _Axis(low, high, [])
    marks = [low + k * step for k in range(round((high - low) / step) + 1)]
    return _Axis(low, high, [(axis.place(mark), label(mark, step)) for mark in marks])


def _nice(step: float) -> float:
    """The next of 1, 2, 5, 10 times a power of ten.

    >>> _nice(0.03), _nice(7.0)
    (0.05, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(step))
    return next(n * power for n in (1.0, 2.0, 5.0, 10.0) if n * power >= step * (1 - 1e-9))


def label(value: float, step: float) -> str:
    """A mark on an axis whose marks are `step` apart.

    >>> label(0.30000000000000004, 0.1), label(0, 2e-7), label(1.5e-4, 5e-5), label(150000.0, 50000.0)
    ('0.3', '0', '1.5e-4', '150,000')
    """
    if abs(value) < step / 2:
        return "0"
    if step < 1e-3:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits.removesuffix('.0')}e{int(power)}"
    return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def _x(step: float, last: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * ((step - 1) / (last - 1) if last > 1 else 0.5)


def _x_ticks(last: int) -> list[tuple[float, str]]:
    if last < 2:
        return [(_x(1, last), str(last))]
    step = max(1, round(_nice((last - 1) / 5)))
    marks = [1, *range(step, last + 1, step)]
    return [(round(_x(mark, last), 1), f"{mark:,}") for mark in dict.fromkeys(marks) if mark == 1 or mark >= step]


def style(k: int) -> str:
    """Colour and dashes of the k-th line; 18 differ.

    >>> style(0), style(7)
    ('c0 d0', 'c1 d1')
    """
    return f"c{k % COLOURS} d{k // COLOURS % DASHES}"


def _lines(curves: Sequence[tuple[int, str, list[float | None]]], places: Sequence[float], axis: _Axis) -> list[Line]:
    """A line through the points that are there: a key that isn't in every step has one too."""
    found = []
    for k, name, values in curves:
        points = [(x, axis.place(v)) for x, v in zip(places, values, strict=True) if v is not None]
        path = f"M{' '.join(f'{x},{y}' for x, y in points)}" if len(points) > 1 else ""
        found.append(Line(name, style(k), path, points if len(points) == 1 else [], values))
    return found


def _stacked(curves: Sequence[tuple[int, str, list[float | None]]], places: Sequence[float], axis: _Axis) -> list[Line]:
    """Areas from the first curve at the bottom upwards; each runs along its top and back along its bottom."""
    floor, found = [0.0] * len(places), []
    for k, name, values in curves:
        top = [under + (value or 0.0) for under, value in zip(floor, values, strict=True)]
        ring = [(x, axis.place(y)) for x, y in zip(places, top, strict=True)]
        ring += [(x, axis.place(y)) for x, y in zip(reversed(places), reversed(floor), strict=True)]
        found.append(Line(name, style(k), f"M{' '.join(f'{x},{y}' for x, y in ring)}Z", [], values))
        floor = top
    return found
