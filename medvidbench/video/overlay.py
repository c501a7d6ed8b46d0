"""Drawing on frames: the region box of a question, and what an expert prompt shows (boxes, phase, time).

Boxes are given in pixels of the original frame and scaled here to the frame at hand. (The public code draws the
region box in original pixels on a frame that was already resized, so it lands elsewhere.)
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

Colour = tuple[int, int, int]
Rectangle = tuple[float, float, float, float]
REGION: Colour = (0, 255, 0)
"""Green: no tissue, blood or instrument is."""
PALETTE: tuple[Colour, ...] = (
    (255, 176, 0),
    (86, 220, 255),
    (255, 240, 80),
    (190, 140, 255),
    (150, 255, 220),
    (90, 150, 255),
)
"""No red, pink or white: tissue, blood and highlights are. Orange, cyan, yellow, violet, mint, blue differ in
lightness too, for eyes that see no red."""
DARK: Colour = (12, 12, 12)
SMALLEST_FONT = 11
"""Pixels: below, the built-in font can't be read."""


@dataclass(frozen=True)
class LabelledBox:
    """A box in original pixels with what is written at it."""

    box: Box
    label: str = ""
    track_id: str = ""

    @property
    def text(self) -> str:
        """ "grasper #3", or whichever of the two there is."""
        return " ".join(part for part in (self.label, f"#{self.track_id}" if self.track_id else "") if part)

    @property
    def colour(self) -> Colour:
        """By track id, or by label without one: the same in every frame and every run; ids 1, 2, 3 ... differ."""
        key = self.track_id or self.label
        number = int(key) if key.isascii() and key.isdigit() else zlib.crc32(key.encode())
        return PALETTE[number % len(PALETTE)]


def scaled_box(box: Box, original_size: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box on a frame of `size`: its first and last pixel columns and rows (x1, y1, x2, y2 inclusive), clipped.

    Each edge goes to `round(edge * size / original_size)`; at least one pixel remains.

    Args:
        original_size, size: (width, height).

    Raises:
        MedVidBenchError: the box is empty or lies outside the original frame.
    """
    width, height = original_size
    inside = box.x1 < box.x2 and box.y1 < box.y2 and box.x2 > 0 and box.y2 > 0 and box.x1 < width and box.y1 < height
    if not inside:
        raise MedVidBenchError(f"{box} on a frame of {width} x {height}.", "a box that shows on the original frame")
    x1, x2 = _edges(box.x1, box.x2, width, size[0])
    y1, y2 = _edges(box.y1, box.y2, height, size[1])
    return x1, y1, x2, y2


def _edges(low: float, high: float, original: int, now: int) -> tuple[int, int]:
    first = min(max(round(low * now / original), 0), now - 1)
    end = min(max(round(high * now / original), first + 1), now)
    return first, end - 1


def draw_region(
    frame: NDArray[np.uint8], box: Box, original_size: tuple[int, int], colour: Colour = REGION
) -> NDArray[np.uint8]:
    """A copy of the (H, W, 3) frame with the box outlined, the outline's outer edge on the box's.

    Args:
        frame: at any resize of the original.
        box: in pixels of the original frame.
        original_size: (width, height) of the original frame (`FrameSet.size`).

    Raises:
        MedVidBenchError: see `scaled_box`.
    """
    image, draw = _canvas(frame)
    size = (frame.shape[1], frame.shape[0])
    draw.rectangle(scaled_box(box, original_size, size), outline=colour, width=_line_width(size))
    return np.asarray(image)


def annotate(
    frame: NDArray[np.uint8],
    boxes: Sequence[LabelledBox] = (),
    *,
    original_size: tuple[int, int] | None = None,
    phase: str = "",
    time: float | None = None,
) -> NDArray[np.uint8]:
    """A copy of the (H, W, 3) frame with labelled boxes, the phase in a banner on top and the time at the bottom.

    Lines and letters grow with the frame; text that doesn't fit is cut with "...", never drawn outside.

    Args:
        boxes: in pixels of the original frame.
        original_size: (width, height) that the boxes refer to; this frame's own when None.
        phase: "" for no banner.
        time: seconds; None for no stamp.

    Raises:
        MedVidBenchError: a box doesn't show on the original frame.
    """
    image, draw = _canvas(frame)
    size = (frame.shape[1], frame.shape[0])
    font, pad = _font(size), max(2, min(size) // 160)
    taken: list[Rectangle] = []
    for item in boxes:
        corners = scaled_box(item.box, original_size or size, size)
        # a dark rim, so that the line shows on highlights too
        draw.rectangle((corners[0] - 1, corners[1] - 1, corners[2] + 1, corners[3] + 1), outline=DARK)
        draw.rectangle(corners, outline=item.colour, width=_line_width(size))
    if phase:
        bar = _text_height(font) + 2 * pad
        taken.append((0, 0, size[0], bar))
        _draw_text(draw, (0, 0), phase, font, pad, size[0], (255, 255, 255), bar_width=size[0])
    if time is not None:
        stamp = (0, size[1] - _text_height(font) - 2 * pad)
        taken.append(_draw_text(draw, stamp, time_stamp(time), font, pad, size[0], (255, 255, 255)))
    places = [scaled_box(item.box, original_size or size, size) for item in boxes]
    for item, corners in zip(boxes, places, strict=True):
        if item.text:
            _label(draw, item, corners, font, pad, size, taken, places)
    return np.asarray(image)


def time_stamp(seconds: float) -> str:
    """ "75.3 s (01:15.3)": seconds as answers are written, and as a person reads them."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{tenths / 10:.1f} s ({minutes:02d}:{rest / 10:04.1f})"


# --- how it is drawn -------------------------------------------------------------------------------


def _canvas(frame: NDArray[np.uint8]) -> tuple[object, ImageDraw]:
    from PIL import Image, ImageDraw

    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise MedVidBenchError(f"A frame of shape {frame.shape}, {frame.dtype}.", "(H, W, 3), uint8")
    image = Image.fromarray(frame)
    return image, ImageDraw.Draw(image, "RGB")


def _line_width(size: tuple[int, int]) -> int:
    return max(2, round(min(size) / 180))


def _font(size: tuple[int, int]) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size=max(SMALLEST_FONT, round(min(size) / 24)))


def _text_height(font: FreeTypeFont | ImageFont) -> int:
    _, top, _, bottom = font.getbbox("Ag|")
    return int(bottom - top) + 1


def _fit(draw: ImageDraw, text: str, font: FreeTypeFont | ImageFont, room: float) -> str:
    if draw.textlength(text, font) <= room:
        return text
    while text and draw.textlength(text + "...", font) > room:
        text = text[:-1]
    return text.rstrip() + "..."


def _draw_text(
    draw: ImageDraw,
    at: tuple[float, float],
    text: str,
    font: FreeTypeFont | ImageFont,
    pad: int,
    room: float,
    colour: Colour,
    bar_width: float | None = None,
) -> tuple[float, float, float, float]:
    """Text on a dark plate whose top left corner is `at`; the plate's rectangle."""
    text = _fit(draw, text, font, room - 2 * pad)
    _, top, _, _ = font.getbbox("Ag|")
    width = bar_width or draw.textlength(text, font) + 2 * pad
    plate = (at[0], at[1], at[0] + width, at[1] + _text_height(font) + 2 * pad)
    draw.rectangle((plate[0], plate[1], plate[2] - 1, plate[3] - 1), fill=DARK)
    draw.text((at[0] + pad, at[1] + pad - top), text, fill=colour, font=font)
    return plate


def _label(
    draw: ImageDraw,
    item: LabelledBox,
    corners: tuple[int, int, int, int],
    font: FreeTypeFont | ImageFont,
    pad: int,
    size: tuple[int, int],
    taken: list[Rectangle],
    places: Sequence[Rectangle],
) -> None:
    """The label above its box; below or inside, or ending where the box ends, if it hides less there."""
    height = _text_height(font) + 2 * pad
    width = min(draw.textlength(_fit(draw, item.text, font, size[0] - 2 * pad), font) + 2 * pad, size[0])
    line = _line_width(size)
    tops = [corners[1] - height, corners[3] + 1, corners[1] + line, corners[3] - line - height + 1]
    lefts = [min(max(left, 0), size[0] - width) for left in (corners[0], corners[2] + 1 - width)]
    plates = [(left, top, left + width, top + height) for top in tops for left in lefts if 0 <= top <= size[1] - height]
    plates = plates or [(lefts[0], max(0, size[1] - height), lefts[0] + width, size[1])]
    # first come other texts, which can't be read through each other, then what the boxes show, small ones as large ones
    plate = min(plates, key=lambda p: (_hidden(p, taken), round(_hidden(p, places), 2)))
    taken.append(_draw_text(draw, (plate[0], plate[1]), item.text, font, pad, size[0], item.colour))


def _hidden(plate: Rectangle, others: Sequence[Rectangle]) -> float:
    """The shares of other rectangles that a plate would hide, added up."""
    total = 0.0
    for x1, y1, x2, y2 in others:
        total += (
            _shared(plate[0], plate[2], x1, x2) * _shared(plate[1], plate[3], y1, y2) / max(1.0, (x2 - x1) * (y2 - y1))
        )
    return total


def _shared(low: float, high: float, other_low: float, other_high: float) -> float:
    return max(0.0, min(high, other_high) - max(low, other_low))
