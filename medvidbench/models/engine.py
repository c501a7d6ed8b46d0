"""The asynchronous side of the call engine: an event loop in a thread of its own, one task a call.

An attempt passes, in this order: the gate (adaptive concurrency), the model's rates, the pictures (read now), the
budget, the ledger, the wire. A reply's raw bytes are in the cache before they are parsed. What ends a run (a full
disk, a wrong key, a server that is down) lets the calls in flight finish, because they are paid for, and is raised in
the caller's thread after their replies.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.models.admission import Breaker, Gate, Rates
from medvidbench.models.budget import Budget, OverBudgetError
from medvidbench.models.cache import CallCache
from medvidbench.models.cache_file import CacheFullError
from medvidbench.models.call_settings import CallSettings
from medvidbench.models.endpoints import Endpoint
from medvidbench.models.messages import Call, ImagePart, Reply
from medvidbench.models.openai_wire import MAYBE_BILLED, CallError, Completion, Wire, read_completion, request_body
from medvidbench.models.prices import Price, PriceTable
from medvidbench.models.retry import retrying
from medvidbench.models.tokens import QWEN_RULE, estimated_input, most_output

Came: TypeAlias = tuple[Reply, bool]
"""A reply, and whether it is whole and in the cache."""


@dataclass(slots=True)
class Lane:
    """What the calls of one model share."""

    endpoint: Endpoint
    wire: Wire
    gate: Gate
    rates: Rates
    breaker: Breaker
    price: Price | None

    def cost(self, completion: Completion, worst: float | None) -> float | None:
        """What a reply cost; its worst case when the server bills but doesn't say what."""
        if self.price is None or not completion.billed:
            return worst
        return self.price.dollars(completion.input_tokens, completion.output_tokens)


@dataclass(slots=True)
class Tally:
    """Requests sent for one call in this run."""

    attempts: int = 0


@dataclass
class Engine:
    """Takes calls from one thread and hands back replies in any order; an error ends it.

    Args:
        endpoint_of: the server of a model, by its name.
    """

    endpoint_of: Callable[[str], Endpoint]
    cache: CallCache
    settings: CallSettings
    prices: PriceTable
    budget: Budget
    sent: int = 0
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _sending: set[asyncio.Task[Any]] = field(default_factory=set)
    _outbox: SimpleQueue[Came | BaseException] = field(default_factory=SimpleQueue)
    _error: BaseException | None = None
    _ending: bool = False

    def start(self) -> None:
        """Starts the thread."""
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._thread.start()

    def submit(self, call: Call, key: str) -> None:
        """Sends a call when its turn comes."""
        self._loop.call_soon_threadsafe(self._spawn, call, key)

    def next(self) -> Came:
        """The next reply, and whether it is in the cache; waits for it.

        Raises:
            MedVidBenchError: the run can't go on; every reply that came before was handed out.
        """
        return self._opened(self._outbox.get())

    def ready(self) -> Iterator[Came]:
        """The replies that are there, without waiting."""
        while True:
            try:
                item = self._outbox.get_nowait()
            except Empty:
                return
            yield self._opened(item)

    def stop(self) -> None:
        """Ends the thread; calls in flight get the grace to be answered and kept."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
            self._loop.close()

    @property
    def running(self) -> int:
        """Calls in flight."""
        return len(self._sending)

    def _opened(self, item: Came | BaseException) -> Came:
        if isinstance(item, BaseException):
            raise item
        return item

    async def _run(self) -> None:
        await self._end.wait()
        self._ending = True
        for task in self._tasks - self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(set(self._sending), timeout=self.settings.grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self._lanes.values():
            await lane.wire.close()
        self._outbox.put(self._error or MedVidBenchError("The run was ended."))

    def _spawn(self, call: Call, key: str) -> None:
        if not self._ending:
            task = self._loop.create_task(self._handle(call, key))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._error = self._error or error
            self._ending = True
            self._end.set()

    async def _handle(self, call: Call, key: str) -> None:
        tally, kept = Tally(), False
        reply: Reply
        policy = self.settings
        tries = retrying(policy.attempts, policy.first_wait, policy.longest_wait, lambda: not self._ending)
        try:
            reply = await tries(self._attempt, self._lane(call.model), call, key, tally)
            kept = True
        except CallError as fault:
            reply = Reply(call.tag, key, None, f"{fault.kind}: {fault.detail}", attempts=tally.attempts)
        except OverBudgetError as error:
            reply = Reply(call.tag, key, None, str(error), attempts=tally.attempts)
        self._outbox.put((reply, kept))

    async def _attempt(self, lane: Lane, call: Call, key: str, tally: Tally) -> Reply:
        cuts = await lane.gate.enter()
        try:
            if self.settings.tokens_per_minute or self.settings.requests_per_minute:
                rule = lane.price.image if lane.price else QWEN_RULE
                await lane.rates.acquire(estimated_input(call, rule) + (most_output(call) or 0))
            body = await self._body(call)
            worst = self._worst(lane, call)
            await self.budget.reserve(worst or 0.0)
            return await self._send(lane, call, key, body, worst, cuts, tally)
        finally:
            lane.gate.leave()

    async def _body(self, call: Call) -> dict[str, Any]:
        if not any(isinstance(part, ImagePart) for message in call.messages for part in message.parts):
            return request_body(call)
        try:
            return await self._loop.run_in_executor(None, request_body, call)
        except MedVidBenchError as error:
            raise CallError("picture", str(error)) from error

    async def _send(
        self, lane: Lane, call: Call, key: str, body: dict[str, Any], worst: float | None, cuts: int, tally: Tally
    ) -> Reply:
        task = asyncio.current_task()
        assert task is not None
        if self._ending:
            self.budget.settle(worst or 0.0, 0.0)
            raise asyncio.CancelledError
        cost: float | None = 0.0
        try:
            attempt = self.cache.begin(key, call.model, worst)
            cost = worst  # what stays charged if the task is cancelled with the request under way
            self._sending.add(task)
            self.sent += 1
            tally.attempts += 1
            started = time.monotonic()
            try:
                content = await lane.wire.send(body)
                self.cache.keep(attempt, content, time.monotonic() - started)
                completion = read_completion(content)
            except CallError as fault:
                cost = worst if fault.kind in MAYBE_BILLED else 0.0
                self.cache.fail(attempt, fault.status, str(fault), cost, damaged=fault.kind == "damaged")
                self._learn(lane, call, fault, cuts)
                raise
            except CacheFullError:
                self._ending = True  # now, before another call is begun
                raise
            cost = lane.cost(completion, worst)
            self.cache.settle(attempt, cost, completion.input_tokens, completion.output_tokens)
            lane.gate.succeeded()
            lane.breaker.heard(useful=True)
            return reply_of(call.tag, key, completion, cost, attempts=tally.attempts)
        finally:
            self.budget.settle(worst or 0.0, cost or 0.0)
            self._sending.discard(task)

    def _learn(self, lane: Lane, call: Call, fault: CallError, cuts: int) -> None:
        """What one fault says about the calls to come.

        Raises:
            MedVidBenchError: that there is no point in sending them.
        """
        where = f"{lane.endpoint.base_url}, model {call.model!r}"
        if fault.kind == "unreachable":
            if lane.breaker.unreachable():
                remedy = "start the server or check its address, then run again: what was answered is kept"
                raise MedVidBenchError(f"{where} can't be reached: {fault.detail}.", remedy=remedy)
            return
        if fault.kind == "fatal":
            raise MedVidBenchError(f"{where}: {fault.detail}", remedy=_remedy(lane.endpoint, fault.status))
        if fault.kind == "turned down" and lane.breaker.turned_down():
            seen = f"{where} turned down the first {Breaker.TURNED_DOWN} calls: {fault.detail}"
            raise MedVidBenchError(seen, remedy="check the parameters and the size of the prompts")
        lane.breaker.heard(useful=fault.kind == "damaged")
        if fault.wait > self.settings.patience:
            seen = f"{where} asks to wait {fault.wait:.0f} s: {fault.detail}"
            raise MedVidBenchError(seen, remedy="run again then: what was answered is kept")
        if fault.kind == "limited":
            lane.gate.throttled(cuts, fault.wait)

    def _worst(self, lane: Lane, call: Call) -> float | None:
        if lane.price is None:
            return None
        if self.settings.max_cost is None and most_output(call, lane.price.max_output) is None:
            return None
        return lane.price.worst(call)

    def _lane(self, model: str) -> Lane:
        if model not in self._lanes:
            endpoint, price, policy = self.endpoint_of(model), self.prices.of(model), self.settings
            if policy.max_cost is not None and price is None:
                seen = f"The model {model!r} has no known price, so a cap of ${policy.max_cost:g} can't be kept."
                raise MedVidBenchError(seen, remedy="give its price in a price file (--prices), or leave the cap out")
            self._lanes[model] = Lane(
                endpoint,
                Wire(endpoint, policy.timeout, policy.concurrency),
                Gate(policy.concurrency),
                Rates(policy.requests_per_minute, policy.tokens_per_minute),
                Breaker(policy.patience),
                price,
            )
        return self._lanes[model]


def reply_of(
    tag: str, key: str, completion: Completion, cost: float | None, cached: bool = False, attempts: int = 0
) -> Reply:
    """A read reply as the caller gets it."""
    return Reply(
        tag,
        key,
        completion.text,
        completion.error,
        completion.model_version,
        completion.finish_reason,
        completion.input_tokens,
        completion.output_tokens,
        cost,
        cached,
        attempts,
    )


def _remedy(endpoint: Endpoint, status: int) -> str:
    if status in (401, 403):
        return f"check the key in {endpoint.key_variable or 'the environment'} and what it may use"
    if status == 404:
        return f"check the address and the model's name ({endpoint.base_url}/models lists them)"
    return "check the account's quota and billing, then run again: what was answered is kept"
