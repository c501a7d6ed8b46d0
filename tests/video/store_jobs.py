"""One of several writers to one frame store; found by worker processes under this name."""

from __future__ import annotations

import numpy as np

from medvidbench.video.frames import FrameSet
from medvidbench.video.store import FrameStore


def frames_at(times: list[float]) -> FrameSet:
    """Small frames that differ with their time."""
    frames = np.stack([np.full((24, 32, 3), int(t * 10) % 250, np.uint8) for t in times])
    return FrameSet(frames, np.array(times), (32, 24))


def write_some(job: tuple[str, int]) -> list[str]:
    """Every writer stores overlapping times of the same video."""
    folder, writer = job
    store = FrameStore(folder)
    digests = []
    for start in range(writer, writer + 10):
        digests += store.put("video", frames_at([start + 0.0, start + 0.5, start + 1.0]))
    return digests
