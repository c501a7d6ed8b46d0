"""The order of rows: a function of the position, fair to rows, tasks and keys."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
from medvidbench.records import TaskName
from medvidbench.training.order import DataOrder, share
from medvidbench.training.recipe import DataPart
from medvidbench.training.rows import Key

TASKS: tuple[TaskName, ...] = ("TAG", "STG", "NAP")
KEYS = st.lists(st.builds(Key, st.sampled_from(["A", "B"]), st.sampled_from(TASKS)), min_size=1, max_size=30)
BALANCES = st.sampled_from(["none", "task", "key"])


@given(KEYS, st.integers(0, 5), st.integers(0, 4))
def test_without_balance_every_epoch_holds_each_row_once(keys: list[Key], seed: int, epoch: int) -> None:
    order = DataOrder(keys, "none", seed)
    assert sorted(order.batch(epoch * len(keys), len(keys))) == list(range(len(keys)))


@given(KEYS, BALANCES, st.integers(0, 200), st.integers(1, 40))
def test_a_run_that_goes_on_sees_the_rows_that_it_would_have_seen(
    keys: list[Key], balance: str, position: int, count: int
) -> None:
    whole = list(islice(DataOrder(keys, balance, 3).endless(), position + count))
    assert DataOrder(keys, balance, 3).batch(position, count) == whole[position:]


@given(KEYS, st.sampled_from(["task", "key"]), st.integers(0, 50))
def test_balanced_groups_take_turns_and_each_comes_once_a_round(keys: list[Key], balance: str, turn: int) -> None:
    def group(row: int) -> str:
        return keys[row].task if balance == "task" else str(keys[row])

    groups = {group(row) for row in range(len(keys))}
    rows = DataOrder(keys, balance, 1).batch(turn * len(groups), len(groups))
    assert sorted(map(group, rows)) == sorted(groups)


@given(KEYS)
def test_within_its_group_every_row_comes_before_any_comes_again(keys: list[Key]) -> None:
    groups = {key.task for key in keys}
    largest = max(Counter(key.task for key in keys).values())
    counts = Counter(DataOrder(keys, "task", 1).batch(0, largest * len(groups)))
    for task in groups:
        drawn = [counts[row] for row, key in enumerate(keys) if key.task == task]
        assert max(drawn) - min(drawn) <= 1


def test_a_task_with_more_turns_comes_so_many_times_in_every_round() -> None:
    keys = [Key("A", "TAG")] * 7 + [Key("A", "STG")] * 5 + [Key("A", "NAP")] * 3
    order = DataOrder(keys, "task", 4, {"TAG": 3})
    for turn in range(20):  # a round is 3 + 1 + 1 positions
        drawn = Counter(keys[row].task for row in order.batch(5 * turn, 5))
        assert drawn == {"TAG": 3, "STG": 1, "NAP": 1}
    tag = [row for row in order.batch(0, 35) if keys[row].task == "TAG"]
    assert Counter(tag) == dict.fromkeys(range(7), 3)  # 7 rounds: 21 turns of 7 rows


def test_turns_without_the_balance_that_they_go_with_are_refused() -> None:
    with pytest.raises(ValueError, match="turns go with the balance task"):
        DataPart(turns={"TAG": 2})


def test_rare_tasks_come_as_often_as_common_ones() -> None:
    keys = [Key("A", "TAG")] * 90 + [Key("A", "STG")] * 10
    drawn = Counter(keys[row].task for row in DataOrder(keys, "task", 0).batch(0, 1000))
    assert drawn == {"TAG": 500, "STG": 500}


def test_another_seed_and_another_epoch_give_another_order() -> None:
    keys = [Key("A", "TAG")] * 50
    first, second = DataOrder(keys, "none", 0), DataOrder(keys, "none", 1)
    assert first.batch(0, 50) != second.batch(0, 50)
    assert first.batch(0, 50) != first.batch(50, 50)


@given(st.lists(st.integers(), max_size=20), st.integers(1, 5))
def test_the_shares_of_all_processes_are_the_whole_each_item_once(items: list[int], of: int) -> None:
    shares = [share(list(enumerate(items)), rank, of) for rank in range(of)]
    assert sorted(item for part in shares for item in part) == list(enumerate(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_no_rows_are_refused() -> None:
    with pytest.raises(MedVidBenchError, match="no rows"):
        DataOrder([], "none", 0)
