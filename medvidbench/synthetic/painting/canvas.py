"""The resting picture: larger than the frame by a margin, drawn at twice its resolution, then seen by the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.synthetic.motion import View

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

FINE = 2
"""Canvas pixels per frame pixel."""
MARGIN = 20
"""Frame pixels about the frame that the camera may show when it drifts."""
Point = tuple[float, float]
Colour = tuple[int, int, int]


def canvas_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the canvas of a frame size."""
    return (width + 2 * MARGIN) * FINE, (height + 2 * MARGIN) * FINE


def put(*points: Point) -> list[Point]:
    """Canvas positions of points of the resting picture."""
    return [((x + MARGIN) * FINE, (y + MARGIN) * FINE) for x, y in points]


def look(canvas: Image, view: View, width: int, height: int) -> Image:
    """What the camera sees of a canvas."""
    from PIL import Image as Images

    zoom = view.zoom
    scale = FINE / zoom
    x0 = (width / 2 - (width / 2 + view.dx) / zoom + MARGIN) * FINE
    y0 = (height / 2 - (height / 2 + view.dy) / zoom + MARGIN) * FINE
    return canvas.transform(
        (width, height), Images.Transform.AFFINE, (scale, 0, x0, 0, scale, y0), Images.Resampling.BILINEAR
    )


def blurred(image: Image, radius: float) -> Image:
    """Gaussian blur."""
    from PIL import ImageFilter

    return image.filter(ImageFilter.GaussianBlur(radius))


def smooth(points: Sequence[Point], steps: int = 8, closed: bool = True) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    count = len(points)
    found: list[Point] = []
    for i in range(count if closed else count - 1):
        around = [points[(i + k) % count] if closed else points[min(max(i + k, 0), count - 1)] for k in (-1, 0, 1, 2)]
        found += [_between(around, step / steps) for step in range(steps)]
    return found if closed else [*found, points[-1]]


def _between(p: Sequence[Point], t: float) -> Point:
    def axis(a: float, b: float, c: float, d: float) -> float:
        return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)

    return axis(*(q[0] for q in p)), axis(*(q[1] for q in p))


def bevel(mask: Image, depth: float) -> NDArray[np.float32]:
    """Light on a rounded solid of this outline, (H, W) from about -1 (away from the light, up left) to 1."""
    blur = np.asarray(blurred(mask, depth), dtype=np.float32) / 255
    slope_y, slope_x = np.gradient(blur)
    slope = np.asarray(slope_x + slope_y, dtype=np.float32)
    return np.asarray(np.clip(slope * np.float32(depth * 1.6), -1, 1), dtype=np.float32)


@dataclass(frozen=True)
class Patch:
    """A part of a canvas to draw on: its place (left, top, right, bottom), and a mask (mode L) of that size."""

    where: tuple[int, int, int, int]
    mask: Image

    @property
    def corner(self) -> tuple[int, int]:
        """Left and top."""
        return self.where[:2]


def patch(canvas: Image, points: Sequence[Point], pad: float) -> Patch | None:
    """The part of a canvas about some points, `pad` canvas pixels larger, with an empty mask; None when outside."""
    from PIL import Image as Images

    xs, ys = [p[0] for p in points], [p[1] for p in points]
    left, top = max(0, int(min(xs) - pad)), max(0, int(min(ys) - pad))
    right, bottom = min(canvas.width, int(max(xs) + pad) + 1), min(canvas.height, int(max(ys) + pad) + 1)
    if right - left < 2 or bottom - top < 2:
        return None
    return Patch((left, top, right, bottom), Images.new("L", (right - left, bottom - top)))


def stain(canvas: Image, points: Sequence[Point], colour: Colour, cover: float = 1.0, soft: float = 0.0) -> None:
    """Lays a colour over a polygon in canvas pixels, with a soft rim; `cover` from 0 (unseen) to 1."""
    from PIL import ImageDraw

    found = patch(canvas, points, 3 * soft + 1)
    if found:
        left, top = found.corner
        ImageDraw.Draw(found.mask).polygon([(x - left, y - top) for x, y in points], fill=round(255 * cover))
        canvas.paste(colour, found.where, blurred(found.mask, soft) if soft else found.mask)


def blots(canvas: Image, ellipses: Sequence[tuple[float, float, float, float]], colour: Colour, cover: float) -> None:
    """Lays a colour over soft ellipses (x, y, rx, ry) in canvas pixels."""
    from PIL import ImageDraw

    corners = [(x + sx * rx, y + sy * ry) for x, y, rx, ry in ellipses for sx, sy in ((-1, -1), (1, 1))]
    found = patch(canvas, corners, 7)
    if found:
        left, top = found.corner
        draw = ImageDraw.Draw(found.mask)
        for x, y, rx, ry in ellipses:
            draw.ellipse((x - rx - left, y - ry - top, x + rx - left, y + ry - top), fill=round(255 * cover))
        canvas.paste(colour, found.where, blurred(found.mask, 2))


def rounded(
    canvas: Image, points: Sequence[Point], texture: Image, depth: float, soft: float = 1.0, strength: float = 60
) -> None:
    """A rounded body of a texture (same size as the canvas), with light from above left, and a shadow about it.

    A negative `strength` makes a hollow.
    """
    from PIL import Image as Images
    from PIL import ImageDraw

    found = patch(canvas, points, 3 * (soft + depth))
    if found is None:
        return
    left, top = found.corner
    ImageDraw.Draw(found.mask).polygon([(x - left, y - top) for x, y in points], fill=255)
    mask = blurred(found.mask, soft)
    lit = np.asarray(texture.crop(found.where), dtype=np.float32) + bevel(mask, depth)[..., None] * strength
    if strength > 0:
        shadow = blurred(mask, depth * 0.8).point([round(0.4 * v) for v in range(256)])
        canvas.paste((30, 10, 10), (left + round(depth * 0.4), top + round(depth * 0.5)), shadow)
    canvas.paste(Images.fromarray(lit.clip(0, 255).astype(np.uint8)), found.where, mask)


def tube(canvas: Image, points: Sequence[Point], width: float, colour: Colour, cover: float = 1.0) -> None:
    """A round tube along points of the resting picture, `width` frame pixels wide, `cover` from 0 (unseen) to 1."""
    from PIL import Image as Images
    from PIL import ImageDraw

    line = put(*smooth(points, closed=False))
    found = patch(canvas, line, 2 * width + 4)
    if found is None:
        return
    left, top = found.corner
    shifted = [(x - left, y - top) for x, y in line]
    ImageDraw.Draw(found.mask).line(shifted, fill=255, width=round(width * FINE), joint="curve")
    mask = blurred(found.mask, 0.8)
    lit = np.array(colour, dtype=np.float32) + bevel(mask, width * 0.5)[..., None] * 70
    if cover < 1:
        mask = mask.point([round(cover * v) for v in range(256)])
    canvas.paste(Images.fromarray(lit.clip(0, 255).astype(np.uint8)), found.where, mask)
