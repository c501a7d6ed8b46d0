"""What the pages of the service show, and the policies that they are served with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.entries import BOARD_METRICS, Entry, Number
from medvidbench.leaderboards.serve.jobs import Job
from medvidbench.pages import render_page

FOLDER = Path(__file__).parent
TITLES = {
    "waiting": "Waiting",
    "scoring": "Being scored",
    "scored": "Scored",
    "refused": "Refused",
    "failed": "Failed",
}
BADGES = {"scored": "good", "refused": "bad", "failed": "bad", "scoring": "accent", "waiting": ""}
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]*)"')
NOTHING = "default-src 'none'"
MARK = "site.json"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".xml": "application/atom+xml; charset=utf-8",
}


def page(template: str, board: Board, **values: Any) -> str:
    """One of this package's pages."""
    css = (FOLDER / "serve.css").read_text(encoding="utf-8")
    return render_page(FOLDER, template, css=css, board=board.settings, **values)


def policy_of(html: str) -> str:
    """The content security policy of a page as it stands in its head, for the header; nobody may frame it."""
    found = _POLICY.search(html[:2_000])
    return f"{found[1] if found else NOTHING}; frame-ancestors 'none'"


def moment(seconds: float | None) -> str:
    """A time in UTC, to the second; "" without one."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def status_of(job: Job, ahead: int) -> dict[str, Any]:
    """What a submitter may know of a job, as JSON; no contact."""
    return {
        "state": job.state,
        "model": job.model,
        "team": job.team,
        "listed": job.listed,
        "sha256": job.sha256,
        "bytes": job.bytes,
        "received": moment(job.received),
        "ended": moment(job.ended),
        "ahead": ahead,
        "entry_id": job.entry_id,
        "said": job.said,
    }


def entry_of_job(board: Board, job: Job) -> Entry | None:
    """The entry that a scored job became, listed or not."""
    if job.state != "scored":
        return None
    return Entry.from_json((board.folder(job.entry_id) / "entry.json").read_bytes())


def numbers_of(entry: Entry) -> list[tuple[str, list[tuple[str, Number]]]]:
    """(protocol, lines): the columns of the public leaderboard first."""
    blocks = []
    for name, numbers in entry.protocols.items():
        columns = [m for m in BOARD_METRICS if m in numbers.metrics]
        columns += [m for m in numbers.metrics if m not in columns]
        blocks.append((f"{name} {numbers.version}", [(m, numbers.metrics[m]) for m in columns]))
    return blocks


def site_file(site: Path, path: str) -> tuple[bytes, str] | None:
    """Content and kind of a file that the last build of the site wrote; None for any other path.

    A client's path is looked up among the names that the build noted, never joined to a folder.
    """
    try:
        names: Mapping[str, str] = json.loads((site / MARK).read_text("utf-8"))["files"]
        found = next((name for name in names if name == (path or "index.html")), None)
        if found is None:
            return None
        return (site / found).read_bytes(), KINDS.get(Path(found).suffix, "application/octet-stream")
    except FileNotFoundError:
        return None
