"""The things that a nurse holds."""

from __future__ import annotations

from collections.abc import Callable

from medvidbench.synthetic.shapes.open_tools import syringe_of
from medvidbench.synthetic.shapes.parts import DARK, STEEL, Part, bar, disc, poly, rod


def _plain(parts: list[Part]) -> Callable[[float], list[Part]]:
    return lambda opening: parts


def _box(x1: float, x2: float, half: float, colour: tuple[int, int, int]) -> Part:
    return poly(((x1, -half), (x2, -half), (x2, half), (x1, half)), colour)


MAKERS: dict[str, Callable[[float], list[Part]]] = {
    "nurse syringe": lambda opening: syringe_of(6.0, 8 + 24 * opening, (210, 120, 120)),
    "cotton swab": _plain([rod(-64, -8, 2.6, (226, 204, 160)), disc(-5, 0, 8, 6, (250, 248, 242))]),
    "glove": _plain(
        [
            poly(((-44, -12), (-18, -14), (-16, 13), (-44, 12)), (120, 170, 214)),
            *(bar((-20, y), (-1 - abs(y) / 4, 1.4 * y), 6.5, 5, (120, 170, 214)) for y in (-10, -3.5, 3.5, 10)),
        ]
    ),
    "chart": _plain(
        [
            _box(-62, 4, 24, (150, 110, 70)),
            _box(-56, 2, 21, (250, 250, 248)),
            *(rod(x, x + 1.6, 32, (120, 126, 150)) for x in range(-48, -2, 8)),
            _box(0, 6, 8, STEEL),
        ]
    ),
    "pen": _plain([rod(-62, -8, 5, (38, 66, 150)), poly(((-8, -2.5), (0, -0.5), (0, 0.5), (-8, 2.5)), DARK)]),
    "tourniquet": _plain([bar((-40, -3), (2, -4), 7, 7, (214, 96, 60)), bar((-40, 5), (0, 4), 6, 6, (196, 80, 50))]),
    "tube": _plain(
        [
            rod(-46, 0, 11, (214, 224, 228)),
            rod(-30, -2, 8, (150, 26, 36)),
            rod(-58, -44, 13, (120, 60, 160)),
        ]
    ),
    "vial": _plain(
        [rod(-34, -8, 20, (206, 226, 232)), rod(-28, -10, 16, (180, 206, 226)), rod(-8, 2, 12, (90, 130, 190))]
    ),
    "infusion set": _plain(
        [
            rod(-70, -40, 15, (214, 232, 240)),
            rod(-40, -2, 3.2, (214, 232, 240)),
            rod(-26, -14, 10, (70, 120, 190)),
        ]
    ),
    "glucometer": _plain(
        [
            _box(-48, -4, 15, (52, 58, 72)),
            _box(-40, -16, 10, (176, 206, 168)),
            rod(-32, -22, 3, (30, 40, 30)),
            rod(-5, 8, 6, (246, 246, 246)),
        ]
    ),
    "cuff": _plain([_box(-58, 2, 23, (44, 66, 118)), rod(-54, -50, 40, (210, 214, 220)), rod(-130, -56, 4, DARK)]),
    "thermometer": _plain(
        [rod(-50, -10, 6, (246, 248, 250)), rod(-40, -26, 4, (140, 190, 140)), rod(-12, 0, 3.4, STEEL)]
    ),
    "underpad": _plain([_box(-60, 6, 40, (150, 196, 226)), _box(-54, 0, 34, (236, 242, 246))]),
    "nurse forceps": _plain(
        [bar((-70, -3), (-2, -1), 4, 2.4), bar((-70, 3), (-2, 1), 4, 2.4), disc(-1, 0, 6, 6, (250, 248, 244))]
    ),
    "nurse gauze": _plain(
        [_box(-28, 2, 18, (246, 244, 238)), rod(-22, -20, 30, (214, 212, 204)), rod(-10, -8, 30, (214, 212, 204))]
    ),
    "respirator": lambda opening: [
        disc(-46, 0, 30, 22 - 6 * (1 - opening), (84, 140, 196)),
        rod(-20, -8, 12, (220, 226, 230)),
        poly(((-10, -8), (4, -18), (8, 0), (4, 18), (-10, 8)), (206, 222, 230)),
    ],
    "cup": _plain(
        [poly(((-26, -9), (0, -13), (0, 13), (-26, 9)), (248, 248, 246)), disc(0, 0, 3, 12.5, (150, 196, 226))]
    ),
    "bottle": _plain(
        [rod(-44, -10, 24, (226, 146, 60)), rod(-36, -18, 24.5, (248, 248, 244)), rod(-10, 2, 18, (250, 250, 250))]
    ),
}
