"""Where movers and the camera are at any time: functions of the scene and the time alone.

A mover goes from key to key on a minimum-jerk path, s(u) = 10 u^3 - 15 u^4 + 6 u^5 (Flash and Hogan 1985), with its
tremor on top; the camera drifts and zooms slowly and takes the whole picture with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.synthetic.truth import Key, Mover, Scene, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Drift in pixels, zoom as a share, and seconds of a slow sway, by world; a bench-top camera stands still.
CAMERA: dict[World, tuple[float, float, float]] = {
    "cholecystectomy": (5.0, 0.02, 19.0),
    "esd": (4.0, 0.02, 13.0),
    "open": (4.0, 0.015, 9.0),
    "benchtop": (0.0, 0.0, 1.0),
    "nursing": (2.5, 0.01, 15.0),
}


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a mover is in the picture: tip in pixels, angle of its axis in radians, jaws, turn, pixels per unit."""

    x: float
    y: float
    angle: float
    opening: float
    turn: float
    scale: float


@dataclass(frozen=True, slots=True)
class View:
    """The camera at a time: a point p of the resting picture is seen at centre + (p - centre) * zoom + (dx, dy)."""

    dx: float
    dy: float
    zoom: float


def minimum_jerk(u: float) -> float:
    """The share of the way after the share `u` of the time; 0 before and 1 after.

    >>> minimum_jerk(0.5), minimum_jerk(-1.0), minimum_jerk(2.0)
    (0.5, 0.0, 1.0)
    """
    u = min(max(u, 0.0), 1.0)
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


def key_at(keys: Sequence[Key], time: float) -> Key:
    """The interpolated key at a time; the first before it, the last after it."""
    if time <= keys[0].time:
        return keys[0]
    if time >= keys[-1].time:
        return keys[-1]
    low, high = 0, len(keys) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if keys[middle].time <= time else (low, middle)
    a, b = keys[low], keys[high]
    s = minimum_jerk((time - a.time) / (b.time - a.time)) if b.time > a.time else 1.0
    return Key(
        time,
        a.x + (b.x - a.x) * s,
        a.y + (b.y - a.y) * s,
        a.opening + (b.opening - a.opening) * s,
        a.turn + (b.turn - a.turn) * s,
    )


def view_at(scene: Scene, time: float) -> View:
    """The camera at a time."""
    return view_of(scene.world, scene.seed, scene.number, time)


def view_of(world: World, seed: int, number: int, time: float) -> View:
    """The camera of a recording at a time."""
    drift, zoom, period = CAMERA[world]
    if not drift:
        return View(0.0, 0.0, 1.0)
    a, b, c = _sway(seed, number)
    turn = math.tau * time / period
    return View(
        drift * (0.7 * math.sin(turn + a) + 0.3 * math.sin(2.3 * turn + b)),
        drift * 0.7 * (0.7 * math.sin(0.8 * turn + c) + 0.3 * math.sin(1.9 * turn + a)),
        1.0 + zoom + zoom * math.sin(0.6 * turn + b),
    )


def _sway(seed: int, number: int) -> tuple[float, float, float]:
    rng = Random(f"{seed}:{number}:camera")
    return rng.uniform(0, math.tau), rng.uniform(0, math.tau), rng.uniform(0, math.tau)


def seen(view: View, x: float, y: float, width: int, height: int) -> tuple[float, float]:
    """Where the camera shows a point of the resting picture."""
    cx, cy = width / 2, height / 2
    return cx + (x - cx) * view.zoom + view.dx, cy + (y - cy) * view.zoom + view.dy


def resting_pose(mover: Mover, time: float) -> Pose:
    """A mover's pose before the camera takes it along. The axis points from the pivot to the tip."""
    key = key_at(mover.keys, time)
    x, y = key.x, key.y
    if mover.tremor:
        phase = 1.7 * mover.object_id
        x += mover.tremor * (math.sin(time * 31.0 + phase) + 0.6 * math.sin(time * 47.3 + 2 * phase)) / 1.6
        y += mover.tremor * (math.sin(time * 37.0 + 3 * phase) + 0.6 * math.sin(time * 53.9 + phase)) / 1.6
    angle = math.atan2(y - mover.pivot[1], x - mover.pivot[0])
    return Pose(x, y, angle, key.opening, key.turn, mover.scale)


def pose_at(scene: Scene, mover: Mover, time: float, view: View | None = None) -> Pose:
    """A mover's pose in the picture."""
    view = view or view_at(scene, time)
    pose = resting_pose(mover, time)
    x, y = seen(view, pose.x, pose.y, scene.width, scene.height)
    return Pose(x, y, pose.angle, pose.opening, pose.turn, pose.scale * view.zoom)


def tip_path(mover: Mover, times: Sequence[float]) -> NDArray[np.float64]:
    """The tip's way: an array (len(times), 2) of x, y in pixels of the resting picture."""
    return np.array([(p.x, p.y) for p in (resting_pose(mover, t) for t in times)], dtype=np.float64).reshape(-1, 2)


def path_length(mover: Mover, start: float, end: float, rate: float = 30.0) -> float:
    """Pixels that the tip travels between two times, sampled `rate` times a second."""
    steps = max(2, round((end - start) * rate) + 1)
    path = tip_path(mover, [start + (end - start) * i / (steps - 1) for i in range(steps)])
    return float(np.hypot(*np.diff(path, axis=0).T).sum())
