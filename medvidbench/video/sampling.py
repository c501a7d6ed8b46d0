"""Frames of a recording, wherever they are: in a video file or in a folder of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Recording
from medvidbench.video.folder import read_frame_files
from medvidbench.video.frames import FrameSet
from medvidbench.video.readers import DEFAULT_READER, read_with


def frame_times(start: float, end: float, fps: float) -> list[float]:
    """`start + k / fps` for k = 0, 1, ... while before `end` (half-open; a time within 1 ns of `end` is left out).

    >>> frame_times(10.0, 12.0, 2.0)
    [10.0, 10.5, 11.0, 11.5]

    Raises:
        MedVidBenchError: `fps` is not positive, or the interval is not finite.
    """
    if not (fps > 0 and math.isfinite(fps) and math.isfinite(start) and math.isfinite(end)):
        raise MedVidBenchError(f"Frames from {start} to {end} s at {fps}/s.", "finite times, more than 0 frames/s")
    return [start + k / fps for k in range(max(0, math.ceil((end - start) * fps - 1e-9)))]


def evenly_spread(count: int, most: int) -> list[int]:
    """`most` of `count` positions, evenly, first and last included; the middle one alone for 1.

    >>> evenly_spread(10, 4)
    [0, 3, 6, 9]
    """
    if most == 1:
        return [count // 2]
    return [round(k * (count - 1) / (most - 1)) for k in range(most)]


def recording_frames(
    recording: Recording,
    times: Sequence[float],
    *,
    root: str | Path = "",
    reader: str = DEFAULT_READER,
    tolerance: float | None = None,
) -> FrameSet:
    """The recording's frames at `times` (seconds on its axis), from its video or else its frame files.

    Args:
        root: folder that the recording's paths are relative to.
        reader: for videos, one of `medvidbench.video.readers.READERS`.
        tolerance: for frame files, seconds by which the nearest may be off; half the distance of annotated frames
            (`0.5 / native_fps`) when None.

    Raises:
        MedVidBenchError: it has neither, or as `read_with` and `read_frame_files`.
    """
    if recording.video:
        return read_with(reader, Path(root) / recording.video, times)
    if not recording.frames:
        raise MedVidBenchError(
            f"The recording {recording.recording_id} of {recording.source} has neither a video nor frames on disk.",
            remedy="put its video beside the annotations",
        )
    within = 0.5 / recording.native_fps if tolerance is None else tolerance
    return read_frame_files(recording.frames, times, root=root, tolerance=within)
