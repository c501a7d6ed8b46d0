"""Each sampled frame once: JPEG files named by the SHA-256 of their bytes, and an index by video and time.

    store/
      frames/3f/a2/3fa2...e1.jpg
      index.sqlite            (video, time in microseconds) -> digest

Rows of the benchmark refer to frames by digest, so a frame asked about by fifty questions is stored once. A frame file
is written under another name and renamed, so that a file under its own name is always whole; the index says what is
there. Several processes may write at once: equal content has one name, and SQLite orders the index.
"""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Finding
from medvidbench.video.frames import FrameSet

QUALITY = 90
BUSY_SECONDS = 60.0
"""How long a writer waits for another one."""

_SCHEMA = """CREATE TABLE IF NOT EXISTS frames (
    video TEXT NOT NULL, micros INTEGER NOT NULL, digest TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    PRIMARY KEY (video, micros)) WITHOUT ROWID"""


class FrameStore:
    """A folder of frames. Holds no open file between calls, so it may be used after a fork and from threads.

    Raises:
        MedVidBenchError: the folder can't be made or its index is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._index = self.folder / "index.sqlite"
        try:
            (self.folder / "frames").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MedVidBenchError(f"Can't make the frame store {self.folder}: {error.strerror}.") from error
        with self._connection() as index:
            index.execute(_SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._index, timeout=BUSY_SECONDS)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            remedy = "remove index.sqlite and sample again: frames that are there are not written twice"
            raise MedVidBenchError(f"The index of the frame store {self.folder}: {error}.", remedy=remedy) from error

    def put(self, video: str, frames: FrameSet) -> list[str]:
        """Store the frames of `video` (an id, not a path) that aren't there; the digests of all, in order.

        A time that is stored already is left as it is, and its frame isn't encoded again. JPEG, quality 90, times
        rounded to microseconds.

        Raises:
            MedVidBenchError: the index can't be written.
        """
        micros = [_micros(time) for time in frames.t_seconds.tolist()]
        known = self._known(video, micros)
        rows = []
        for place, at in enumerate(micros):
            if at not in known:
                known[at] = self._write(encode_jpeg(frames.frames[place]))
                rows.append((video, at, known[at], *frames.size))
        if rows:
            with self._connection() as index:
                index.executemany("INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?)", rows)
        return [known[at] for at in micros]

    def _known(self, video: str, micros: list[int]) -> dict[int, str]:
        wanted = set(micros)
        with self._connection() as index:
            low, high = min(wanted, default=0), max(wanted, default=0)
            query = "SELECT micros, digest FROM frames WHERE video = ? AND micros BETWEEN ? AND ?"
            found = index.execute(query, (video, low, high)).fetchall()
        return {at: digest for at, digest in found if at in wanted and self.path(digest).exists()}

    def _write(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self.path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            Path(name).replace(path)
        return digest

    def path(self, digest: str) -> Path:
        """Where the frame lies or would lie.

        Raises:
            MedVidBenchError: `digest` is not 64 hex digits.
        """
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise MedVidBenchError(f"{digest!r} is no frame digest.", "64 hex digits")
        return self.folder / "frames" / digest[:2] / digest[2:4] / f"{digest}.jpg"

    def get(self, digest: str) -> bytes:
        """The frame's JPEG bytes, checked against their name.

        Raises:
            MedVidBenchError: there is no such frame, or its file was changed.
        """
        try:
            content = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise MedVidBenchError(f"The frame store {self.folder} has no frame {digest}.") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise MedVidBenchError(f"{self.path(digest)} was changed.", remedy="remove it and sample again")
        return content

    def frame(self, digest: str) -> NDArray[np.uint8]:
        """The frame's pixels, (H, W, 3) RGB.

        Raises:
            MedVidBenchError: see `get`.
        """
        from PIL import Image

        with Image.open(io.BytesIO(self.get(digest))) as image:
            return np.asarray(image.convert("RGB"))

    def find(self, video: str, time: float) -> str | None:
        """The digest of the video's frame at exactly this time (to the microsecond), or None."""
        query = "SELECT digest FROM frames WHERE video = ? AND micros = ?"
        with self._connection() as index:
            row = index.execute(query, (video, _micros(time))).fetchone()
        return None if row is None else str(row[0])

    def times(self, video: str) -> dict[float, str]:
        """{time in seconds: digest} of everything stored of one video, ascending."""
        with self._connection() as index:
            rows = index.execute("SELECT micros, digest FROM frames WHERE video = ? ORDER BY micros", (video,))
            return {micros / 1e6: digest for micros, digest in rows}

    def verify(self) -> list[Finding]:
        """Read every frame: a finding for each that is missing, changed, or that the index doesn't know."""
        with self._connection() as index:
            rows = index.execute("SELECT digest, min(video), min(micros) FROM frames GROUP BY digest").fetchall()
        findings, known = [], {str(row[0]) for row in rows}
        for digest, video, micros in rows:
            path = self.path(digest)
            row = f"{video} at {micros / 1e6:g} s"
            if not path.exists():
                findings.append(Finding(str(path), row, "the frame is missing", "sample again to restore it"))
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                findings.append(Finding(str(path), row, "the frame was changed", "remove it and sample again"))
        for path in sorted((self.folder / "frames").rglob("*")):
            if path.is_file() and path.stem not in known:
                # a writer that was killed between the two steps leaves one behind
                findings.append(Finding(str(path), "", "no video refers to this file", "left alone"))
        return findings


def encode_jpeg(frame: NDArray[np.uint8], quality: int = QUALITY) -> bytes:
    """(H, W, 3) RGB as JPEG, the same bytes for the same pixels (with one version of Pillow)."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(frame).save(out, format="JPEG", quality=quality)
    return out.getvalue()


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
