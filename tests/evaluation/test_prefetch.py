from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from medvidbench.evaluation.prefetch import Prefetched


def test_items_come_in_order_and_at_most_so_many_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for k in range(20):
            made.append(k)
            yield k

    with Prefetched(items(), 3) as ready:
        assert next(ready) == 0
        time.sleep(0.2)
        assert len(made) <= 4  # the one handed out and three ahead
        assert list(ready) == list(range(1, 20))


def test_work_goes_on_while_the_consumer_is_busy() -> None:
    def slow() -> Iterator[int]:
        for k in range(6):
            time.sleep(0.05)
            yield k

    start = time.monotonic()
    with Prefetched(slow(), 2) as ready:
        for _ in ready:
            time.sleep(0.05)
    # one after the other it would take 0.6 s
    assert time.monotonic() - start < 0.5
    assert ready.waited < 0.25


def test_an_error_comes_where_its_item_would_have() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with Prefetched(broken(), 4) as ready:
        assert next(ready) == 1
        with pytest.raises(ValueError, match="broken"):
            next(ready)


def test_leaving_early_ends_the_thread_and_closes_the_source() -> None:
    closed: list[bool] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    with Prefetched(endless(), 2) as ready:
        next(ready)
    assert closed == [True]
    assert not [t for t in threading.enumerate() if t.name.startswith("prefetch")]


def test_nothing_gives_nothing_again_and_again() -> None:
    with Prefetched([], 2) as ready:
        assert list(ready) == []
        assert list(ready) == []
