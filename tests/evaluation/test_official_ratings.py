"""SA and CVS under the official protocol; expected values by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from official_rows import board_of, cvs_row, merged, number, outcome_of, sa_row, value_of

from medvidbench.evaluation.protocols.official import cvs, sa, score_official

ASPECTS = {"Respect for tissue": 2, "Time and motion": 3}


@pytest.mark.parametrize(
    ("text", "aspects"),
    [
        ("Respect for tissue: 2/5, Time and motion: 3/5", {"Respect for tissue": 2, "Time and motion": 3}),
        ("Respect for tissue: 2/5; Time and motion: 3/5", {"Respect for tissue": 2}),
        ("respect for tissue:2/5,**Time**: 3/5", {"respect for tissue": 2, "**Time**": 3}),
        ("Scores: Time and motion:\n3/5", {"Time and motion": 3}),  # the name reaches back to the colon before
        ("a: 4.5/5, b: 12/50, c: 2 /5", {"b": 12}),
        ("a: 1/5, a: 2/5", {"a": 2}),
        (": 3/5, x:: 4/5", {}),  # no name before the colon
        ("a 3/5", {}),
    ],
)
def test_aspects_are_read_one_per_comma_part(text: str, aspects: dict[str, int]) -> None:
    assert sa.read_aspects(text) == aspects


def test_levels_come_from_the_mean_of_every_n_of_5() -> None:
    assert sa.read_scores("4.5/5 and 1/55/5, 2/5") == [5, 1, 5, 2]
    assert [sa.level_of_scores(s) for s in ([2], [2, 3], [3, 4], [4, 4, 3])] == [
        "novice",  # 2.0 is still novice
        "intermediate",
        "intermediate",  # 3.5
        "expert",
    ]


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("N", "novice"),
        (" Expert ", "expert"),
        ("not good", "novice"),  # contains the letter "n", which is listed before "good"
        ("7 of 12", "novice"),  # contains "1"
        ("??", "??"),
        (" ", ""),
    ],
)
def test_level_words_match_whole_first_and_then_by_part(word: str, level: str) -> None:
    assert sa.level_of_word(word) == level


def test_sa_is_the_mean_over_aspects_of_the_rate_over_rows_where_the_aspect_was_read() -> None:
    # Respect: 1 of 2 right; Time: read once, right. (1/2 + 1) / 2
    rows = (
        sa_row("Respect for tissue: 2/5, Time and motion: 3/5", ASPECTS),
        sa_row("Respect for tissue: 1/5", ASPECTS),
    )
    assert board_of(*rows) == {"SA_acc": 0.75}
    assert outcome_of(rows[1]).numbers == {
        "SA_acc": 0.0,
        "SA_acc/Respect for tissue": 0.0,
        "SA_mae/Respect for tissue": 1.0,
        "SA_level": 1.0,  # 1.0 is novice, as the truth says
    }


def test_sa_rows_without_n_of_5_are_left_out() -> None:
    row = sa_row("Respect for tissue: two", ASPECTS)
    found = outcome_of(row)
    assert (found.status, found.numbers, found.reading) == ("unparsed", {}, None)
    assert "skips the row" in found.reason
    assert board_of(row, sa_row("Time and motion: 3/5", ASPECTS)) == {"SA_acc": 1.0}
    assert board_of(row) == {}


def test_sa_rows_whose_names_do_not_match_compare_nothing() -> None:
    found = outcome_of(sa_row("respect for tissue: 2/5", ASPECTS))
    assert (found.status, found.numbers) == ("unparsed", {"SA_level": 1.0})


def test_sa_falls_back_on_the_reference_answer_for_scores_and_level() -> None:
    gnd = "Respect for tissue: 4/5, Time and motion: 4/5"
    answer = "Respect for tissue: 4/5, Time and motion: 5/5"
    for truth in ([], None, [{}], [{"skill_level": "", "skill_scores": {}}]):
        row = merged("skill_assessment", answer, truth, source="JIGSAWS", gnd=gnd)
        assert number(row, "SA_acc") == 0.5
        assert number(row, "SA_level") == 1.0


def test_sa_drops_a_row_without_a_level_even_when_it_has_scores() -> None:
    found = outcome_of(sa_row("Time and motion: 3/5", ASPECTS, level="", gnd="not rated"))
    assert (found.status, found.numbers) == ("unscored", {})


def test_sa_averages_over_sources_without_weights_and_an_empty_source_is_0() -> None:
    right, wrong = "Time and motion: 3/5", "Time and motion: 1/5"
    rows = [sa_row(right, ASPECTS)] * 3 + [sa_row(wrong, ASPECTS, source="other")]
    assert board_of(*rows) == {"SA_acc": 0.5}
    # a third source, in which nothing was read: (1 + 0 + 0) / 3
    assert board_of(*rows, sa_row("?", ASPECTS, source="third")) == {"SA_acc": pytest.approx(1 / 3)}
    by_source = score_official([*rows, sa_row("?", ASPECTS, source="third")]).by_source
    assert {source: value_of(m) for source, (m,) in by_source.items()} == {"JIGSAWS": 1.0, "other": 0.0}


def test_resampled_sums_without_a_source_leave_it_out() -> None:
    rows = [sa_row("Time and motion: 3/5", ASPECTS), sa_row("Time and motion: 1/5", ASPECTS, source="other")]
    (metric,) = score_official(rows).overall
    sums = np.stack([metric.columns[[0, 0]].sum(0), metric.columns[[1, 1]].sum(0), 0 * metric.columns.sum(0)])
    assert metric.combine(sums).tolist() == pytest.approx([1.0, 0.0, float("nan")], nan_ok=True)
    # a third source in which nothing was read halves what one source gives, and turns nothing into no number
    (metric,) = score_official([*rows, sa_row("?", ASPECTS, source="third")]).overall
    assert metric.combine(sums).tolist() == pytest.approx([0.5, 0.0, float("nan")], nan_ok=True)


@pytest.mark.parametrize(
    ("text", "criteria"),
    [
        (
            "Two structures: 2, Cystic plate: 1, Hepatocystic triangle: 0",
            {"two_structures": 2, "cystic_plate": 1, "hepatocystic_triangle": 0},
        ),
        ("CYSTIC PLATE:1.7, two structures: 22/2", {"cystic_plate": 1, "two_structures": 22}),
        ("Hepatocystic triangle: 1; Two structures: 2; Cystic plate: 1", {"two_structures": 2}),  # structures first
        ("Cystic plate: 1 and two structures visible", {}),  # claimed by "two structures", unread
        ("two structure: 1", {}),
        ("two structure: 1 of two structures", {"two_structures": 1}),
        ("cystic plate:\n2", {"cystic_plate": 2}),
        ("cystic plate : 2, cystic plate = 1", {}),
        ("cystic plate: 1, cystic plate: 2", {"cystic_plate": 2}),
    ],
)
def test_criteria_are_read_one_per_comma_part(text: str, criteria: dict[str, int]) -> None:
    assert cvs.read_criteria(text) == criteria


def test_cvs_is_the_mean_over_criteria_of_the_rate_over_rows_where_it_was_read() -> None:
    # structures: 1 of 2; plate: 0 of 1; triangle: 1 of 1. Mean 1/2
    rows = (
        cvs_row("Two structures: 0, Cystic plate: 1, Hepatocystic triangle: 0"),
        cvs_row("Two structures: 2"),
    )
    assert board_of(*rows) == {"CVS_acc": pytest.approx(0.5)}


def test_the_rating_is_the_word_for_the_sum() -> None:
    sums = [cvs.rating({"a": total}) for total in range(8)]
    assert sums == ["poor", "poor", "fair", "fair", "good", "good", "excellent", "excellent"]
    # nothing read is a sum of 0, which is right for a truth of 0 or 1
    found = outcome_of(cvs_row("no idea", (0, 1, 0)))
    assert (found.status, found.numbers, found.reading) == ("unparsed", {"CVS_rating": 1.0}, None)


def test_float_truths_equal_their_integers() -> None:
    assert number(cvs_row("Two structures: 2", (2.0, 0, 0)), "CVS_acc") == 1.0
    assert number(cvs_row("Two structures: 1", (1.7, 0, 0)), "CVS_acc") == 0.0


def test_cvs_truth_without_criteria_falls_back_on_the_reference_answer() -> None:
    for truth in ([], [{"cvs_scores": {}}], [{"cvs_scores": {"rating": 3}}], None):
        row = merged("cvs_assessment", "Cystic plate: 1", truth, source="Cholec80_CVS", gnd="Cystic plate: 1")
        assert number(row, "CVS_acc") == 1.0


@pytest.mark.parametrize("key", ["question", "gnd"])
@pytest.mark.parametrize("build", [sa_row, cvs_row])
def test_rows_without_the_keys_that_the_public_evaluator_needs_are_unscored_alone(build: Any, key: str) -> None:
    answer, truth = "Two structures: 0, x: 2/5", {"x": 2} if build is sa_row else (0, 0, 0)
    row = build(answer, truth)
    del row[key]
    first, second = score_official([row, build(answer, truth)]).outcomes
    assert (first.status, first.numbers) == ("unscored", {})
    assert key in first.reason
    assert second.status == "scored"
