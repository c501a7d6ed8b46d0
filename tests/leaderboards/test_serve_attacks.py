"""A real server under people who mean it harm, on both databases."""

from __future__ import annotations

import gzip
import json
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from board_runs import WORDS, Board, new_board, rows_of
from serving import QUEUES, Server, new_queue, running, until

pytest.importorskip("fastapi", reason="fastapi is not installed (extra `serve`)")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra `serve`)")

FILE_BYTES = 200_000


class Place:
    """A running server with its board; tokens are for a team each, so that tests don't meet."""

    def __init__(self, server: Server, board: Board, truth: Path) -> None:
        self.server, self.board, self.truth = server, board, truth
        self._teams = 0

    def token(self, **more: Any) -> str:
        self._teams += 1
        return self.server.token(**({"team": f"Team {self._teams}"} | more))

    def rows(self, number: int = 0) -> list[dict[str, str]]:
        """Answers that differ from those of other numbers in a third of the rows."""
        rows = rows_of(self.truth)
        return [r | {"prediction": f"{number}.5-{number + 9}.0 seconds."} if i % 3 else r for i, r in enumerate(rows)]

    def left(self) -> list[str]:
        return [path.name for path in (self.server.state / "uploads").iterdir()]

    def halves(self) -> list[str]:
        return [name for name in self.left() if name.endswith(".part")]


@pytest.fixture(scope="module", params=QUEUES)
def place(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("attacks")
    board, truth = new_board(folder, file_bytes=FILE_BYTES, expanded_bytes=4 * FILE_BYTES, near_copies=1)
    options = {"uploads_per_hour": 1000, "wrong_tokens_per_hour": 1000, "waiting": 100}
    server = Server(folder, board.path, truth, new_queue(request.param), **options)
    with running(server):
        yield Place(server, board, truth)


BAD_FILES = {
    "a zip archive": b"PK\x03\x04" + b"\0" * 100,
    "expands to over": gzip.compress(b"[" + b" " * 50_000_000 + b"]"),
    "nested over": b"[" * 100_000 + b"]" * 100_000,
    "not UTF-8": '[{"sample_id": "a", "prediction": "é"}]'.encode("utf-16"),
    "is no JSON": b"import os; os.system('true')",
    "a truth of its own": json.dumps([{"sample_id": "a", "prediction": "b", "gnd": "c"}]).encode(),
}


def test_files_that_are_bombs_or_nonsense_are_refused_before_scoring_and_say_why(place: Place) -> None:
    jobs = {why: place.server.upload(content, place.token()).json()["id"] for why, content in BAD_FILES.items()}
    for why, job in jobs.items():
        found = place.server.ended(job)
        assert found["state"] == "refused" and why in found["said"]
        assert str(place.board.path) not in found["said"] and str(place.truth) not in found["said"]


def test_duplicate_and_unknown_ids_are_refused(place: Place) -> None:
    rows = place.rows()
    job = place.server.upload([*rows, rows[0]], place.token()).json()["id"]
    other = place.server.upload([*rows, {"sample_id": "nobody", "prediction": "x"}], place.token()).json()["id"]
    assert "stand twice" in place.server.ended(job)["said"]
    assert "answer no question" in place.server.ended(other)["said"]


def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_so(place: Place) -> None:
    token, large = place.token(), b"x" * (FILE_BYTES + 200_000)
    assert place.server.upload(large, token).status_code == 413
    head = [f'--cut\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in _fields(token).items()]
    head.append('--cut\r\nContent-Disposition: form-data; name="predictions"; filename="p"\r\n\r\n')

    def chunks() -> Iterator[bytes]:
        yield "".join(head).encode()
        for _ in range(60):
            yield b"x" * 10_000

    answer = httpx.post(
        f"{place.server.url}/upload",
        content=chunks(),
        headers={"content-type": "multipart/form-data; boundary=cut"},
        timeout=60,
    )
    assert answer.status_code == 413 and "the file is too large" in answer.text
    assert not place.halves()


def test_a_file_without_end_is_cut_off_and_takes_no_memory(place: Place) -> None:
    # a client that never looks at the answer: 1 GB is sent, as far as the server lets it
    texts = _fields(place.token()).items()
    head = [f'--cut\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in texts]
    head.append('--cut\r\nContent-Disposition: form-data; name="predictions"; filename="p"\r\n\r\n')
    before, piece, sent = place.server.memory_mb(), b"[" * (1 << 20), 0
    with socket.create_connection(("127.0.0.1", place.server.port)) as raw:
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=cut\r\n")
        raw.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            for part in ["".join(head).encode(), *[piece] * 1024]:
                raw.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                sent += len(part)
    # the file's limit, four times of it after the refusal, and what lies in the sockets' buffers
    assert sent < 5 * FILE_BYTES + (20 << 20)
    assert place.server.memory_mb() < before + 30
    assert not place.halves()


def test_a_client_that_hangs_up_is_no_error_of_the_server(place: Place) -> None:
    with socket.create_connection(("127.0.0.1", place.server.port)) as raw:
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=cut\r\n")
        raw.sendall(b"Content-Length: 9000\r\n\r\n--cut\r\n")
    until(lambda: not place.halves(), "half an upload stays")
    assert "Traceback" not in place.server.log.read_text()


def _fields(token: str) -> dict[str, str]:
    return {"token": token, "model": "M", "contact": "a@b.org"}


def test_a_length_that_lies_leaves_nothing(place: Place) -> None:
    with socket.create_connection(("127.0.0.1", place.server.port)) as raw:
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=c\r\n")
        raw.sendall(b"Content-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 4")
    # the parser of HTTP answers for itself, before the upload learns that its client is gone
    until(lambda: not place.halves(), "half an upload stays")


def test_a_replayed_one_time_token_is_refused(place: Place) -> None:
    token = place.token(most=1)
    first = place.server.upload(place.rows(1), token, model="Once")
    again = place.server.upload(place.rows(1), token, model="Once")
    assert (first.status_code, again.status_code) == (201, 403) and "used up" in again.text
    assert place.server.ended(first.json()["id"])["state"] == "scored"


def test_without_a_known_token_nothing_is_kept(place: Place) -> None:
    before = place.left()
    for token in ("", "mvb_000000000000_" + "A" * 43, "' OR 1=1 --"):
        assert place.server.upload(place.rows(), token).status_code == 403
    assert set(place.left()) <= set(before)


def test_another_teams_model_name_is_refused_and_the_team_comes_from_the_token(place: Place) -> None:
    first = place.server.upload(place.rows(2), place.token(team="Owners"), model="Ours 7B")
    thief = place.server.upload(place.rows(3), place.token(team="Thieves"), model="ours-7b", team="Owners")
    assert place.server.ended(first.json()["id"])["state"] == "scored"
    found = place.server.ended(thief.json()["id"])
    assert found["state"] == "refused" and "is taken" in found["said"] and found["team"] == "Thieves"
    # a published model's name is nobody's to take, and blind baselines are the maintainers'
    taken = place.server.upload(place.rows(3), place.token(), model="GPT-4.1").json()["id"]
    assert place.server.ended(taken)["state"] == "refused"
    assert place.server.upload(place.rows(3), place.token(), model="blind: x").status_code == 422


def test_a_script_in_a_name_is_a_text_on_every_page(place: Place) -> None:
    name = "<script>alert(1)</script>\"'&"
    job = place.server.upload(place.rows(4), place.token(), model=name).json()["id"]
    assert place.server.ended(job)["state"] == "scored"
    html = httpx.get(f"{place.server.url}/submissions/{job}").text
    assert "<script>alert" not in html and "&lt;script&gt;alert(1)" in html
    refused = place.server.upload(b"x", place.token(), model="a" * 101 + "<script>alert(2)</script>")
    assert refused.status_code == 422
    with httpx.Client() as browser:
        data = _fields(place.token()) | {"link": "javascript:alert(1)"}
        shown = browser.post(f"{place.server.url}/upload", data=data, files={"predictions": ("p", b"x")})
    assert shown.status_code == 422 and "no http or https address" in shown.text


def test_a_path_in_a_file_name_or_an_address_reaches_nothing(place: Place) -> None:
    job = place.server.upload(place.rows(5), place.token(), name="../../../../tmp/evil.json", model="Paths")
    assert place.server.ended(job.json()["id"])["state"] == "scored"
    assert not Path("/tmp/evil.json").exists() and not list(place.server.state.parent.rglob("*evil*"))
    for path in (
        "/../board.json",
        "/%2e%2e/serve.lock",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/models/",
        "/models",
    ):
        with socket.create_connection(("127.0.0.1", place.server.port)) as raw:
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert raw.makefile("rb").readline().split()[1] == b"404", path


def test_near_copies_are_limited_and_logged(place: Place) -> None:
    # one near copy is allowed; here they differ in white space, which changes no answer
    rows = [row | {"prediction": row["prediction"] + " probed"} for row in place.rows(6)]
    ends = []
    for n in range(3):
        changed = [row | {"prediction": row["prediction"] + " " * n} for row in rows]
        job = place.server.upload(changed, place.token(), model=f"Probe {n}").json()["id"]
        ends.append(place.server.ended(job))
    assert [found["state"] for found in ends] == ["scored", "scored", "refused"]
    assert "near copies" in ends[2]["said"]
    log = (place.board.private / "attempts.jsonl").read_text()
    assert '"near copies of one submission' in log or "near copies" in log.splitlines()[-1]


def test_the_same_file_twice_counts_once(place: Place) -> None:
    token = place.token()
    jobs = [place.server.upload(place.rows(7), token, model="Twice").json()["id"] for _ in range(2)]
    ends = [place.server.ended(job) for job in jobs]
    assert [found["state"] for found in ends] == ["scored", "scored"]
    assert len({found["entry_id"] for found in ends}) == 1
    assert [e.model for e in place.board.entries()].count("Twice") == 1


def test_contact_and_truth_stand_in_no_answer_and_in_no_public_file(place: Place) -> None:
    secret = "nobody-sees-me@example.org"
    job = place.server.upload(place.rows(8), place.token(), model="Private", contact=secret).json()["id"]
    assert place.server.ended(job)["state"] == "scored"
    paths = (f"/submissions/{job}", f"/submissions/{job}.json", "/queue", "/health", "/upload")
    texts = [httpx.get(place.server.url + path).text for path in paths]
    public = [p for p in place.board.path.rglob("*") if p.is_file() and place.board.private not in p.parents]
    texts += [p.read_bytes().decode("utf-8", "replace") for p in [*public, place.server.log]]
    for text in texts:
        assert secret not in text and not [word for word in WORDS if word in text]


def test_an_unlisted_entry_is_scored_shown_to_its_submitter_and_to_nobody_else(place: Place) -> None:
    job = place.server.upload(place.rows(9), place.token(), model="Hidden one", unlisted="1").json()["id"]
    found = place.server.ended(job)
    assert found["state"] == "scored" and found["listed"] is False
    assert "TAG_mIoU@0.3" in httpx.get(f"{place.server.url}/submissions/{job}").text
    assert "Hidden one" not in httpx.get(f"{place.server.url}/queue").text
    assert "Hidden one" not in place.board.leaderboard().to_json()
    assert httpx.get(f"{place.server.url}/submissions/{job[:-1]}").status_code == 404


def test_every_answer_has_the_security_headers_and_sets_no_cookie(place: Place) -> None:
    for path in ("/", "/upload", "/queue", "/health", "/nothing", "/leaderboard.json", "/submissions/x"):
        answer = httpx.get(place.server.url + path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and policy.endswith("frame-ancestors 'none'"), path
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers and "server" not in answer.headers
    assert not re.search(
        r"script-src[^;]*unsafe", httpx.get(f"{place.server.url}/upload").headers["content-security-policy"]
    )
    assert httpx.get(f"{place.server.url}/docs").status_code == 404
    assert stat.S_IMODE(place.server.state.stat().st_mode) == 0o700


@pytest.mark.parametrize("queue", QUEUES)
def test_a_flood_meets_the_limits_of_address_and_token(queue: str, tmp_path: Path) -> None:
    board, truth = new_board(tmp_path)
    limits = {"uploads_per_hour": 12, "wrong_tokens_per_hour": 3, "waiting": 1}
    with running(Server(tmp_path, board.path, truth, new_queue(queue), **limits)) as server:
        few = server.token(per_day=2)
        # three uploads with a token that is good for two a day, then wrong tokens, then everything from this address
        codes = [server.upload(b"x", few).status_code for _ in range(3)]
        assert codes[-1] == 429 and set(codes[:2]) <= {201, 503}
        assert [server.upload(b"x", "wrong").status_code for _ in range(4)] == [403, 403, 403, 429]
        assert server.upload(b"x", server.token(team="B")).status_code == 429
        rest = [server.upload(b"x", "wrong") for _ in range(5)]
        assert "from this address in this hour" in rest[-1].text and int(rest[-1].headers["retry-after"]) <= 3600
