"""Truth boxes: which pixels of the picture show which object, second by second, with the sprites that `render` draws.

A box is the tight box of an object's visible pixels (of a laparoscopic instrument those of its tip). An object that
others hide almost wholly keeps the box of what would be visible without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.records import Box
from medvidbench.synthetic.motion import pose_at, view_at
from medvidbench.synthetic.painting.sprites import place_mover
from medvidbench.synthetic.truth import Mover, ObjectTrack, Scene, Sighting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Covered = NDArray[np.bool_]
    Rectangle = tuple[int, int, int, int]

LEAST_SIDE = 6
"""An object of which less than this many pixels across or down are in the frame isn't in view."""
OCCLUDED = 0.7
"""An object is occluded when less than this share of its pixels is visible."""
LOST = 0.2
"""Below this visible share the box is that of the whole object."""
NEW_STAY = 5
"""Seconds out of view after which an object that comes back has been outside the body."""
ESD_GRID = 100
"""In "esd", sides lie on multiples of the frame's longer side divided by this: CoPESD's files have two decimals."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What of one object is in the picture: the share of its pixels that nothing hides, and its box."""

    object_id: int
    visible: float
    box: Rectangle


def id_mask(scene: Scene, time: float) -> NDArray[np.int32]:
    """Which tracked object each pixel shows, (H, W): object ids, 0 for none; what lies over an object hides it.

    All 0 while the camera is out of the body.
    """
    return _stamped(scene, time)[0]


def _stamped(scene: Scene, time: float) -> tuple[NDArray[np.int32], dict[int, tuple[Rectangle, Covered]]]:
    """The mask, and each tracked object's own pixels, hidden or not, within a rectangle of the frame."""
    mask = np.zeros((scene.height, scene.width), dtype=np.int32)
    whole: dict[int, tuple[Rectangle, Covered]] = {}
    if scene.is_outside(time):
        return mask, whole
    view = view_at(scene, time)
    for mover in sorted(scene.movers, key=lambda mover: mover.layer):
        placed = place_mover(mover.kind, pose_at(scene, mover, time, view), (scene.width, scene.height))
        if placed:
            own = placed.stamp(mask, mover.object_id if mover.tracked else 0)
            if mover.tracked:
                whole[mover.object_id] = (placed.where, own)
    return mask, whole


def glimpses(scene: Scene, time: float) -> dict[int, Glimpse]:
    """What is in view at a time, by object id."""
    mask, whole = _stamped(scene, time)
    found: dict[int, Glimpse] = {}
    for object_id, (where, own) in whole.items():
        left, top, right, bottom = where
        pixels = int(own.sum())
        shown = mask[top:bottom, left:right] == object_id
        visible = shown.sum() / pixels if pixels else 0.0
        box = _rectangle(shown if visible >= LOST else own, left, top)
        if box and min(box[2] - box[0], box[3] - box[1]) >= LEAST_SIDE:
            found[object_id] = Glimpse(object_id, float(visible), box)
    return found


def _rectangle(covered: Covered, left: int, top: int) -> Rectangle | None:
    """The box of the pixels that are set, x2 and y2 exclusive."""
    columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
    if not len(columns):
        return None
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1


def _box(scene: Scene, rectangle: Rectangle) -> Box:
    if scene.world == "esd":
        step = max(scene.width, scene.height) // ESD_GRID
        limits = (scene.width // step, scene.height // step)
        rectangle = tuple(min(round(v / step), limits[i % 2]) * step for i, v in enumerate(rectangle))  # type: ignore[assignment]
    x1, y1, x2, y2 = rectangle
    return Box(float(x1), float(y1), float(x2), float(y2))


def tracks(scene: Scene) -> tuple[ObjectTrack, ...]:
    """Every visit of every tracked mover on whole seconds, numbered by start, then object."""
    seen = [glimpses(scene, second) for second in range(scene.seconds)]
    runs: list[tuple[Mover, int, list[Sighting]]] = []
    for mover in scene.movers:
        if mover.tracked:
            runs += [(mover, stay, run) for stay, run in _visits(scene, mover.object_id, seen)]
    runs.sort(key=lambda item: (item[2][0].time, item[0].object_id))
    stays: dict[tuple[int, int], int] = {}
    found = []
    for visit, (mover, stay, run) in enumerate(runs, 1):
        number = stays.setdefault((mover.object_id, stay), len(stays) + 1)
        found.append(ObjectTrack(mover.object_id, number, visit, mover.label, mover.hand, tuple(run)))
    return tuple(found)


def _visits(scene: Scene, object_id: int, seen: list[dict[int, Glimpse]]) -> Iterator[tuple[int, list[Sighting]]]:
    """Runs of whole seconds in view, each with the number of the object's stay in the body."""
    stay, run, last = 0, list[Sighting](), -1
    for second, glimpse in enumerate([found.get(object_id) for found in seen] + [None]):
        if glimpse:
            stay += not run and 0 <= last < second - NEW_STAY
            run.append(Sighting(float(second), _box(scene, glimpse.box), glimpse.visible < OCCLUDED))
            last = second
        elif run:
            yield stay, run
            run = []
