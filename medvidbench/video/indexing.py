"""Building a `VideoIndex`: the pass over the packets, and the checks against the header."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medvidbench.video.containers import FromFirstKey, ffmpeg_errors, open_video, packets_of, read_only
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import Mode, VideoIndex

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

COPY_AGAIN = "copy or download it again"
REMUX = "remux it, e.g. ffmpeg -i IN -c copy OUT.mkv, and look at the result"
MATROSKA, MPEG_TS, MPEG_PS, AVI, MOV = "matroska", "mpegts", "mpeg", "avi", "mov"
AVI_SLACK = 2
"""Frames by which an AVI header may differ from its content: capture programs close the file that carelessly."""
MATROSKA_SLACK = 1.0
"""Seconds by which a Matroska file may end before its declared duration (durations of last frames are guesses)."""


@dataclass
class _Packets:
    """What one pass over a file's packets found; times are -1 << 63 where a packet has none."""

    pts: list[int] = field(default_factory=list)
    dts: list[int] = field(default_factory=list)
    key: list[bool] = field(default_factory=list)
    hidden: list[bool] = field(default_factory=list)
    corrupt: int = 0
    last_duration: int = 0
    end: float = 0.0

    NONE = -(1 << 63)

    def add(self, packet: Packet[VideoStream]) -> None:
        self.pts.append(self.NONE if packet.pts is None else packet.pts)
        self.dts.append(self.NONE if packet.dts is None else packet.dts)
        self.key.append(packet.is_keyframe)
        self.hidden.append(packet.is_discard)
        self.corrupt += packet.is_corrupt
        self.last_duration = packet.duration or self.last_duration


def index_file(path: Path) -> VideoIndex:
    """See `medvidbench.video.index.build_index`."""
    container, stream = open_video(path)
    with container:
        entries = len(stream.index_entries)
        packets, first = _demux(container, stream, path)
        _check_complete(path, container, stream, packets, entries)
        if first is None:
            raise UnreadableVideo(path, "no frame could be decoded", COPY_AGAIN)
        mode = choose_mode(container.format.name, _has_b(stream, packets), packets)
        return _assemble(path, container, stream, packets, mode, first)


def _demux(container: InputContainer, stream: VideoStream, path: Path) -> tuple[_Packets, VideoFrame | None]:
    """All packets, and the frame that a player shows first: it proves the codec, and from where on decoding works."""
    found, decoder = _Packets(), FromFirstKey(stream)
    frames: list[VideoFrame] = []
    whole_file = MATROSKA in container.format.name  # its only declared length is that of all streams together
    if not whole_file:
        read_only(container, stream)
    with ffmpeg_errors(path, "reading its packets and first frame"):
        for packet in packets_of(container, None if whole_file else stream):
            if whole_file and packet.pts is not None and packet.time_base:
                found.end = max(found.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index == stream.index:
                found.add(packet)
                frames = frames or decoder.decode(packet)
        frames = frames or decoder.decode(None)
    return found, frames[0] if frames else None


# --- does the header tell the truth? ---------------------------------------------------------------


def _check_complete(path: Path, container: InputContainer, stream: VideoStream, found: _Packets, entries: int) -> None:
    kind, count = container.format.name, len(found.pts)
    if not count or not any(found.key):
        raise UnreadableVideo(path, "it has no video packet that decoding could start from", COPY_AGAIN)
    if found.corrupt:
        raise UnreadableVideo(path, f"{found.corrupt} of its {count} video packets are damaged or cut off", COPY_AGAIN)
    if MOV in kind:
        _check_mov(path, stream.frames, entries, count)
    elif kind == AVI and stream.frames and abs(stream.frames - count) > AVI_SLACK:
        raise _lie(path, stream.frames, count)
    elif MATROSKA in kind:
        _check_matroska(path, container, stream, found)
    elif kind == MPEG_TS and path.stat().st_size % 188 and path.stat().st_size % 192:
        raise UnreadableVideo(path, "it ends in the middle of a transport packet", REMUX)


def _check_mov(path: Path, declared: int, entries: int, count: int) -> None:
    if entries and count < entries:
        raise UnreadableVideo(path, f"truncated: {count} of the {entries} frames of its index are there", COPY_AGAIN)
    if not declared or declared == count:
        return
    # an edit list may hide frames at the end; then the table of samples still has what the header declares
    container, stream = open_video(path, {"ignore_editlist": "1"})
    with container:
        if len(stream.index_entries) != declared:
            raise _lie(path, declared, len(stream.index_entries) or count)


def _check_matroska(path: Path, container: InputContainer, stream: VideoStream, found: _Packets) -> None:
    declared = stream.metadata.get("NUMBER_OF_FRAMES", "")
    if declared.isdigit() and int(declared) != len(found.pts):
        raise _lie(path, int(declared), len(found.pts))
    length = (container.duration or 0) / 1_000_000
    if length - found.end > MATROSKA_SLACK:
        raise UnreadableVideo(path, f"truncated: it ends at {found.end:.2f} s of {length:.2f} s", COPY_AGAIN)


def _lie(path: Path, declared: int, count: int) -> UnreadableVideo:
    return UnreadableVideo(path, f"its header declares {declared} frames, {count} are there", REMUX)


# --- the times -------------------------------------------------------------------------------------


def _has_b(stream: VideoStream, found: _Packets) -> bool:
    ordered = all(a < b for a, b in zip(found.pts, found.pts[1:], strict=False))
    return bool(stream.codec_context.has_b_frames) or not ordered


def choose_mode(kind: str, has_b: bool, found: _Packets) -> Mode:
    """How frames can be reached: by seeking only where times are sound and seeks land where they should.

    AVI stores no presentation times: with B-frames those that FFmpeg makes up are wrong. MPEG streams have times but
    no index, and seeks in them were measured to land anywhere.
    """
    sound = _Packets.NONE not in found.pts and len(set(found.pts)) == len(found.pts)
    keys = [pts for pts, key in zip(found.pts, found.key, strict=True) if key]
    if (kind == AVI and has_b) or not sound or keys != sorted(keys):
        return "linear"
    return "scan" if kind in (MPEG_TS, MPEG_PS) else "seek"


def _has_open_groups(pts: NDArray[np.int64], key: NDArray[np.bool_]) -> bool:
    """Whether a packet stored after a key frame other than the first is shown before it."""
    places = np.flatnonzero(key)
    lowest_after = np.minimum.accumulate(pts[::-1])[::-1]
    return bool((lowest_after[places[1:]] < pts[places[1:]]).any())


def _assemble(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    found: _Packets,
    mode: Mode,
    first: VideoFrame,
) -> VideoIndex:
    pts, hidden, key = np.array(found.pts), np.array(found.hidden), np.array(found.key)
    shown = _shown(path, found, mode, first)
    rotation = int(first.rotation) % 360
    if rotation % 90:
        raise UnreadableVideo(path, f"it is turned by {rotation} degrees", REMUX)
    turned = rotation in (90, 270)
    declared = stream.frames or None
    return VideoIndex(
        path=str(path),
        container=container.format.name,
        codec=stream.codec_context.name,
        width=first.height if turned else first.width,
        height=first.width if turned else first.height,
        rotation=rotation,
        time_base=stream.time_base or Fraction(1),
        header_frames=declared,
        demuxed_frames=len(pts),
        hidden_frames=int(hidden.sum()) + max(0, (declared or 0) - len(pts)) * (MOV in container.format.name),
        has_b_frames=_has_b(stream, found),
        open_groups=mode != "linear" and _has_open_groups(pts, key),
        mode=mode,
        pts=shown,
        keys=pts[key] if mode != "linear" else np.array([], np.int64),
        packets=pts if mode != "linear" else np.array([], np.int64),
        last_ticks=max(1, found.last_duration or int(np.median(np.diff(shown))) if len(shown) > 1 else 1),
    )


def _shown(path: Path, found: _Packets, mode: Mode, first: VideoFrame) -> NDArray[np.int64]:
    hidden = np.array(found.hidden)
    if mode == "linear":
        # stored times ascend; the i-th frame out of the decoder is shown at the i-th of them
        hidden[: found.key.index(True)] = True
        ticks = np.array(found.dts)[~hidden]
        if _Packets.NONE in ticks or (np.diff(ticks) <= 0).any():
            raise UnreadableVideo(path, "its times don't tell the frames apart, or jump back", REMUX)
        in_order: NDArray[np.int64] = ticks
        return in_order
    shown: NDArray[np.int64] = np.sort(np.array(found.pts)[~hidden])
    if first.pts is None or first.pts not in shown:
        raise UnreadableVideo(path, f"its first frame comes at a time ({first.pts}) that no packet has", REMUX)
    return np.asarray(shown[shown >= first.pts])
