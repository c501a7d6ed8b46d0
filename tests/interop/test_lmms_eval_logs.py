"""Sample logs of lmms-eval: what is an answer, what a failed call, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction
from medvidbench.interop import read_predictions_from

ID = "0123456789abcdef0123456"  # 23 digits; the tests add the last one


def row(number: int = 0, **fields) -> dict:
    """As lmms-eval 0.7.3 writes it: lists around a single response are taken away, `resps` only when it differs."""
    held = {
        "doc_id": number,
        "target": f"{ID}{number}",
        "filtered_resps": "1.0-2.0 seconds.",
        "token_counts": [{"input_tokens": 900, "output_tokens": 7}],
        "doc_hash": "ab",
        "strict_TAG_mIoU": "0.5",
        "input": "When?",
    }
    return {**held, **fields}


def read(path: Path, rows: list[dict]) -> list[Prediction]:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return read_predictions_from("lmms-eval", path).predictions


def test_the_filtered_response_is_the_answer_and_the_target_names_the_row(tmp_path: Path) -> None:
    (got,) = read(tmp_path / "s.jsonl", [row(resps=["raw text"])])
    assert (got.sample_id, got.text, got.error) == (f"{ID}0", "1.0-2.0 seconds.", "")


@pytest.mark.parametrize("shape", ["x", ["x"], [["x"]]])
def test_lists_around_a_single_response_are_taken_away(shape: object, tmp_path: Path) -> None:
    got = read(tmp_path / "s.jsonl", [row(filtered_resps=shape), {"doc_id": 1, "target": f"{ID}1", "resps": shape}])
    assert [p.text for p in got] == ["x", "x"]


def test_rows_of_several_ranks_come_out_in_the_order_of_the_data(tmp_path: Path) -> None:
    got = read(tmp_path / "s.jsonl", [row(2), row(0), row(1)])
    assert [p.sample_id[-1] for p in got] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "marker",
    [
        "[LMMS_EVAL_REQUEST_FAILED after 5 retries] Connection error.",
        "[LMMS_EVAL_BUDGET_EXCEEDED]",
        "[SAFETY_BLOCKED:PROHIBITED_CONTENT]",
        "[GENERATION_FAILED] out of memory",
    ],
)
def test_a_backend_s_mark_of_failure_is_a_failed_call_with_its_reason(marker: str, tmp_path: Path) -> None:
    (got,) = read(tmp_path / "s.jsonl", [row(filtered_resps=marker)])
    assert (got.text, got.error) == (None, marker)


def test_a_text_that_only_mentions_a_mark_is_an_answer(tmp_path: Path) -> None:
    text = "The log says [LMMS_EVAL_REQUEST_FAILED after 5 retries]."
    (got,) = read(tmp_path / "s.jsonl", [row(filtered_resps=text)])
    assert (got.text, got.error) == (text, "")


def test_a_null_response_is_a_failed_call(tmp_path: Path) -> None:
    (got,) = read(tmp_path / "s.jsonl", [row(filtered_resps=None)])
    assert (got.text, got.error) == (None, "the response is null")


def test_an_empty_response_is_a_failed_call_only_where_the_other_rows_have_token_counts(tmp_path: Path) -> None:
    empty = row(1, filtered_resps="", token_counts=[None])
    assert read(tmp_path / "a.jsonl", [row(), empty])[1].error.startswith("an empty response without token counts")
    # a backend that never counts tokens: nothing tells the empty text from an empty answer
    silent = [row(token_counts=[None]), empty]
    assert (read(tmp_path / "b.jsonl", silent)[1].text, read(tmp_path / "b.jsonl", silent)[1].error) == ("", "")
    # the model was asked (900 tokens went in) and said nothing
    said_nothing = row(1, filtered_resps="", token_counts=[{"input_tokens": 900, "output_tokens": 0}])
    assert read(tmp_path / "c.jsonl", [row(), said_nothing])[1].text == ""


def test_another_task_s_log_is_joined_by_the_fields_of_its_document(tmp_path: Path) -> None:
    doc = {"id": "V&&0&&9&&1.0", "qa_type": "tal", "question": "When?"}
    (got,) = read(tmp_path / "s.jsonl", [row(target="3.0-4.0 seconds.", doc=doc)])
    assert (got.sample_id, got.clip_id, got.qa_type, got.question) == ("", "V&&0&&9&&1.0", "tal", "When?")


def test_the_one_file_log_of_early_releases_is_read(tmp_path: Path) -> None:
    early = {"doc_id": 0, "doc": {"sample_id": f"{ID}0"}, "target": "x", "resps": [["a"]], "filtered_resps": ["a"]}
    (tmp_path / "medvidbench.json").write_text(json.dumps({"args": {}, "logs": [early]}), encoding="utf-8")
    (got,) = read_predictions_from("lmms-eval", tmp_path / "medvidbench.json").predictions
    assert (got.sample_id, got.text) == (f"{ID}0", "a")


def test_a_line_separator_inside_an_answer_does_not_end_the_line(tmp_path: Path) -> None:
    (got,) = read(tmp_path / "s.jsonl", [row(filtered_resps="one\u2028two\x85three")])
    assert got.text == "one\u2028two\x85three"


def test_several_responses_to_a_row_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match=r"line 1, has 2 responses"):
        read(tmp_path / "s.jsonl", [row(filtered_resps=["a", "b"])])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("s.jsonl", '{"doc_id": 0', r"line 1, is not valid JSON"),
        ("s.jsonl", "[1]\n", r"line 1, is \[1\], not an object"),
        ("s.jsonl", '{"prediction": "x"}\n', r"holds 'prediction', but no 'doc_id'"),
        ("s.json", '{"results": {}}', r"holds 'results', but no 'logs'"),
        ("s.jsonl", "", "is empty"),
        ("s.json", '{"logs": []}', "holds no answers"),
        ("s.json", "[" * 100_000, "nested too deeply"),
        ("s.json", '{"logs": ' + "1" * 5000 + "}", "thousands of digits"),
    ],
)
def test_what_is_no_such_log_is_refused_in_one_sentence(name: str, text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(MedVidBenchError, match=told):
        read_predictions_from("lmms-eval", tmp_path / name)


def test_an_unknown_kind_of_log_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="lmms-eval, vlmevalkit, inspect, medgrpo"):
        read_predictions_from("lm-eval", tmp_path / "x")
