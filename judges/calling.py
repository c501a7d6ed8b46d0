"""What paid judges share: one cache, one budget, and the call engine of `medvidbench.models`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from medvidbench.judges.base import LEAST, CaptionPair, Judgement
from medvidbench.models.calls import CallCache, Caller, CallSettings, Endpoint, PriceTable
from medvidbench.models.dry_run import Estimate, estimate
from medvidbench.models.messages import Call, Reply


@dataclass
class JudgeCalls:
    """Sends the calls of all judges of one run.

    `settings.max_cost` holds for all of them together: what one run of the engine spent is taken off for the next.

    Attributes:
        batch: through the provider's Batch API: half the price, within a day.
        poll_seconds: between two looks at a batch.
        spent: dollars so far, with what the server may have billed without saying so.
        sent: requests so far.
    """

    cache: CallCache
    settings: CallSettings = field(default_factory=CallSettings)
    prices: PriceTable = field(default_factory=PriceTable.load)
    batch: bool = False
    poll_seconds: float = 60.0
    spent: float = 0.0
    sent: int = 0

    def run(self, endpoint: Endpoint | Mapping[str, Endpoint], calls: Iterable[Call]) -> Iterator[Reply]:
        """One reply for each call, in any order; errors as those of `Caller.run` and `BatchCaller.run`."""
        caller = self._caller(endpoint)
        if not self.batch:
            try:
                yield from caller.run(calls)
            finally:
                self.spent += caller.stats.dollars
                self.sent += caller.stats.sent
            return
        from medvidbench.models.batch import BatchCaller

        for reply in BatchCaller(caller, self.poll_seconds).run(calls):
            if not reply.cached and reply.attempts:
                self.spent += reply.cost or 0.0
                self.sent += 1
            yield reply

    def estimate(self, endpoint: Endpoint | Mapping[str, Endpoint], calls: Iterable[Call]) -> Estimate:
        """What `run` would send; sends nothing."""
        return estimate(calls, self._caller(endpoint))

    def _caller(self, endpoint: Endpoint | Mapping[str, Endpoint]) -> Caller:
        cap = self.settings.max_cost
        if cap is None or self.settings.count_earlier_spend:  # the cache's ledger knows what is spent already
            return Caller(endpoint, self.cache, self.settings, self.prices)
        left = replace(self.settings, max_cost=max(0.0, cap - self.spent))
        return Caller(endpoint, self.cache, left, self.prices)


EMPTY_CAPTION = "The caption is empty."
EMPTY_REFERENCE = "The caption describes an event that the reference doesn't have."


def empty_side(pair: CaptionPair, judge: str) -> Judgement | None:
    """The scale's least on every dimension for a pair with an empty side; None for a pair that needs a judge.

    A truth without a prediction and a prediction without a truth cost as much as the worst caption. This is a rule of
    scoring, no failed call: the pair is never sent.
    """
    if pair.prediction.strip() and pair.reference.strip():
        return None
    why = EMPTY_REFERENCE if pair.prediction.strip() else EMPTY_CAPTION
    return Judgement(pair.pair_id, judge, (LEAST,) * 5, (why,) * 5)


def judge_record(name: str, kind: str, **facts: Any) -> dict[str, Any]:
    """A judge's record: name and kind first."""
    return {"judge": name, "kind": kind, **facts}
