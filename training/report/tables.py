"""Each source and task in the first and in the last steps of a run, with what the numbers rest on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medvidbench.training.alarms import Earned, earned, weighted_mean
from medvidbench.training.report.inputs import Run
from medvidbench.training.steps import GrpoStep, KeyStep, SftKey, SftStep


@dataclass(frozen=True)
class Part:
    """A key over some steps; None where nothing was measured.

    Attributes:
        prompts, n: groups and completions of GRPO, examples and tokens of SFT.
        reward: raw, over prompts; None for SFT.
        loss: mean over tokens; None for GRPO.
        parts: mean of each raw reward.
    """

    prompts: int
    n: int
    reward: Earned | None = None
    loss: float | None = None
    normalised: float | None = None
    share: float | None = None
    zero_spread: float | None = None
    saturated: float | None = None
    parsed: float | None = None
    parts: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class KeyRow:
    """A key in the first and the last steps; None where it isn't in any of them."""

    name: str
    first: Part | None
    last: Part | None


@dataclass(frozen=True)
class WindowTable:
    """All keys of a run; the two windows of `size` steps don't overlap."""

    size: int
    rows: list[KeyRow]


def window_table(run: Run) -> WindowTable | None:
    """The table; None for a run of fewer than two steps."""
    size = min(run.window, len(run.steps) // 2)
    if size < 1:
        return None
    first, last = _parts(run.steps[:size]), _parts(run.steps[-size:])
    return WindowTable(size, [KeyRow(name, first.get(name), last.get(name)) for name in sorted({*first, *last})])


def _parts(steps: Sequence[GrpoStep | SftStep]) -> dict[str, Part]:
    rewards = earned([step for step in steps if isinstance(step, GrpoStep)])
    keys = [key for step in steps for key in step.keys]
    total = math.fsum(key.advantage * key.n for key in keys if isinstance(key, KeyStep))
    found = {}
    for name in dict.fromkeys(key.name for key in keys):
        grpo = [key for key in keys if isinstance(key, KeyStep) and key.name == name]
        sft = [key for key in keys if isinstance(key, SftKey) and key.name == name]
        found[name] = _grpo_part(grpo, rewards.get(name), total) if grpo else _sft_part(sft)
    return found


def _grpo_part(keys: Sequence[KeyStep], reward: Earned | None, total: float) -> Part:
    def mean(read: Callable[[KeyStep], float | None]) -> float | None:
        return weighted_mean((read(key), key.n) for key in keys)

    names = dict.fromkeys(name for key in keys for name in key.parts)
    parts = [(name, weighted_mean((key.parts.get(name), key.n) for key in keys)) for name in names]
    return Part(
        prompts=sum(key.prompts for key in keys),
        n=sum(key.n for key in keys),
        reward=reward,
        normalised=mean(lambda key: key.normalised),
        share=math.fsum(key.advantage * key.n for key in keys) / total if total > 0 else None,
        zero_spread=weighted_mean((key.zero_spread, key.prompts) for key in keys),
        saturated=mean(lambda key: key.saturated),
        parsed=mean(lambda key: key.parsed),
        parts=tuple((name, value) for name, value in parts if value is not None),
    )


def _sft_part(keys: Sequence[SftKey]) -> Part:
    tokens = sum(key.tokens for key in keys)
    return Part(sum(key.n for key in keys), tokens, loss=weighted_mean((key.loss, key.tokens) for key in keys))


def skipped(run: Run) -> list[tuple[str, int, str]]:
    """(reason, how many examples, one of them) of what the run had to do without, the most frequent first."""
    found = [item for step in run.steps for item in step.skipped]
    counts, first = Counter(item.why for item in found), {item.why: item.sample_id for item in reversed(found)}
    return [(why, count, first[why]) for why, count in counts.most_common()]
