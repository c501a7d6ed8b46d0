"""`medvidbench leaderboard serve` and `medvidbench leaderboard token`."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of
from medvidbench.errors import missing_extra

if TYPE_CHECKING:
    from sqlalchemy import Engine


def run(
    board: Path,
    data: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    state: Path | None = None,
    queue: str = "",
    **more: Any,
) -> None:
    """Serves a board until it is stopped.

    Args:
        data: the benchmark with its truth.
        host, port: where to listen; TLS is a reverse proxy's work.
        state: folder for queue, uploads and the built site; beside the board unless named.
        queue: "" (SQLite in `state`) or "postgresql://USER:PASSWORD@HOST/NAME".
        more: other fields of `medvidbench.leaderboards.serve.settings.Settings`, where not None.

    Raises:
        MedVidBenchError: the extra isn't installed, no board, another benchmark, no database, or another service.
    """
    try:
        from medvidbench.leaderboards.serve.server import serve
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "serve", "The upload service") from None
    from medvidbench.leaderboards.serve.settings import Settings, state_of

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    given = {name: value for name, value in more.items() if value is not None}
    settings = Settings(board, data, state or state_of(board), queue, **given)
    console_of().print(
        f"http://{host}:{port}/ serves {board}; state in {settings.state}", markup=False, highlight=False
    )
    serve(settings, host, port)


def add(
    board: Path,
    team: str,
    *,
    uses: int | None = None,
    per_day: int = 5,
    days: float | None = None,
    note: str = "",
    state: Path | None = None,
    queue: str = "",
) -> None:
    """Makes a token for a team and prints it, once.

    Args:
        uses: uploads that it is good for; 1 makes it a one-time token.
        per_day: uploads of one day.
        days: until it expires.

    Raises:
        MedVidBenchError: a wrong name or number, or no database.
    """
    from medvidbench.leaderboards.serve.tokens import add_token

    text = add_token(_store(board, state, queue), team, most=uses, per_day=per_day, days=days, note=note)
    print(text)  # noqa: T201


def revoke(board: Path, token_id: str, *, state: Path | None = None, queue: str = "") -> None:
    """Ends a token, named by its id (the 12 digits after "mvb_").

    Raises:
        MedVidBenchError: no such token in use, or no database.
    """
    from medvidbench.leaderboards.serve.tokens import revoke_token

    revoke_token(_store(board, state, queue), token_id)
    console_of().print(f"{token_id} is revoked", markup=False, highlight=False)


def show(board: Path, *, state: Path | None = None, queue: str = "") -> None:
    """Lists the tokens, without their secrets.

    Raises:
        MedVidBenchError: no database.
    """
    from rich.table import Table

    from medvidbench.leaderboards.serve.tokens import list_tokens
    from medvidbench.leaderboards.serve.views import moment

    names = ("token_id", "team", "used", "most", "per_day", "created", "expires", "revoked", "note")
    table = Table(*names)
    for token in list_tokens(_store(board, state, queue)):
        fields = asdict(token)
        fields |= {name: moment(fields[name]) for name in ("created", "expires", "revoked")}
        table.add_row(*("" if fields[name] is None else str(fields[name]) for name in names))
    console_of().print(table, markup=False)


def _store(board: Path, state: Path | None, queue: str) -> Engine:
    from medvidbench.leaderboards.board import Board

    try:
        from medvidbench.leaderboards.serve.store import open_store
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "serve", "The upload service") from None
    from medvidbench.leaderboards.serve.settings import sqlite_of, state_of

    Board.open(board)
    return open_store(queue or sqlite_of(state or state_of(board)))
