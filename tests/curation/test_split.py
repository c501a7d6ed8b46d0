"""The group split: sizes, disjointness, and one side for one physical video."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.curation.split import split_groups

groups_by_source = st.dictionaries(
    st.sampled_from(["CholecT50", "CholecTrack20", "Cholec80_CVS", "AVOS"]),
    st.sets(st.integers(0, 30).map(lambda n: f"g{n}"), min_size=1, max_size=25),
    min_size=1,
)


@given(groups_by_source, st.integers(0, 5), st.floats(0, 1))
def test_no_group_is_on_both_sides_and_every_group_is_on_one(
    groups: dict[str, set[str]], seed: int, share: float
) -> None:
    split = split_groups(groups, seed, share)
    train, test = set(split.groups("train")), set(split.groups("test"))
    assert not train & test
    assert train | test == set().union(*groups.values())


@given(groups_by_source, st.integers(0, 5))
def test_every_source_has_a_test_group(groups: dict[str, set[str]], seed: int) -> None:
    split = split_groups(groups, seed)
    assert all(split.test & own for own in groups.values())


@given(groups_by_source, st.integers(0, 5))
def test_the_order_of_sources_and_groups_does_not_matter(groups: dict[str, set[str]], seed: int) -> None:
    turned = {source: sorted(groups[source], reverse=True) for source in sorted(groups, reverse=True)}
    assert split_groups(groups, seed) == split_groups(turned, seed)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 1), (6, 1), (10, 2), (12, 2), (20, 3), (50, 8), (100, 15)])
def test_fifteen_percent_of_the_groups_and_at_least_one_go_to_test(count: int, expected: int) -> None:
    # round(0.15 * G): 12 * 0.15 = 1.8 gives 2; 10 * 0.15 = 1.5 and 50 * 0.15 = 7.5 round to even, 2 and 8.
    split = split_groups({"CholecT50": [f"g{i}" for i in range(count)]}, 0)
    assert len(split.test) == expected


def test_half_goes_to_test_when_asked() -> None:
    assert len(split_groups({"CholecT50": [f"g{i}" for i in range(24)]}, 0, test_share=0.5).test) == 12


def test_a_shared_video_is_on_one_side_and_counts_for_both_sources() -> None:
    shared = {f"cholec80/video{i:02d}" for i in range(10)}
    groups = {"CholecT50": shared | {f"own{i}" for i in range(10)}, "CholecTrack20": shared}
    for seed in range(20):
        split = split_groups(groups, seed)
        # 10 groups give 2 (the smaller source chooses first), 20 give 3: the third is one of the larger source's own.
        assert len(split.test & shared) == 2
        assert len(split.test) == 3


def test_a_source_left_without_a_test_group_gets_one() -> None:
    # The two-group sources each choose one; "Z" may find both its groups already in train.
    groups = {"A": ["a", "b"], "B": ["c", "d"], "Z": ["a", "c"]}
    for seed in range(40):
        assert split_groups(groups, seed).test & {"a", "c"}


def test_a_single_group_goes_to_test_whole_and_that_is_said() -> None:
    split = split_groups({"CholecT50": ["cholec80/video73"]}, 0)
    assert split.test == {"cholec80/video73"}
    assert split.notes == (
        "CholecT50: its only group (cholec80/video73) went to test whole, so it has no training rows.",
    )


def test_another_seed_gives_another_split_and_the_same_seed_the_same() -> None:
    groups = {"CholecT50": [f"g{i}" for i in range(50)]}
    tests = [split_groups(groups, seed).test for seed in range(10)]
    assert len(set(tests)) == 10
    assert split_groups(groups, 3).test == tests[3]
    assert split_groups(groups, 3).notes == ()


def test_every_group_has_the_same_chance() -> None:
    # 1,000 seeds, 20 groups, 3 in test: each group is expected 150 times with a standard deviation of
    # sqrt(1000 * 0.15 * 0.85) = 11.3; five of them on either side make 94 to 206.
    groups = {"CholecT50": [f"g{i}" for i in range(20)]}
    drawn = [group for seed in range(1000) for group in split_groups(groups, seed).test]
    assert all(94 <= drawn.count(f"g{i}") <= 206 for i in range(20))


def test_a_training_group_is_not_taken_from_other_sources_to_fill_one_source_s_share() -> None:
    # Six sources of 9 groups have 1 test group each. A seventh with all 54 should have 8, but every group is decided.
    groups = {f"S{s}": {f"s{s}g{i}" for i in range(9)} for s in range(6)}
    groups["all"] = set().union(*groups.values())
    assert all(len(split_groups(groups, seed).test) == 6 for seed in range(40))
