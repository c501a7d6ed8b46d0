"""DVC F1 under the official protocol; expected values by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from official_rows import board_of, dvc_row, merged, number, outcome_of, value_of

from medvidbench.evaluation.protocols.official import score_official
from medvidbench.evaluation.protocols.official.dvc import flatten, frame_iou, predicted_frames, read_events


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("1-2 seconds: a\n3.5-4 second: b c", [(1, 2, "a"), (3.5, 4, "b c")]),
        ("Events:\n\n1-2 seconds: a\nand more\n\n3-4 seconds: b", [(1, 2, "a and more"), (3, 4, "b")]),
        ("1-2 seconds: a\n- 3-4 seconds: b", [(1, 2, "a - 3-4 seconds: b")]),  # a bullet ends no caption
        ("- 1-2 seconds: a\n- 3-4 seconds: b", [(1, 2, "a - 3-4 seconds: b")]),
        ("1-2 seconds: a\n 3-4 seconds: b", [(1, 2, "a  3-4 seconds: b")]),  # nor does an indent
        ("1-2 seconds: \n3-4 seconds: b\n5-6 seconds: c", [(1, 2, "3-4 seconds: b"), (5, 6, "c")]),  # swallowed
        ("1-2 seconds: a\n3-4 seconds:b\n5-6 seconds: c", [(1, 2, "a"), (5, 6, "c")]),  # ends a caption, begins none
        ("1-2 seconds: a\n1.0-2.0 seconds: b", [(1, 2, "a")]),  # the first of equal times
        ("1-2\nseconds: a", [(1, 2, "a")]),
        ("1-2 Seconds: a", []),
        ("1-2s: a", []),
        ("1.2.3-4 seconds: a", [(2.3, 4, "a")]),
        ("t=1-2 seconds: a\nt=3-4 seconds: b", [(1, 2, "a t=3-4 seconds: b")]),
        ("9-5 seconds: a", [(9, 5, "a")]),
    ],
)
def test_events_begin_anywhere_and_end_before_a_line_of_times(text: str, events: list[object]) -> None:
    assert read_events(text) == events


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("1.0 - 2.0 seconds: a", []),  # falls to the loose form, which needs a later mark
        ("1.0 - 2.0 seconds: a well-known step.", [(1, 2, "known step")]),
        ("1–2 seconds - a.\n3. – 4 second - b..", [(1, 2, "a"), (3, 4, "b")]),
        ("**Start Time:** 1-2 seconds **Description:** a", [(1, 2, "a")]),
        ("Start Time 1-2 seconds - a", [(1, 2, "a")]),
        ("Start Time: 1-2 seconds - a", []),  # the colon is only known in bold
        ("So Time Range: 1-2 seconds (x) - a\nTime Interval:3-4 seconds-b", [(1, 2, "a"), (3, 4, "b")]),
        ("x 1-2 seconds - a", []),  # neither a label nor the start of the line
        ("1 - 2 seconds -", []),  # nothing after the mark
        ("1 - 2 seconds - ", []),  # the answer is stripped first
        ("1 - 2 seconds - \n3 - 4 seconds - b", [(1, 2, ""), (3, 4, "b")]),
        ("1 - 2 seconds - a - b", [(1, 2, "a - b")]),  # the first mark
    ],
)
def test_the_loose_form_is_read_line_by_line_when_the_strict_one_finds_nothing(text: str, events: list[object]) -> None:
    assert read_events(text) == events


def test_overlapping_events_are_cut_at_every_boundary_with_the_longest_ones_caption() -> None:
    # 0-10 and 5-15 are equally long: the first keeps 5-10
    assert flatten([(0, 10, "a"), (5, 15, "b"), (20, 30, "c")]) == [
        (0, 5, "a"),
        (5, 10, "a"),
        (10, 15, "b"),
        (20, 30, "c"),
    ]
    assert flatten([(0, 10, "a"), (2, 3, "b")]) == [(0, 2, "a"), (2, 3, "a"), (3, 10, "a")]


def test_events_that_only_touch_or_are_reversed_stay_as_they_are() -> None:
    events = [(5.0, 9.0, "a"), (0.0, 5.0, "b"), (12.0, 10.0, "c"), (20.0, 20.0, "d")]
    assert flatten(events) == events


numbers = st.integers(0, 9).map(float)


def slow_flatten(events: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """The definition: every elementary interval looks through all events."""
    ordered = sorted(events, key=lambda event: event[:2])
    if all(after[0] >= before[1] for before, after in pairwise(ordered)):
        return events
    points = sorted({point for start, end, _ in events for point in (start, end)})
    pieces = []
    for left, right in pairwise(points):
        covering = [event for event in events if event[0] < right and event[1] > left]
        if covering:
            pieces.append((left, right, max(covering, key=lambda event: event[1] - event[0])[2]))
    return pieces


@given(st.lists(st.tuples(numbers, numbers), max_size=8))
def test_flattening_is_the_definition(times) -> None:
    events = [(start, end, str(place)) for place, (start, end) in enumerate(times)]
    assert flatten(events) == slow_flatten(events)


def test_frames_are_seconds_times_fps_truncated() -> None:
    # 1.9 * 2 = 3.8, 0.3 * 2 = 0.6
    assert predicted_frames([(0.3, 1.9, "a")], 2.0).tolist() == [[0, 3]]


def test_frame_iou_floors_nothing_but_adds_1e_8_and_turns_reversed_intervals_round() -> None:
    predicted, truth = np.array([[0.0, 10.0], [10.0, 0.0], [4.0, 4.0]]), np.array([[5.0, 10.0], [20.0, 30.0]])
    # 5 / 10; disjoint: 0; an empty interval: 0 / (0 + 5 + 1e-8)
    assert frame_iou(predicted, truth) == pytest.approx(np.array([[0.5, 0], [0.5, 0], [0, 0]]), abs=1e-8)


def test_precision_and_recall_are_averaged_over_the_taus_before_f1() -> None:
    # 0-6 against 0-10: 6 / 10 = 0.6, over 0.3 and 0.5; 50-51 finds nothing; the truth 20-30 is missed.
    # precision at (0.3, 0.5, 0.7) = (1/2, 1/2, 0), recall the same: means 1/3, F1 = 1/3
    row = dvc_row("0-6 seconds: a\n50-51 seconds: b", [(0, 10), (20, 30)])
    assert outcome_of(row).numbers == pytest.approx({"DVC_precision": 1 / 3, "DVC_recall": 1 / 3, "DVC_F1": 1 / 3})


def test_matching_is_many_to_many() -> None:
    # both predictions lie over tau 0.3 with the one truth (4/10 and 6/10), one over 0.5, none over 0.7:
    # precision (1 + 1/2 + 0) / 3 = 1/2, recall (1 + 1 + 0) / 3 = 2/3, F1 = 2 * 1/2 * 2/3 / (1/2 + 2/3) = 4/7
    row = dvc_row("0-4 seconds: a\n4-10 seconds: b", [(0, 10)])
    assert number(row, "DVC_F1") == pytest.approx(4 / 7)


def test_an_iou_on_the_threshold_is_not_over_it() -> None:
    # 3 / (10 + 1e-8) < 0.3
    assert number(dvc_row("0-3 seconds: a", [(0, 10)]), "DVC_F1") == 0.0


def test_events_below_a_frame_score_0_but_count() -> None:
    # at 0.2 fps 1-4 is frames 0-0 on both sides: IoU 0; 10-20 is 2-4 on both: 1. Precision = recall = F1 = 1/2
    row = dvc_row("1-4 seconds: a\n10-20 seconds: b", [(1, 4), (10, 20)], fps="0.2")
    assert number(row, "DVC_F1") == pytest.approx(0.5)


def test_without_fps_a_second_is_a_frame() -> None:
    # 0-0.6 is frames 0-0 at 1 fps, and 0-1 at 2 fps
    row = dvc_row("0-0.6 seconds: a", [(0, 0.6)], fps="2.0")
    assert number(row, "DVC_F1") == pytest.approx(1.0)
    assert number({**row, "metadata": {}}, "DVC_F1") == 0.0


def test_the_reading_is_every_event_before_flattening() -> None:
    row = dvc_row("0-10 seconds: a\n5-15.5 seconds: b", [(0, 10)])
    assert outcome_of(row).reading == [[0.0, 10.0, "a"], [5.0, 15.5, "b"]]


def test_the_three_truth_shapes_are_the_same_truth() -> None:
    events = [{"start": "0", "end": 10, "caption": ""}, {"start": 1, "end": 2}]  # the second has no caption: dropped
    for truth in ([events], [{"dc_segments": events}], events):
        assert number(merged("dense_captioning_gemini", "0-10 seconds: a", truth), "DVC_F1") == pytest.approx(1.0)


def test_unread_rows_have_no_score_but_weigh_in() -> None:
    # AVOS: one of two rows read, and perfect: 1.0 at the weight of 2. NurViD: 0.0 at the weight of 1. 2/3.
    rows = (
        dvc_row("0-10 seconds: a", [(0, 10)]),
        dvc_row("nothing here", [(0, 10)]),
        dvc_row("50-60 seconds: a", [(0, 10)], source="NurViD"),
    )
    assert outcome_of(rows[1]).numbers == {}
    assert outcome_of(rows[1]).status == "unparsed"
    scores = score_official(rows)
    assert [value_of(metric) for metric in scores.overall] == pytest.approx([2 / 3])
    assert scores.overall[0].rows.tolist() == [0, 1, 2]
    assert {source: value_of(metric) for source, (metric,) in scores.by_source.items()} == {
        "AVOS": pytest.approx(1.0),
        "NurViD": 0.0,
    }


def test_a_source_without_a_scored_row_is_0() -> None:
    assert board_of(dvc_row("nothing", [(0, 10)]), dvc_row("0-10 seconds: a", [(0, 10)], source="NurViD")) == {
        "DVC_F1": pytest.approx(0.5)
    }


@pytest.mark.parametrize("truth", [[], {}, None, {"start": 0, "end": 10, "caption": ""}, [{"dc_segments": None}], [7]])
def test_other_shapes_hold_no_truth(truth: object) -> None:
    found = outcome_of(merged("dense_captioning_gpt", "0-10 seconds: a", truth))
    assert (found.status, found.numbers) == ("unscored", {})
    assert "no event in the truth" in found.reason


def test_a_row_without_truth_is_unscored_and_weighs_in_too() -> None:
    rows = (dvc_row("0-10 seconds: a", []), dvc_row("0-5 seconds: a", [(0, 10)]))
    assert outcome_of(rows[0]).status == "unscored"
    # the second: 5/10 is over 0.3 alone (strictly): 1/3 for the whole source
    assert board_of(*rows) == {"DVC_F1": pytest.approx(1 / 3)}
