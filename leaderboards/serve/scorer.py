"""One submission in a process of its own: own session, limits on time, memory and files, low priority.

The process is forked from a server (`multiprocessing`'s "forkserver") that has imported what scoring needs and has seen
no submission. It dies with that server, and that one with the service.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.board import Board

IMPORTED = (
    "medvidbench.leaderboards.serve.scorer",
    "medvidbench.judges.specs",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
)
"""What the fork server imports once for all."""
FILE_BYTES = 1 << 30
OPEN_FILES = 256
DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
NOT_OURS = "The server could not score this submission. It is kept, and the maintainers can see why."


@dataclass(frozen=True)
class Confines:
    """Limits of a process; see `settings.Settings`."""

    seconds: int
    bytes: int
    niceness: int


@dataclass(frozen=True)
class Task:
    """What to score, and where."""

    file: Path
    sha256: str
    model: str
    team: str
    contact: str
    link: str
    listed: bool
    board: Path
    benchmark: Path
    answers: Path | None
    judge_cache: Path | None
    confines: Confines


@dataclass(frozen=True)
class Outcome:
    """How a job ended: "scored" with an entry, "refused" or "failed" with what is said to the submitter."""

    state: str
    entry_id: str = ""
    said: str = ""


def score_job(task: Task, answer: Connection) -> None:
    """Scores and records one submission, and sends its `Outcome` as JSON: the main function of the process."""
    confine(task.confines)
    answer.send_bytes(json.dumps(vars(outcome_of(task))).encode())


def build_job(board: Path, out: Path, niceness: int) -> None:
    """Builds the board's site: the main function of its process."""
    from medvidbench.leaderboards.site.build import build_site

    confine(Confines(600, 4 << 30, niceness))
    try:
        build_site(board, out, upload="upload")
    except MedVidBenchError as error:
        raise SystemExit(f"The site can't be built: {error}") from None


def confine(limits: Confines) -> None:
    """Puts this process into a session of its own and limits it."""
    os.setsid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    service = parent_process()
    if service is not None and not service.is_alive():
        raise SystemExit("The service is gone.")  # before the line above could say so
    os.nice(limits.niceness)
    wanted = {
        resource.RLIMIT_CPU: limits.seconds,
        resource.RLIMIT_AS: limits.bytes,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def outcome_of(task: Task) -> Outcome:
    """Scores a submission unless the board has it already: a job whose first worker was killed is not scored twice."""
    from medvidbench.leaderboards.submit import Refused, submit

    try:
        known = recorded(task)
        if known:
            return Outcome("scored", known)
        done = submit(
            task.file,
            name=task.model,
            team=task.team,
            contact=task.contact,
            link=task.link,
            listed=task.listed,
            board=task.board,
            benchmark=task.benchmark,
            answers=task.answers,
            judge_cache=task.judge_cache,
        )
    except Refused as error:
        # another worker may have been faster; if not, the submitter learns why, but not where things lie
        known = recorded(task)
        return Outcome("scored", known) if known else Outcome("refused", said=_public(str(error), task))
    except MedVidBenchError as error:
        print(f"{task.file.name}: {error}", file=sys.stderr)  # noqa: T201 - the service's log
        return Outcome("failed", said=NOT_OURS)
    except MemoryError:
        return Outcome("failed", said=f"Scoring needed over {task.confines.bytes >> 20:,} MiB of memory.")
    return Outcome("scored", done.entry.entry_id)


def recorded(task: Task) -> str:
    """The entry that the board has of these very bytes from this team under this name, or ""."""
    for record in Board.open(task.board).log().records:
        body = record.body
        own = record.kind == "submission" and (body["model"], body["team"]) == (task.model, task.team)
        if own and body["predictions"]["sha256"] == task.sha256:
            return str(body["entry_id"])
    return ""


def _public(text: str, task: Task) -> str:
    for folder in (task.board, task.board.resolve(), task.benchmark, task.file.parent):
        text = text.replace(str(folder), "...")
    return text
