"""The abdomen through a laparoscope: liver, gallbladder, cystic duct and artery under fat that dissection clears.

The critical view is shown as rated: fat covers the triangle as long as "Hepatocystic triangle" is low, duct and artery
come out of it with "Two structures", and a pale plate opens between gallbladder and liver with "Cystic plate".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, ClassVar

from medvidbench.synthetic.motion import View
from medvidbench.synthetic.painting.canvas import FINE, blots, canvas_size, put, rounded, smooth, stain, tube
from medvidbench.synthetic.painting.effects import Haze
from medvidbench.synthetic.painting.painter import Drag, Painter
from medvidbench.synthetic.painting.sprites import Placed, Sprite, draw_parts, place
from medvidbench.synthetic.painting.texture import fat, tissue, vessels
from medvidbench.synthetic.shapes.parts import Part, bar, disc, poly
from medvidbench.synthetic.truth import Mark, Scene
from medvidbench.synthetic.worlds.cholecystectomy import CALOT, CLIP, CRITERIA, DISSECT, HOLD, PACK, PREPARE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]

NECK = (166.0, 92.0)
DUCT = ((166.0, 92.0), (182.0, 104.0), (194.0, 114.0), (206.0, 130.0))
ARTERY = ((160.0, 84.0), (178.0, 84.0), (196.0, 84.0), (222.0, 96.0), (232.0, 112.0))
TRIANGLE = ((164.0, 72.0), (200.0, 70.0), (228.0, 92.0), (226.0, 128.0), (200.0, 130.0), (172.0, 108.0), (158.0, 90.0))
PLATE = ((116.0, 44.0), (146.0, 44.0), (172.0, 58.0), (176.0, 74.0), (156.0, 70.0), (130.0, 60.0))
_LIVER = (
    *((-40.0, -40.0), (230.0, -40.0), (236.0, -6.0), (214.0, 34.0), (176.0, 62.0)),
    *((128.0, 64.0), (84.0, 78.0), (40.0, 98.0), (-40.0, 108.0)),
)
_LENGTH = 92.0  # units of the gallbladder's sprite from neck to fundus


class Cholecystectomy(Painter):
    """One operation."""

    vignette: ClassVar[float] = 0.5

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        rng = self.rng
        self._tint = rng.randint(-10, 10)
        self._haze = Haze(rng, self.scene.width, self.scene.height)
        size = canvas_size(self.scene.width, self.scene.height)
        self._fat = fat(rng, *size, (168, 112, 52), (246, 214, 128), 26)
        self._base = self._anatomy(size)

    def _anatomy(self, size: tuple[int, int]) -> Image:
        """All that no action changes."""
        rng, t = self.rng, self._tint
        base = tissue(rng, *size, (112 + t, 44, 40), (206 + t, 118, 102), 110)
        vessels(rng, base, (120, 16, 24), 9, 3)
        wall = tissue(rng, *size, (150, 70, 60), (222, 146, 124), 90)
        vessels(rng, wall, (130, 20, 28), 6, 3)
        rounded(base, put(*smooth(((238, -30), (370, -30), (370, 74), (300, 62), (256, 30)))), wall, 18, 4)
        low = put(
            *smooth(
                (
                    (-40, 128),
                    (40, 124),
                    (92, 128),
                    (150, 138),
                    (214, 146),
                    (290, 136),
                    (370, 150),
                    (370, 220),
                    (-40, 220),
                )
            )
        )
        rounded(base, low, self._fat, 14, 2)
        gut = tissue(rng, *size, (176, 92, 84), (236, 164, 148), 60)
        vessels(rng, gut, (150, 30, 40), 5, 2)
        rounded(
            base,
            put(*smooth(((-40, 118), (30, 112), (86, 124), (112, 146), (92, 178), (40, 190), (-40, 190)))),
            gut,
            20,
            2,
        )
        liver = tissue(rng, *size, (64 + t, 22, 18), (132 + t, 52, 40), 150)
        rounded(base, put(*smooth(_LIVER)), liver, 22, 2, 70)
        return base

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
        two, plate, triangle, is_bare, marks = state
        assert isinstance(two, int) and isinstance(plate, int) and isinstance(triangle, int)
        assert isinstance(marks, tuple)
        canvas = self._base.copy()
        _plate(canvas, 2 if is_bare else plate)
        self._structures(canvas, two, triangle, marks)
        for mark in marks:
            if mark.kind in ("char", "blood"):
                _stain(canvas, mark)
        return canvas

    def _structures(self, canvas: Image, two: int, triangle: int, marks: tuple[Mark, ...]) -> None:
        """The window behind the triangle, the fat in it, duct and artery, then clips and cuts on them."""
        stain(canvas, put(*smooth(TRIANGLE)), (70, 20, 22), 0.75, 5)
        cuts = {mark.name for mark in marks if mark.kind == "cut"}
        _duct(canvas, DUCT, 8.5, (196, 186, 122), two >= 1, "cystic_duct" in cuts)
        _duct(canvas, ARTERY, 5.0, (206, 66, 58), two >= 2, "cystic_artery" in cuts)
        pieces = {0: ((0.0, 0.0, 1.0),), 1: ((8.0, 9.0, 0.62),), 2: ()}[triangle]
        for dx, dy, share in pieces:
            middle = (195.0 + dx, 100.0 + dy)
            lumps = [(middle[0] + (x - 195) * share, middle[1] + (y - 100) * share) for x, y in TRIANGLE]
            rounded(canvas, put(*smooth(lumps)), self._fat, 9, 2)
        if two >= 1:  # what is dissected stands out of the fat that is left
            _duct(canvas, DUCT, 8.5, (196, 186, 122), True, "cystic_duct" in cuts)
        if two >= 2:
            _duct(canvas, ARTERY, 5.0, (206, 66, 58), True, "cystic_artery" in cuts)
        for mark in marks:
            if mark.kind == "clip" and mark.name in _TUBES:
                _clip(canvas, mark)

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
            yield layer, place(_gallbladder(self.scene.seed, self.scene.number), matrix_, x, y, self._size)
        for mark in self.marks(time, "irrigate", "aspirate"):
            x, y = self.at(view, mark.x, mark.y)
            grown = min(1.0, 0.1 + (time - mark.start) / 2)
            grown = 1 - 0.7 * (time - mark.start) / (mark.end - mark.start) if mark.kind == "aspirate" else grown
            yield 1, place(_pool(), (0.9 * grown, 0.0, 0.0, 0.5 * grown), x, y + 5, self._size)

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
        length = math.hypot(fundus[0] - neck[0], fundus[1] - neck[1]) / _LENGTH
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


_TUBES = {"cystic_duct": DUCT, "cystic_artery": ARTERY}


def _duct(
    canvas: Image,
    points: tuple[tuple[float, float], ...],
    width: float,
    colour: tuple[int, int, int],
    shown: bool,
    cut: bool,
) -> None:
    """A tube; a cut one has a gap in its middle with red ends."""
    if not shown:
        return
    if not cut:
        tube(canvas, points, width, colour)
        return
    line = smooth(points, closed=False)
    third = len(line) // 3
    for piece in (line[: third + 2], line[2 * third :]):
        tube(canvas, piece, width, colour)
    for end in (line[third + 1], line[2 * third]):
        _dot(canvas, end, 0.42 * width, (150, 20, 24))


def _dot(canvas: Image, at: tuple[float, float], radius: float, colour: tuple[int, int, int]) -> None:
    from PIL import ImageDraw

    (x, y), r = put(at)[0], radius * FINE
    ImageDraw.Draw(canvas).ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _clip(canvas: Image, mark: Mark) -> None:
    """A bright metal bar across the tube: clips of one tube lie side by side, about the place of the cut."""
    from PIL import ImageDraw

    line = smooth(_TUBES[mark.name], closed=False)
    share = (0.24, 0.76, 0.3, 0.82, 0.18)[int(mark.start * 10) % 5]
    place_ = round(share * (len(line) - 2))
    (x1, y1), (x2, y2) = line[place_], line[place_ + 1]
    angle = math.atan2(y2 - y1, x2 - x1) + math.pi / 2
    dx, dy = 6.5 * math.cos(angle), 6.5 * math.sin(angle)
    draw = ImageDraw.Draw(canvas)
    draw.line(put((x1 - dx, y1 - dy), (x1 + dx, y1 + dy)), fill=(70, 74, 84), width=9)
    draw.line(put((x1 - dx, y1 - dy), (x1 + dx, y1 + dy)), fill=(232, 236, 244), width=5)


def _plate(canvas: Image, score: int) -> None:
    """The pale bed between gallbladder and liver: a narrow strip at 1, a wide one at 2."""
    if not score:
        return
    points = PLATE if score == 2 else tuple((146 + (x - 146) * 0.6, 58 + (y - 58) * 0.5) for x, y in PLATE)
    stain(canvas, put(*smooth(points)), (226, 190, 168), 0.85, 3)


def _stain(canvas: Image, mark: Mark) -> None:
    """Char or blood: an uneven spot, blood with a run downwards."""
    rng = Random(f"{mark.x}:{mark.y}")
    (x, y) = put((mark.x, mark.y))[0]
    size = (7 if mark.kind == "blood" else 6) * mark.amount + 3
    spots = []
    for _ in range(7):
        r = rng.uniform(0.3, 0.9) * size
        spots.append((x + rng.gauss(0, size), y + rng.gauss(0, 0.6 * size), r, r))
    if mark.kind == "blood":
        spots += [(x + i, y + i * (1 + 3 * mark.amount), 3.0, 3.5) for i in range(7)]
    blots(canvas, spots, (138, 4, 10) if mark.kind == "blood" else (46, 30, 24), 0.86)


@lru_cache(maxsize=8)
def _gallbladder(seed: int, number: int) -> Sprite:
    """A pear: neck at (0, 0), fundus towards positive x, greenish, with vessels and a wet shine."""
    rng = Random(f"{seed}:{number}:gallbladder")
    shift = rng.randint(-14, 14)
    colour = (126 + shift, 148, 112 - shift)
    outline = tuple(
        smooth(
            (
                (0, -5),
                (16, -9),
                (40, -19),
                (70, -25),
                (94, -18),
                (102, 0),
                (94, 19),
                (70, 27),
                (40, 20),
                (16, 9),
                (0, 5),
            )
        )
    )
    parts: list[Part] = [poly(outline, colour)]
    for _ in range(6):
        x, y = rng.uniform(14, 84), rng.uniform(-10, 10)
        parts.append(bar((x, y), (x + rng.uniform(8, 20), y + rng.uniform(-7, 7)), 1.3, 0.7, (150, 70, 62)))
    wet = (250, 252, 240)
    shine = [disc(58, -12, 15, 3.4, wet), disc(82, -8, 4, 2, wet)]
    return draw_parts((*parts, *(replace(part, finish="flat", alpha=0.6) for part in shine)))


@lru_cache(maxsize=1)
def _pool() -> Sprite:
    """A puddle."""
    body, shine = disc(0, 0, 52, 40, (136, 50, 46)), disc(-14, -16, 14, 4, (244, 226, 220))
    return draw_parts((replace(body, alpha=0.75), replace(shine, finish="flat", alpha=0.5)))
