"""The groups of one GRPO step: prompts drawn from the order, completions sampled, rewards given.

Every process takes the positions of the order that are its own (`position % processes == rank`), whatever happens on
the others, so that each can read ahead; the rewards are then gathered, and all processes go on with the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from medvidbench.training.rows import Completions, Example, GroupRewards
from medvidbench.training.unavailable import Unavailable

if TYPE_CHECKING:
    from medvidbench.training.processes import Processes
    from medvidbench.training.stream import LeftOut

Sampler = Callable[[Sequence[Example], Sequence[int]], list[Completions]]
"""Examples and a seed for each to their completions; called without any, too: what processes do together is in it."""
Reward = Callable[[Sequence[Example], Sequence[Completions]], list[GroupRewards]]


@dataclass(frozen=True, eq=False)
class Rollout:
    """One prompt's group: what was asked, answered and earned."""

    example: Example
    completions: Completions
    rewards: GroupRewards


@dataclass(frozen=True)
class Earned:
    """What all processes know of a group.

    Attributes:
        position: in the order of the data.
        lengths: tokens of each completion; `finished`: whether it ended by itself.
        trees: branch of each completion, or None.
    """

    position: int
    rewards: GroupRewards
    lengths: tuple[int, ...]
    finished: tuple[bool, ...]
    trees: tuple[int, ...] | None


@dataclass
class Collected:
    """The groups of a step.

    Attributes:
        own: this process' rollouts by position.
        groups: of all processes, by position.
        left_out: rows that could not be shown, of all processes.
        put_aside: groups without spread that were exchanged for others.
        cursor: the first position that no step has used.
        seconds: by part of the step.
    """

    own: dict[int, Rollout] = field(default_factory=dict)
    groups: list[Earned] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    put_aside: int = 0
    cursor: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds the block's wall time to a part of the step."""
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + perf_counter() - start


@dataclass(frozen=True)
class Collector:
    """Collects the groups of a step.

    Attributes:
        examples: this process' examples, in the order of its positions.
        sample, reward: what is done with them.
        seed: of the run.
        resamples: turns in which groups without spread are exchanged (DAPO's dynamic sampling, arXiv 2503.14476);
            what has none after the last turn is kept.
    """

    examples: Iterator[Example | LeftOut]
    sample: Sampler
    reward: Reward
    processes: Processes
    seed: int
    resamples: int = 0

    def collect(self, cursor: int, wanted: int) -> Collected:
        """The groups of `wanted` positions from `cursor` on, and of as many more as were exchanged.

        Raises:
            Unavailable: on every process, where one of them can't have completions or rewards: all save and stop.
        """
        found = Collected(cursor=cursor)
        idle: list[Earned] = []
        missing = wanted
        for turn in range(self.resamples + 1):
            fresh = self._turn(found, missing)
            useful = [group for group in fresh if group.rewards.has_spread] if self.resamples else fresh
            found.groups += useful
            idle += [group for group in fresh if group not in useful]
            # rows that can't be shown leave their place empty, as in supervised fine-tuning
            missing = len(fresh) - len(useful)
            if not missing or turn == self.resamples:
                break
        kept = idle[len(idle) - missing :] if missing else []
        found.put_aside = len(idle) - len(kept)
        found.groups = sorted([*found.groups, *kept], key=lambda group: group.position)
        alive = {group.position for group in found.groups}
        found.own = {position: rollout for position, rollout in sorted(found.own.items()) if position in alive}
        return found

    def _turn(self, found: Collected, count: int) -> list[Earned]:
        """Groups of the next `count` positions, of all processes."""
        rank, of = self.processes.rank, self.processes.count
        mine = [p for p in range(found.cursor, found.cursor + count) if p % of == rank]
        found.cursor += count
        with found.timed("prompts"):
            drawn = {position: next(self.examples) for position in mine}
        shown = {position: item for position, item in drawn.items() if isinstance(item, Example)}
        rollouts, down = self._rollouts(found, shown)
        found.own |= rollouts
        earned = [_earned(position, rollout) for position, rollout in rollouts.items()]
        lost = [item for item in drawn.values() if not isinstance(item, Example)]
        told = self.processes.gathered((earned, lost, down))
        for *_, why in told:
            if why is not None:
                raise why
        found.left_out += [item for _, items, _ in told for item in items]
        return sorted((group for groups, *_ in told for group in groups), key=lambda group: group.position)

    def _rollouts(self, found: Collected, shown: dict[int, Example]) -> tuple[dict[int, Rollout], Unavailable | None]:
        """This process' rollouts, or why there are none: the others must hear it, they wait for them."""
        examples = list(shown.values())
        try:
            with found.timed("rollout"):
                completions = self.sample(examples, [position_seed(self.seed, position) for position in shown])
            if not examples:
                return {}, None
            with found.timed("rewards"):
                rewards = self.reward(examples, completions)
        except Unavailable as error:
            return {}, error
        rows = zip(examples, completions, rewards, strict=True)
        return {position: Rollout(*row) for position, row in zip(shown, rows, strict=True)}, None


def position_seed(seed: int, position: int) -> int:
    """Seed of the completions at a position of the order: the same on any number of processes."""
    digest = hashlib.sha256(f"{seed}/rollout/{position}".encode()).digest()
    return int.from_bytes(digest[:6], "little")


def _earned(position: int, rollout: Rollout) -> Earned:
    made = rollout.completions
    return Earned(
        position,
        rollout.rewards,
        tuple(made.lengths.tolist()),
        tuple(made.finished.tolist()),
        None if made.trees is None else tuple(made.trees.tolist()),
    )
