"""The site: every page, the machine-readable board and the feed, in a folder that is replaced as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.report.build import FOLDER as REPORT
from medvidbench.evaluation.report.payload import deflated
from medvidbench.hashing import file_sha256
from medvidbench.leaderboards.entries import BOARD_METRICS, Leaderboard, entry_ids, is_web_address
from medvidbench.leaderboards.site.feed import atom
from medvidbench.leaderboards.site.model_page import model_view
from medvidbench.leaderboards.site.payload import payload_of
from medvidbench.leaderboards.site.scopes import all_rankings
from medvidbench.leaderboards.site.swap import replacing
from medvidbench.pages import render_page, write_page

FOLDER = Path(__file__).parent
TABLE_LIBRARY = FOLDER / "vendor" / "datatables" / "dataTables.min.js"
SCRIPTS = ("data.js", "cells.js", "table.js", "plot.js", "compare.js", "main.js")
MARK = "site.json"
FORMAT = "medvidbench.site/1"
HOME, SUBMIT, JSON_FILE, FEED = "index.html", "submit.html", "leaderboard.json", "feed.xml"


def build_site(board: Leaderboard | Path, out: Path, *, address: str = "", contact: str = "", upload: str = "") -> Path:
    """Writes the site and returns its first page.

    The folder holds index.html (tables, plots, comparison), models/ID.html, submit.html, leaderboard.json (the board
    with its rankings), feed.xml (Atom) and site.json (each file's SHA-256). It is written beside `out` and takes its
    place in one step. Equal boards give equal bytes.

    Args:
        board: the board, or where it lies: a board's folder, or a `leaderboard.json`.
        out: a folder that is new, empty, or of an earlier build.
        address: where the site will be read, for the feed's links; relative ones without it.
        contact: how to reach the maintainers, shown on the page for submitters.
        upload: address of an upload form, absolute or as seen from the first page; linked where there is one.

    Raises:
        MedVidBenchError: no board, no entry, an id twice, no web address, or `out` holds something else.
    """
    content = read_board(board) if isinstance(board, Path) else board
    if not content.entries:
        raise MedVidBenchError("The board has no entry to show.", "published rows, results, or a listed submission")
    if address and not is_web_address(address):
        raise MedVidBenchError(f"{address!r} is no http or https address.", "https://host/path/")
    if not _is_link(upload):
        raise MedVidBenchError(f"{upload!r} is no address of a form.", "https://host/path, or a path like upload")
    entry_ids(content.entries)
    _check_foreign(out)
    with replacing(out, MARK) as folder:
        _write_all(content, folder, address, {"contact": contact, "upload": upload})
    return out / HOME


def read_board(path: Path, published: bool = True) -> Leaderboard:
    """The content of a board's folder, of a site, or of a `leaderboard.json`.

    Args:
        published: whether the published rows are among it.

    Raises:
        MedVidBenchError: no board, or it can't be read.
    """
    if path.is_dir() and not (path / JSON_FILE).is_file():
        from medvidbench.leaderboards.board import Board

        return Board.open(path).leaderboard(published)
    file = path / JSON_FILE if path.is_dir() else path
    try:
        content = Leaderboard.from_json(file.read_bytes())
    except OSError as error:
        raise MedVidBenchError(f"{file} can't be read: {error.strerror}.", "a board's folder, or its JSON") from None
    if published:
        return content
    return content.model_copy(update={"entries": tuple(e for e in content.entries if e.table != "published")})


def _is_link(text: str) -> bool:
    return is_web_address(text) or re.fullmatch(r"[\w./-]*", text, re.ASCII) is not None


def _write_all(board: Leaderboard, folder: Path, address: str, about: Mapping[str, str]) -> None:
    rankings = all_rankings(board)
    overall = chain.from_iterable(found for (_, _, source), found in rankings.items() if not source)
    common: dict[str, Any] = {"board": board, "css": _css(), **about}
    page = render_page(
        FOLDER,
        "index.html.j2",
        js=_script(),
        rows=deflated(payload_of(board, rankings)),
        metrics=BOARD_METRICS,
        up="",
        **common,
    )
    write_page(folder / HOME, page)
    write_page(folder / SUBMIT, render_page(FOLDER, "submit.html.j2", up="", **common))
    for entry in board.entries:
        page = render_page(FOLDER, "model.html.j2", up="../", view=model_view(board, entry, rankings), **common)
        write_page(folder / "models" / f"{entry.entry_id}.html", page)
    whole = (
        board
        if board.rankings
        else board.model_copy(update={"rankings": tuple(ranking.as_dict() for ranking in overall)})
    )
    (folder / JSON_FILE).write_text(whole.to_json(), encoding="utf-8", newline="\n")
    (folder / FEED).write_bytes(atom(board, address))
    _write_mark(folder)


def _css() -> str:
    return (REPORT / "report.css").read_text("utf-8") + (FOLDER / "site.css").read_text("utf-8")


def _script() -> str:
    files = (TABLE_LIBRARY, REPORT / "dom.js", *(FOLDER / name for name in SCRIPTS))
    return "\n".join(file.read_text("utf-8") for file in files)


def _write_mark(folder: Path) -> None:
    files = {p.relative_to(folder).as_posix(): file_sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    text = json.dumps({"format": FORMAT, "files": files}, indent=1) + "\n"
    (folder / MARK).write_text(text, encoding="utf-8", newline="\n")


def _check_foreign(out: Path) -> None:
    """Files that somebody put into an earlier site would be lost with it."""
    if not (out / MARK).is_file():
        return
    try:
        known: Mapping[str, str] = json.loads((out / MARK).read_text("utf-8"))["files"]
    except (ValueError, KeyError, TypeError):
        raise MedVidBenchError(f"{out / MARK} is not one that a build wrote.", "an earlier site, unchanged") from None
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if not p.is_dir() or p.is_symlink()}
    others = sorted(there - {MARK, *known})
    if others:
        seen = f"{out} holds files that no build wrote, and replacing it would delete them: {', '.join(others[:5])}."
        raise MedVidBenchError(seen, remedy="move them away, or name another folder")
