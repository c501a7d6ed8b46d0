"""TAG under the official protocol; expected values by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from official_rows import board_of, merged, number, outcome_of, tag_row

from medvidbench.evaluation.protocols.official.tag import hull_iou, matched_ious, read_spans

INF = float("inf")


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("1.1-3.0 seconds.", [(1.1, 3.0)]),
        ("22.0 - 78.0, 89.0-\n94.0 seconds.", [(22, 78), (89, 94)]),  # the hyphen may cross a line break
        ("from 1 to 9, or 3-4", [(3, 4)]),  # one hyphen pair silences every "to"
        ("-5-3", [(5, 3)]),  # the sign is dropped, the order kept
        ("On 2024-05-06 with a 2-0 suture", [(2024, 5), (2, 0)]),  # "-06" has lost its partner
        ("1-2-3", [(1, 2)]),
        ("1.2.3-4.5.6", [(2.3, 4.5)]),
        ("1.-2", []),  # a bare point is no part of a number and no hyphen
        ("5–9", []),  # an en dash is no hyphen
        ("１-２ and ٣-٤", [(1, 2), (3, 4)]),  # full-width and Arabic digits
        ("[[1.5, 3.0]]", []),
        ("1e1-2e1", [(1, 2)]),
        ("0.5-" + "9" * 400, [(0.5, INF)]),
    ],
)
def test_hyphen_pairs_are_read_anywhere(text: str, spans: list[tuple[float, float]]) -> None:
    assert read_spans(text) == spans


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("It takes place from 12.1 to 117.0", [(12.1, 117.0)]),
        ("FROM 3S TO 4 SECONDS, then 5 second to 6", [(3, 4), (5, 6)]),
        ("1.005 to 2.126", [(1.0, 2.13)]),  # two decimals; 1.005 is 1.00499... in binary
        ("1 to 2 to 3", [(1, 2)]),
        ("12 s to 20 s", []),  # a space before a lone "s"
        ("12  seconds to 20", []),  # two spaces before the word
        ("00:00:10 to 00:00:20", [(10, 0), (10, 20)]),  # once as "10 to 00", once as a clock time
        ("1:00:00 to 1:01:05", [(0, 1), (3600, 3665)]),
        ("between 3 and 9", []),
    ],
)
def test_to_forms_are_read_when_there_is_no_hyphen_pair(text: str, spans: list[tuple[float, float]]) -> None:
    assert read_spans(text) == spans


def test_only_matched_pairs_enter_the_mean() -> None:
    # 0-8 against 0-10: overlap 8, hull 10: 0.8. The truth 50-60 is missed, 90-95 is surplus: neither costs anything.
    row = tag_row("0-8, 90-95 seconds.", [(0, 10), (50, 60)])
    assert outcome_of(row).numbers == pytest.approx(
        {"TAG_mIoU@0.3": 0.8, "TAG_recall@0.3": 0.5, "TAG_mIoU@0.5": 0.8, "TAG_recall@0.5": 0.5}
    )


def test_a_pair_below_tau_drops_out_of_that_tau_alone() -> None:
    # 0-4 against 0-10 is 0.4; 20-30 against 20-30 is 1. At 0.3: (0.4 + 1) / 2; at 0.5 only the second is left.
    row = tag_row("0-4, 20-30", [(0, 10), (20, 30)])
    assert number(row, "TAG_mIoU@0.3") == pytest.approx(0.7)
    assert number(row, "TAG_mIoU@0.5") == 1.0
    assert number(row, "TAG_recall@0.5") == 0.5


def test_an_earlier_truth_takes_the_prediction_that_a_later_one_fits_better() -> None:
    # 4-10 has 0.6 with the truth 0-10 and 1.0 with the truth 4-10; the first truth in order takes it.
    assert number(tag_row("4-10", [(0, 10), (4, 10)]), "TAG_mIoU@0.5") == pytest.approx(0.6)
    assert number(tag_row("4-10", [(4, 10), (0, 10)]), "TAG_mIoU@0.5") == 1.0


def test_a_reversed_span_overlaps_nothing() -> None:
    # overlap min(5, 9) - max(9, 5) < 0
    assert number(tag_row("9-5", [(5, 9)]), "TAG_mIoU@0.3") == 0.0


def test_frames_and_not_seconds_decide_on_the_threshold() -> None:
    # 2-5 against 2-12 is 3/10, exactly tau at fps 1. Times fps 0.2 in float64: overlap 1.0 - 0.4 = 0.6, hull
    # 12 * 0.2 - 0.4 = 2.4000000000000004 - 0.4 = 2.0000000000000004, and 0.6 / that = 0.29999999999999993 < 0.3.
    assert number(tag_row("2-5", [(2, 12)], fps="1.0"), "TAG_mIoU@0.3") == pytest.approx(0.3)
    assert number(tag_row("2-5", [(2, 12)], fps="0.2"), "TAG_mIoU@0.3") == 0.0


def test_fps_scales_both_sides() -> None:
    assert number(tag_row("0-8", [(0, 10)], fps=2), "TAG_mIoU@0.5") == pytest.approx(0.8)


def test_the_rows_own_fps_goes_before_the_metadata_and_none_is_one() -> None:
    row = tag_row("2-5", [(2, 12)], fps="1.0")
    assert number({**row, "fps": 0.2}, "TAG_mIoU@0.3") == 0.0
    assert number({**row, "metadata": {}}, "TAG_mIoU@0.3") == pytest.approx(0.3)


def test_the_truth_is_the_spans_of_all_entries_of_the_list() -> None:
    truth = [{"spans": [{"start": 0, "end": 10}]}, {"action": "no spans"}, {"spans": [{"start": 20, "end": 30}]}]
    assert number(merged("tal", "0-10, 20-30", truth), "TAG_recall@0.5") == 1.0


def test_a_bare_truth_object_counts_as_no_truth_and_scores_0() -> None:
    row = merged("tal", "0-10", {"spans": [{"start": 0, "end": 10}]})
    assert (outcome_of(row).status, number(row, "TAG_mIoU@0.3")) == ("scored", 0.0)
    assert board_of(row)["TAG_mIoU@0.3"] == 0.0


def test_an_answer_without_a_span_is_unparsed_and_counts_as_0() -> None:
    found = outcome_of(tag_row("I can't tell.", [(0, 10)]))
    assert (found.status, found.reading, set(found.numbers.values())) == ("unparsed", None, {0.0})
    # 1.0 and 0.0 over two rows of two sources
    rows = (tag_row("I can't tell.", [(0, 10)]), tag_row("0-10", [(0, 10)], source="NurViD"))
    assert board_of(*rows)["TAG_mIoU@0.3"] == 0.5


def test_a_missing_answer_is_an_empty_one() -> None:
    row = tag_row("", [(0, 10)])
    del row["answer"]
    assert (outcome_of(row).status, number(row, "TAG_mIoU@0.5")) == ("unparsed", 0.0)


bounds = st.integers(0, 12).map(float)
spans = st.lists(st.tuples(bounds, bounds), min_size=1, max_size=5)


def slow_matched(predicted: list[tuple[float, float]], truth: list[tuple[float, float]], tau: float) -> list[float]:
    """The definition, pair by pair: each truth in order takes the first best prediction that is still free."""
    free, matched = dict(enumerate(predicted)), []
    for start, end in truth:
        ious = {}
        for place, (left, right) in free.items():
            hull = max(end, right) - min(start, left)
            ious[place] = max(0.0, min(end, right) - max(start, left)) / hull if hull > 0 else 0.0
        best = max(ious, key=lambda place: (ious[place], -place), default=None)
        if best is not None and ious[best] >= tau:
            matched.append(ious[best])
            del free[best]
    return matched


@given(spans, spans, st.sampled_from([0.3, 0.5]))
def test_matching_is_the_definition(predicted, truth, tau) -> None:
    import numpy as np

    iou = hull_iou(np.array(predicted), np.array(truth))
    assert matched_ious(iou, tau) == pytest.approx(slow_matched(predicted, truth, tau))
