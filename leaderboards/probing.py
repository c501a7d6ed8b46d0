"""Limits on learning the truth from scores: near copies of earlier answers, and many submissions of one team.

Somebody who changes one answer at a time reads the truth off the score. So a submission whose answers equal those of an
earlier one (of anybody) in over 99 % of the rows is a near copy of it; only a few near copies of the same answers are
scored in a window of days, and each attempt is noted in the board's private folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.chain import Log
from medvidbench.records import Answer

NEAR = 0.99
ANSWERS = "answers.txt"


@dataclass(frozen=True)
class Probe:
    """What a submission looks like beside earlier ones.

    Attributes:
        nearest: id of the entry with the most equal answers; "" without any.
        share: equal answers over rows.
        near_copies: submissions in the window whose answers are nearly these.
        fault: why it may not be scored, or "".
    """

    nearest: str
    share: float
    near_copies: int
    fault: str


def answer_digests(answers: Sequence[Answer | None]) -> list[str]:
    """One short digest a row, in the order of the benchmark; "-" without an answer. White space at the ends is left
    out: it changes no score."""
    return [
        "-"
        if answer is None or answer.text is None
        else hashlib.sha256(answer.text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:16]
        for answer in answers
    ]


def write_digests(path: Path, digests: Sequence[str]) -> None:
    """One line a row."""
    path.write_text("\n".join(digests) + "\n", encoding="ascii")


def probe(board: Board, log: Log, team: str, digests: Sequence[str], moment: datetime | None = None) -> Probe:
    """Compares answers with those of every earlier submission, and counts what the window holds.

    Args:
        moment: now unless given.
    """
    limits = board.settings.limits
    since = (moment or datetime.now(timezone.utc)) - timedelta(days=limits.window_days)
    nearest, most, copies, own = "", 0.0, 0, 0
    for record in log.records:
        if record.kind != "submission":
            continue
        recent = datetime.fromisoformat(record.time) >= since
        own += recent and record.body["team"].casefold() == team.casefold()
        share = _share(board.private / record.body["entry_id"] / ANSWERS, digests)
        copies += recent and share > NEAR
        if share > most:
            nearest, most = record.body["entry_id"], share
    fault = ""
    if copies > limits.near_copies:
        fault = (
            f"{copies} submissions of the last {limits.window_days:g} days have the same answers in over "
            f"{100 * NEAR:.0f} % of the rows (at most {limits.near_copies} near copies of one submission)"
        )
    elif own >= limits.submissions:
        fault = f"{own} submissions of this team in the last {limits.window_days:g} days (at most {limits.submissions})"
    return Probe(nearest, most, copies, fault)


def _share(file: Path, digests: Sequence[str]) -> float:
    if not file.is_file():
        return 0.0
    before = file.read_text(encoding="ascii").split()
    if len(before) != len(digests) or not digests:
        return 0.0
    return sum(a == b for a, b in zip(before, digests, strict=True)) / len(digests)
