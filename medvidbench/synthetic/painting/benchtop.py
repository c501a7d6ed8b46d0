"""The bench: a pad with a slit and dots, rings on posts, or a tube to tie on, under a robot's fixed camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from medvidbench.synthetic.motion import View
from medvidbench.synthetic.painting.canvas import FINE, canvas_size, put, rounded, smooth, tube
from medvidbench.synthetic.painting.painter import Drag, Painter
from medvidbench.synthetic.painting.texture import cloth, tissue
from medvidbench.synthetic.truth import Mark, Scene
from medvidbench.synthetic.worlds.benchtop import DOTS, LEFT_ID, NEEDLE_ID, RIGHT_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]

_THREAD = (50, 60, 170)


class Benchtop(Painter):
    """One trial."""

    vignette: ClassVar[float] = 0.3
    shadow: ClassVar[int] = 7

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        rng, size = self.rng, canvas_size(scene.width, scene.height)
        self._base = cloth(rng, *size, (44, 60, 84))
        pad = tissue(rng, *size, (206, 150, 120), (228, 180, 150), 160)
        rounded(self._base, put((30, 52), (292, 48), (300, 206), (22, 210)), pad, 6, 1)
        {"Suturing": self._slit, "Needle_Passing": self._rings, "Knot_Tying": self._tie}[scene.procedure]()

    def _slit(self) -> None:
        """Four pairs of dots on the two sides of a cut."""
        rounded(
            self._base, put(*smooth(((66, 116), (160, 112), (254, 116), (160, 120)))), _dark(self._base.size), 4, 1, -40
        )
        for pair in DOTS:
            for dot in pair:
                _dot(self._base, dot, 2.6, (26, 26, 34))

    def _rings(self) -> None:
        """Four rings that stand on the pad."""
        for (x, y), _ in DOTS:
            tube(self._base, ((x, y + 52), (x, y + 34)), 5, (90, 94, 102))
            ring = [(x + 13 * math.cos(t / 4), y + 20 + 15 * math.sin(t / 4)) for t in range(26)]
            tube(self._base, ring, 4, (214, 60, 54))

    def _tie(self) -> None:
        """A pink tube across the pad."""
        tube(self._base, ((34, 128), (110, 122), (210, 122), (290, 130)), 22, (222, 128, 128))
        _dot(self._base, (160, 122), 2.4, (26, 26, 34))

    def state(self, time: float) -> tuple[object, ...]:
        """The stitches and knots that are made."""
        return tuple(self.marks(time, "stitch", "knot"))

    def draw_still(self, state: tuple[object, ...]) -> Image:
        """The resting picture of a state."""
        canvas = self._base.copy()
        for mark in state:
            assert isinstance(mark, Mark)
            if mark.kind == "stitch":
                self._stitch(canvas, mark)
            else:
                _knot(canvas, int(mark.name))
        return canvas

    def _stitch(self, canvas: Image, mark: Mark) -> None:
        """Thread from the entry to the exit, and on to the next one as a loose loop."""
        tube(
            canvas, ((mark.x, mark.y), ((mark.x + mark.x2) / 2, (mark.y + mark.y2) / 2), (mark.x2, mark.y2)), 2, _THREAD
        )
        for at in ((mark.x, mark.y), (mark.x2, mark.y2)):
            _dot(canvas, at, 1.8, (90, 30, 30))

    def drags(self, time: float, view: View) -> Iterator[Drag]:
        """The pad is pulled along with needle and thread, further by who respects tissue less."""
        for mark in self.marks(time, "push", "pull"):
            share = math.sin(math.pi * (time - mark.start) / (mark.end - mark.start))
            x, y = self.at(view, mark.x, mark.y)
            yield x, y, 0.0, (2 + 14 * mark.amount) * share, 46.0

    def lay_under(self, frame: Frame, time: float, view: View) -> None:
        """The thread: from the last stitch to the needle, or between the arms while a knot is tied."""
        needle = self.tip(NEEDLE_ID, time, view)
        if needle is None:
            return
        made = list(self.marks(time, "stitch"))
        if self.scene.procedure == "Knot_Tying":
            self._tying(frame, time, view)
            return
        start = (made[-1].x2, made[-1].y2) if made else (54.0, 184.0)
        _hang(frame, self.at(view, *start), (needle.x, needle.y), 26)
        if not made:
            _hang(frame, self.at(view, 54, 184), self.at(view, 40, 170), 8)

    def _tying(self, frame: Frame, time: float, view: View) -> None:
        knot = self.at(view, 160, 122)
        looping = any(self.marks(time, "loop"))
        for number in (LEFT_ID, RIGHT_ID):
            tip = self.tip(number, time, view)
            if tip:
                _hang(frame, knot, (tip.x, tip.y), 16 if looping else 4)
                if looping and number == RIGHT_ID:
                    _loop(frame, tip.x, tip.y)


def _dark(size: tuple[int, int]) -> Image:
    from PIL import Image as Images

    return Images.new("RGB", size, (84, 34, 30))


def _dot(canvas: Image, at: tuple[float, float], radius: float, colour: tuple[int, int, int]) -> None:
    from PIL import ImageDraw

    (x, y), r = put(at)[0], radius * FINE
    ImageDraw.Draw(canvas).ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _knot(canvas: Image, number: int) -> None:
    """A throw of the knot on the tube."""
    x = 160.0 + (3 * number - 3)
    tube(canvas, ((x - 5, 112), (x + 2, 122), (x - 2, 134)), 3, _THREAD)
    _dot(canvas, (x, 121), 4, _THREAD)


def _hang(frame: Frame, start: tuple[float, float], end: tuple[float, float], sag: float) -> None:
    """A thread between two points, hanging through by `sag` pixels."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(frame)
    points = []
    for i in range(17):
        u = i / 16
        x, y = start[0] + (end[0] - start[0]) * u, start[1] + (end[1] - start[1]) * u
        points.append((x, y + 4 * sag * u * (1 - u)))
    draw = ImageDraw.Draw(image)
    draw.line([(x + 1, y + 2) for x, y in points], fill=(110, 70, 56), width=1)
    draw.line(points, fill=_THREAD, width=2)
    frame[...] = np.asarray(image)


def _loop(frame: Frame, x: float, y: float) -> None:
    """The C loop about the right tip."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(frame)
    ImageDraw.Draw(image).arc((x - 12, y - 9, x + 12, y + 9), 20, 330, fill=_THREAD, width=2)
    frame[...] = np.asarray(image)
