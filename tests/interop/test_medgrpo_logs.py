"""The public MedGRPO inference output, and the submission made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.data import load_data
from medvidbench.evaluation.join import join
from medvidbench.evaluation.score_file import score_file
from medvidbench.interop import read_predictions_from


def output_row(number: int, answer: object) -> dict:
    start = 10 * number
    return {
        "metadata": {
            "video_id": "V1",
            "fps": "1.0",
            "input_video_start_frame": str(start),
            "input_video_end_frame": str(start + 10),
        },
        "qa_type": "tal",
        "struc_info": [{"action": "cutting", "spans": [{"start": 1.0, "end": 3.0}]}],
        "question": "When does cutting happen?",
        "gnd": "1.0-3.0 seconds.",
        "answer": answer,
        "data_source": "AVOS",
    }


def published_row(number: int) -> dict:
    row = output_row(number, "")
    start = 10 * number
    turns = [{"from": "human", "value": "<video>\n" + row["question"]}, {"from": "gpt", "value": row["gnd"]}]
    kept = {key: row[key] for key in ("metadata", "qa_type", "struc_info", "data_source")}
    return {**kept, "id": f"V1&&{start}&&{start + 10}&&1.0", "video": [], "conversations": turns, "train": False}


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_the_published_id_is_rebuilt_so_that_rows_are_joined_by_it(tmp_path: Path) -> None:
    data = load_data(write(tmp_path / "data.json", [published_row(0), published_row(1)]))
    # keyed by number, as its ranks' files are merged: "10" stands before "2" in a plain sort of keys
    log = write(tmp_path / "results.json", {"1": output_row(1, "1.0-2.0 seconds."), "0": output_row(0, "?")})
    joined = join(data.samples, read_predictions_from("medgrpo", log).predictions, "results.json", "m")
    assert joined.joined_by == "id + qa_type + question"
    assert [a.text if a else None for a in joined.answers] == ["?", "1.0-2.0 seconds."]
    assert joined.findings == []


def test_rows_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    log = write(tmp_path / "r.json", {str(i): output_row(i, f"answer {i}") for i in (10, 2, 1)})
    assert [p.text for p in read_predictions_from("medgrpo", log).predictions] == ["answer 1", "answer 2", "answer 10"]


def test_the_output_carries_its_own_truth_and_scores_as_a_merged_file_does(tmp_path: Path) -> None:
    log = write(tmp_path / "r.json", {"0": output_row(0, "1.0-2.0 seconds."), "1": output_row(1, "nothing")})
    file = read_predictions_from("medgrpo", log)
    assert len(file.merged) == 2
    # 1 of 2 seconds of the hull in the first row, nothing in the second
    assert score_file(log, None).results.metrics["TAG_mIoU"].value == pytest.approx(0.25)


def test_a_submission_names_the_video_alone_and_can_only_be_joined_by_position(tmp_path: Path) -> None:
    rows = [{"id": "V1", "qa_type": "tal", "prediction": t} for t in ("a", "b")]
    file = read_predictions_from("medgrpo", write(tmp_path / "s.json", rows))
    assert file.merged == []
    data = load_data(write(tmp_path / "data.json", [published_row(0), published_row(1)]))
    with pytest.raises(MedVidBenchError, match="--by-position"):
        join(data.samples, file.predictions, "s.json", "m")
    joined = join(data.samples, file.predictions, "s.json", "m", by_position=True)
    assert [a.text if a else None for a in joined.answers] == ["a", "b"]


def test_an_answer_that_is_no_text_keeps_its_row(tmp_path: Path) -> None:
    (got,) = read_predictions_from("medgrpo", write(tmp_path / "r.json", {"0": output_row(0, None)})).predictions
    assert (got.text, got.problem) == (None, "'answer' is NoneType, not text")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("text", "no object or list of rows"),
        ({"0": 1}, r"key '0', is 1, not an object"),
        ([{"prediction": "x"}], r"row 0, holds 'prediction': no qa_type with an answer"),
        ({"0": {"qa_type": "tal"}}, "no qa_type with an answer"),
        ({}, "holds no answers"),
    ],
)
def test_what_is_no_such_file_is_refused(value: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match=told):
        read_predictions_from("medgrpo", write(tmp_path / "r.json", value))
