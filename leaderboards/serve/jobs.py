"""The queue: a job is an upload on the disk, and goes waiting -> scoring -> scored, refused or failed.

A claim is one UPDATE (with SKIP LOCKED on PostgreSQL), held by a lease that its worker renews; when the worker is
killed the lease runs out and somebody else claims the job. Both may then work on it: the board's chain takes the same
predictions only once, so the job still counts once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Engine, Row, and_, func, or_, select, update

from medvidbench.leaderboards.serve.store import jobs
from medvidbench.leaderboards.serve.tokens import spend

State: TypeAlias = Literal["waiting", "scoring", "scored", "refused", "failed"]
ENDED: tuple[State, ...] = ("scored", "refused", "failed")


@dataclass(frozen=True)
class Asked:
    """What was uploaded. The upload's file bears the `job_id` as its name."""

    job_id: str
    token_id: str
    team: str
    model: str
    contact: str
    link: str
    listed: bool
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Job(Asked):
    """A job as it stands in the queue.

    Attributes:
        number: order of arrival.
        owner: the worker that claimed it last.
        claimed_until, received, ended: seconds since 1970.
        entry_id: of the board, when scored.
        said: why it was refused or failed, for the submitter.
    """

    number: int
    state: State
    attempts: int
    owner: str
    claimed_until: float
    received: float
    ended: float | None
    entry_id: str
    said: str


def new_id() -> str:
    """An id that can't be guessed: 256 random bits."""
    return secrets.token_urlsafe(32)


def enqueue(engine: Engine, asked: Asked) -> bool:
    """Takes a job in and spends one use of its token, both or neither. False: the token has no use left."""
    moment = time.time()
    row = vars(asked) | {"state": "waiting", "attempts": 0, "owner": "", "claimed_until": 0.0}
    with engine.begin() as connection:
        if not spend(connection, asked.token_id, moment):
            return False
        connection.execute(jobs.insert().values(**row, received=moment, entry_id="", said=""))
    return True


def claim(engine: Engine, owner: str, lease: float) -> Job | None:
    """The oldest job that waits, or whose worker is gone; None without any."""
    moment = time.time()
    free = or_(jobs.c.state == "waiting", and_(jobs.c.state == "scoring", jobs.c.claimed_until < moment))
    first = select(jobs.c.number).where(free).order_by(jobs.c.number).limit(1).with_for_update(skip_locked=True)
    taken = {"state": "scoring", "owner": owner, "claimed_until": moment + lease, "attempts": jobs.c.attempts + 1}
    # `free` again: on PostgreSQL the row may have changed between the sub-query and its lock
    taking = update(jobs).where(jobs.c.number == first.scalar_subquery(), free).values(**taken).returning(*jobs.c)
    with engine.begin() as connection:
        row = connection.execute(taking).first()
    return None if row is None else _job(row)


def renew(engine: Engine, owner: str, lease: float) -> None:
    """Says that a worker is alive: its jobs stay its own."""
    own = update(jobs).where(jobs.c.owner == owner, jobs.c.state == "scoring")
    with engine.begin() as connection:
        connection.execute(own.values(claimed_until=time.time() + lease))


def finish(engine: Engine, job: Job, state: State, *, entry_id: str = "", said: str = "") -> bool:
    """Ends a job of its owner. False: it is another worker's by now, whose word counts."""
    ended: dict[str, object] = {"state": state, "ended": time.time(), "entry_id": entry_id, "said": said}
    if state != "failed":  # one that failed is tried again, and needs it
        ended["contact"] = ""
    own = update(jobs).where(jobs.c.number == job.number, jobs.c.owner == job.owner, jobs.c.state == "scoring")
    with engine.begin() as connection:
        return connection.execute(own.values(**ended)).rowcount == 1


def give_back(engine: Engine, job: Job, counts: bool = True) -> None:
    """Lets a job wait again. `counts`: False takes the attempt off, for a worker that was told to stop."""
    again = {"state": "waiting", "owner": "", "claimed_until": 0.0}
    own = update(jobs).where(jobs.c.number == job.number, jobs.c.owner == job.owner, jobs.c.state == "scoring")
    with engine.begin() as connection:
        connection.execute(own.values(**again, attempts=jobs.c.attempts - (0 if counts else 1)))


def find_job(engine: Engine, job_id: str) -> Job | None:
    """The job with this id."""
    with engine.connect() as connection:
        row = connection.execute(select(*jobs.c).where(jobs.c.job_id == job_id)).first()
    return None if row is None else _job(row)


def ahead_of(engine: Engine, job: Job) -> int:
    """Jobs that will be scored before this one."""
    before = select(func.count()).where(jobs.c.number < job.number, jobs.c.state.in_(("waiting", "scoring")))
    with engine.connect() as connection:
        return connection.execute(before).scalar_one()


def counts(engine: Engine) -> dict[str, int]:
    """Jobs by state; every state is there."""
    states: Sequence[str] = ("waiting", "scoring", *ENDED)
    with engine.connect() as connection:
        found = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
        return dict.fromkeys(states, 0) | {row.state: row[1] for row in found}


def in_line(engine: Engine, most: int) -> list[Job]:
    """The first `most` jobs that wait or are being scored, in their order."""
    query = select(*jobs.c).where(jobs.c.state.in_(("waiting", "scoring"))).order_by(jobs.c.number).limit(most)
    with engine.connect() as connection:
        return [_job(row) for row in connection.execute(query)]


def known_ids(engine: Engine) -> dict[str, State]:
    """Every job's state by its id, to find uploads that belong to none."""
    with engine.connect() as connection:
        return {row.job_id: row.state for row in connection.execute(select(jobs.c.job_id, jobs.c.state))}


def retry_failed(engine: Engine) -> int:
    """Lets the jobs wait again that the server failed on; how many there were."""
    again = {"state": "waiting", "attempts": 0, "owner": "", "claimed_until": 0.0, "ended": None, "said": ""}
    with engine.begin() as connection:
        return connection.execute(update(jobs).where(jobs.c.state == "failed").values(**again)).rowcount


def _job(row: Row[tuple[object, ...]]) -> Job:
    return Job(**row._mapping)
