"""Pictures of a scene at any times: tissue, what moves, and what the camera does. Every frame is marked SYNTHETIC.

A frame depends on the scene and its time alone, so frames may be drawn in any order, or one of them alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.synthetic.motion import View, pose_at, view_at
from medvidbench.synthetic.painting import benchtop, cholecystectomy, effects, esd, nursing, open_surgery
from medvidbench.synthetic.painting.painter import Painter
from medvidbench.synthetic.painting.sprites import Placed, place_mover
from medvidbench.synthetic.truth import Scene, World

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

_PAINTERS: dict[World, type[Painter]] = {
    "cholecystectomy": cholecystectomy.Cholecystectomy,
    "esd": esd.Dissection,
    "open": open_surgery.OpenSurgery,
    "benchtop": benchtop.Benchtop,
    "nursing": nursing.Nursing,
}


def render(scene: Scene, times: Iterable[float]) -> Iterator[Frame]:
    """The frame at each time, as an array (H, W, 3) uint8 RGB.

    Args:
        scene: what `simulate` gave.
        times: seconds from the start of the recording, in any order; times beyond its end show the end.
    """
    painter = _painter_of(scene)
    for time in times:
        yield _frame(painter, time)


@lru_cache(maxsize=4)
def _painter_of(scene: Scene) -> Painter:
    return _PAINTERS[scene.world](scene)


def _frame(painter: Painter, time: float) -> Frame:
    scene = painter.scene
    if scene.is_outside(time):
        frame: Frame = np.zeros((scene.height, scene.width, 3), dtype=np.uint8)
        effects.sign(frame)
        return frame
    view = view_at(scene, time)
    frame = np.array(painter.seen(time, view))
    for drag in painter.drags(time, view):
        effects.pull(frame, *drag)
    painter.lay_under(frame, time, view)
    for _, placed in _sprites(painter, time, view):
        placed.paint(frame, shadow=painter.shadow)
    painter.lay_over(frame, time, view)
    gain = 1 + 0.03 * math.sin(time * 0.9 + scene.number)
    effects.expose(frame, painter.vignette, painter.is_round, gain)
    effects.sign(frame)
    return frame


def _sprites(painter: Painter, time: float, view: View) -> list[tuple[float, Placed]]:
    """All that is drawn among the movers, each with its layer, lowest first."""
    scene = painter.scene
    size = (scene.width, scene.height)
    movers = [(m.layer, place_mover(m.kind, pose_at(scene, m, time, view), size)) for m in scene.movers]
    both = [*movers, *painter.props(time, view)]
    return sorted(((layer, placed) for layer, placed in both if placed), key=lambda item: item[0])
