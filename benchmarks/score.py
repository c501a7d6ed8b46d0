"""Speed of `medvidbench score`: whole process, scoring alone, rows per second a task, and growth to a million rows.

    python benchmarks/score.py            # about 5 minutes
    python benchmarks/score.py --quick    # up to 100,000 rows

The public evaluator's figures stand beside ours as its own measurements on the same kind of machine gave them
(one thread, 6,245 rows, without judge: 6.7 to 7.2 CPU s and 1 GB with exact labels, 15.5 CPU s with free text,
0.55 s for the scoring alone); it isn't run here, because its code is not part of this project.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from rows import BOARD, merged_rows, rows_of

OFFICIAL_EXACT_CPU, OFFICIAL_FREE_CPU, OFFICIAL_ALONE = 6.7, 15.5, 0.55


def whole_process(folder: Path, name: str, protocol: str, free_text: bool) -> tuple[float, float]:
    """CPU seconds and peak MB of `medvidbench score` as its own process: the median of three runs after a warm-up."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps(merged_rows(6245, free_text=free_text)))
    command = [
        str(Path(sys.executable).with_name("medvidbench")),
        "score",
        str(file),
        "--out",
        str(folder / f"{name}.results.json"),
    ]
    runs = []
    for _ in range(4):
        with Path(os.devnull).open("w") as null:
            child = subprocess.Popen([*command, "--protocol", protocol], stdout=null)
            _, status, usage = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
        runs.append((usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return sorted(runs[1:])[1]


def scoring_alone(rows: list[Any], protocol: str) -> float:
    """CPU seconds of a protocol on rows in memory, without intervals and files: best of 3 (1 above 50,000)."""
    repeats = 3 if len(rows) <= 50_000 else 1
    from medvidbench.evaluation.data import data_from_merged
    from medvidbench.evaluation.scoring import run_protocols
    from medvidbench.records import Answer

    if protocol == "official":
        from medvidbench.evaluation.protocols.official import score_official

        return min(timed(lambda: score_official(rows)) for _ in range(repeats))
    data = data_from_merged(rows, Path("rows"))
    answers = [Answer(s.sample_id, "m", r["answer"]) for s, r in zip(data.samples, rows, strict=True)]
    return min(timed(lambda: run_protocols(data, answers, "strict")) for _ in range(repeats))


def timed(work: Any) -> float:
    from medvidbench.commands.common import without_collector

    with without_collector():  # as the command does it
        started = time.process_time()
        work()
        return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("whole process, 6,245 rows, intervals and row file written (CPU s, peak MB; public evaluator / ours)")
        for label, protocol, free, theirs in (
            ("official, exact labels", "official", False, OFFICIAL_EXACT_CPU),
            ("official, free text", "official", True, OFFICIAL_FREE_CPU),
            ("strict", "strict", False, None),
            ("both", "both", False, None),
        ):
            cpu, memory = whole_process(folder, f"{protocol}-{free}", protocol, free)
            ratio = "" if theirs is None else f"   {theirs / cpu:4.1f}x"
            print(f"  {label:24} {cpu:6.2f} s {memory:7.0f} MB{ratio}")
    board = list(merged_rows(6245).values())
    for protocol in ("official", "strict"):
        alone = scoring_alone(board, protocol)
        ratio = f"   {OFFICIAL_ALONE / alone:4.1f}x" if protocol == "official" else ""
        print(f"  {protocol + ' scoring alone':24} {alone:6.3f} s{ratio}")
    print("\nrows per second a task (scoring alone)\n  task                        official     strict")
    for task in BOARD:
        rows = list(rows_of(task, 5000).values())
        print(f"  {task:24} " + "".join(f"{5000 / scoring_alone(rows, p):11,.0f}" for p in ("official", "strict")))
    print("\ngrowth (scoring alone, CPU s per 1,000 rows: flat is linear)\n  rows         official     strict")
    for total in (1_000, 10_000, 100_000) if quick else (1_000, 10_000, 100_000, 1_000_000):
        rows = list(merged_rows(total).values())
        cells = "".join(f"{1000 * scoring_alone(rows, p) / len(rows):11.3f}" for p in ("official", "strict"))
        print(f"  {total:9,}  {cells}   peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
