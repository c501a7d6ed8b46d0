"""Items made ready in a thread, a bounded number ahead of the one who uses them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
_END = object()


class Prefetched(Generic[T]):
    """The items of an iterable in their order, taken by one thread up to `depth` ahead of whoever iterates.

    An exception of the iterable is raised where its item would have come. Leaving the `with` early ends the thread
    after the item that it is on, and closes the iterable.

    Attributes:
        waited: seconds that the consumer has waited.
    """

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self.waited = 0.0
        self._items = iter(items)
        self._depth = depth
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._coming: deque[Future[object]] = deque()

    def __enter__(self) -> Prefetched[T]:
        self._ask()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        close = getattr(self._items, "close", None)
        if close is not None:
            close()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        before = time.monotonic()
        item = self._coming[0].result()
        self.waited += time.monotonic() - before
        if item is _END:
            raise StopIteration
        self._coming.popleft()
        self._ask()
        return item  # type: ignore[return-value]

    def _ask(self) -> None:
        while len(self._coming) < self._depth:
            self._coming.append(self._thread.submit(next, self._items, _END))
