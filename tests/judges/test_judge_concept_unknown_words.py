"""What the concept judge makes of words that its lexicon lacks, of ways, and of steps."""

from __future__ import annotations

import pytest

from medvidbench.judges.base import DIMENSIONS, CaptionPair
from medvidbench.judges.concept_judge import ConceptJudge

JUDGE = ConceptJudge(rationales=False)


def compared(reference, prediction):
    """Scores by dimension and the kinds of finding."""
    pair = CaptionPair("1", "RC", "", reference, prediction)
    kinds = {(f.kind, f.category) for f in JUDGE.comparison(pair).findings}
    return dict(zip(DIMENSIONS, JUDGE.scores(pair), strict=True)), kinds


def test_an_unknown_word_in_the_place_of_another_is_an_exchange():
    reference = "The nurse flimbers the left arm with a wet towel."
    scores, kinds = compared(reference, "The nurse glonders the left arm with a wet towel.")
    assert ("substituted", "action") in kinds and scores["action_state"] < 4
    scores, kinds = compared(reference, "The nurse flimbers the left snorgle with a wet towel.")
    assert ("substituted", "anatomy") in kinds and scores["instrument_anatomy"] < 4


def test_forms_of_one_word_and_equal_quantities_are_no_exchange():
    reference = "The nurse flimbers 2 litres per minute into the left arm."
    for same in (
        "The nurse flimbered 2 litres per minute into the left arm.",
        "The nurse flimbers 2000 ml/min into the left arm.",
    ):
        assert min(compared(reference, same)[0].values()) >= 4.5


def test_an_unknown_verb_of_a_rephrased_text_is_trusted_where_all_things_agree():
    reference = "The hook dissects the cystic duct and the grasper retracts the gallbladder fundus."
    prediction = "While the fundus of the gallbladder is retracted by the grasper, the hook flimbers the cystic duct."
    assert compared(reference, prediction)[0]["action_state"] >= 4.5


def test_unknown_words_never_buy_what_a_text_lacks():
    reference = "The hook dissects the cystic duct."
    plain = compared(reference, "The tool moves.")[0]
    padded = compared(reference, "The tool moves. Flimber glonder snorgle wumple.")[0]
    assert all(padded[name] <= plain[name] + 1e-9 for name in DIMENSIONS)


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [
        ("The ring moves from the lower to the upper peg.", "The ring moves from the upper to the lower peg."),
        ("The fat is swept toward the liver.", "The fat is swept away from the liver."),
        ("The suture turns clockwise around the peg.", "The suture turns counterclockwise around the peg."),
        ("The grasper lifts the ring off the peg.", "The grasper lifts the ring onto the peg."),
        ("The nurse hands the scalpel to the surgeon.", "The nurse hands the scalpel to the assistant."),
    ],
)
def test_another_way_is_another_direction(reference, prediction):
    scores, kinds = compared(reference, prediction)
    assert ("direction", "direction") in kinds and scores["action_state"] < 4


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [
        ("The needle passes from the left to the right.", "From left to right the needle is passed."),
        ("The suture goes from the left hand to the right hand.", "The suture goes from the left to the right hand."),
    ],
)
def test_one_way_in_other_words_is_no_contradiction(reference, prediction):
    assert min(compared(reference, prediction)[0].values()) >= 4.5


def test_steps_are_found_again_by_words_that_the_lexicon_lacks():
    first, second = "the flimber is glondered", "the wumple is snorgled"
    reference = f"First, {first}; finally, {second}."
    assert ("order", "order") in compared(reference, f"First, {second}; finally, {first}.")[1]
    assert ("order", "order") not in compared(reference, f"First, {first}; then, {second}.")[1]


def test_a_step_of_one_text_alone_lowers_the_context():
    reference = "The hook dissects the cystic duct. The scissors cut the suture."
    scores, kinds = compared(reference, f"{reference} A balloon dilates the pylorus.")
    assert ("invented", "step") in kinds and scores["clinical_context"] <= 4
    scores, kinds = compared(f"{reference} A balloon dilates the pylorus.", reference)
    assert ("omitted", "step") in kinds


def test_an_ordinal_before_a_noun_tells_no_order():
    reference = "The needle passes the fourth ring after one failed try."
    assert min(compared(reference, "After one failed try, the needle passes the fourth ring.")[0].values()) >= 4.5


@pytest.mark.parametrize(
    ("reference", "prediction", "same"),
    [
        ("No artery is identified.", "The artery is not identified.", True),
        ("Clipping of the duct is not performed.", "The duct is not clipped.", True),
        ("The wire is not touched by the hook.", "The hook doesn't touch the wire.", True),
        ("The duct is clipped.", "Clipping of the duct is not performed.", False),
    ],
)
def test_a_denied_deed_is_denied_however_it_is_said(reference, prediction, same):
    assert (compared(reference, prediction)[0]["action_state"] >= 4.5) == same
