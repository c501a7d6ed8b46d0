"""Every attempt of every call, on disk: the cache of replies and the ledger of spending are one table.

    attempt is about to be sent   -> row "sent", with the most it can cost
    a body came back              -> the raw bytes are committed, row "answered"; only then are they parsed
    no body, or a useless one     -> row "failed" or "damaged", with what it cost

So a process may be killed at any moment: a reply that arrived is never paid again, and an attempt whose end isn't
known counts as spent at its worst case. A call is found by its key (model, parameters, prompt, bytes of each
picture). The server's address is no part of the key, so that a cache made at one address serves at another; whoever
serves two different models under one name keeps two folders.

A folder may hold several files: a worker writes its own (`name`) and reads all. Several processes may share one file
on one machine (SQLite's write-ahead log). On a network disk each machine must write its own, and see what others
wrote before it started. Commits are safe against a killed process; after a power cut the last moments may be missing,
and are paid again.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.cache_file import CacheFullError, clear, full, open_other, open_own, unwritable

SENT, ANSWERED, FAILED, DAMAGED = range(4)
BALLAST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A body that came back earlier; `cost` is None when it was never settled or the model has no price."""

    body: bytes
    cost: float | None
    batch: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """What all runs of a folder sent and spent.

    Attributes:
        sent: requests, whatever came of them.
        answered: requests whose reply is in the cache.
        unsettled: requests whose end isn't known (the process was killed).
        dollars: what the server billed by its own count, by the price table.
        assumed: dollars on top that it may have billed without saying so: unsettled, timed out, broken off.
    """

    sent: int
    answered: int
    unsettled: int
    input_tokens: int
    output_tokens: int
    dollars: float
    assumed: float


class CallCache:
    """The files of one folder.

    Args:
        name: of the file that this worker writes, without its ending.

    Raises:
        MedVidBenchError: a file is damaged, foreign or of another version, or the folder can't be written.
    """

    def __init__(self, folder: Path, name: str = "calls") -> None:
        self.folder, self.path = Path(folder), Path(folder) / f"{name}.sqlite"
        self._ballast = self.path.with_suffix(".ballast")
        self._lock = threading.RLock()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MedVidBenchError(f"The folder {folder} can't be made: {error.strerror}.") from error
        self._own = open_own(self.path)
        others = (path for path in sorted(self.folder.glob("*.sqlite")) if path != self.path)
        opened = ((path, open_other(path)) for path in others)
        self._files = [(self.path, self._own), *((path, db) for path, db in opened if db is not None)]

    def __enter__(self) -> CallCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the files; the ballast goes."""
        with self._lock:
            for _, database in self._files:
                database.close()
            self._ballast.unlink(missing_ok=True)

    def find(self, key: str) -> list[Stored]:
        """Every body kept for a call, newest first, this worker's file first. They may turn out unreadable."""
        query = "SELECT body, cost, batch FROM attempts WHERE key = ? AND state = ? ORDER BY id DESC"
        values = (bytes.fromhex(key), ANSWERED)
        found: list[Stored] = []
        with self._lock:
            for path, database in self._files:
                with clear(path):
                    found += [Stored(b, c, bool(batch)) for b, c, batch in database.execute(query, values)]
        return found

    def begin(self, key: str, model: str, worst: float | None) -> int:
        """Notes that an attempt is about to be sent; returns its number.

        Raises:
            CacheFullError: the disk is full; the attempt must not be sent.
        """
        self._fill_ballast()
        insert = "INSERT INTO attempts (key, model, state, sent_at, worst) VALUES (?, ?, ?, ?, ?)"
        return self._write(insert, (bytes.fromhex(key), model, SENT, time.time(), worst))

    def keep(self, attempt: int, body: bytes, seconds: float) -> None:
        """Puts a reply's raw body on the disk. When the disk is full the ballast is given up for it.

        Raises:
            CacheFullError: it can't be kept even so.
        """
        update = "UPDATE attempts SET state = ?, body = ?, status = 200, seconds = ? WHERE id = ?"
        values = (ANSWERED, body, seconds, attempt)
        try:
            self._write(update, values)
        except CacheFullError:
            self._ballast.unlink(missing_ok=True)
            self._write(update, values)

    def settle(self, attempt: int, cost: float | None, input_tokens: int, output_tokens: int) -> None:
        """Notes what a kept reply cost."""
        update = "UPDATE attempts SET cost = ?, input_tokens = ?, output_tokens = ? WHERE id = ?"
        self._write_if_room(update, (cost, input_tokens, output_tokens, attempt))

    def fail(self, attempt: int, status: int, error: str, cost: float | None, *, damaged: bool = False) -> None:
        """Notes that an attempt brought nothing; a damaged body stays, to be looked at, but is never found."""
        update = "UPDATE attempts SET state = ?, status = ?, error = ?, cost = ? WHERE id = ?"
        self._write_if_room(update, (DAMAGED if damaged else FAILED, status, error, cost, attempt))

    def begin_batch(self, batch: str, calls: Iterable[tuple[str, str, float | None]]) -> None:
        """Notes (key, model, worst) of every call of a provider batch; again for the same batch changes nothing."""
        insert = """INSERT INTO attempts (key, model, state, sent_at, worst, batch) SELECT ?1, ?2, ?3, ?4, ?5, ?6
            WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE key = ?1 AND batch = ?6)"""
        now = time.time()
        rows = [(bytes.fromhex(key), model, SENT, now, worst, batch) for key, model, worst in calls]
        self._write_many(insert, rows)

    def end_batch(self, batch: str, rows: Iterable[tuple[str, bytes | None, str, float | None, int, int]]) -> None:
        """Puts results of a batch on the disk: (key, body or None, error, cost, input and output tokens)."""
        update = """UPDATE attempts SET state = ?, body = ?, error = ?, cost = ?, input_tokens = ?, output_tokens = ?
            WHERE key = ? AND batch = ? AND state = ?"""
        self._write_many(
            update,
            [
                (
                    FAILED if body is None else ANSWERED,
                    body,
                    error,
                    cost,
                    read,
                    written,
                    bytes.fromhex(key),
                    batch,
                    SENT,
                )
                for key, body, error, cost, read, written in rows
            ],
        )

    def ledger(self) -> Ledger:
        """The sums over all files of the folder."""
        query = """SELECT count(*), coalesce(sum(state = 1), 0), coalesce(sum(state = 0), 0),
            coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
            coalesce(sum(CASE WHEN input_tokens + output_tokens > 0 THEN cost END), 0.0),
            coalesce(sum(CASE WHEN state = 0 OR (state = 1 AND cost IS NULL) THEN worst
                              WHEN input_tokens + output_tokens = 0 THEN cost END), 0.0) FROM attempts"""
        sums: list[Any] = [0] * 7
        with self._lock:
            for path, database in self._files:
                with clear(path):
                    row = database.execute(query).fetchone()
                sums = [a + b for a, b in zip(sums, row, strict=True)]
        return Ledger(*sums)

    def _write(self, statement: str, values: tuple[Any, ...]) -> int:
        with self._lock, clear(self.path):
            return int(self._own.execute(statement, values).lastrowid or 0)

    def _write_if_room(self, statement: str, values: tuple[Any, ...]) -> None:
        # a number that a later look at the body, or the worst case, stands in for: not worth an end
        with suppress(CacheFullError):
            self._write(statement, values)

    def _write_many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._lock, clear(self.path):
            self._own.execute("BEGIN IMMEDIATE")
            try:
                self._own.executemany(statement, rows)
                self._own.execute("COMMIT")
            finally:
                if self._own.in_transaction:
                    self._own.execute("ROLLBACK")

    def _fill_ballast(self) -> None:
        """Room that is given up when the disk is full, so that replies already paid for can still be kept."""
        if self._ballast.exists():
            return
        try:
            with self._ballast.open("wb") as stream:
                stream.write(bytes(BALLAST_BYTES))
                os.fsync(stream.fileno())
        except OSError as error:
            self._ballast.unlink(missing_ok=True)
            raise full(self.path, error) if error.errno == errno.ENOSPC else unwritable(self.path, error) from error
