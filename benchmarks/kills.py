"""kill -9 at 20 random moments, then resume: a build and an evaluation end as if nothing had happened.

    python benchmarks/kills.py             # both; --build or --eval for one, --kills N

The build runs offline with a frame store; the evaluation asks a local server with latency. The tests do the same with a
few kills. Recordings are simulated (SYNTHETIC).
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS / "curation"), str(TESTS / "models")]

from killing import build_command, contents, run_killed, timed  # noqa: E402
from openai_server import running_server  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--eval", action="store_true")
    parser.add_argument("--kills", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sources = written(Path(folder) / "raw")
        if given.build or not given.eval:
            killed_build(Path(folder), sources, given.kills)
        if given.eval or not given.build:
            killed_eval(Path(folder), sources, given.kills)


def written(raw: Path) -> list[tuple[str, Path]]:
    from medvidbench.synthetic.layouts import write_layout

    for key in ("cholect50", "nurvid", "egosurgery"):
        write_layout(key, raw / key, recordings=4, seconds=40, seed=1)
    return [(key, raw / key) for key in ("cholect50", "nurvid", "egosurgery")]


def killed_build(folder: Path, sources: list[tuple[str, Path]], kills: int) -> None:
    # one store for both: the manifest names it, and it is taken away between the two
    options = ("--similarity", "ngram", "--frame-store", str(folder / "store"), "--test-share", "0.5")
    seconds = timed(build_command(sources, folder / "calm", *options))
    subprocess.run(["rm", "-rf", str(folder / "store")], check=True)
    rng = random.Random(7)
    at_work, rounds, equal = 0, 0, 0
    while at_work < kills:
        # a new round after each build that got through: 20 kills are more than one build of seconds can take
        out = folder / "killed"
        subprocess.run(["rm", "-rf", str(out), str(folder / "killed.work"), str(folder / "store")], check=True)
        command = build_command(sources, out, *options)
        while not out.exists() and at_work < kills:
            at_work += run_killed(command, rng.uniform(0.3, seconds))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 and "already holds a benchmark" not in done.stderr:
            raise SystemExit(f"the build did not finish: {done.stdout}{done.stderr}")
        rounds += 1
        equal += contents(out) == contents(folder / "calm")
    print(f"build ({seconds:.1f} s undisturbed): {at_work} kills at work in {rounds} builds")
    print(f"  byte-identical to the undisturbed one: {equal} of {rounds}")


def killed_eval(folder: Path, sources: list[tuple[str, Path]], kills: int) -> None:
    bench = folder / "bench"
    subprocess.run(
        build_command(sources, bench, "--similarity", "ngram", "--test-share", "0.5"), check=True, capture_output=True
    )
    with running_server(folder, models="m", latency_ms=400) as server:

        def command(out: Path) -> list[str]:
            asked = ["eval", "--model", f"openai:m@{server.url}", "--data", str(bench), "--out", str(out)]
            return [sys.executable, "-m", "medvidbench", *asked, "--concurrency", "2"]

        rng = random.Random(3)
        at_work = sum(run_killed(command(folder / "run"), rng.uniform(1.5, 6.0)) for _ in range(kills))
        subprocess.run(command(folder / "run"), check=True, capture_output=True)
        served = Counter(row["body"] for row in server.requests())
        subprocess.run(command(folder / "still"), check=True, capture_output=True)
    answers, rows = "answers.jsonl", "results.rows.parquet"
    equal = all((folder / "run" / n).read_bytes() == (folder / "still" / n).read_bytes() for n in (answers, rows))
    texts = [(folder / n / "results.json").read_text().replace(str(folder / n), "RUN") for n in ("run", "still")]
    repeated = served.total() - len(served)
    print(f"eval: {kills} kills, {at_work} of them at work; {served.total()} requests for {len(served)} calls")
    print(f"  {repeated} attempts were cut off in flight; results identical: {equal and texts[0] == texts[1]}")


if __name__ == "__main__":
    main()
