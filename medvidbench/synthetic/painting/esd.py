"""The inside of the stomach or gut through an endoscope: mucosa, the lifted flap, the blue submucosa beneath it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from medvidbench.synthetic.motion import View
from medvidbench.synthetic.painting.canvas import blots, blurred, canvas_size, put, rounded, smooth, stain
from medvidbench.synthetic.painting.effects import Haze
from medvidbench.synthetic.painting.painter import Drag, Painter
from medvidbench.synthetic.painting.sprites import Placed, Sprite, draw_parts, place
from medvidbench.synthetic.painting.texture import tissue, vessels
from medvidbench.synthetic.shapes.parts import Part, bar, disc, poly
from medvidbench.synthetic.truth import Scene
from medvidbench.synthetic.worlds.esd import CUT_LINE, FLAP_EDGE, FORCEPS_ID, KNIFE_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]

HINGE = (160.0, 44.0)
"""Where the flap hangs on; its free edge is at the forceps."""
_FLOOR = (
    (70.0, 96.0),
    (110.0, 74.0),
    (180.0, 66.0),
    (240.0, 90.0),
    (262.0, 136.0),
    (226.0, 186.0),
    (140.0, 196.0),
    (76.0, 160.0),
)
_STEPS = 8


class Dissection(Painter):
    """One dissection."""

    vignette: ClassVar[float] = 0.6
    is_round: ClassVar[bool] = True
    shadow: ClassVar[int] = 5

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        size = canvas_size(scene.width, scene.height)
        self._haze = Haze(self.rng, scene.width, scene.height)
        self._base = self._mucosa(size)
        self._blue = tissue(self.rng, *size, (52, 84, 150), (150, 186, 222), 50)
        vessels(self.rng, self._blue, (150, 30, 60), 10, 3)
        self._muscle = tissue(self.rng, *size, (196, 150, 140), (238, 214, 200), 34)

    def _mucosa(self, size: tuple[int, int]) -> Image:
        """Pink folds about a dark lumen."""
        rng, t = self.rng, self.rng.randint(-10, 10)
        base = tissue(rng, *size, (164 + t, 74, 64), (240, 158 + t, 132), 120)
        vessels(rng, base, (168, 34, 44), 12, 3)
        fold = tissue(rng, *size, (184 + t, 92, 78), (246, 172, 146), 90)
        for points in (
            ((-30, -30), (120, -30), (96, 12), (40, 40), (-30, 60)),
            ((190, -30), (340, -30), (340, 70), (280, 50), (220, 10)),
            ((-30, 190), (50, 196), (100, 226), (110, 260), (-30, 260)),
            ((210, 260), (230, 220), (290, 190), (340, 180), (340, 260)),
        ):
            rounded(base, put(*smooth(points)), fold, 24, 4)
        stain(base, put(*smooth(((120, -10), (180, -14), (200, 16), (160, 30), (118, 18)))), (34, 8, 8), 1.0, 22)
        return base

    def state(self, time: float) -> tuple[object, ...]:
        """How far the dissection has come, in steps, and what bleeds."""
        done = 0.0
        for mark in self.marks(time, "dissected"):
            share = min(1.0, (time - mark.start) / max(0.5, float(mark.name) - mark.start))
            before = max((m.amount for m in self.marks(time, "dissected") if m.amount < mark.amount), default=0.0)
            done = max(done, before + (mark.amount - before) * share)
        return round(done * _STEPS), tuple(self.marks(time, "blood"))

    def draw_still(self, state: tuple[object, ...]) -> Image:
        """The resting picture of a state."""
        done, blood = state
        assert isinstance(done, int) and isinstance(blood, tuple)
        canvas = self._base.copy()
        rounded(canvas, put(*smooth(_FLOOR)), self._blue, 12, 3, -70)
        if done:
            share = 0.35 + 0.6 * done / _STEPS
            middle = (166.0, 140.0)
            cut = [(middle[0] + (x - middle[0]) * share, middle[1] + (y - middle[1]) * share) for x, y in _FLOOR]
            rounded(canvas, put(*smooth(cut)), self._muscle, 8, 4, -60)
        for mark in blood:
            _bleed(canvas, mark.x, mark.y, mark.amount)
        return canvas

    def drags(self, time: float, view: View) -> Iterator[Drag]:
        """The floor gives way before the knife."""
        pose = self.tip(KNIFE_ID, time, view)
        if pose and any(a.verb == "dissect" for a in self.scene.actions_at(time)):
            yield pose.x, pose.y, 5 * math.cos(pose.angle), 5 * math.sin(pose.angle), 30.0

    def props(self, time: float, view: View) -> Iterable[tuple[float, Placed | None]]:
        """The flap: from its hinge to the forceps that hold it, or hanging when nothing does."""
        hinge = self.at(view, *HINGE)
        edge = self._edge(time, view)
        dx, dy = edge[0] - hinge[0], edge[1] - hinge[1]
        length = math.hypot(dx, dy)
        cos, sin = dx / length, dy / length
        wide = 1.25 - 0.35 * min(1.0, length / 110)
        size = (self.scene.width, self.scene.height)
        matrix_ = (cos * length / 80, -sin * wide, sin * length / 80, cos * wide)
        yield 10, place(_flap(self.scene.seed, self.scene.number), matrix_, *hinge, size)

    def _edge(self, time: float, view: View) -> tuple[float, float]:
        """The flap's free edge: in the forceps from the grasp on, on the knife while it lifts, else at rest."""
        rest = self.at(view, FLAP_EDGE[0] + 22, FLAP_EDGE[1] + 4)
        label = next((a.label for a in self.scene.actions_at(time)), "")
        tip = None
        by_forceps = label.startswith(("lift flap", "hold", "grasp")) and label.endswith("forceps")
        if by_forceps or label.startswith("dissect"):
            tip = self.tip(FORCEPS_ID, time, view)
        elif "lift flap" in label:
            tip = self.tip(KNIFE_ID, time, view)
        if tip is None or math.hypot(tip.x - rest[0], tip.y - rest[1]) > 90:
            return rest
        # soft hand over between what holds it: the first 0.6 s of an action
        start = max((a.start for a in self.scene.actions_at(time)), default=0.0)
        share = min(1.0, (time - start) / 0.6)
        return rest[0] + (tip.x - rest[0]) * share, rest[1] + (tip.y - rest[1]) * share

    def lay_over(self, frame: Frame, time: float, view: View) -> None:
        """Smoke, sparks and smears."""
        pose = self.tip(KNIFE_ID, time, view)
        if pose and any(a.verb == "dissect" for a in self.scene.actions_at(time)):
            _spark(frame, pose.x, pose.y, time)
        for mark in self.marks(time, "smoke"):
            rise = min(1.0, (time - mark.start) / 2) * min(1.0, mark.end - time)
            self._haze.blow(frame, *self.at(view, *CUT_LINE), 0.5 * mark.amount * rise, time)
        for mark in self.marks(time, "smear", "wander"):
            share = min(1.0, (time - mark.start) / 2.5)
            _smear(frame, share if mark.kind == "smear" else 0.0, 6 * share)


def _spark(frame: Frame, x: float, y: float, time: float) -> None:
    """A flickering white glow at the knife."""
    height, width = frame.shape[:2]
    left, top = max(0, int(x) - 12), max(0, int(y) - 12)
    right, bottom = min(width, int(x) + 13), min(height, int(y) + 13)
    if right <= left or bottom <= top:
        return
    gx, gy = np.arange(left, right)[None, :], np.arange(top, bottom)[:, None]
    flicker = 0.6 + 0.4 * math.sin(time * 43.0)
    glow = 170 * flicker * np.exp(-((gx - x) ** 2 + (gy - y) ** 2) / 22.0)[..., None]
    place_ = frame[top:bottom, left:right]
    place_[...] = np.minimum(place_ + glow * np.array([1.0, 0.95, 0.8]), 255).astype(np.uint8)


def _smear(frame: Frame, dirt: float, blur: float) -> None:
    """A view out of focus, with yellow fluid on the lens by `dirt`."""
    from PIL import Image

    if blur < 0.5:
        return
    image = blurred(Image.fromarray(frame), blur)
    frame[...] = np.asarray(image)
    if dirt:
        height, width = frame.shape[:2]
        gx, gy = np.arange(width)[None, :], np.arange(height)[:, None]
        wave = np.sin(gx / 23.0 + 2 * np.sin(gy / 31.0)) * np.sin(gy / 17.0 + 1.0)
        cover = (np.clip(wave, 0, 1) * 120 * dirt).astype(np.uint16)[..., None]
        frame[...] = (frame * (256 - cover) + cover * np.array([150, 116, 60], dtype=np.uint16)) >> 8


def _bleed(canvas: Image, x: float, y: float, amount: float) -> None:
    rng = Random(f"{x}:{y}")
    (cx, cy) = put((x, y))[0]
    spots = []
    for _ in range(6):
        r = rng.uniform(4, 11) * amount + 2
        spots.append((cx + rng.gauss(0, 9), cy + rng.gauss(0, 6), r, r))
    blots(canvas, spots, (150, 6, 14), 0.86)


@lru_cache(maxsize=8)
def _flap(seed: int, number: int) -> Sprite:
    """A sheet of mucosa: hinge at (0, 0), 80 units to its free, thick, ragged edge."""
    rng = Random(f"{seed}:{number}:flap")
    edge = [(80 + rng.uniform(-5, 5) - 0.006 * y * y, float(y)) for y in (-46, -30, -14, 0, 14, 30, 46)]
    sides = ((-8.0, -74.0), (34.0, -66.0)), ((34.0, 66.0), (-8.0, 74.0))
    sheet = poly(tuple(smooth((*sides[0], *edge, *sides[1]))), (206, 116, 98))
    rim = [bar(a, b, 8, 8, (236, 184, 160)) for a, b in pairwise(edge)]
    lines = []
    for _ in range(14):
        x, y = rng.uniform(2, 62), rng.uniform(-44, 44)
        lines.append(bar((x, y), (x + rng.uniform(5, 14), y + rng.uniform(-6, 6)), 1.2, 0.6, (172, 62, 60)))
    tension = [Part(bar((72, 0.4 * y), (12, y), 3, 9, (0, 0, 0)).points, (222, 138, 118), True, "soft", 0.45)
               for y in (-44, -14, 20, 48)]  # fmt: skip
    shine = [Part(disc(x, y, 7, 2, (0, 0, 0)).points, (255, 240, 230), True, "flat", 0.55)
             for x, y in ((26, -26), (44, 8), (20, 34))]  # fmt: skip
    return draw_parts((sheet, *tension, *lines, *rim, *shine))
