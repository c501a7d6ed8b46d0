"""Zip archives byte by byte: Zstandard members, which Python's `zipfile` can't write before 3.14, and false claims."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

STORED, ZSTANDARD = 0, 93


def write_zip(
    path: Path, members: Mapping[str, bytes], method: int = ZSTANDARD, flags: int = 0, claimed: int | None = None
) -> Path:
    """An archive of the members in order.

    Args:
        flags: general purpose bits of each member; 1 says that it is encrypted.
        claimed: the unpacked size that the directory states, if not the true one.
    """
    body, directory = b"", b""
    for name, content in members.items():
        packed = two_frames(content) if method == ZSTANDARD else content
        size = len(content) if claimed is None else claimed
        facts = struct.pack("<HHHHHIII", 20, flags, method, 0, 0, zlib.crc32(content), len(packed), size)
        sizes = struct.pack("<HH", len(name.encode()), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + facts + sizes
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name.encode()
        body += b"PK\x03\x04" + facts + sizes + name.encode() + packed
    count = len(members)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path


def two_frames(content: bytes) -> bytes:
    """inspect_ai splits large members into several Zstandard frames, one after the other."""
    codec, middle = pa.Codec("zstd"), len(content) // 2
    return codec.compress(content[:middle], asbytes=True) + codec.compress(content[middle:], asbytes=True)
