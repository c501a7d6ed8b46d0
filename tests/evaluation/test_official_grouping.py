"""Which task and which source a row counts under in the official protocol."""

from __future__ import annotations

from typing import Any

import pytest
from official_rows import board, cvs_row, dvc_row, nap_row, sa_row, stg_row, tag_row

from medvidbench.evaluation.protocols.official import BOARD_ORDER, score_official
from medvidbench.evaluation.protocols.official.grouping import running_tasks, source_of, tasks_of


@pytest.mark.parametrize(
    ("qa_type", "tasks"),
    [
        ("tal", ("TAG",)),
        ("Dental", ("TAG",)),
        ("STG_v2", ("STG",)),
        ("tal_stg", ("TAG", "STG")),
        ("dense_captioning_gpt", ("DVC",)),
        ("Dense_Caption", ("DVC",)),
        ("DC", ("DVC",)),
        ("my_Next_Action", ("NAP",)),
        ("skill_assessment", ("SA",)),
        ("Skill_assessment", ()),
        ("cvs_assessment", ("CVS",)),
        ("cvs_assessment_2", ()),
        ("video_summary_gpt", ("VS",)),
        ("region_caption_gemini", ("RC",)),
        ("", ()),
        (None, ()),
        (["tal"], ()),
    ],
)
def test_tasks_take_rows_by_part_of_their_type(qa_type: object, tasks: tuple[str, ...]) -> None:
    assert tasks_of(qa_type) == tasks


@pytest.mark.parametrize(
    ("qa_type", "tasks"),
    [
        ("tal", {"TAG"}),
        ("TAL", set()),
        ("dense_captioning_x", {"DVC"}),
        ("dc", {"DVC"}),
        ("dense_caption", set()),
        ("Dense_captioning", set()),
        ("next_action", {"NAP"}),
        ("next_action_2", set()),
    ],
)
def test_a_task_runs_only_when_a_row_has_its_exact_type(qa_type: str, tasks: set[str]) -> None:
    assert running_tasks([{"qa_type": qa_type}, {"qa_type": None}, {}]) == tasks


def test_rows_taken_by_part_of_their_type_count_once_the_task_runs() -> None:
    exact, loose = tag_row("0-10", [(0, 10)]), {**tag_row("nothing", [(0, 10)]), "qa_type": "TAL_2"}
    assert board(score_official([exact, loose]))["TAG_mIoU@0.3"] == 0.5
    alone = score_official([loose])
    assert (alone.overall, alone.outcomes[0].status) == ([], "unscored")
    assert "exact qa_type" in alone.outcomes[0].reason


def test_a_row_of_two_tasks_counts_in_both_and_is_listed_under_the_first() -> None:
    both = {**stg_row("0-10 0 seconds: [0, 0, 9, 9]", {"0": [0, 0, 9, 9]}), "qa_type": "tal_stg"}
    scores = score_official([tag_row("0-10", [(0, 10)]), both, stg_row("", {"0": [0, 0, 9, 9]})])
    found = scores.outcomes[1]
    assert found.task == "TAG"
    # its truth has no spans, so TAG is 0 there; its STG row is perfect
    assert (found.numbers["TAG_mIoU@0.3"], found.numbers["STG_mIoU"]) == (0.0, 1.0)
    assert board(scores)["TAG_mIoU@0.3"] == 0.5
    assert board(scores)["STG_mIoU"] == 0.5


def test_a_row_of_no_task_is_unscored_and_says_so() -> None:
    (found,) = score_official([{**tag_row("0-10", [(0, 10)]), "qa_type": "quiz"}]).outcomes
    assert (found.task, found.status, found.numbers) == (None, "unscored", {})
    assert "'quiz'" in found.reason


def test_outcomes_stand_in_file_order_and_metrics_in_board_order() -> None:
    sa, cvs = sa_row("a: 1/5", {"a": 1}), cvs_row("Two structures: 0")
    rows = [dvc_row("0-1 seconds: a", [(0, 1)]), tag_row("0-1", [(0, 1)]), sa, nap_row("tying", "tying"), cvs]
    scores = score_official([*rows, stg_row("0 seconds: [0,0,1,1]", {"0": [0, 0, 1, 1]})])
    assert [outcome.position for outcome in scores.outcomes] == [0, 1, 2, 3, 4, 5]
    assert [outcome.task for outcome in scores.outcomes] == ["DVC", "TAG", "SA", "NAP", "CVS", "STG"]
    assert tuple(metric.name for metric in scores.overall) == BOARD_ORDER
    assert list(scores.by_source) == ["AVOS", "Cholec80_CVS", "JIGSAWS"]


def row_with(**keys: Any) -> dict[str, Any]:
    return {"metadata": {}, "question": "", **keys}


@pytest.mark.parametrize(
    ("row", "tag", "event"),
    [
        (row_with(data_source="AVOS", dataset="B"), "AVOS", "AVOS"),
        (row_with(dataset="B", dataset_name="C"), "B", "B"),
        (row_with(dataset_name="C"), "C", "C"),
        (row_with(metadata={"dataset": "D"}), "Unknown", "D"),
        (row_with(data_source="", dataset="B"), "", ""),  # an empty source is a source of its own
        (row_with(data_source=None), "None", "None"),
        (row_with(video_id="abcdefghij1"), "AVOS", "AVOS"),
        (row_with(video_id="12345678901"), "Unknown", "Unknown"),  # 11 characters without a letter
        (row_with(video_id="7_PART_3"), "CoPESD", "CoPESD"),
        (row_with(data_source="Unknown", video_id="MyVideo"), "CholecT50", "CholecT50"),
        (row_with(metadata={"video_id": "video12"}), "Unknown", "CholecT50"),  # TAG looks at the row alone
        (row_with(metadata=None), "Unknown", "Unknown"),
        (row_with(video_id=12345678901), "Unknown", "Unknown"),
    ],
)
def test_tag_and_event_sources(row: Any, tag: str, event: str) -> None:
    assert source_of(row, "TAG") == tag
    assert (source_of(row, "STG"), source_of(row, "DVC")) == (event, event)


@pytest.mark.parametrize(
    ("video_id", "question", "nap", "sa", "cvs"),
    [
        ("abcdefghij1", "", "AVOS", "AVOS", "AVOS"),
        ("12_part3", "", "CoPESD", "CoPESD", "CoPESD"),
        ("x12_part3", "", "Unknown", "Unknown", "Unknown"),
        ("video12", "", "CholecTrack20", "CholecT50", "Cholec80_CVS"),
        ("video1", "", "CholecTrack20", "CholecT50", "Cholec80_CVS"),
        ("VID07", "", "CholecTrack20", "Unknown", "Unknown"),
        ("my_video_3b", "", "AVOS", "AVOS", "AVOS"),  # 11 characters
        ("my_video_3bc", "", "Unknown", "CholecT50", "CholecT50"),
        ("Knot_Tying_B001", "", "JIGSAWS", "jigsaws", "Unknown"),
        ("Knot_Tying_C001", "", "JIGSAWS", "Unknown", "Unknown"),
        ("nursing", "", "NurViD", "NurViD", "NurViD"),
        ("?", "AVOS", "AVOS", "AVOS", "AVOS"),
        ("?", "Cholec-T50", "CholecT50", "CholecT50", "CholecT50"),
        ("?", "CholecTrack20", "CholecTrack20", "CholecT50", "CholecT50"),
        ("?", "laparoscopic cholecystectomy", "CholecTrack20", "CholecT50", "CholecT50"),
        ("?", "the critical view of safety", "Cholec80-CVS", "Unknown", "Cholec80_CVS"),
        ("?", "robotic bench-top", "JIGSAWS", "jigsaws", "Unknown"),
        ("?", "suturing", "Unknown", "jigsaws", "AVOS"),
        ("?", "cutting in open surgery", "AVOS", "AVOS", "AVOS"),
        ("?", "forceps and knife", "CoPESD", "CoPESD", "CoPESD"),
        ("nursing", "AVOS", "AVOS", "NurViD", "NurViD"),  # NAP trusts the question before the video id
        (None, None, "Unknown", "Unknown", "Unknown"),
    ],
)
def test_guessed_sources_differ_by_task(video_id: Any, question: Any, nap: str, sa: str, cvs: str) -> None:
    for missing in ({}, {"data_source": "Unknown"}, {"data_source": ""}, {"data_source": None}):
        row = {"metadata": {"video_id": video_id}, "question": question, "dataset": "ignored", **missing}
        assert [source_of(row, task) for task in ("NAP", "SA", "CVS")] == [nap, sa, cvs]
    named = {"metadata": {"video_id": video_id}, "question": question, "data_source": "EgoSurgery"}
    assert {source_of(named, task) for task in ("NAP", "SA", "CVS")} == {"EgoSurgery"}
