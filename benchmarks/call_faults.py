"""kill -9 at 20 random moments of 500 calls, one by one and as provider batches: nothing lost, nothing paid twice.

    python benchmarks/call_faults.py [--kills 20] [--seed 0] [--only calls|batches]

The tests run the same series with three kills. Some kills come after the work is done, when few calls are left;
"at work" counts the others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "models"))

from kill_calls import killed_runs
from openai_server import running_server
from test_call_kills import check_after_kills, check_batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("calls", "batches"))
    given = parser.parse_args()
    modes: dict[str, tuple[str, ...]] = {"calls": (), "batches": ("batch",)}
    for name_of_mode in [given.only] if given.only else modes:
        mode = modes[name_of_mode]
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as name, running_server(Path(name), latency_ms=150) as server:
            cache = Path(name) / "cache"
            killed = killed_runs(server, cache, 500, given.kills, given.seed, *mode)
            if mode:
                check_batches(server, cache, 500)
                found = f"{len(server.requests('/batches$'))} requests about batches, every call in one batch"
            else:
                check_after_kills(server, cache, 500, given.kills)
                found = f"{len(server.requests())} requests for 500 calls, each answered call sent no more"
        print(
            f"{'batches' if mode else 'calls':<8} {given.kills} kills, {killed} at work: {found}"
            f"   {time.perf_counter() - started:.0f} s"
        )


if __name__ == "__main__":
    main()
