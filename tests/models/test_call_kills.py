"""kill -9 at random moments: no answered call is sent again, and the ledger has every request of the server."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from call_runs import body_hash, caller_on, sent_bodies, text_calls
from kill_calls import killed_runs
from openai_server import Running, running_server

KILL_CALLS = str(Path(__file__).with_name("kill_calls.py"))
KILLS = 3  # 20 in benchmarks/call_faults.py


def check_after_kills(server: Running, folder: Path, count: int, kills: int, concurrency: int = 8) -> None:
    """What must hold after any number of kills."""
    database = sqlite3.connect(folder / "calls.sqlite")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = database.execute("SELECT hex(key), state FROM attempts").fetchall()
    database.close()
    answers = Counter(key for key, state in rows if state == 1)
    attempts = Counter(key for key, _ in rows)
    bodies = sent_bodies(server)
    assert len(answers) == count and set(answers.values()) == {1}  # nothing lost, no reply twice
    for call in text_calls(count):
        # a request that the server read is in the ledger; one that is in the ledger may not have reached the server
        assert 1 <= bodies[body_hash(call)] <= attempts[call.key.upper()]
    unsettled = sum(state == 0 for _, state in rows)
    assert unsettled <= kills * concurrency  # each kill can cut off no more than was in flight
    assert len(rows) == count + unsettled
    assert sum(bodies.values()) >= count


@pytest.mark.parametrize("seed", [1])
def test_a_killed_run_pays_no_reply_twice_that_had_arrived(tmp_path: Path, seed: int) -> None:
    with running_server(tmp_path, latency_ms=30) as server:
        killed = killed_runs(server, tmp_path / "cache", 300, KILLS, seed)
        assert killed >= 2  # else the moments miss the work and nothing was tested
        check_after_kills(server, tmp_path / "cache", 300, KILLS)
        with caller_on(server, tmp_path / "cache") as caller:
            assert all(reply.cached for reply in caller.run(text_calls(300)))


def listen_to_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_lets_the_calls_in_flight_be_answered_and_kept(tmp_path: Path) -> None:
    with running_server(tmp_path, latency_ms=300) as server:
        command = [sys.executable, KILL_CALLS, server.url, str(tmp_path / "cache"), "500"]
        # a suite that runs in a shell's background ignores SIGINT, and what it starts would, too
        ours: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": listen_to_sigint}
        with subprocess.Popen(command, text=True, **ours) as run:
            while len(server.requests()) < 20:
                assert run.poll() is None
                time.sleep(0.01)
            run.send_signal(signal.SIGINT)
            # long enough for all 500 calls on a busy machine: a lost signal fails below, and says so
            _, error = run.communicate(timeout=90)
        assert "KeyboardInterrupt" in error
        with caller_on(server, tmp_path / "cache") as caller:
            ledger = caller.cache.ledger()
        assert ledger.answered == ledger.sent == len(server.requests()) < 500


@pytest.mark.parametrize("seed", [1])
def test_a_killed_batch_run_submits_no_call_twice(tmp_path: Path, seed: int) -> None:
    with running_server(tmp_path, latency_ms=40) as server:
        assert killed_runs(server, tmp_path / "cache", 300, KILLS, seed, "batch") >= 2
        check_batches(server, tmp_path / "cache", 300)


def check_batches(server: Running, folder: Path, count: int) -> None:
    """Every call is in exactly one batch at the provider, and answered in the cache."""
    from openai import OpenAI

    submitted: Counter[str] = Counter()
    with OpenAI(base_url=server.url, api_key="none") as client:
        for batch in client.batches.list():
            lines = client.files.content(batch.input_file_id).text.splitlines()
            submitted.update(line.split('"')[3] for line in lines)
    assert submitted == Counter(call.key for call in text_calls(count))
    assert server.requests() == []
    with caller_on(server, folder) as caller:
        assert all(reply.cached for reply in caller.run(text_calls(count)))
        ledger = caller.cache.ledger()
    assert ledger.answered == count and ledger.unsettled == 0
