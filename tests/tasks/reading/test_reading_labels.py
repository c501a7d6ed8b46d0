"""Reading a next action: one class by name, never the nearest one."""

import pytest
from reading_phrasings import ONE_LABEL

from medvidbench.records import Label, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.labels import read_label

PHASES = Context(
    labels=(
        "preparation",
        "carlot-triangle-dissection",
        "clipping-and-cutting",
        "gallbladder-dissection",
        "gallbladder-packaging",
        "cleaning-and-coagulation",
        "gallbladder-extraction",
    )
)
INJECTIONS = Context(labels=("Subcutaneous Injection", "Subcutaneous Injection Insulin", "Check"))


@pytest.mark.parametrize("text", ONE_LABEL)
def test_every_way_to_name_one_class_gives_it_in_the_tasks_spelling(text):
    assert read_label(text, PHASES) == Label("gallbladder-dissection")


@pytest.mark.parametrize(
    "text",
    [
        "clipping-and-cutting, gallbladder-packaging",
        "preparation\ngallbladder-dissection",
        "I expect carlot-triangle-dissection or preparation.",
        "The next action is preparation or gallbladder-dissection.",
    ],
)
def test_several_classes_are_no_answer(text):
    read = read_label(text, PHASES)
    assert isinstance(read, Unparsed)
    assert read.reason.startswith("names several classes: ")


@pytest.mark.parametrize("text", ["galbladder-dissection", "removing the gallbladder", "3", "dissection"])
def test_a_short_text_that_is_no_class_is_a_wrong_answer_not_an_unparsed_one(text):
    read = read_label(text, PHASES)
    assert read == Label(text)
    assert isinstance(read, Label)
    assert read.flags == ("unknown_label",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "✂️🩺",
        "...",
        "I cannot see the video.",
        "unknown",
        "N/A",
        "The surgeon will go on to carefully separate the organ from the bed of the liver with a hook and then stop",
    ],
)
def test_no_label_is_unparsed_with_a_reason(text):
    read = read_label(text, PHASES)
    assert isinstance(read, Unparsed)
    assert read.reason


def test_the_longest_class_name_wins_over_the_one_inside_it():
    text = "The next action is subcutaneous injection insulin."
    assert read_label(text, INJECTIONS) == Label("Subcutaneous Injection Insulin")
    assert read_label("It is a subcutaneous injection.", INJECTIONS) == Label("Subcutaneous Injection")


def test_a_class_is_found_as_whole_words_only():
    assert read_label("checking", INJECTIONS) == Label("checking")


def test_a_class_that_is_ruled_out_is_not_named():
    assert read_label("not preparation", PHASES) == Label("not preparation")
    read = read_label("not preparation", PHASES)
    assert isinstance(read, Label)
    assert read.flags == ("unknown_label",)
    assert read_label("anything but preparation", PHASES) == Label("anything but preparation")


def test_without_a_class_list_the_short_text_is_the_label_as_written():
    assert read_label("Gallbladder-dissection.", Context()) == Label("Gallbladder-dissection")
    assert read_label("**The next action is tying.**", Context()) == Label("tying")


def test_an_exact_class_has_no_flag_and_a_sentence_has_one():
    exact, sentence = read_label("Preparation.", PHASES), read_label("I expect preparation.", PHASES)
    assert isinstance(exact, Label)
    assert isinstance(sentence, Label)
    assert (exact.flags, sentence.flags) == ((), ("in_sentence",))
