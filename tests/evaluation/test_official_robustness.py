"""Input on which the public evaluator crashes, hangs or corrupts a metric: here the row alone is marked."""

from __future__ import annotations

import copy
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from official_rows import board, cvs_row, dvc_row, merged, nap_row, outcome_of, sa_row, stg_row, tag_row

from medvidbench.evaluation.protocols.official import score_official
from medvidbench.evaluation.protocols.official.rows import ANSWER_CAP

BOX = [0, 0, 10, 10]
GOOD = {
    "TAG_mIoU@0.3": lambda answer="0-10": tag_row(answer, [(0, 10)]),
    "STG_mIoU": lambda answer="0 seconds: [0, 0, 10, 10]": stg_row(answer, {"0": BOX}),
    "DVC_F1": lambda answer="0-10 seconds: a": dvc_row(answer, [(0, 10)]),
    "NAP_acc": lambda answer="tying": nap_row(answer, "tying"),
    "SA_acc": lambda answer="x: 2/5": sa_row(answer, {"x": 2}),
    "CVS_acc": lambda answer="Two structures: 0": cvs_row(answer),
}
COUNTED_AS_0 = ("TAG_mIoU@0.3", "STG_mIoU", "NAP_acc")


@pytest.mark.parametrize("metric", GOOD)
@pytest.mark.parametrize("answer", [None, ["0-10"], {"text": "0-10"}, 7, True])
def test_an_answer_that_is_no_text_is_unparsed_and_the_other_rows_are_scored(metric: str, answer: Any) -> None:
    scores = score_official([GOOD[metric](), GOOD[metric](answer)])
    bad = scores.outcomes[1]
    assert (bad.status, bad.reading) == ("unparsed", None)
    assert "not text" in bad.reason
    # TAG, STG and NAP count it as 0; SA and CVS leave it out; DVC too, and weighs the good row's 1.0 with both rows
    assert board(scores)[metric] == pytest.approx(0.5 if metric in COUNTED_AS_0 else 1.0)


@pytest.mark.parametrize("metric", GOOD)
def test_an_answer_of_10_mb_is_unparsed_at_once(metric: str) -> None:
    row = GOOD[metric]("7" * 10_000_000)
    began = time.process_time()
    found = outcome_of(row)
    assert time.process_time() - began < 0.1
    assert found.status == "unparsed"
    assert "10,000,000 characters" in found.reason


def test_an_answer_of_just_the_cap_is_read() -> None:
    assert outcome_of(tag_row("0-10".ljust(ANSWER_CAP), [(0, 10)])).status == "scored"
    assert outcome_of(tag_row("0-10".ljust(ANSWER_CAP + 1), [(0, 10)])).status == "unparsed"


PIECES = [
    *("7", " ", "\n", "7 ", "7-", "7-8 ", "7 to ", "7:", "7:8:9 ", "a", ":", ": 7/5", "7/5,", "/5", "[[", "[[7,", "]"),
    *("7 seconds: [", "7 seconds: [1,2,3,4] ", "\n7-8", "7-8 second", "7-8 seconds:", "7-8 seconds: a\n", "7."),
    *("Start Time 7–8 seconds ", "Start ", "Time Range:", "7 - 8 seconds - x\n", "two structures: ", "two structures,"),
]


@pytest.mark.parametrize("metric", [name for name in GOOD if name != "NAP_acc"])
@pytest.mark.parametrize("piece", PIECES)
def test_reading_time_is_linear_for_repeated_pieces(metric: str, piece: str) -> None:
    # the public patterns take 4.5 s for 8,000 digits, and so minutes for 100,000
    row = GOOD[metric]((piece * ANSWER_CAP)[:ANSWER_CAP])
    began = time.process_time()
    outcome_of(row)
    assert time.process_time() - began < 1.0


def test_thousands_of_overlapping_events_are_flattened_in_time() -> None:
    lines = "\n".join(f"{i}-{9000 - i} seconds: c" for i in range(4000))
    began = time.process_time()
    assert outcome_of(dvc_row(lines, [(0, 10)])).status == "scored"
    assert time.process_time() - began < 1.0


def test_a_20_digit_time_marks_its_dvc_row_alone() -> None:
    bad = dvc_row("0-99999999999999999999 seconds: a", [(0, 10)])
    scores = score_official([GOOD["DVC_F1"](), bad])
    assert [outcome.status for outcome in scores.outcomes] == ["scored", "unparsed"]
    assert "beyond the frame numbers" in scores.outcomes[1].reason
    assert board(scores)["DVC_F1"] == pytest.approx(1.0)


def test_digits_beyond_a_float_are_infinite_in_tag_and_unparsed_in_dvc() -> None:
    digits = "9" * 400
    found = outcome_of(tag_row(f"0-10, 0-{digits}", [(0, 10)]))
    assert found.numbers["TAG_mIoU@0.5"] == 1.0
    assert json.dumps(found.reading, allow_nan=False) == '[[0.0, 10.0], [0.0, "inf"]]'
    assert outcome_of(dvc_row(f"0-{digits} seconds: a", [(0, 10)])).status == "unparsed"
    assert outcome_of(tag_row(f"0:0:1 to {digits}:0:0", [(0, 10)])).status == "unparsed"


def test_a_nan_box_marks_its_stg_row_alone() -> None:
    scores = score_official([GOOD["STG_mIoU"](), GOOD["STG_mIoU"]("0 seconds: [nan, 0, 10, 10]")])
    assert scores.outcomes[1].status == "unparsed"
    assert "finite" in scores.outcomes[1].reason
    assert board(scores)["STG_mIoU"] == 0.5


def test_an_infinite_box_is_scored_where_that_gives_a_number() -> None:
    # overlap 100, union infinite
    found = outcome_of(GOOD["STG_mIoU"]("0 seconds: [0, 0, inf, inf]"))
    assert (found.status, found.numbers) == ("scored", {"STG_mIoU": 0.0})
    assert found.reading == {"0.0": [0.0, 0.0, "inf", "inf"]}


def test_huge_bare_boxes_do_not_wrap() -> None:
    # in int64 the area 4e18 * 4e18 wraps; as a float it is 1.6e37, and the IoU with a box of 100 is 100 / 1.6e37
    row = stg_row("[[0, 0, 4000000000000000000, 4000000000000000000]]", {"0.0": BOX})
    assert outcome_of(row).numbers["STG_mIoU"] == pytest.approx(6.25e-36, abs=0, rel=1e-9)


def test_scores_beyond_pythons_digit_limit_are_unparsed() -> None:
    digits = "9" * 5000
    assert outcome_of(sa_row(f"x: {digits}/5", {"x": 2})).status == "unparsed"
    assert outcome_of(sa_row(f"x: {'9' * 400}/5", {"x": 2})).status == "unparsed"
    assert outcome_of(cvs_row(f"Two structures: {digits}")).status == "unparsed"
    # 400 digits are an integer to the public evaluator, and a wrong one
    assert outcome_of(cvs_row(f"Two structures: {'9' * 400}")).numbers["CVS_acc"] == 0.0


def test_an_answer_that_quotes_metrics_stays_an_answer() -> None:
    row = tag_row("mIoU@0.3: 0.9999", [(0, 10)])
    assert board(score_official([row]))["TAG_mIoU@0.3"] == 0.0


def test_half_a_character_in_a_free_text_answer_is_unparsed() -> None:
    found = outcome_of(nap_row("suturing \ud83e", "suturing"))
    assert (found.status, found.numbers) == ("unparsed", {"NAP_acc": 0.0})
    assert outcome_of(tag_row("0-10 \ud83e", [(0, 10)])).status == "scored"


@pytest.mark.parametrize(
    "row",
    [
        merged("tal", "0-10", [None]),
        merged("tal", "0-10", [{"spans": None}]),
        merged("tal", "0-10", [{"spans": [{"start": 0}]}]),
        merged("tal", "0-10", [{"spans": [{"start": "now", "end": 10}]}]),
        tag_row("0-10", [(0, 10)], fps="fast"),
        tag_row("0-10", [(0, 10)], fps=None),
        {**tag_row("0-10", [(0, 10)]), "metadata": None},
        merged("stg", "0 seconds: [0,0,1,1]", [7]),
        merged("stg", "0 seconds: [0,0,1,1]", [{"bbox_dict": None}]),
        stg_row("0 seconds: [0,0,1,1]", {"now": BOX}),
        stg_row("0 seconds: [0,0,1,1]", {"0": [0, 0, math.nan, 1]}),
        stg_row("0 seconds: [0,0,1,1]", {"0": [0, 0, 10**400, 1]}),
        merged("dense_captioning_gpt", "0-1 seconds: a", [[{"start": None, "end": 1, "caption": ""}]]),
        merged("dense_captioning_gpt", "0-1 seconds: a", [[{"start": 0, "end": "inf", "caption": ""}]]),
        nap_row("tying", None),  # type: ignore[arg-type]
        nap_row("tying", "Check", "NurViD", question=None),  # type: ignore[arg-type]
        merged("skill_assessment", "x: 2/5", {"skill_scores": {"x": 2}}),
        sa_row("x: 2/5", {"x": "2"}),
        sa_row("x: 2/5", {"x": 2}, level=3),  # type: ignore[arg-type]
        merged("skill_assessment", "x: 2/5", [], gnd=None),  # type: ignore[arg-type]
        {**sa_row("x: 2/5", {"x": 2}), "metadata": {}},
        merged("cvs_assessment", "Two structures: 0", [{"cvs_scores": None}]),
        cvs_row("Two structures: 0", ("0", 0, 0)),
        merged("cvs_assessment", "Two structures: 0", [], gnd="Two structures: " + "9" * 5000),
    ],
)
def test_a_malformed_truth_leaves_its_row_unscored_with_a_reason(row: Any) -> None:
    found = outcome_of(row)
    assert (found.status, found.reading) == ("unscored", None)
    assert found.reason


def test_rows_without_any_key_are_unscored() -> None:
    assert [outcome.status for outcome in score_official([{}, {"qa_type": None}]).outcomes] == ["unscored"] * 2
    assert score_official([]).overall == []


def test_scoring_leaves_the_rows_alone_and_repeats_itself() -> None:
    rows = [build() for build in GOOD.values()] * 2  # the same objects twice: nothing may be scaled in place
    before = copy.deepcopy(rows)
    first, second = score_official(rows), score_official(rows)
    assert rows == before
    assert first.outcomes == second.outcomes
    assert board(first) == board(second) == pytest.approx(dict.fromkeys(board(first), 1.0))
    assert len(board(first)) == 7


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["metadata", "struc_info", "question", "gnd", "answer", "data_source", "fps", "video_id"])
qa_types = ["tal", "stg", "dense_captioning_gpt", "skill_assessment", "cvs_assessment"]
words = [
    "1-2",
    "to",
    " seconds: ",
    "[1,2,3,4]",
    "[[",
    "]]",
    "\n",
    ",",
    ": ",
    "2/5",
    "two structures",
    "x",
    "-",
    "٣",
    "9" * 30,
]


@given(st.sampled_from(qa_types), st.dictionaries(keys, json_values), st.lists(st.sampled_from(words), max_size=9))
def test_no_row_raises_and_every_number_is_finite(qa_type: str, odd: dict[str, Any], answer: list[str]) -> None:
    row = {**merged(qa_type, "".join(answer), [{"spans": []}]), **odd}
    scores = score_official([row])
    assert all(math.isfinite(value) for value in scores.outcomes[0].numbers.values())
    assert all(math.isfinite(value) for value in board(scores).values())
    json.dumps(scores.outcomes[0].reading, allow_nan=False)
