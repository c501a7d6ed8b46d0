"""One build a folder: the second one is told so, and a killed one leaves no lock behind (the system drops it)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medvidbench.curation.stages import sweep
from medvidbench.errors import MedVidBenchError


@contextmanager
def only_build(work: Path, rank: int | None = None) -> Iterator[None]:
    """Holds the work folder while inside. Ranks hold a lock each, and work beside a build that does all.

    What killed processes left half-written is removed by a build that finds itself alone.

    Raises:
        MedVidBenchError: another build (or the same rank) works there, or the folder can't be made.
    """
    from filelock import FileLock, Timeout

    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / (".lock" if rank is None else f".lock-rank-{rank}"), timeout=0)
        lock.acquire()
    except Timeout:
        seen = f"Another build works in {work} at this moment."
        raise MedVidBenchError(seen, remedy="wait for it, or name another --work") from None
    except OSError as error:
        raise MedVidBenchError(f"{work} can't be used: {error}", "a folder that can be written") from error
    try:
        if rank is None and not _ranks_at_work(work):
            sweep(work)
        yield
    finally:
        lock.release()


def _ranks_at_work(work: Path) -> bool:
    from filelock import FileLock, Timeout

    for file in work.glob(".lock-rank-*"):
        try:
            with FileLock(file, timeout=0):
                continue
        except Timeout:
            return True
    return False
