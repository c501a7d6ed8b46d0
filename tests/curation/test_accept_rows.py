"""Accepted captions and annotations as rows of the benchmark."""

from __future__ import annotations

from dataclasses import replace

import pytest
from offline_rows import ANSWERS, EVENTS, candidate, evidence, question

from medvidbench.curation.accept import accepted_rows, annotation_row, source_row
from medvidbench.curation.candidates import Verdict
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Caption, Event, Events, Label, Provenance, make_sample_id
from medvidbench.tasks.registry import TASKS, context_of, task_of

GPT = Verdict("a" * 24, "gpt", "accepted", (), similarity=0.61, similarity_method="minilm")
GEMINI = replace(GPT, generator="gemini")
REJECTED = replace(GEMINI, decision="rejected", reasons=("length: 1 words",))


def test_each_accepted_caption_is_a_row_with_its_partner():
    sample = question("VS")
    rows = accepted_rows(
        sample, [candidate(ANSWERS["VS"]), candidate("Another text.", "gemini")], [GPT, GEMINI], evidence(sample)
    )
    first, second = rows
    assert [row.qa_type for row in rows] == ["video_summary_gpt", "video_summary_gemini"]
    assert [row.generator for row in rows] == ["model-gpt", "model-gemini"]
    clip = ("CholecT50", "VID01", 12.0, 21.0, 1.0)
    assert first.sample_id == make_sample_id(*clip, "video_summary_gpt", sample.question)
    assert first.provenance == Provenance(
        source_row="VID01 12.0-21.0 s",
        template="cholec/1",
        template_sha256="ab",
        model="model-gpt",
        model_version="v1",
        partner=second.sample_id,
        similarity=0.61,
        similarity_method="minilm",
        decision="accepted",
        call_key="key-gpt",
    )
    assert second.provenance.partner == first.sample_id
    assert first.truth == Caption(ANSWERS["VS"]) and first.answer == ANSWERS["VS"]


def test_the_partner_is_named_only_when_it_is_a_row():
    sample = question("VS")
    (row,) = accepted_rows(
        sample, [candidate(ANSWERS["VS"]), candidate("x", "gemini")], [GPT, REJECTED], evidence(sample)
    )
    assert row.provenance.partner == "" and row.provenance.similarity == 0.61


def test_a_rejected_or_unjudged_caption_is_no_row():
    sample = question("VS")
    assert accepted_rows(sample, [candidate("x", "gemini")], [REJECTED], evidence(sample)) == []
    assert accepted_rows(sample, [candidate("x")], [], evidence(sample)) == []


def test_dense_captions_get_the_annotated_intervals_in_their_order_without_wrapping():
    sample = question("DVC")
    text = "```\n**6.04 - 9.0 seconds**: The clipper\tclips.\n\n0.0 - 5.96 seconds: The hook dissects.\n```"
    (row,) = accepted_rows(sample, [candidate(text)], [GPT], evidence(sample))
    assert row.truth == Events((Event(0.0, 6.0, "The hook dissects."), Event(6.0, 9.0, "The clipper clips.")))
    assert row.answer == "0.0-6.0 seconds: The hook dissects.\n6.0-9.0 seconds: The clipper clips."
    assert TASKS["DVC"].read(row.answer, context_of(row)) == row.truth
    assert [(e.start, e.end) for e in row.truth.events] == [(e.start, e.end) for e in EVENTS]


@pytest.mark.parametrize("task", ["DVC", "VS", "RC"])
def test_rows_keep_the_question_and_stay_rows_of_their_task(task):
    sample = question(task)
    (row,) = accepted_rows(sample, [candidate(ANSWERS[task])], [GPT], evidence(sample))
    assert task_of(row.qa_type) == task
    changed = {"sample_id", "qa_type", "answer", "truth", "generator", "provenance"}
    same = set(type(row).__slots__) - changed
    assert {name: getattr(row, name) for name in same} == {name: getattr(sample, name) for name in same}


def test_an_annotated_answer_is_a_row_as_it_stands():
    sample = replace(question("VS"), task="NAP", qa_type="next_action", answer="clipping", truth=Label("clipping"))
    row = annotation_row(sample)
    assert row == replace(sample, provenance=Provenance("VID01 12.0-21.0 s"))
    assert row.provenance.decision == "annotation" and row.provenance.model == ""


def test_a_source_row_without_a_known_end_says_so():
    assert source_row(replace(question("VS"), duration=None)) == "VID01 12.0- s"


def test_what_does_not_belong_together_is_refused():
    sample = question("VS")
    with pytest.raises(MedVidBenchError, match="answered by captions"):
        annotation_row(sample)
    with pytest.raises(MedVidBenchError, match="asks for no caption"):
        accepted_rows(replace(sample, task="NAP"), [], [], evidence(sample))
    with pytest.raises(MedVidBenchError, match="were given with"):
        accepted_rows(sample, [candidate("x", sample_id="b" * 24)], [GPT], evidence(sample))
    with pytest.raises(MedVidBenchError, match="The accepted gpt caption"):
        accepted_rows(sample, [candidate("...")], [GPT], evidence(sample))
