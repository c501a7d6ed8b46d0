"""The packets of a file in a table, and what their times can be trusted with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medvidbench.video.containers import FromFirstKey, ffmpeg_errors, open_video, packets_of, read_only
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import Mode

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

COPY_AGAIN = "copy or download it again"
REMUX = "remux it, e.g. ffmpeg -i IN -c copy OUT.mkv, and look at the result"
MATROSKA, MPEG_TS, MPEG_PS, AVI, MOV = "matroska", "mpegts", "mpeg", "avi", "mov"
ORDER_SAMPLE = 250
"""Frames decoded to see whether times follow the order of showing."""
LOST_AT_END = 2
"""Frames by which decoding a file without presentation times may fall short of its packets."""


@dataclass
class PacketTable:
    """What one pass over a file's packets found, in stored order; times are `NONE` where a packet has none."""

    pts: list[int] = field(default_factory=list)
    dts: list[int] = field(default_factory=list)
    key: list[bool] = field(default_factory=list)
    hidden: list[bool] = field(default_factory=list)
    corrupt: int = 0
    last_duration: int = 0
    end: float = 0.0

    NONE = -(1 << 63)

    def add(self, packet: Packet[VideoStream]) -> None:
        """Append one packet."""
        self.pts.append(self.NONE if packet.pts is None else packet.pts)
        self.dts.append(self.NONE if packet.dts is None else packet.dts)
        self.key.append(packet.is_keyframe)
        self.hidden.append(packet.is_discard)
        self.corrupt += packet.is_corrupt
        self.last_duration = packet.duration or self.last_duration

    @property
    def ascending(self) -> bool:
        """Whether frames are shown in the order in which they are stored, by their times."""
        return all(a < b for a, b in pairwise(self.pts))

    def order_is_suspect(self, has_b: bool) -> bool:
        """Times ascend although the codec reorders: perhaps they were copied from a container without such times."""
        return has_b and self.ascending and len(self.pts) > 1


def choose_mode(kind: str, has_b: bool, found: PacketTable) -> Mode:
    """How frames can be reached: by seeking only where times are sound and seeks land where they should.

    AVI stores no presentation times: with B-frames those that FFmpeg makes up are wrong. MPEG streams have times but
    no index, and seeks in them were measured to land anywhere.
    """
    sound = PacketTable.NONE not in found.pts and len(set(found.pts)) == len(found.pts)
    keys = [pts for pts, key in zip(found.pts, found.key, strict=True) if key]
    if (kind == AVI and (has_b or not found.ascending)) or not sound or keys != sorted(keys):
        return "linear"
    return "scan" if kind in (MPEG_TS, MPEG_PS) else "seek"


def has_open_groups(pts: NDArray[np.int64], key: NDArray[np.bool_]) -> bool:
    """Whether a packet stored after a key frame other than the first is shown before it."""
    places = np.flatnonzero(key)
    lowest_after = np.minimum.accumulate(pts[::-1])[::-1]
    return bool((lowest_after[places[1:]] < pts[places[1:]]).any())


def shown_times(path: Path, found: PacketTable, mode: Mode, first: VideoFrame, kind: str) -> NDArray[np.int64]:
    """Times of the shown frames, ascending.

    Raises:
        UnreadableVideo: they don't tell frames apart, or (in linear mode) not as many frames come out.
    """
    hidden = np.array(found.hidden)
    if mode != "linear":
        shown: NDArray[np.int64] = np.sort(np.array(found.pts)[~hidden])
        if first.pts is None or first.pts not in shown:
            raise UnreadableVideo(path, f"its first frame comes at a time ({first.pts}) that no packet has", REMUX)
        return np.asarray(shown[shown >= first.pts])
    # frames come out in the order of showing: the i-th of them is shown at the i-th time
    hidden[: found.key.index(True)] = True
    by_pts, by_dts = (np.array(times)[~hidden] for times in (found.pts, found.dts))
    ticks = by_dts if kind == AVI or PacketTable.NONE in by_pts else np.sort(by_pts)
    if PacketTable.NONE in ticks or (np.diff(ticks) <= 0).any():
        raise UnreadableVideo(path, "its times don't tell the frames apart, or jump back", REMUX)
    count = sum(1 for _ in _decoded(path, times_are_sound=False))
    if not 0 <= len(ticks) - count <= LOST_AT_END:
        raise UnreadableVideo(path, f"{count} frames come out of {len(ticks)} packets", REMUX)
    return np.asarray(ticks[:count])


def comes_out_in_order(path: Path) -> bool:
    """Whether the times of the first frames ascend as they come out of the decoder.

    Raises:
        UnreadableVideo: they can't be decoded.
    """
    times = [frame.pts for frame, _ in zip(_decoded(path), range(ORDER_SAMPLE), strict=False)]
    return None not in times and all(a < b for a, b in pairwise(times))  # type: ignore[operator]


def _decoded(path: Path, times_are_sound: bool = True) -> Iterator[VideoFrame]:
    container, stream = open_video(path)
    decoder = FromFirstKey(stream, times_are_sound)
    with container, ffmpeg_errors(path, "decoding"):
        read_only(container, stream)
        for packet in chain(packets_of(container, stream), (None,)):
            yield from decoder.decode(packet)
