"""The abdomen through a laparoscope: liver, gallbladder, cystic duct and artery under fat that dissection clears.

The critical view is shown as rated: fat covers the triangle as long as "Hepatocystic triangle" is low, duct and artery
come out of it with "Two structures", and a pale plate opens between gallbladder and liver with "Cystic plate".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from medvidbench.synthetic.motion import View
from medvidbench.synthetic.painting.abdomen import (
    ARTERY,
    DUCT,
    LENGTH,
    NECK,
    TRIANGLE,
    TUBES,
    abdomen,
    clip,
    duct,
    gallbladder,
    plate,
    pool,
    spot,
)
from medvidbench.synthetic.painting.canvas import canvas_size, put, rounded, smooth, stain
from medvidbench.synthetic.painting.effects import Haze
from medvidbench.synthetic.painting.painter import Drag, Painter
from medvidbench.synthetic.painting.sprites import Placed, place
from medvidbench.synthetic.painting.texture import fat
from medvidbench.synthetic.truth import Mark, Scene
from medvidbench.synthetic.worlds.cholecystectomy import CALOT, CLIP, DISSECT, HOLD, PACK, PREPARE
from medvidbench.synthetic.worlds.critical_view import CRITERIA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]


class Cholecystectomy(Painter):
    """One operation."""

    vignette: ClassVar[float] = 0.5

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        rng = self.rng
        self._haze = Haze(rng, self.scene.width, self.scene.height)
        size = canvas_size(self.scene.width, self.scene.height)
        self._fat = fat(rng, *size, (168, 112, 52), (246, 214, 128), 26)
        self._base = abdomen(rng, size, self._fat)

    def state(self, time: float) -> tuple[object, ...]:
        """What of the resting picture changes."""
        scores = self._scores(time)
        marks = tuple(m for m in self.marks(time, "clip", "cut", "char", "blood"))
        return (*scores, self._is_bare(time), marks)

    def _scores(self, time: float) -> tuple[int, ...]:
        """The three criteria as shown: those rated last, 0 before; with the clips all is laid bare to 1 at least."""
        rated = [interval for interval in self.scene.critical_view if interval.start <= time]
        scores = tuple(rating.value for rating in rated[-1].ratings) if rated else (0,) * len(CRITERIA)
        clipping = next((phase.start for phase in self.scene.phases if phase.label == CLIP), math.inf)
        return tuple(max(score, 1) for score in scores) if time >= clipping else scores

    def _is_bare(self, time: float) -> bool:
        """Whether the gallbladder has left its bed."""
        return time >= next(phase.start for phase in self.scene.phases if phase.label == PACK)

    def draw_still(self, state: tuple[object, ...]) -> Image:
        """The resting picture of a state."""
        two, bed, triangle, is_bare, marks = state
        assert isinstance(two, int) and isinstance(bed, int) and isinstance(triangle, int)
        assert isinstance(marks, tuple)
        canvas = self._base.copy()
        plate(canvas, 2 if is_bare else bed)
        self._structures(canvas, two, triangle, marks)
        for mark in marks:
            if mark.kind in ("char", "blood"):
                spot(canvas, mark)
        return canvas

    def _structures(self, canvas: Image, two: int, triangle: int, marks: tuple[Mark, ...]) -> None:
        """The window behind the triangle, the fat in it, duct and artery, then clips and cuts on them."""
        stain(canvas, put(*smooth(TRIANGLE)), (70, 20, 22), 0.75, 5)
        cuts = {mark.name for mark in marks if mark.kind == "cut"}
        if any(mark.name == "cystic_artery" for mark in marks):  # what is clipped lies bare
            two = 2
        duct(canvas, DUCT, 8.5, (196, 186, 122), two >= 1, "cystic_duct" in cuts)
        duct(canvas, ARTERY, 5.0, (206, 66, 58), two >= 2, "cystic_artery" in cuts)
        pieces = {0: ((0.0, 0.0, 1.0),), 1: ((8.0, 9.0, 0.62),), 2: ()}[triangle]
        for dx, dy, share in pieces:
            middle = (195.0 + dx, 100.0 + dy)
            lumps = [(middle[0] + (x - 195) * share, middle[1] + (y - 100) * share) for x, y in TRIANGLE]
            rounded(canvas, put(*smooth(lumps)), self._fat, 9, 2)
        if two >= 1:  # what is dissected stands out of the fat that is left
            duct(canvas, DUCT, 8.5, (196, 186, 122), True, "cystic_duct" in cuts)
        if two >= 2:
            duct(canvas, ARTERY, 5.0, (206, 66, 58), True, "cystic_artery" in cuts)
        for mark in marks:
            if mark.kind == "clip" and mark.name in TUBES:
                clip(canvas, mark)

    def drags(self, time: float, view: View) -> Iterator[Drag]:
        """Tissue follows the grasper that pulls it and the tips that press on it."""
        for action in self.scene.actions_at(time):
            pose = self.tip(action.object_id, time, view)
            if pose is None or action.verb == "null_verb":
                continue
            away = 9.0 if action.verb in ("retract", "grasp") else 4.0
            yield pose.x, pose.y, -away * math.cos(pose.angle), -away * math.sin(pose.angle), 34.0

    def props(self, time: float, view: View) -> Iterable[tuple[float, Placed | None]]:
        """The gallbladder, and puddles."""
        place_ = self._gallbladder_at(time, view)
        if place_ is not None:
            layer, matrix_, x, y = place_
            yield layer, place(gallbladder(self.scene.seed, self.scene.number), matrix_, x, y, self._size)
        for mark in self.marks(time, "irrigate", "aspirate"):
            x, y = self.at(view, mark.x, mark.y)
            grown = min(1.0, 0.1 + (time - mark.start) / 2)
            grown = 1 - 0.7 * (time - mark.start) / (mark.end - mark.start) if mark.kind == "aspirate" else grown
            yield 1, place(pool(), (0.9 * grown, 0.0, 0.0, 0.5 * grown), x, y + 5, self._size)

    @property
    def _size(self) -> tuple[int, int]:
        return self.scene.width, self.scene.height

    def _gallbladder_at(
        self, time: float, view: View
    ) -> tuple[float, tuple[float, float, float, float], float, float] | None:
        """Layer, matrix and place of the neck: on its bed, held by the left hand, carried to the bag, or gone."""
        phase = self.scene.phase_at(time)
        if self._is_bare(time):
            return self._packed(time, view, phase)
        neck, fundus = self.at(view, *NECK), self.at(view, *HOLD)
        fundus = (fundus[0] - 12, fundus[1] - 8)
        held = next((a for a in self.scene.actions_at(time) if a.hand == "left"), None)
        pose = self.tip(1, time, view)
        if held and pose:
            fundus = (pose.x - 8, pose.y - 6)
        if phase == DISSECT:
            fundus = (fundus[0] + 10, fundus[1] - 16)
        length = math.hypot(fundus[0] - neck[0], fundus[1] - neck[1]) / LENGTH
        angle = math.atan2(fundus[1] - neck[1], fundus[0] - neck[0])
        wide = 0.95 if phase in (PREPARE, CALOT, CLIP) else 0.85
        cos, sin = math.cos(angle), math.sin(angle)
        return 5, (length * cos, -wide * sin, length * sin, wide * cos), *neck

    def _packed(
        self, time: float, view: View, phase: str
    ) -> tuple[float, tuple[float, float, float, float], float, float] | None:
        packing = next(a for a in self.scene.phases if a.label == PACK)
        carried = (packing.start + packing.end) / 2
        grasper, bag = self.tip(2, time, view), self.tip(9, time, view)
        if phase == PACK and time < carried and grasper and any(a.object_id == 2 for a in self.scene.actions_at(time)):
            return 29, (-0.55, -0.35, 0.3, -0.6), grasper.x + 2, grasper.y + 2
        if bag is None or bag.y > self.scene.height + 60:
            return None
        return 9, (0.5, 0.0, 0.0, 0.5), bag.x - 24, bag.y + 14

    def lay_over(self, frame: Frame, time: float, view: View) -> None:
        """Smoke, sparks and smears."""
        for mark in self.marks(time, "smoke"):
            rise = min(1.0, (time - mark.start) / 1.5) * min(1.0, (mark.end - time) / 1.0)
            self._haze.blow(frame, *self.at(view, mark.x, mark.y), 0.75 * mark.amount * rise, time)
