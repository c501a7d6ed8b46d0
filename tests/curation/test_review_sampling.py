"""The draw of caption pairs: strata, sizes, seeds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_items import item_of

from medvidbench.curation.review.sampling import allocate, counts, draw_items
from medvidbench.errors import MedVidBenchError

SIZES = st.dictionaries(
    st.tuples(st.sampled_from(["DVC", "VS", "RC"]), st.sampled_from("ABCDE")), st.integers(1, 400), min_size=1
)


def many(*sizes: tuple[str, str, int]):
    return [item_of(100 * at + k, task, source) for at, (task, source, size) in enumerate(sizes) for k in range(size)]


def test_sizes_go_with_the_square_root_of_the_strata():
    # Square roots 10, 5, 1 of 16: of 48 pairs 30, 15 and 3; but the last stratum has only one.
    # It gives 1, and 47 are shared 2 to 1: quotas 31.33 and 15.67, so 31 and 16 by largest remainder.
    assert allocate({("A", "a"): 100, ("B", "b"): 25, ("C", "c"): 1}, 48) == {
        ("A", "a"): 31,
        ("B", "b"): 16,
        ("C", "c"): 1,
    }


@given(SIZES, st.integers(1, 500))
def test_every_stratum_gives_at_least_one_and_no_more_than_it_has(sizes, number):
    given_sizes = allocate(sizes, number)
    assert given_sizes.keys() == sizes.keys()
    assert all(1 <= given_sizes[stratum] <= sizes[stratum] for stratum in sizes)
    assert sum(given_sizes.values()) == min(sum(sizes.values()), max(number, len(sizes)))


@given(SIZES, st.integers(30, 500))
def test_a_stratum_gets_its_share_within_one_where_no_bound_holds(sizes, number):
    given_sizes = allocate(sizes, number)
    inner = [s for s in sizes if 1 < given_sizes[s] < sizes[s]]
    for one in inner:
        for other in inner:
            ratio = math.sqrt(sizes[one] / sizes[other])
            assert given_sizes[one] <= ratio * (given_sizes[other] + 1) + 1


def test_every_task_of_every_source_is_on_the_sheet():
    items = many(("VS", "CholecT50", 40), ("RC", "EgoSurgery", 9), ("DVC", "AVOS", 1))
    drawn = draw_items(items, 13, seed=1)
    # Square roots 6.3, 3, 1: 13 pairs give 8, 4 and 1 (quotas 7.96, 3.78, 1.26).
    assert counts(drawn) == {("DVC", "AVOS"): 1, ("RC", "EgoSurgery"): 4, ("VS", "CholecT50"): 8}


def test_the_same_seed_draws_the_same_whatever_the_order_and_another_seed_others():
    items = many(("VS", "CholecT50", 40))
    ids = [item.sample.sample_id for item in draw_items(items, 10, seed=3)]
    assert ids == [item.sample.sample_id for item in draw_items(items[::-1], 10, seed=3)]
    assert set(ids) != {item.sample.sample_id for item in draw_items(items, 10, seed=4)}


def test_a_larger_sheet_holds_the_smaller_one():
    items = many(("VS", "CholecT50", 40), ("RC", "EgoSurgery", 9))
    small, large = (draw_items(items, number, seed=0) for number in (6, 20))
    assert {i.sample.sample_id for i in small} <= {i.sample.sample_id for i in large}


def test_a_question_without_two_texts_is_not_drawn():
    whole, failed, empty = item_of(1), item_of(2, texts=("one", None)), item_of(3, texts=("one", "  \n"))
    three = item_of(4, texts=("one", "two", "three"))
    assert draw_items([whole, failed, empty, three], 10) == [whole]


def test_nothing_to_draw_is_an_error():
    with pytest.raises(MedVidBenchError, match="no question has two answers"):
        draw_items([item_of(1, texts=("one", None))], 5)
    with pytest.raises(MedVidBenchError, match="0 pairs"):
        draw_items([item_of(1)], 0)
