"""Perceptual hashes of a recording's frames, and digests of its files.

A frame is cut free of black borders and hashed in five views: whole, and its middle at 95, 90, 85 and 80 %. A copy that
somebody cropped around the middle then has one view in common with the original. Each view has two hashes of ImageHash
(a discrete cosine transform's low frequencies against their median): 64 bits to search with and 256 to confirm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import missing_extra

VIEWS = (1.0, 0.95, 0.9, 0.85, 0.8)
"""Share of width and height that is kept around the middle."""
LONG_SIDE = 256
"""Pixels to which a frame is reduced first: the hashes look at 32 x 32 and 64 x 64 anyway."""
BLACK = 24
"""Grey level under which 95 % of a row or column must lie to count as border."""
LEAST_CONTRAST, MOST_OF_ONE_GREY = 6.0, 0.8
"""A frame with a smaller standard deviation of grey, or a larger share within a sixteenth of the grey scale, is black,
blank, or a title on plain ground: such frames match between any two videos and say nothing."""
_PART = 16


@dataclass(frozen=True)
class HashJob:
    """What to hash of one recording: a video, or else frame files (time in s, path), on a grid of `step` seconds."""

    name: str
    step: float
    most: int
    video: str = ""
    frames: tuple[tuple[float, str], ...] = ()

    def __str__(self) -> str:
        return self.video or self.name


@dataclass(frozen=True, eq=False)
class FrameHashes:
    """The hashes of one recording's N usable frames.

    Attributes:
        times: (N,) s.
        coarse: (N, V) uint64, the 64-bit hash of each view.
        fine: (N, V, 4) uint64, the 256-bit hash of each view.
        files: (N,) SHA-256 of each frame file; empty for frames from a video.
        trivial: frames left out because they are blank.
        missing: frame files that are not there or not readable.
    """

    times: NDArray[np.float64]
    coarse: NDArray[np.uint64]
    fine: NDArray[np.uint64]
    files: tuple[str, ...]
    trivial: int
    missing: int


def hash_frames(job: HashJob) -> FrameHashes:
    """Does one job (in a worker).

    Raises:
        MedVidBenchError: ImageHash or PyAV is missing, or the video can't be read.
    """
    times, coarse, fine, files = [], [], [], []
    trivial, missing = 0, 0
    for time, picture, digest in _pictures(job):
        if picture is None:
            missing += 1
            continue
        views = views_of(picture)
        if views is None:
            trivial += 1
            continue
        small, large = zip(*(hashes_of(view) for view in views), strict=True)
        times.append(time)
        coarse.append(small)
        fine.append(large)
        files.append(digest)
    return FrameHashes(
        np.array(times, np.float64),
        np.array(coarse, np.uint64).reshape(-1, len(VIEWS)),
        np.array(fine, np.uint64).reshape(-1, len(VIEWS), 4),
        tuple(files) if job.frames else (),
        trivial,
        missing,
    )


def grid(last: float, step: float, most: int) -> list[float]:
    """Times 0, s, 2s, ... up to `last`, at most `most` of them: s = step * 2^k, so that the grids of two recordings of
    different lengths have times in common.

    >>> grid(50.0, 10.0, 4)
    [0.0, 20.0, 40.0]
    """
    while last / step >= most:
        step *= 2
    return [k * step for k in range(int(last // step) + 1)]


def views_of(picture: Any) -> list[Any] | None:
    """The views of a PIL image in grey; None for a blank one."""
    from PIL import Image

    grey = picture.convert("L")
    grey.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey)
    rows = np.flatnonzero(np.percentile(pixels, 95, axis=1) > BLACK)
    columns = np.flatnonzero(np.percentile(pixels, 95, axis=0) > BLACK)
    if len(rows) < 8 or len(columns) < 8 or _is_blank(pixels):
        return None
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    width, height = right - left, bottom - top
    edges = [((1 - kept) / 2 * width, (1 - kept) / 2 * height) for kept in VIEWS]
    return [grey.crop((round(left + x), round(top + y), round(right - x), round(bottom - y))) for x, y in edges]


def _is_blank(pixels: NDArray[np.uint8]) -> bool:
    counts = np.bincount(pixels.ravel() >> 3, minlength=33)
    return bool(pixels.std() < LEAST_CONTRAST or (counts[:-1] + counts[1:]).max() > MOST_OF_ONE_GREY * pixels.size)


def hashes_of(view: Any) -> tuple[int, list[int]]:
    """The 64-bit hash of a picture as one number, and the 256-bit hash as four.

    Raises:
        MedVidBenchError: ImageHash is not installed.
    """
    try:
        import imagehash
    except ModuleNotFoundError as error:
        raise missing_extra("ImageHash", "report", "Finding near-duplicate frames") from error
    coarse = np.packbits(imagehash.phash(view, hash_size=8).hash).tobytes()
    fine = np.packbits(imagehash.phash(view, hash_size=16).hash).tobytes()
    return int.from_bytes(coarse, "big"), [int.from_bytes(fine[i : i + 8], "big") for i in range(0, 32, 8)]


def _pictures(job: HashJob) -> Iterator[tuple[float, Any, str]]:
    """Time, PIL image (None when there is none to read) and file digest of each frame on the job's grid."""
    from PIL import Image

    if job.video:
        for time, frame in _video_frames(job):
            yield time, Image.fromarray(frame), ""
        return
    for time, path in _thinned(job):
        yield (time, *_read(Path(path)))


def _thinned(job: HashJob) -> list[tuple[float, str]]:
    """The frame files nearest to the times of the job's grid, each once."""
    if not job.frames:
        return []
    times = np.array([time for time, _ in job.frames])
    wanted = grid(float(times.max()) + job.step / 2, job.step, job.most)
    nearest = [(int(np.abs(times - time).argmin()), time) for time in wanted]
    chosen = {index for index, time in nearest if abs(times[index] - time) <= job.step / 2}
    return [job.frames[index] for index in sorted(chosen)]


def _video_frames(job: HashJob) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    from medvidbench.video.index_cache import index_of
    from medvidbench.video.readers import DEFAULT_READER, read_with

    index = index_of(job.video)
    wanted = [max(time, float(index.times[0])) for time in grid(float(index.times[-1]), job.step, job.most)]
    for start in range(0, len(wanted), _PART):
        frames = read_with(DEFAULT_READER, job.video, wanted[start : start + _PART])
        yield from zip(frames.t_seconds.tolist(), frames.frames, strict=True)


def _read(path: Path) -> tuple[Any, str]:
    import io

    from PIL import Image

    try:
        content = path.read_bytes()
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, SyntaxError):  # PIL raises SyntaxError for a broken PNG, and subclasses OSError for no picture
        return None, ""
    return picture, hashlib.sha256(content).hexdigest()
