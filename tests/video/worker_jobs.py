"""Jobs for the worker tests: what real decoders do on bad days. Found by worker processes under this name."""

from __future__ import annotations

import os
import signal
import time

from medvidbench.errors import MedVidBenchError
from medvidbench.video.errors import UnreadableVideo


def by_name(job: str) -> str:
    """ "hang", "crash", "exit", "bug", "unreadable", "refused" do what they say; others come back in capitals."""
    if job == "hang":
        while True:
            time.sleep(60)
    if job == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if job == "exit":
        os._exit(3)
    if job == "bug":
        raise ZeroDivisionError("a bug, not a bad file")
    if job == "unreadable":
        raise UnreadableVideo("bad.mp4", "the file is empty", "download it again")
    if job == "refused":
        raise MedVidBenchError("Asked for the frame at 99 s.", "0 to 12 s")
    if job.startswith("slow"):
        time.sleep(0.4)
    return job.upper()


def ignores_signals(job: str) -> str:
    """Hangs deaf to everything that a process may ignore."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return by_name(job)


def process_id(job: str) -> int:
    """Which process did it."""
    time.sleep(0.05)
    return os.getpid()
