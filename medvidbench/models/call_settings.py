"""How calls are sent, and how a run stands."""

from __future__ import annotations

import time
from dataclasses import dataclass

from medvidbench.errors import MedVidBenchError


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How calls are sent; nothing here changes what comes back.

    Attributes:
        concurrency: the most calls in flight for one model; less while the server says 429.
        timeout: seconds for one attempt.
        attempts: requests sent for one call at most.
        requests_per_minute, tokens_per_minute: limits for each model; None for none.
        max_cost: dollars; calls that might pass it aren't sent. None for no cap.
        count_earlier_spend: whether what earlier runs of the cache folder spent counts against `max_cost`.
        first_wait, longest_wait: seconds between attempts (exponential, full jitter).
        patience: seconds that a server may be unreachable, and the longest Retry-After that is obeyed.
        grace: seconds that calls in flight get to finish when a run is broken off.
    """

    concurrency: int = 16
    timeout: float = 120.0
    attempts: int = 8
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_cost: float | None = None
    count_earlier_spend: bool = False
    first_wait: float = 0.5
    longest_wait: float = 30.0
    patience: float = 300.0
    grace: float = 15.0

    def __post_init__(self) -> None:
        least = {"concurrency": 1, "attempts": 1, "timeout": 0.001, "requests_per_minute": 0.001}
        for name, low in (least | {"tokens_per_minute": 1, "max_cost": 0}).items():
            value = getattr(self, name)
            if value is not None and not low <= value < float("inf"):
                raise MedVidBenchError(f"{name} is {value}.", f"a number from {low}")


@dataclass(slots=True)
class Stats:
    """How a run stands, for a progress line; read it from any thread.

    Attributes:
        done: replies handed out: `cached` + `failed` + answered now.
        cached: from the cache or from a twin in the same run.
        failed: without a text for a reason that isn't in the cache (the call is sent again by the next run).
        sent: requests, with those that failed.
        dollars: spent in this run, with what the server may have billed without saying so.
    """

    started: float
    done: int = 0
    cached: int = 0
    failed: int = 0
    sent: int = 0
    running: int = 0
    dollars: float = 0.0

    @property
    def rate(self) -> float:
        """Replies a second since the start."""
        return self.done / max(1e-9, time.monotonic() - self.started)
