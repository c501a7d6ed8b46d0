"""Limits on learning the truth from scores: near copies of earlier answers, and many submissions of one team.

Somebody who changes one answer at a time reads the truth off the score. So a submission whose answers equal those of an
earlier one (of anybody) in over 99 % of the rows is a near copy of it; only a few near copies of the same answers are
scored in a window of days, and each attempt is noted in the board's private folder. Answers are equal when the same is
read from them, so that another wording around the same times, boxes or scores is no other answer. Somebody who moves
every number a little is held back by the limit on a team's submissions alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.chain import Log
from medvidbench.records import Answer, Caption, Sample, Unparsed
from medvidbench.tasks.registry import TASKS, context_of

NEAR = 0.99
ANSWERS = "answers.u64"
Digests: TypeAlias = NDArray[np.uint64]


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


def answer_digests(samples: Sequence[Sample], answers: Sequence[Answer | None]) -> Digests:
    """(N,) one number a row of what its answer says, in the order of the benchmark; 0 without an answer."""
    pairs = zip(samples, answers, strict=True)
    said = ["" if a is None or a.text is None else "=" + _said(s, a.text) for s, a in pairs]
    return np.array([_digest(text) if text else 0 for text in said], dtype=np.uint64)


def _said(sample: Sample, text: str) -> str:
    """What is read from an answer; of a caption, and where nothing can be read, its words alone."""
    read = TASKS[sample.task].read(text, context_of(sample))
    if isinstance(read, (Caption, Unparsed)):
        return " ".join(re.findall(r"\w+", text.casefold()))
    return repr(replace(read, flags=()))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def write_digests(path: Path, digests: Digests) -> None:
    """Eight bytes a row."""
    path.write_bytes(digests.astype("<u8").tobytes())


def probe(board: Board, log: Log, team: str, digests: Digests, moment: datetime | None = None) -> Probe:
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


def _share(file: Path, digests: Digests) -> float:
    if not file.is_file():
        return 0.0
    before = np.frombuffer(file.read_bytes(), dtype="<u8")
    return float(np.mean(before == digests)) if len(before) == len(digests) else 0.0
