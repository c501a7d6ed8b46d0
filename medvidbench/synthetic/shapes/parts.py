"""One part of an outline, and the few ways in which outlines are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

Point = tuple[float, float]
Colour = tuple[int, int, int]

STEEL: Colour = (176, 180, 188)
DARK: Colour = (44, 46, 52)
BRIGHT: Colour = (222, 226, 232)


@dataclass(frozen=True, slots=True)
class Part:
    """A filled polygon.

    Attributes:
        boxed: whether it belongs to what a box encloses (a shaft mostly doesn't).
        finish: "metal" is shaded across like a cylinder, "soft" towards its rim, "flat" not at all.
        alpha: 0 clear to 1 solid; parts below 0.5 take no part in boxes.
    """

    points: tuple[Point, ...]
    colour: Colour
    boxed: bool = True
    finish: Literal["metal", "soft", "flat"] = "metal"
    alpha: float = 1.0


def rod(x1: float, x2: float, width: float, colour: Colour = STEEL, boxed: bool = True) -> Part:
    """A bar along the axis from x1 to x2."""
    half = width / 2
    return Part(((x1, -half), (x2, -half), (x2, half), (x1, half)), colour, boxed)


def bar(a: Point, b: Point, w1: float, w2: float, colour: Colour = STEEL, boxed: bool = True) -> Part:
    """A bar from a to b, w1 wide at a and w2 at b, with rounded ends."""
    angle = math.atan2(b[1] - a[1], b[0] - a[0])
    points = []
    for centre, width, offset in ((a, w1, math.pi / 2), (b, w2, -math.pi / 2)):
        for step in range(5):
            turn = angle + offset + math.pi * step / 4
            points.append((centre[0] + width / 2 * math.cos(turn), centre[1] + width / 2 * math.sin(turn)))
    return Part(tuple(points), colour, boxed)


def disc(x: float, y: float, rx: float, ry: float, colour: Colour, boxed: bool = True) -> Part:
    """An ellipse."""
    turns = [math.tau * step / 24 for step in range(24)]
    return Part(tuple((x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns), colour, boxed, "soft")


def poly(points: tuple[Point, ...], colour: Colour, boxed: bool = True) -> Part:
    """Any polygon, soft."""
    return Part(points, colour, boxed, "soft")


def turned(part: Part, angle: float, about: Point) -> Part:
    """The part rotated by `angle` radians about a point."""
    c, s = math.cos(angle), math.sin(angle)
    points = tuple(
        (about[0] + (x - about[0]) * c - (y - about[1]) * s, about[1] + (x - about[0]) * s + (y - about[1]) * c)
        for x, y in part.points
    )
    return replace(part, points=points)


def mirrored(part: Part) -> Part:
    """The part on the other side of the axis."""
    return replace(part, points=tuple((x, -y) for x, y in reversed(part.points)))


def arc(x: float, y: float, radius: float, start: float, end: float, width: float, colour: Colour) -> Part:
    """A curved bar about (x, y) from angle `start` to `end` in radians."""
    steps = [start + (end - start) * i / 12 for i in range(13)]
    outer = [(x + (radius + width / 2) * math.cos(t), y + (radius + width / 2) * math.sin(t)) for t in steps]
    inner = [(x + (radius - width / 2) * math.cos(t), y + (radius - width / 2) * math.sin(t)) for t in reversed(steps)]
    return Part((*outer, *inner), colour)


def ring(x: float, y: float, radius: float, width: float, colour: Colour) -> list[Part]:
    """A closed ring, as two half arcs."""
    return [arc(x, y, radius, 0, math.pi, width, colour), arc(x, y, radius, math.pi, math.tau, width, colour)]
