"""What stops a run that has collapsed: pure functions over its log.

Each alarm looks at the last `window` steps. The reward's drop is measured against the first `window`, and needs both
windows full and apart. Rewards of few prompts are noisy, and a run looks thousands of times: a drop counts only where
each window has at least `LEAST_PROMPTS` prompts of the key and the drop is `CERTAIN` standard errors large. A loss,
gradient norm, entropy or KL that is not finite stops the run at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from medvidbench.training.recipe import AlarmPart
from medvidbench.training.steps import GrpoStep, SftStep

LEAST_PROMPTS = 16
"""Prompts of a source and task that a window must hold before its reward is compared."""
CERTAIN = 4.0
"""Standard errors; chance alone passes this about 3 times in 100,000 looks at many prompts."""
AlarmName = Literal["not_finite", "reward_drop", "entropy_below", "kl_above", "parse_below", "truncated_above"]


@dataclass(frozen=True)
class Alarm:
    """Why a run is stopped.

    Attributes:
        step: at which.
        name: of the setting, or "not_finite".
        seen: the value that was measured; NaN or infinite for "not_finite".
        limit: that it passed; None for "not_finite".
        why: the whole reason in words.
    """

    step: int
    name: AlarmName
    seen: float
    limit: float | None
    why: str


def alarms(log: Sequence[GrpoStep | SftStep], settings: AlarmPart) -> list[Alarm]:
    """The alarms at the end of the log; empty while all is well.

    Args:
        log: all steps of the run so far, in order.
    """
    if not log:
        return []
    found = _not_finite(log[-1])
    steps = [step for step in log if isinstance(step, GrpoStep)]
    if len(steps) >= settings.window:
        found += _levels(steps[-settings.window :], settings)
    if len(steps) >= 2 * settings.window and settings.reward_drop is not None:
        found += _drops(steps[: settings.window], steps[-settings.window :], settings.reward_drop)
    return found


def last_good(checkpoints: Sequence[int], step: int, window: int) -> int | None:
    """The newest checkpoint that is known to be good at `step`: a whole window came after it, and no alarm. None: none.

    A collapse shows in the mean of a window only after it began, so that a younger checkpoint may hold it already.

    >>> last_good([100, 200, 300], step=310, window=20)
    200
    """
    return max((at for at in checkpoints if at <= step - window), default=None)


def _not_finite(step: GrpoStep | SftStep) -> list[Alarm]:
    named = [("loss", step.loss), ("gradient norm", step.grad_norm)]
    if isinstance(step, GrpoStep):
        named += [("entropy", step.entropy), ("KL", step.kl)]
    return [
        Alarm(step.step, "not_finite", value, None, f"The {name} of step {step.step} is {value}.")
        for name, value in named
        if value is not None and not math.isfinite(value)
    ]


@dataclass(frozen=True)
class _Level:
    """A limit on the weighted mean of one value over the window."""

    name: AlarmName
    value: Callable[[GrpoStep], float | None]
    weight: Callable[[GrpoStep], int]
    above: bool
    words: str


_LEVELS = (
    _Level("entropy_below", lambda s: s.entropy, lambda s: s.tokens, False, "The entropy is {seen:.4g} nats a token"),
    _Level("kl_above", lambda s: s.kl, lambda s: s.tokens, True, "The KL to the model at the start is {seen:.4g} nats"),
    _Level(
        "parse_below", lambda s: s.parsed, lambda s: s.completions, False, "{percent:.1f} % of the answers can be read"
    ),
    _Level(
        "truncated_above",
        lambda s: s.truncated,
        lambda s: s.completions,
        True,
        "{percent:.1f} % of the completions are cut at the limit",
    ),
)


def _levels(window: Sequence[GrpoStep], settings: AlarmPart) -> list[Alarm]:
    found = []
    for level in _LEVELS:
        limit: float | None = getattr(settings, level.name)
        seen = weighted_mean((level.value(step), level.weight(step)) for step in window)
        if limit is None or seen is None or not (seen > limit if level.above else seen < limit):
            continue
        side = "above" if level.above else "below"
        words = (
            f"{level.words.format(seen=seen, percent=100 * seen)} over the last {len(window)} steps, {side} {limit:g}."
        )
        found.append(Alarm(window[-1].step, level.name, seen, limit, words))
    return found


def weighted_mean(pairs: Iterable[tuple[float | None, float]]) -> float | None:
    """Mean of the values that are there, by weight; None where no weight is left.

    >>> weighted_mean([(1.0, 3), (None, 100), (0.0, 1)])
    0.75
    """
    known = [(value, weight) for value, weight in pairs if value is not None]
    total = math.fsum(weight for _, weight in known)
    return math.fsum(value * weight for value, weight in known) / total if total > 0 else None


@dataclass(frozen=True)
class Earned:
    """A key's raw reward over a window.

    Attributes:
        prompts: that it rests on.
        mean: over the prompts.
        error: standard error of the mean, s / sqrt(prompts); 0 for a single prompt.
    """

    prompts: int
    mean: float
    error: float


def earned(window: Sequence[GrpoStep]) -> dict[str, Earned]:
    """The raw reward of each source and task over the steps of a window; keys without a reward are left out.

    The variance over all prompts is E[x^2] - E[x]^2 with E[x^2] from each step's mean and standard deviation, times
    n / (n - 1).
    """
    by_key: dict[str, list[tuple[int, float, float]]] = {}
    for step in window:
        for key in step.keys:
            if key.reward is not None and key.reward_sd is not None:
                by_key.setdefault(key.name, []).append((key.rewarded, key.reward, key.reward_sd))
    return {name: _earned(rows) for name, rows in by_key.items()}


def _earned(rows: Sequence[tuple[int, float, float]]) -> Earned:
    count = sum(n for n, _, _ in rows)
    mean = math.fsum(n * reward for n, reward, _ in rows) / count
    squares = math.fsum(n * (sd**2 + (reward - mean) ** 2) for n, reward, sd in rows)
    return Earned(count, mean, math.sqrt(squares / (count - 1) / count) if count > 1 else 0.0)


def _drops(first: Sequence[GrpoStep], last: Sequence[GrpoStep], limit: float) -> list[Alarm]:
    before, after = earned(first), earned(last)
    found = []
    for name in sorted(before.keys() & after.keys()):
        was, now = before[name], after[name]
        if min(was.prompts, now.prompts) < LEAST_PROMPTS or was.mean <= 0:
            continue
        lost = 1 - now.mean / was.mean
        if lost > limit and was.mean - now.mean > CERTAIN * math.hypot(was.error, now.error):
            words = (
                f"The raw reward of {name} fell from {was.mean:.4g} (first {len(first)} steps, {was.prompts} prompts)"
                f" to {now.mean:.4g} (last {len(last)} steps, {now.prompts} prompts): {100 * lost:.0f} % lost,"
                f" more than {100 * limit:.0f} %."
            )
            found.append(Alarm(last[-1].step, "reward_drop", lost, limit, words))
    return found
