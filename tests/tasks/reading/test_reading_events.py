"""Reading dense captions: the phrasings, and where an event begins and ends."""

import pytest
from reading_phrasings import NO_EVENT, TWO_EVENTS

from medvidbench.records import Event, Events, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.events import read_events

CONTEXT = Context(duration=100.0, fps=2.0)
EXPECTED = [(12.5, 30.2, "A cuts."), (31.0, 40.0, "B ties.")]


def events(text: str, context: Context = CONTEXT) -> list[tuple[float, float, str]]:
    read = read_events(text, context)
    assert isinstance(read, Events), f"{text!r}: {read}"
    return [(event.start, event.end, event.caption) for event in read.events]


@pytest.mark.parametrize("text", TWO_EVENTS)
def test_every_way_to_write_two_events_is_understood(text):
    assert events(text) == EXPECTED


@pytest.mark.parametrize("text", NO_EVENT)
def test_an_answer_without_events_is_unparsed_with_a_reason(text):
    read = read_events(text, CONTEXT)
    assert isinstance(read, Unparsed)
    assert read.reason


def test_only_the_published_grammar_has_no_flag():
    unflagged = [text for text in TWO_EVENTS if not read_events(text, CONTEXT).flags]  # type: ignore[union-attr]
    assert unflagged == [TWO_EVENTS[0], TWO_EVENTS[1]]


def test_the_label_before_the_text_stays_part_of_the_caption():
    assert events("36.0-49.0 seconds: place an underpad: The clinician bends.") == [
        (36.0, 49.0, "place an underpad: The clinician bends.")
    ]


def test_numbers_inside_captions_open_no_event():
    text = "- 36.0-49.0 seconds: He holds it for 2-3 seconds with a 2-0 silk, 3-4 cm long.\n- 50-60 s: It takes 3-4 s."
    assert events(text) == [
        (36.0, 49.0, "He holds it for 2-3 seconds with a 2-0 silk, 3-4 cm long."),
        (50.0, 60.0, "It takes 3-4 s."),
    ]


def test_a_sentence_about_start_and_end_inside_a_caption_opens_no_event():
    text = "- 12-30 s: The irrigation starts at 3 s and ends at 5 s of the step.\n- 31-40 s: B ties."
    assert [event[:2] for event in events(text)] == [(12.0, 30.0), (31.0, 40.0)]


def test_an_event_prefix_inside_a_line_of_the_grammar_is_part_of_its_caption():
    text = "3.6-8.7 seconds: A cuts. also 1.0-2.0 seconds: B ties.\n8.7-11.0 seconds: C."
    assert events(text) == [(3.6, 8.7, "A cuts. also 1.0-2.0 seconds: B ties."), (8.7, 11.0, "C.")]


def test_an_event_prefix_inside_a_single_line_opens_another_event():
    assert events("12.5-30.2 seconds: A cuts. 31.0-40.0 seconds: B ties.") == EXPECTED


def test_an_empty_caption_keeps_its_event_and_does_not_swallow_the_next():
    assert events("1.6-9.3 seconds: \n11.3-13.9 seconds: A cuts.") == [(1.6, 9.3, ""), (11.3, 13.9, "A cuts.")]


def test_a_name_and_a_description_are_joined_as_in_the_published_form():
    expected = [(12.0, 30.0, "Cutting: A cuts.")]
    assert events('[{"start": 12, "end": 30, "label": "Cutting", "caption": "A cuts."}]') == expected
    assert events("**Cutting** (12-30 s): A cuts.") == expected
    assert events("| 12 | 30 | Cutting | A cuts. |") == expected
    assert events("Event 1: Cutting\nStart: 12\nEnd: 30\nDescription: A cuts.") == expected


def test_the_title_line_of_the_next_event_is_not_this_events_text():
    text = (
        "Event 1: Cutting\nTime: 12-30 s\nDescription: A cuts.\n\nEvent 2: Tying\nTime: 31-40 s\nDescription: B ties."
    )
    assert events(text) == [(12.0, 30.0, "Cutting: A cuts."), (31.0, 40.0, "Tying: B ties.")]


def test_a_remark_after_the_last_event_is_dropped_and_a_preamble_too():
    text = "Sure, here is the list:\n\n12-30 s: A cuts.\n\nI hope that this helps."
    assert events(text) == [(12.0, 30.0, "A cuts.")]


def test_a_caption_over_several_lines_becomes_one_line():
    assert events("From 1 to 2 s: The hook\n  retracts\n  the flap.\nFrom 3 to 4 s: It stops.")[0] == (
        1.0,
        2.0,
        "The hook retracts the flap.",
    )


def test_frame_numbers_need_the_frame_rate():
    # 25 / 2 = 12.5 s, 60 / 2 = 30 s
    assert events("frames 25-60: A cuts.") == [(12.5, 30.0, "A cuts.")]
    assert isinstance(read_events("frames 25-60: A cuts.", Context()), Unparsed)


def test_an_event_that_ends_before_it_starts_is_kept_and_flagged():
    read = read_events("10.8-4.6 seconds: A cuts.", CONTEXT)
    assert read == Events((Event(10.8, 4.6, "A cuts."),))
    assert isinstance(read, Events)
    assert read.flags == ("end_before_start",)


def test_events_keep_the_order_of_the_answer():
    assert [event[0] for event in events("9.0-10.0 seconds: a\n1.0-2.0 seconds: b")] == [9.0, 1.0]


def test_captions_keep_their_own_characters():
    assert events("- 1-2 s: Le chirurgien dissèque – été ✂️ “well” 手术刀") == [
        (1.0, 2.0, "Le chirurgien dissèque – été ✂️ “well” 手术刀")
    ]
