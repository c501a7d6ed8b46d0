"""Frames by number from decord, OpenCV and torchcodec, as their users call them: nothing is checked here.

`medvidbench.video.readers` puts the checks in front; `medvidbench doctor video` and the benchmark measure what comes
without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.video.errors import UnreadableVideo

Frames: TypeAlias = NDArray[np.uint8]
ByNumber: TypeAlias = Callable[[Path, Sequence[int]], Frames]
"""(path, frame numbers) -> (N, H, W, 3) RGB."""


def _module(name: str, package: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise missing_extra(package, "video", f"The reader {package!r}") from None


def decord_frames(path: Path, numbers: Sequence[int], threads: int = 0) -> Frames:
    """`get_batch` of a fresh `VideoReader`; 0 threads is decord's own choice.

    Raises:
        UnreadableVideo: decord raised.
        MedVidBenchError: it isn't installed.
    """
    decord = _module("decord", "decord")
    # it also lets through errors of its C++ side that aren't of this type; they end the worker and become a finding
    try:
        reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=threads)
        frames: Frames = reader.get_batch(list(numbers)).asnumpy()
    except (RuntimeError, IndexError, decord.DECORDError) as error:
        raise UnreadableVideo(path, f"decord: {_first_line(error)}") from error
    return frames


def opencv_seek_frames(path: Path, numbers: Sequence[int]) -> Frames:
    """Each frame by setting `CAP_PROP_POS_FRAMES`.

    Raises:
        UnreadableVideo: OpenCV can't open the file or gives no frame.
        MedVidBenchError: it isn't installed.
    """
    cv2 = _module("cv2", "opencv-python-headless")
    capture = _opened(cv2, path)
    frames = []
    for number in numbers:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        frames.append(_rgb(path, number, capture.read()))
    capture.release()
    return np.stack(frames)


def opencv_grab_frames(path: Path, numbers: Sequence[int]) -> Frames:
    """Each frame by decoding from the start and counting.

    Raises:
        As `opencv_seek_frames`.
    """
    cv2 = _module("cv2", "opencv-python-headless")
    capture, at = _opened(cv2, path), -1
    found: dict[int, Frames] = {}
    for number in sorted(set(numbers)):
        while at < number:
            if not capture.grab():
                raise UnreadableVideo(path, f"OpenCV gives no frame after number {at}")
            at += 1
        found[number] = _rgb(path, number, capture.retrieve())
    capture.release()
    return np.stack([found[number] for number in numbers])


def _opened(cv2: Any, path: Path) -> Any:
    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise UnreadableVideo(path, "OpenCV can't open it")
    return capture


def _rgb(path: Path, number: int, answer: tuple[bool, Frames]) -> Frames:
    ok, frame = answer
    if not ok:
        raise UnreadableVideo(path, f"OpenCV gives no frame {number}")
    return np.ascontiguousarray(frame[..., ::-1])


def torchcodec_frames(path: Path, numbers: Sequence[int]) -> Frames:
    """`get_frames_at` of a fresh `VideoDecoder` in exact mode, one thread.

    Raises:
        UnreadableVideo: torchcodec raised.
        MedVidBenchError: it isn't installed, or finds no FFmpeg libraries.
    """
    try:
        decoders = import_module("torchcodec.decoders")
    except ImportError:
        raise MedVidBenchError(
            "The reader 'torchcodec' needs the package torchcodec, which is not installed.",
            remedy="pip install torchcodec",
        ) from None
    except (RuntimeError, OSError) as error:
        raise MedVidBenchError(
            f"torchcodec can't be loaded: {_first_line(error)}", remedy="install the shared libraries of FFmpeg"
        ) from error
    try:
        decoder = decoders.VideoDecoder(str(path), seek_mode="exact", dimension_order="NHWC", num_ffmpeg_threads=1)
        frames: Frames = decoder.get_frames_at(list(numbers)).data.numpy()
    except (RuntimeError, IndexError, ValueError) as error:
        raise UnreadableVideo(path, f"torchcodec: {_first_line(error)}") from error
    return frames


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160]
