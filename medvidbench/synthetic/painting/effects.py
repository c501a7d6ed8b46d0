"""What happens to a picture as a whole: tissue that gives way, smoke, vignette, exposure, and the word SYNTHETIC."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.synthetic.painting.texture import noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

_FULL = 256
_HALF = 128  # leaves room in 16 bits for factors above 1


def pull(frame: Frame, x: float, y: float, dx: float, dy: float, radius: float) -> None:
    """Drags what lies at (x - dx, y - dy) to (x, y); the drag fades to nothing at `radius` pixels.

    The drag is cut to a third of the radius, beyond which the picture would fold.
    """
    length = math.hypot(dx, dy)
    if length > radius / 3:
        dx, dy = dx * radius / 3 / length, dy * radius / 3 / length
    height, width = frame.shape[:2]
    left, right = max(0, int(x - radius)), min(width, int(x + radius) + 1)
    top, bottom = max(0, int(y - radius)), min(height, int(y + radius) + 1)
    if right - left < 2 or bottom - top < 2:
        return
    gx, gy = np.arange(left, right)[None, :], np.arange(top, bottom)[:, None]
    fade = np.clip(1 - ((gx - x) ** 2 + (gy - y) ** 2) / radius**2, 0, 1) ** 2
    sx = np.clip(gx - dx * fade + 0.5, 0, width - 1).astype(np.intp)
    sy = np.clip(gy - dy * fade + 0.5, 0, height - 1).astype(np.intp)
    frame[top:bottom, left:right] = frame[sy, sx]


class Haze:
    """Drifting smoke of one recording."""

    def __init__(self, rng: Random, width: int, height: int) -> None:
        self._size = (width, height)
        self._plane = ((noise(rng, 2 * width, 2 * height, 70, 4) + 1) * 127).astype(np.uint16)
        self._gx, self._gy = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]

    def blow(self, frame: Frame, x: float, y: float, amount: float, time: float) -> None:
        """Lays smoke over a frame: thickest about (x, y) and above it, `amount` from 0 to 1."""
        width, height = self._size
        ox, oy = int(time * 17) % width, int(time * 29) % height
        cloud = self._plane[oy : oy + height, ox : ox + width]
        far = ((self._gx - x) / (0.45 * width)) ** 2 + ((self._gy - y + 18) / (0.55 * height)) ** 2
        thick = (cloud * np.clip(amount * 1.15 * np.exp(-far), 0, 0.92)).astype(np.uint16)[..., None]
        frame[...] = (frame * (_FULL - thick) + thick * np.uint16(214)) >> 8


@lru_cache(maxsize=32)
def _factors(width: int, height: int, strength: float, is_round: bool, gain: float) -> NDArray[np.uint16]:
    """Factors of 128 (H, W, 3): darker towards the corners; for a round view black outside an ellipse."""
    gx = (np.arange(width)[None, :] + 0.5) / width * 2 - 1
    gy = (np.arange(height)[:, None] + 0.5) / height * 2 - 1
    far = gx**2 + gy**2
    factor = gain * (1.08 - strength * np.clip(far, 0, 2) / 2)
    if is_round:
        edge = np.abs(gx) ** 3.2 + np.abs(gy) ** 3.2
        factor = factor * np.clip((1.28 - edge) * 14, 0, 1)
    return np.repeat((factor.clip(0, 1.2) * _HALF).astype(np.uint16)[..., None], 3, axis=2)


def expose(frame: Frame, strength: float, is_round: bool, gain: float) -> None:
    """A vignette of this strength (0 none to 1), a round view if asked for, and a gain of about 1 in steps of 1/64."""
    height, width = frame.shape[:2]
    light = frame * _factors(width, height, strength, is_round, round(64 * gain) / 64)
    np.right_shift(light, 7, out=light)
    frame[...] = np.minimum(light, 255)


@lru_cache(maxsize=2)
def _stamp() -> tuple[NDArray[np.uint16], int, int]:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (120, 20))
    draw = ImageDraw.Draw(image)
    draw.text((3, 3), "SYNTHETIC", fill=255, font=ImageFont.load_default(size=9))
    box = image.getbbox() or (0, 0, 1, 1)
    return np.asarray(image.crop(box), dtype=np.uint16)[..., None], box[2] - box[0], box[3] - box[1]


def sign(frame: Frame) -> None:
    """Writes SYNTHETIC into the top left corner."""
    text, width, height = _stamp()
    place = frame[3 : 3 + height + 4, 3 : 3 + width + 4]
    place[...] = place // 2
    inner = frame[5 : 5 + height, 5 : 5 + width]
    inner[...] = (inner * (255 - text) + text * np.uint16(235)) // 255
