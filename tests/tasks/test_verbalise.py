"""The plain verbaliser."""

from __future__ import annotations

import pytest

from medvidbench.records import Box, Recording
from medvidbench.tasks.timeline import Scene
from medvidbench.tasks.verbalise import (
    label_words,
    phase_words,
    place,
    region_sentence,
    scene_sentence,
    summary,
    third_person,
)


def triplets(*labels: str) -> Scene:
    return Scene(0.0, 1.0, tuple(("triplet", label) for label in labels))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (
            ("grasper,retract,gallbladder", "hook,dissect,cystic_plate"),
            "The grasper retracts the gallbladder while the hook dissects the cystic plate.",
        ),
        (("scissors,cut,cystic_duct",), "The scissors cut the cystic duct."),
        (("bipolar,coagulate,liver",), "The bipolar forceps coagulate the liver."),
        (("irrigator,aspirate,fluid",), "The irrigator aspirates fluid."),
        (
            ("grasper,grasp,gut", "grasper,retract,liver", "grasper,retract,omentum"),
            "The grasper grasps the gut and retracts the liver and the omentum.",
        ),
        (("hook,null_verb,null_target",), "The hook is in view without acting."),
        (
            ("hook,null_verb,null_target", "scissors,null_verb,null_target"),
            "The hook and the scissors are in view without acting.",
        ),
        (("grasper,grasp,liver", "hook,null_verb,null_target"), "The grasper grasps the liver."),
    ],
)
def test_triplets_become_plain_sentences(labels, sentence):
    assert scene_sentence(triplets(*labels), "the surgeon") == sentence


@pytest.mark.parametrize(
    ("kind", "label", "sentence"),
    [
        ("action", "suturing", "The clinician is suturing."),
        ("action", "Disinfect skin", "The clinician disinfects skin."),
        ("action", "Wash face", "The clinician washes face."),
        ("action", "Apply shampoo", "The clinician applies shampoo."),
        ("action", "Venipuncture", "The clinician carries out venipuncture."),
        ("action", "PICC insertion", "The clinician carries out PICC insertion."),
        ("gesture", "Pulling suture with left hand", "The clinician is pulling suture with left hand."),
        ("phase", "carlot-triangle-dissection", "The clinician carries out dissection of Calot's triangle."),
        ("phase", "clippingAndCutting", "The clinician carries out clipping and cutting."),
    ],
)
def test_actions_and_phases_become_plain_sentences(kind, label, sentence):
    assert scene_sentence(Scene(0, 1, ((kind, label),)), "the clinician") == sentence


def test_labels_and_phases_in_words():
    assert label_words("grasper,retract,cystic_plate") == "grasper retract cystic plate"
    assert phase_words("CalotTriangleDissection") == "dissection of Calot's triangle"
    assert phase_words("gallbladder-packaging") == "gallbladder packaging"


def test_a_summary_tells_each_scene_once_in_order_and_names_each_phase_once():
    first = (("triplet", "grasper,retract,liver"),)
    second = (("triplet", "clipper,clip,cystic_duct"),)
    scenes = [
        Scene(0, 5, first, "preparation"),
        Scene(8, 9, first, "preparation"),
        Scene(9, 20, second, "preparation"),
        Scene(20, 30, second, "clipping-and-cutting"),
    ]
    recording = Recording("CholecT50", "V", "g", 30, 1, 1, 1, procedure="laparoscopic cholecystectomy")
    assert summary(scenes, recording) == (
        "The clip shows part of this procedure: laparoscopic cholecystectomy. "
        "At first, during preparation, the grasper retracts the liver. "
        "Then the clipper clips the cystic duct. "
        "Next, during clipping and cutting, the clipper clips the cystic duct."
    )


def test_a_region_sentence_says_the_deed_or_the_place_or_the_way():
    deeds = ["scissors,cut,cystic_duct", "scissors,null_verb,null_target"]
    assert region_sentence("scissors", deeds, "", "left", "left") == (
        "The scissors at the left of the view cut the cystic duct."
    )
    assert region_sentence("specimen-bag", [], "", "centre", "centre") == (
        "The specimen bag stays at the centre of the view."
    )
    assert region_sentence("Tweezers", [], "closure", "top", "lower right") == (
        "During closure, the tweezers move from the top to the lower right of the view."
    )


@pytest.mark.parametrize(
    ("box", "where"),
    [
        (Box(0, 0, 10, 10), "upper left"),
        (Box(45, 0, 55, 10), "top"),
        (Box(45, 45, 55, 55), "centre"),
        (Box(90, 45, 100, 55), "right"),
        (Box(45, 90, 55, 100), "bottom"),
        (Box(0, 90, 10, 100), "lower left"),
    ],
)
def test_places_go_by_thirds_of_the_frame(box, where):
    assert place(box, 100, 100) == where


def test_a_frame_of_unknown_size_has_only_a_centre():
    assert place(Box(0, 0, 10, 10), 0, 0) == "centre"


def test_regular_verbs_take_their_ending():
    verbs = ["grasp", "push", "pass", "fix", "carry", "spray", "touch"]
    assert [third_person(v) for v in verbs] == ["grasps", "pushes", "passes", "fixes", "carries", "sprays", "touches"]


def test_both_verbs_of_an_action_are_bent() -> None:
    scene = Scene(0.0, 5.0, (("action", "Clean and scrub the perineum"),))
    assert scene_sentence(scene, "the nurse") == "The nurse cleans and scrubs the perineum."
