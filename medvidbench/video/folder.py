"""Frames that a source ships as picture files, with holes between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.records import FrameFile
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.frames import FrameSet


def read_frame_files(
    files: Sequence[FrameFile], times: Sequence[float], *, root: str | Path = "", tolerance: float = 0.5
) -> FrameSet:
    """The nearest frame file to each time, in the order of `times`; of two equally near the earlier.

    Unlike a video, a folder may have holes: nothing says what was shown in them, so the frame before is no answer.

    Args:
        files: in any order.
        times: seconds on the recording's axis.
        root: folder that the files' paths are relative to.
        tolerance: seconds by which the nearest file may be off (half the distance of frames is usual).

    Returns:
        `t_seconds` are the files' own times.

    Raises:
        MedVidBenchError: there are no files, a time lies in a hole, or the pictures differ in size.
        UnreadableVideo: a picture is missing or damaged.
    """
    chosen = nearest_files(files, times, tolerance)
    pictures = {path: read_picture(Path(root) / path) for path in dict.fromkeys(file.path for file in chosen)}
    sizes = {(p.shape[1], p.shape[0]): path for path, p in pictures.items()}
    if len(sizes) > 1:
        raise MedVidBenchError(f"Frames of one recording differ in size: {sizes}.", "one size a recording")
    size = next(iter(sizes), (0, 0))
    frames = np.stack([pictures[f.path] for f in chosen]) if chosen else np.empty((0, 0, 0, 3), np.uint8)
    return FrameSet(frames, np.array([file.time for file in chosen], np.float64), size)


def nearest_files(files: Sequence[FrameFile], times: Sequence[float], tolerance: float) -> list[FrameFile]:
    """The file nearest to each time.

    Raises:
        MedVidBenchError: none lies within `tolerance` seconds of some time, or a time is not a number.
    """
    if not files:
        raise MedVidBenchError("The recording has no frame files.", remedy="check the source's folder")
    ordered = sorted(files, key=lambda file: file.time)
    at = np.array([file.time for file in ordered])
    found = []
    for time in times:
        place = int(np.argmin(np.abs(at - time)))
        if not abs(at[place] - time) <= tolerance + 1e-9:
            raise MedVidBenchError(
                f"No frame file within {tolerance:g} s of {time:g} s: the nearest is {ordered[place].path} at "
                f"{at[place]:g} s.",
                f"times of frames on disk, {at[0]:g} to {at[-1]:g} s",
            )
        found.append(ordered[place])
    return found


def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB.

    Raises:
        UnreadableVideo: the file is missing, truncated or no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels: NDArray[Any] = np.asarray(image.convert("RGB"))
    except UnidentifiedImageError as error:
        raise UnreadableVideo(path, "it is no picture", "copy or download it again") from error
    except (OSError, SyntaxError) as error:  # PIL raises SyntaxError for a broken PNG
        raise UnreadableVideo(path, f"{error}".lower(), "copy or download it again") from error
    return pixels
