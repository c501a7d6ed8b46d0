"""The thread that keeps scoring processes busy: it claims jobs, renews leases, kills what takes too long, and lets the
site be built again."""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from medvidbench.leaderboards.serve import jobs
from medvidbench.leaderboards.serve.jobs import Job
from medvidbench.leaderboards.serve.scorer import IMPORTED, NOT_OURS, Confines, Outcome, Task, build_job, score_job
from medvidbench.leaderboards.serve.settings import Settings

POLL = 0.5
SITE_EVERY = 60.0
"""Seconds between two builds of the site while jobs wait."""
GRACE = 5.0
log = logging.getLogger("medvidbench.serve")


@dataclass
class _Running:
    """A job with its process; `outcome` when it has one that the store doesn't know yet."""

    job: Job
    process: BaseProcess
    answer: Connection
    deadline: float
    outcome: Outcome | None = None


class Worker(threading.Thread):
    """See the module. `wake` makes it look at the queue at once, `stop` ends it and lets its jobs wait again."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        super().__init__(name="worker", daemon=True)
        self._settings, self._engine = settings, engine
        self._owner = secrets.token_hex(16)
        self._running: list[_Running] = []
        self._wake, self._ended = threading.Event(), threading.Event()
        self._renewed = self._built = -float("inf")
        self._site_due, self._site_failed = True, False
        self._building: BaseProcess | None = None
        self._processes = get_context("forkserver")
        self._processes.set_forkserver_preload(list(IMPORTED))

    def wake(self) -> None:
        """There may be a job."""
        self._wake.set()

    def stop(self) -> None:
        """Ends the thread; returns when its processes are gone."""
        self._ended.set()
        self._wake.set()
        self.join()

    def run(self) -> None:
        """Works until `stop`."""
        while not self._ended.is_set():
            try:
                self._turn()
            except DBAPIError as error:
                log.warning("the queue's database fails: %s", error.orig)
                self._ended.wait(2 * POLL)
        for running in self._running:
            _kill(running.process)
            with suppress(DBAPIError):
                jobs.give_back(self._engine, running.job, counts=False)
        if self._building is not None:
            _kill(self._building)

    def _turn(self) -> None:
        self._renew()
        idle = self._fill()
        self._tend_site(idle)
        if self._running:
            wait([running.answer for running in self._running], POLL)
        else:
            self._wake.wait(POLL)
        self._wake.clear()
        for running in self._running:
            running.outcome = running.outcome or self._outcome(running)
        for running in [r for r in self._running if r.outcome is not None]:
            self._end(running)

    def _renew(self) -> None:
        if self._running and time.monotonic() - self._renewed > self._settings.lease_seconds / 4:
            jobs.renew(self._engine, self._owner, self._settings.lease_seconds)
            self._renewed = time.monotonic()

    def _fill(self) -> bool:
        """Starts jobs while there is room; whether nothing waits."""
        while len(self._running) < self._settings.workers:
            job = jobs.claim(self._engine, self._owner, self._settings.lease_seconds)
            if job is None:
                return True
            self._start(job)
        return False

    def _start(self, job: Job) -> None:
        if job.attempts > self._settings.attempts:
            jobs.finish(self._engine, job, "failed", said=NOT_OURS)
            return
        mine, theirs = self._processes.Pipe(duplex=False)
        process = self._processes.Process(target=score_job, args=(self._task(job), theirs), daemon=True)
        begun = self._begun(process)
        theirs.close()
        if begun:
            self._running.append(_Running(job, process, mine, time.monotonic() + self._settings.job_seconds))
        else:
            mine.close()
            jobs.give_back(self._engine, job)

    def _begun(self, process: BaseProcess) -> bool:
        """Starts a process. False: the fork server was killed at that moment (the next start makes a new one), or the
        system gives no process; after a pause, so that trying again costs little."""
        try:
            process.start()
        except (EOFError, OSError) as error:
            log.warning("a process can't be started: %s", error)
            self._ended.wait(POLL)
            return False
        return True

    def _task(self, job: Job) -> Task:
        s = self._settings
        return Task(
            file=s.uploads / job.job_id,
            sha256=job.sha256,
            model=job.model,
            team=job.team,
            contact=job.contact,
            link=job.link,
            listed=job.listed,
            board=s.board,
            benchmark=s.benchmark,
            answers=s.answers,
            judge_cache=s.judge_cache,
            confines=Confines(s.job_seconds, s.job_bytes, s.niceness),
        )

    def _outcome(self, running: _Running) -> Outcome | None:
        """What became of a process; None while it works."""
        if running.answer.poll():
            try:
                return Outcome(**json.loads(running.answer.recv_bytes()))
            except (EOFError, OSError):
                running.process.join(GRACE)
                return self._died(running)
        if time.monotonic() > running.deadline:
            return self._too_long()
        return None

    def _died(self, running: _Running) -> Outcome:
        """Without an answer: "again" lets the job wait for another attempt."""
        code = running.process.exitcode
        log.warning("job %d: its process ended with %s", running.job.number, code)
        if code == -signal.SIGXCPU:
            return self._too_long()
        if running.job.attempts >= self._settings.attempts:
            return Outcome("failed", said=NOT_OURS)
        return Outcome("again")

    def _too_long(self) -> Outcome:
        return Outcome("failed", said=f"Scoring took over {self._settings.job_seconds:,} seconds.")

    def _end(self, running: _Running) -> None:
        """Tells the store, then lets go: a store that fails is told again in the next turn."""
        outcome = running.outcome
        assert outcome is not None
        mine = False
        if outcome.state == "again":
            jobs.give_back(self._engine, running.job)
        else:
            state = next(s for s in jobs.ENDED if s == outcome.state)
            mine = jobs.finish(self._engine, running.job, state, entry_id=outcome.entry_id, said=outcome.said)
        self._running.remove(running)
        running.answer.close()
        _kill(running.process)
        self._site_due = self._site_due or outcome.state == "scored"
        if mine and outcome.state in ("scored", "refused"):
            (self._settings.uploads / running.job.job_id).unlink(missing_ok=True)

    def _tend_site(self, idle: bool) -> None:
        """Builds the site when something changed and the queue is empty, or it is a minute old; a build that failed
        (or was killed) is tried again after a minute."""
        if self._building is not None:
            if self._building.is_alive():
                return
            self._site_failed = bool(self._building.exitcode)
            if self._site_failed:
                log.warning("building the site ended with %s", self._building.exitcode)
                self._site_due = True
            self._building = None
        old = time.monotonic() - self._built > SITE_EVERY
        if self._site_due and (old or (idle and not self._running and not self._site_failed)):
            self._site_due, self._built = False, time.monotonic()
            s = self._settings
            self._building = self._processes.Process(target=build_job, args=(s.board, s.site, s.niceness), daemon=True)
            if not self._begun(self._building):
                self._building, self._site_due = None, True


def _kill(process: BaseProcess) -> None:
    """Ends a process and whatever it started; none is left when this returns."""
    if process.pid is not None and process.is_alive():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.join(GRACE)
