from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import read_predictions

ROW = {"id": "VID01&&0&&60&&1.0", "qa_type": "tal", "prediction": "1.0-2.0 seconds."}


def write(tmp_path: Path, text: str | bytes, name: str = "p.json") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", json.dumps([ROW])),
        ("p.json", json.dumps({"0": ROW})),
        ("p.json", json.dumps(ROW)),
        ("p.jsonl", json.dumps(ROW) + "\n"),
        ("p.jsonl", json.dumps(ROW) + "\n\n"),
        ("p.json", "\ufeff" + json.dumps([ROW])),
        ("p.csv", "id,qa_type,prediction\r\nVID01&&0&&60&&1.0,tal,1.0-2.0 seconds.\r\n"),
    ],
)
def test_every_form_gives_the_same_prediction(tmp_path: Path, name: str, text: str) -> None:
    (p,) = read_predictions(write(tmp_path, text, name)).predictions
    assert (p.clip_id, p.qa_type, p.text, p.problem) == (ROW["id"], "tal", "1.0-2.0 seconds.", "")


def test_two_json_lines_are_told_from_one_object(tmp_path: Path) -> None:
    text = json.dumps(ROW) + "\n" + json.dumps({**ROW, "prediction": "none"})
    assert [p.text for p in read_predictions(write(tmp_path, text)).predictions] == ["1.0-2.0 seconds.", "none"]


def test_a_dict_of_ids_to_texts_is_read(tmp_path: Path) -> None:
    (p,) = read_predictions(write(tmp_path, '{"abc": "yes"}')).predictions
    assert (p.sample_id, p.text) == ("abc", "yes")


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "p.json", "is empty"),
        ("  \n", "p.json", "is empty"),
        ("hello", "p.json", "not JSON"),
        ('[{"a": 1', "p.json", "not valid JSON"),
        ("[]", "p.json", "no rows"),
        ("[1, 2]", "p.json", "row 0"),
        (json.dumps(ROW) + '\n{"id": "x', "p.jsonl", "line 2"),
        ('{"id": "x", "prediction": "y', "p.jsonl", "line 1"),
        ("[" * 100_000, "p.json", "nested too deeply"),
        (b"\xff\xfe[\x00]\x00", "p.json", "not UTF-8"),
        ("Gr\u00fc\u00df".encode("latin-1"), "p.json", "not UTF-8: byte 0xfc at position 2"),
        ("a,b\n1,2\n", "p.csv", "'a', 'b'"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, text: str | bytes, name: str, said: str) -> None:
    with pytest.raises(MedVidBenchError, match=said) as caught:
        read_predictions(write(tmp_path, text, name))
    assert name in str(caught.value)


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="No file"):
        read_predictions(tmp_path / "none.json")
    with pytest.raises(MedVidBenchError, match="is a folder"):
        read_predictions(tmp_path)


@pytest.mark.parametrize(
    ("value", "said"),
    [("null", "null"), ("[1, 2]", "a list"), ("NaN", "a number"), ("1e999", "a number"), ("{}", "an object")],
)
def test_a_value_that_is_no_text_costs_only_its_row(tmp_path: Path, value: str, said: str) -> None:
    path = write(tmp_path, f'[{{"sample_id": "a", "prediction": {value}}}, {{"sample_id": "b", "prediction": "x"}}]')
    bad, good = read_predictions(path).predictions
    assert bad.text is None and said in bad.problem
    assert good.text == "x"


def test_an_integer_of_5000_digits_does_not_lose_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, f'[{{"sample_id": "a", "prediction": {"9" * 5000}}}]')
    (p,) = read_predictions(path).predictions
    assert p.text is None and p.problem


def test_a_10_mb_answer_is_read_in_well_under_a_second(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps([{**ROW, "prediction": "1-2 " * 2_500_000}]))
    started = time.perf_counter()
    (p,) = read_predictions(path).predictions
    assert len(p.text or "") == 10_000_000
    assert time.perf_counter() - started < 1.0


def test_a_merged_file_keeps_its_rows(tmp_path: Path) -> None:
    row = {"qa_type": "tal", "struc_info": [], "gnd": "", "answer": "x", "metadata": {}}
    file = read_predictions(write(tmp_path, json.dumps({"0": row, "1": row})))
    assert file.merged == [row, row]
    assert [p.text for p in file.predictions] == ["x", "x"]
