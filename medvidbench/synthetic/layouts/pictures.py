"""Drawing a shot: the frames of a scene at its times, as image files or as one video.

A video has its full frame rate, but a new picture only a few times a second (`DRAWN` unless told otherwise), which is
then held: drawing takes ten times as long as encoding. On whole seconds a frame shows exactly its time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from medvidbench.synthetic.layouts.base import Shot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

DRAWN = 4
"""Pictures a second in a video."""


def draw(shot: Shot, drawn: int = DRAWN) -> int:
    """Draws and writes one shot, and returns the number of its pictures.

    Args:
        drawn: pictures a second in a video.

    Raises:
        MedVidBenchError: PyAV is missing, for a video.
    """
    from medvidbench.synthetic.encode import write_frames, write_video
    from medvidbench.synthetic.render import render

    if shot.names:
        stems = [PurePosixPath(name).stem for name in shot.names]
        is_jpg = shot.names[0].endswith(".jpg")
        write_frames(shot.path, stems, render(shot.scene, shot.times), "jpg" if is_jpg else "png")
        return len(shot.times)
    times, counts = held(shot.times, drawn)
    frames = _repeated(render(shot.scene, times), counts)
    write_video(shot.path, frames, shot.fps, "mpeg4" if shot.path.suffix == ".avi" else "libx264")
    return len(shot.times)


def held(times: Iterable[float], drawn: int = DRAWN) -> tuple[list[float], list[int]]:
    """The times at which to draw, and for how many frames each picture is held.

    >>> held([0.0, 0.1, 0.2, 0.3, 0.4])
    ([0.0, 0.25], [3, 2])
    """
    counts: dict[int, int] = {}
    for time in times:
        place = math.floor(time * drawn + 1e-6)
        counts[place] = counts.get(place, 0) + 1
    return [place / drawn for place in counts], list(counts.values())


def _repeated(frames: Iterator[Frame], counts: list[int]) -> Iterator[Frame]:
    return chain.from_iterable(repeat(frame, count) for frame, count in zip(frames, counts, strict=True))
