from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medvidbench.metrics.matching import match, match_count

SIDES = st.tuples(st.integers(0, 5), st.integers(0, 5))
# Multiples of 1/8 make ties frequent and sums exact.
SIMILARITY = SIDES.flatmap(lambda shape: arrays(np.float64, shape, elements=st.integers(-2, 8).map(lambda x: x / 8)))
MINIMUM = st.sampled_from([0.0, 0.25, 0.5, 1.0])


def brute_force(similarity: np.ndarray, minimum: float) -> tuple[float, int]:
    """Largest sum and largest count over every way to pair rows with columns, by permutations."""
    n, m = similarity.shape
    allowed = [[x if x > 0 and x >= minimum else None for x in row] for row in similarity.tolist()]
    best_sum, best_count = 0.0, 0
    columns = list(range(m)) + [None] * n  # None: the row stays alone
    for chosen in set(itertools.permutations(columns, n)):
        values = [allowed[i][j] for i, j in enumerate(chosen) if j is not None and allowed[i][j] is not None]
        best_sum, best_count = max(best_sum, sum(values)), max(best_count, len(values))
    return best_sum, best_count


def test_the_largest_sum_beats_the_greedy_choice():
    # Greedy takes 0.9 first and is left with 0.1: 1.0. The optimum is 0.8 + 0.7 = 1.5.
    assert match([[0.9, 0.8], [0.7, 0.1]]) == [(0, 1), (1, 0)]


def test_a_pair_under_the_minimum_does_not_displace_an_allowed_one():
    # Maximised before the cut, 0.45 + 0.45 = 0.9 would win over 0.8 and then lose both pairs to the minimum.
    assert match([[0.8, 0.45], [0.45, 0.0]], minimum=0.5) == [(0, 0)]


def test_a_similarity_equal_to_the_minimum_is_kept():
    assert match([[0.5]], minimum=0.5) == [(0, 0)]
    assert match_count([[0.5]], 0.5) == 1


@pytest.mark.parametrize("similarity", [[[0.0]], [[-0.5]], [[np.nan]], np.empty((0, 3)), np.empty((3, 0)), []])
def test_nothing_to_gain_means_no_pair(similarity):
    assert match(similarity) == []
    assert match_count(similarity, 0.0) == 0


@settings(deadline=None)  # the first call may import the solver
@given(SIMILARITY.filter(lambda x: max(x.shape) <= 4), MINIMUM)
def test_matching_equals_the_best_of_all_permutations(similarity, minimum):
    best_sum, best_count = brute_force(similarity, minimum)
    pairs = match(similarity, minimum)
    assert sum(similarity[i, j] for i, j in pairs) == best_sum
    assert match_count(similarity, minimum) == best_count


@settings(deadline=None)
@given(SIMILARITY, MINIMUM)
def test_pairs_are_allowed_sorted_and_one_to_one(similarity, minimum):
    pairs = match(similarity, minimum)
    assert pairs == sorted(pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(similarity[i, j] > 0 and similarity[i, j] >= minimum for i, j in pairs)


@settings(deadline=None)
@given(SIMILARITY)
def test_matching_the_transpose_gives_the_same_sum(similarity):
    def total(matrix):
        return sum(matrix[i, j] for i, j in match(matrix))

    assert total(similarity) == total(similarity.T)


def test_the_count_is_maximised_where_the_sum_would_take_one_pair():
    similarity = [[0.9, 0.4], [0.4, 0.0]]
    assert match(similarity, 0.3) == [(0, 0)]
    assert match_count(similarity, 0.3) == 2


def test_an_infinite_or_flat_similarity_is_an_error():
    with pytest.raises(ValueError, match="infinite"):
        match([[np.inf]])
    with pytest.raises(ValueError, match=r"shape \(N, M\), seen \(2,\)"):
        match([0.5, 0.5])


def test_undisputed_answers_do_not_import_scipy():
    code = (
        "import sys; from medvidbench.metrics.matching import match, match_count\n"
        "assert match([[0.3, 0.9]]) == [(0, 1)]\n"
        "assert match([[0.3], [0.9]]) == [(1, 0)]\n"
        "assert match([[0.9, 0.1], [0.0, 0.2]]) == [(0, 0), (1, 1)]\n"
        "assert match_count([[0.9, 0.1], [0.0, 0.2]], 0.5) == 1\n"
        "assert not any(name.startswith('scipy') for name in sys.modules)\n"
        "assert match([[0.9, 0.8], [0.9, 0.1]]) == [(0, 1), (1, 0)]\n"  # disputed on both sides: the solver
    )
    subprocess.run([sys.executable, "-c", code], check=True)
