"""`medvidbench leaderboard submit`, `verify`, `promote` and `diff`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from medvidbench.leaderboards.board import Board
    from medvidbench.leaderboards.verify import Verified


def submit(
    predictions: Path,
    name: str,
    board: Path,
    benchmark: Path,
    *,
    team: str,
    contact: str,
    link: str = "",
    sign: Path | None = None,
    listed: bool = True,
    table: str = "community",
    certificates: Sequence[Path] = (),
    evaluated: Path | None = None,
    answers: Path | None = None,
    judge: str | None = None,
    judge_cache: Path | None = None,
    board_name: str = "",
) -> None:
    """Scores and records a file of predictions; a new or empty folder becomes a board on this benchmark first.

    Args:
        judge: specs of a new board's judges, with ";" between; "concept" unless given.
        board_name: of a new board; the folder's name unless given.
    """
    from medvidbench.commands.common import without_collector
    from medvidbench.leaderboards.submit import submit as hand_in

    if table not in ("community", "verified"):
        raise MedVidBenchError(f"Unknown table {table!r}.", "community, verified")
    place = _board(board, benchmark, answers, judge, board_name)
    with without_collector():
        done = hand_in(
            predictions,
            name=name,
            team=team,
            contact=contact,
            link=link,
            board=place.path,
            benchmark=benchmark,
            sign=sign,
            listed=listed,
            table="verified" if table == "verified" else "community",
            certificates=certificates,
            evaluated=evaluated,
            answers=answers,
            judge_cache=judge_cache,
        )
    for notice in done.notices:
        print(f"notice: {notice}")  # noqa: T201
    for flag in done.entry.flags:
        print(f"flag: {flag.kind}: {flag.what}")  # noqa: T201
    shown = "listed" if done.entry.listed else "not listed"
    print(f"{done.entry.entry_id}: record {done.record.number} of {place.chain}, {shown}")  # noqa: T201


def _board(folder: Path, benchmark: Path, answers: Path | None, judge: str | None, name: str) -> Board:
    from medvidbench.evaluation.data import load_data
    from medvidbench.leaderboards.board import SETTINGS, Board, Settings

    if (folder / SETTINGS).exists():
        if judge or name:
            raise MedVidBenchError(f"{folder} is a board already; its name and judges are in {SETTINGS}.")
        return Board.open(folder)
    judges = tuple(part.strip() for part in (judge or "concept").split(";") if part.strip())
    settings = Settings(
        name=name or folder.resolve().name,
        benchmark=load_data(benchmark, answers=answers).digest,
        benchmark_name=benchmark.resolve().name,
        judges=judges,
    )
    return Board.create(folder, settings)


def verify(
    board: Path,
    entry_ids: Sequence[str] = (),
    benchmark: Path | None = None,
    *,
    answers: Path | None = None,
    judge_cache: Path | None = None,
    must_be_signed: bool = False,
    every_number: bool = False,
) -> bool:
    """Checks the named entries, or all; prints what holds, and returns whether all of it does (exit 1 if not).

    Args:
        every_number: also print the numbers that hold.
    """
    from medvidbench.leaderboards.board import Board
    from medvidbench.leaderboards.verify import verify as look

    records = Board.open(board).log().records
    wanted = list(entry_ids) or [r.body["entry_id"] for r in records if r.kind == "submission"]
    options: dict[str, Any] = {"answers": answers, "judge_cache": judge_cache, "must_be_signed": must_be_signed}
    found = [look(board, i, benchmark, **options) for i in wanted]
    for one in found:
        _print_verified(one, every_number)
    if not found:
        print("The board has no entries.")  # noqa: T201
    return all(one.holds for one in found)


def _print_verified(found: Verified, every_number: bool) -> None:
    how = "scored again from its predictions" if found.rescored else "compared with its results file, not scored again"
    print(f"{found.entry_id}: {'holds' if found.holds else 'DOES NOT HOLD'} ({how})")  # noqa: T201
    for check in found.checks:
        print(f"  {'ok  ' if check.holds else 'FAIL'} {check.what}{': ' if check.why else ''}{check.why}")  # noqa: T201
    for number in found.numbers:
        if every_number or not number.holds:
            place = f"{number.protocol} {number.source or 'all'} {number.metric}"
            print(f"  {'ok  ' if number.holds else 'FAIL'} {place}: shown {number.shown}, found {number.found}")  # noqa: T201
    held = sum(number.holds for number in found.numbers)
    print(f"  {held} of {len(found.numbers)} numbers hold")  # noqa: T201


def promote(
    board: Path, entry_id: str, reason: str, *, by: str, to: str = "verified", sign: Path | None = None
) -> None:
    """Moves an entry between the tables, with a record that says why."""
    from medvidbench.leaderboards.promote import promote as move

    if to not in ("community", "verified"):
        raise MedVidBenchError(f"Unknown table {to!r}.", "verified, community")
    record = move(board, entry_id, reason, by=by, to="verified" if to == "verified" else "community", sign=sign)
    print(f"{entry_id}: {record.body['from']} to {record.body['to']}, record {record.number}")  # noqa: T201


def diff(a: Path, b: Path, as_json: bool = False) -> None:
    """Prints what changed between two builds, and why."""
    from medvidbench.leaderboards.diff import as_text, read_leaderboard
    from medvidbench.leaderboards.diff import diff as compare

    found = compare(read_leaderboard(a), read_leaderboard(b))
    print(found.as_json() if as_json else as_text(found), end="")  # noqa: T201
