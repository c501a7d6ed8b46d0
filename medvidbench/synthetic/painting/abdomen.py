"""What an operated abdomen is made of: liver, bowel, fat, ducts with clips and cuts, the gallbladder."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from medvidbench.synthetic.painting.canvas import FINE, blots, put, rounded, smooth, stain, tube
from medvidbench.synthetic.painting.sprites import Sprite, draw_parts
from medvidbench.synthetic.painting.texture import tissue, vessels
from medvidbench.synthetic.shapes.parts import Part, bar, disc, poly
from medvidbench.synthetic.truth import Mark

if TYPE_CHECKING:
    from PIL.Image import Image

NECK = (166.0, 92.0)
DUCT = ((166.0, 92.0), (182.0, 104.0), (194.0, 114.0), (206.0, 130.0))
ARTERY = ((160.0, 84.0), (178.0, 84.0), (196.0, 84.0), (222.0, 96.0), (232.0, 112.0))
TRIANGLE = ((164.0, 72.0), (200.0, 70.0), (228.0, 92.0), (226.0, 128.0), (200.0, 130.0), (172.0, 108.0), (158.0, 90.0))
PLATE = ((116.0, 44.0), (146.0, 44.0), (172.0, 58.0), (176.0, 74.0), (156.0, 70.0), (130.0, 60.0))
_LIVER = (
    *((-40.0, -40.0), (230.0, -40.0), (236.0, -6.0), (214.0, 34.0), (176.0, 62.0)),
    *((128.0, 64.0), (84.0, 78.0), (40.0, 98.0), (-40.0, 108.0)),
)
LENGTH = 92.0  # units of the gallbladder's sprite from neck to fundus


_WALL = ((238.0, -30.0), (370.0, -30.0), (370.0, 74.0), (300.0, 62.0), (256.0, 30.0))
_OMENTUM = (
    *((-40.0, 128.0), (40.0, 124.0), (92.0, 128.0), (150.0, 138.0), (214.0, 146.0)),
    *((290.0, 136.0), (370.0, 150.0), (370.0, 220.0), (-40.0, 220.0)),
)
_GUT = ((-40.0, 118.0), (30.0, 112.0), (86.0, 124.0), (112.0, 146.0), (92.0, 178.0), (40.0, 190.0), (-40.0, 190.0))


def abdomen(rng: Random, size: tuple[int, int], fat: Image) -> Image:
    """All that no action changes; tint and outlines differ from patient to patient."""
    t = rng.randint(-12, 12)

    def own(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        return put(*smooth([(x + rng.uniform(-7, 7), y + rng.uniform(-5, 5)) for x, y in points]))

    base = tissue(rng, *size, (112 + t, 44, 40), (206 + t, 118, 102), 110)
    vessels(rng, base, (120, 16, 24), 9, 3)
    wall = tissue(rng, *size, (150, 70, 60), (222, 146, 124), 90)
    vessels(rng, wall, (130, 20, 28), 6, 3)
    rounded(base, own(_WALL), wall, 18, 4)
    rounded(base, own(_OMENTUM), fat, 14, 2)
    gut = tissue(rng, *size, (176, 92 - t, 84), (236, 164 - t, 148), 60)
    vessels(rng, gut, (150, 30, 40), 5, 2)
    rounded(base, own(_GUT), gut, 20, 2)
    liver = tissue(rng, *size, (64 + t, 22, 18), (132 + t, 52 + t // 2, 40), 150)
    rounded(base, own(_LIVER), liver, 22, 2, 70)
    return base


TUBES = {"cystic_duct": DUCT, "cystic_artery": ARTERY}


def duct(
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


def clip(canvas: Image, mark: Mark) -> None:
    """A bright metal bar across the tube: clips of one tube lie side by side, about the place of the cut."""
    from PIL import ImageDraw

    line = smooth(TUBES[mark.name], closed=False)
    share = (0.24, 0.76, 0.3, 0.82, 0.18)[int(mark.start * 10) % 5]
    place_ = round(share * (len(line) - 2))
    (x1, y1), (x2, y2) = line[place_], line[place_ + 1]
    angle = math.atan2(y2 - y1, x2 - x1) + math.pi / 2
    dx, dy = 6.5 * math.cos(angle), 6.5 * math.sin(angle)
    draw = ImageDraw.Draw(canvas)
    draw.line(put((x1 - dx, y1 - dy), (x1 + dx, y1 + dy)), fill=(70, 74, 84), width=9)
    draw.line(put((x1 - dx, y1 - dy), (x1 + dx, y1 + dy)), fill=(232, 236, 244), width=5)


def plate(canvas: Image, score: int) -> None:
    """The pale bed between gallbladder and liver: a narrow strip at 1, a wide one at 2."""
    if not score:
        return
    points = PLATE if score == 2 else tuple((146 + (x - 146) * 0.6, 58 + (y - 58) * 0.5) for x, y in PLATE)
    stain(canvas, put(*smooth(points)), (226, 190, 168), 0.85, 3)


def spot(canvas: Image, mark: Mark) -> None:
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
def gallbladder(seed: int, number: int) -> Sprite:
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
def pool() -> Sprite:
    """A puddle."""
    body, shine = disc(0, 0, 52, 40, (136, 50, 46)), disc(-14, -16, 14, 4, (244, 226, 220))
    return draw_parts((replace(body, alpha=0.75), replace(shine, finish="flat", alpha=0.5)))
