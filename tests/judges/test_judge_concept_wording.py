"""Words that the lexicon lacks: abbreviations explained by the other text, and exchanged words."""

from __future__ import annotations

import pytest

from medvidbench.judges.base import DIMENSIONS, CaptionPair
from medvidbench.judges.concept_judge import ConceptJudge
from medvidbench.judges.wording import spelled_out

JUDGE = ConceptJudge()


def scores(reference, prediction):
    return dict(zip(DIMENSIONS, JUDGE.scores(CaptionPair("1", "RC", "", reference, prediction)), strict=True))


def test_an_abbreviation_is_spelled_out_by_the_other_text():
    other = ["the", "inferior", "zorbic", "plexus", "is", "cut"]
    assert spelled_out(["the", "izp", "is", "cut"], ["izp"], other) == "the inferior zorbic plexus is cut"
    assert spelled_out(["the", "xyz", "is", "cut"], ["xyz"], other) is None


def test_an_abbreviated_caption_keeps_its_scores():
    assert min(scores("The recurrent laryngeal nerve is identified.", "The RLN is identified.").values()) >= 4.5


@pytest.mark.parametrize(
    ("reference", "prediction", "dimension"),
    [
        (
            "The hook frees the zorb of the liver slowly.",
            "The hook frees the quux of the liver slowly.",
            "instrument_anatomy",
        ),
        ("The liver is zorbed by the surgeon today.", "The liver is quuxed by the surgeon today.", "action_state"),
        ("The liver is not zorbed by the surgeon today.", "The liver is zorbed by the surgeon today.", "action_state"),
    ],
)
def test_an_unknown_word_in_the_place_of_another_contradicts(reference, prediction, dimension):
    assert scores(reference, prediction)[dimension] < 4


def test_unknown_words_of_a_paraphrase_are_no_contradiction():
    found = scores(
        "The zorb hook dissects the liver.", "With slow quux strokes the liver is dissected by the hook again."
    )
    assert min(found.values()) >= 4.5
