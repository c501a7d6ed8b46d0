"""Blackening what is burnt into frames: regions that the user names, and text lines that a simple detector finds.

No guarantee of de-identification. The detector looks for rows of small, high-contrast shapes near the borders of a
frame, where endoscopy towers write names, dates and settings. It misses faint, large, slanted and hand-written text,
text in the middle of the picture, single characters and faces, and it may blacken instrument texture. Regions are made
black, not blurred: a blur can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError

Corners: TypeAlias = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels, x2 and y2 exclusive."""
CONTRAST = 40.0
"""Grey levels that a stroke differs by from the mean around it."""
BORDER = (0.18, 0.24)
"""Shares of width and height that count as near a border."""
HEIGHTS = (0.014, 0.10)
"""Heights of letters as shares of the frame's height; below 5 pixels nothing is legible."""
LEAST_LETTERS = 3
STANDING = 0.4
"""Share of a film's frames in which a box must come back to be blackened on all of them."""
MOST_SHAPES = 600


@dataclass(frozen=True)
class NamedRegion:
    """A rectangle to blacken: shares of the frame when all four are at most 1, else pixels of the original frame.

    `source` limits it to one source; "" is every source.
    """

    corners: tuple[float, float, float, float]
    source: str = ""

    def on(self, size: tuple[int, int]) -> Corners:
        """In whole pixels of a frame of (width, height), rounded outwards."""
        scale = (size[0], size[1]) * 2 if max(self.corners) <= 1 else (1, 1, 1, 1)
        return _outwards(self.corners, scale)


def parse_region(text: str) -> NamedRegion:
    """ "0,0,0.3,0.08" or "CholecT50=0,0,120,24".

    Raises:
        MedVidBenchError: not four numbers, or no area.
    """
    source, sign, numbers = text.rpartition("=")
    try:
        x1, y1, x2, y2 = (float(part) for part in numbers.split(","))
    except ValueError:
        x1 = y1 = x2 = y2 = -1.0
    if not (0 <= x1 < x2 < 1e6 and 0 <= y1 < y2 < 1e6) or (sign and not source.strip()):
        accepted = "x1,y1,x2,y2 as shares of the frame (0 to 1) or in pixels, after SOURCE= for one source only"
        raise MedVidBenchError(f"{text!r} is no region.", accepted, "e.g. 0,0,0.3,0.08 for the upper left corner")
    return NamedRegion((x1, y1, x2, y2), source.strip())


def blacken(frame: NDArray[np.uint8], boxes: Iterable[Corners]) -> NDArray[np.uint8]:
    """A copy of the (H, W, 3) frame with the boxes black; parts outside the frame are ignored."""
    copy = frame.copy()
    for x1, y1, x2, y2 in boxes:
        copy[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)] = 0
    return copy


def scaled(boxes: Iterable[Corners], size: tuple[int, int], to: tuple[int, int]) -> list[Corners]:
    """Boxes of a frame of `size` on the same frame at `to` (width, height), rounded outwards."""
    return [_outwards(box, (to[0] / size[0], to[1] / size[1]) * 2) for box in boxes]


def _outwards(corners: Sequence[float], scale: Sequence[float]) -> Corners:
    x1, y1, x2, y2 = (v * s for v, s in zip(corners, scale, strict=True))
    return int(np.floor(x1)), int(np.floor(y1)), int(np.ceil(x2)), int(np.ceil(y2))


def find_text(frame: NDArray[np.uint8]) -> list[Corners]:
    """Boxes of what looks like burnt-in text lines near the borders of an (H, W, 3) frame; see the module for what
    it misses.

    A shape is a connected patch that is brighter, or darker, than the mean around it by `CONTRAST`. A line is at least
    `LEAST_LETTERS` shapes of letter size and like height, side by side, that reach into the border. Its box is widened
    by two thirds of its height, because the first and last letters may have been missed.
    """
    from scipy.ndimage import uniform_filter

    grey = frame.astype(np.float32).mean(axis=2)
    around = uniform_filter(grey, size=max(9, round(frame.shape[0] / 14)) | 1)
    found: list[Corners] = []
    for mask in (grey - around > CONTRAST, around - grey > CONTRAST):
        shapes = _shapes(mask, frame.shape[0], frame.shape[1])
        found += [_box(line) for line in _lines(shapes) if len(line) >= LEAST_LETTERS]
    return [box for box in found if _near_border(box, frame.shape[1], frame.shape[0])]


def _shapes(mask: NDArray[np.bool_], height: int, width: int) -> list[Corners]:
    from scipy.ndimage import find_objects, label

    numbered, _ = label(mask, structure=np.ones((3, 3)))
    low, high = max(5.0, HEIGHTS[0] * height), HEIGHTS[1] * height
    kept = []
    for rows, columns in find_objects(numbered):
        tall, wide = rows.stop - rows.start, columns.stop - columns.start
        if low <= tall <= high and tall * 0.08 <= wide <= min(6 * tall, 0.2 * width):
            kept.append((columns.start, rows.start, columns.stop, rows.stop))
    kept.sort()
    return kept if len(kept) <= MOST_SHAPES else []


def _lines(shapes: Sequence[Corners]) -> list[list[Corners]]:
    """Shapes joined when they stand side by side: like heights, overlapping rows, a gap under 1.3 heights."""
    lines: list[list[Corners]] = []
    for shape in shapes:
        home = next((line for line in lines if any(_beside(other, shape) for other in line[-4:])), None)
        if home is None:
            lines.append([shape])
        else:
            home.append(shape)
    return lines


def _beside(a: Corners, b: Corners) -> bool:
    low, high = sorted((a[3] - a[1], b[3] - b[1]))
    shared = min(a[3], b[3]) - max(a[1], b[1])
    gap = max(a[0], b[0]) - min(a[2], b[2])
    return shared >= 0.5 * low and high <= 2.2 * low and gap <= 1.3 * high


def _box(line: Sequence[Corners]) -> Corners:
    x1, y1 = min(s[0] for s in line), min(s[1] for s in line)
    x2, y2 = max(s[2] for s in line), max(s[3] for s in line)
    pad = max(2, round((y2 - y1) * 2 / 3))
    return max(0, x1 - pad), max(0, y1 - pad), x2 + pad, y2 + pad


def _near_border(box: Corners, width: int, height: int) -> bool:
    """Wholly in the upper or lower band, or a short line whose middle is in the left or right band."""
    across, down = BORDER[0] * width, BORDER[1] * height
    if box[3] <= down or box[1] >= height - down:
        return True
    middle = (box[0] + box[2]) / 2
    return box[2] - box[0] <= 2 * across and (middle < across or middle > width - across)


def standing(found: Sequence[Sequence[Corners]]) -> list[Corners]:
    """Boxes that come back at one place in at least 40 % of a film's frames (two at least): an overlay stands still.

    Args:
        found: `find_text` of each frame.
    """
    least = max(2, int(np.ceil(STANDING * len(found))))
    kept: list[Corners] = []
    for box in dict.fromkeys(box for frame in found for box in frame):
        if sum(any(_same_place(box, other) for other in frame) for frame in found) >= least:
            kept.append(box)
    return kept


def _same_place(a: Corners, b: Corners) -> bool:
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, wide) * max(0, tall)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared >= 0.3 * both
