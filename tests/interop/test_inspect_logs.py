"""inspect_ai's logs by hand: which samples have an answer, and archives that lie."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from zip_files import STORED, ZSTANDARD, write_zip

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction
from medvidbench.interop import archives, read_predictions_from

ID = "0123456789abcdef01234567"


def sample(**fields) -> dict:
    message = {"role": "assistant", "content": "1.0-2.0 seconds."}
    choice = {"message": message, "stop_reason": "stop"}
    held = {
        "id": ID,
        "epoch": 1,
        "input": "When?",
        "target": "",
        "output": {"model": "m", "choices": [choice], "completion": "1.0-2.0 seconds."},
        "metadata": {"task": "TAG"},
    }
    return {**held, **fields}


def output(content: object, stop_reason: str = "stop", **fields) -> dict:
    return {"choices": [{"message": {"content": content}, "stop_reason": stop_reason}], **fields}


def read(folder: Path, *samples: dict) -> list[Prediction]:
    log = {"version": 2, "status": "success", "eval": {"task": "medvidbench"}, "samples": list(samples)}
    (folder / "log.json").write_text(json.dumps(log), encoding="utf-8")
    return read_predictions_from("inspect", folder / "log.json").predictions


def test_the_completion_is_the_answer_and_the_sample_id_names_the_row(tmp_path: Path) -> None:
    (got,) = read(tmp_path, sample())
    assert (got.sample_id, got.text, got.error) == (ID, "1.0-2.0 seconds.", "")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"output": output("plain")}, "plain"),
        ({"output": output("")}, ""),
        # reasoning is no part of the answer
        (
            {"output": output([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "a"},
                               {"type": "text", "text": "b"}])},
            "a\nb",
        ),
        ({"output": output("attachment://x"), "attachments": {"x": "a long text"}}, "a long text"),
        ({"output": output("cut", "max_tokens"), "limit": {"type": "token", "limit": 5}}, "cut"),
        ({"output": output("I can't look at this.", "content_filter")}, "I can't look at this."),
    ],
)  # fmt: skip
def test_what_the_model_said_is_its_answer(fields: dict, text: str, tmp_path: Path) -> None:
    (got,) = read(tmp_path, sample(**fields))
    assert (got.text, got.error) == (text, "")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"error": {"message": "HTTP 500", "traceback": "..."}}, "the sample failed: HTTP 500"),
        ({"invalidation": {"author": "x", "reason": "wrong frames"}}, "the sample was invalidated in the log"),
        ({"output": output("Sorry.", "content_filter", error="blocked: violence")}, "blocked: violence"),
        ({"output": output("", "content_filter")}, "no text, stopped by a content filter"),
        ({"output": {"choices": [], "completion": ""}}, "the model gave no output"),
        ({"output": {"choices": []}, "limit": {"type": "time", "limit": 60}}, "stopped at the time limit"),
    ],
)
def test_a_sample_without_an_answer_is_a_failed_call_with_its_reason(fields: dict, reason: str, tmp_path: Path) -> None:
    (got,) = read(tmp_path, sample(**fields))
    assert (got.text, got.error) == (None, reason)


def test_numbered_samples_of_another_task_are_joined_by_their_metadata(tmp_path: Path) -> None:
    (got,) = read(tmp_path, sample(id=3, metadata={"id": "V&&0&&9&&1.0", "qa_type": "tal", "question": "When?"}))
    assert (got.sample_id, got.clip_id, got.question) == ("", "V&&0&&9&&1.0", "When?")


@pytest.mark.parametrize("again", [{"epoch": 2}, {}])
def test_several_answers_to_a_sample_are_refused(again: dict, tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="more than once"):
        read(tmp_path, sample(), sample(**again))


# --- archives ---------------------------------------------------------------------------------------------


def members(*samples: dict) -> dict[str, bytes]:
    named = {f"samples/{s['id']}_epoch_{s['epoch']}.json": json.dumps(s).encode() for s in samples}
    return {"_journal/start.json": b"{}", **named, "header.json": b"{}", "summaries.json": b"[]"}


@pytest.mark.parametrize("method", [STORED, ZSTANDARD])
def test_both_compressions_of_an_eval_file_are_read(method: int, tmp_path: Path) -> None:
    other = sample(id="f" * 24, error={"message": "HTTP 500"})
    file = write_zip(tmp_path / "log.eval", members(sample(), other), method)
    got = read_predictions_from("inspect", file).predictions
    assert [(p.sample_id, p.text, p.error) for p in got] == [
        (ID, "1.0-2.0 seconds.", ""),
        ("f" * 24, None, "the sample failed: HTTP 500"),
    ]


def test_a_deflated_archive_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "log.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members(sample()).items():
            archive.writestr(name, content)
    (got,) = read_predictions_from("inspect", tmp_path / "log.eval").predictions
    assert got.text == "1.0-2.0 seconds."


def test_a_name_that_leaves_the_folder_is_only_a_name(tmp_path: Path) -> None:
    content = json.dumps(sample()).encode()
    file = write_zip(tmp_path / "log.eval", {"samples/../../../tmp/evil_epoch_1.json": content})
    assert len(read_predictions_from("inspect", file).predictions) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["log.eval"]


def test_a_member_that_claims_to_be_large_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = write_zip(tmp_path / "log.eval", members(sample()), claimed=2**31)
    with pytest.raises(MedVidBenchError, match="unpacks to 2147483648 bytes"):
        read_predictions_from("inspect", file)


@pytest.mark.parametrize("method", [STORED, ZSTANDARD])
def test_a_member_that_unpacks_to_more_than_it_claims_is_refused(method: int, tmp_path: Path) -> None:
    # 64 MiB of zeros pack to a few kB; the directory claims ten bytes
    bomb = {"samples/a_epoch_1.json": b"\0" * (2**26 if method == ZSTANDARD else 100)}
    file = write_zip(tmp_path / "log.eval", bomb, method, claimed=10)
    with pytest.raises(MedVidBenchError, match="can't be read"):
        read_predictions_from("inspect", file)


def test_an_archive_that_would_unpack_to_too_much_in_all_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_zip(tmp_path / "log.eval", members(sample()))
    monkeypatch.setattr(archives, "MAX_TOTAL", 100)
    with pytest.raises(MedVidBenchError, match="unpacks to 4 members"):
        read_predictions_from("inspect", file)


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    file = write_zip(tmp_path / "log.eval", members(sample()), flags=1)
    with pytest.raises(MedVidBenchError, match="it is encrypted"):
        read_predictions_from("inspect", file)


def test_every_cut_of_an_archive_is_one_error(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "log.eval", members(sample())).read_bytes()
    for end in range(0, len(whole) - 1, 7):
        (tmp_path / "cut.eval").write_bytes(whole[:end])
        with pytest.raises(MedVidBenchError):
            read_predictions_from("inspect", tmp_path / "cut.eval")


def test_a_changed_byte_is_read_as_before_or_is_one_error(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "log.eval", members(sample())).read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        (tmp_path / "bad.eval").write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            (got,) = read_predictions_from("inspect", tmp_path / "bad.eval").predictions
            assert got.text == "1.0-2.0 seconds."
        except MedVidBenchError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("l.json", b'{"samples": []}', "no samples of an evaluation"),
        ("l.json", b'{"eval": {}, "status": "started"}', "holds 'eval', 'status', but no samples"),
        ("l.json", b'{"eval": {}, "samples": [3]}', "sample 0, is 3, not an object"),
        ("l.json", b'{"eval": {}, "samples": [{"id": "a", "output": "x"}]}', "no 'id' or 'output'"),
        ("l.json", b'{"eval": {}, "samples": []}', "holds no answers"),
        ("l.eval", b"not a zip", "is no zip archive"),
        ("l.eval", b"", "is no zip archive"),
    ],
)
def test_what_is_no_such_log_is_refused(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MedVidBenchError, match=told):
        read_predictions_from("inspect", tmp_path / name)


def test_an_archive_without_samples_or_with_a_broken_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match=r"holds 'header\.json', but no samples"):
        read_predictions_from("inspect", write_zip(tmp_path / "a.eval", {"header.json": b"{}"}))
    with pytest.raises(MedVidBenchError, match=r"x_epoch_1\.json, is not valid JSON"):
        read_predictions_from("inspect", write_zip(tmp_path / "b.eval", {"samples/x_epoch_1.json": b"{"}))
    with pytest.raises(MedVidBenchError, match="No file"):
        read_predictions_from("inspect", tmp_path / "none.eval")
