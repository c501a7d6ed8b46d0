"""How many calls are in flight, and when: adaptive concurrency, rates a minute, and a circuit breaker.

Concurrency follows additive increase, multiplicative decrease: a ramp that doubles each round trip until the ceiling
or the first 429, then x 0.75 on a 429 and +1 for every 25 successes. A burst of 429s from calls sent before the last
cut is one signal, not many. Retry-After holds back every new call of the model, not only the one that was told.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from aiolimiter import AsyncLimiter

CUT = 0.75
SUCCESSES_PER_STEP = 25
START = 16
BURST_SECONDS = 10.0


class Gate:
    """Lets at most `limit` calls be in flight; first come, first served."""

    def __init__(self, ceiling: int, start: int = START) -> None:
        self.ceiling = ceiling
        self.limit = float(min(start, ceiling))
        self.running = 0
        self.cuts = 0
        self._ramping = True
        self._successes = 0
        self._resume_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    async def enter(self) -> int:
        """Waits for a place; returns the number of cuts so far, which `throttled` asks for."""
        if self._waiting or not self._free():
            ticket = asyncio.get_running_loop().create_future()
            self._waiting.append(ticket)
            self._admit()
            try:
                await ticket
            except asyncio.CancelledError:
                if ticket.done() and not ticket.cancelled():
                    self.leave()
                raise
        else:
            self.running += 1
        return self.cuts

    def leave(self) -> None:
        """Gives the place back."""
        self.running -= 1
        self._admit()

    def succeeded(self) -> None:
        """A call was answered."""
        self._successes += 1
        if self._ramping or self._successes >= SUCCESSES_PER_STEP:
            self._successes = 0
            self.limit = min(float(self.ceiling), self.limit + 1)

    def throttled(self, cuts_when_sent: int, wait: float = 0.0) -> None:
        """The server said 429; `wait` is its Retry-After in seconds."""
        self._ramping = False
        self._resume_at = max(self._resume_at, time.monotonic() + wait)
        if cuts_when_sent == self.cuts:
            self.cuts += 1
            self._successes = 0
            self.limit = max(1.0, self.limit * CUT)

    def _free(self) -> bool:
        return self.running < int(self.limit) and time.monotonic() >= self._resume_at

    def _admit(self) -> None:
        while self._waiting and self._free():
            ticket = self._waiting.popleft()
            if not ticket.done():
                self.running += 1
                ticket.set_result(None)
        pause = self._resume_at - time.monotonic()
        if self._waiting and pause > 0 and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(pause + 0.001, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._admit()


class Rates:
    """Requests and tokens a minute, spread over the minute (bursts of at most ten seconds' worth)."""

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self._requests = _limiter(requests)
        self._tokens = _limiter(tokens)

    async def acquire(self, tokens: int) -> None:
        """Waits until one request of so many tokens may go."""
        if self._requests:
            await self._requests.acquire()
        left = float(tokens)
        while self._tokens and left > 0:
            piece = min(left, self._tokens.max_rate)  # the limiter takes no more than its capacity at once
            await self._tokens.acquire(piece)
            left -= piece


def _limiter(per_minute: float | None) -> AsyncLimiter | None:
    if per_minute is None:
        return None
    capacity = max(1.0, per_minute * BURST_SECONDS / 60)
    return AsyncLimiter(capacity, capacity * 60 / per_minute)


class Breaker:
    """Says when to give up on a server instead of trying every call against it.

    Args:
        patience: seconds a server that answered before may be unreachable.
    """

    FIRST_TRIES = 5
    TURNED_DOWN = 20

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._heard: float | None = None
        self._unreachable = 0
        self._turned_down = 0
        self._useful = False

    def heard(self, useful: bool) -> None:
        """The server answered; `useful` when it was no error."""
        self._heard = time.monotonic()
        self._unreachable = 0
        self._useful |= useful

    def unreachable(self) -> bool:
        """A connection failed; True when the server must be taken as down."""
        self._unreachable += 1
        if self._heard is None:
            return self._unreachable >= self.FIRST_TRIES
        return self._unreachable >= self.FIRST_TRIES and time.monotonic() - self._heard > self._patience

    def turned_down(self) -> bool:
        """A call was turned down for good (400); True when the first 20 of a run were, so that all will be."""
        self.heard(useful=False)
        self._turned_down += 1
        return not self._useful and self._turned_down >= self.TURNED_DOWN
