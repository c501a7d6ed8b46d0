"""Protocol `strict`: which rows count, and what each is worth."""

from __future__ import annotations

import json

import pytest
from strict_rows import answer, sample, value_of, written

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.protocols.strict import combine_of, score_strict
from medvidbench.records import (
    TASK_NAMES,
    Box,
    BoxTrack,
    Caption,
    Event,
    Events,
    Label,
    Rating,
    Ratings,
    Span,
    Spans,
    TimedBox,
)
from medvidbench.tasks.registry import TASKS

SPANS = Spans((Span(10.0, 20.0),))
RATED = Ratings((Rating("Two structures", 2), Rating("Cystic plate", 1), Rating("Hepatocystic triangle", 0)))
SKILL = Ratings(tuple(Rating(name, 3) for name in TASKS["SA"].aspects))
TRUTHS = {
    "TAG": SPANS,
    "STG": BoxTrack((TimedBox(1.0, Box(0, 0, 10, 10)), TimedBox(2.0, Box(0, 0, 10, 10)))),
    "DVC": Events((Event(0.0, 10.0, "The hook dissects the liver."),)),
    "VS": Caption("The hook dissects the liver and the gallbladder."),
    "RC": Caption("The hook dissects the liver."),
    "NAP": Label("tying"),
    "SA": SKILL,
    "CVS": RATED,
}


def test_the_written_truth_gets_full_marks_in_every_metric_of_every_task():
    samples = [sample(name, TRUTHS[name]) for name in TASK_NAMES]
    scores = score_strict(samples, [written(name, TRUTHS[name]) for name in TASK_NAMES])
    names = [m.name for m in scores.overall]
    assert names == [
        *TASKS["TAG"].metrics,
        *("STG_mIoU", "DVC_F1", "NAP_acc"),
        *("SA_acc", "SA_bacc", "SA_kappa", "CVS_acc", "CVS_bacc", "CVS_kappa"),
    ]
    for name in names:
        if not name.endswith("kappa"):  # one row has one level on both sides: chance agreement can't be told from skill
            assert value_of(scores, name) == pytest.approx(1.0)
    assert [o.status for o in scores.outcomes] == [
        "unscored" if name in ("VS", "RC") else "scored" for name in TASK_NAMES
    ]


def test_no_prediction_and_a_failed_call_are_unscored_and_a_null_answer_is_an_unparsed_0():
    samples = [sample("TAG", SPANS, number=i) for i in range(4)]
    answers = [None, answer(None, error="HTTP 500"), answer(None), written("TAG", SPANS)]
    scores = score_strict(samples, answers)
    assert [(o.status, o.reason) for o in scores.outcomes] == [
        ("unscored", "no prediction"),
        ("unscored", "call failed: HTTP 500"),
        ("unparsed", "null answer"),
        ("scored", ""),
    ]
    assert scores.outcomes[0].numbers == scores.outcomes[1].numbers == {}
    assert scores.outcomes[2].numbers == dict.fromkeys(TASKS["TAG"].metrics, 0.0)
    (metric, *_) = scores.overall
    assert metric.rows.tolist() == [2, 3]
    assert value_of(scores, "TAG_mIoU") == 0.5


def test_an_answer_that_names_nothing_is_an_unparsed_0_with_the_readers_reason():
    for name in ("TAG", "STG", "DVC", "SA", "CVS"):
        (outcome,) = score_strict([sample(name, TRUTHS[name])], [answer("I cannot see the video.")]).outcomes
        assert outcome.status == "unparsed"
        assert outcome.reason
        assert set(outcome.numbers.values()) == {0.0}


@pytest.mark.parametrize(
    ("task", "truth", "said"),
    [
        ("TAG", None, "no truth"),
        ("TAG", Spans(()), "empty"),
        ("STG", BoxTrack(()), "empty"),
        ("DVC", Events(()), "empty"),
        ("NAP", Label(" - "), "empty"),
        ("VS", Caption(" "), "empty"),
        ("SA", Ratings(()), "empty"),
        ("TAG", Label("x"), "needs Spans"),
        ("CVS", Ratings((Rating("Cystic plate", 3),)), "'Cystic plate' = 3"),
        ("SA", Ratings((Rating("Style", 3),)), "'Style' = 3"),
    ],
)
def test_a_row_without_usable_truth_is_unscored_and_says_why(task, truth, said):
    scores = score_strict([sample(task, truth)], [answer("1.0-2.0 seconds.")])
    (outcome,) = scores.outcomes
    assert outcome.status == "unscored"
    assert said in outcome.reason
    assert scores.overall == []


def test_captions_are_read_and_left_to_the_judge_and_an_empty_one_is_unparsed():
    samples = [sample("VS", TRUTHS["VS"]), sample("RC", TRUTHS["RC"]), sample("VS", TRUTHS["VS"])]
    scores = score_strict(samples, [answer("A summary."), answer("A caption."), answer("  ")])
    assert [(o.status, o.numbers) for o in scores.outcomes] == [("unscored", {}), ("unscored", {}), ("unparsed", {})]
    assert scores.outcomes[0].reason == "needs a judge"
    assert scores.outcomes[0].reading == {"text": "A summary."}
    assert scores.overall == []
    assert scores.notes == ["VS: needs a judge", "RC: needs a judge"]


def test_metrics_come_over_all_rows_and_by_source():
    samples = [sample("NAP", Label("tying"), source=s, number=i) for i, s in enumerate("AAB")]
    scores = score_strict(samples, [answer("tying"), answer("cutting"), answer("tying")])
    assert value_of(scores, "NAP_acc") == pytest.approx(2 / 3)
    assert value_of(scores, "NAP_acc", "A") == 0.5
    assert value_of(scores, "NAP_acc", "B") == 1.0
    assert [m.rows.tolist() for m in scores.by_source["B"]] == [[2]]
    assert list(scores.by_source) == ["A", "B"]


def test_readings_are_json_ready():
    samples = [sample(name, TRUTHS[name]) for name in TASK_NAMES]
    scores = score_strict(samples, [written(name, TRUTHS[name]) for name in TASK_NAMES])
    readings = {o.task: o.reading for o in scores.outcomes}
    assert json.loads(json.dumps(readings)) == readings
    assert readings["TAG"] == {"spans": [[10.0, 20.0]]}
    assert readings["STG"]["boxes"][0] == [1.0, [0, 0, 10, 10]]
    assert readings["DVC"] == {"events": [[0.0, 10.0, "The hook dissects the liver."]]}
    assert readings["NAP"] == {"label": "tying"}
    assert readings["CVS"] == {"ratings": {"Two structures": 2, "Cystic plate": 1, "Hepatocystic triangle": 0}}


def test_another_phrasing_is_read_and_flagged_in_the_reading():
    (outcome,) = score_strict([sample("TAG", SPANS)], [answer('{"spans": [[10.0, 20.0]]}')]).outcomes
    assert outcome.numbers["TAG_mIoU"] == 1.0
    assert outcome.reading["flags"]


def test_answers_and_samples_of_different_number_are_an_error():
    with pytest.raises(MedVidBenchError, match="2 samples and 1 answers"):
        score_strict([sample("TAG", SPANS)] * 2, [None])


def test_no_rows_give_no_metrics():
    scores = score_strict([], [])
    assert (scores.outcomes, scores.overall, scores.by_source, scores.notes) == ([], [], {}, [])


def test_a_task_of_which_nothing_counts_is_noted():
    assert score_strict([sample("TAG", SPANS)], [None]).notes == ["TAG: no row could be scored"]


def test_every_metric_that_comes_out_can_be_combined_by_name():
    samples = [sample(name, TRUTHS[name]) for name in TASK_NAMES]
    scores = score_strict(samples, [written(name, TRUTHS[name]) for name in TASK_NAMES])
    for metric in scores.overall:
        sums = metric.columns.sum(axis=0)
        by_name = combine_of(metric.name)(sums)
        assert by_name == pytest.approx(metric.combine(sums), nan_ok=True)
    with pytest.raises(MedVidBenchError, match=r"TAG_F1@0\.9"):
        combine_of("TAG_F1@0.9")


def test_scoring_twice_gives_the_same_and_leaves_the_input_alone():
    samples, answers = [sample("TAG", SPANS)], [answer("5.0-15.0 seconds.")]
    first, second = score_strict(samples, answers), score_strict(samples, answers)
    assert first.outcomes == second.outcomes
    # 5-15 with 10-20: 5 / 15
    assert first.outcomes[0].numbers["TAG_mIoU"] == pytest.approx(1 / 3)
