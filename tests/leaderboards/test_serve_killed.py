"""kill -9 of the server and of what scores, during uploads and scoring; limits of time and memory."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from board_runs import Board, new_board, rows_of
from serving import QUEUES, Server, new_queue, running, until

pytest.importorskip("fastapi", reason="fastapi is not installed (extra `serve`)")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra `serve`)")


def place_of(tmp_path: Path, queue: str, **options: Any) -> tuple[Server, Board, Path]:
    board, truth = new_board(tmp_path)
    return Server(tmp_path, board.path, truth, new_queue(queue), uploads_per_hour=1000, **options), board, truth


def rows_for(truth: Path, number: int) -> list[dict[str, str]]:
    rows = rows_of(truth)
    return [r | {"prediction": f"{number}.5-{number + 9}.0 seconds."} if i % 3 else r for i, r in enumerate(rows)]


def names_on(board: Board) -> list[str]:
    return [record.body["model"] for record in board.log().records if record.kind == "submission"]


def gone(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    return True


@pytest.mark.parametrize("queue", QUEUES)
def test_a_server_killed_again_and_again_loses_no_job_and_scores_none_twice(queue: str, tmp_path: Path) -> None:
    server, board, truth = place_of(tmp_path, queue, lease_seconds=1.0, attempts=50)
    with running(server):
        token = server.token()
        sent = [server.upload(rows_for(truth, n), token, model=f"Model {n}").json()["id"] for n in range(4)]
        for pause in (0.0, 0.7, 1.5):
            time.sleep(pause)
            orphans = server.descendants()
            server.kill()
            # what was scoring dies with its server
            until(lambda pids=tuple(orphans): all(map(gone, pids)), "scoring goes on without a server")
            server.start()
        ends = [server.ended(job) for job in sent]
    assert [found["state"] for found in ends] == ["scored"] * 4
    assert sorted(names_on(board)) == [f"Model {n}" for n in range(4)]
    assert len({entry.entry_id for entry in board.entries()}) == 4
    assert list((server.state / "uploads").iterdir()) == []


@pytest.mark.parametrize("queue", QUEUES)
def test_what_scores_can_be_killed_at_any_moment(queue: str, tmp_path: Path) -> None:
    server, board, truth = place_of(tmp_path, queue, attempts=50)
    with running(server):
        token = server.token()
        sent = [server.upload(rows_for(truth, n), token, model=f"Model {n}").json()["id"] for n in range(3)]
        for pause in (0.2, 0.5, 1.0):
            time.sleep(pause)
            for pid in server.descendants():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        ends = [server.ended(job) for job in sent]
    assert [found["state"] for found in ends] == ["scored"] * 3
    assert sorted(names_on(board)) == [f"Model {n}" for n in range(3)]


@pytest.mark.parametrize("queue", QUEUES)
def test_a_server_killed_during_an_upload_keeps_nothing_of_it_and_the_token_is_not_spent(
    queue: str, tmp_path: Path
) -> None:
    server, _, truth = place_of(tmp_path, queue)
    with running(server):
        token = server.token(most=1)
        texts = {"token": token, "model": "M", "contact": "a@b.org"}
        head = [f'--cut\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in texts.items()]
        head.append('--cut\r\nContent-Disposition: form-data; name="predictions"; filename="p"\r\n\r\n' + "x" * 5000)
        body = "".join(head).encode()
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=cut\r\n")
            raw.sendall(b"Content-Length: 9000\r\n\r\n" + body)
            uploads = server.state / "uploads"
            until(lambda: any(p.stat().st_size for p in uploads.iterdir()), "nothing arrives")
            server.kill()
        assert [p.suffix for p in uploads.iterdir()] == [".part"]
        server.start()
        assert list(uploads.iterdir()) == []
        sent = server.upload(rows_for(truth, 1), token)
        assert sent.status_code == 201 and server.ended(sent.json()["id"])["state"] == "scored"


def test_a_client_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    server, _, _ = place_of(tmp_path, "sqlite", idle_seconds=0.5)
    with running(server), socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=cut\r\n")
        raw.sendall(b"Content-Length: 9000\r\n\r\n--cut\r\n")
        raw.settimeout(30)
        assert raw.recv(100).startswith(b"HTTP/1.1 408")
        assert list((server.state / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "said"),
    [({"job_seconds": 0, "job_bytes": 6 << 30}, "took over 0 seconds"), ({"job_bytes": 200 << 20}, "memory")],
)
def test_a_job_over_its_limits_ends_and_the_next_start_tries_it_again(
    limits: dict[str, int], said: str, tmp_path: Path, burdened: Callable[[Path], Path]
) -> None:
    server, board, truth = place_of(tmp_path, "sqlite", **limits)
    large = burdened(truth)
    with running(server):
        job = server.upload(large.read_bytes(), server.token()).json()["id"]
        found = server.ended(job)
        assert (found["state"], names_on(board)) == ("failed", [])
        assert said in found["said"] or "could not score" in found["said"]
        server.kill(signal.SIGTERM)
        server.options |= {"job_seconds": 900, "job_bytes": 6 << 30}
        server.start()
        assert server.ended(job)["state"] == "scored" and names_on(board) == ["Model A"]


@pytest.fixture
def burdened(tmp_path: Path) -> Callable[[Path], Path]:
    """A file that takes seconds and memory to read: many long answers, within a board's limits."""

    def make(truth: Path) -> Path:
        import json

        rows = [row | {"prediction": "The hook dissects. " * 1000} for row in rows_of(truth)]
        path = tmp_path / "large.json"
        path.write_text(json.dumps(rows))
        return path

    return make


def test_a_second_server_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    from medvidbench.errors import MedVidBenchError
    from medvidbench.leaderboards.serve.server import service_of
    from medvidbench.leaderboards.serve.settings import Settings

    board, truth = new_board(tmp_path)
    settings = Settings(board.path, truth, tmp_path / "state")
    with (
        service_of(settings),
        pytest.raises(MedVidBenchError, match="Another service works in"),
        service_of(settings),
    ):
        pass
