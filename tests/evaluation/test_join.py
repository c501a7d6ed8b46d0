from __future__ import annotations

from dataclasses import replace

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction
from medvidbench.evaluation.join import join
from medvidbench.published import from_published


def row(question: str, qa_type: str = "next_action", video: str = "VID01") -> dict[str, object]:
    return {
        "id": f"{video}&&0&&60&&1.0",
        "conversations": [{"from": "human", "value": "<video>\n" + question}, {"from": "gpt", "value": "preparation"}],
        "qa_type": qa_type,
        "data_source": "CholecT50",
        "metadata": {
            "video_id": video,
            "fps": "1.0",
            "input_video_start_frame": "0",
            "input_video_end_frame": "60",
        },
        "struc_info": [],
    }


A = from_published(row("What is next?"))
B = from_published(row("What comes next?"))
C = from_published(row("Summarise.", "video_summary_gpt"))


def prediction(text: str, where: str = "row 0", **keys: str) -> Prediction:
    base = Prediction(where, "", "", "", "", text)
    return replace(base, **keys)  # type: ignore[arg-type]


def test_sample_id_wins_over_order() -> None:
    joined = join([A, B], [prediction("b", sample_id=B.sample_id), prediction("a", sample_id=A.sample_id)], "p", "m")
    assert [a and a.text for a in joined.answers] == ["a", "b"]
    assert joined.joined_by == "sample_id" and joined.findings == []


def test_the_published_id_joins_with_task_and_question() -> None:
    keys = [{"clip_id": s.clip_id, "qa_type": s.qa_type, "question": s.question} for s in (C, B, A)]
    joined = join([A, B, C], [prediction(str(i), **k) for i, k in enumerate(keys)], "p", "m")
    assert [a and a.text for a in joined.answers] == ["2", "1", "0"]


def test_an_id_and_task_that_name_two_rows_are_refused_not_guessed() -> None:
    with pytest.raises(MedVidBenchError, match="more than one row"):
        join([A, B], [prediction("a", clip_id=A.clip_id, qa_type="next_action")], "p", "m")


def test_an_id_and_task_that_name_one_row_are_enough() -> None:
    joined = join([A, C], [prediction("c", clip_id=C.clip_id, qa_type=C.qa_type)], "p", "m")
    assert joined.answers[0] is None
    assert joined.answers[1] is not None and joined.answers[1].text == "c"
    assert [f.what for f in joined.findings] == [f"sample without prediction: {A.clip_id} next_action"]


def test_a_prediction_for_no_sample_is_a_finding() -> None:
    joined = join([A], [prediction("a", sample_id=A.sample_id), prediction("x", sample_id="other")], "p", "m")
    assert [f.done for f in joined.findings] == ["ignored"]


def test_two_predictions_for_one_row_are_an_error_that_names_both() -> None:
    twice = [prediction("a", "row 3", sample_id="s"), prediction("b", "row 9", sample_id="s")]
    with pytest.raises(MedVidBenchError, match="row 3 and row 9"):
        join([A], twice, "p", "m")


def test_rows_without_any_id_need_the_flag() -> None:
    with pytest.raises(MedVidBenchError, match="--by-position"):
        join([A], [prediction("a")], "p", "m")
    assert join([A], [prediction("a")], "p", "m", by_position=True).joined_by == "position"


def test_by_position_checks_length_and_what_ids_there_are() -> None:
    with pytest.raises(MedVidBenchError, match="1 rows, the data 2"):
        join([A, B], [prediction("a")], "p", "m", by_position=True)
    with pytest.raises(MedVidBenchError, match="has 'video_summary_gpt' in that place"):
        join([C], [prediction("a", qa_type="next_action")], "p", "m", by_position=True)


def test_a_failed_call_keeps_its_message_and_gets_no_text() -> None:
    failed = Prediction("row 0", A.sample_id, "", "", "", None, "null", "time-out")
    (answer,) = join([A], [failed], "p", "m").answers
    assert answer is not None and (answer.text, answer.error) == (None, "time-out")
