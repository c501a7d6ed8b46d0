"""What a run would take, without sending anything: calls, tokens, dollars.

Tokens are estimates (`medvidbench.models.tokens`). Output is counted at the calls' own cap, `max_tokens`, so the
dollars lean to the high side; a retry is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medvidbench.models.calls import Caller
from medvidbench.models.messages import Call
from medvidbench.models.prices import BATCH_SHARE
from medvidbench.models.tokens import QWEN_RULE, estimated_input, most_output


@dataclass(frozen=True, slots=True)
class Estimate:
    """The sums over all calls.

    Attributes:
        calls: asked for, with those in the cache and twins.
        cached: answered without being sent.
        input_tokens, output_tokens: of the calls to send; output is None when a call has no cap on it.
        dollars: None when a model has no price, or output has no cap.
    """

    calls: int
    cached: int
    input_tokens: int
    output_tokens: int | None
    dollars: float | None

    @property
    def batch_dollars(self) -> float | None:
        """Dollars in the provider's batch, at half the price."""
        return None if self.dollars is None else self.dollars * BATCH_SHARE


def estimate(calls: Iterable[Call], caller: Caller) -> Estimate:
    """What `caller.run(calls)` would send; reads no picture and takes the calls one by one."""
    total = cached = read = 0
    written: int | None = 0
    dollars: float | None = 0.0
    seen: set[str] = set()
    for call in calls:
        total += 1
        key = call.key
        if key in seen or caller.cached(call) is not None:
            cached += 1
            continue
        seen.add(key)
        price = caller.prices.of(call.model)
        more_read = estimated_input(call, price.image if price else QWEN_RULE)
        more_written = most_output(call, price.max_output if price else None)
        read += more_read
        written = None if written is None or more_written is None else written + more_written
        if price is None or dollars is None or more_written is None:
            dollars = None
        else:
            dollars += price.dollars(more_read, more_written)
    return Estimate(total, cached, read, written, dollars)
