"""The log of a board: one record a line, each with the SHA-256 of the line before it, so that none changes unseen.

Only the last record has none after it that vouches for it: its signature does, or a head that was published.

A record is canonical JSON (sorted keys, no blanks, ASCII). A signature covers the record without its "signature" field;
the next record's "previous" covers the whole line. Only the last line can be half-written (a writer that was killed):
readers leave it out, the next writer removes it, and both say so. Any other damage is an error.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.signing import sign, signer

START = "0" * 64
"""What the first record holds in the place of a hash."""
WAIT = 60.0
"""Seconds that a writer waits for another one."""
FIELDS = {"number", "previous", "time", "kind", "body"}


@dataclass(frozen=True)
class Record:
    """One record.

    Attributes:
        number: 0 for the first.
        previous: SHA-256 of the line before it.
        time: ISO date and time in UTC.
        body: JSON values.
        signature: armoured, or "".
        sha256: of this record's line.
    """

    number: int
    previous: str
    time: str
    kind: str
    body: Mapping[str, Any]
    signature: str
    sha256: str

    @property
    def signed_bytes(self) -> bytes:
        """What a signature covers."""
        content = {"number": self.number, "previous": self.previous, "time": self.time}
        return canonical(content | {"kind": self.kind, "body": self.body})


@dataclass(frozen=True)
class Log:
    """The whole records of a chain, and notices of what was left out."""

    records: list[Record]
    notices: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        """SHA-256 of the last record."""
        return self.records[-1].sha256 if self.records else START


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON of which there is one form only.

    >>> canonical({"b": [1, None], "a": "é"})
    b'{"a":"\\\\u00e9","b":[1,null]}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def read_chain(path: Path) -> Log:
    """All whole records, each checked against the one before it. A missing file is an empty chain.

    Raises:
        MedVidBenchError: a record that is no record, or doesn't continue the one before it (names the line).
    """
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise MedVidBenchError(f"{path} can't be read: {error.strerror}.") from error
    whole = content[: content.rfind(b"\n") + 1]
    notices = []
    if len(whole) < len(content):
        notices.append(f"{path.name}: the last line is half-written ({len(content) - len(whole)} bytes), left out.")
    records: list[Record] = []
    for number, line in enumerate(whole.split(b"\n")[:-1]):
        records.append(_record(line, number, records[-1].sha256 if records else START, path))
    return Log(records, notices)


def _record(line: bytes, number: int, previous: str, path: Path) -> Record:
    place = f"{path}, line {number + 1}"
    try:
        content = json.loads(line)
        same = isinstance(content, dict) and canonical(content) == line
    except (ValueError, RecursionError):
        same, content = False, {}
    if not same or not set(content) - {"signature"} == FIELDS:
        raise MedVidBenchError(f"{place}, is no record of a board.", "the file as it was written", BROKEN)
    if content["number"] != number or content["previous"] != previous:
        raise MedVidBenchError(f"{place}, doesn't continue the record before it.", "an unbroken chain", BROKEN)
    return Record(
        number,
        previous,
        content["time"],
        content["kind"],
        content["body"],
        content.get("signature", ""),
        hashlib.sha256(line).hexdigest(),
    )


BROKEN = "the chain was changed or damaged: take it from a copy that `medvidbench leaderboard verify` accepts"


@dataclass
class Writer:
    """A chain under its lock; `log` is its state."""

    path: Path
    log: Log

    def append(self, kind: str, body: Mapping[str, Any], key: Path | None = None, time: str = "") -> Record:
        """Writes one record; it is on the disk when this returns.

        Args:
            key: signs the record.
            time: of the record; now unless given.

        Raises:
            MedVidBenchError: the key can't sign, or the disk is full (then nothing is left behind).
        """
        moment = time or now()
        content = {"number": len(self.log.records), "previous": self.log.head, "time": moment}
        content |= {"kind": kind, "body": dict(body)}
        signature = sign(canonical(content), key) if key is not None else ""
        line = canonical(content | ({"signature": signature} if signature else {}))
        _append(self.path, line + b"\n")
        record = _record(line, len(self.log.records), self.log.head, self.path)
        self.log.records.append(record)
        return record


def now() -> str:
    """The moment in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """The chain with its lock held; a half-written last line is cut off, and noted.

    Raises:
        MedVidBenchError: another writer holds it for too long, or the chain is broken.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(path.name + ".lock"), timeout=WAIT)
    try:
        lock.acquire()
    except Timeout:
        seen = f"Another process has been writing {path} for {WAIT:g} s."
        raise MedVidBenchError(seen, remedy="try again when it is done") from None
    try:
        log = read_chain(path)
        if log.notices:
            content = path.read_bytes()
            os.truncate(path, content.rfind(b"\n") + 1)
        yield Writer(path, log)
    finally:
        lock.release()


def _append(path: Path, line: bytes) -> None:
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab") as stream:
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        if path.exists():
            os.truncate(path, before)
        raise MedVidBenchError(
            f"{path} can't be written: {error.strerror}.", remedy="free space, then again"
        ) from error
    if before == 0:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder onto the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def signed_by(record: Record, allowed: Path) -> str | None:
    """The maintainer who signed a record; None without a signature or with one of nobody who is allowed.

    Raises:
        MedVidBenchError: see `signer`.
    """
    return signer(record.signed_bytes, record.signature, allowed) if record.signature else None
