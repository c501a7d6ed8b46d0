"""The contract of a world's painter: a recording's tissue and props at any time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, ClassVar

from medvidbench.synthetic.motion import Pose, View, pose_at, seen
from medvidbench.synthetic.painting.canvas import look
from medvidbench.synthetic.painting.sprites import Placed
from medvidbench.synthetic.truth import Mark, Mover, Scene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]

Drag = tuple[float, float, float, float, float]
"""Tissue that gives way: where to (x, y), by how much (dx, dy), and within which radius, in frame pixels."""


class Painter:
    """Draws one recording. Subclasses say how the resting picture looks and what lies among the movers.

    Everything depends on the scene and the time alone; what is kept between calls only saves time.
    """

    vignette: ClassVar[float] = 0.35
    is_round: ClassVar[bool] = False
    shadow: ClassVar[int] = 4

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rng = Random(f"{scene.world}:{scene.seed}:{scene.number}:paint")
        # a cache for each painter, so that it goes with it
        self._still = lru_cache(maxsize=6)(self.draw_still)
        self._look = lru_cache(maxsize=1)(self._look_at)

    def canvas(self, time: float) -> Image:
        """The resting picture at a time; not to be drawn on."""
        return self._still(self.state(time))

    def seen(self, time: float, view: View) -> Image:
        """The resting picture as the camera sees it; not to be drawn on."""
        return self._look(self.state(time), view)

    def _look_at(self, state: tuple[object, ...], view: View) -> Image:
        return look(self._still(state), view, self.scene.width, self.scene.height)

    def state(self, time: float) -> tuple[object, ...]:
        """What of the resting picture changes, at a time; equal states look equal."""
        return ()

    def draw_still(self, state: tuple[object, ...]) -> Image:
        """Draws the resting picture of a state."""
        raise NotImplementedError

    def drags(self, time: float, view: View) -> Iterable[Drag]:
        """Where tissue gives way at a time."""
        return ()

    def props(self, time: float, view: View) -> Iterable[tuple[float, Placed | None]]:
        """Sprites that are no movers, each with its layer."""
        return ()

    def lay_under(self, frame: Frame, time: float, view: View) -> None:
        """Draws what changes from frame to frame and lies under everything that moves."""

    def lay_over(self, frame: Frame, time: float, view: View) -> None:
        """Draws what lies over everything that moves: smoke, sparks, smears."""

    def marks(self, time: float, *kinds: str) -> Iterator[Mark]:
        """The marks of these kinds at a time."""
        return (mark for mark in self.scene.marks if mark.kind in kinds and mark.start <= time < mark.end)

    def mover(self, object_id: int) -> Mover | None:
        """The mover of an object."""
        return next((mover for mover in self.scene.movers if mover.object_id == object_id), None)

    def tip(self, object_id: int, time: float, view: View) -> Pose | None:
        """The pose of an object in the picture, None when there is no such object."""
        mover = self.mover(object_id)
        return pose_at(self.scene, mover, time, view) if mover else None

    def at(self, view: View, x: float, y: float) -> tuple[float, float]:
        """Where the camera shows a point of the resting picture."""
        return seen(view, x, y, self.scene.width, self.scene.height)
