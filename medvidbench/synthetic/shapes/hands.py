"""Gloved hands: fingers towards the tip, back of the hand and wrist behind it, a sleeve that no box encloses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from medvidbench.synthetic.shapes.parts import Colour, Part, bar, mirrored, poly

GLOVE: Colour = (222, 214, 196)
_SHADE: Colour = (196, 186, 166)
_SLEEVE: Colour = (72, 128, 140)


def right_hand(opening: float) -> list[Part]:
    """A right hand seen from above: thumb on the left side (negative y) and index meet about a held tool."""
    spread = 3.0 + 7.0 * opening
    sleeve = bar((-230, 10), (-92, 6), 58, 48, _SLEEVE, boxed=False)
    cuff = bar((-100, 6), (-84, 6), 46, 42, _SHADE)
    palm = poly(
        ((-86, -14), (-66, -17), (-46, -13), (-34, -6), (-30, 10), (-34, 30), (-50, 36), (-72, 30), (-86, 24)), GLOVE
    )
    index = [bar((-40, 0), (-22, 1), 13, 11, GLOVE), bar((-22, 1), (-4 - spread / 3, spread * 0.4), 11, 8, GLOVE)]
    thumb = [
        bar((-58, -12), (-34, -14 - spread * 0.5), 14, 11, GLOVE),
        bar((-34, -14 - spread * 0.5), (-10, -6 - spread * 0.5), 11, 8, GLOVE),
    ]
    rest = []
    for place, y in enumerate((14.0, 24.0, 32.0)):
        knuckle, tip = (-34.0 - 4 * place, y - 2), (-14.0 - 7 * place + 3 * opening, y - 4 - 2 * place)
        rest += [bar(knuckle, tip, 12.5, 9.5, _SHADE), bar(knuckle, (tip[0] - 1.5, tip[1] - 1), 10.5, 7.5, GLOVE)]
    return [sleeve, cuff, *rest, palm, *thumb, *index]


def left_hand(opening: float) -> list[Part]:
    """The mirror image."""
    return [mirrored(part) for part in right_hand(opening)]


def _held(maker: Callable[[float], list[Part]]) -> Callable[[float], list[Part]]:
    """A hand as it holds a tool whose tip is at (0, 0): 38 units behind it."""

    def make(opening: float) -> list[Part]:
        parts = maker(0.2 * opening)
        return [replace(part, points=tuple((x - 38.0, y) for x, y in part.points)) for part in parts]

    return make


MAKERS: dict[str, Callable[[float], list[Part]]] = {
    "right hand": right_hand,
    "left hand": left_hand,
    "right hand holding": _held(right_hand),
    "left hand holding": _held(left_hand),
}
