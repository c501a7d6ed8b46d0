"""When an attempt is made again: transient faults, after a wait with full jitter, never before Retry-After."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from medvidbench.models.openai_wire import RETRIED, CallError


def retrying(attempts: int, first_wait: float, longest_wait: float, going_on: Callable[[], bool]) -> AsyncRetrying:
    """The policy for one call; the last attempt's error is raised as it was.

    Args:
        attempts: requests sent for one call at most.
        first_wait, longest_wait: seconds; the k-th wait is drawn from 0..min(longest, first * 2^k).
        going_on: False once the run ends, and then nothing is tried again.
    """
    jitter = wait_random_exponential(multiplier=first_wait, max=longest_wait)

    def wait(state: RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        asked = fault.wait if isinstance(fault, CallError) else 0.0
        return asked + float(jitter(state))

    def transient(error: BaseException) -> bool:
        return isinstance(error, CallError) and error.kind in RETRIED and going_on()

    return AsyncRetrying(
        stop=stop_after_attempt(attempts), wait=wait, retry=retry_if_exception(transient), reraise=True
    )
