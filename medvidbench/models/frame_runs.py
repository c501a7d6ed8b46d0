"""Which frames a constant step describes: Qwen2.5-VL's time axis knows no other.

Its grid announces the k-th pair of frames at `k * second_per_grid` from the start of the video. Frames with holes,
frames that start late and frames in no order therefore go into the prompt as several short videos, each after the
text of the time at which it starts; within each, a constant step holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from medvidbench.models.time_contract import HOLE, sampling_step

GRID_TOLERANCE = 0.25
"""Share of a sampling step by which a frame may lie off the constant step. Half of what the time contract allows: at
half a step, one lost frame could be smeared over its neighbours and still pass."""

Channel = Literal["auto", "grid", "text"]
"""auto: text only where the step isn't constant; grid: never text (and wrong times are left to the time contract to
find); text: before every pair of frames."""


@dataclass(frozen=True)
class Run:
    """Frames `first` to `first + count - 1`, announced as one video.

    Attributes:
        start: time of its first frame, seconds.
        step: seconds from frame to frame.
        stamp: the text before it, or "" when the video needs none.
    """

    first: int
    count: int
    start: float
    step: float
    stamp: str = ""


def split_runs(
    times: Sequence[float], *, fps: float | None = None, channel: Channel = "auto", finest: float = 0.0
) -> tuple[Run, ...]:
    """The fewest runs from left to right, or one run without a stamp where a constant step from 0 on describes all.

    Args:
        times: seconds of the frames, in the order in which they are shown.
        fps: sampling rate, where known.
        finest: seconds between pairs of frames under which the model can't tell them apart; such frames go in pairs, so
            that the text tells them apart.

    >>> [(run.first, run.count, run.stamp) for run in split_runs([0.0, 1.0, 2.0, 9.0, 10.0])]
    [(0, 3, '<0.0 seconds>'), (3, 2, '<9.0 seconds>')]
    >>> split_runs([0.0, 1.0, 2.0])
    (Run(first=0, count=3, start=0.0, step=1.0, stamp=''),)
    """
    nominal = sampling_step(times, fps)
    whole = _whole(times, nominal)
    fine = len(times) > 2 and 2 * whole.step < finest - 1e-9
    if channel == "grid" or (channel == "auto" and not fine and _fits(times, whole, nominal)):
        return (whole,) if times else ()
    runs: list[Run] = []
    while not runs or runs[-1].first + runs[-1].count < len(times):
        first = runs[-1].first + runs[-1].count if runs else 0
        runs.append(_longest(times, first, nominal, 2 if fine or channel == "text" else len(times)))
    stamps = _stamps([run.start for run in runs], nominal)
    return tuple(replace(run, stamp=stamp) for run, stamp in zip(runs, stamps, strict=True))


def stamp_texts(times: Sequence[float], fps: float | None = None) -> list[str]:
    """The text before each frame, for models that take pictures.

    >>> stamp_texts([0.0, 1.5])
    ['<0.0 seconds>', '<1.5 seconds>']
    """
    return _stamps(times, sampling_step(times, fps))


def group_frames(times: Sequence[float], size: int, fps: float | None = None) -> tuple[tuple[int, ...], ...]:
    """Positions in groups of up to `size` neighbours, no group across a hole.

    >>> group_frames([0.0, 1.0, 2.0, 9.0, 10.0], 2)
    ((0, 1), (2,), (3, 4))
    """
    nominal = sampling_step(times, fps)
    groups: list[list[int]] = []
    for place, time in enumerate(times):
        if groups and len(groups[-1]) < size and 0 < time - times[place - 1] <= HOLE * nominal + 1e-9:
            groups[-1].append(place)
        else:
            groups.append([place])
    return tuple(map(tuple, groups))


def _whole(times: Sequence[float], nominal: float) -> Run:
    """All frames as one run from 0 on, with the step that fits better: the mean one or the nominal one."""
    count = len(times)
    mean = (times[-1] - times[0]) / (count - 1) if count > 1 else nominal
    candidates = [Run(0, count, 0.0, step) for step in (nominal, mean) if step > 0] or [Run(0, count, 0.0, 1.0)]
    return min(candidates, key=lambda run: _worst(times, run))


def _worst(times: Sequence[float], run: Run) -> float:
    places = range(run.count)
    return max((abs(times[run.first + k] - (run.start + k * run.step)) for k in places), default=0.0)


def _fits(times: Sequence[float], run: Run, nominal: float) -> bool:
    return _worst(times, run) <= GRID_TOLERANCE * nominal + 1e-9


def _longest(times: Sequence[float], first: int, nominal: float, limit: int) -> Run:
    """The longest run from `first` on, of `limit` frames at most; its own mean step."""
    best = Run(first, 1, times[first], nominal or 1.0)
    for last in range(first + 1, min(first + limit, len(times))):
        gap = times[last] - times[last - 1]
        if not 0 < gap <= HOLE * nominal + 1e-9:
            break
        run = Run(first, last - first + 1, times[first], (times[last] - times[first]) / (last - first))
        if not _fits(times, run, nominal):
            break
        best = run
    return best


def _stamps(starts: Sequence[float], nominal: float) -> list[str]:
    """One decimal, as the benchmark's answers have, and more where rounding would cost over a 20th of a step."""
    allowed = nominal / 20 if nominal > 0 else 0.05
    digits = next((d for d in (1, 2) if all(abs(round(t, d) - t) <= allowed + 1e-9 for t in starts)), 3)
    return [f"<{start:.{digits}f} seconds>" for start in starts]
