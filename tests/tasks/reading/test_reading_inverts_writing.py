"""read(write(x)) == x for every truth on the grammar's grid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.records import Box, BoxTrack, Event, Events, Rating, Ratings, Span, Spans, TimedBox
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.boxes import read_boxes
from medvidbench.tasks.reading.events import read_events
from medvidbench.tasks.reading.ratings import read_ratings
from medvidbench.tasks.reading.spans import read_spans
from medvidbench.tasks.writing import write_boxes, write_events, write_ratings, write_spans

SKILL = (
    "Respect for tissue",
    "Suture/needle handling",
    "Time and motion",
    "Flow of operation",
    "Overall performance",
    "Quality of final product",
)
CVS = ("Two structures", "Cystic plate", "Hepatocystic triangle")

# tenths of a second up to five hours
TIME = st.integers(0, 180_000).map(lambda tenths: tenths / 10)
WHOLE = st.integers(0, 4_000).map(float)
HUNDREDTHS = st.integers(0, 400_000).map(lambda hundredths: hundredths / 100)
BOX = st.builds(Box, *[WHOLE] * 4) | st.builds(Box, *[HUNDREDTHS] * 4)
CAPTION = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])).filter(
    lambda text: text.isprintable() and text == text.strip()
)


@given(st.lists(st.builds(Span, TIME, TIME), min_size=1, max_size=30).map(tuple))
def test_spans_come_back(spans):
    assert read_spans(write_spans(Spans(spans)), Context()) == Spans(spans)


@given(st.dictionaries(TIME, BOX, min_size=1, max_size=20))
def test_boxes_come_back(boxes):
    track = BoxTrack(tuple(TimedBox(time, boxes[time]) for time in sorted(boxes)))
    # without a frame size nothing is scaled: a truth of a single 1 x 1 pixel box would be taken for fractions
    assert read_boxes(write_boxes(track), Context(times=(0.0,))) == track


@given(st.dictionaries(TIME, st.builds(Box, *[st.integers(2, 360).map(float)] * 4), min_size=1, max_size=20))
def test_boxes_inside_the_frame_come_back_with_the_frame_size_known(boxes):
    track = BoxTrack(tuple(TimedBox(time, boxes[time]) for time in sorted(boxes)))
    assert read_boxes(write_boxes(track), Context(frame_size=(640, 360))) == track


@given(st.lists(st.builds(Event, TIME, TIME, CAPTION), min_size=1, max_size=10).map(tuple))
def test_events_come_back(events):
    assert read_events(write_events(Events(events)), Context()) == Events(events)


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "**bold** and `code`",
        "<think>no</think> <answer>x</answer>",
        "Final answer: 3-4 s",
        '{"start": 1, "end": 2}',
        "| 1 | 2 | 3 |",
        "- bullet: with 2-3 seconds",
        "5.0-6.0 seconds: a prefix at the start",
        "ﬁne ２ – “x” été",
        "place an underpad: The clinician: bends",
    ],
)
def test_captions_that_look_like_other_grammars_come_back(caption):
    events = Events((Event(1.0, 2.0, caption),))
    assert read_events(write_events(events), Context()) == events


@given(st.lists(st.integers(1, 5), min_size=6, max_size=6))
def test_skill_scores_come_back(values):
    ratings = Ratings(tuple(map(Rating, SKILL, values)))
    assert read_ratings(write_ratings(ratings, out_of=5), Context(labels=SKILL), range(1, 6)) == ratings


@given(st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_critical_view_scores_come_back(values):
    ratings = Ratings(tuple(map(Rating, CVS, values)))
    assert read_ratings(write_ratings(ratings, out_of=None), Context(labels=CVS), range(3)) == ratings


def test_the_grammar_is_the_published_one():
    assert write_spans(Spans((Span(1.1, 3.0),))) == "1.1-3.0 seconds."
    assert write_spans(Spans((Span(22.0, 78.0), Span(89.0, 94.0)))) == "22.0-78.0, 89.0-94.0 seconds."
    boxes = (TimedBox(1.0, Box(10, 20, 30, 40)), TimedBox(5.0, Box(10.5, 20.25, 30, 40)))
    assert write_boxes(BoxTrack(boxes)) == "1.0 seconds: [10, 20, 30, 40] 5.0 seconds: [10.5, 20.25, 30, 40]"
    events = (Event(36.0, 49.0, "place an underpad: The clinician"), Event(50, 51, "b\n c"))
    assert write_events(Events(events)) == "36.0-49.0 seconds: place an underpad: The clinician\n50.0-51.0 seconds: b c"
    assert write_ratings(Ratings((Rating("A", 2), Rating("B", 1))), out_of=5) == "A: 2/5, B: 1/5"
    assert write_ratings(Ratings((Rating("A", 2), Rating("B", 1))), out_of=None) == "A: 2, B: 1"


def test_nothing_is_written_as_nothing():
    assert write_spans(Spans(())) == write_boxes(BoxTrack(())) == write_events(Events(())) == ""
    assert write_ratings(Ratings(()), out_of=5) == ""
