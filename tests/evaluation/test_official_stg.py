"""STG under the official protocol; expected values by hand."""

from __future__ import annotations

import pytest
from official_rows import board_of, merged, number, outcome_of, stg_row

from medvidbench.evaluation.protocols.official.stg import read_boxes

BOX = [0, 0, 10, 10]


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("1.0 seconds: [1, 2, 3, 4] 5.0 seconds: [5, 6, 7, 8]", {"1.0": [1, 2, 3, 4], "5.0": [5, 6, 7, 8]}),
        ("1 seconds:[1,2,3,4]", {"1.0": [1, 2, 3, 4]}),
        ("12 \n seconds: [\t1,\n2, 3 ,4\xa0]", {"12.0": [1, 2, 3, 4]}),
        ("1.0seconds: [1,2,3,4]", []),  # no space before the word
        ("1.0 second: [1,2,3,4]", []),
        ("1.0 Seconds: [1,2,3,4]", []),
        ("1 seconds: [[1,2,3,4]]", {"1.0": [1, 2, 3, 4]}),  # stray brackets are cut off
        ("1 seconds: [1_000, 1e3, +5, .5]", {"1.0": [1000, 1000, 5, 0.5]}),
        ("1 seconds: [1,2,3,4] 1.0 seconds: [5,6,7,8]", {"1.0": [5, 6, 7, 8]}),  # the last of a time wins
        ("1 seconds: [1,2,3,4] 2 seconds: [x]", {"1.0": [1, 2, 3, 4], "2.0": [1, 2, 3, 4]}),
        ("1 seconds: [1 2 3 4]", {}),  # malformed, and no box before it to copy
        ("1 seconds: [1,2,3,4] 2 seconds: [5,6,7,8] 1 seconds: [x]", {"1.0": [5, 6, 7, 8], "2.0": [5, 6, 7, 8]}),
        ("1 seconds: [] 2 seconds: [1,2,3,4]", {"2.0": [1, 2, 3, 4]}),
        ("1 seconds: [1,2,3,4", []),  # never closed
        ("1 seconds: [1,2,3 2 seconds: [1,2,3,4]", {}),  # the first bracket closes with the second
        ("[[1, 2,3 ,4]] [[5,6,7,8]]", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ("[[1,2,3,4],[5,6,7,8]]", []),
        ("[[1.5,2,3,4]] [[1,2,3]] [[1,2,,4]]", []),  # four whole numbers, no less
    ],
)
def test_boxes_are_read_by_time_else_bare(text: str, boxes: object) -> None:
    assert read_boxes(text) == boxes


def test_the_score_is_the_mean_over_the_truths_times() -> None:
    # first: overlap 5 x 10 = 50, union 100, so 0.5; second: equal boxes, so 1
    row = stg_row("0.0 seconds: [0, 0, 5, 10] 1.0 seconds: [0, 0, 10, 10]", {"0.0": BOX, "1.0": BOX})
    assert number(row, "STG_mIoU") == 0.75


def test_box_iou_is_overlap_over_union() -> None:
    # overlap (6 - 4) x (8 - 4) = 8; areas 4 x 5 = 20 and 6 x 6 = 36; 8 / (20 + 36 - 8)
    row = stg_row("0 seconds: [2, 3, 6, 8]", {"0": [4, 4, 10, 10]})
    assert number(row, "STG_mIoU") == pytest.approx(1 / 6)


def test_a_missing_time_repeats_the_box_before_and_the_first_has_none() -> None:
    # 0.0: no box, 0. 1.0: 1. 2.0: repeats the box of 1.0, 1.
    row = stg_row("1.0 seconds: [0, 0, 10, 10]", {"0.0": BOX, "1.0": BOX, "2.0": BOX})
    assert number(row, "STG_mIoU") == pytest.approx(2 / 3)


def test_the_order_of_the_truths_keys_decides_what_is_repeated() -> None:
    row = stg_row("1.0 seconds: [0, 0, 10, 10]", {"1.0": BOX, "2.0": BOX, "0.0": BOX})
    assert number(row, "STG_mIoU") == 1.0


def test_a_zero_box_after_the_first_time_counts_as_missing() -> None:
    answer = "0.0 seconds: [0, 0, 10, 10] 1.0 seconds: [0, 0, 0, 0]"
    assert number(stg_row(answer, {"0.0": BOX, "1.0": BOX}), "STG_mIoU") == 1.0
    assert number(stg_row(answer, {"1.0": BOX, "0.0": BOX}), "STG_mIoU") == 0.5


def test_truth_times_are_looked_up_with_one_decimal_rounded_as_binary() -> None:
    # 0.25 is exact in binary and rounds to even, "0.2"; 0.35 is a little below, "0.3"; 0.75 gives "0.8"
    answer = "0.2 seconds: [0, 0, 10, 10] 0.8 seconds: [0, 0, 5, 10]"
    assert number(stg_row(answer, {"0.25": BOX}), "STG_mIoU") == 1.0
    assert number(stg_row(answer, {"0.35": BOX}), "STG_mIoU") == 0.0
    assert number(stg_row(answer, {"0.75": BOX}), "STG_mIoU") == 0.5
    assert number(stg_row("12.25 seconds: [0, 0, 10, 10]", {"12.25": BOX}), "STG_mIoU") == 0.0


def test_bare_boxes_go_by_raw_key_so_whole_number_keys_miss_them() -> None:
    answer = "[[0,0,10,10]] [[0,0,5,10]]"
    assert number(stg_row(answer, {"3.0": BOX, "4.0": BOX}), "STG_mIoU") == 0.75
    assert number(stg_row(answer, {"3": BOX, "4": BOX}), "STG_mIoU") == 0.0


def test_swapped_corners_score_0_and_a_zero_area_box_on_itself_too() -> None:
    assert number(stg_row("0 seconds: [10, 10, 0, 0]", {"0": BOX}), "STG_mIoU") == 0.0
    assert number(stg_row("0 seconds: [5, 5, 5, 5]", {"0": [5, 5, 5, 5]}), "STG_mIoU") == 0.0


def test_a_union_below_the_floor_is_lifted_to_it() -> None:
    # equal boxes of area 1e-8: 1e-8 / 1e-6
    row = stg_row("0 seconds: [0, 0, 1e-4, 1e-4]", {"0": [0, 0, 1e-4, 1e-4]})
    assert number(row, "STG_mIoU") == pytest.approx(0.01)


def test_a_truth_box_that_is_not_four_numbers_drops_its_time_but_not_its_prediction() -> None:
    answer = "0.0 seconds: [0, 0, 10, 10] 1.0 seconds: [0, 0, 5, 10]"
    for odd in (None, [0, 0, 10], ["0", "0", "10", "10"]):
        # only 2.0 is left beside 0.0, and it repeats the box of the dropped time: (1 + 0.5) / 2
        assert number(stg_row(answer, {"0.0": BOX, "1.0": odd, "2.0": BOX}), "STG_mIoU") == 0.75


def test_the_truth_may_be_bare_or_in_a_list_and_with_or_without_its_name() -> None:
    answer = "0.0 seconds: [0, 0, 10, 10]"
    for truth in ([{"bbox_dict": {"0": BOX}}], {"bbox_dict": {"0": BOX}}, [{"0": BOX}], {"0": BOX}):
        assert number(merged("stg", answer, truth), "STG_mIoU") == 1.0


@pytest.mark.parametrize("truth", [[], {}, None, [{"bbox_dict": {}}], {"0": None}])
def test_a_row_without_a_truth_box_is_skipped_even_when_the_answer_is_unreadable(truth: object) -> None:
    for answer in ("0.0 seconds: [0, 0, 10, 10]", None):
        found = outcome_of(merged("stg", answer, truth))
        assert (found.status, found.numbers) == ("unscored", {})
        assert "skips the row" in found.reason


def test_unread_answers_score_0_in_the_pooled_mean_and_skipped_rows_do_not_enter() -> None:
    rows = (
        stg_row("0 seconds: [0, 0, 10, 10]", {"0": BOX}),
        stg_row("nothing", {"0": BOX}, source="CoPESD"),
        stg_row("nothing", {}),
    )
    assert outcome_of(rows[1]).status == "unparsed"
    assert board_of(*rows) == {"STG_mIoU": 0.5}
    assert board_of(rows[2]) == {}
