from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.metrics.intervals import as_intervals, temporal_iou

BOUND = st.floats(-1e4, 1e4)
SPAN = st.tuples(BOUND, BOUND).map(sorted)
SPANS = st.lists(SPAN, max_size=5)


def union_iou(a: list[float], b: list[float]) -> float:
    """The textbook definition, intersection / union, as scalars."""
    intersection = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    union = (a[1] - a[0]) + (b[1] - b[0]) - intersection
    return intersection / union if union > 0 else 0.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 10], [0, 10], 1.0),
        ([0, 10], [5, 15], 5 / 15),
        ([0, 10], [2, 4], 2 / 10),  # contained
        ([0, 10], [10, 20], 0.0),  # half-open: touching ends share nothing
        ([0, 10], [50, 60], 0.0),  # disjoint: the hull is 60, the overlap 0
        ([3, 3], [3, 3], 0.0),  # two equal points: hull 0
        ([3, 3], [0, 10], 0.0),  # a point has no length to share
        ([10, 0], [0, 10], 0.0),  # backwards
        ([10, 0], [10, 0], 0.0),
        ([0, math.nan], [0, 10], 0.0),
        ([0, math.inf], [0, 10], 0.0),
        ([-math.inf, math.inf], [-math.inf, math.inf], 0.0),
        ([-1e308, 1e308], [-1e308, 1e308], 0.0),  # the hull overflows
        ([-5, 5], [0, 5], 0.5),
    ],
)
def test_a_pair_has_the_iou_derived_by_hand(a, b, expected):
    assert temporal_iou([a], [b]).tolist() == [[expected]]
    assert temporal_iou([b], [a]).tolist() == [[expected]]


@given(SPANS, SPANS)
def test_overlap_over_hull_equals_intersection_over_union(a, b):
    iou = temporal_iou(a, b)
    assert iou.shape == (len(a), len(b))
    expected = np.array([[union_iou(x, y) for y in b] for x in a]).reshape(iou.shape)
    np.testing.assert_allclose(iou, expected, atol=1e-9)
    assert ((iou >= 0) & (iou <= 1)).all()


@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=4))
def test_any_floats_give_a_finite_iou_in_the_unit_range(spans):
    iou = temporal_iou(spans, spans)
    assert ((iou >= 0) & (iou <= 1)).all()


@given(SPANS, SPANS, st.floats(-100, 100), st.sampled_from([0.5, 2.0, 4.0]))
def test_iou_does_not_change_when_the_time_axis_is_shifted_or_scaled(a, b, shift, scale):
    a, b = as_intervals(a).round(1), as_intervals(b).round(1)
    np.testing.assert_allclose(temporal_iou(a * scale + shift, b * scale + shift), temporal_iou(a, b), atol=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "shape"), [([], [], (0, 0)), ([[1, 2]], [], (1, 0)), (np.empty((0, 2)), [[1, 2]], (0, 1))]
)
def test_no_interval_on_a_side_gives_an_empty_matrix(a, b, shape):
    assert temporal_iou(a, b).shape == shape


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [[1.0, 2.0, 3.0]], 7.0])
def test_a_wrong_shape_is_named_in_the_error(wrong):
    with pytest.raises(ValueError, match=r"shape \(K, 2\), seen \("):
        temporal_iou(wrong, [[0, 1]])


def test_the_arguments_are_not_changed():
    spans = np.array([[0.0, 4.0]])
    temporal_iou(spans, spans)
    assert spans.tolist() == [[0.0, 4.0]]
