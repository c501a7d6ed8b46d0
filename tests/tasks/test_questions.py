"""The wording: paraphrases, what a question must say, and what it must not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from task_recordings import cholecystectomy

from medvidbench.records import TASK_NAMES, Sample
from medvidbench.tasks.questions import FIELDS, FORMS, REQUESTS, ROLES, SOURCES
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS


@cache
def asked(name: str) -> tuple[Sample, ...]:
    """Questions of one task on 150 recordings, few on each."""
    samples: list[Sample] = []
    for number in range(150):
        found = list(TASKS[name].ask(cholecystectomy(number, 400.0), 0))
        samples += found[:4]
    return tuple(samples)


@pytest.mark.parametrize("name", TASK_NAMES)
def test_every_task_has_five_paraphrases_of_each_part_and_uses_every_one(name):
    assert min(len(REQUESTS[name]), len(ROLES), len(SOURCES)) >= 5
    for parts in (REQUESTS[name], ROLES, SOURCES):
        marks = [literal(part) for part in parts]
        assert len(set(marks)) == len(parts)
        # A role sentence may begin like another one, so the longest that fits is the one used.
        used = Counter(max((m for m in marks if m in plain(s)), key=len) for s in asked(name))
        assert set(used) == set(marks)
        # 5 equally likely: a share under 8 % among some 150 questions and more would be a 4 sigma event
        assert min(used.values()) > 0.08 * len(asked(name))


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_question_names_role_source_and_procedure_and_the_form_of_the_answer(name):
    for sample in asked(name):
        assert sample.question.startswith("You are an expert in laparoscopic surgery")
        assert "CholecT50" in sample.question
        assert "laparoscopic cholecystectomy" in sample.question
        assert sample.question.endswith(FORMS[name].format(size=" (854x480)"))
        assert "{" not in sample.question


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_truth_is_not_in_the_question(name):
    for sample in asked(name):
        question = sample.question
        if name == "NAP":  # the label stands among the choices, as all labels do, and nowhere else
            assert question.count("; ".join(sample.choices)) == 1
            question = question.replace("; ".join(sample.choices), "")
        assert sample.answer not in question


def test_the_question_on_a_clip_offers_the_same_choices_whatever_follows():
    # the same recording with another last phase: only the truth's hash may change the wording
    recording = cholecystectomy(3)
    last = max((s for s in recording.segments if s.kind == "phase"), key=lambda s: s.end)
    swapped = tuple(replace(s, label="gallbladder-extraction") if s is last else s for s in recording.segments)
    one, other = (
        max(TASKS["NAP"].ask(r, 0), key=lambda s: s.clip_end) for r in (recording, replace(recording, segments=swapped))
    )
    assert one.truth != other.truth
    assert (one.clip_id, one.choices) == (other.clip_id, other.choices)


def test_tag_spells_out_the_action_and_the_possible_actions():
    for sample in asked("TAG"):
        assert sample.target in sample.choices
        words = "grasper retract gallbladder"
        if sample.target == "grasper,retract,gallbladder":
            assert sample.question.count(words) == 2
        assert "null" not in sample.question


def test_a_source_that_nobody_described_gets_a_general_role():
    recording = replace(cholecystectomy(), source="NewHospital", procedure="")
    question = next(iter(TASKS["TAG"].ask(recording, 0))).question
    assert "the analysis of medical video" in question
    assert "NewHospital" in question
    assert "a medical procedure" in question


def test_every_published_source_has_its_own_role():
    assert set(SOURCE_TASKS) <= set(FIELDS)


def plain(sample: Sample) -> str:
    return sample.question


def literal(template: str) -> str:
    """The longest piece of a template that holds no slot, after filling those that are the same for all samples."""
    filled = template.replace("{field}", "laparoscopic surgery").replace("{source}", "CholecT50")
    filled = filled.replace("{procedure}", "laparoscopic cholecystectomy")
    pieces = [piece.split("}")[-1] for piece in filled.split("{")]
    return max(pieces, key=len)
