"""Many uploads at once to a board's service: none lost, none scored twice, memory, and how fast status pages stay.

    python benchmarks/leaderboard_load.py                          # 200 uploads of 6,245 rows, SQLite
    python benchmarks/leaderboard_load.py --queue postgresql       # a private cluster, started and removed
    python benchmarks/leaderboard_load.py --uploads 12 --rows 300  # the size that the tests run

Server, scoring processes, the uploading client and the client that asks for status pages share the machine's cores. The
rows are made up; their numbers mean nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "leaderboards"))

import httpx
import serving
from rows import merged_rows


@dataclass(frozen=True)
class Load:
    """What was seen.

    Attributes:
        upload_seconds: until all were received.
        seconds: until all were scored.
        status_ms: how long each status page took.
        server_mb, scorer_mb: the most that the server's process, and any scoring process, held.
    """

    uploads: int
    states: dict[str, int]
    records: int
    different: int
    upload_seconds: float
    seconds: float
    status_ms: list[float]
    server_mb: float
    scorer_mb: float

    def quantile(self, share: float) -> float:
        """Status pages that took at most so many ms."""
        times = sorted(self.status_ms)
        return times[min(len(times) - 1, int(share * len(times)))]


def make_board(folder: Path, rows: int) -> tuple[Path, Path, list[dict[str, Any]]]:
    """A board, its truth, and one answer a row in the order of the ids."""
    from medvidbench.evaluation.data import load_data
    from medvidbench.leaderboards.board import Board, Settings

    merged = list(merged_rows(rows).values())
    truth = folder / "truth.json"
    truth.write_text(json.dumps([{k: v for k, v in row.items() if k != "answer"} for row in merged]))
    data = load_data(truth)
    Board.create(folder / "board", Settings(name="Load", benchmark=data.digest, benchmark_name="made-up rows"))
    said = {row["question"]: row for row in merged}
    rows_said = [(s, said[s.question]) for s in data.samples]
    answers = [{"sample_id": s.sample_id, "prediction": r["answer"], "qa_type": r["qa_type"]} for s, r in rows_said]
    return folder / "board", truth, answers


def predictions_of(answers: list[dict[str, Any]], number: int) -> bytes:
    """Answers that differ from everybody else's in every span, a quarter of the rows."""
    rng = random.Random(number)

    def said(row: dict[str, Any]) -> str:
        a = 20 * rng.random()
        return f"{a:.1f}-{a + 1 + 20 * rng.random():.1f} seconds." if row["qa_type"] == "tal" else row["prediction"]

    return json.dumps([row | {"prediction": said(row)} for row in answers]).encode()


async def upload_all(url: str, tokens: list[str], answers: list[dict[str, Any]], ids: Path) -> list[str]:
    """All at once; each job's id goes to `ids` as it comes."""
    bodies = [predictions_of(answers, i) for i in range(len(tokens))]
    limits = httpx.Limits(max_connections=len(tokens))

    async def one(client: httpx.AsyncClient, i: int) -> str:
        data = {"token": tokens[i], "model": f"Model {i}", "contact": "load@example.org"}
        answer = await client.post(f"{url}/upload", data=data, files={"predictions": ("p.json", bodies[i])})
        if answer.status_code != 201:
            raise SystemExit(f"upload {i}: {answer.status_code} {answer.text[:300]}")
        with ids.open("a") as stream:
            stream.write(answer.json()["id"] + "\n")
        return str(answer.json()["id"])

    headers = {"accept": "application/json"}
    async with httpx.AsyncClient(limits=limits, timeout=600, headers=headers) as client:
        return await asyncio.gather(*(one(client, i) for i in range(len(tokens))))


def ask_status(url: str, ids: Path, out: Path) -> None:
    """Asks for the page of a random job ten times a second, on one connection, until it is told to stop (by a kill)."""
    rng = random.Random(0)
    with httpx.Client(base_url=url, timeout=60) as client, out.open("a", buffering=1) as stream:
        while True:
            known = ids.read_text().split()
            path = f"/submissions/{rng.choice(known)}" if known else "/queue"
            start = time.perf_counter()
            code = client.get(path).status_code
            stream.write(f"{1000 * (time.perf_counter() - start):.2f} {code}\n")
            time.sleep(0.1)


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Memory of a process from /proc; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def measure(
    folder: Path,
    uploads: int,
    rows: int,
    queue: str = "",
    *,
    workers: int = 2,
    niceness: int = 10,
    patience: float = 7200,
) -> Load:
    """Runs the whole load once."""
    board, truth, answers = make_board(folder, rows)
    options: dict[str, Any] = {"workers": workers, "niceness": niceness, "uploads_per_hour": 10 * uploads}
    server = serving.Server(folder, board, truth, queue, waiting=2 * uploads, **options)
    ids, times = folder / "ids", folder / "times"
    ids.touch()
    with serving.running(server):
        tokens = [server.token(f"Team {i}", most=1) for i in range(uploads)]
        command = [sys.executable, __file__, "--ask", server.url, str(ids), str(times)]
        asking = subprocess.Popen(command)
        try:
            begin = time.perf_counter()
            found = asyncio.run(upload_all(server.url, tokens, answers, ids))
            received = time.perf_counter() - begin
            scorer_mb = _wait(server, uploads, patience)
            seconds = time.perf_counter() - begin
        finally:
            asking.kill()
            asking.wait()
        assert server.process is not None
        states = Counter(server.status(job_id)["state"] for job_id in found)
        server_mb = memory_mb(server.process.pid, "VmHWM")
    lines = [line.split() for line in times.read_text().splitlines()]
    assert {code for _, code in lines} == {"200"}, Counter(code for _, code in lines)
    bodies = _records(board)
    different = len({body["predictions"]["sha256"] for body in bodies})
    millis = [float(ms) for ms, _ in lines]
    return Load(uploads, dict(states), len(bodies), different, received, seconds, millis, server_mb, scorer_mb)


def _wait(server: serving.Server, uploads: int, patience: float) -> float:
    """Until every job has ended; the most memory that any process below the server held."""
    most, end = 0.0, time.monotonic() + patience
    while time.monotonic() < end:
        most = max([most, *map(memory_mb, server.descendants())])
        counts = httpx.get(f"{server.url}/health", timeout=60).json()["jobs"]
        if counts["scored"] + counts["refused"] + counts["failed"] == uploads:
            return most
        time.sleep(0.5)
    raise SystemExit(f"not all were scored within {patience:g} s: {counts}")


def _records(board: Path) -> list[Any]:
    from medvidbench.leaderboards.board import Board

    return [record.body for record in Board.open(board).log().records if record.kind == "submission"]


@contextlib.contextmanager
def queue_of(name: str) -> Iterator[Callable[[], str]]:
    """Gives addresses of new queues on one of the two databases."""
    if name == "sqlite":
        yield str
        return
    programs = serving.postgresql_programs()
    if programs is None:
        raise SystemExit("no initdb on this machine: install Debian's package `postgresql`")
    with serving.postgresql(programs) as new:
        yield new


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--rows", type=int, default=6245)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--niceness", type=int, default=10)
    parser.add_argument("--queue", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--ask", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        ask_status(given.ask[0], Path(given.ask[1]), Path(given.ask[2]))
    with tempfile.TemporaryDirectory() as folder, queue_of(given.queue) as new:
        load = measure(Path(folder), given.uploads, given.rows, new(), workers=given.workers, niceness=given.niceness)
    how = f"{given.workers} workers at nice {given.niceness}"
    print(f"{load.uploads} uploads of {given.rows:,} rows, {given.queue}, {how},")
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[1]:.1f}")
    print(f"received in {load.upload_seconds:.1f} s, all scored after {load.seconds:.0f} s")
    print(f"states {load.states}; records {load.records}, different predictions {load.different}")
    print(f"status pages: {len(load.status_ms)}, p50 {load.quantile(0.5):.0f} ms, p99 {load.quantile(0.99):.0f} ms")
    print(f"most memory: server {load.server_mb:.0f} MB, a scoring process {load.scorer_mb:.0f} MB")


if __name__ == "__main__":
    main()
