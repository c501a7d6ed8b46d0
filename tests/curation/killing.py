"""Builds that are killed at random moments, and what is compared afterwards."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def build_command(sources: Sequence[tuple[str, Path]], out: Path, *options: str) -> list[str]:
    named = [part for key, root in sources for part in ("--source", f"{key}={root}")]
    return [sys.executable, "-m", "medvidbench", "build", *named, "--out", str(out), *options]


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file by its path below the folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run_killed(command: Sequence[str], after: float) -> bool:
    """Starts the command in a process group of its own and kills the whole group; whether it was still running."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=dict(os.environ)
    )
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def killed_then_finished(command: Sequence[str], kills: int, longest: float, seed: int) -> int:
    """Kills the command `kills` times at random moments, then lets it finish; how often it was killed at work."""
    rng = random.Random(seed)
    at_work = sum(run_killed(command, rng.uniform(0.3, longest)) for _ in range(kills))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and "already holds a benchmark" not in done.stderr:
        raise AssertionError(f"the build did not finish: {done.stdout}{done.stderr}")
    return at_work


def timed(command: Sequence[str]) -> float:
    """Seconds of an undisturbed run."""
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - start
