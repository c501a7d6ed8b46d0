"""Tokens, rates and jobs on both databases, without a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from serving import QUEUES, new_queue

from medvidbench.errors import MedVidBenchError

sqlalchemy = pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra `serve`)")

from medvidbench.leaderboards.serve import jobs, rates, tokens  # noqa: E402
from medvidbench.leaderboards.serve.store import open_store  # noqa: E402
from medvidbench.leaderboards.serve.store import tokens as token_table  # noqa: E402

T = TypeVar("T")


@pytest.fixture(params=QUEUES)
def engine(request: Any, tmp_path: Path) -> Iterator[Any]:
    made = open_store(new_queue(request.param) or f"sqlite:///{tmp_path / 'queue.sqlite'}")
    yield made
    made.dispose()


def asked(token: str, number: int = 0) -> jobs.Asked:
    token_id = token.split("_")[1]
    return jobs.Asked(jobs.new_id(), token_id, "Team A", f"Model {number}", "a@b.org", "", True, "0" * 64, 10)


def together(work: Callable[[int], T], count: int) -> list[T]:
    """What `work` gives in as many threads at once."""
    found: list[T] = []
    gate = threading.Barrier(count)

    def one(number: int) -> None:
        gate.wait()
        found.append(work(number))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_token_is_known_by_its_secret_alone_and_the_store_holds_no_secret(engine: Any) -> None:
    text = tokens.add_token(engine, "Team A", most=3)
    found = tokens.find_token(engine, text)
    assert found is not None and (found.team, found.most, found.used) == ("Team A", 3, 0)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    for other in (wrong, text[:-1], text + "A", "", "mvb_", text.replace("mvb", "MVB"), "é" * 60):
        assert tokens.find_token(engine, other) is None
    with engine.connect() as connection:
        row = connection.execute(sqlalchemy.select(token_table)).one()
    assert text.split("_", 2)[2] not in str(row)


def test_a_revoked_an_expired_and_a_spent_token_open_nothing(engine: Any) -> None:
    moment = time.time()
    revoked, old, once = (tokens.add_token(engine, "T", days=d, most=1) for d in (None, 1, None))
    tokens.revoke_token(engine, revoked.split("_")[1])
    assert jobs.enqueue(engine, asked(once))
    said = [tokens.find_token(engine, text) for text in (revoked, old, once)]
    assert [t.refusal(moment + 2 * 86400) for t in said if t is not None] == [
        "this token was revoked",
        "this token has expired",
        "this token was used up",
    ]
    assert not jobs.enqueue(engine, asked(revoked)) and not jobs.enqueue(engine, asked(once))
    with pytest.raises(MedVidBenchError, match="is in use"):
        tokens.revoke_token(engine, revoked.split("_")[1])


def test_of_many_uploads_at_once_a_one_time_token_lets_one_through(engine: Any) -> None:
    text = tokens.add_token(engine, "T", most=1)
    took = together(lambda n: jobs.enqueue(engine, asked(text, n)), 8)
    assert sorted(took) == [False] * 7 + [True]
    assert jobs.counts(engine)["waiting"] == 1


def test_every_job_is_claimed_once_and_in_its_order(engine: Any) -> None:
    text = tokens.add_token(engine, "T")
    for n in range(20):
        jobs.enqueue(engine, asked(text, n))

    def work(owner: int) -> list[int]:
        own = []
        while (job := jobs.claim(engine, f"worker {owner}", 60)) is not None:
            own.append(job.number)
        return own

    found = together(work, 4)
    assert all(own == sorted(own) for own in found)
    assert sorted(n for own in found for n in own) == list(range(1, 21))


def test_a_job_whose_worker_gives_no_sign_is_taken_up_and_the_old_word_no_longer_counts(engine: Any) -> None:
    jobs.enqueue(engine, asked(tokens.add_token(engine, "T")))
    first = jobs.claim(engine, "first", 60)
    assert first is not None and jobs.claim(engine, "second", 60) is None
    jobs.renew(engine, "first", 60)
    assert jobs.claim(engine, "second", 60) is None
    jobs.renew(engine, "first", -1)  # a lease that ran out a second ago
    second = jobs.claim(engine, "second", 60)
    assert second is not None and (second.number, second.attempts) == (first.number, 2)
    assert not jobs.finish(engine, first, "failed", said="late")
    assert jobs.finish(engine, second, "scored", entry_id="x")
    found = jobs.find_job(engine, first.job_id)
    assert found is not None and (found.state, found.entry_id, found.contact) == ("scored", "x", "")


def test_a_job_given_back_waits_again_and_a_failed_one_is_tried_again_with_its_contact(engine: Any) -> None:
    jobs.enqueue(engine, asked(tokens.add_token(engine, "T")))
    job = jobs.claim(engine, "w", 60)
    assert job is not None
    jobs.give_back(engine, job, counts=False)
    again = jobs.claim(engine, "w", 60)
    assert again is not None and again.attempts == 1
    assert jobs.finish(engine, again, "failed", said="no memory") and jobs.claim(engine, "w", 60) is None
    assert jobs.retry_failed(engine) == 1
    last = jobs.claim(engine, "w", 60)
    assert last is not None and (last.attempts, last.contact, last.said) == (1, "a@b.org", "")


def test_places_in_the_line_count_what_is_not_done_before_a_job(engine: Any) -> None:
    text = tokens.add_token(engine, "T")
    for n in range(3):
        jobs.enqueue(engine, asked(text, n))
    line = jobs.in_line(engine, 10)
    assert [jobs.ahead_of(engine, job) for job in line] == [0, 1, 2]
    done = jobs.claim(engine, "w", 60)
    assert done is not None and jobs.finish(engine, done, "refused", said="x")
    assert jobs.ahead_of(engine, line[2]) == 1
    assert jobs.counts(engine) == {"waiting": 2, "scoring": 0, "scored": 0, "refused": 1, "failed": 0}


def test_counts_of_a_period_are_exact_under_many_threads_and_end_with_it(engine: Any) -> None:
    # 3,600 s periods: 7,199.5 lies in the second one, 7,200 begins the third
    found = together(lambda _: rates.count(engine, "k", 3600, 7199.5), 8)
    assert sorted(found) == list(range(1, 9))
    assert rates.counted(engine, "k", 3600, 7199.5) == 8 and rates.count(engine, "k", 3600, 7200) == 1
    assert rates.left(3600, 7199.5) == 1 and rates.left(3600, 7200) == 3600


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("x", "unknown"),
    ],
)
def test_neighbours_in_one_ipv6_network_are_counted_as_one(address: str, counted_as: str) -> None:
    assert rates.neighbourhood(address) == counted_as


@pytest.mark.parametrize("address", ["mysql://a@b/c", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_another_kind_of_database_is_refused(address: str) -> None:
    with pytest.raises(MedVidBenchError):
        open_store(address)


def test_a_database_that_is_not_there_is_an_error_without_its_password() -> None:
    with pytest.raises(MedVidBenchError) as caught:
        open_store("postgresql://tester:hidden@127.0.0.1:9/nothing")
    assert "hidden" not in str(caught.value)
