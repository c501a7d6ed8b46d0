"""Options of the commands that publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medvidbench.cli.options import PUBLISHING, Json, app

board_app = typer.Typer(
    help="Run a leaderboard from files: submit, verify, promote, build, diff, serve, token.", no_args_is_help=True
)

BoardFolder = Annotated[Path, typer.Option(help="Folder of the board.")]
Data = Annotated[Path, typer.Option(help="Benchmark with its truth; it is never copied into the board.")]
Answers = Annotated[Path | None, typer.Option(help="Answer key of a question-only benchmark.")]
JudgeCache = Annotated[
    Path | None, typer.Option(help="Folder for what a paid judge says, outside of the board; none is asked twice.")
]
Sign = Annotated[Path | None, typer.Option(help="SSH key (private, or public with an agent) that signs the record.")]


@board_app.command()
def submit(
    predictions: Annotated[Path, typer.Argument(help="File of predictions: JSON or JSON Lines, plain or gzip.")],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    team: Annotated[str, typer.Option(help="Who hands it in.")],
    contact: Annotated[str, typer.Option(help="E-mail or web address; it is never published.")],
    board: BoardFolder,
    data: Data,
    link: Annotated[str, typer.Option(help="Page of the model, http or https.")] = "",
    sign: Sign = None,
    unlisted: Annotated[bool, typer.Option("--unlisted", help="Evaluate without showing the row.")] = False,
    table: Annotated[
        str, typer.Option(help="community, or verified when the maintainers ran the model.")
    ] = "community",
    certificate: Annotated[list[Path] | None, typer.Option(help="JSON of `judge certify`. Repeatable.")] = None,
    results: Annotated[Path | None, typer.Option(help="Folder of the `eval` run, for its time axis and cost.")] = None,
    answers: Answers = None,
    judge_cache: JudgeCache = None,
    judge: Annotated[str | None, typer.Option(help='Of a new board: caption judges, ";" between them.')] = None,
    board_name: Annotated[str, typer.Option(help="Of a new board.")] = "",
) -> None:
    """Check a file of predictions, score it, and append a record to the board's hash chain."""
    from medvidbench.commands.leaderboard import submit as run

    run(
        predictions,
        name,
        board,
        data,
        team=team,
        contact=contact,
        link=link,
        sign=sign,
        listed=not unlisted,
        table=table,
        certificates=certificate or (),
        evaluated=results,
        answers=answers,
        judge=judge,
        judge_cache=judge_cache,
        board_name=board_name,
    )


@board_app.command()
def verify(
    board: BoardFolder,
    entries: Annotated[list[str] | None, typer.Argument(help="Ids of entries; all when left out.")] = None,
    data: Annotated[Path | None, typer.Option(help="Benchmark with its truth, to score again.")] = None,
    answers: Answers = None,
    judge_cache: JudgeCache = None,
    signed: Annotated[bool, typer.Option("--signed", help="Fail on records without a valid signature.")] = False,
    every: Annotated[bool, typer.Option("--every", help="Also print the numbers that hold.")] = False,
) -> None:
    """Recompute rows from their files, and say whether each number holds. Exit code 1 when one doesn't."""
    from medvidbench.commands.leaderboard import verify as run

    how = {"must_be_signed": signed, "every_number": every}
    if not run(board, entries or (), data, answers=answers, judge_cache=judge_cache, **how):
        raise typer.Exit(1)


@board_app.command()
def promote(
    entry: Annotated[str, typer.Argument(help="Id of the entry.")],
    reason: Annotated[str, typer.Option(help="Why; it is published.")],
    by: Annotated[str, typer.Option(help="Who decided it; it is published.")],
    board: BoardFolder,
    to: Annotated[str, typer.Option(help="verified or community.")] = "verified",
    sign: Sign = None,
) -> None:
    """Move an entry between the tables, on record."""
    from medvidbench.commands.leaderboard import promote as run

    run(board, entry, reason, by=by, to=to, sign=sign)


@board_app.command()
def build(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the site.")],
    board: Annotated[Path | None, typer.Option(help="Folder of a board, or a leaderboard.json.")] = None,
    results: Annotated[
        list[Path] | None, typer.Option(help="Folder of an `eval` run, shown among the community's rows. Repeatable.")
    ] = None,
    published: Annotated[bool, typer.Option(help="Add the published rows of arXiv 2512.06581.")] = True,
    name: Annotated[str, typer.Option(help="Title of the site.")] = "",
    address: Annotated[str, typer.Option(help="Where the site will be read, for its feed.")] = "",
    contact: Annotated[str, typer.Option(help="How to reach the maintainers.")] = "",
    upload: Annotated[str, typer.Option(help="Address of an upload form (`serve` links its own).")] = "",
) -> None:
    """Write a static site that opens from disk and from any host."""
    from medvidbench.commands.leaderboard_site import run

    more = {"address": address, "contact": contact, "upload": upload}
    run(board, out, results=results or (), published=published, name=name, **more)


@board_app.command()
def diff(
    a: Annotated[Path, typer.Argument(help="leaderboard.json of the earlier build, or its site's folder.")],
    b: Annotated[Path, typer.Argument(help="The later one.")],
    as_json: Json = False,
) -> None:
    """What changed between two builds, and why."""
    from medvidbench.commands.leaderboard import diff as run

    run(a, b, as_json)


app.add_typer(board_app, name="leaderboard", rich_help_panel=PUBLISHING)
