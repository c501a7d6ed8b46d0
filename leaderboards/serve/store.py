"""The tables of the queue, on SQLite or PostgreSQL alike; every change is one short transaction.

PostgreSQL is spoken to through pg8000, which is BSD-licensed and pure Python.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from medvidbench.errors import MedVidBenchError, missing_extra
from medvidbench.leaderboards.board import PRIVATE_MODE

ACCEPTED = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME"
WAIT = 30.0
"""Seconds that a writer waits for another one of SQLite."""

tables = MetaData()
tokens = Table(
    "tokens",
    tables,
    Column("token_id", String(16), primary_key=True),
    Column("secret", String(64), nullable=False),
    Column("team", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("most", Integer),
    Column("used", Integer, nullable=False),
    Column("per_day", Integer, nullable=False),
    Column("revoked", Float),
)
jobs = Table(
    "jobs",
    tables,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(43), nullable=False, unique=True),
    Column("token_id", String(16), ForeignKey("tokens.token_id"), nullable=False),
    Column("team", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owner", String(32), nullable=False),
    Column("claimed_until", Float, nullable=False),
    Column("received", Float, nullable=False),
    Column("ended", Float),
    Column("entry_id", Text, nullable=False),
    Column("said", Text, nullable=False),
    Index("jobs_by_state", "state", "number"),
)
hits = Table(
    "hits",
    tables,
    Column("key", String(120), primary_key=True),
    Column("period", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
)


def open_store(address: str) -> Engine:
    """The database with its tables made where they are missing.

    Args:
        address: as in `ACCEPTED`.

    Raises:
        MedVidBenchError: another kind of database, or it can't be reached.
    """
    url = _url(address)
    try:
        engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
        tables.create_all(engine)
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "serve", "The queue on PostgreSQL") from None
    except DBAPIError as error:
        seen = f"The queue's database {url.render_as_string(hide_password=True)} can't be used: {error.orig}"
        raise MedVidBenchError(seen, ACCEPTED) from None
    return engine


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise MedVidBenchError("The address of the queue's database can't be read.", ACCEPTED) from None
    if url.drivername not in ("sqlite", "postgresql", "postgresql+pg8000"):
        raise MedVidBenchError(f"The queue can't lie in {url.drivername!r}.", ACCEPTED)
    return url


def _postgresql(url: URL) -> Engine:
    return create_engine(url.set(drivername="postgresql+pg8000"), pool_pre_ping=True, pool_size=10, max_overflow=10)


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise MedVidBenchError("A queue in memory would be lost with the process.", ACCEPTED)
    file = Path(url.database)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_MODE)
    except OSError as error:
        raise MedVidBenchError(f"{file.parent} can't be made: {error.strerror}.") from None
    engine = create_engine(url, connect_args={"timeout": WAIT}, pool_size=10, max_overflow=10)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # what was acknowledged survives a power cut, too
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine


def insert_for(engine: Engine) -> Callable[[Table], Any]:
    """The dialect's INSERT, which knows ON CONFLICT on both."""
    return postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
