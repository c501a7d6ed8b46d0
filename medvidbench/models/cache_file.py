"""One SQLite file of the call cache: made, checked, and its errors said in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medvidbench.errors import MedVidBenchError

CACHE_VERSION = 1
APPLICATION_ID = 0x4D564243
WAIT_SECONDS = 60.0  # for another process's write
SCHEMA = """CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    model TEXT NOT NULL,
    state INTEGER NOT NULL,
    batch TEXT NOT NULL DEFAULT '',
    sent_at REAL NOT NULL,
    seconds REAL,
    worst REAL,
    cost REAL,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    body BLOB
)"""


class CacheFullError(MedVidBenchError):
    """The disk is full: nothing more may be sent."""


def open_own(path: Path) -> sqlite3.Connection:
    """The file that this worker writes, made if it isn't there.

    Raises:
        MedVidBenchError: it is damaged, foreign, of another version or can't be written.
    """
    with clear(path):
        # isolation_level None: each statement commits by itself
        database = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        if not _checked(path, database):
            _create(database)
        database.execute("PRAGMA synchronous = NORMAL")
        # moving the log into the file waits for the disk, and every call in flight waits along: rarely, then
        database.execute("PRAGMA wal_autocheckpoint = 8000")
    return database


def _create(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("BEGIN IMMEDIATE")
    if not database.execute("PRAGMA user_version").fetchone()[0]:  # else another process was first
        database.execute(SCHEMA)
        database.execute("CREATE INDEX attempts_key ON attempts (key)")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {CACHE_VERSION}")
    database.execute("COMMIT")


def open_other(path: Path) -> sqlite3.Connection | None:
    """Another worker's file; None while that worker is just making it."""
    with clear(path):
        uri = path.resolve().as_uri()
        try:
            database = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=WAIT_SECONDS, check_same_thread=False)
            made = _checked(path, database)
        except sqlite3.OperationalError:  # a folder that can't be written: the log's index can't be made
            database = sqlite3.connect(f"{uri}?immutable=1", uri=True, check_same_thread=False)
            made = _checked(path, database)
    return database if made else None


def _checked(path: Path, database: sqlite3.Connection) -> bool:
    """Whether the file holds a cache of this version; False for an empty file."""
    application, version = (database.execute(f"PRAGMA {n}").fetchone()[0] for n in ("application_id", "user_version"))
    if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] and not version:
        return False
    if application != APPLICATION_ID:
        seen = f"{path} is an SQLite file, but no cache of calls."
        raise MedVidBenchError(seen, remedy="give another folder, or move that file out of it")
    if version != CACHE_VERSION:
        seen = f"{path} is a cache of version {version}."
        remedy = "give another folder, or use the release that wrote it; the file was left as it is"
        raise MedVidBenchError(seen, f"version {CACHE_VERSION}", remedy)
    return True


@contextmanager
def clear(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise full(path, error) if "full" in str(error) else unwritable(path, error) from error
    except sqlite3.DatabaseError as error:
        seen = f"The cache {path} is damaged: {error}."
        raise MedVidBenchError(seen, remedy="move it away; its replies would have to be paid again") from error


def full(path: Path, error: Exception) -> CacheFullError:
    """The error for a full disk."""
    return CacheFullError(f"The disk is full: {path} can't be written ({error}).", remedy="free space, then run again")


def unwritable(path: Path, error: Exception) -> MedVidBenchError:
    """The error for a file that can't be written for another reason."""
    return MedVidBenchError(f"The cache {path} can't be used: {error}.", remedy="check the folder's rights and disk")
