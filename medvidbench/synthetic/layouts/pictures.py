"""Drawing a shot: the frames of a scene at its times, as image files or as one video."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from medvidbench.synthetic.layouts.base import Shot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]


def draw(shot: Shot) -> int:
    """Draws and writes one shot, and returns the number of its pictures.

    Raises:
        MedVidBenchError: PyAV is missing, for a video.
    """
    from medvidbench.synthetic.encode import write_frames, write_video
    from medvidbench.synthetic.render import render

    frames: Iterable[Frame] = render(shot.scene, shot.times)
    if not shot.names:
        write_video(shot.path, frames, shot.fps, "mpeg4" if shot.path.suffix == ".avi" else "libx264")
        return len(shot.times)
    stems = [PurePosixPath(name).stem for name in shot.names]
    write_frames(shot.path, stems, frames, "jpg" if shot.names[0].endswith(".jpg") else "png")
    return len(shot.times)
