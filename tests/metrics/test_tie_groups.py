"""Tie groups: the largest sets of models of which no two are told apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medvidbench.metrics.comparison import tie_groups


def test_models_that_are_all_alike_form_one_group_and_all_apart_one_each() -> None:
    assert tie_groups(np.zeros((3, 3))) == [(0, 1, 2)]
    assert tie_groups(1 - np.eye(3)) == [(0,), (1,), (2,)]
    assert tie_groups(np.zeros((1, 1))) == [(0,)]
    assert tie_groups(np.zeros((0, 0))) == []


def test_a_tie_is_not_transitive() -> None:
    apart = np.zeros((4, 4), dtype=bool)
    apart[0, 2] = apart[2, 0] = apart[0, 3] = apart[3, 0] = apart[1, 3] = apart[3, 1] = True
    assert tie_groups(apart) == [(0, 1), (1, 2), (2, 3)]


def test_a_matrix_that_is_not_square_or_symmetric_is_refused() -> None:
    with pytest.raises(ValueError, match="symmetric"):
        tie_groups([[0, 1], [0, 0]])
    with pytest.raises(ValueError, match="symmetric"):
        tie_groups([[0, 1, 0]])


@given(st.integers(1, 6).flatmap(lambda k: arrays(bool, (k, k))))
def test_the_groups_are_exactly_the_largest_sets_without_a_told_apart_pair(drawn: np.ndarray) -> None:
    apart = np.triu(drawn, 1)
    apart = apart | apart.T
    k = len(apart)
    # by brute force over all subsets
    alike = [set(c) for n in range(1, k + 1) for c in combinations(range(k), n) if not apart[np.ix_(c, c)].any()]
    largest = {tuple(sorted(s)) for s in alike if not any(s < other for other in alike)}
    found = tie_groups(apart)
    assert set(found) == largest and len(found) == len(largest)
