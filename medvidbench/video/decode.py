"""The verified reader: seek to the key frame, decode, check the time of what came out, or go back further.

A reader that trusts a seek returns wrong frames in silence on many real files. Here every frame is accepted by its
own time. Where a group of pictures doesn't yield a frame that the index promises, decoding starts one key frame
earlier, then at the first packet of the file, and then the file is given up, loudly.

Work is saved in three ways, none of which changes a pixel: requests are grouped by their group of pictures, so that
each is decoded once for all of them; decoding stops after the last packet that is needed; and pictures to which no
other picture refers (`skip_frame=NONREF`) are skipped unless they are asked for.

One reader belongs to one process and one thread (readers shared between threads or over a fork abort, hang or return
wrong frames); `medvidbench.video.workers` runs one a process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.frames import FrameSet
from medvidbench.video.index import VideoIndex
from medvidbench.video.index_cache import index_of
from medvidbench.video.packets import PacketReader

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Numbered = tuple[int, "VideoFrame"]
"""A decoded frame and its place in `VideoIndex.pts`."""


def read_frames(path: str | Path, times: Sequence[float], *, index: VideoIndex | None = None) -> FrameSet:
    """The frame shown at each time, in the order of `times`; a time may repeat.

    Args:
        path: the video.
        times: seconds on the presentation axis (0 is the first shown frame, see `medvidbench.video.index`).
        index: the file's index, where the caller already has it.

    Raises:
        UnreadableVideo: the file is damaged, or a frame that its index promises doesn't come out.
        MedVidBenchError: a time lies outside the video, or PyAV is not installed.
    """
    index = index or index_of(path)
    numbers = index.numbers_at(times)
    frames = np.empty((len(numbers), index.height, index.width, 3), np.uint8)
    rows: dict[int, list[int]] = {}
    for row, number in enumerate(numbers.tolist()):
        rows.setdefault(number, []).append(row)
    convert = RgbConverter(index)
    for number, frame in decode_numbers(index, sorted(rows)):
        first, *others = rows[number]
        convert.into(frame, frames[first])
        frames[others] = frames[first]
    return FrameSet(frames, index.times[numbers], index.size)


def iter_frames(
    path: str | Path, times: Sequence[float], *, batch: int = 32, index: VideoIndex | None = None
) -> Iterator[FrameSet]:
    """The frames of `read_frames`, ascending in time and without repeats, `batch` at a time: for whole videos.

    Holds one batch in memory (a second one only in the rare case that a group of pictures must be decoded again).

    Raises:
        As `read_frames`.
    """
    index = index or index_of(path)
    numbers = np.unique(index.numbers_at(times))
    open_batches: dict[int, tuple[NDArray[np.uint8], list[int]]] = {}
    convert, done = RgbConverter(index), 0
    place = {number: row for row, number in enumerate(numbers.tolist())}
    for number, frame in decode_numbers(index, numbers.tolist()):
        which, row = divmod(place[number], batch)
        if which not in open_batches:
            count = min(batch, len(numbers) - which * batch)
            open_batches[which] = np.empty((count, index.height, index.width, 3), np.uint8), []
        pixels, filled = open_batches[which]
        convert.into(frame, pixels[row])
        filled.append(row)
        while done in open_batches and len(open_batches[done][1]) == len(open_batches[done][0]):
            chosen = numbers[done * batch : (done + 1) * batch]
            yield FrameSet(open_batches.pop(done)[0], index.times[chosen], index.size)
            done += 1


def decode_numbers(index: VideoIndex, numbers: Sequence[int]) -> Iterator[Numbered]:
    """Each of the frames `numbers` (ascending, distinct places in `index.pts`) once, as it comes out.

    The order is ascending but where a group of pictures had to be decoded again.

    Raises:
        UnreadableVideo: see `read_frames`.
    """
    if not numbers:
        return
    with PacketReader(index) as reader:
        if index.mode == "linear":
            yield from _count_frames(index, reader, numbers)
            return
        for key, wanted in _groups(index, numbers):
            yield from _decode_group(index, reader, key, wanted)


def _groups(index: VideoIndex, numbers: Sequence[int]) -> Iterator[tuple[int, dict[int, int]]]:
    """(place of the key frame, {time: number}) for each group of pictures that has a wanted frame."""
    times = index.pts[np.asarray(numbers)]
    keys = np.maximum(np.searchsorted(index.keys, times, side="right") - 1, 0)
    for key in np.unique(keys).tolist():
        chosen = np.flatnonzero(keys == key).tolist()
        yield key, {int(times[i]): numbers[i] for i in chosen}


def _decode_group(index: VideoIndex, reader: PacketReader, key: int, wanted: dict[int, int]) -> Iterator[Numbered]:
    """The wanted frames of one group of pictures, by the ladder: its key frame, the one before, the file's start."""
    missing = dict(wanted)
    for start in dict.fromkeys((key, max(key - 1, 0))):
        for frame in reader.decode_from(int(index.keys[start]), int(index.keys[key]), set(missing)):
            if frame.pts in missing:
                yield missing.pop(frame.pts), frame
        if not missing:
            return
    for frame in reader.decode_all():
        if frame.pts in missing:
            yield missing.pop(frame.pts), frame
        if not missing:
            reader.forget_position()
            return
    at = float(index.times[min(missing.values())])
    raise UnreadableVideo(index.path, f"{len(missing)} frames are damaged or don't come out, the first at {at:.3f} s")


def _count_frames(index: VideoIndex, reader: PacketReader, numbers: Sequence[int]) -> Iterator[Numbered]:
    """Frames by their place in the decoder's output, from the start: right where stored times mean nothing."""
    wanted, last = set(numbers), numbers[-1]
    number = -1
    for number, frame in enumerate(reader.decode_all()):
        if number in wanted:
            yield number, frame
        if number == last:
            return
    raise UnreadableVideo(index.path, f"decoding stops after {number + 1} of {len(index.pts)} frames")


class RgbConverter:
    """Writes decoded frames as upright RGB into rows of an array, with one conversion context for all of them.

    `VideoFrame.to_ndarray` sets up a new context for each frame: 15 ms of the 17 ms that it takes at 1080p.
    """

    def __init__(self, index: VideoIndex) -> None:
        self._index = index
        self._reformatter = import_module("av.video.reformatter").VideoReformatter()

    def into(self, frame: VideoFrame, out: NDArray[np.uint8]) -> None:
        """Write `frame` into `out`, (H, W, 3).

        Raises:
            UnreadableVideo: the frame is not of the size of the index.
        """
        width, height = frame.width, frame.height
        plane = self._reformatter.reformat(frame, format="rgb24").planes[0]
        pixels = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)[:, : width * 3]
        upright = np.rot90(pixels.reshape(height, width, 3), self._index.rotation // 90)
        if upright.shape != out.shape:
            at = f"{upright.shape[1]} x {upright.shape[0]} instead of {self._index.width} x {self._index.height}"
            raise UnreadableVideo(self._index.path, f"its frames change size ({at})")
        out[:] = upright
