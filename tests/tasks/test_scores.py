"""The row scores of the strict protocol, with numbers derived by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.records import (
    Box,
    BoxTrack,
    Caption,
    Event,
    Events,
    Label,
    Rating,
    Ratings,
    Span,
    Spans,
    TimedBox,
    Unparsed,
)
from medvidbench.tasks.base import Context
from medvidbench.tasks.registry import TASKS

UNTIMED = settings(deadline=None)  # the first example also imports scipy
NOTHING = Context()
FAILED = Unparsed("no span found")


def spans(*pairs: tuple[float, float]) -> Spans:
    return Spans(tuple(Span(*pair) for pair in pairs))


def tag(said: Spans | Unparsed, truth: Spans) -> dict[str, float]:
    return dict(TASKS["TAG"].score(said, truth, NOTHING))


# --- TAG -----------------------------------------------------------------------------------------


def test_tag_numbers_of_two_predictions_for_two_truths():
    # 0-10 with 0-8: overlap 8, hull 10: 0.8. 20-30 with 25-45: overlap 5, hull 25: 0.2. Mean 0.5. At 0.3 one of two.
    numbers = tag(spans((0, 8), (25, 45)), spans((0, 10), (20, 30)))
    assert numbers["TAG_mIoU"] == pytest.approx(0.5)
    for tau in ("0.3", "0.5"):
        assert numbers[f"TAG_P@{tau}"] == numbers[f"TAG_R@{tau}"] == numbers[f"TAG_F1@{tau}"] == 0.5
        assert numbers[f"TAG_R1@{tau}"] == 1.0


def test_tag_surplus_and_missed_spans_enlarge_the_denominator():
    # one exact pair; 1 of 3 predicted: 1/3, P 1/3, R 1, F1 2*1/(3+1) = 1/2; 1 of 2 truths: 1/2, P 1, R 1/2, F1 2/3
    surplus = tag(spans((0, 10), (40, 50), (60, 70)), spans((0, 10)))
    assert surplus["TAG_mIoU"] == pytest.approx(1 / 3)
    assert [surplus[f"TAG_{x}@0.5"] for x in ("P", "R", "F1")] == pytest.approx([1 / 3, 1, 0.5])
    missed = tag(spans((0, 10)), spans((0, 10), (20, 30)))
    assert missed["TAG_mIoU"] == pytest.approx(0.5)
    assert [missed[f"TAG_{x}@0.5"] for x in ("P", "R", "F1")] == pytest.approx([1, 0.5, 2 / 3])


def test_tag_matching_is_optimal_where_a_greedy_one_is_not():
    # truths 0-10, 8-20; predictions 0-12 (10/12 and 4/20) and 0-9 (9/10 and 1/20).
    # Best single pair first gives 0.9 + 0.2; the best sum too: 0.9 + 0.2 = 1.1 > 0.8333 + 0.05.
    assert tag(spans((0, 12), (0, 9)), spans((0, 10), (8, 20)))["TAG_mIoU"] == pytest.approx(1.1 / 2)
    # truths 0-10, 0-6; predictions 0-8 (8/10, 6/8) and 0-20 (10/20, 6/20): greedy on the first truth takes 0.8 and
    # leaves 0.3: 1.1; the other way round 0.75 + 0.5 = 1.25
    assert tag(spans((0, 8), (0, 20)), spans((0, 10), (0, 6)))["TAG_mIoU"] == pytest.approx(1.25 / 2)


def test_tag_thresholds_include_equality_and_count_pairs_not_the_largest_sum():
    # 0-3 in 0-10: IoU exactly 0.3
    numbers = tag(spans((0, 3)), spans((0, 10)))
    assert (numbers["TAG_F1@0.3"], numbers["TAG_F1@0.5"], numbers["TAG_R1@0.3"], numbers["TAG_R1@0.5"]) == (1, 0, 1, 0)


def test_tag_recall_at_one_looks_only_at_the_first_span_named():
    truth = spans((0, 10), (20, 30))
    assert tag(spans((20, 30), (90, 95)), truth)["TAG_R1@0.5"] == 1.0
    assert tag(spans((90, 95), (20, 30)), truth)["TAG_R1@0.5"] == 0.0


def test_tag_repeats_and_backward_spans_cost():
    truth = spans((0, 10))
    assert tag(spans((0, 10), (0, 10)), truth)["TAG_mIoU"] == 0.5
    assert tag(spans((10, 0)), truth)["TAG_mIoU"] == 0.0


@pytest.mark.parametrize(
    ("said", "truth", "value"),
    [
        (FAILED, spans((0, 1)), 0.0),
        (FAILED, spans(), 0.0),
        (spans(), spans((0, 1)), 0.0),
        (spans((0, 1)), spans(), 0.0),
        (spans(), spans(), 1.0),
        (spans((5, 5)), spans((5, 5)), 0.0),  # points have no duration to overlap
    ],
)
def test_tag_edges_give_one_value_in_all_numbers(said, truth, value):
    assert tag(said, truth) == dict.fromkeys(TASKS["TAG"].metrics, value)


some_spans = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 100)).map(lambda p: (p[0] / 10, (p[0] + p[1]) / 10)),
    min_size=1,
    max_size=6,
)


@UNTIMED
@given(said=some_spans, truth=some_spans, order=st.randoms())
def test_tag_miou_ignores_the_order_of_the_spans_and_stays_within_0_and_1(said, truth, order):
    value = tag(spans(*said), spans(*truth))["TAG_mIoU"]
    assert 0 <= value <= 1 + 1e-12
    mixed = list(said)
    order.shuffle(mixed)
    assert tag(spans(*mixed), spans(*truth))["TAG_mIoU"] == pytest.approx(value)


@UNTIMED
@given(truth=some_spans, extra=some_spans)
def test_tag_surplus_spans_never_raise_a_complete_answer(truth, extra):
    complete = tag(spans(*truth), spans(*truth))["TAG_mIoU"]
    assert complete == pytest.approx(1.0)
    assert tag(spans(*truth, *extra), spans(*truth))["TAG_mIoU"] < complete


@UNTIMED
@given(said=some_spans, truth=some_spans, start=st.integers(50, 90))
def test_tag_a_span_away_from_every_truth_never_raises_any_number_but_recall_at_one(said, truth, start):
    before = tag(spans(*said), spans(*truth))
    after = tag(spans(*said, (start, start + 1)), spans(*truth))
    assert all(after[name] <= before[name] + 1e-12 for name in before)


# --- STG -----------------------------------------------------------------------------------------

UNIT = Box(0, 0, 10, 10)
HALF = Box(0, 0, 10, 5)  # IoU with UNIT: 50 / 100
AWAY = Box(50, 50, 60, 60)


def boxes(*timed: tuple[float, Box]) -> BoxTrack:
    return BoxTrack(tuple(TimedBox(*t) for t in timed))


def stg(said: BoxTrack | Unparsed, truth: BoxTrack, fps: float | None = 1.0) -> float:
    return TASKS["STG"].score(said, truth, Context(fps=fps))["STG_mIoU"]


def test_stg_is_the_mean_iou_over_the_truth_times_and_a_missing_time_is_0():
    truth = boxes((0, UNIT), (2, UNIT), (4, UNIT), (6, UNIT))
    # 1 + 0.5 + 0 (elsewhere) + 0 (missing) over 4
    assert stg(boxes((0, UNIT), (2, HALF), (4, AWAY)), truth) == pytest.approx(1.5 / 4)


def test_stg_takes_the_nearest_predicted_time_within_half_a_step():
    truth = boxes((0, UNIT), (2, UNIT))
    assert stg(boxes((0.9, UNIT), (2.9, UNIT)), truth) == 1.0
    assert stg(boxes((0.9, UNIT), (3.1, UNIT)), truth) == 0.5
    # two boxes for time 2: 1.8 is nearer than 2.5 and counts, though its box is the worse one
    assert stg(boxes((0, UNIT), (1.8, HALF), (2.5, UNIT)), truth) == pytest.approx(0.75)


def test_stg_a_predicted_box_serves_one_truth_time_only():
    # one box half-way between two truth times goes to the earlier one, the later one stays missing
    assert stg(boxes((1.0, UNIT)), boxes((0, UNIT), (2, UNIT))) == 0.5


def test_stg_the_first_of_two_boxes_at_one_time_counts():
    assert stg(boxes((0, UNIT), (0, AWAY)), boxes((0, UNIT))) == 1.0
    assert stg(boxes((0, AWAY), (0, UNIT)), boxes((0, UNIT))) == 0.0


def test_stg_a_single_truth_time_reaches_half_a_frame_or_half_a_second():
    truth = boxes((3, UNIT))
    assert stg(boxes((3.9, UNIT)), truth, fps=0.5) == 1.0  # 0.5 / 0.5 = 1 s
    assert stg(boxes((3.9, UNIT)), truth, fps=1.0) == 0.0
    assert stg(boxes((3.5, UNIT)), truth, fps=None) == 1.0
    assert stg(boxes((3.6, UNIT)), truth, fps=None) == 0.0


def test_stg_half_a_step_goes_by_the_smallest_distance_of_truth_times():
    # distances 1 and 10: reach 0.5
    truth = boxes((0, UNIT), (1, UNIT), (11, UNIT))
    assert stg(boxes((0, UNIT), (1, UNIT), (11.6, UNIT)), truth) == pytest.approx(2 / 3)


def test_stg_edges():
    truth = boxes((0, UNIT))
    assert stg(FAILED, truth) == stg(boxes(), truth) == stg(boxes((0, UNIT)), boxes()) == 0.0
    assert stg(boxes((0, Box(10, 10, 0, 0))), truth) == 0.0  # swapped corners
    assert stg(boxes((0, Box(float("nan"), 0, 10, 10))), truth) == 0.0
    assert stg(boxes((0, UNIT), (7, AWAY), (8, AWAY)), truth) == 1.0  # times not asked for cost nothing


# --- DVC -----------------------------------------------------------------------------------------


def events(*pairs: tuple[float, float]) -> Events:
    return Events(tuple(Event(a, b, "The hook dissects.") for a, b in pairs))


def dvc(said: Events | Unparsed, truth: Events) -> float:
    return TASKS["DVC"].score(said, truth, NOTHING)["DVC_F1"]


def test_dvc_f1_is_the_mean_over_three_thresholds():
    # 0-6 in 0-10: IoU 0.6 passes 0.3 and 0.5, not 0.7: (1 + 1 + 0) / 3
    assert dvc(events((0, 6)), events((0, 10))) == pytest.approx(2 / 3)
    # one exact pair, two truths: F1 2 * 1 / 3 at all thresholds
    assert dvc(events((0, 10)), events((0, 10), (20, 30))) == pytest.approx(2 / 3)
    # the same event said twice: matched once, F1 2 * 1 / 3
    assert dvc(events((0, 10), (0, 10)), events((0, 10))) == pytest.approx(2 / 3)


def test_dvc_edges():
    truth = events((0, 10))
    assert dvc(FAILED, truth) == dvc(events(), truth) == dvc(truth, events()) == 0.0
    assert dvc(events(), events()) == 1.0


# --- NAP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("gallbladder-dissection", 1.0),
        ("Gallbladder Dissection.", 1.0),
        (" gallbladder_dissection ", 1.0),
        ("gallbladder-packaging", 0.0),
        ("gallbladder", 0.0),
        ("gallbladder-dissection, clipping-and-cutting", 0.0),
        ("", 0.0),
        ("...", 0.0),
    ],
)
def test_nap_wants_the_exact_label_up_to_case_and_punctuation(said, right):
    assert TASKS["NAP"].score(Label(said), Label("gallbladder-dissection"), NOTHING) == {"NAP_acc": right}


def test_nap_without_a_reading_or_without_a_truth_label_is_0():
    assert TASKS["NAP"].score(FAILED, Label("a"), NOTHING) == {"NAP_acc": 0.0}
    assert TASKS["NAP"].score(Label("."), Label("-"), NOTHING) == {"NAP_acc": 0.0}


# --- SA and CVS ----------------------------------------------------------------------------------


def ratings(**values: int) -> Ratings:
    return Ratings(tuple(Rating(name.replace("_", " "), value) for name, value in values.items()))


def test_rating_accuracy_is_the_share_of_exact_aspects_and_a_missing_one_is_wrong():
    truth = ratings(Two_structures=2, Cystic_plate=1, Hepatocystic_triangle=0)
    for said, value in (
        (truth, 1.0),
        (ratings(Two_structures=2, Cystic_plate=0, Hepatocystic_triangle=0), 2 / 3),
        (ratings(two_structures=2), 1 / 3),
        (ratings(Hepatocystic_triangle=0, Two_structures=2, Cystic_plate=1), 1.0),
        (ratings(Two_structures=9), 0.0),
        (Ratings(()), 0.0),
        (FAILED, 0.0),
    ):
        assert TASKS["CVS"].score(said, truth, NOTHING) == {"CVS_acc": pytest.approx(value)}
    assert TASKS["SA"].score(truth, Ratings(()), NOTHING) == {"SA_acc": 0.0}


def test_a_name_rated_twice_counts_once_and_the_first_counts():
    twice = Ratings((Rating("Cystic plate", 1), Rating("cystic plate", 0)))
    assert TASKS["CVS"].score(twice, ratings(Cystic_plate=1), NOTHING) == {"CVS_acc": 1.0}


# --- captions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["VS", "RC"])
def test_captions_have_no_rule_score(name):
    assert TASKS[name].score(Caption("a"), Caption("a"), NOTHING) == {}
    assert TASKS[name].metrics == ()
