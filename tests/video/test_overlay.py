"""Drawn things land where they belong, at any size: measured on the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box
from medvidbench.video.overlay import REGION, LabelledBox, annotate, draw_region, scaled_box, time_stamp

ORIGINAL = (854, 480)
SIZES = [(854, 480), (427, 240), (448, 252), (1708, 960), (224, 126), (500, 500), (320, 180)]
"""Equal, halved, a model's grid, doubled, small, and one that changes the shape."""


def blank(size, level=90):
    return np.full((size[1], size[0], 3), level, np.uint8)


def coloured(frame, colour):
    """x1, y1, x2, y2 (exclusive) around the pixels of exactly this colour."""
    rows, columns = np.nonzero((frame == np.array(colour, np.uint8)).all(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("box", [Box(100, 50, 300, 200), Box(0, 0, 854, 480), Box(600.4, 300.6, 853.9, 479.2)])
def test_the_region_box_lands_in_the_right_place_at_any_resize(size, box):
    drawn = coloured(draw_region(blank(size), box, ORIGINAL), REGION)
    sx, sy = size[0] / ORIGINAL[0], size[1] / ORIGINAL[1]
    expected = (box.x1 * sx, box.y1 * sy, box.x2 * sx, box.y2 * sy)
    # half a pixel: edges are rounded to whole pixels
    assert np.abs(np.subtract(drawn, expected)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("size", SIZES)
def test_the_region_box_is_an_outline_and_the_frame_is_a_copy(size):
    frame = blank(size)
    out = draw_region(frame, Box(100, 50, 300, 200), ORIGINAL)
    assert (frame == 90).all()
    x, y = round(200 * size[0] / ORIGINAL[0]), round(125 * size[1] / ORIGINAL[1])
    assert out[y, x].tolist() == [90, 90, 90]
    inside = (out == np.array(REGION)).all(axis=2).sum()
    assert inside < 0.06 * size[0] * size[1]


def test_a_box_drawn_in_original_pixels_on_a_resized_frame_would_be_wrong():
    # what the public code does, as the measure of this test: on a frame of half the size it lands at twice the place
    half = (427, 240)
    wrong = coloured(draw_region(blank(half), Box(100, 50, 300, 200), half), REGION)
    right = coloured(draw_region(blank(half), Box(100, 50, 300, 200), ORIGINAL), REGION)
    assert (wrong, right) == ((100, 50, 300, 200), (50, 25, 150, 100))


def test_a_box_that_sticks_out_is_clipped_to_the_frame():
    assert scaled_box(Box(-50, -10, 100, 90), (200, 100), (100, 50)) == (0, 0, 49, 44)


def test_a_tiny_box_keeps_a_pixel():
    assert scaled_box(Box(10.1, 10.1, 10.2, 10.2), (1000, 1000), (100, 100)) == (1, 1, 1, 1)
    assert scaled_box(Box(999.5, 999.5, 1000, 1000), (1000, 1000), (100, 100)) == (99, 99, 99, 99)


@pytest.mark.parametrize("box", [Box(300, 0, 400, 50), Box(10, 10, 10, 20), Box(20, 10, 10, 20), Box(-20, 0, 0, 50)])
def test_a_box_that_cannot_be_seen_is_an_error(box):
    with pytest.raises(MedVidBenchError, match="on a frame of 200 x 100"):
        draw_region(blank((100, 50)), box, (200, 100))


@pytest.mark.parametrize("frame", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)])
def test_only_rgb_frames_are_drawn_on(frame):
    with pytest.raises(MedVidBenchError, match=r"\(H, W, 3\), uint8"):
        annotate(frame)


@pytest.mark.parametrize("size", [(160, 120), (320, 180), (448, 252), (854, 480), (1920, 1080)])
def test_banner_and_stamp_are_large_enough_to_read_and_stay_at_the_edges(size):
    # a colour that grey letters on a dark plate never have
    frame = np.full((size[1], size[0], 3), (90, 10, 160), np.uint8)
    changed = (annotate(frame, phase="calot triangle dissection", time=75.34) != frame).any(axis=2)
    rows = np.flatnonzero(changed.any(axis=1))
    top, bottom = rows[rows < size[1] // 2], rows[rows >= size[1] // 2]
    for band in (top, bottom):
        # letters of 11 pixels or 1/24 of the frame, whichever is more, and not a quarter of the picture
        assert max(11, min(size) / 24) <= len(band) <= max(18, size[1] / 8)
    assert (top[0], bottom[-1]) == (0, size[1] - 1)
    assert changed[: len(top)].all(axis=1).all()


@pytest.mark.parametrize("size", [(160, 120), (854, 480)])
def test_letters_are_light_on_dark(size):
    out = annotate(blank(size, 255), phase="preparation")
    banner = out[: max(11, size[1] // 24)]
    assert banner.min() < 30
    assert (banner.max(axis=2) > 220).mean() > 0.01


def test_labels_stay_inside_the_frame_at_every_corner():
    size = (200, 120)
    for x, y in [(0, 0), (150, 0), (0, 90), (150, 90)]:
        frame = blank(size)
        plain = annotate(frame, [LabelledBox(Box(x, y, x + 50, y + 30), "")])
        labelled = annotate(frame, [LabelledBox(Box(x, y, x + 50, y + 30), "hook", "2")])
        assert (plain != labelled).any(axis=2).sum() > 100


def test_labels_of_one_place_do_not_cover_each_other():
    boxes = [LabelledBox(Box(100, 200, 300, 400), "grasper", "1"), LabelledBox(Box(100, 200, 300, 400), "hook", "2")]
    frame = blank(ORIGINAL)
    bare = LabelledBox(boxes[0].box)
    rim, one, two = ((annotate(frame, chosen) == 12).all(axis=2).sum() for chosen in ([bare], boxes[:1], boxes))
    # a plate is dark but for its letters; two plates have about twice the dark pixels of one
    assert two - rim > 1.6 * (one - rim)


def test_long_text_is_cut_to_the_frame():
    out = annotate(blank((160, 120)), phase="a very long phase name that does not fit into so small a frame at all")
    assert out.shape == (120, 160, 3)


def test_colours_follow_the_track():
    first, again = LabelledBox(Box(0, 0, 1, 1), "hook", "7"), LabelledBox(Box(5, 5, 9, 9), "hook", "7")
    assert first.colour == again.colour
    # neighbouring ids, as trackers give them, are told apart
    assert len({LabelledBox(Box(0, 0, 1, 1), "", str(i)).colour for i in range(1, 7)}) == 6


def test_boxes_are_scaled_from_the_original_size():
    item = LabelledBox(Box(100, 50, 300, 200))
    out = annotate(blank((427, 240)), [item], original_size=ORIGINAL)
    assert coloured(out, item.colour) == (50, 25, 150, 100)


@pytest.mark.parametrize(
    ("seconds", "text"), [(75.34, "75.3 s (01:15.3)"), (0, "0.0 s (00:00.0)"), (3599.96, "3600.0 s (60:00.0)")]
)
def test_the_stamp_says_seconds_and_clock(seconds, text):
    assert time_stamp(seconds) == text


def test_text_of_a_label():
    box = Box(0, 0, 1, 1)
    assert [LabelledBox(box, *a).text for a in [("hook", "3"), ("hook",), ("", "3"), ()]] == [
        "hook #3",
        "hook",
        "#3",
        "",
    ]


def test_a_label_leaves_a_small_object_above_its_box_in_sight():
    tool = Box(290, 140, 330, 200)
    boxes = [LabelledBox(tool), LabelledBox(Box(270, 200, 420, 300), "surgeon's right hand", "2")]
    out = annotate(blank((640, 360)), boxes)
    # above the hand's box the label would lie on the tool; nothing is drawn inside the tool's outline
    assert (out[145:195, 295:325] == 90).all()


def test_no_label_covers_the_time_stamp():
    size = (320, 180)
    stamp = annotate(blank(size), time=2.0)
    # as high as the frame: a label finds room at the box's upper edge, a second one beside it and not on the stamp
    boxes = [LabelledBox(Box(0, 0, 150, 180), "hook"), LabelledBox(Box(0, 0, 150, 180), "scissors")]
    out = annotate(blank(size), boxes, time=2.0)
    plate = (stamp != 90).any(axis=2)
    letters = plate & (stamp.max(axis=2) > 200)
    assert (out[letters] == stamp[letters]).all()
