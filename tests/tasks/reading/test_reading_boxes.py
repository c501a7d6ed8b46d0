"""Reading timed boxes: the phrasings, the three scales, and what is no box."""

import pytest
from reading_phrasings import NO_BOX, TWO_BOXES

from medvidbench.records import Box, BoxTrack, TimedBox, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.boxes import read_boxes

CONTEXT = Context(duration=100.0, fps=2.0, frame_size=(854, 480), times=(1.0, 5.0))
EXPECTED = BoxTrack((TimedBox(1.0, Box(10, 20, 30, 40)), TimedBox(5.0, Box(11, 21, 31, 41))))


def track(text: str, context: Context = CONTEXT) -> BoxTrack:
    read = read_boxes(text, context)
    assert isinstance(read, BoxTrack), f"{text!r}: {read}"
    return read


def only_box(text: str, context: Context = CONTEXT) -> tuple[float, float, float, float]:
    (timed,) = track(text, context).boxes
    return timed.box.x1, timed.box.y1, timed.box.x2, timed.box.y2


@pytest.mark.parametrize("text", TWO_BOXES)
def test_every_way_to_write_two_timed_boxes_is_understood_without_the_asked_times(text):
    # no `times` in the context: the answer's own times have to be found
    assert track(text, Context(frame_size=(854, 480))) == EXPECTED


@pytest.mark.parametrize("text", NO_BOX)
def test_what_is_no_box_is_unparsed_with_a_reason(text):
    read = read_boxes(text, CONTEXT)
    assert isinstance(read, Unparsed)
    assert read.reason


def test_only_the_published_grammar_has_no_flag():
    unflagged = [text for text in TWO_BOXES if not track(text).flags]
    # the second is the grammar inside <answer> tags
    assert unflagged == [text for text in TWO_BOXES if text == TWO_BOXES[0] or "<answer>" in text]
    assert len(unflagged) == 2


@pytest.mark.parametrize(
    "text",
    [
        "[[10, 20, 30, 40], [11, 21, 31, 41]]",
        "[[10, 20,30 ,40]] [[11, 21,31 ,41]]",
        "1. [10, 20, 30, 40]\n2. [11, 21, 31, 41]",
        "Box 1: [10, 20, 30, 40], Box 2: [11, 21, 31, 41]",
        '[{"bbox_2d": [10, 20, 30, 40], "label": "hook"}, {"bbox_2d": [11, 21, 31, 41], "label": "hook"}]',
        "Sampled every 4.0 seconds: [10, 20, 30, 40], [11, 21, 31, 41]",
    ],
)
def test_boxes_without_times_go_to_the_asked_times_in_order_and_are_flagged(text):
    assert track(text) == EXPECTED
    assert "times_assumed" in track(text).flags


def test_fewer_boxes_than_asked_times_fill_the_first_times():
    assert track("[[10, 20, 30, 40]]").boxes == (TimedBox(1.0, Box(10, 20, 30, 40)),)


def test_more_boxes_than_asked_times_are_unparsed():
    read = read_boxes("[[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]", CONTEXT)
    assert read == Unparsed("3 boxes without times, and 2 times were asked for")


def test_boxes_without_times_are_unparsed_when_no_times_are_known():
    assert read_boxes("[10, 20, 30, 40]", Context()) == Unparsed("1 boxes without times")


@pytest.mark.parametrize(
    "text",
    [
        "frame 2: [10, 20, 30, 40] frame 10: [11, 21, 31, 41]",
        "Frame #2: [10, 20, 30, 40]\nFrame #10: [11, 21, 31, 41]",
        '[{"frame": 2, "bbox": [10, 20, 30, 40]}, {"frame": 10, "bbox": [11, 21, 31, 41]}]',
        '{"frame 2": [10, 20, 30, 40], "frame 10": [11, 21, 31, 41]}',
    ],
)
def test_frame_numbers_become_seconds_by_the_frame_rate_and_are_flagged(text):
    # 2 / 2 = 1 s and 10 / 2 = 5 s
    assert track(text) == EXPECTED
    assert "frame_numbers" in track(text).flags
    assert isinstance(read_boxes(text, Context(frame_size=(854, 480))), Unparsed)


def test_fractions_of_the_frame_are_scaled_to_pixels_and_flagged():
    # 854 x 480: 0.5 -> 427 and 240
    assert only_box("1.0 seconds: [0.5, 0.5, 1.0, 0.75]") == (427.0, 240.0, 854.0, 360.0)
    assert track("1.0 seconds: [0.5, 0.5, 1.0, 0.75]").flags == ("boxes_0_1",)


def test_one_coordinate_above_one_makes_the_whole_track_pixels():
    read = track("1.0 seconds: [0.5, 0.5, 1.0, 0.75] 5.0 seconds: [2, 3, 4, 5]")
    assert read.boxes[0].box == Box(0.5, 0.5, 1.0, 0.75)
    assert read.flags == ()


def test_fractions_stay_as_given_when_the_frame_size_is_unknown_and_say_so():
    read = track("1.0 seconds: [0.5, 0.5, 1.0, 0.75]", Context())
    assert read.boxes[0].box == Box(0.5, 0.5, 1.0, 0.75)
    assert read.flags == ("boxes_0_1_unscaled",)


def test_an_all_zero_box_is_left_alone():
    assert track("1.0 seconds: [0, 0, 0, 0]").flags == ()


def test_thousandths_are_recognised_by_a_coordinate_beyond_the_frame():
    # y = 900 in a frame of 480: x * 854 / 1000, y * 480 / 1000
    assert only_box("1.0 seconds: [100, 200, 500, 900]") == (85.4, 96.0, 427.0, 432.0)
    assert track("1.0 seconds: [100, 200, 500, 900]").flags == ("boxes_0_1000",)


def test_a_box_that_spills_over_the_edge_by_under_five_percent_stays_in_pixels():
    assert only_box("1.0 seconds: [100, 200, 860, 500]") == (100, 200, 860, 500)


def test_a_coordinate_above_a_thousand_is_never_scaled():
    assert only_box("1.0 seconds: [100, 200, 500, 1200]") == (100, 200, 500, 1200)


@pytest.mark.parametrize("said", ["In 0-1000 coordinates: ", "Coordinates normalized to 1000. ", "Scale 0 to 1000. "])
def test_thousandths_that_fit_the_frame_are_scaled_only_when_said_so(said):
    assert only_box(said + "1.0 seconds: [100, 200, 500, 400]") == (85.4, 96.0, 427.0, 192.0)
    assert only_box("1.0 seconds: [100, 200, 500, 400]") == (100, 200, 500, 400)


def test_width_and_height_are_read_as_such_only_when_the_keys_say_so():
    assert "boxes_xywh" in track('[{"time": 1, "x": 10, "y": 20, "w": 20, "h": 20}]').flags
    assert only_box('[{"time": 1, "bbox": [10, 20, 20, 20]}]') == (10, 20, 20, 20)


def test_swapped_corners_are_left_as_given_and_flagged():
    assert only_box("1.0 seconds: [30, 20, 10, 40]") == (30, 20, 10, 40)
    assert track("1.0 seconds: [30, 20, 10, 40]").flags == ("corners_swapped",)


def test_the_last_box_of_a_repeated_time_wins_and_is_flagged():
    text = "0.0 seconds: [1, 2, 30, 40] 0.0 seconds: [5, 6, 70, 80] 0.00 seconds: [9, 10, 110, 120]"
    assert only_box(text) == (9, 10, 110, 120)
    assert "repeated_time" in track(text).flags
    assert "repeated_time" in track('{"1.0": [1, 2, 30, 40], "1.0": [5, 6, 70, 80]}').flags


def test_boxes_come_back_in_order_of_time():
    assert [timed.time for timed in track("5.0 seconds: [1, 2, 3, 4] 1.0 seconds: [1, 2, 3, 4]").boxes] == [1.0, 5.0]


def test_negative_coordinates_are_kept():
    assert only_box("0.0 seconds: [-52, -5, 73, 307]") == (-52, -5, 73, 307)


def test_an_unreadable_entry_costs_its_own_time_only():
    read = track("1.0 seconds: [1, 2, 3, 4] 6.0 seconds: [12, abc, 3, 4] 11.0 seconds: [5, 6, 7, 8]")
    assert [timed.time for timed in read.boxes] == [1.0, 11.0]
