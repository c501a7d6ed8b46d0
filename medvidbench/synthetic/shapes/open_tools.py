"""Hand-held instruments of open surgery: a box encloses the whole instrument, as far as it is in view."""

from __future__ import annotations

from collections.abc import Callable

from medvidbench.synthetic.shapes.parts import (
    BRIGHT,
    DARK,
    STEEL,
    Part,
    arc,
    bar,
    disc,
    mirrored,
    poly,
    ring,
    rod,
    turned,
)


def scalpel(opening: float) -> list[Part]:
    """A flat handle with a short pointed blade."""
    del opening
    blade = poly(((-20, -3), (-20, 3), (-8, 4.4), (0, -0.5), (-4, -3)), (236, 240, 244))
    return [rod(-84, -22, 6.5, STEEL), rod(-24, -17, 4, DARK), blade]


def _ringed(opening: float, blade: Part, hinge: float, rings: float) -> list[Part]:
    """Two shanks that cross at a hinge, with finger rings behind."""
    angle = 0.03 + 0.2 * opening
    half = [bar((hinge, -1.5), (rings, -9), 4.4, 3.8, STEEL), *ring(rings - 8, -11, 6.5, 3.2, STEEL)]
    upper = [turned(part, angle, (hinge, 0)) for part in half]
    lower = [mirrored(part) for part in upper]
    jaws = [turned(blade, -angle, (hinge, 0)), mirrored(turned(blade, -angle, (hinge, 0)))]
    return [*upper, *lower, *jaws, disc(hinge, 0, 2.8, 2.8, DARK)]


def scissors(opening: float) -> list[Part]:
    """Long bright blades with rings."""
    blade = poly(((-32, 1), (-32, -3.6), (-16, -4.6), (0, -0.6), (-1, 0.4)), BRIGHT)
    return _ringed(opening, blade, -32, -72)


def needle_holders(opening: float) -> list[Part]:
    """Short blunt golden jaws with rings, a curved needle in their grip."""
    blade = poly(((-16, 0.5), (-16, -4), (-2, -3.6), (0, -2.2), (0, -0.3)), (214, 178, 96))
    needle = arc(-2, 7, 9, -1.7, 1.2, 1.8, (236, 238, 246))
    return [*_ringed(0.4 * opening, blade, -16, -74), needle]


def _pinch(opening: float, length: float, tip: float, colour: tuple[int, int, int]) -> list[Part]:
    gap = 1.0 + 6.0 * opening
    arm = bar((-length, -1.5), (-0.42 * length, -gap - 1.5), 5, 5.4, colour)
    end = bar((-0.42 * length, -gap - 1.5), (-tip / 2, -0.25 * gap - 0.6), 4.4, tip, colour)
    return [arm, mirrored(arm), end, mirrored(end), disc(-length + 2, 0, 4, 3.6, colour)]


def tweezers(opening: float) -> list[Part]:
    """Two thin spring arms joined at the back."""
    return _pinch(opening, 78, 2.2, STEEL)


def forceps(opening: float) -> list[Part]:
    """Ring-handled sponge forceps with oval jaws that hold a swab."""
    blade = poly(((-26, 0.5), (-26, -3), (-14, -6.5), (-4, -6), (0, -2), (-3, -0.4)), STEEL)
    return [*_ringed(0.6 * opening, blade, -26, -76), disc(1, 0, 8, 8.5, (236, 226, 206))]


def bipolar_forceps(opening: float) -> list[Part]:
    """Blue insulated tweezers with bare tips and a cable."""
    arms = _pinch(opening, 80, 2.2, (52, 92, 176))
    tips = [bar((-12, -1.6), (-1, -0.8), 2.4, 2, BRIGHT), bar((-12, 1.6), (-1, 0.8), 2.4, 2, BRIGHT)]
    return [rod(-240, -78, 4, DARK, boxed=False), *arms, *tips]


def electric_cautery(opening: float) -> list[Part]:
    """A yellow pencil with a blue button, a steel blade tip and a cable."""
    del opening
    handle = poly(((-92, -5.5), (-34, -5.5), (-22, -2.6), (-22, 2.6), (-34, 5.5), (-92, 5.5)), (232, 200, 62))
    button = rod(-52, -42, 5, (52, 92, 190))
    return [rod(-240, -90, 3.6, DARK, boxed=False), handle, button, rod(-23, 0, 3.2, BRIGHT)]


def syringe(opening: float) -> list[Part]:
    """A clear barrel with marks, a plunger and a needle."""
    return syringe_of(6.5, 22 + 14 * opening, (206, 222, 232))


def syringe_of(half: float, pulled: float, fluid: tuple[int, int, int]) -> list[Part]:
    """A syringe with a barrel of this half width; the plunger stands out by `pulled`."""
    barrel = Part(((-72, -half), (-28, -half), (-28, half), (-72, half)), (222, 230, 236), True, "metal")
    inside = Part(((-66, -half + 2), (-31, -half + 2), (-31, half - 2), (-66, half - 2)), fluid, True, "soft")
    marks = [rod(x, x + 1.2, half + 2, (70, 80, 92)) for x in range(-60, -32, 6)]
    plunger = [
        rod(-72 - pulled, -60, 4.4, (240, 240, 240)),
        rod(-75 - pulled, -72 - pulled, 2 * half + 6, (236, 236, 236)),
    ]
    flange = rod(-75, -71, 2 * half + 7, (230, 234, 238))
    hub = poly(((-28, -4), (-21, -2), (-21, 2), (-28, 4)), (90, 160, 110))
    return [*plunger, barrel, inside, *marks, flange, hub, rod(-22, 0, 1.8, (214, 218, 224))]


def gauze(opening: float) -> list[Part]:
    """A folded white compress."""
    del opening
    sheet = poly(((-46, -12), (-20, -20), (2, -14), (0, 4), (4, 15), (-18, 19), (-47, 11), (-42, 0)), (242, 240, 234))
    folds = [bar((-26, y), (-2, y + 3), 1.4, 1, (208, 206, 200)) for y in (-10, -1, 8)]
    return [sheet, *folds]


def skewer(opening: float) -> list[Part]:
    """A marking stick: a thin violet-tipped pen."""
    del opening
    tip = poly(((-12, -3), (0, -0.8), (0, 0.8), (-12, 3)), (92, 40, 130))
    return [rod(-86, -12, 6, (238, 238, 240)), rod(-44, -38, 6.5, (92, 40, 130)), tip]


def suction_cannula(opening: float) -> list[Part]:
    """An angled tube with a clear hose behind."""
    del opening
    hose = Part(((-240, -7), (-78, -7), (-78, 7), (-240, 7)), (196, 206, 204), False, "metal")
    tube = [bar((-80, 0), (-26, 0), 8, 7, STEEL), bar((-26, 0), (-3, 7), 6.5, 6, STEEL)]
    return [hose, *tube, disc(-3, 7, 2.2, 2.6, DARK)]


def retractor(opening: float) -> list[Part]:
    """A broad blade bent at a right angle on a long handle."""
    del opening
    blade = poly(((-14, -17), (-3, -18), (1, -12), (1, 12), (-3, 18), (-14, 17)), (202, 206, 212))
    return [rod(-96, -12, 9, STEEL), blade, rod(-96, -70, 12, (150, 154, 160))]


def hook(opening: float) -> list[Part]:
    """A thin handle with a small curved claw."""
    del opening
    return [rod(-92, -12, 4, STEEL), rod(-92, -56, 7, (160, 164, 170)), arc(-10, 6, 7, -1.6, 1.4, 3, BRIGHT)]


def raspatory(opening: float) -> list[Part]:
    """A wooden grip with a flat, rounded chisel end."""
    del opening
    end = poly(((-26, -3), (-10, -8), (-1, -7), (1, 0), (-1, 7), (-10, 8), (-26, 3)), BRIGHT)
    return [rod(-60, -24, 5, STEEL), rod(-100, -58, 12, (150, 104, 64)), end]


def mouth_gag(opening: float) -> list[Part]:
    """A wide frame of bent wire."""
    del opening
    frame = [bar((-70, -4), (-34, -22), 5, 5), bar((-34, -22), (-4, -20), 5, 5), bar((-4, -20), (0, -6), 5, 4)]
    return [*frame, *(mirrored(part) for part in frame), bar((-34, -22), (-34, 22), 4, 4), rod(-92, -68, 9)]


MAKERS: dict[str, Callable[[float], list[Part]]] = {
    "scalpel": scalpel,
    "scissors": scissors,
    "needle holders": needle_holders,
    "tweezers": tweezers,
    "forceps": forceps,
    "bipolar forceps": bipolar_forceps,
    "electric cautery": electric_cautery,
    "syringe": syringe,
    "gauze": gauze,
    "skewer": skewer,
    "suction cannula": suction_cannula,
    "retractor": retractor,
    "hook": hook,
    "raspatory": raspatory,
    "mouth gag": mouth_gag,
}
