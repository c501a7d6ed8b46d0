"""A ward: a mannequin in bed with an arm on the sheet, a tray, a basin, and what nursing leaves on the skin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from medvidbench.synthetic.motion import View
from medvidbench.synthetic.painting.canvas import FINE, canvas_size, put, rounded, smooth, stain, tube
from medvidbench.synthetic.painting.painter import Drag, Painter
from medvidbench.synthetic.painting.sprites import Placed, Sprite, draw_parts, place
from medvidbench.synthetic.painting.texture import cloth, tissue
from medvidbench.synthetic.shapes.parts import Part, bar, disc, poly, rod
from medvidbench.synthetic.truth import Scene

if TYPE_CHECKING:
    from PIL.Image import Image

_STATE = ("iodine", "tourniquet", "dressing", "underpad", "cuff", "drip")
_SKIN = ((220, 176, 146), (240, 204, 178))
ARM = (
    (96.0, 86.0),
    (130.0, 86.0),
    (176.0, 84.0),
    (214.0, 74.0),
    (214.0, 100.0),
    (176.0, 108.0),
    (130.0, 108.0),
    (96.0, 104.0),
)


class Nursing(Painter):
    """One procedure."""

    vignette: ClassVar[float] = 0.25
    shadow: ClassVar[int] = 5

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        rng, size = self.rng, canvas_size(scene.width, scene.height)
        wall = rng.choice(((196, 206, 196), (206, 200, 186), (186, 200, 212)))
        gown = rng.choice(((120, 156, 190), (150, 190, 170), (190, 160, 190)))
        self._base = cloth(rng, *size, wall)
        self._bed(size, gown)
        self._arm(size)
        self._table(size)

    def _bed(self, size: tuple[int, int], gown: tuple[int, int, int]) -> None:
        rng, base = self.rng, self._base
        rounded(base, put((84, 24), (350, 14), (350, 200), (100, 200)), cloth(rng, *size, (232, 236, 240)), 8, 1)
        rounded(
            base, put(*smooth(((232, 20), (330, 14), (344, 96), (250, 104)))), cloth(rng, *size, (246, 246, 244)), 10, 2
        )
        body = put(*smooth(((150, 50), (214, 40), (246, 50), (250, 100), (214, 122), (150, 124), (120, 96))))
        rounded(base, body, cloth(rng, *size, gown), 16, 2)
        skin = tissue(rng, *size, *_SKIN, 120)
        rounded(base, put(*smooth(((176, 66), (206, 62), (222, 78), (214, 100), (186, 104), (170, 88)))), skin, 9, 2)
        head = put(*smooth(((244, 56), (256, 42), (280, 40), (298, 54), (298, 80), (280, 94), (256, 92), (244, 78))))
        rounded(base, head, skin, 12, 1)
        for at, rx, ry, colour in (
            ((266, 58), 3.5, 1.5, (90, 60, 50)),
            ((266, 78), 3.5, 1.5, (90, 60, 50)),
            ((254, 67), 2.2, 5.0, (186, 90, 84)),
            ((290, 67), 9.0, 21.0, (92, 64, 44)),
        ):
            _ellipse(base, at, rx, ry, colour)

    def _arm(self, size: tuple[int, int]) -> None:
        """A forearm with a hand towards the viewer's left, and two veins."""
        skin = tissue(self.rng, *size, *_SKIN, 100)
        rounded(self._base, put(*smooth(ARM)), skin, 9, 1)
        rounded(self._base, put(*smooth(((104, 84), (92, 80), (74, 84), (66, 94), (76, 106), (96, 108)))), skin, 7, 1)
        for y in (84.0, 90.0, 96.0, 102.0):
            rounded(
                self._base, put(*smooth(((78, y - 3), (58, y - 1), (54, y + 2), (60, y + 4), (80, y + 4)))), skin, 3, 1
            )
        tube(self._base, ((128, 92), (150, 96), (172, 94), (200, 86)), 2.0, (150, 150, 170), 0.5)
        tube(self._base, ((140, 102), (166, 100), (190, 96)), 1.6, (150, 150, 170), 0.4)

    def _table(self, size: tuple[int, int]) -> None:
        """A steel tray with bottles, and the basin."""
        base = self._base
        steel = cloth(self.rng, *size, (178, 184, 190))
        rounded(base, put((-30, 104), (134, 124), (140, 210), (-30, 210)), steel, 5, 1)
        _ellipse(base, (52, 140), 38, 22, (214, 222, 228))
        _ellipse(base, (52, 141), 33, 18, (156, 184, 204))
        _ellipse(base, (46, 137), 14, 4, (214, 230, 240))
        for x, colour in ((104, (120, 70, 30)), (118, (230, 232, 234)), (130, (60, 120, 170))):
            tube(base, ((x, 122), (x, 138)), 9, colour)
            tube(base, ((x, 117), (x, 121)), 5, (240, 240, 240))

    def state(self, time: float) -> tuple[object, ...]:
        """What of the resting picture changes."""
        return tuple(sorted({mark.kind for mark in self.marks(time, *_STATE)}))

    def draw_still(self, state: tuple[object, ...]) -> Image:
        """The resting picture of a state."""
        canvas = self._base.copy()
        if "underpad" in state:
            rounded(
                canvas,
                put((150, 70), (240, 66), (244, 118), (148, 122)),
                cloth(self.rng, *canvas.size, (150, 190, 224)),
                3,
                1,
            )
        if "iodine" in state:
            painted = ((152, 86), (170, 82), (190, 88), (188, 102), (168, 106), (150, 100))
            stain(canvas, put(*smooth(painted)), (168, 96, 34), 0.7, 5)
        if "tourniquet" in state:
            tube(canvas, ((206, 70), (209, 86), (207, 104)), 7, (216, 98, 60))
        if "cuff" in state:
            tube(canvas, ((196, 76), (199, 90), (197, 104)), 22, (46, 68, 120))
        if "dressing" in state:
            rounded(
                canvas,
                put((182, 74), (208, 72), (212, 94), (184, 96)),
                cloth(self.rng, *canvas.size, (244, 242, 236)),
                4,
                1,
            )
        if "drip" in state:
            tube(canvas, ((164, 94), (176, 60), (200, 20), (204, -16)), 2.2, (214, 232, 240))
            rounded(
                canvas,
                put((160, 90), (172, 90), (172, 98), (160, 98)),
                cloth(self.rng, *canvas.size, (246, 246, 246)),
                2,
                1,
            )
        return canvas

    def drags(self, time: float, view: View) -> Iterator[Drag]:
        """Skin dents under what presses on it."""
        for action in self.scene.actions_at(time):
            pose = self.tip(action.object_id, time, view)
            if pose and action.target in ("arm", "belly"):
                yield pose.x, pose.y, 3 * math.cos(pose.angle), 3 * math.sin(pose.angle), 18.0

    def props(self, time: float, view: View) -> Iterable[tuple[float, Placed | None]]:
        """Running water and suds over the basin, and the drip bag."""
        size = (self.scene.width, self.scene.height)
        for mark in self.marks(time, "water"):
            x, y = self.at(view, mark.x, mark.y)
            wobble = 1 + 0.06 * math.sin(time * 21)
            yield 5, place(_water(), (wobble, 0.0, 0.0, 1.0), x - 6, y, size)
            yield 40, place(_suds(), (0.9, 0.0, 0.0, 0.9 * wobble), x + 2, y + 2, size)
        if any(self.marks(time, "drip")):
            x, y = self.at(view, 204, 8)
            yield 2, place(_drip_bag(), (1.0, 0.0, 0.0, 1.0), x, y, size)


def _ellipse(canvas: Image, at: tuple[float, float], rx: float, ry: float, colour: tuple[int, int, int]) -> None:
    from PIL import ImageDraw

    x, y = put(at)[0]
    ImageDraw.Draw(canvas).ellipse((x - rx * FINE, y - ry * FINE, x + rx * FINE, y + ry * FINE), fill=colour)


@lru_cache(maxsize=1)
def _water() -> Sprite:
    """A tap above and its stream."""
    stream = Part(((-3.5, -62), (3.5, -62), (4.5, 4), (-4.5, 4)), (196, 222, 240), True, "metal", 0.75)
    return draw_parts(
        (stream, bar((-30, -74), (0, -74), 9, 9, (190, 194, 200)), bar((0, -74), (0, -60), 9, 9, (190, 194, 200)))
    )


@lru_cache(maxsize=1)
def _suds() -> Sprite:
    bubbles = ((-16, 2, 6), (-6, -4, 7), (5, 1, 6), (14, -3, 5), (0, 6, 6), (-11, 8, 5), (10, 8, 5))
    return draw_parts(
        tuple(Part(disc(x, y, r, r, (250, 252, 255)).points, (248, 250, 255), True, "soft", 0.8) for x, y, r in bubbles)
    )


@lru_cache(maxsize=1)
def _drip_bag() -> Sprite:
    bag = Part(((-13, -24), (13, -24), (14, 10), (8, 18), (-8, 18), (-14, 10)), (220, 234, 240), True, "soft", 0.85)
    label = poly(((-8, -14), (8, -14), (8, -2), (-8, -2)), (90, 140, 190))
    return draw_parts((bag, label, rod(-1.5, 1.5, 3, (200, 200, 200))))
