"""`medvidbench leaderboard build`: a board, results of runs and the published rows as a site."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medvidbench.leaderboards.entries import Entry, Leaderboard

NAME = "MedVidBench leaderboard"


def run(
    board: Path | None,
    out: Path,
    *,
    results: Sequence[Path] = (),
    published: bool = True,
    name: str = "",
    address: str = "",
    contact: str = "",
    upload: str = "",
) -> None:
    """Writes the site and prints where it is.

    Args:
        board: a board's folder or a `leaderboard.json`; None for results and published rows alone.
        results: folders of `medvidbench eval`, or results files; they stand among the community's, or, measured on
            simulated recordings, among the synthetic rows. Their date is that of the file.
        published: adds the published rows.
        name: of the board; its own, or a general one, unless given.
        address: where the site will be read, for the feed.
        contact: how to reach the maintainers, for the page that says how to submit.
        upload: address of an upload form.
    """
    from medvidbench.leaderboards.site.build import build_site

    content = _content(board, [_entry(path) for path in results], published)
    if name:
        content = content.model_copy(update={"name": name})
    page = build_site(content, out, address=address, contact=contact, upload=upload)
    print(page)  # noqa: T201


def _content(board: Path | None, added: Sequence[Entry], published: bool) -> Leaderboard:
    from medvidbench import __version__
    from medvidbench.leaderboards.entries import Leaderboard
    from medvidbench.leaderboards.published_rows import published_entries
    from medvidbench.leaderboards.site.build import read_board

    if board is not None:
        content = read_board(board, published)
        # rankings that a board brought don't know the added rows
        changed = {"entries": (*content.entries, *added), **({"rankings": ()} if added else {})}
        return content.model_copy(update=changed)
    benchmarks = {e.hashes.benchmark or "" for e in added}
    return Leaderboard(
        name=NAME,
        updated=max((e.date for e in added), default=""),
        medvidbench=__version__,
        benchmark=benchmarks.pop() if len(benchmarks) == 1 else "",
        entries=(*(published_entries() if published else ()), *added),
    )


def _entry(path: Path) -> Entry:
    """The entry of a run; dated by its file, so that a later build of the same files is the same."""
    from medvidbench.evaluation.results import read_results
    from medvidbench.leaderboards.from_results import entry_of

    found = read_results(path)
    file = path / "results.json" if path.is_dir() else path
    written = datetime.fromtimestamp(file.stat().st_mtime, tz=timezone.utc)
    return entry_of(found, day=written.date().isoformat())
