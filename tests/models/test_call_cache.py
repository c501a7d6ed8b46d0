"""The cache's files: versions, foreign and damaged ones, several writers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from call_runs import text_call

from medvidbench.errors import MedVidBenchError
from medvidbench.models.cache import CallCache
from medvidbench.models.cache_file import CACHE_VERSION

KEY = text_call("a").key
OTHER = text_call("b").key


def put(cache: CallCache, key: str, body: bytes) -> int:
    attempt = cache.begin(key, "m", 0.5)
    cache.keep(attempt, body, 0.1)
    return attempt


def test_a_kept_body_is_found_by_its_key_newest_first(tmp_path: Path) -> None:
    with CallCache(tmp_path) as cache:
        put(cache, KEY, b"first")
        put(cache, KEY, b"second")
        cache.fail(put(cache, KEY, b"cut"), 200, "no JSON", 0.5, damaged=True)
        cache.begin(KEY, "m", 0.5)
        assert [stored.body for stored in cache.find(KEY)] == [b"second", b"first"]
        assert cache.find(OTHER) == []


def test_the_ledger_adds_up_what_is_billed_and_what_may_have_been(tmp_path: Path) -> None:
    with CallCache(tmp_path) as cache:
        cache.settle(put(cache, KEY, b"{}"), 0.01, 100, 20)  # billed
        cache.settle(put(cache, OTHER, b"{}"), 0.5, 0, 0)  # no usage in the reply: its worst case
        cache.fail(cache.begin(KEY, "m", 0.5), 0, "time-out", 0.5)
        cache.fail(cache.begin(KEY, "m", 0.5), 429, "limited", 0.0)
        cache.begin(KEY, "m", 0.25)  # killed here
        ledger = cache.ledger()
    assert (ledger.sent, ledger.answered, ledger.unsettled) == (5, 2, 1)
    assert (ledger.input_tokens, ledger.output_tokens) == (100, 20)
    assert (ledger.dollars, ledger.assumed) == (pytest.approx(0.01), pytest.approx(0.5 + 0.5 + 0.25))


def test_every_file_of_the_folder_is_read_and_one_is_written(tmp_path: Path) -> None:
    with CallCache(tmp_path, "rank-0") as cache:
        put(cache, KEY, b"of rank 0")
    with CallCache(tmp_path, "rank-1") as cache:
        assert [stored.body for stored in cache.find(KEY)] == [b"of rank 0"]
        put(cache, OTHER, b"of rank 1")
        assert cache.ledger().sent == 2
    assert sqlite3.connect(tmp_path / "rank-0.sqlite").execute("SELECT count(*) FROM attempts").fetchone() == (1,)


def test_a_rank_reads_what_another_writes_at_the_same_time(tmp_path: Path) -> None:
    with CallCache(tmp_path, "rank-0") as first, CallCache(tmp_path, "rank-1") as second:
        put(first, KEY, b"new")
        assert [stored.body for stored in second.find(KEY)] == [b"new"]


def test_several_processes_write_one_file(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from medvidbench.models.cache import CallCache\n"
        "with CallCache(Path(sys.argv[1])) as cache:\n"
        "    for i in range(200):\n"
        "        cache.keep(cache.begin(f'{sys.argv[2]}{i:062x}', 'm', None), b'x' * 500, 0.1)\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, tmp_path, f"0{i}"]) for i in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    with CallCache(tmp_path) as cache:
        assert (cache.ledger().sent, cache.ledger().answered) == (600, 600)


def test_a_cache_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    with CallCache(tmp_path) as cache:
        put(cache, KEY, b"kept")
    database = sqlite3.connect(tmp_path / "calls.sqlite")
    database.execute(f"PRAGMA user_version = {CACHE_VERSION + 1}")
    database.close()
    before = (tmp_path / "calls.sqlite").read_bytes()
    for name in ("calls", "rank-1"):
        with pytest.raises(MedVidBenchError, match=rf"calls\.sqlite is a cache of version {CACHE_VERSION + 1}"):
            CallCache(tmp_path, name)
    assert (tmp_path / "calls.sqlite").read_bytes() == before


def test_a_foreign_sqlite_file_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "other.sqlite")
    database.execute("CREATE TABLE notes (text)")
    database.close()
    with pytest.raises(MedVidBenchError, match=r"other\.sqlite is an SQLite file, but no cache of calls"):
        CallCache(tmp_path)


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says. " * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_damaged_file_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").write_bytes(content)
    with pytest.raises(MedVidBenchError, match=r"calls\.sqlite is damaged"):
        CallCache(tmp_path)


def test_damage_inside_the_file_is_one_clear_error_when_it_is_met(tmp_path: Path) -> None:
    with CallCache(tmp_path) as cache:
        for i in range(300):
            put(cache, f"{i:064x}", b"x" * 1000)
    path = tmp_path / "calls.sqlite"
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xaa" * (len(content) - 8192)  # all but the header and the schema's page
    path.write_bytes(content)
    with CallCache(tmp_path) as cache, pytest.raises(MedVidBenchError, match=r"calls\.sqlite is damaged"):
        for i in range(300):
            cache.find(f"{i:064x}")
        cache.ledger()


def test_an_empty_file_is_a_cache_that_was_just_being_made(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").touch()
    (tmp_path / "rank-1.sqlite").touch()
    with CallCache(tmp_path) as cache:
        put(cache, KEY, b"x")
        assert len(cache.find(KEY)) == 1


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MedVidBenchError, match="can't be made"):
        CallCache(tmp_path / "file" / "cache")


def test_the_ballast_goes_when_the_cache_is_closed(tmp_path: Path) -> None:
    with CallCache(tmp_path) as cache:
        put(cache, KEY, b"x")
        assert (tmp_path / "calls.ballast").stat().st_size == 4 << 20
    assert [path.name for path in tmp_path.iterdir()] == ["calls.sqlite"]
