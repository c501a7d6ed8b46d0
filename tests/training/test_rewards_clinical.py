"""Our reading of CRPO's three rewards: claims supported, concepts covered."""

from __future__ import annotations

import pytest
from reward_groups import completions, example

from medvidbench.records import Caption, Event, Events
from medvidbench.training.recipe import RewardPart
from medvidbench.training.rewards import Rewarder
from medvidbench.training.rewards.functions import load_function

NAMES = ("accuracy", "faithfulness", "comprehensiveness")
# units of the lexicon, each of weight 1: grasper, retract, gallbladder, hook, dissect, cystic duct
TRUTH = "The grasper retracts the gallbladder while the hook dissects the cystic duct."


@pytest.fixture(scope="module")
def rewards():
    functions = [load_function(f"medvidbench.training.rewards.clinical:{name}") for name in NAMES]
    return Rewarder(RewardPart(tasks=()), functions=functions)


def parts(rewards, *texts, row=None):
    (found,) = rewards([row or example("VS", Caption(TRUTH))], [completions(*texts)])
    return [found.parts[name] for name in NAMES]


def test_the_reference_itself_has_one_on_all_three(rewards):
    assert parts(rewards, TRUTH) == [(1.0,), (1.0,), (1.0,)]


def test_half_of_the_truth_is_faithful_and_half_as_comprehensive(rewards):
    # three of the six units, nothing else
    accuracy, faithful, complete = parts(rewards, "The hook dissects the cystic duct.")
    assert faithful == (1.0,)
    assert complete == (0.5,)
    assert 0.3 < accuracy[0] < 0.9


def test_a_wrong_instrument_is_an_unsupported_claim_and_an_uncovered_concept(rewards):
    # scissors for hook: two of three claims hold; two of six concepts are covered
    _, faithful, complete = parts(rewards, "The scissors dissect the cystic duct.")
    assert faithful == (pytest.approx(2 / 3),)
    assert complete == (pytest.approx(2 / 6),)


def test_an_invention_costs_faithfulness_alone(rewards):
    _, faithful, complete = parts(rewards, TRUTH + " A drain is placed in the stomach.")
    assert faithful[0] < 1.0
    assert complete == (1.0,)


def test_silence_and_words_that_claim_nothing_have_zero(rewards):
    for text in ("", "Yes, indeed."):
        _, faithful, complete = parts(rewards, text)
        assert (faithful, complete) == ((0.0,), (0.0,))


def test_a_list_of_everything_is_comprehensive_and_not_faithful(rewards):
    everything = (
        "grasper, hook, scissors, clipper stapler retract dissect cut clip suture gallbladder cystic duct liver"
    )
    _, faithful, complete = parts(rewards, everything + " stomach spleen colon ureter uterus bladder needle drain.")
    assert complete[0] > 0.9
    assert faithful[0] < 0.5


def test_dense_captions_are_compared_by_their_words(rewards):
    row = example("DVC", Events((Event(0, 10, "The hook dissects the cystic duct."), Event(20, 30, "A clip is set."))))
    _, faithful, complete = parts(rewards, "0.0-10.0 seconds: The hook dissects the cystic duct.", row=row)
    assert faithful == (1.0,)
    assert 0 < complete[0] < 1


def test_tasks_without_captions_have_accuracy_alone(rewards):
    accuracy, faithful, complete = parts(rewards, "10.0-15.0 seconds.", row=example("TAG"))
    # IoU of 10-15 with 10-20
    assert accuracy == (0.5,)
    assert faithful == complete == (None,)


def test_a_reference_without_a_known_concept_has_neither(rewards):
    _, faithful, complete = parts(rewards, "something", row=example("VS", Caption("Nothing of interest.")))
    assert faithful == complete == (None,)
