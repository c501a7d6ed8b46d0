"""Plan, write and read back as many annotation-derived questions as the published benchmark has (SYNTHETIC truth).

    python benchmarks/build.py            # 531,850 rows, 2 processes
    python benchmarks/build.py --scale 0.02

The aim: within 10 minutes and 2 GiB on 2 cores. Memory is the sum over all processes of the resident memory that they
don't share (USS), sampled ten times a second, so it counts what the machine must have.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

PUBLISHED = 531_850
TASKS = ("TAG", "STG", "NAP", "SA", "CVS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    os.environ["BIG_SOURCES_SCALE"] = str(given.scale)
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    sys.path.insert(0, here)
    multiprocessing.set_forkserver_preload(["big_sources"])
    import big_sources

    from medvidbench.benchmark import Benchmark
    from medvidbench.curation.build import build
    from medvidbench.curation.settings import BuildSettings

    peak = Peak()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "raw"
        root.mkdir()
        out = Path(folder) / "bench"
        marks = [("start", time.monotonic())]

        def say(stage: str, done: int, total: int) -> None:
            if done == total:
                marks.append((stage, time.monotonic()))

        settings = BuildSettings(tasks=TASKS, workers=given.workers)
        report = build([(key, root) for key in big_sources.COUNTS], out, settings, say)
        marks.append(("finish", time.monotonic()))
        rows = sum(report.counts.values())
        tables = {(task, source) for _, task, source in report.counts}
        read = sum(len(Benchmark.open(out).samples(tasks=[task], sources=[source])) for task, source in tables)
        marks.append(("read back", time.monotonic()))
        size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    seconds = marks[-1][1] - marks[0][1]
    for (_, before), (name, at) in pairwise(marks):
        print(f"{name:18s} {at - before:7.1f} s")
    print(f"{rows:,} rows planned, written ({size / 1e6:.0f} MB) and read back ({read:,}) in {seconds:.0f} s")
    print(f"peak memory of all processes: {peak.stop() / 2**20:.0f} MiB, of which the reading takes what its rows need")
    if given.scale == 1:
        print(f"published size {PUBLISHED:,}: {'reached' if rows >= PUBLISHED else 'NOT reached'}")
        print(f"within 10 minutes: {seconds <= 600}; within 2 GiB: {peak.most <= 2 * 2**30}")


class Peak:
    """The most memory that this process and all below it had to themselves at one time."""

    def __init__(self) -> None:
        self.most = 0
        self._go_on = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._go_on:
            self.most = max(self.most, sum(map(_private, _family(os.getpid()))))
            time.sleep(0.1)

    def stop(self) -> int:
        """Bytes."""
        self._go_on = False
        self._thread.join()
        return self.most


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [member for child in task.read_text().split() for member in _family(int(child))]
        except OSError:
            continue
    return found


def _private(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


if __name__ == "__main__":
    main()
