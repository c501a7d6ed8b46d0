"""Reading intervals: the phrasings, the conversions, and what is no interval."""

import pytest
from reading_phrasings import NO_SPAN, ONE_SPAN, TWO_SPANS

from medvidbench.records import Spans, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.spans import read_spans

CONTEXT = Context(duration=100.0, fps=2.0)


def spans(text: str, context: Context = CONTEXT) -> list[tuple[float, float]]:
    read = read_spans(text, context)
    assert isinstance(read, Spans), f"{text!r}: {read}"
    return [(span.start, span.end) for span in read.spans]


def flags(text: str, context: Context = CONTEXT) -> tuple[str, ...]:
    read = read_spans(text, context)
    assert isinstance(read, Spans), f"{text!r}: {read}"
    return read.flags


@pytest.mark.parametrize("text", ONE_SPAN)
def test_every_way_to_say_one_interval_is_understood(text):
    assert spans(text) == [(12.5, 30.2)]


@pytest.mark.parametrize("text", TWO_SPANS)
def test_every_way_to_list_two_intervals_is_understood(text):
    assert spans(text) == [(12.5, 30.2), (40.0, 50.0)]


@pytest.mark.parametrize("text", NO_SPAN)
def test_what_is_no_interval_is_unparsed_with_a_reason(text):
    read = read_spans(text, CONTEXT)
    assert isinstance(read, Unparsed)
    assert read.reason


def test_the_published_grammar_has_no_flag_and_every_other_phrasing_has_one():
    published = [text for text in ONE_SPAN + TWO_SPANS if not flags(text)]
    # after the removal of reasoning and answer tags, only these hold the grammar and nothing else
    assert published == [
        "12.5-30.2 seconds.",
        "<think>Between 5-7 s there is noise, maybe 8 to 9 s.</think>\n12.5-30.2 seconds.",
        "I first see 5-7 s.</think>12.5-30.2 seconds.",
        "Looking closely, 5-7 s shows the knife.\n\nFinal answer: 12.5-30.2 seconds",
        "12.5-30.2, 40.0-50.0 seconds.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "frames 25 to 60",
        "frame 25 - frame 60",
        "Frame 25–60",
        "frames [25, 60]",
        "25-60 frames",
        "Frame numbers: 25-60",
        "start_frame: 25, end_frame: 60",
        "frame_start: 25, frame_end: 60",
        '{"start_frame": 25, "end_frame": 60}',
        '{"frames": [25, 60]}',
    ],
)
def test_frame_numbers_become_seconds_by_the_frame_rate_and_are_flagged(text):
    # 25 / 2 = 12.5 s and 60 / 2 = 30 s
    assert spans(text) == [(12.5, 30.0)]
    assert "frame_numbers" in flags(text)
    without = read_spans(text, Context(duration=100.0))
    assert isinstance(without, Unparsed)
    assert "frame" in without.reason


def test_a_time_frame_counts_seconds_not_frames():
    assert spans("Time frame: 12.5-30.2 seconds") == [(12.5, 30.2)]
    assert spans("Timeframe: 12-30") == [(12.0, 30.0)]


@pytest.mark.parametrize(
    "text",
    [
        "from 10% to 45% of the video",
        "10-45 percent of the clip",
        "normalized: 0.1-0.45",
        "[0.1, 0.45] (fraction of the clip)",
    ],
)
def test_relative_times_need_to_be_called_so(text):
    # of 200 s: 20 s and 90 s
    assert spans(text, Context(duration=200.0)) == [(20.0, 90.0)]
    assert "relative_times" in flags(text)
    assert isinstance(read_spans(text, Context()), Unparsed)


def test_small_numbers_that_are_not_called_relative_stay_seconds():
    assert spans("0.1-0.45 seconds.") == [(0.1, 0.45)]
    assert spans("[0.1, 0.45]") == [(0.1, 0.45)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 min 5 s to 1 min 20 s", (65.0, 80.0)),
        ("1m05s - 1m20s", (65.0, 80.0)),
        ("from 1 minute and 5 seconds to 1 minute and 20 seconds", (65.0, 80.0)),
        ("1:05-1:20", (65.0, 80.0)),
        ("00:01:05 to 00:01:20.5", (65.0, 80.5)),
        ("1 to 1.5 minutes", (60.0, 90.0)),
        ("75 s – 1 min 20 s", (75.0, 80.0)),
        ("500-1500 ms", (0.5, 1.5)),
        ("0.5-0.9 h", None),
        ("0.5-0.75 hours", (1800.0, 2700.0)),
    ],
)
def test_units_are_converted_to_seconds(text, expected):
    if expected is None:
        assert isinstance(read_spans(text, CONTEXT), Unparsed)
    else:
        assert spans(text) == [expected]


def test_a_unit_said_once_holds_for_the_whole_list():
    assert spans("1-2, 4-5 minutes") == [(60.0, 120.0), (240.0, 300.0)]
    assert spans("frames 2-4, 6-8") == [(1.0, 2.0), (3.0, 4.0)]


def test_an_interval_that_ends_before_it_starts_is_kept_and_flagged():
    assert spans("10.7-6.9 seconds.") == [(10.7, 6.9)]
    assert flags("10.7-6.9 seconds.") == ("end_before_start",)


def test_repeated_intervals_and_their_order_are_kept():
    assert spans("9.0-10.0, 1.0-2.0, 1.0-2.0 seconds.") == [(9.0, 10.0), (1.0, 2.0), (1.0, 2.0)]


def test_intervals_with_units_are_trusted_over_bare_numbers():
    assert spans("I rate it 3-4. The cut is at 12-30 s.") == [(12.0, 30.0)]


def test_labelled_json_is_trusted_over_the_prose_around_it():
    assert spans('Between 1 s and 2 s I wait. {"start": 12, "end": 30}') == [(12.0, 30.0)]


def test_one_bad_number_costs_its_own_interval_only():
    assert spans('[{"start": NaN, "end": 3}, {"start": 1, "end": 3}]') == [(1.0, 3.0)]
    assert spans("0.1-99999999999999999999, 20.4-25.5 seconds.") == [(20.4, 25.5)]


def test_reading_does_not_depend_on_the_clip_when_seconds_are_given():
    assert spans("12.5-30.2 seconds.", Context()) == spans("12.5-30.2 seconds.", Context(duration=1.0, fps=0.1))
