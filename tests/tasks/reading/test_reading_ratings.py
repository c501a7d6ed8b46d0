"""Reading named scores: the phrasings, partial answers, and scores that are none."""

import pytest
from reading_phrasings import CVS_SCORES, SKILL_SCORES

from medvidbench.records import Rating, Ratings, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.ratings import read_ratings

CVS = Context(labels=("Two structures", "Cystic plate", "Hepatocystic triangle"))
SKILL = Context(
    labels=(
        "Respect for tissue",
        "Suture/needle handling",
        "Time and motion",
        "Flow of operation",
        "Overall performance",
        "Quality of final product",
    )
)


def scores(text: str, context: Context = CVS, levels: range = range(3)) -> dict[str, int]:
    read = read_ratings(text, context, levels)
    assert isinstance(read, Ratings), f"{text!r}: {read}"
    return {rating.name: rating.value for rating in read.ratings}


def flags(text: str, context: Context = CVS, levels: range = range(3)) -> tuple[str, ...]:
    read = read_ratings(text, context, levels)
    assert isinstance(read, Ratings), f"{text!r}: {read}"
    return read.flags


@pytest.mark.parametrize("text", CVS_SCORES)
def test_every_way_to_give_the_three_criteria_is_understood_in_the_tasks_order(text):
    expected = (Rating("Two structures", 2), Rating("Cystic plate", 1), Rating("Hepatocystic triangle", 0))
    assert read_ratings(text, CVS, range(3)) == Ratings(expected)


@pytest.mark.parametrize("text", SKILL_SCORES)
def test_every_way_to_give_the_six_aspects_is_understood(text):
    assert list(scores(text, SKILL, range(1, 6)).values()) == [2, 1, 4, 3, 3, 5]
    assert list(scores(text, SKILL, range(1, 6))) == list(SKILL.labels)


def test_the_published_grammar_has_no_flag():
    assert flags(CVS_SCORES[0]) == ()
    assert flags(SKILL_SCORES[0], SKILL, range(1, 6)) == ()
    assert flags(CVS_SCORES[1]) == ("free_form",)


def test_a_partial_answer_gives_the_aspects_that_were_found():
    assert scores("Cystic plate: 1") == {"Cystic plate": 1}


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("Two structures: 3, Cystic plate: 1", "out_of_range"),
        ("Two structures: 22, Cystic plate: 1", "out_of_range"),
        ("Two structures: -1, Cystic plate: 1", "out_of_range"),
        ("Two structures: 1.7, Cystic plate: 1", "not_an_integer"),
        ("Two structures: 2/5, Cystic plate: 1", "other_scale"),
        ('{"two_structures": 2.5, "cystic_plate": 1}', "not_an_integer"),
    ],
)
def test_a_score_that_is_no_level_is_left_out_and_flagged(text, flag):
    assert scores(text) == {"Cystic plate": 1}
    assert flag in flags(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The critical view of safety is good and adequate.",
        "Two structures: 22, Cystic plate: 22, Hepatocystic triangle: 4",
        "Two structures: 0.7, Cystic plate: 0.7, Hepatocystic triangle: 0.7",
        "Two structures: 80%",
        "[2, 1]",
        "[2, 1, 0, 3]",
        "2, 1, 0 and 7 clips were seen",
        "The two structures were seen after 3 minutes of dissection.",
        "I cannot see the video.",
    ],
)
def test_an_answer_without_a_readable_score_is_unparsed(text):
    read = read_ratings(text, CVS, range(3))
    assert isinstance(read, Unparsed)
    assert read.reason


def test_a_number_that_counts_something_is_no_score():
    assert scores("Two structures: 2 clips were placed. Score: 1") == {"Two structures": 1}


def test_a_skill_score_over_another_top_level_is_not_read():
    assert isinstance(read_ratings("Respect for tissue: 8/10", SKILL, range(1, 6)), Unparsed)
    assert isinstance(read_ratings("Respect for tissue: 4/50", SKILL, range(1, 6)), Unparsed)


def test_the_last_readable_score_of_a_name_wins():
    assert scores("Two structures: 0, Cystic plate: 1, two structures: 2")["Two structures"] == 2
    assert "repeated_name" in flags("Two structures: 0, Cystic plate: 1, two structures: 2")
    assert scores("Two structures: 0, two structures: 9") == {"Two structures": 0}


def test_the_tasks_own_name_wins_over_a_synonym():
    text = "Overall performance: 4/5, Overall: 2/5"
    assert scores(text, SKILL, range(1, 6)) == {"Overall performance": 4}
    assert scores("Overall: 2/5", SKILL, range(1, 6)) == {"Overall performance": 2}


def test_a_bare_list_needs_exactly_as_many_scores_as_aspects_and_is_flagged():
    assert flags("[2, 1, 0]") == ("order_assumed",)
    assert isinstance(read_ratings("[2, 1, 0]", SKILL, range(1, 6)), Unparsed)


def test_without_aspect_names_nothing_can_be_assigned():
    assert isinstance(read_ratings("2, 1, 0", Context(), range(3)), Unparsed)
