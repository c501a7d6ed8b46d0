"""`VideoIndex`: when each frame of a file is shown, found by demuxing, and whether the file's header tells the truth.

The presentation axis. Time 0 is the moment at which the first frame is shown: start offsets, negative times and frames
hidden by an edit list are taken away. The frame shown at time t is the last one whose time is at most t. The axis is
that of the video stream alone: where the audio starts earlier, its head has no place on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.video.errors import UnreadableVideo

TIME_SLACK = 0.001
"""A frame is taken as shown up to 1 ms before its time: Matroska rounds times to 1 ms, and people round in text."""

Mode: TypeAlias = Literal["seek", "scan", "linear"]


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """When each frame is shown, and how a reader may reach it.

    Attributes:
        container: FFmpeg's name of the format; `codec` likewise.
        width, height: of the upright frame, in stored pixels (a pixel aspect ratio is not applied).
        rotation: degrees counterclockwise by which a stored frame is turned to stand upright: 0, 90, 180 or 270.
        header_frames: how many frames the header declares, or None.
        demuxed_frames: how many packets of video were found.
        hidden_frames: how many of the declared or found frames an edit list hides.
        has_b_frames: frames are stored in another order than shown.
        open_groups: some group of pictures begins with pictures that are shown before its key frame and may refer to
            the group before (False in "linear" mode, where times can't tell).
        mode: "seek" (jump to key frames), "scan" (read on from the start, decode what is needed) or "linear" (decode
            everything from the start and count: the file has no presentation times).
        pts: (N,) int64, ascending: the shown frames' times in units of `time_base`.
        keys: (K,) int64, ascending: times of the key frames, also of hidden ones.
        packets: (P,) int64: times of all packets in stored order; empty in "linear" mode.
        last_ticks: how long the last frame is shown, in units of `time_base`.
    """

    path: str
    container: str
    codec: str
    width: int
    height: int
    rotation: int
    time_base: Fraction
    header_frames: int | None
    demuxed_frames: int
    hidden_frames: int
    has_b_frames: bool
    open_groups: bool
    mode: Mode
    pts: NDArray[np.int64]
    keys: NDArray[np.int64]
    packets: NDArray[np.int64]
    last_ticks: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright frame."""
        return self.width, self.height

    @property
    def start(self) -> float:
        """The first shown frame's time on the file's own axis, in seconds; 0 on the presentation axis."""
        return float(int(self.pts[0]) * self.time_base)

    @cached_property
    def times(self) -> NDArray[np.float64]:
        """(N,) seconds from the first shown frame."""
        ticks = self.pts - self.pts[0]
        seconds: NDArray[np.float64] = ticks * self.time_base.numerator / self.time_base.denominator
        return seconds

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return float(self.times[-1]) + float(self.last_ticks * self.time_base)

    @property
    def fps(self) -> float:
        """Shown frames over duration, 1/s."""
        return len(self.pts) / self.duration

    def numbers_at(self, times: Sequence[float]) -> NDArray[np.intp]:
        """Which frame is shown at each time: the last with `time <= t` (within 1 ms).

        Raises:
            MedVidBenchError: a time is not finite, negative, or after the end of the video.
        """
        asked = np.asarray(times, dtype=np.float64).reshape(-1)
        outside = ~((asked >= -TIME_SLACK) & (asked <= self.duration + TIME_SLACK))
        if outside.any():
            raise MedVidBenchError(
                f"Asked {self.path} for the frame at {asked[outside][0]:g} s.",
                f"0 to {self.duration:.3f} s (the video stream, from its first frame)",
            )
        return np.maximum(np.searchsorted(self.times, asked + TIME_SLACK, side="right") - 1, 0)


def build_index(path: str | Path) -> VideoIndex:
    """Demux the whole file (no decoding but of the first frame) and check it against its header.

    Raises:
        UnreadableVideo: missing, empty, damaged, truncated, a header that lies about the number of frames, or times
            that don't tell frames apart.
    """
    from medvidbench.video.indexing import index_file

    file = Path(path)
    index = index_file(file)
    if not len(index.pts):
        raise UnreadableVideo(file, "it has no frame that a player would show")
    return index
