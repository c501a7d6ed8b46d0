"""An operating field from the surgeon's eyes: green drapes, a window of skin, a wound that opens and is closed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from medvidbench.synthetic.motion import View
from medvidbench.synthetic.painting.canvas import blots, canvas_size, put, rounded, smooth, stain
from medvidbench.synthetic.painting.painter import Drag, Painter
from medvidbench.synthetic.painting.sprites import Placed, Sprite, draw_parts, place
from medvidbench.synthetic.painting.texture import cloth, fat, tissue, vessels
from medvidbench.synthetic.shapes.parts import Part, bar, disc, poly
from medvidbench.synthetic.truth import Scene
from medvidbench.synthetic.worlds.open_surgery import WOUND

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]

_SKIN = (
    (52.0, 40.0),
    (120.0, 20.0),
    (210.0, 18.0),
    (268.0, 44.0),
    (272.0, 110.0),
    (240.0, 146.0),
    (90.0, 150.0),
    (48.0, 112.0),
)
_LENGTH = 52.0  # half the wound, in pixels
_STITCHES = 7


class OpenSurgery(Painter):
    """One operation."""

    vignette: ClassVar[float] = 0.3
    shadow: ClassVar[int] = 5

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        rng, size = self.rng, canvas_size(scene.width, scene.height)
        drape = rng.choice(((46, 120, 104), (48, 98, 140), (70, 128, 128)))
        tone = rng.choice(((214, 168, 140), (196, 144, 112), (150, 100, 72), (228, 186, 160)))
        self._skin = tuple(tone)
        self._base = cloth(rng, *size, drape)
        light = tuple(min(255, v + 22) for v in tone)
        skin = tissue(rng, *size, tone, (light[0], light[1], light[2]), 130)
        rounded(self._base, put(*smooth(_SKIN)), skin, 10, 2, -40)
        self._deep = tissue(rng, *size, (96, 14, 16), (196, 62, 52), 30)
        vessels(rng, self._deep, (90, 0, 10), 14, 3)
        self._fat = fat(rng, *size, (196, 140, 60), (248, 218, 130), 14)

    def state(self, time: float) -> tuple[object, ...]:
        """How far the wound gapes (0 to 8), stitches tied, and what stains the field."""
        kinds = tuple(sorted({m.kind for m in self.marks(time, "disinfection", "design", "dressing")}))
        return self._gape(time), self._stitched(time), kinds, self._phase(time)

    def _gape(self, time: float) -> int:
        """From nothing before the incision over a cut to a held-open wound."""
        firsts = {
            phase.label: phase.start
            for phase in reversed(self.scene.phases)
            if phase.label in ("incision", "dissection", "hemostasis", "irrigation", "closure")
        }
        if not firsts:
            return 0
        first = min(firsts.values())
        if time < first:
            return 0
        cut = first if "incision" in firsts and firsts["incision"] == first else first - 8
        return min(8, 1 + int((time - cut) / 2))

    def _stitched(self, time: float) -> int:
        share = max((mark.amount for mark in self.marks(time, "stitch")), default=0.0)
        return math.floor(share * _STITCHES + 1e-6)

    def _phase(self, time: float) -> str:
        """The phase as far as the still picture shows it."""
        phase = self.scene.phase_at(time)
        return phase if phase in ("hemostasis", "irrigation", "dressing") else ""

    def draw_still(self, state: tuple[object, ...]) -> Image:
        """The resting picture of a state."""
        gape, stitched, kinds, phase = state
        assert isinstance(gape, int) and isinstance(stitched, int) and isinstance(kinds, tuple)
        canvas = self._base.copy()
        if "disinfection" in kinds:
            painted = ((84, 48), (160, 34), (238, 50), (242, 116), (160, 132), (80, 118))
            stain(canvas, put(*smooth(painted)), (150, 84, 30), 0.55, 8)
        if "design" in kinds:
            _ink(canvas)
        if gape:
            self._wound(canvas, gape, stitched)
        if phase == "hemostasis":
            _splash(canvas, (140, 4, 10), 9, 0.8)
        elif phase == "irrigation":
            _splash(canvas, (214, 226, 236), 12, 0.45)
        if "dressing" in kinds and phase == "dressing":
            rounded(canvas, put((98, 62), (222, 60), (226, 108), (96, 110)), _white(canvas.size), 6, 1)
        return canvas

    def _wound(self, canvas: Image, gape: int, stitched: int) -> None:
        """Layers from the outside in; the stitched part, from the left, is closed."""
        x, y = WOUND
        closed = stitched / _STITCHES
        left = x - _LENGTH + 2 * _LENGTH * closed
        half = 2.0 + 2.6 * gape
        if closed < 1:
            for spare, texture, depth in ((1.0, self._fat, -3.0), (0.72, self._deep, -8.0)):
                rim = _lens(left, x + _LENGTH, y, half * spare)
                rounded(canvas, put(*smooth(rim)), texture, abs(depth), 1.0, 12 * depth)
        self._seam(canvas, x - _LENGTH, left, stitched)

    def _seam(self, canvas: Image, start: float, end: float, stitched: int) -> None:
        from PIL import ImageDraw

        draw, y = ImageDraw.Draw(canvas), WOUND[1]
        if stitched:
            draw.line(put((start, y), (end, y)), fill=(132, 30, 34), width=4)
        for i in range(stitched):
            at = start + (i + 0.5) * 2 * _LENGTH / _STITCHES
            draw.line(put((at - 1, y - 8), (at + 1, y + 8)), fill=(20, 22, 60), width=3)
            (cx, cy) = put((at, y - 8))[0]
            draw.ellipse((cx - 4, cy - 4, cx + 4, cy + 4), fill=(20, 22, 60))

    def drags(self, time: float, view: View) -> Iterator[Drag]:
        """The wound's edges give way to the tools in it."""
        for action in self.scene.actions_at(time):
            pose = self.tip(action.object_id, time, view)
            if pose:
                yield pose.x, pose.y, 5 * math.cos(pose.angle), 5 * math.sin(pose.angle), 26.0

    def props(self, time: float, view: View) -> Iterable[tuple[float, Placed | None]]:
        """Instruments that lie on the drape and swabs beside the wound."""
        size = (self.scene.width, self.scene.height)
        x, y = self.at(view, 20, 30)
        yield 1, place(_swab(), (0.9, 0.3, -0.3, 0.9), x, y, size)
        if any(m.kind == "hemostasis" for m in self.scene.marks if m.start <= time):
            x, y = self.at(view, 286, 34)
            yield 1, place(_bloody(), (0.8, -0.4, 0.4, 0.8), x, y, size)

    def lay_over(self, frame: Frame, time: float, view: View) -> None:
        """Thread from the needle driver or between the hands, and a little smoke from the cautery."""
        for action in self.scene.actions_at(time):
            if action.label == "suturing":
                pose = self.tip(action.object_id, time, view)
                x, y = self.at(view, WOUND[0] - _LENGTH + 2 * _LENGTH * self._stitched(time) / _STITCHES, WOUND[1])
                if pose:
                    _thread(frame, (pose.x, pose.y), (x, y), 14)
            elif action.label == "tying":
                tips = [self.tip(number, time, view) for number in (1, 2)]
                knot = self.at(view, *WOUND)
                for tip in tips:
                    if tip:
                        _thread(frame, (tip.x - 34 * math.cos(tip.angle), tip.y - 34 * math.sin(tip.angle)), knot, 5)


def _lens(left: float, right: float, y: float, half: float) -> list[tuple[float, float]]:
    """Two arcs that meet at the wound's corners."""
    middle, width = (left + right) / 2, right - left
    half = min(half, 0.35 * width)
    return [
        (left, y),
        (middle - 0.28 * width, y - 0.8 * half),
        (middle, y - half),
        (middle + 0.28 * width, y - 0.8 * half),
        (right, y),
        (middle + 0.28 * width, y + 0.8 * half),
        (middle, y + half),
        (middle - 0.28 * width, y + 0.8 * half),
    ]


def _ink(canvas: Image) -> None:
    """The marked line of the incision, with cross strokes."""
    from PIL import ImageDraw

    draw, (x, y) = ImageDraw.Draw(canvas), WOUND
    for i in range(-6, 6, 2):
        draw.line(put((x + i * 10, y), (x + i * 10 + 12, y)), fill=(84, 40, 130), width=4)
    for dx in (-40, 0, 40):
        draw.line(put((x + dx, y - 12), (x + dx, y + 12)), fill=(84, 40, 130), width=3)


def _splash(canvas: Image, colour: tuple[int, int, int], count: int, cover: float) -> None:
    rng = Random(f"{count}:{colour}")
    spots = []
    for _ in range(count):
        (x, y), r = put((rng.gauss(WOUND[0], 26), rng.gauss(WOUND[1], 10)))[0], rng.uniform(6, 18)
        spots.append((x, y, 1.5 * r, r))
    blots(canvas, spots, colour, cover)


def _thread(frame: Frame, start: tuple[float, float], end: tuple[float, float], sag: float) -> None:
    """A thin dark thread that hangs between two points."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(frame)
    points = [
        (
            start[0] + (end[0] - start[0]) * i / 12,
            start[1] + (end[1] - start[1]) * i / 12 + 4 * sag * (i / 12) * (1 - i / 12),
        )
        for i in range(13)
    ]
    ImageDraw.Draw(image).line(points, fill=(24, 24, 70), width=1)
    frame[...] = np.asarray(image)


@lru_cache(maxsize=2)
def _white(size: tuple[int, int]) -> Image:
    return cloth(Random(7), *size, (236, 236, 230))


@lru_cache(maxsize=1)
def _swab() -> Sprite:
    sheet = poly(((-26, -20), (22, -22), (26, 18), (-24, 22)), (236, 236, 230))
    return draw_parts((sheet, *(bar((-22, y), (20, y), 1.2, 1.2, (206, 206, 200)) for y in (-12, -3, 6, 14))))


@lru_cache(maxsize=1)
def _bloody() -> Sprite:
    sheet = poly(((-22, -16), (20, -18), (24, 14), (-20, 18)), (232, 226, 220))
    spots = (disc(-4, 2, 11, 8, (160, 20, 24)), disc(9, -5, 6, 5, (176, 40, 40)))
    return draw_parts((sheet, *(Part(s.points, s.colour, True, "soft", 0.85) for s in spots)))
