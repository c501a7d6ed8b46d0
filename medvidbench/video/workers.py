"""Work on files in processes that may hang or crash: each costs its own clip and nothing else.

Decoders are C code fed with whatever people have on disk: they can loop for ever, and they can take the process down.
So a job runs in a process of its own pool, with a deadline after which that process is killed (SIGKILL: a decoder in
a loop hears nothing milder) and replaced; the clip is quarantined with a finding, and the run goes on.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Finding
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.frames import FrameSet

JobT = TypeVar("JobT")
ValueT = TypeVar("ValueT")

DEADLINE = 600.0
"""Seconds for one file. A 20-minute 1080p video takes about 180 s on one core when every frame must be decoded."""
START_DEADLINE = 120.0
"""Seconds for a worker process to start: imports on a busy machine."""
LOOK_AHEAD = 4
"""Jobs per worker that may be finished ahead of the one whose turn it is: bounds the results held."""


@dataclass(frozen=True)
class Outcome(Generic[JobT, ValueT]):
    """What became of one job: `value`, or a `finding` that says why there is none."""

    job: JobT
    value: ValueT | None
    finding: Finding | None


@dataclass(frozen=True)
class FrameJob:
    """The frames of one file at some times, by one of the readers of `medvidbench.video.readers`."""

    path: str
    times: tuple[float, ...]
    reader: str = "pyav"

    def __str__(self) -> str:
        return self.path


def read_job(job: FrameJob) -> FrameSet:
    """Do one `FrameJob` (in a worker)."""
    from medvidbench.video.readers import read_with

    return read_with(job.reader, job.path, job.times)


def read_many(
    jobs: Iterable[FrameJob], *, workers: int = 2, deadline: float = DEADLINE
) -> Iterator[Outcome[FrameJob, FrameSet]]:
    """The frames of many files, in the order of `jobs`; a bad file gives a finding instead of frames."""
    return run_jobs(read_job, jobs, workers=workers, deadline=deadline)


def run_jobs(
    work: Callable[[JobT], ValueT],
    jobs: Iterable[JobT],
    *,
    workers: int = 2,
    deadline: float = DEADLINE,
    file_of: Callable[[JobT], str] = str,
) -> Iterator[Outcome[JobT, ValueT]]:
    """`work(job)` for each job in its own process pool; outcomes in the order of `jobs`.

    Args:
        work: a module-level function (or a `partial` of one). What it raises as `MedVidBenchError` becomes a finding;
            anything else ends its process, with the traceback on stderr, and becomes a finding too.
        jobs: taken from lazily, a few ahead of the outcome that is next.
        workers: processes. One a core is best: each decodes with one thread.
        deadline: seconds for one job, counted from when a running worker gets it.
        file_of: the file to name in a finding.

    Raises:
        MedVidBenchError: fewer than one worker, or no worker can be started.
    """
    if workers < 1 or deadline <= 0:
        raise MedVidBenchError(f"{workers} workers, deadline {deadline} s.", "at least 1 worker, more than 0 s")
    pool = _Pool(work, workers, deadline, file_of)
    try:
        yield from pool.run(iter(jobs))
    finally:
        pool.close()


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    ready: bool
    since: float
    task: int | None = None


class _Pool:
    def __init__(
        self, work: Callable[[Any], Any], workers: int, deadline: float, file_of: Callable[[Any], str]
    ) -> None:
        methods = multiprocessing.get_all_start_methods()
        # never a plain fork: a decoder opened before it hangs or returns wrong frames after it
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        self._work, self._deadline, self._file_of = work, deadline, file_of
        self._workers = [self._start() for _ in range(workers)]
        self._done: dict[int, Outcome[Any, Any]] = {}
        self._running: dict[int, Any] = {}
        self._failed_starts = 0

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(self._work, theirs), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours, ready=False, since=time.monotonic())

    def run(self, jobs: Iterator[Any]) -> Iterator[Outcome[Any, Any]]:
        waiting: deque[tuple[int, Any]] = deque()
        given, turn, exhausted = 0, 0, False
        while True:
            while turn in self._done:
                yield self._done.pop(turn)
                turn += 1
            while not exhausted and given < turn + LOOK_AHEAD * len(self._workers):
                try:
                    waiting.append((given, next(jobs)))
                    given += 1
                except StopIteration:
                    exhausted = True
            if exhausted and turn == given:
                return
            self._hand_out(waiting)
            self._listen()

    def _hand_out(self, waiting: deque[tuple[int, Any]]) -> None:
        for worker in self._workers:
            if waiting and worker.ready and worker.task is None:
                worker.task, job = waiting.popleft()
                self._running[worker.task] = job
                worker.since = time.monotonic()
                try:
                    worker.pipe.send(job)
                except OSError:
                    self._lose(worker)

    def _listen(self) -> None:
        """Take what arrives until the next deadline; then end whoever is past his."""
        busy = [w for w in self._workers if w.task is not None or not w.ready]
        next_end = min(w.since + self._limit(w) for w in busy)
        pipes = {w.pipe: w for w in busy}
        for pipe in wait(list(pipes), timeout=max(0.0, next_end - time.monotonic())):
            self._take(pipes[pipe])  # type: ignore[index]
        for worker in busy:
            waits = worker.task is not None or not worker.ready
            if worker in self._workers and waits and time.monotonic() > worker.since + self._limit(worker):
                self._lose(worker, late=True)

    def _limit(self, worker: _Worker) -> float:
        return self._deadline if worker.ready else START_DEADLINE

    def _take(self, worker: _Worker) -> None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            self._lose(worker)
            return
        if not worker.ready:
            worker.ready, self._failed_starts = True, 0
            return
        if worker.task is None:
            return
        number, worker.task = worker.task, None
        job, (value, error) = self._running.pop(number), message
        self._done[number] = Outcome(job, value, None if error is None else self._finding(job, error))

    def _finding(self, job: Any, error: MedVidBenchError) -> Finding:
        if isinstance(error, UnreadableVideo):
            return error.finding()
        return Finding(self._file_of(job), "", str(error), "left out")

    def _lose(self, worker: _Worker, late: bool = False) -> None:
        """Kill and replace a worker; the clip it was on is quarantined."""
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        if worker.task is None:
            self._failed_starts += 1
            if self._failed_starts > len(self._workers):
                raise MedVidBenchError("Worker processes end before they have started.", remedy="see stderr for why")
        else:
            job = self._running.pop(worker.task)
            what = f"not done after {self._deadline:g} s" if late else _cause(worker.process.exitcode)
            finding = Finding(self._file_of(job), "", what, "quarantined: its worker was replaced, the run goes on")
            self._done[worker.task] = Outcome(job, None, finding)
        self._workers[self._workers.index(worker)] = self._start()

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()


def _cause(exit_code: int) -> str:
    if exit_code < 0:
        return f"the decoder crashed its process (signal {-exit_code})"
    return f"the decoder ended its process (exit code {exit_code})"


def _serve(work: Callable[[Any], Any], pipe: Connection) -> None:
    """A worker's life: say that it is there, then job in, (value, error) out, until the pipe closes."""
    pipe.send("ready")
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            answer: tuple[Any, MedVidBenchError | None] = (work(job), None)
        except MedVidBenchError as error:
            answer = (None, error if isinstance(error, UnreadableVideo) else MedVidBenchError(str(error)))
        pipe.send(answer)


def index_many(
    paths: Iterable[str | Path], *, workers: int = 2, deadline: float = DEADLINE, cache: Path | None = None
) -> Iterator[Outcome[str, Any]]:
    """The `VideoIndex` of each file, in order; a finding for each that can't be read."""
    from medvidbench.video.index_cache import index_of

    return run_jobs(partial(index_of, cache=cache), map(str, paths), workers=workers, deadline=deadline)
