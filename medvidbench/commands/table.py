"""`medvidbench table`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from medvidbench.leaderboards.entries import Entry


def run(
    results: Sequence[Path],
    form: str,
    protocol: str | None,
    metrics: str | None,
    source: str,
    out: Path | None,
    *,
    published: bool = False,
    board: Path | None = None,
    show: str = "all",
    info: str = "",
    rank_by: str = "",
    paper: bool = False,
) -> None:
    """Read the result files and the other rows, render, print or write.

    Args:
        protocol, metrics, source, info: several with commas between; a source "all" is that over all sources.
        published: adds the published rows.
        board: adds the listed entries of a board folder.
        rank_by: a ranking that orders the rows; "" keeps them as given.
        paper: the published table exactly: its columns, values alone, protocol official, the given results below.
    """
    from medvidbench.evaluation.results import read_results
    from medvidbench.leaderboards.entries import BOARD_METRICS
    from medvidbench.leaderboards.from_results import entry_of
    from medvidbench.leaderboards.published_rows import published_entries
    from medvidbench.leaderboards.ranking import rank
    from medvidbench.leaderboards.tables import render_table

    entries: list[Entry] = [*(published_entries() if published or paper else ()), *_of_board(board)]
    entries += [entry_of(read_results(path), entry_id=f"row-{i}") for i, path in enumerate(results)]
    if not entries:
        raise MedVidBenchError("There is no row to show.", "results.json files, --published, --paper, or --board DIR")
    wanted = list(BOARD_METRICS) if paper else _parts(metrics)
    protocols = ["official"] if paper else _parts(protocol) or None
    sources = ["" if name == "all" else name for name in _parts(source)] or [""]
    ranking = None
    if rank_by:
        first = protocols[0] if protocols else next(iter(entries[0].protocols))
        ranking = rank(entries, rank_by, protocol=first, metrics=wanted, source=sources[0])
    text = render_table(
        entries,
        form,
        protocols,
        wanted,
        sources,
        show="values" if paper else show,
        info=_parts(info),
        ranking=ranking,
    )
    if out is None:
        print(text, end="")  # noqa: T201
    else:
        out.write_text(text, encoding="utf-8")


def _parts(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _of_board(folder: Path | None) -> list[Entry]:
    if folder is None:
        return []
    from medvidbench.leaderboards.board import Board

    return [entry for entry in Board.open(folder).entries() if entry.listed]
