"""A real server process on a small board, and a private PostgreSQL, for the tests of the upload service."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest

RUN = """
import json, sys
from pathlib import Path
from medvidbench.commands.leaderboard_serve import run
options = json.loads(sys.argv[1])
places = {name: Path(options.pop(name)) for name in ("board", "data", "state")}
run(**places, **options)
"""
PATIENCE = 300.0
"""Seconds after which a test gives up; a busy machine needs many."""
QUEUES = ("sqlite", "postgresql")
CLUSTERS = ExitStack()
"""Closed when the session of tests ends (`conftest`)."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """`medvidbench leaderboard serve` as its own process; `kill` and `start` are what a crash and an operator do."""

    def __init__(self, folder: Path, board: Path, truth: Path, queue: str = "", **options: Any) -> None:
        self.state = folder / "state"
        self.queue = queue
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.options = {"board": str(board), "data": str(truth), "state": str(self.state), "queue": queue}
        self.options |= {"port": self.port, "niceness": 0} | options
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        command = [sys.executable, "-c", RUN, json.dumps(self.options)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
        until(lambda: self._answers(), f"no server: {self.log}")
        return self

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    def token(self, team: str = "Team A", **more: Any) -> str:
        from medvidbench.leaderboards.serve.settings import sqlite_of
        from medvidbench.leaderboards.serve.store import open_store
        from medvidbench.leaderboards.serve.tokens import add_token

        engine = open_store(self.queue or sqlite_of(self.state))
        text = add_token(engine, team, **({"per_day": 1000} | more))
        engine.dispose()
        return text

    def upload(self, content: Any, token: str, name: str = "p.json", **fields: str) -> httpx.Response:
        data = {"token": token, "model": "Model A", "contact": "a@example.org"} | fields
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        with httpx.Client(headers={"accept": "application/json"}, timeout=PATIENCE) as client:
            return client.post(f"{self.url}/upload", data=data, files={"predictions": (name, body)})

    def status(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/submissions/{job_id}.json", timeout=PATIENCE).json()
        return found

    def ended(self, job_id: str) -> dict[str, Any]:
        """The status once the job is done."""
        until(lambda: self.status(job_id)["state"] not in ("waiting", "scoring"), f"job {job_id} doesn't end")
        return self.status(job_id)

    def memory_mb(self) -> float:
        """Memory that the server's own process holds."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))

    def descendants(self) -> list[int]:
        """Processes that the server started, and those that they started."""
        assert self.process is not None
        return below(self.process.pid)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill(signal.SIGTERM)


def until(true: Callable[[], bool], said: str, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, said
        time.sleep(0.05)


def parents() -> Mapping[int, int]:
    """Each process's parent, from /proc."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                found[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def below(pid: int) -> list[int]:
    known, wanted, found = parents(), [pid], []
    while wanted:
        parent = wanted.pop()
        own = [child for child, its in known.items() if its == parent]
        wanted += own
        found += own
    return found


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def postgresql_programs() -> Path | None:
    """The folder of `initdb`, `pg_ctl` and `postgres`; Debian keeps them beside the path."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((p for p in places if (p / "initdb").exists() and (p / "pg_ctl").exists()), None)


@contextmanager
def postgresql(programs: Path) -> Iterator[Callable[[], str]]:
    """A private cluster in a folder of its own; gives a function that makes a new database and returns its address."""
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="medvidbench-postgresql-"))
    password, port = secrets.token_hex(16), free_port()
    (folder / "password").write_text(password)
    for path in (folder, folder / "password"):
        shutil.chown(path, user)
    as_user: dict[str, Any] = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
    if user != getpass.getuser():
        as_user |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    data = folder / "data"
    secret = [f"--pwfile={folder / 'password'}", "--auth=scram-sha-256"]
    subprocess.run([programs / "initdb", "-D", data, "-U", "tester", "-E", "UTF8", "--locale=C", *secret], **as_user)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], **as_user)
    try:
        yield lambda: _new_database(port, password)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **as_user)
        shutil.rmtree(folder)


@lru_cache(maxsize=1)
def shared_postgresql() -> Callable[[], str]:
    """One cluster for all tests of a session; each call of the result makes a new database.

    Skips the test where PostgreSQL, or its driver, is not installed.
    """
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("no initdb on this machine (Debian: apt-get install postgresql)")
    pytest.importorskip("pg8000", reason="pg8000 is not installed (extra `serve`)")
    return CLUSTERS.enter_context(postgresql(programs))


def new_queue(kind: str) -> str:
    """The address of a new queue: "" lets the service make its SQLite file."""
    return shared_postgresql()() if kind == "postgresql" else ""


def _unprivileged() -> str:
    if os.getuid() != 0:
        return getpass.getuser()
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _new_database(port: int, password: str) -> str:
    import pg8000.native

    name = f"queue_{secrets.token_hex(4)}"
    connection = pg8000.native.Connection("tester", "127.0.0.1", "postgres", port, password)
    connection.run(f"CREATE DATABASE {name}")
    connection.close()
    return f"postgresql://tester:{password}@127.0.0.1:{port}/{name}"
