"""The readers by name. PyAV's verified one is the default; the others are let at what they were seen to read right.

Measured with bar-coded videos, 203 random requests a file (`benchmarks/readers.py`): decord 0.6 returned wrong frames,
and said nothing, on AVI with B-frames, on files with edit lists, on HEVC, on MPEG transport and program streams and,
twice, on open groups of pictures.
On real JIGSAWS trials (MPEG-4 in AVI with B-frames) 157 of 160 of its frames were wrong, by 10 to 80 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.video import other_readers
from medvidbench.video.decode import read_frames
from medvidbench.video.errors import RefusedReader, UnreadableVideo
from medvidbench.video.frames import FrameSet
from medvidbench.video.index import VideoIndex
from medvidbench.video.index_cache import index_of

DEFAULT_READER = "pyav"
BY_NUMBER: dict[str, other_readers.ByNumber] = {
    "decord": other_readers.decord_frames,
    # not by seeking, which was measured to be wrong on variable frame rates and MPEG streams
    "opencv": other_readers.opencv_grab_frames,
    "torchcodec": other_readers.torchcodec_frames,
}
READERS = (DEFAULT_READER, *BY_NUMBER)


def read_with(reader: str, path: str | Path, times: Sequence[float]) -> FrameSet:
    """The frame shown at each time by one of `READERS`; same meaning and order as `decode.read_frames`.

    The other readers are asked for frames by number; the numbers come from the verified index, and so do the times.

    Raises:
        RefusedReader: the reader was measured to be wrong, in silence, on this kind of file.
        UnreadableVideo: the file is damaged, or the reader raised.
        MedVidBenchError: unknown reader, not installed, or a time outside the video.
    """
    if reader == DEFAULT_READER:
        return read_frames(path, times)
    if reader not in BY_NUMBER:
        raise MedVidBenchError(f"Unknown reader {reader!r}.", ", ".join(READERS))
    index = index_of(path)
    reason = refusal(reader, index)
    if reason:
        raise RefusedReader(reader, path, reason)
    numbers = index.numbers_at(times)
    frames = BY_NUMBER[reader](Path(path), numbers.tolist())
    if frames.shape[1:3] != (index.height, index.width):
        raise UnreadableVideo(path, f"{reader} gives frames of {frames.shape[2]} x {frames.shape[1]}, not {index.size}")
    return FrameSet(frames, index.times[numbers], index.size)


def refusal(reader: str, index: VideoIndex) -> str:
    """Why this reader may not read this file, as a clause with what was measured; "" where it may."""
    kind = _kind(index)
    return _MEASURED.get(reader, {}).get(kind, "")


def _kind(index: VideoIndex) -> str:
    if index.container == "avi" and index.has_b_frames:
        return "avi with b-frames"
    if index.container in ("mpegts", "mpeg"):
        return index.container
    if index.hidden_frames:
        return "edit list"
    if index.codec == "hevc":
        return "hevc"
    return "open groups" if index.open_groups else ""


_WRONG = "it returns wrong frames in silence on {}"
_MEASURED: dict[str, dict[str, str]] = {
    "decord": {
        "avi with b-frames": _WRONG.format("AVI with B-frames (12 to 24 of 203 right; on JIGSAWS 3 of 160)"),
        "edit list": _WRONG.format("files with an edit list that hides frames (171 of 203 right after a cut)"),
        "hevc": _WRONG.format("HEVC (190 of 203 right)"),
        "mpegts": _WRONG.format("MPEG transport streams (none of 203 right)"),
        "mpeg": _WRONG.format("MPEG program streams (none of 203 right)"),
        "open groups": _WRONG.format("open groups of pictures (201 of 203 right)"),
    },
    "torchcodec": {
        "avi with b-frames": _WRONG.format("AVI with B-frames (3 to 5 of 203 right, one or two frames off)"),
        "mpegts": _WRONG.format("MPEG transport streams (93 of 203 right, or it raises)"),
        "mpeg": _WRONG.format("MPEG program streams (51 of 203 right)"),
    },
}
