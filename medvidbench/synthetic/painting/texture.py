"""Seeded textures: noise in octaves, tissue, vessels, fat, cloth. Arrays are float32 (H, W) or (H, W, 3), 0 to 255."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Plane = NDArray[np.float32]

Colour = tuple[int, int, int]


def noise(rng: Random, width: int, height: int, coarse: float, octaves: int = 4) -> Plane:
    """Noise about 0 within -1 to 1: smooth random grids, each octave half as wide and half as strong.

    Args:
        rng: decides the noise.
        width, height: size in pixels.
        coarse: pixels between grid points of the first octave.
        octaves: how many grids are added.
    """
    from PIL import Image

    stream = np.random.default_rng(rng.getrandbits(63))
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        step = max(1.0, coarse / 2**octave)
        grid = stream.random((int(height / step) + 2, int(width / step) + 2), dtype=np.float32) * 2 - 1
        image = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(image, dtype=np.float32) / 2**octave
    scaled: Plane = np.clip(total / np.float32(1.6), -1, 1)
    return scaled


def tinted(plane: Plane, dark: Colour, light: Colour) -> NDArray[np.float32]:
    """A picture that goes from one colour at -1 to another at 1."""
    share = (plane[..., None] + 1) / 2
    low, high = np.array(dark, dtype=np.float32), np.array(light, dtype=np.float32)
    return np.asarray(low + share * (high - low), dtype=np.float32)


def tissue(rng: Random, width: int, height: int, dark: Colour, light: Colour, grain: float = 60) -> Image:
    """Moist tissue: coarse and fine variation with small bright highlights where the surface faces the light."""
    from PIL import Image

    height_map = noise(rng, width, height, grain, 5)
    slope_y, slope_x = np.gradient(height_map)
    light_map = np.clip(-(slope_x + slope_y) * 9, -1, 1)
    picture = tinted(np.clip(0.75 * height_map + 0.35 * light_map, -1, 1), dark, light)
    shine = np.clip(noise(rng, width, height, grain / 3, 3) + 0.8 * light_map - 1.0, 0, 1)[..., None]
    return Image.fromarray((picture + shine * 150).clip(0, 255).astype(np.uint8))


def fat(rng: Random, width: int, height: int, dark: Colour, light: Colour, lobule: float) -> Image:
    """Lobules of fat: cells about random points, bright in the middle, dark in the seams."""
    from PIL import Image

    from medvidbench.synthetic.painting.canvas import blurred

    columns, rows = int(width / lobule) + 2, int(height / lobule) + 2
    xs = (np.arange(columns)[None, :] + np.array([[rng.random() for _ in range(columns)] for _ in range(rows)])) - 0.5
    ys = (np.arange(rows)[:, None] + np.array([[rng.random() for _ in range(columns)] for _ in range(rows)])) - 0.5
    small_w, small_h = width // 2, height // 2
    gx, gy = np.meshgrid(np.arange(small_w) * 2 / lobule, np.arange(small_h) * 2 / lobule)
    nearest = _nearest(xs, ys, gx, gy)
    plane = (1 - 1.5 * nearest).clip(-1, 1).astype(np.float32)
    image = Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)
    both = np.asarray(image, dtype=np.float32) * 0.7 + noise(rng, width, height, 40, 4) * 0.5
    return blurred(Image.fromarray(tinted(both.clip(-1, 1), dark, light).clip(0, 255).astype(np.uint8)), 0.8)


def _nearest(
    xs: NDArray[np.float64], ys: NDArray[np.float64], gx: NDArray[np.float64], gy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The distance of each grid point to the nearest of the jittered points about its cell."""
    column, row = gx.astype(int), gy.astype(int)
    best = np.full(gx.shape, 9.0)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            c, r = (column + dx).clip(0, xs.shape[1] - 1), (row + dy).clip(0, xs.shape[0] - 1)
            best = np.minimum(best, np.hypot(xs[r, c] - gx, ys[r, c] - gy))
    return best


def cloth(rng: Random, width: int, height: int, colour: Colour) -> Image:
    """Woven cloth with soft folds."""
    from PIL import Image

    folds = noise(rng, width, height, 150, 2) + 0.25 * noise(rng, width, height, 50, 2)
    slope_y, slope_x = np.gradient(folds)
    shade = 1 + np.clip(-(slope_x + 0.6 * slope_y) * 10, -0.3, 0.3) + 0.06 * folds
    weave = 1 + 0.02 * ((np.arange(height)[:, None] + np.arange(width)[None, :]) % 4 < 2)
    picture = np.array(colour, dtype=np.float32) * (shade * weave)[..., None]
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def vessels(rng: Random, image: Image, colour: Colour, count: int, width: float) -> None:
    """Branching vessels drawn onto an image."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(count):
        start = (rng.uniform(0, image.width), rng.uniform(0, image.height))
        _branch(rng, draw, start, rng.uniform(0, 6.28), width, colour, 3)


def _branch(
    rng: Random, draw: object, at: tuple[float, float], angle: float, width: float, colour: Colour, depth: int
) -> None:
    import math

    for _ in range(rng.randint(5, 9)):
        angle += rng.gauss(0, 0.3)
        end = (at[0] + 11 * math.cos(angle), at[1] + 11 * math.sin(angle))
        draw.line((*at, *end), fill=(*colour, 90), width=max(1, round(width)))  # type: ignore[attr-defined]
        at = end
        if depth and rng.random() < 0.2:
            side = angle + rng.choice((-0.8, 0.8))
            _branch(rng, draw, at, side, 0.6 * width, colour, depth - 1)
