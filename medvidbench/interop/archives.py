"""Members of a zip archive from outside: bounded in size, read into memory, never written to disk under their names.

inspect_ai compresses with Zstandard (zip method 93), which Python's `zipfile` learned only in 3.14; such members are
unpacked by pyarrow. Whatever an archive claims, no member takes more than `MAX_MEMBER` bytes of memory.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medvidbench.errors import MedVidBenchError

MAX_MEMBER = 512 * 2**20
MAX_TOTAL = 64 * 2**30
MAX_MEMBERS = 1_000_000
ZSTANDARD = 93
_HEADER = 30
_SIGNATURE = b"PK\x03\x04"


class _BrokenError(Exception):
    """What is wrong with a member; never leaves this module."""


class Archive:
    """A zip archive opened for reading. Of members with one name the last counts, as the format says."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._members = archive.NameToInfo

    @property
    def names(self) -> list[str]:
        """The members' names, in the order of the archive's directory."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """A member's content, checked against its size and checksum.

        Raises:
            MedVidBenchError: too large, encrypted, damaged, or compressed in another way.
        """
        info = self._members[name]
        try:
            if info.flag_bits & 1:
                raise _BrokenError("it is encrypted")
            if info.file_size > MAX_MEMBER:
                raise _BrokenError(f"it unpacks to {info.file_size} bytes, at most {MAX_MEMBER} are read")
            if info.compress_type == ZSTANDARD:
                return self._zstandard(info)
            with self._archive.open(info) as stream:
                return stream.read(info.file_size + 1)[: info.file_size]
        except (_BrokenError, OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
            raise MedVidBenchError(f"{self.path}: the member {name!r:.120} can't be read: {error}.") from None

    def _zstandard(self, info: zipfile.ZipInfo) -> bytes:
        import pyarrow as pa

        packed = self._packed(info)
        with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
            content: bytes = stream.read(info.file_size + 1)
        if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
            raise _BrokenError("it does not unpack to what the directory says")
        return content

    def _packed(self, info: zipfile.ZipInfo) -> bytes:
        """The member's bytes as they stand in the file, found through its local header."""
        with self.path.open("rb") as stream:
            stream.seek(info.header_offset)
            header = stream.read(_HEADER)
            if len(header) < _HEADER or header[:4] != _SIGNATURE:
                raise _BrokenError("its header is not where the directory says")
            stream.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
            packed = stream.read(info.compress_size)
        if len(packed) != info.compress_size:
            raise _BrokenError("it is cut off")
        return packed


@contextmanager
def open_archive(path: Path, accepted: str) -> Iterator[Archive]:
    """A zip archive, refused when it is damaged or would unpack to more than `MAX_TOTAL` bytes.

    Raises:
        MedVidBenchError: missing, no zip archive, cut off, or too large.
    """
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise MedVidBenchError(f"No file {path}.", accepted) from None
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise MedVidBenchError(f"{path} is no zip archive, or a cut-off one: {error}.", accepted) from None
    with archive:
        members = archive.infolist()
        total = sum(info.file_size for info in members)
        if len(members) > MAX_MEMBERS or total > MAX_TOTAL:
            raise MedVidBenchError(f"{path} unpacks to {len(members)} members of {total} bytes.", accepted)
        yield Archive(path, archive)
