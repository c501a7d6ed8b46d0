"""Windows of tracked objects: what the questions on boxes (STG, RC) are about."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from medvidbench.records import Box, Recording, TaskName, TimedBox, Track
from medvidbench.tasks.clips import Clip, choose, clip_around, draw
from medvidbench.tasks.timeline import on_grid

BoxIndex = dict[str, list[tuple[float, str]]]

STEPS = (1.0, 2.0, 4.0, 5.0, 10.0)
"""Sampling steps in seconds that a question may ask for."""
MAX_BOXES = 16
MAX_SPACING = 10.0
"""Seconds above which two boxes of a track aren't neighbours, whatever the track's own rhythm."""
SECONDS_PER_WINDOW, MAX_WINDOWS = 60.0, 8
SMALLEST_SIDE = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """Boxes of one track at start, start + step, ...; times on the recording's axis."""

    track: Track
    step: float
    boxes: tuple[TimedBox, ...]

    @property
    def start(self) -> float:
        """Time of the first box."""
        return self.boxes[0].time

    @property
    def end(self) -> float:
        """Time of the last box."""
        return self.boxes[-1].time


def windows(recording: Recording, task: TaskName, seed: int) -> list[Window]:
    """Windows of 2 to 16 boxes on every track, about one a minute; none reaches over a gap in the track.

    They come in a drawn order, so that a caller who wants fewer takes the first ones and builds no others.
    """
    name = (seed, recording.source, recording.recording_id, task)
    found = [w for track in recording.tracks for run in runs(recording, track) for w in _windows(track, run, *name)]
    return sorted(found, key=lambda w: draw("order", *name, w.track.track_id, w.start, w.end, w.step))


def _windows(track: Track, run: tuple[TimedBox, ...], *name: str | float) -> Iterator[Window]:
    count = min(MAX_WINDOWS, max(1, math.ceil((run[-1].time - run[0].time) / SECONDS_PER_WINDOW)))
    seen: set[tuple[float, float, float]] = set()
    for ordinal in range(count):
        window = _window(track, run, *name, track.track_id, run[0].time, ordinal)
        if window is not None and (window.start, window.end, window.step) not in seen:
            seen.add((window.start, window.end, window.step))
            yield window


def runs(recording: Recording, track: Track) -> list[tuple[TimedBox, ...]]:
    """The track's usable boxes, broken where they pause for over 1.5 times its usual spacing, or for over 10 s."""
    boxes = [TimedBox(t.time, box) for t in track.boxes if (box := usable_box(recording, t.box)) is not None]
    if len(boxes) < 2:
        return []
    gaps = [b.time - a.time for a, b in pairwise(boxes)]
    longest = min(MAX_SPACING, 1.5 * median(gaps))
    cuts = [0, *(i + 1 for i, gap in enumerate(gaps) if gap > longest + 1e-6), len(boxes)]
    return [tuple(boxes[a:b]) for a, b in pairwise(cuts) if b - a >= 2]


def usable_box(recording: Recording, box: Box) -> Box | None:
    """The box cut to the frame, with two decimals as in the answer grammar; None when under a pixel is left."""
    corners = (box.x1, box.y1, box.x2, box.y2)
    if not all(math.isfinite(c) for c in corners):
        return None
    right = recording.width if recording.width > 0 else math.inf
    bottom = recording.height if recording.height > 0 else math.inf
    limits = (right, bottom, right, bottom)
    x1, y1, x2, y2 = (round(min(max(c, 0.0), limit), 2) for c, limit in zip(corners, limits, strict=True))
    return Box(x1, y1, x2, y2) if min(x2 - x1, y2 - y1) >= SMALLEST_SIDE else None


def clip_of(recording: Recording, window: Window, task: TaskName, seed: int) -> Clip | None:
    """A clip that holds a window; None when its frames aren't on disk, or the recording ends before the window."""
    key = (seed, recording.source, recording.recording_id, task, window.track.track_id, window.start, window.end)
    if window.end >= recording.duration:
        return None
    return clip_around(recording, window.start, min(recording.duration, window.end + window.step), window.step, *key)


def asked_times(clip: Clip, window: Window) -> tuple[float, ...]:
    """The window's times, clip-relative and on the 0.1 s grid; exactly what the question's start and step give."""
    return spread(on_grid(clip, window.start), window.step, len(window.boxes))


def spread(start: float, step: float, count: int) -> tuple[float, ...]:
    """start, start + step, ... with one decimal."""
    return tuple(round(start + i * step, 1) for i in range(count))


def boxes_by_label(recording: Recording) -> BoxIndex:
    """When each label is in view, and on which track, ascending."""
    index: BoxIndex = defaultdict(list)
    for track in recording.tracks:
        index[track.label] += [(timed.time, track.track_id) for timed in track.boxes]
    for times in index.values():
        times.sort()
    return index


def is_only_one(index: BoxIndex, window: Window) -> bool:
    """Whether no other track of the same label has a box in the window, so that the label alone names the object."""
    times, margin = index[window.track.label], window.step / 2
    at = bisect_left(times, (window.start - margin, ""))
    while at < len(times) and times[at][0] <= window.end + margin:
        if times[at][1] != window.track.track_id:
            return False
        at += 1
    return True


def _window(track: Track, run: tuple[TimedBox, ...], *key: str | float) -> Window | None:
    length, gap = run[-1].time - run[0].time, median(b.time - a.time for a, b in pairwise(run))
    steps = [step for step in STEPS if gap - 1e-3 <= step <= length + 1e-6 and _is_multiple(step, gap)]
    if not steps:
        return None
    step = choose(steps, "step", *key)
    most = min(MAX_BOXES, int(length / step + 1e-6) + 1)
    count = 2 + int(draw("boxes", *key) * (most - 1))
    starts = [t.time for t in run if t.time + (count - 1) * step <= run[-1].time + 1e-6]
    start = choose(starts, "start", *key)
    boxes = [_box_at(run, start + i * step, gap / 2) for i in range(count)]
    known = [box for box in boxes if box is not None]
    return Window(track, step, tuple(known)) if len(known) == count else None


def _is_multiple(step: float, gap: float) -> bool:
    return abs(step / gap - round(step / gap)) < 0.02


def _box_at(run: tuple[TimedBox, ...], time: float, reach: float) -> TimedBox | None:
    """The box nearest to a time, given that time; None when it is further off than `reach`."""
    right = bisect_left(run, time, key=lambda t: t.time)
    near = [run[i] for i in (right - 1, right) if 0 <= i < len(run)]
    best = min(near, key=lambda t: abs(t.time - time))
    return TimedBox(time, best.box) if abs(best.time - time) <= reach + 1e-6 else None
