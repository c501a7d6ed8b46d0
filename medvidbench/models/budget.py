"""A cap on spending that holds with many calls in flight: reserve the worst case, send, settle what was billed.

    settled + reserved <= cap        at all times

A call that doesn't fit beside the reservations of others waits until they are settled, because most cost far less than
their worst case; when nothing is reserved and it still doesn't fit, it isn't sent. What the server may have billed
without saying so (a time-out, half a body) is settled at the worst case.
"""

from __future__ import annotations

import asyncio


class OverBudgetError(Exception):
    """The call would pass the cap; it wasn't sent."""


class Budget:
    """Dollars of one run; used from one event loop.

    Args:
        cap: the most to spend; None for no cap.
        already: spent before this run and counted against the cap.
    """

    def __init__(self, cap: float | None = None, already: float = 0.0) -> None:
        self.cap, self.already = cap, already
        self.settled = 0.0
        self.reserved = 0.0
        self._open = 0
        self._changed: asyncio.Event | None = None

    async def reserve(self, worst: float) -> None:
        """Sets the worst case aside.

        Raises:
            OverBudgetError: it doesn't fit, and nothing in flight can make room.
        """
        while not self._fits(worst):
            if not self._open:
                left = (self.cap or 0.0) - self.already - self.settled
                raise OverBudgetError(
                    f"budget: the call may cost ${worst:.4f}, ${max(0.0, left):.4f} of ${self.cap} left"
                )
            self._changed = self._changed or asyncio.Event()
            await self._changed.wait()
        self.reserved += worst
        self._open += 1

    def settle(self, worst: float, cost: float) -> None:
        """Gives a reservation back and counts what was billed."""
        self._open -= 1
        # exactly zero when nothing is open: rounding must not eat or add room
        self.reserved = self.reserved - worst if self._open else 0.0
        self.settled += cost
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _fits(self, worst: float) -> bool:
        return self.cap is None or self.already + self.settled + self.reserved + worst <= self.cap
