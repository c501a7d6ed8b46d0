"""Groups of a step: who draws which position, what dynamic sampling exchanges, what is counted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reward_groups import example

from medvidbench.training.grpo_batch import Collector, position_seed
from medvidbench.training.rewards import RewardUnavailable
from medvidbench.training.rows import Completions, GroupRewards, Key
from medvidbench.training.stream import LeftOut


class Alone:
    """One process of `count`, told what the others would say."""

    def __init__(self, rank: int = 0, count: int = 1, *others: Any) -> None:
        self.rank, self.count, self.others = rank, count, others

    def gathered(self, value: Any) -> list[Any]:
        return [value, *self.others]


def drawn(examples: Any, seeds: Any) -> list[Completions]:
    ids = torch.zeros((2, 3), dtype=torch.int64)
    lengths, finished = torch.tensor([3, 2]), torch.tensor([False, True])
    return [Completions(ids, lengths, finished, torch.zeros(2, 3), ("a", "b")) for _ in examples]


def rewarder(spread: set[str]) -> Any:
    """Groups whose sample is in `spread` have two different rewards."""

    def reward(examples: Any, completions: Any) -> list[GroupRewards]:
        return [
            GroupRewards(
                Key("AVOS", "TAG"),
                e.sample.sample_id,
                {"task": (0.0, 1.0 if e.sample.sample_id in spread else 0.0)},
                (True, False),
            )
            for e in examples
        ]

    return reward


def collector(names: list[str], spread: set[str], **options: Any) -> Collector:
    items = (LeftOut(n, Key("AVOS", "TAG"), "gone") if n == "lost" else example("TAG", sample_id=n) for n in names)
    return Collector(iter(items), drawn, rewarder(spread), options.pop("processes", Alone()), 0, **options)


def ids(found: Any) -> list[str]:
    return [group.rewards.sample_id for group in found.groups]


def test_without_dynamic_sampling_groups_without_spread_stay() -> None:
    found = collector(["a", "b", "c"], {"b"}).collect(0, 2)
    assert (ids(found), found.cursor, found.put_aside) == (["a", "b"], 2, 0)


def test_dynamic_sampling_exchanges_groups_without_spread_for_the_next_prompts() -> None:
    # a has no spread: c comes in its place; d is not drawn
    found = collector(["a", "b", "c", "d"], {"b", "c", "d"}, resamples=3).collect(0, 2)
    assert (ids(found), found.cursor, found.put_aside) == (["b", "c"], 3, 1)
    assert sorted(found.own) == [1, 2]


def test_after_the_last_turn_the_latest_groups_without_spread_are_kept() -> None:
    # turn 0 draws a, b; turn 1 draws c in the place of a: no spread either, and no turn is left
    found = collector(["a", "b", "c", "d"], {"b"}, resamples=1).collect(0, 2)
    assert (ids(found), found.cursor, found.put_aside) == (["b", "c"], 3, 1)


def test_a_row_that_cant_be_shown_leaves_its_place_empty_and_is_counted() -> None:
    found = collector(["a", "lost", "c"], {"a"}).collect(0, 2)
    assert ids(found) == ["a"]
    assert [row.sample_id for row in found.left_out] == ["lost"]
    assert found.cursor == 2


def test_a_process_draws_its_own_positions_whatever_the_step_began_with() -> None:
    # of 2 processes, number 1 has the odd positions: 3 of {2, 3, 4}... and 5 of {5, 6}
    one = collector(["p3", "p5"], set(), processes=Alone(1, 2))
    assert ids(one.collect(2, 3)) == ["p3"]
    assert ids(one.collect(5, 2)) == ["p5"]


def test_a_judge_that_is_down_for_one_process_stops_all_of_them() -> None:
    down = RewardUnavailable("The judge is down.", remedy="bring it back")
    with pytest.raises(RewardUnavailable, match="bring it back"):
        collector(["a"], {"a"}, processes=Alone(0, 2, ([], [], down))).collect(0, 2)

    def fails(examples: Any, completions: Any) -> list[GroupRewards]:
        raise down

    told: list[Any] = []
    alone = Alone()
    alone.gathered = lambda value: told.append(value) or [value]  # type: ignore[method-assign]
    with pytest.raises(RewardUnavailable, match="judge is down"):
        Collector(iter([example("TAG")]), drawn, fails, alone, 0).collect(0, 1)  # type: ignore[arg-type]
    assert told == [([], [], down)]  # the others were told before this one stopped


def test_what_a_group_earned_says_lengths_and_endings() -> None:
    (group,) = collector(["a"], set()).collect(0, 1).groups
    assert (group.lengths, group.finished, group.trees) == ((3, 2), (False, True), None)


def test_seeds_differ_by_run_and_by_position() -> None:
    assert len({position_seed(run, place) for run in range(20) for place in range(200)}) == 4000
