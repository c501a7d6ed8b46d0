"""Truth boxes and sightings: the outlines of `shapes` put where `motion` says, cut at the frame's border."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.records import Box
from medvidbench.synthetic.motion import Pose, pose_at, view_at
from medvidbench.synthetic.shapes import level_of, parts_of
from medvidbench.synthetic.truth import Mover, ObjectTrack, Scene, Sighting

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOLID = 0.5
"""Parts clearer than this have no box, and pixels of a mask count from this share of cover on."""
LEAST_SIDE = 6
"""An object of which less than this many pixels across or down are in the frame isn't in view."""
HIDDEN = 0.3
"""An object is occluded when this share of it lies under others."""
NEW_STAY = 5
"""Seconds out of view after which an object that comes back has been outside the body."""
_ESD_GRID = 100


def outline(pose: Pose, points: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Points (n, 2) of a shape put into the picture. A turned instrument looks flatter; a needle turns as a whole."""
    a, b, c, d = matrix(pose, kind)
    x, y = points[:, 0], points[:, 1]
    return np.stack([a * x + b * y + pose.x, c * x + d * y + pose.y], axis=1)


def matrix(pose: Pose, kind: str) -> tuple[float, float, float, float]:
    """The 2x2 matrix, row by row, from a shape's units to pixels."""
    angle, flat = (pose.turn, 1.0) if kind == "needle" else (pose.angle, 0.6 + 0.4 * abs(math.cos(pose.turn)))
    cos, sin = pose.scale * math.cos(angle), pose.scale * math.sin(angle)
    return cos, -sin * flat, sin, cos * flat


def box_of(scene: Scene, mover: Mover, time: float) -> Box | None:
    """The box of what is in view of a mover at a time, None when too little of it is. Ignores what hides it."""
    return _box(mover.kind, pose_at(scene, mover, time), scene)


def _box(kind: str, pose: Pose, scene: Scene) -> Box | None:
    width, height = scene.width, scene.height
    pieces = [_clip(outline(pose, part, kind), width, height) for part in _boxed(kind, level_of(pose.opening))]
    points = [point for piece in pieces for point in piece]
    if not points:
        return None
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    # the margin is the half pixel of soft rim that counts as solid
    corners = (min(xs), min(ys), max(xs), max(ys))
    x1, y1, x2, y2 = (round(value) for value in corners)
    if scene.world == "esd":
        x1, y1, x2, y2 = (_on_grid(value, scene) for value in corners)
    if x2 - x1 < LEAST_SIDE or y2 - y1 < LEAST_SIDE:
        return None
    return Box(float(x1), float(y1), float(x2), float(y2))


def _on_grid(value: float, scene: Scene) -> int:
    """The nearest multiple of a hundredth of the longer side that lies in the frame."""
    step = max(scene.width, scene.height) // _ESD_GRID
    limit = scene.height if scene.height < scene.width and value > scene.height - step / 2 else scene.width
    return min(round(value / step), limit // step) * step


@lru_cache(maxsize=1024)
def _boxed(kind: str, level: int) -> tuple[NDArray[np.float64], ...]:
    return tuple(
        np.array(part.points, dtype=np.float64) for part in parts_of(kind, level) if part.boxed and part.alpha >= SOLID
    )


@lru_cache(maxsize=1024)
def _solid(kind: str, level: int) -> tuple[NDArray[np.float64], ...]:
    parts = parts_of(kind, level)
    return tuple(np.array(part.points, dtype=np.float64) for part in parts if part.alpha >= SOLID)


def _clip(points: NDArray[np.float64], width: int, height: int) -> list[tuple[float, float]]:
    """A polygon cut to the frame (Sutherland and Hodgman 1974)."""
    polygon = [(float(x), float(y)) for x, y in points]
    for axis, limit, sign in ((0, 0.0, 1.0), (0, float(width), -1.0), (1, 0.0, 1.0), (1, float(height), -1.0)):
        if all(sign * (p[axis] - limit) >= 0 for p in polygon):
            continue
        polygon = list(_cut(polygon, axis, limit, sign))
        if not polygon:
            return []
    return polygon


def _cut(polygon: Sequence[tuple[float, float]], axis: int, limit: float, sign: float) -> Iterator[tuple[float, float]]:
    for before, point in zip([polygon[-1], *polygon[:-1]], polygon, strict=True):
        was, is_in = sign * (before[axis] - limit), sign * (point[axis] - limit)
        if (was >= 0) != (is_in >= 0):
            share = was / (was - is_in)
            yield before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])
        if is_in >= 0:
            yield point


def tracks(scene: Scene) -> tuple[ObjectTrack, ...]:
    """Every visit of every tracked mover on whole seconds, numbered by start, then object."""
    poses = {second: _poses(scene, second) for second in range(scene.seconds) if not scene.is_outside(second)}
    runs: list[tuple[Mover, int, list[Sighting]]] = []
    for mover in scene.movers:
        if mover.tracked:
            runs += [(mover, stay, run) for stay, run in _visits(scene, mover, poses)]
    runs.sort(key=lambda item: (item[2][0].time, item[0].object_id))
    stays: dict[tuple[int, int], int] = {}
    found = []
    for visit, (mover, stay, run) in enumerate(runs, 1):
        number = stays.setdefault((mover.object_id, stay), len(stays) + 1)
        found.append(ObjectTrack(mover.object_id, number, visit, mover.label, mover.hand, tuple(run)))
    return tuple(found)


def _poses(scene: Scene, second: int) -> list[tuple[Mover, Pose]]:
    view = view_at(scene, second)
    return [(mover, pose_at(scene, mover, second, view)) for mover in scene.movers]


def _visits(
    scene: Scene, mover: Mover, poses: dict[int, list[tuple[Mover, Pose]]]
) -> Iterator[tuple[int, list[Sighting]]]:
    """Runs of whole seconds in view, each with the number of the mover's stay in the body."""
    stay, run, last = 0, list[Sighting](), -1
    for second in range(scene.seconds + 1):
        pose = next((p for m, p in poses.get(second, ()) if m is mover), None)
        box = _box(mover.kind, pose, scene) if pose else None
        if pose and box:
            stay += not run and 0 <= last < second - NEW_STAY
            run.append(Sighting(float(second), box, _hidden(mover, pose, poses[second]) > HIDDEN))
            last = second
        elif run:
            yield stay, run
            run = []


def _hidden(mover: Mover, pose: Pose, others: list[tuple[Mover, Pose]]) -> float:
    """The share of a mover that lies under movers of higher layers."""
    points = np.concatenate(
        [_inner(outline(pose, part, mover.kind)) for part in _boxed(mover.kind, level_of(pose.opening))]
    )
    covered = np.zeros(len(points), dtype=bool)
    low, high = points.min(axis=0), points.max(axis=0)
    for other, where in others:
        if other.layer <= mover.layer:
            continue
        for part in _solid(other.kind, level_of(where.opening)):
            shape = outline(where, part, other.kind)
            if (shape.min(axis=0) < high).all() and (shape.max(axis=0) > low).all():
                covered |= inside(points, shape)
    return float(covered.mean())


def _inner(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points within a polygon: its corners drawn towards its middle, by a little and by half."""
    centre = polygon.mean(axis=0)
    return np.concatenate([centre + (polygon - centre) * share for share in (0.1, 0.5, 0.9)])


def inside(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the points (n, 2) lie in the polygon (m, 2), by the parity of crossings to the right."""
    x, y = points[:, :1], points[:, 1:]
    x1, y1 = polygon.T
    x2, y2 = np.roll(polygon, -1, axis=0).T
    spans = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
    result: NDArray[np.bool_] = (spans & crossing).sum(axis=1) % 2 == 1
    return result
