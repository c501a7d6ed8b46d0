"""Real annotation folders without any video: every task that a source feeds still gets its questions."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from medvidbench.records import Sample
from medvidbench.sources.registry import source_of
from medvidbench.tasks.registry import TASKS


def asked(root: Path, key: str, most: int = 40) -> list[Sample]:
    source = source_of(key)
    recordings = islice(source.recordings(root / key), most)
    return [sample for r in recordings for task in source.tasks for sample in TASKS[task].ask(r, 0)]


@pytest.mark.parametrize("key", ["nurvid", "avos", "copesd"])
def test_every_task_of_the_source_is_asked_without_a_frame_on_disk(real_data: Path, key: str) -> None:
    samples = asked(real_data, key)
    assert {sample.task for sample in samples} == set(source_of(key).tasks)
    assert all(sample.frame_paths == () for sample in samples)
    assert min(Counter(sample.task for sample in samples).values()) >= 10


def test_answers_are_the_annotations_and_choices_the_actions_of_the_source(real_data: Path) -> None:
    avos = [sample for sample in asked(real_data, "avos") if sample.task in ("TAG", "NAP")]
    assert {sample.choices for sample in avos} == {("cutting", "suturing", "tying")}
    nurvid = [sample for sample in asked(real_data, "nurvid") if sample.task == "NAP"]
    assert all(sample.answer in sample.choices for sample in nurvid)
    assert len({sample.choices for sample in nurvid}) > 5  # a list for each procedure


def test_the_questions_on_nursing_name_the_procedure_that_the_public_evaluator_looks_up(real_data: Path) -> None:
    from medvidbench.sources.nurvid_classes import PROCEDURES

    for sample in asked(real_data, "nurvid"):
        assert any(name in sample.question for name in PROCEDURES.values())


def test_boxes_without_a_frame_are_asked_in_pixels_of_the_stated_size(real_data: Path) -> None:
    grounding = [sample for sample in asked(real_data, "copesd") if sample.task == "STG"]
    assert {(sample.width, sample.height) for sample in grounding} == {(1306, 1009)}
    assert {sample.recording_id for sample in grounding} == {"023521", "233029"}
    assert {sample.target for sample in grounding} == {"Forceps", "Knife"}


def test_without_a_stated_size_a_question_has_none(real_data: Path) -> None:
    assert {(sample.width, sample.height) for sample in asked(real_data, "avos", 5)} == {(None, None)}
