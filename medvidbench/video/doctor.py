"""Does a reader return the frame it was asked for, on this file? Each one compared with decoding from the start.

Decoding everything in order is the one way that all decoders get right. Its frames are kept as hashes and thumbnails;
what a reader returns is looked up among them, and the distance in time to the frame that was asked for is its error.
Every reader runs in a worker, because some hang or crash on some files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.video import other_readers
from medvidbench.video.containers import ffmpeg_errors, open_video
from medvidbench.video.decode import read_frames
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import VideoIndex
from medvidbench.video.index_cache import index_of
from medvidbench.video.workers import run_jobs

THUMB = (24, 32)
ALIKE = 0.25
"""Mean difference of thumbnails, in grey levels, within which two frames show the same: for decoders whose colours
differ in the last bit."""
DEADLINE = 1800.0


def _verified_frames(path: Path, numbers: Sequence[int]) -> other_readers.Frames:
    index = index_of(path)
    return read_frames(path, index.times[list(numbers)].tolist(), index=index).frames


PROBED: dict[str, other_readers.ByNumber] = {
    "pyav": _verified_frames,
    "decord": other_readers.decord_frames,
    "opencv": other_readers.opencv_seek_frames,
    "opencv-grab": other_readers.opencv_grab_frames,
    "torchcodec": other_readers.torchcodec_frames,
}
"""As their users call them, unchecked: "opencv" seeks by frame number, "opencv-grab" counts from the start."""


@dataclass(frozen=True)
class Marks:
    """What is kept of frames to know them again: (N, 16) uint8 hashes of the RGB bytes, (N, 768) uint8 thumbnails."""

    hashes: NDArray[np.uint8]
    thumbs: NDArray[np.uint8]


@dataclass(frozen=True)
class Verdict:
    """One reader on one file.

    Attributes:
        right: how many of the `asked` frames were the right ones; None where nothing could be compared.
        worst: the largest error in seconds; None likewise.
        note: why there are no numbers ("not installed", what it raised), or "".
    """

    file: str
    reader: str
    asked: int
    right: int | None
    worst: float | None
    note: str = ""


@dataclass(frozen=True)
class Probe:
    """One job of a worker: these frames of this file by this reader ("linear": all frames)."""

    path: str
    reader: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.path


def diagnose(
    path: str | Path,
    readers: Sequence[str] | None = None,
    *,
    frames: int = 40,
    seed: int = 0,
    deadline: float = DEADLINE,
) -> list[Verdict]:
    """Compare each reader with linear decoding of `path` at `frames` random frames, asked for in random order.

    Raises:
        MedVidBenchError: an unknown reader, or `frames` < 1.
        UnreadableVideo: the file is damaged, or can't be decoded from the start.
    """
    chosen = list(PROBED) if readers is None else list(readers)
    unknown = [name for name in chosen if name not in PROBED]
    if unknown or frames < 1:
        raise MedVidBenchError(f"Readers {unknown}, {frames} frames.", f"{', '.join(PROBED)}; at least 1 frame")
    index = index_of(path)
    numbers = np.random.default_rng(seed).integers(0, len(index.pts), frames)
    jobs = [Probe(str(path), name, tuple(numbers.tolist())) for name in ("linear", *chosen)]
    outcomes = list(run_jobs(probe, jobs, workers=1, deadline=deadline))
    truth = outcomes[0].value
    if truth is None:
        what = outcomes[0].finding.what if outcomes[0].finding else "nothing came back"
        raise UnreadableVideo(path, f"decoding it from the start fails: {what}")
    verdicts = []
    for outcome in outcomes[1:]:
        job, got, finding = outcome.job, outcome.value, outcome.finding
        if got is None:
            verdicts.append(
                Verdict(
                    job.path, job.reader, frames, None, None, "" if finding is None else finding.what.splitlines()[0]
                )
            )
        else:
            errors = _errors(index, numbers, truth, got)
            right, worst = int((errors == 0).sum()), float(errors.max())
            verdicts.append(Verdict(job.path, job.reader, frames, right, worst))
    return verdicts


def probe(job: Probe) -> Marks:
    """Do one `Probe` (in a worker)."""
    if job.reader == "linear":
        return linear_marks(Path(job.path))
    return marks_of(PROBED[job.reader](Path(job.path), job.numbers))


def linear_marks(path: Path) -> Marks:
    """Marks of every frame, in order, by decoding the whole file.

    Raises:
        UnreadableVideo: it can't be decoded, or not as many frames come out as the index says.
    """
    index = index_of(path)
    container, stream = open_video(path)
    hashes, thumbs = [], []
    with container, ffmpeg_errors(path, "decoding"):
        for frame in container.decode(stream):
            upright: other_readers.Frames = np.rot90(frame.to_ndarray(format="rgb24"), index.rotation // 90)
            one = marks_of(np.ascontiguousarray(upright)[None])
            hashes.append(one.hashes[0])
            thumbs.append(one.thumbs[0])
    if len(hashes) != len(index.pts):
        raise UnreadableVideo(path, f"{len(hashes)} frames come out, its packets promise {len(index.pts)}")
    return Marks(np.stack(hashes), np.stack(thumbs))


def marks_of(frames: other_readers.Frames) -> Marks:
    """Marks of (N, H, W, 3) frames."""
    hashes = [np.frombuffer(hashlib.blake2b(f.tobytes(), digest_size=16).digest(), np.uint8) for f in frames]
    return Marks(np.stack(hashes), np.stack([_thumb(f) for f in frames]))


def _thumb(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean green over a 24 x 32 grid of blocks (the odd rows and columns at the end left out)."""
    rows, columns = max(1, frame.shape[0] // THUMB[0]), max(1, frame.shape[1] // THUMB[1])
    green = frame[: rows * THUMB[0], : columns * THUMB[1], 1]
    small = np.zeros(THUMB, np.float32)
    if green.shape == (rows * THUMB[0], columns * THUMB[1]):
        small = green.reshape(THUMB[0], rows, THUMB[1], columns).mean(axis=(1, 3), dtype=np.float32)
    return np.rint(small).astype(np.uint8).reshape(-1)


def _errors(index: VideoIndex, numbers: NDArray[np.int64], truth: Marks, got: Marks) -> NDArray[np.float64]:
    """Seconds between each frame asked for and the one that came (the nearest of those that look exactly like it)."""
    errors = np.zeros(len(numbers))
    for place, number in enumerate(numbers.tolist()):
        same = np.flatnonzero((truth.hashes == got.hashes[place]).all(axis=1))
        if not len(same):
            distance = np.abs(truth.thumbs.astype(np.int16) - got.thumbs[place].astype(np.int16)).mean(axis=1)
            same = np.flatnonzero(distance <= distance.min() + ALIKE)
        errors[place] = np.abs(index.times[same] - index.times[number]).min()
    return errors
