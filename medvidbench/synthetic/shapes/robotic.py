"""The robot's needle drivers on the bench-top, and the needle."""

from __future__ import annotations

from collections.abc import Callable

from medvidbench.synthetic.shapes.parts import BRIGHT, DARK, STEEL, Part, arc, bar, disc, mirrored, poly, rod, turned


def robot_arm(opening: float) -> list[Part]:
    """A black shaft, a wrist with two pulleys, two short jaws."""
    angle = 0.05 + 0.42 * opening
    jaw = poly(((-24, 0), (-24, -5), (-8, -4.6), (0, -2.4), (0, -0.2)), BRIGHT)
    upper = turned(jaw, -angle, (-24, 0))
    wrist = poly(((-48, -9), (-34, -8), (-22, -5), (-22, 5), (-34, 8), (-48, 9)), STEEL)
    pulleys = [disc(-41, 0, 5.5, 5.5, (120, 124, 130)), disc(-26, 0, 4, 4, (96, 100, 106))]
    return [rod(-420, -46, 20, (36, 38, 42), boxed=False), rod(-54, -46, 21, (150, 154, 160)), wrist, upper,
            mirrored(upper), *pulleys]  # fmt: skip


def needle(opening: float) -> list[Part]:
    """A half circle of steel with a pointed end."""
    del opening
    return [arc(0, 11, 12, -2.7, 0.6, 2.8, (236, 240, 248)), bar((-10.8, 5.9), (-13, 12), 2, 0.8, DARK)]


MAKERS: dict[str, Callable[[float], list[Part]]] = {"robot arm": robot_arm, "needle": needle}
