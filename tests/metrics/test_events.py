from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.metrics.events import event_f1, event_scores

SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda s: (s[0], s[0] + s[1])), max_size=6)


def test_a_truth_is_matched_once_so_a_repeated_prediction_costs_precision():
    # Both predictions overlap the one truth fully; many-to-many would call both right.
    scores = event_scores([[0, 10], [0, 10]], [[0, 10]], [0.5])
    assert scores.precision.tolist() == [0.5]
    assert scores.recall.tolist() == [1.0]
    assert scores.f1.tolist() == [2 / 3]


def test_f1_is_taken_at_each_threshold_and_then_averaged():
    # IoU 1.0 and 0.5 with two truths, three predictions.
    # 0.3 and 0.5: 2 pairs, F1 = 4 / 5. 0.7: 1 pair, F1 = 2 / 5. Mean 2 / 3.
    predicted, truth = [[0, 10], [20, 30], [90, 95]], [[0, 10], [20, 25]]
    assert event_scores(predicted, truth, (0.3, 0.5, 0.7)).f1 == pytest.approx([0.8, 0.8, 0.4])
    assert event_f1(predicted, truth) == pytest.approx(2 / 3, abs=1e-12)


def test_an_iou_equal_to_the_threshold_counts():
    assert event_f1([[0, 5]], [[0, 10]], [0.5]) == 1.0
    assert event_f1([[0, 4]], [[0, 10]], [0.5]) == 0.0


def test_an_empty_side_costs_everything_and_two_empty_sides_are_undefined():
    assert event_f1([], [[0, 1]]) == 0.0
    assert event_f1([[0, 1]], []) == 0.0
    assert math.isnan(event_f1([], []))
    assert all(np.isnan(part).all() for part in event_scores([], [], [0.3, 0.5]))
    assert math.isnan(event_f1([[0, 1]], [[0, 1]], []))


def test_a_backward_prediction_counts_as_a_surplus_one():
    assert event_f1([[0, 10], [30, 20]], [[0, 10]], [0.5]) == pytest.approx(2 / 3)


@settings(deadline=None)  # the first call may import the solver
@given(SPANS, SPANS)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(predicted, truth):
    precision, recall, f1 = event_scores(predicted, truth, (0.3, 0.7))
    for p, r, f in zip(precision, recall, f1, strict=True):
        if not predicted and not truth:
            assert math.isnan(f)
        else:
            assert f == pytest.approx(2 * p * r / (p + r) if p + r else 0.0, abs=1e-12)


@settings(deadline=None)  # the first call may import the solver
@given(SPANS, SPANS)
def test_a_stricter_threshold_never_raises_a_score(predicted, truth):
    for part in event_scores(predicted, truth, (0.1, 0.3, 0.5, 0.7, 0.9)):
        assert (np.diff(part) <= 0).all() or np.isnan(part).all()


@settings(deadline=None)  # the first call may import the solver
@given(SPANS.filter(bool))
def test_predicting_the_truth_is_perfect_in_any_order(truth):
    assert event_f1(truth[::-1], truth) == 1.0
