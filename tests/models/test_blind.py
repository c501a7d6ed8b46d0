from __future__ import annotations

from dataclasses import replace

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.models.base import question_only
from medvidbench.models.blind import blind_model
from medvidbench.records import (
    BoxTrack,
    Caption,
    Content,
    Events,
    Label,
    Rating,
    Ratings,
    Sample,
    Span,
    Spans,
    TaskName,
)
from medvidbench.struc_info import CVS_KEYS, SKILL_ASPECTS
from medvidbench.tasks.registry import TASKS, context_of

CHOICES: dict[TaskName, tuple[str, ...]] = {"SA": SKILL_ASPECTS, "CVS": tuple(CVS_KEYS), "NAP": ("cut", "tie", "sew")}


def sample(task: TaskName, number: int = 0, truth: Content | None = None, source: str = "AVOS") -> Sample:
    return Sample(
        sample_id=f"{task}-{number}",
        clip_id="v&&0&&60&&1.0",
        source=source,
        recording_id="v",
        group="v",
        split="train",
        task=task,
        qa_type=TASKS[task].qa_types[0],
        clip_start=0.0,
        clip_end=60.0,
        clip_unit="input_video_frame",
        fps=1.0,
        duration=60.0,
        width=640,
        height=480,
        frame_paths=("a.png", "b.png"),
        frame_times=(0.0, 1.0),
        question="?",
        target="cut",
        choices=CHOICES.get(task, ()),
        region=None,
        answer="secret",
        truth=truth,
        generator="annotations",
        residue='{"fields": {"gnd": "secret"}, "absent": []}',
    )


def text(kind: str, question: Sample, train: list[Sample] | None = None) -> str | None:
    (answer,) = blind_model(kind, train or []).answer([question_only(question)])
    return answer.text


@pytest.mark.parametrize("kind", ["constant", "random"])
@pytest.mark.parametrize("task", list(TASKS))
def test_every_task_gets_an_answer_that_its_own_reader_reads(kind: str, task: TaskName) -> None:
    question = sample(task)
    answer = text(kind, question)
    assert answer is not None
    parsed = TASKS[task].read(answer, context_of(question))
    kinds = {"TAG": Spans, "STG": BoxTrack, "DVC": Events, "SA": Ratings, "CVS": Ratings, "NAP": Label}
    assert isinstance(parsed, kinds.get(task, Caption))


def test_a_model_never_sees_the_truth() -> None:
    asked = question_only(sample("NAP", truth=Label("sew")))
    assert (asked.answer, asked.truth, asked.residue, asked.target) == (None, None, "{}", "")
    assert "secret" not in repr(asked)


def test_constant_says_the_same_for_every_clip_of_equal_length() -> None:
    assert text("constant", sample("TAG")) == "0.0-60.0 seconds."
    assert text("constant", sample("CVS")) == "Two structures: 0, Cystic plate: 0, Hepatocystic triangle: 0"


def test_random_depends_on_the_sample_and_on_nothing_else() -> None:
    answers = [text("random", sample("TAG", number)) for number in range(20)]
    assert len(set(answers)) > 15
    assert answers == [text("random", sample("TAG", number)) for number in range(20)]


def test_majority_takes_the_commonest_label_of_the_same_task_and_source() -> None:
    train = [sample("NAP", i, Label(label)) for i, label in enumerate(("tie", "tie", "sew"))]
    train += [sample("NAP", 9 + i, Label("cut"), source="CoPESD") for i in range(5)]
    assert text("majority", sample("NAP"), train) == "tie"
    assert text("majority", sample("NAP", source="CoPESD"), train) == "cut"


def test_majority_takes_each_aspects_own_mode() -> None:
    def rated(number: int, *values: int) -> Sample:
        return sample("CVS", number, Ratings(tuple(map(Rating, CVS_KEYS, values))))

    train = [rated(0, 2, 0, 1), rated(1, 2, 1, 1), rated(2, 0, 0, 1)]
    assert text("majority", sample("CVS"), train) == "Two structures: 2, Cystic plate: 0, Hepatocystic triangle: 1"


def test_majority_scales_the_median_span_to_the_clip() -> None:
    # halves of 60 s: starts 0.1, 0.2, 0.3 and ends 0.4, 0.5, 0.9 of the clip; medians 0.2 and 0.5; at 30 s: 6 to 15
    spans = [((6.0, 24.0),), ((12.0, 30.0),), ((18.0, 54.0),)]
    train = [sample("TAG", i, Spans(tuple(Span(*s) for s in item))) for i, item in enumerate(spans)]
    assert text("majority", replace(sample("TAG"), duration=30.0), train) == "6.0-15.0 seconds."


def test_majority_without_training_rows_is_an_error_and_not_an_answer() -> None:
    (answer,) = blind_model("majority").answer([sample("NAP")])
    assert answer.text is None and "no training row of NAP from AVOS" in answer.error


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(MedVidBenchError, match="blind:constant, blind:majority, blind:random"):
        blind_model("deaf")
