"""Laparoscopic and endoscopic instruments: a box encloses the tip, of the endoscopic ones all that is in view."""

from __future__ import annotations

from collections.abc import Callable

from medvidbench.synthetic.shapes.parts import (
    BRIGHT,
    DARK,
    STEEL,
    Colour,
    Part,
    Point,
    arc,
    bar,
    disc,
    mirrored,
    poly,
    rod,
    turned,
)

_FAR = -420.0
_IVORY: Colour = (214, 204, 178)
_GOLD: Colour = (206, 170, 92)
_BLUE: Colour = (66, 104, 176)


def _shaft(end: float, colour: Colour = DARK, width: float = 13.0) -> list[Part]:
    return [rod(_FAR, end, width, colour, boxed=False)]


def _jaws(jaw: Part, opening: float, hinge: Point, most: float, least: float = 0.04) -> list[Part]:
    angle = least + (most - least) * opening
    return [turned(mirrored(jaw), angle, hinge), turned(jaw, -angle, hinge)]


def grasper(opening: float) -> list[Part]:
    """Two toothed jaws with windows."""
    jaw = poly(((-27, -0.5), (-27, -5), (-18, -6), (-5, -5), (0, -2.2), (0, -0.5)), (188, 192, 198))
    window = poly(((-20, -2.2), (-20, -4), (-8, -3.6), (-8, -2.2)), (60, 62, 68))
    jaws = _jaws(jaw, opening, (-27, 0), 0.5)
    windows = _jaws(window, opening, (-27, 0), 0.5)
    return [*_shaft(-38), rod(-40, -26, 11, STEEL), *jaws, *windows, disc(-29, 0, 3.5, 3.5, (120, 124, 130))]


def hook(opening: float) -> list[Part]:
    """A thin L of bare metal behind an ivory insulation."""
    del opening
    stem = rod(-18, -1, 4, _GOLD)
    foot = bar((-2, -1), (-1.5, 13), 4.2, 3, _GOLD)
    return [*_shaft(-34), rod(-36, -17, 9, _IVORY), stem, foot]


def bipolar(opening: float) -> list[Part]:
    """Two slim parallel blades on a blue shaft."""
    blade = poly(((-30, -1), (-30, -4.4), (-3, -4), (0, -2.8), (-1, -1)), BRIGHT)
    return [*_shaft(-36, _BLUE, 12), rod(-40, -28, 10, _BLUE), *_jaws(blade, opening, (-30, 0), 0.3, 0.08)]


def scissors(opening: float) -> list[Part]:
    """Two pointed curved blades that cross at a screw."""
    blade = poly(((-24, 2.4), (-24, -3.6), (-12, -5.4), (0, -1.2), (1, 0.2), (-10, 0.6)), BRIGHT)
    jaws = _jaws(blade, opening, (-24, 0), 0.5, 0.06)
    return [*_shaft(-36), rod(-38, -24, 10, STEEL), *jaws, disc(-24, 0, 2.6, 2.6, DARK)]


def clipper(opening: float) -> list[Part]:
    """A broad applier: two thick parallel jaws with a bright clip between them."""
    gap = 2.0 + 5.0 * opening
    jaw = poly(((-26, -gap), (-26, -gap - 5.5), (-4, -gap - 5), (0, -gap - 2.5), (0, -gap)), (150, 156, 150))
    clip = arc(-10, 0, gap + 0.6, 1.57, 4.71, 2.4, (240, 240, 250))
    base = poly(((-42, -8), (-30, -9), (-24, -gap - 3), (-24, gap + 3), (-30, 9), (-42, 8)), (128, 132, 136))
    return [*_shaft(-40, (96, 116, 104), 15), base, jaw, mirrored(jaw), clip]


def irrigator(opening: float) -> list[Part]:
    """A plain bright tube with side holes and an open end."""
    del opening
    holes = [disc(x, 0, 1.6, 1.6, (40, 40, 44)) for x in (-9, -16, -23, -30)]
    tube = rod(-40, 0, 10, (196, 200, 204))
    return [*_shaft(-38, (188, 192, 198), 10), tube, disc(-0.5, 0, 2, 4.9, (34, 30, 32)), *holes]


def bag(opening: float) -> list[Part]:
    """A translucent pouch with a stiff rim, mouth towards positive x."""
    del opening
    body = Part(
        ((14, -40), (-6, -44), (-32, -36), (-46, -12), (-46, 14), (-30, 38), (-4, 44), (14, 40)),
        (214, 218, 206),
        True,
        "soft",
        0.8,
    )
    rim = disc(14, 0, 10, 42, (232, 234, 226))
    mouth = disc(14, 0, 6.5, 37, (120, 96, 84))
    folds = [bar((4, y), (-34, 0.7 * y), 1.6, 1, (178, 182, 170)) for y in (-28, -12, 6, 24)]
    return [body, *folds, rim, mouth]


def esd_forceps(opening: float) -> list[Part]:
    """Endoscopic forceps: two short spoon jaws on a silver wrist, a banded flexible shaft."""
    jaw = poly(((-24, -0.5), (-24, -6), (-14, -9), (-3, -6.5), (0, -1.5), (-2, -0.5)), (206, 210, 214))
    bands = [rod(x, x + 7, 21.5, (70, 96, 150)) for x in range(-290, -52, 34)]
    shaft = rod(-300, -44, 21, (184, 188, 196))
    wrist = poly(((-48, -9), (-24, -6), (-22, 0), (-24, 6), (-48, 9)), STEEL)
    return [shaft, *bands, wrist, *_jaws(jaw, opening, (-24, 0), 0.55), disc(-25, 0, 3.5, 3.5, DARK)]


def esd_knife(opening: float) -> list[Part]:
    """An electric knife: a thin bare needle with a knob out of a white ceramic tip on a green sheath."""
    del opening
    needle = rod(-26, -2, 3.6, (232, 214, 150))
    knob = disc(-2, 0, 2.6, 4.2, (236, 220, 160))
    ceramic = poly(((-42, -8), (-26, -4), (-25, 0), (-26, 4), (-42, 8)), (238, 238, 232))
    return [rod(-300, -40, 18, (74, 132, 108)), rod(-70, -64, 18.5, (240, 240, 240)), ceramic, needle, knob]


MAKERS: dict[str, Callable[[float], list[Part]]] = {
    "lap grasper": grasper,
    "lap hook": hook,
    "lap bipolar": bipolar,
    "lap scissors": scissors,
    "lap clipper": clipper,
    "lap irrigator": irrigator,
    "bag": bag,
    "esd forceps": esd_forceps,
    "esd knife": esd_knife,
}
