"""Task names, sources, and what a reader may know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from task_recordings import SKILL, VIEW, cholecystectomy

from medvidbench.errors import MedVidBenchError
from medvidbench.records import TASK_NAMES
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS, context_of, task_of


@pytest.mark.parametrize(
    ("qa_type", "task"),
    [
        ("tal", "TAG"),
        ("stg", "STG"),
        ("dense_captioning_gpt", "DVC"),
        ("dense_captioning_gemini", "DVC"),
        ("dense_captioning", "DVC"),
        ("dense_captioning_my-model", "DVC"),
        ("video_summary_gpt", "VS"),
        ("video_summary", "VS"),
        ("region_caption_gemini", "RC"),
        ("region_caption_annotations", "RC"),
        ("next_action", "NAP"),
        ("skill_assessment", "SA"),
        ("cvs_assessment", "CVS"),
    ],
)
def test_published_names_find_their_task(qa_type, task):
    assert task_of(qa_type) == task


@pytest.mark.parametrize("qa_type", ["", "TAL", "tal_gpt", "dense_captioningx", "caption", "stg ", "x" * 10_000])
def test_an_unknown_name_is_an_error_that_lists_the_accepted_ones(qa_type):
    with pytest.raises(MedVidBenchError) as caught:
        task_of(qa_type)
    assert "dense_captioning_gpt" in caught.value.accepted
    assert "skill_assessment" in caught.value.accepted
    assert len(str(caught.value)) < 1000


def test_all_eight_tasks_are_registered_under_their_own_names():
    assert tuple(TASKS) == TASK_NAMES
    assert all(task.name == name for name, task in TASKS.items())


def test_sources_feed_the_tasks_of_the_published_presence_table():
    # one row of the table a line, as published
    rows = {
        "TAG": {"AVOS", "CholecT50", "CoPESD", "EgoSurgery", "NurViD"},
        "STG": {"CholecTrack20", "CoPESD", "EgoSurgery"},
        "DVC": {"AVOS", "CholecT50", "CoPESD", "EgoSurgery", "NurViD"},
        "NAP": {"AVOS", "CholecT50", "CoPESD", "EgoSurgery", "NurViD"},
        "VS": {"AVOS", "CholecT50", "CoPESD", "EgoSurgery", "NurViD"},
        "RC": {"CholecTrack20", "EgoSurgery"},
        "CVS": {"Cholec80_CVS"},
        "SA": {"JIGSAWS"},
    }
    assert {task: {s for s, tasks in SOURCE_TASKS.items() if task in tasks} for task in TASK_NAMES} == rows


def test_the_context_holds_the_questions_side_only():
    recording = cholecystectomy()
    for name in TASK_NAMES:
        sample = next(iter(TASKS[name].ask(recording, 0)))
        blind = replace(sample, truth=None, answer=None)
        assert context_of(sample) == context_of(blind)
        assert context_of(sample).frame_size == (854, 480)
        assert context_of(sample).duration == sample.duration
    labels = {name: context_of(next(iter(TASKS[name].ask(recording, 0)))).labels for name in ("SA", "CVS", "NAP")}
    assert labels["SA"] == SKILL
    assert labels["CVS"] == VIEW
    assert "carlot-triangle-dissection" in labels["NAP"]


def test_an_unknown_rate_or_size_is_none_in_the_context():
    sample = next(iter(TASKS["TAG"].ask(cholecystectomy(), 0)))
    for fps in (float("nan"), 0.0, -1.0, float("inf")):
        assert context_of(replace(sample, fps=fps)).fps is None
    assert context_of(replace(sample, width=None)).frame_size is None
