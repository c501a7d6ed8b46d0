"""The one engine for paid calls, for captions, evaluation and judges alike.

    model, endpoint = parse_model("gpt-4.1")
    with CallCache(Path("cache")) as cache:
        caller = Caller(endpoint, cache, CallSettings(concurrency=64, max_cost=20.0))
        for reply in caller.run(calls):
            ...

`run` is an ordinary generator. It takes calls from the iterable only as they can be sent, hands replies back as they
finish, and sends a call that was answered before, or twice in one run, once. A reply is in the cache before it is
handed out, so a run that was broken off at any moment goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from medvidbench.errors import MedVidBenchError
from medvidbench.models.budget import Budget
from medvidbench.models.cache import CallCache, Ledger, Stored
from medvidbench.models.cache_file import CacheFullError
from medvidbench.models.call_settings import CallSettings, Stats
from medvidbench.models.endpoints import Endpoint, endpoint_at, parse_model
from medvidbench.models.engine import Engine, reply_of
from medvidbench.models.messages import Call, Reply
from medvidbench.models.openai_wire import CallError, read_completion
from medvidbench.models.prices import BATCH_SHARE, PriceTable

__all__ = [
    "CacheFullError",
    "CallCache",
    "CallSettings",
    "Caller",
    "Endpoint",
    "Ledger",
    "PriceTable",
    "Stats",
    "endpoint_at",
    "parse_model",
]
LOOK_AHEAD = 2  # calls taken from the iterable for each that may be in flight


class Caller:
    """Sends calls through one cache.

    Args:
        endpoint: the server, or the server of each model by the model's name.
        cache: stays open; the caller doesn't close it.
        prices: the package's table unless given.
    """

    def __init__(
        self,
        endpoint: Endpoint | Mapping[str, Endpoint],
        cache: CallCache,
        settings: CallSettings | None = None,
        prices: PriceTable | None = None,
    ) -> None:
        self.cache = cache
        self.settings = settings or CallSettings()
        self.prices = prices or PriceTable.load()
        self.stats = Stats(time.monotonic())
        self._endpoint = endpoint

    def run(self, calls: Iterable[Call], on_reply: Callable[[Reply], None] | None = None) -> Iterator[Reply]:
        """One reply for each call, in any order.

        At most 2 x concurrency calls (for each endpoint) are taken ahead of the replies. Leaving the loop early, or
        Ctrl-C, lets the calls in flight finish within the grace, and keeps what they bring.

        Raises:
            MedVidBenchError: what makes going on pointless: a missing or refused key, an unknown model, a server that
                is down, a full disk, a cap on spending without a price. What was answered before is in the cache.
        """
        self.stats = Stats(time.monotonic())
        for reply in self._replies(calls):
            self._count(reply)
            if on_reply is not None:
                on_reply(reply)
            yield reply

    def cached(self, call: Call) -> Reply | None:
        """The reply that is kept for a call; None when it would have to be sent."""
        return self.kept(call.key, call.model, call.tag)

    def kept(self, key: str, model: str, tag: str = "") -> Reply | None:
        """The same by the call's key."""
        for stored in self.cache.find(key):
            try:
                completion = read_completion(stored.body)
            except CallError:
                continue  # committed, but the process was killed before it was found unreadable
            cost = self._cost(model, stored, completion.input_tokens, completion.output_tokens)
            return reply_of(tag, key, completion, cost, cached=True)
        return None

    def _cost(self, model: str, stored: Stored, read: int, written: int) -> float | None:
        price = self.prices.of(model)
        if stored.cost is not None or price is None:
            return stored.cost
        return price.dollars(read, written) * (BATCH_SHARE if stored.batch else 1.0)

    def _replies(self, calls: Iterable[Call]) -> Iterator[Reply]:
        run = _Run(self)
        feed = iter(calls)
        try:
            exhausted = False
            while run.waiting or not exhausted:
                while not exhausted and len(run.waiting) < self._look_ahead:
                    call = next(feed, None)
                    exhausted = call is None
                    yield from run.take(call) if call is not None else ()
                    yield from run.finished()
                if run.waiting:
                    yield from run.wait()
        finally:
            run.end()

    @property
    def _look_ahead(self) -> int:
        endpoints = len(self._endpoint) if isinstance(self._endpoint, Mapping) else 1
        return LOOK_AHEAD * self.settings.concurrency * max(1, endpoints)

    def endpoint_of(self, model: str) -> Endpoint:
        """The server of a model.

        Raises:
            MedVidBenchError: none was given for it.
        """
        if isinstance(self._endpoint, Endpoint):
            return self._endpoint
        if model not in self._endpoint:
            raise MedVidBenchError(f"No server was given for the model {model!r}.", ", ".join(self._endpoint))
        return self._endpoint[model]

    def _count(self, reply: Reply) -> None:
        self.stats.done += 1
        self.stats.cached += reply.cached


class _Run:
    """The calls of one run that are under way; the engine starts with the first that must be sent."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._engine: Engine | None = None
        self._failed: dict[str, Reply] = {}
        self.waiting: dict[str, list[str]] = {}  # tags by key; the first is the one that was sent

    def take(self, call: Call) -> Iterator[Reply]:
        """Hands out what is known of a call, or sends it, or lets it wait for its twin."""
        key = call.key
        if key in self.waiting:
            self.waiting[key].append(call.tag)
        elif key in self._failed:
            self._caller.stats.failed += 1
            yield replace(self._failed[key], tag=call.tag, attempts=0)
        elif (kept := self._caller.kept(key, call.model, call.tag)) is not None:
            yield kept
        else:
            self.waiting[key] = [call.tag]
            self._engine = self._engine or self._started()
            self._engine.submit(call, key)

    def finished(self) -> Iterator[Reply]:
        """What came back meanwhile."""
        for came in self._engine.ready() if self._engine else ():
            yield from self._hand_out(*came)

    def wait(self) -> Iterator[Reply]:
        """The next reply, and its twins."""
        assert self._engine is not None
        yield from self._hand_out(*self._engine.next())

    def end(self) -> None:
        """Lets the calls in flight finish."""
        if self._engine:
            self._engine.stop()
            self._note(self._engine)

    def _hand_out(self, reply: Reply, kept: bool) -> Iterator[Reply]:
        assert self._engine is not None
        self._note(self._engine)
        _, *twins = self.waiting.pop(reply.key)
        if not kept:
            self._failed[reply.key] = reply
            self._caller.stats.failed += 1 + len(twins)
        yield reply
        for tag in twins:
            yield replace(reply, tag=tag, cached=kept, attempts=0)

    def _note(self, engine: Engine) -> None:
        stats = self._caller.stats
        stats.sent, stats.running, stats.dollars = engine.sent, engine.running, engine.budget.settled

    def _started(self) -> Engine:
        caller, settings = self._caller, self._caller.settings
        earlier = caller.cache.ledger() if settings.count_earlier_spend else None
        budget = Budget(settings.max_cost, earlier.dollars + earlier.assumed if earlier else 0.0)
        engine = Engine(caller.endpoint_of, caller.cache, settings, caller.prices, budget)
        engine.start()
        return engine
