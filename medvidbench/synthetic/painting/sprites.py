"""Sprites: shapes drawn once with light and soft rims, then put into each frame by an affine transform.

The picture and the id mask use the same transform of the same outline, so that boxes and pixels agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.synthetic.motion import Pose
from medvidbench.synthetic.painting.canvas import bevel
from medvidbench.synthetic.shapes import level_of, parts_of
from medvidbench.synthetic.shapes.parts import Part

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]

DENSE = 2
"""Sprite pixels per unit of a shape."""
_RIM = 3


@dataclass(frozen=True)
class Sprite:
    """A picture with premultiplied alpha, what of it is boxed (mode L), and where its unit (0, 0) lies in it."""

    picture: Image
    boxed: Image
    origin: tuple[float, float]


@lru_cache(maxsize=512)
def sprite_of(kind: str, level: int) -> Sprite:
    """The sprite of a kind at a step of opening."""
    return draw_parts(parts_of(kind, level))


def draw_parts(parts: tuple[Part, ...]) -> Sprite:
    """Draws parts in order, each lit on its own."""
    from PIL import Image as Images
    from PIL import ImageChops

    points = np.array([point for part in parts for point in part.points])
    low = np.floor(points.min(axis=0)) - _RIM
    high = np.ceil(points.max(axis=0)) + _RIM
    size = (int((high[0] - low[0]) * DENSE), int((high[1] - low[1]) * DENSE))
    total, boxed = Images.new("RGBA", size), Images.new("L", size)
    for part in parts:
        at, mask, colours = _lit(part, low)
        total.alpha_composite(Images.merge("RGBA", (*Images.fromarray(colours).split(), mask)), at)
        if part.boxed:
            over = Images.new("L", size)
            over.paste(mask, at)
            boxed = ImageChops.lighter(boxed, over)
    return Sprite(total.convert("RGBa"), boxed, (-float(low[0]) * DENSE, -float(low[1]) * DENSE))


def _lit(part: Part, low: NDArray[np.float64]) -> tuple[tuple[int, int], Image, Frame]:
    """Where a part goes in its sprite, its mask, and its colours."""
    from PIL import Image as Images
    from PIL import ImageDraw

    points = (np.array(part.points) - low) * DENSE
    corner = np.floor(points.min(axis=0)).astype(int) - 2
    corner = np.maximum(corner, 0)
    size = np.ceil(points.max(axis=0)).astype(int) + 3 - corner
    big = Images.new("L", (int(size[0]) * 4, int(size[1]) * 4))
    ImageDraw.Draw(big).polygon([(x, y) for x, y in (points - corner) * 4 - 0.5], fill=round(255 * part.alpha))
    mask = big.reduce(4)
    across = float(min(points.max(axis=0) - points.min(axis=0)))
    depth = max(1.5, min(across * 0.3, 9.0))
    light = bevel(mask, depth)
    colours = np.array(part.colour, dtype=np.float32) * (
        1 + (0.75 if part.finish == "metal" else 0.45) * light[..., None]
    )
    if part.finish == "metal":
        colours += np.clip(light - 0.45, 0, 1)[..., None] * 130
    return (int(corner[0]), int(corner[1])), mask, colours.clip(0, 255).astype(np.uint8)


def place(
    sprite: Sprite, matrix_: tuple[float, float, float, float], x: float, y: float, size: tuple[int, int]
) -> Placed | None:
    """Where a sprite lands in a frame of this size, its unit (0, 0) at (x, y); None when outside."""
    a, b, c, d = matrix_
    ox, oy = sprite.origin
    w, h = sprite.picture.size
    corners = [((u - ox) / DENSE, (v - oy) / DENSE) for u in (0, w) for v in (0, h)]
    xs = [a * u + b * v + x for u, v in corners]
    ys = [c * u + d * v + y for u, v in corners]
    left, top = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
    right, bottom = min(size[0], math.ceil(max(xs))), min(size[1], math.ceil(max(ys)))
    if right <= left or bottom <= top:
        return None
    det = a * d - b * c
    ia, ib, ic, id_ = d / det * DENSE, -b / det * DENSE, -c / det * DENSE, a / det * DENSE
    back = (ia, ib, ia * (left - x) + ib * (top - y) + ox, ic, id_, ic * (left - x) + id_ * (top - y) + oy)
    return Placed(sprite, (left, top, right, bottom), back)


@dataclass(frozen=True)
class Placed:
    """A sprite on its place: the part of the frame (left, top, right, bottom) and the way back to sprite pixels."""

    sprite: Sprite
    where: tuple[int, int, int, int]
    back: tuple[float, float, float, float, float, float]

    def _seen(self, image: Image) -> Frame:
        from PIL import Image as Images

        left, top, right, bottom = self.where
        size = (right - left, bottom - top)
        return np.asarray(image.transform(size, Images.Transform.AFFINE, self.back, Images.Resampling.BILINEAR))

    def paint(self, frame: Frame, shade: float = 1.0, shadow: int = 0) -> None:
        """Draws it onto a frame, with a soft dark copy below and right of it when `shadow` (pixels) is given."""
        left, top, right, bottom = self.where
        seen = self._seen(self.sprite.picture)
        if shadow:
            _cast(frame, seen[..., 3], (left + shadow // 2, top + shadow))
        below = frame[top:bottom, left:right]
        clear = 255 - seen[..., 3:].astype(np.uint16)
        colours = seen[..., :3] if shade == 1.0 else (seen[..., :3] * np.float32(shade)).astype(np.uint16)
        below[...] = np.minimum(colours + below * clear // 255, 255)

    def stamp(self, mask: NDArray[np.int32], number: int) -> NDArray[np.bool_]:
        """Writes `number` where the boxed part covers a pixel by half or more, 0 where the rest does.

        Returns:
            The boxed pixels, within `where`.
        """
        left, top, right, bottom = self.where
        below = mask[top:bottom, left:right]
        below[self._seen(self.sprite.picture)[..., 3] > 127] = 0
        own: NDArray[np.bool_] = self._seen(self.sprite.boxed) > 127
        below[own] = number
        return own


def _cast(frame: Frame, alpha: NDArray[np.uint8], at: tuple[int, int]) -> None:
    """A shadow of a quarter of the light."""
    height, width = frame.shape[:2]
    left, top = at
    w, h = min(alpha.shape[1], width - left), min(alpha.shape[0], height - top)
    if w > 0 and h > 0:
        below = frame[top : top + h, left : left + w]
        below[...] = (below * (256 - (alpha[:h, :w, None] >> 2).astype(np.uint16))) >> 8


def matrix(pose: Pose, kind: str) -> tuple[float, float, float, float]:
    """The 2x2 matrix, row by row, from a shape's units to pixels.

    An instrument that is turned about its axis looks flatter; a needle turns as a whole.
    """
    angle, flat = (pose.turn, 1.0) if kind == "needle" else (pose.angle, 0.6 + 0.4 * abs(math.cos(pose.turn)))
    cos, sin = pose.scale * math.cos(angle), pose.scale * math.sin(angle)
    return cos, -sin * flat, sin, cos * flat


def place_mover(kind: str, pose: Pose, size: tuple[int, int]) -> Placed | None:
    """A mover's sprite at a pose."""
    return place(sprite_of(kind, level_of(pose.opening)), matrix(pose, kind), pose.x, pose.y, size)
