"""Putting a finished folder in the place of another one, in a single step where the system has one.

A process that is killed leaves the old folder whole, and at most a hidden one beside it that the next build removes.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medvidbench.curation.folder import mend
from medvidbench.errors import MedVidBenchError

EXCHANGE = 2
"""RENAME_EXCHANGE of renameat2(2)."""
HERE = -100
"""AT_FDCWD."""


@contextmanager
def replacing(out: Path, mark: str) -> Iterator[Path]:
    """A new folder beside `out` that takes its place when the block ends without an error.

    Args:
        out: nothing, an empty folder, or one that holds the file `mark`, which an earlier build wrote.

    Raises:
        MedVidBenchError: something else is there, or the disk can't be written, inside the block too.
    """
    out = out.resolve()
    mend(out)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / mark).is_file())):
        raise MedVidBenchError(f"{out} holds something else.", "a folder that is new, empty, or of an earlier build")
    staging = out.with_name(f".{out.name}.{platform.node()}-{os.getpid()}.part")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        _take_place(staging, out)
    except OSError as error:
        raise MedVidBenchError(f"{out} can't be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _take_place(staging: Path, out: Path) -> None:
    """Afterwards `staging` is gone, or holds what stood at `out`."""
    if not out.exists():
        staging.rename(out)
    elif not exchange(staging, out):
        # two steps: a process killed between them leaves the old folder under another name, which `mend` puts back
        old = staging.with_suffix(".old")
        out.rename(old)
        try:
            staging.rename(out)
        except OSError:
            old.rename(out)
            raise
        shutil.rmtree(old)


def exchange(a: Path, b: Path) -> bool:
    """Swaps two folders in one step; False where system or file system can't."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and rename(HERE, os.fsencode(a), HERE, os.fsencode(b), EXCHANGE) == 0
