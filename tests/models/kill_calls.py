"""A build that is killed: `python kill_calls.py URL FOLDER COUNT [batch]` sends COUNT calls, each reply to a file.

`killed_runs` starts it, kills it with SIGKILL at random moments, starts it again, and lets it end.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from call_runs import caller_on, text_calls
from openai_server import Running

from medvidbench.models.batch import BatchCaller


def killed_runs(server: Running, folder: Path, count: int, kills: int, seed: int, *mode: str) -> int:
    """Kills `kills` runs at random moments of their work, then lets one end; returns how many were killed at work."""
    rng = random.Random(seed)
    command = [sys.executable, __file__, server.url, str(folder), str(count), *mode]
    killed = 0
    for _ in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout
            run.stdout.readline()  # it says so when its imports are done
            time.sleep(rng.uniform(0.0, 1.0) ** 2 * 1.2)
            killed += run.poll() is None
            run.kill()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return killed


def main(url: str, folder: str, count: str, *mode: str) -> None:
    import openai  # noqa: F401  before the clock starts

    print("ready", flush=True)
    with caller_on(url, Path(folder), concurrency=8) as caller:
        batches = BatchCaller(caller, poll_seconds=0.05, most_requests=40)
        replies = batches.run(text_calls(int(count))) if mode else caller.run(text_calls(int(count)))
        for reply in replies:
            assert reply.text == reply.tag


if __name__ == "__main__":
    main(*sys.argv[1:])
