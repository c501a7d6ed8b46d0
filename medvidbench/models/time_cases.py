"""The frame times that break other harnesses, to prove a model's time axis without any data."""

from __future__ import annotations

from medvidbench.models.time_contract import TimeProof, VideoModel, check_times
from medvidbench.video.frames import FrameSet

CASES: dict[str, tuple[float, ...]] = {
    "1 frame/s": tuple(float(k) for k in range(8)),
    "extracted at 0.5 frames/s": tuple(2.0 * k for k in range(6)),
    "one frame in 10 s": tuple(10.0 * k for k in range(4)),
    "3 frames/s": tuple(k / 3 for k in range(9)),
    "4 frames/s": tuple(k / 4 for k in range(8)),
    "odd count": (0.0, 1.0, 2.0, 3.0, 4.0),
    "one frame": (0.0,),
    "two frames": (0.0, 1.0),
    "one frame lost": (0.0, 1.0, 2.0, 4.0, 5.0, 6.0),
    "holes": (0.0, 1.0, 2.0, 11.0, 12.0, 40.0),
    "no constant step": (0.0, 0.7, 5.0, 5.3, 20.0, 33.3),
    "a start after 0": (7.0, 8.0, 9.0),
}
"""Name to the frames' times, seconds from the start of the clip."""
SIZE = (112, 140)
"""Height and width of the frames, pixels: large enough for every processor's smallest patch."""


def prove_times(model: VideoModel) -> dict[str, TimeProof]:
    """One proof for each of `CASES`, on synthetic frames; a model's time axis is right when all passed."""
    return {name: check_times(model, synthetic_frames(times)) for name, times in CASES.items()}


def synthetic_frames(times: tuple[float, ...]) -> FrameSet:
    """Frames that differ from one another: a grey ramp that gets lighter from frame to frame."""
    import numpy as np

    height, width = SIZE
    ramp = np.linspace(0, 127, width)[None, None, :, None]
    light = np.linspace(0, 127, len(times))[:, None, None, None]
    pixels = np.broadcast_to(ramp + light, (len(times), height, width, 3)).astype(np.uint8)
    return FrameSet(np.ascontiguousarray(pixels), np.asarray(times, dtype=np.float64), (width, height))
