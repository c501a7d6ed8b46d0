"""Building a `VideoIndex`: the pass over the packets, and the checks against the header."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medvidbench.video.containers import FromFirstKey, ffmpeg_errors, open_video, packets_of, read_only
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import Mode, VideoIndex
from medvidbench.video.packet_table import (
    AVI,
    COPY_AGAIN,
    MATROSKA,
    MOV,
    MPEG_TS,
    REMUX,
    PacketTable,
    choose_mode,
    comes_out_in_order,
    has_open_groups,
    shown_times,
)

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

AVI_SLACK = 2
"""Frames by which an AVI header may differ from its content: capture programs close the file that carelessly."""
MATROSKA_SLACK = 1.0
"""Seconds by which a Matroska file may end before its declared duration (durations of last frames are guesses)."""


def index_file(path: Path) -> VideoIndex:
    """See `medvidbench.video.index.build_index`."""
    container, stream = open_video(path)
    with container:
        entries = len(stream.index_entries)
        packets, first = _demux(container, stream, path)
        _check_complete(path, container, stream, packets, entries)
        if first is None:
            raise UnreadableVideo(path, "no frame could be decoded", COPY_AGAIN)
        mode = choose_mode(container.format.name, bool(stream.codec_context.has_b_frames), packets)
        if mode == "seek" and packets.order_is_suspect(bool(stream.codec_context.has_b_frames)):
            mode = "seek" if comes_out_in_order(path) else "linear"
        return _assemble(path, container, stream, packets, mode, first)


def _demux(container: InputContainer, stream: VideoStream, path: Path) -> tuple[PacketTable, VideoFrame | None]:
    """All packets, and the frame that a player shows first: it proves the codec, and from where on decoding works."""
    found, decoder = PacketTable(), FromFirstKey(stream)
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


def _check_complete(
    path: Path, container: InputContainer, stream: VideoStream, found: PacketTable, entries: int
) -> None:
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


def _check_matroska(path: Path, container: InputContainer, stream: VideoStream, found: PacketTable) -> None:
    declared = stream.metadata.get("NUMBER_OF_FRAMES", "")
    if declared.isdigit() and int(declared) != len(found.pts):
        raise _lie(path, int(declared), len(found.pts))
    length = (container.duration or 0) / 1_000_000
    if length - found.end > MATROSKA_SLACK:
        raise UnreadableVideo(path, f"truncated: it ends at {found.end:.2f} s of {length:.2f} s", COPY_AGAIN)


def _lie(path: Path, declared: int, count: int) -> UnreadableVideo:
    return UnreadableVideo(path, f"its header declares {declared} frames, {count} are there", REMUX)


# --- putting it together ---------------------------------------------------------------------------


def _assemble(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    found: PacketTable,
    mode: Mode,
    first: VideoFrame,
) -> VideoIndex:
    pts, hidden, key = np.array(found.pts), np.array(found.hidden), np.array(found.key)
    shown = shown_times(path, found, mode, first, container.format.name)
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
        has_b_frames=bool(stream.codec_context.has_b_frames) or not found.ascending,
        open_groups=mode != "linear" and has_open_groups(pts, key),
        mode=mode,
        pts=shown,
        keys=pts[key] if mode != "linear" else np.array([], np.int64),
        packets=pts if mode != "linear" else np.array([], np.int64),
        last_ticks=max(1, found.last_duration or int(np.median(np.diff(shown))) if len(shown) > 1 else 1),
    )
