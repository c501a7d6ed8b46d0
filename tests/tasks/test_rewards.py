"""The raw rewards: range, format term, and the ways in which a policy could try to earn without looking."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
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
CLIP = Context(duration=100.0, fps=1.0)
TAG, STG = TASKS["TAG"], TASKS["STG"]


def spans(*pairs: tuple[float, float], flags: tuple[str, ...] = ()) -> Spans:
    return Spans(tuple(Span(*pair) for pair in pairs), flags)


def test_grounding_rewards_are_the_iou_times_the_format_term():
    truth = spans((10, 20))
    # 10-15 in 10-20: IoU 0.5
    assert TAG.reward(spans((10, 15)), truth, CLIP) == 0.5
    assert TAG.reward(spans((10, 15), flags=("json",)), truth, CLIP) == 0.25
    track = BoxTrack((TimedBox(1.0, Box(0, 0, 10, 10)),))
    half = BoxTrack((TimedBox(1.0, Box(0, 0, 10, 5)),))
    assert STG.reward(half, track, CLIP) == 0.5
    assert STG.reward(replace(half, flags=("boxes_0_1",)), track, CLIP) == 0.25


@pytest.mark.parametrize("task", ["TAG", "STG", "DVC", "NAP", "SA", "CVS"])
def test_an_unparsed_answer_earns_nothing(task):
    truths = {
        "TAG": spans((0, 1)),
        "STG": BoxTrack((TimedBox(0.0, Box(0, 0, 1, 1)),)),
        "DVC": Events((Event(0, 1, "a"),)),
        "NAP": Label("a"),
        "SA": Ratings((Rating("Time and motion", 3),)),
        "CVS": Ratings((Rating("Cystic plate", 1),)),
    }
    assert TASKS[task].reward(Unparsed("?"), truths[task], CLIP) == 0.0


def test_an_empty_answer_earns_nothing():
    assert TAG.reward(spans(), spans((0, 1)), CLIP) == 0.0
    assert STG.reward(BoxTrack(()), BoxTrack((TimedBox(0.0, Box(0, 0, 1, 1)),)), CLIP) == 0.0
    assert TASKS["DVC"].reward(Events(()), Events((Event(0, 1, "a"),)), CLIP) == 0.0
    assert TASKS["SA"].reward(Ratings(()), Ratings((Rating("Time and motion", 3),)), CLIP) == 0.0


def test_the_whole_clip_earns_the_share_that_the_truth_fills_at_most():
    # truth 20 of 100 s: 0.2; in two pieces of 10 s: the span can match one of them, 0.1 / 2
    assert TAG.reward(spans((0, 100)), spans((40, 60)), CLIP) == pytest.approx(0.2)
    assert TAG.reward(spans((0, 100)), spans((10, 20), (40, 50)), CLIP) == pytest.approx(0.05)


def test_a_grid_of_spans_over_the_clip_earns_less_than_the_whole_clip():
    grid = spans(*((10.0 * i, 10.0 * i + 10) for i in range(10)))
    # truth 40-60 in ten pieces: one matched at 10/20, over 10 spans
    assert TAG.reward(grid, spans((40, 60)), CLIP) == pytest.approx(0.05)


@UNTIMED
@given(copies=st.integers(2, 50))
def test_repeating_a_span_divides_the_reward(copies):
    assert TAG.reward(spans(*[(10, 20)] * copies), spans((10, 20)), CLIP) == pytest.approx(1 / copies)


def test_more_boxes_than_times_cannot_add():
    truth = BoxTrack(tuple(TimedBox(float(t), Box(0, 0, 10, 10)) for t in (0, 2, 4)))
    wrong = [TimedBox(float(t), Box(50, 50, 60, 60)) for t in (0, 2, 4)]
    near = [TimedBox(t + 0.3, Box(0, 0, 10, 10)) for t in (0, 2, 4)]
    # the boxes at the very times count, whatever stands beside them
    assert STG.reward(BoxTrack((*wrong, *near)), truth, CLIP) == 0.0


def test_one_huge_box_earns_its_iou_only():
    truth = BoxTrack((TimedBox(0.0, Box(0, 0, 10, 10)),))
    assert STG.reward(BoxTrack((TimedBox(0.0, Box(0, 0, 100, 100)),)), truth, CLIP) == pytest.approx(0.01)


def test_ratings_earn_by_distance():
    truth = Ratings((Rating("Two structures", 2), Rating("Cystic plate", 0), Rating("Hepatocystic triangle", 1)))
    said = Ratings((Rating("Two structures", 2), Rating("Cystic plate", 2)))
    # 1 - 0/2, 1 - 2/2, missing 0: 1/3
    assert TASKS["CVS"].reward(said, truth, CLIP) == pytest.approx(1 / 3)
    far = Ratings((Rating("Two structures", 99),))
    assert TASKS["CVS"].reward(far, truth, CLIP) == 0.0
    # 3 for 5 on 1 to 5: 1 - 2/4
    assert TASKS["SA"].reward(
        Ratings((Rating("Time and motion", 3),)), Ratings((Rating("Time and motion", 5),)), CLIP
    ) == pytest.approx(0.5)


def test_next_action_and_events_earn_their_score():
    assert TASKS["NAP"].reward(Label("Tying."), Label("tying"), CLIP) == 1.0
    assert TASKS["NAP"].reward(Label("cutting"), Label("tying"), CLIP) == 0.0
    assert TASKS["DVC"].reward(Events((Event(0, 6, "x"),)), Events((Event(0, 10, "y"),)), CLIP) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["VS", "RC"])
def test_a_captions_reward_is_refused_and_the_judge_named(name):
    with pytest.raises(MedVidBenchError, match="judge"):
        TASKS[name].reward(Caption("a"), Caption("a"), CLIP)


bounds = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda p: tuple(float(v) for v in p))


@UNTIMED
@given(said=st.lists(bounds, max_size=6), truth=st.lists(bounds, max_size=4), flagged=st.booleans())
def test_the_tag_reward_lies_in_0_and_1_for_any_spans(said, truth, flagged):
    reward = TAG.reward(spans(*said, flags=("json",) if flagged else ()), spans(*truth), CLIP)
    assert 0 <= reward <= 1


@UNTIMED
@given(
    said=st.lists(st.tuples(st.floats(0, 20), bounds, bounds), max_size=6),
    truth=st.lists(st.tuples(st.floats(0, 20), bounds, bounds), max_size=4),
)
def test_the_stg_reward_lies_in_0_and_1_for_any_boxes(said, truth):
    tracks = [BoxTrack(tuple(TimedBox(t, Box(*a, *b)) for t, a, b in side)) for side in (said, truth)]
    assert 0 <= STG.reward(*tracks, CLIP) <= 1
