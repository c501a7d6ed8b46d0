"""Options of the commands that serve a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medvidbench.cli.leaderboards import Answers, BoardFolder, Data, JudgeCache, board_app

token_app = typer.Typer(help="Tokens that let a team upload: add, list, revoke.", no_args_is_help=True)

State = Annotated[Path | None, typer.Option(help="Folder of queue, uploads and site; BOARD-serve unless named.")]
Queue = Annotated[
    str,
    typer.Option(
        envvar="MEDVIDBENCH_QUEUE",
        help="postgresql://USER:PASSWORD@HOST/NAME; SQLite in the folder of state unless named.",
    ),
]
MIB = 1 << 20


@board_app.command()
def serve(
    board: BoardFolder,
    data: Data,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; TLS is a reverse proxy's work.")] = 8000,
    state: State = None,
    queue: Queue = "",
    answers: Answers = None,
    judge_cache: JudgeCache = None,
    workers: Annotated[int, typer.Option(min=1, help="Submissions scored at once.")] = 1,
    job_seconds: Annotated[int, typer.Option(min=1, help="Wall and CPU time of one submission.")] = 900,
    job_memory: Annotated[int, typer.Option(min=256, help="Address space that scoring one may take, in MiB.")] = 6144,
    waiting: Annotated[int, typer.Option(min=1, help="Submissions that may wait; more are refused.")] = 500,
    uploads_per_hour: Annotated[int, typer.Option(min=1, help="Of one address.")] = 30,
    proxy: Annotated[str, typer.Option(help="Addresses of proxies whose X-Forwarded-For is believed.")] = "",
) -> None:
    """Serve a board with an upload form and a queue; tokens come from `leaderboard token add`."""
    from medvidbench.commands.leaderboard_serve import run

    run(
        board,
        data,
        host=host,
        port=port,
        state=state,
        queue=queue,
        answers=answers,
        judge_cache=judge_cache,
        workers=workers,
        job_seconds=job_seconds,
        job_bytes=job_memory * MIB,
        waiting=waiting,
        uploads_per_hour=uploads_per_hour,
        proxy=proxy,
    )


@token_app.command()
def add(
    team: Annotated[str, typer.Argument(help="Team as its uploads will be shown.")],
    board: BoardFolder,
    uses: Annotated[int | None, typer.Option(help="Uploads that it is good for; 1 makes a one-time token.")] = None,
    per_day: Annotated[int, typer.Option(help="Uploads of one day.")] = 5,
    days: Annotated[float | None, typer.Option(help="Until it expires.")] = None,
    note: Annotated[str, typer.Option(help="For the maintainers.")] = "",
    state: State = None,
    queue: Queue = "",
) -> None:
    """Make a token and print it, once: the store keeps a digest alone."""
    from medvidbench.commands.leaderboard_serve import add as run

    run(board, team, uses=uses, per_day=per_day, days=days, note=note, state=state, queue=queue)


@token_app.command(name="list")
def show(board: BoardFolder, state: State = None, queue: Queue = "") -> None:
    """List the tokens, without their secrets."""
    from medvidbench.commands.leaderboard_serve import show as run

    run(board, state=state, queue=queue)


@token_app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="The 12 digits after mvb_.")],
    board: BoardFolder,
    state: State = None,
    queue: Queue = "",
) -> None:
    """End a token; uploads that came with it stay."""
    from medvidbench.commands.leaderboard_serve import revoke as run

    run(board, token, state=state, queue=queue)


board_app.add_typer(token_app, name="token")
