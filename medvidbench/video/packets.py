"""The open file under the verified reader: where it stands, how to get to a key frame, and what goes to the decoder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.errors import MedVidBenchError
from medvidbench.video.containers import FromFirstKey, import_av, open_video, packets_of, read_only
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import VideoIndex

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

READ_ON = 64
"""A key frame at most this many packets ahead is reached by reading on: cheaper than a seek."""


class PacketReader:
    """One open file, read by one process. Frames come out only if the decoder found no damage in them.

    Raises:
        UnreadableVideo: the file can't be opened (any more).
    """

    def __init__(self, index: VideoIndex) -> None:
        self._index = index
        self._av = import_av()
        self._pid = os.getpid()
        self._order = np.argsort(index.packets, kind="stable")
        self._open()

    def __enter__(self) -> PacketReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._container.close()

    def _open(self) -> None:
        self._container, self._stream = open_video(Path(self._index.path))
        read_only(self._container, self._stream)
        self._packets = packets_of(self._container, self._stream)
        self._at = 0
        """Place of the next packet in `index.packets`; -1 where it isn't known."""

    def forget_position(self) -> None:
        """After a linear pass that was left early: the next group has to seek."""
        self._at = -1
        self._stream.codec_context.flush_buffers()

    # --- decoding ----------------------------------------------------------------------------------

    def decode_from(self, start: int, key: int, wanted: Set[int]) -> Iterator[VideoFrame]:
        """Frames shown from the key frame `key` on, up to the last packet that a wanted time needs.

        Decoding begins at the key frame `start`: `key` itself or an earlier one. Pictures that aren't wanted and to
        which no other refers are skipped. Ends early, without an error, where the file is damaged or the key frame
        can't be reached: what is missing then is for the caller to see.
        """
        self._check_owner()
        last = int(self._places(np.array(sorted(wanted))).max())
        skip, keep = "NONREF", "DEFAULT"
        try:
            packet, reached = self._reach(start), False
        except self._av.FFmpegError:
            self._at = -1
            return
        codec = self._stream.codec_context  # only now: getting there may have opened the file anew
        try:
            while packet is not None:
                reached = reached or packet.pts == key
                codec.skip_frame = keep if packet.pts in wanted else skip  # type: ignore[assignment]
                yield from self._decode_after(key, packet, reached)
                if self._at > last:
                    break
                packet = self._next()
            yield from self._sound(codec.decode(None))
        except self._av.FFmpegError:
            self._at = -1
        finally:
            codec.skip_frame = keep  # type: ignore[assignment]
            codec.flush_buffers()

    def _decode_after(self, key: int, packet: Packet[VideoStream], reached: bool) -> Iterator[VideoFrame]:
        """Decode one packet; damage counts only in pictures on which those from `key` on can depend.

        An open group of pictures begins with pictures that are shown before its key frame and refer to the group
        before: after a seek they can't be decoded, and nobody asked for them. Nor does the key frame depend on
        anything that is stored before it.
        """
        matters = reached and (packet.pts is None or packet.pts >= key)
        try:
            frames = self._stream.codec_context.decode(packet)
        except self._av.FFmpegError:
            if matters:
                raise
            return
        yield from self._sound([frame for frame in frames if frame.pts is None or frame.pts >= key])

    def decode_all(self) -> Iterator[VideoFrame]:
        """Every frame from the start of the file, in the order of showing.

        Raises:
            UnreadableVideo: a packet is damaged.
        """
        self._check_owner()
        self._container.close()
        self._open()
        decoder = FromFirstKey(self._stream, self._index.mode != "linear")
        try:
            while (packet := self._next()) is not None:
                yield from self._sound(decoder.decode(packet))
            yield from self._sound(decoder.decode(None))
        except self._av.FFmpegError as error:
            reason = f"decoding fails at packet {self._at} of {self._index.demuxed_frames} ({error.strerror})"
            raise UnreadableVideo(self._index.path, reason) from error

    def _sound(self, frames: list[VideoFrame]) -> Iterator[VideoFrame]:
        for frame in frames:
            if frame.is_corrupt:
                raise self._av.InvalidDataError(0, "a damaged picture", self._index.path)
            yield frame

    # --- getting there -----------------------------------------------------------------------------

    def _next(self) -> Packet[VideoStream] | None:
        packet = next(self._packets, None)
        self._at += packet is not None
        return packet

    def _reach(self, key: int) -> Packet[VideoStream] | None:
        """The key frame's packet; None where neither reading on, nor a seek, nor the file's start leads to it."""
        place = int(self._places(np.array([key]))[0])
        if self._at < 0 or place < self._at or (self._index.mode == "seek" and place > self._at + READ_ON):
            self._move_towards(key, place)
        while (packet := self._next()) is not None:
            if packet.pts == key:
                self._at = place + 1
                return packet
            if self._at > place + 1:
                break
        return None

    def _move_towards(self, key: int, place: int) -> None:
        """Stand at or before the key frame's packet: by a seek whose landing is checked, or at the file's start."""
        if self._index.mode == "seek":
            for target in (key, key - self._reorder(place)):
                self._container.seek(target, stream=self._stream, backward=True)
                self._packets = packets_of(self._container, self._stream)
                first = next(self._packets, None)
                landed = self._place_of(first)
                if first is not None and 0 <= landed <= place:
                    self._packets, self._at = chain([first], self._packets), landed
                    return
        self._container.close()
        self._open()

    def _reorder(self, place: int) -> int:
        """Ticks that stored times may run ahead of shown ones: MP4 seeks by the former."""
        after = self._index.packets[place : place + 32]
        return int(after.max() - after.min()) + 1

    def _places(self, times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        found = np.searchsorted(self._index.packets, times, sorter=self._order)
        places: np.ndarray[tuple[int], np.dtype[np.intp]] = self._order[found]
        return places

    def _place_of(self, packet: Packet[VideoStream] | None) -> int:
        if packet is None or packet.pts is None:
            return -1
        hit = np.flatnonzero(self._index.packets == packet.pts)
        return int(hit[0]) if len(hit) else -1

    def _check_owner(self) -> None:
        if os.getpid() != self._pid:
            raise MedVidBenchError(
                f"A reader of {self._index.path} was opened in process {self._pid} and is used in {os.getpid()}.",
                remedy="open it after the fork: medvidbench.video.workers does",
            )
