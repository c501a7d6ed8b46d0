"""A bounded queue between those who make things ready and the one who uses them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
_END = object()


class prefetched(Generic[T]):  # noqa: N801 - used like a function, in a `with`
    """The items of an iterable, taken by a thread up to `depth` ahead of whoever iterates.

    An exception of the iterable is raised where its item would have come. Leaving the `with` early ends the thread after
    the item that it is on.

    Attributes:
        waited: seconds that the consumer has waited.
    """

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self.waited = 0.0
        self._items = items
        self._queue: queue.Queue[object] = queue.Queue(maxsize=depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="prefetch", daemon=True)

    def __enter__(self) -> prefetched[T]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        before = time.monotonic()
        item = self._queue.get()
        self.waited += time.monotonic() - before
        if item is _END or isinstance(item, _Raised):
            self._queue.put(item)  # whoever asks again gets the same end
            if isinstance(item, _Raised):
                raise item.error
            raise StopIteration
        return item  # type: ignore[return-value]

    def _fill(self) -> None:
        iterator = iter(self._items)
        try:
            for item in iterator:
                if not self._put(item):
                    return
            self._put(_END)
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, who raises it
            self._put(_Raised(error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def _put(self, item: object) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error
