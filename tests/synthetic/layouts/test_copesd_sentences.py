"""The wording that the CoPESD layout writes is read back as the motion it was written for."""

from __future__ import annotations

import pytest

from medvidbench.records import Box
from medvidbench.sources.copesd_motions import ACTION_OF, motion_of
from medvidbench.synthetic.layouts.copesd_sentences import SENTENCES, instruction, sentence, split_motion

FORCEPS, KNIFE = Box(130.6, 261.2, 653.0, 914.2), Box(0.0, 13.06, 1306.0, 1005.62)
DIRECTIONS = ("to the left", "to the right", "to the upper left", "to the lower right", "upward", "downward")
MOTIONS = [
    template.replace("{direction}", direction)
    for template in SENTENCES
    for direction in (DIRECTIONS if "{direction}" in template else ("",))
]


@pytest.mark.parametrize("motion", MOTIONS)
def test_every_paraphrase_of_a_motion_is_read_as_that_motion(motion):
    written = {sentence(motion, FORCEPS, KNIFE, 1306, key) for key in range(60)}
    assert {motion_of(text) for text in written} == {motion}


@pytest.mark.parametrize("motion", [motion for motion in MOTIONS if "{" not in motion])
def test_all_paraphrases_of_a_motion_are_used(motion):
    template, _ = split_motion(motion)
    written = {sentence(motion, FORCEPS, KNIFE, 1306, key) for key in range(60)}
    assert len(written) == len(SENTENCES[template])


def test_every_motion_of_the_adapter_but_one_has_sentences():
    # the released file holds no sentence in which the forceps grasp the edge while the knife lifts
    assert set(ACTION_OF) - set(SENTENCES) == {"grasp flap edge with forceps and lift flap {direction} with knife"}


def test_boxes_are_divided_by_the_longer_side_with_two_decimals():
    # 130.6 / 1306 = 0.1, 261.2 / 1306 = 0.2, 653 / 1306 = 0.5, 914.2 / 1306 = 0.7; 1005.62 / 1306 = 0.77
    text = sentence("rotate forceps", FORCEPS, KNIFE, 1306, "any")
    assert "Forceps[0.1, 0.2, 0.5, 0.7]" in text
    assert "Knife[0.0, 0.01, 1.0, 0.77]" in text


def test_an_instrument_out_of_view_has_no_box():
    text = sentence("rotate forceps", None, KNIFE, 1306, "any")
    assert "Forceps[" not in text and "Forceps" in text


def test_instructions_go_with_their_motion():
    assert "Knife" in instruction("dissect flap upward with knife", 1)
    assert "amera" in instruction("clean camera lens", 1)
