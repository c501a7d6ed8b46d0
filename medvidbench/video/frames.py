"""`FrameSet`: frames never travel without their times."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Frames of one recording with the times at which they are shown.

    Attributes:
        frames: (N, H, W, 3) uint8, RGB, upright.
        t_seconds: (N,) float64, the time of each frame on the recording's axis (of the frame itself, not of the
            request that it answers).
        size: (width, height) of the original upright frame, in pixels. Boxes are in these pixels, also when `frames`
            were resized.

    Raises:
        MedVidBenchError: the shapes don't fit together, or a time is not finite.
    """

    frames: NDArray[np.uint8]
    t_seconds: NDArray[np.float64]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        shape, times = self.frames.shape, self.t_seconds.shape
        if len(shape) != 4 or shape[3] != 3 or self.frames.dtype != np.uint8:
            raise MedVidBenchError(f"Frames of shape {shape}, {self.frames.dtype}.", "(N, H, W, 3), uint8")
        if times != shape[:1] or not np.isfinite(self.t_seconds).all():
            raise MedVidBenchError(f"{shape[0]} frames with times of shape {times}.", "one finite time a frame")

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over size, times and pixels: equal exactly when a model is shown the same thing."""
        total = hashlib.sha256(repr((self.size, self.frames.shape)).encode())
        total.update(np.ascontiguousarray(self.t_seconds, dtype="<f8").tobytes())
        total.update(np.ascontiguousarray(self.frames).data)
        return total.hexdigest()

    def take(self, positions: Sequence[int]) -> FrameSet:
        """The frames at `positions`, in that order."""
        chosen = np.asarray(positions, dtype=np.intp)
        return FrameSet(self.frames[chosen], self.t_seconds[chosen], self.size)
