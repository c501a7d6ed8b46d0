"""The outlines of everything that moves, in units of about a pixel: tip at (0, 0), shaft towards negative x.

Pictures and truth boxes are made from the same outlines.
"""

from __future__ import annotations

from functools import lru_cache

from medvidbench.synthetic.shapes import hands, laparoscopic, nursing, open_tools, robotic
from medvidbench.synthetic.shapes.parts import Part

LEVELS = 8
"""Steps of opening between closed (0) and open (LEVELS)."""
_MAKERS = {**laparoscopic.MAKERS, **open_tools.MAKERS, **robotic.MAKERS, **hands.MAKERS, **nursing.MAKERS}
KINDS = tuple(_MAKERS)


def level_of(opening: float) -> int:
    """The step of opening that is drawn, 0 to `LEVELS`."""
    return min(max(round(opening * LEVELS), 0), LEVELS)


@lru_cache(maxsize=1024)
def parts_of(kind: str, level: int) -> tuple[Part, ...]:
    """The parts of a kind at a step of opening, in drawing order."""
    return tuple(_MAKERS[kind](level / LEVELS))
