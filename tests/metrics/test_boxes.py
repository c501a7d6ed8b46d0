from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.metrics.boxes import box_iou

PIXEL = st.integers(0, 40)
BOX = st.tuples(PIXEL, PIXEL, PIXEL, PIXEL)


def counted_iou(a, b) -> float:
    """IoU by counting unit pixels of integer boxes."""
    pixels = [{(x, y) for x in range(c[0], c[2]) for y in range(c[1], c[3])} for c in (a, b)]
    union = pixels[0] | pixels[1]
    return len(pixels[0] & pixels[1]) / len(union) if union else 0.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),
        ([0, 0, 10, 10], [5, 5, 15, 15], 25 / 175),
        ([0, 0, 10, 10], [10, 0, 20, 10], 0.0),  # touching
        ([0, 0, 10, 10], [3, 3, 3, 9], 0.0),  # no width
        ([10, 10, 0, 0], [10, 10, 0, 0], 0.0),  # swapped corners: both sides negative
        ([0, 0, 0, 0], [0, 0, 0, 0], 0.0),
        ([0, 0, math.nan, 10], [0, 0, 10, 10], 0.0),
        ([0, 0, math.inf, 10], [0, 0, 10, 10], 0.0),
        ([0, 0, math.inf, math.inf], [0, 0, math.inf, math.inf], 0.0),
        ([0, 0, 1e-200, 1e-200], [0, 0, 1e-200, 1e-200], 0.0),  # the area underflows
        ([-5, -5, 5, 5], [0, 0, 5, 5], 0.25),
    ],
)
def test_a_pair_of_boxes_has_the_iou_derived_by_hand(a, b, expected):
    assert box_iou(a, b).tolist() == expected
    assert box_iou(b, a).tolist() == expected


@given(BOX, BOX)
def test_iou_of_pixel_boxes_equals_counted_pixels(a, b):
    assert box_iou(a, b) == pytest.approx(counted_iou(a, b), abs=1e-12)


@given(st.lists(st.tuples(st.floats(), st.floats(), st.floats(), st.floats()), min_size=2, max_size=2))
def test_any_floats_give_a_finite_iou_in_the_unit_range(boxes):
    assert 0 <= box_iou(*boxes) <= 1


def test_integer_boxes_do_not_wrap_around():
    # The sides multiply to 2**64, which int64 turns into 0.
    box = np.array([0, 0, 2**32, 2**32], dtype=np.int64)
    half = np.array([0, 0, 2**31, 2**32], dtype=np.int64)
    assert box_iou(box, half) == 0.5


def test_leading_dimensions_broadcast():
    a = np.array([[[0, 0, 2, 2]], [[0, 0, 4, 4]]])  # (2, 1, 4)
    b = np.array([[0, 0, 2, 2], [2, 2, 4, 4], [9, 9, 10, 10]])  # (3, 4)
    assert box_iou(a, b).tolist() == [[1.0, 0.0, 0.0], [0.25, 0.25, 0.0]]
    assert box_iou(np.empty((0, 4)), np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize("wrong", [[1, 2, 3], 5.0, [[1, 2, 3, 4, 5]]])
def test_a_box_without_four_numbers_is_an_error(wrong):
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 4\), seen"):
        box_iou(wrong, [0, 0, 1, 1])
