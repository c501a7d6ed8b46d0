"""The suite's damaged relatives."""

from __future__ import annotations

import struct
from pathlib import Path

import containers
import numpy as np


def truncated(source: Path, target: Path, share: float = 0.6) -> Path:
    """The first `share` of a file's bytes."""
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def flipped(source: Path, target: Path, count: int = 400, start: int = 3000) -> Path:
    """`count` bytes changed at random places in the middle of the file, away from its tables."""
    content = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(start, int(len(content) * 0.85), count):
        content[place] ^= int(rng.integers(1, 255))
    target.write_bytes(content)
    return target


def faststart(target: Path) -> Path:
    """An MP4 whose tables come first: truncated, it still opens."""
    containers.write_video(target, "libx264", containers.X264, container_options={"movflags": "faststart"})
    return target


def without_moov(source: Path, target: Path) -> Path:
    """An MP4 without its tables (a recording that was interrupted)."""
    content = source.read_bytes()
    place = content.index(b"moov") - 4
    (length,) = struct.unpack(">I", content[place : place + 4])
    target.write_bytes(content[:place] + content[place + length :])
    return target


def lying_mp4(source: Path, target: Path, declared: int = 900) -> Path:
    """An MP4 whose table of durations speaks of more frames than there are."""
    target.write_bytes(source.read_bytes())
    containers.patch_u32(target, b"stts", 12, declared)
    return target


def lying_avi(source: Path, target: Path, declared: int = 900) -> Path:
    """An AVI whose stream header declares more frames than there are."""
    content = bytearray(source.read_bytes())
    length = content.index(b"strh") + 8 + 32
    content[length : length + 4] = struct.pack("<I", declared)
    target.write_bytes(content)
    return target


def unknown_codec(source: Path, target: Path) -> Path:
    """An MP4 that names a codec that nobody knows."""
    target.write_bytes(source.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))
    return target
