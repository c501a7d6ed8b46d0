"""Reading a file of predictions, whatever its form: list, dict, JSON Lines, CSV, or merged with its truth.

A file that can't be read at all is one `MedVidBenchError`. A single bad value is kept as it was found
(a null or a list where text belongs) and judged by the protocol, so that one row never costs the file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError

FORMS = "a JSON list or dict of {id, qa_type, prediction}, JSON Lines, CSV, or the merged file of the public evaluator"
TEXT_KEYS = ("prediction", "answer", "text", "response")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One model answer as found in a file.

    Attributes:
        where: position for messages, e.g. "row 3" or "line 17".
        text: the answer, or None when what stands there is no text (`problem` says what it is).
        error: message of a failed call; such a row is unscored.
    """

    where: str
    sample_id: str
    clip_id: str
    qa_type: str
    question: str
    text: str | None
    problem: str = ""
    error: str = ""


@dataclass(frozen=True)
class PredictionFile:
    """A file's predictions in file order; `merged` rows too when it carries its own questions and truth."""

    path: Path
    predictions: list[Prediction]
    merged: list[dict[str, Any]]


def read_predictions(path: Path) -> PredictionFile:
    """Read any accepted form.

    Raises:
        MedVidBenchError: missing, empty, wrongly encoded, not parseable (with the position), or no rows.
    """
    text = read_text(path)
    if path.suffix.lower() == ".csv":
        return PredictionFile(path, [_prediction(row, f"row {i}") for i, row in _csv_rows(text, path)], [])
    rows = list(_json_rows(text, path))
    if not rows:
        raise MedVidBenchError(f"{path} holds no rows.", FORMS)
    if all("struc_info" in row or "gnd" in row for _, row in rows):
        return PredictionFile(path, [_prediction(row, where) for where, row in rows], [row for _, row in rows])
    return PredictionFile(path, [_prediction(row, where) for where, row in rows], [])


def read_text(path: Path) -> str:
    """The file as UTF-8 text, a byte-order mark allowed.

    Raises:
        MedVidBenchError: missing, a folder, empty, or not UTF-8 (names the byte).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise MedVidBenchError(f"No file {path}.", FORMS) from None
    except IsADirectoryError:
        raise MedVidBenchError(f"{path} is a folder.", FORMS) from None
    except OSError as error:
        raise MedVidBenchError(f"{path} can't be read: {error.strerror}.") from None
    if not data.strip():
        raise MedVidBenchError(f"{path} is empty.", FORMS)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MedVidBenchError(
            f"{path} is not UTF-8: byte {data[error.start]:#04x} at position {error.start}.", "UTF-8 text"
        ) from None


def _json_rows(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    first = text.lstrip()[:1]
    if first not in ("[", "{"):
        raise MedVidBenchError(f"{path} starts with {text.lstrip()[:20]!r}: not JSON.", FORMS)
    try:
        data = _loads(text)
    except json.JSONDecodeError as error:
        # JSON Lines also starts with "{": its second line is "extra data" to a JSON reader
        if first == "{" and (error.msg == "Extra data" or path.suffix.lower() in (".jsonl", ".ndjson")):
            yield from _lines(text, path)
            return
        raise MedVidBenchError(
            f"{path} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}.", FORMS
        ) from None
    except RecursionError:
        raise MedVidBenchError(f"{path} is nested too deeply to be a predictions file.", FORMS) from None
    yield from _rows_of(data, path)


def _lines(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = _loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise MedVidBenchError(
                f"{path}, line {number}, is not a whole JSON object ({error}).",
                "one JSON object a line",
                "a cut-off last line means that the writer was stopped: remove the line, or write the file again",
            ) from None
        yield f"line {number}", _require_dict(row, f"line {number}", path)


def _rows_of(data: object, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(data, list):
        for i, row in enumerate(data):
            yield f"row {i}", _require_dict(row, f"row {i}", path)
    elif isinstance(data, dict) and _is_one_row(data):
        yield "row 0", data
    elif isinstance(data, dict):
        for key, row in data.items():
            # {sample_id: "answer"} is the shortest form that people write
            value = row if isinstance(row, dict) else {"sample_id": key, "prediction": row}
            yield f"key {key!r}", value


def _is_one_row(data: Mapping[str, Any]) -> bool:
    """A JSON Lines file of a single line, told from a dict of rows."""
    return any(key in data for key in TEXT_KEYS) and any(key in data for key in ("sample_id", "id", "qa_type"))


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names = reader.fieldnames or []
    if not any(key in names for key in TEXT_KEYS):
        raise MedVidBenchError(
            f"{path} has the columns {', '.join(map(repr, names))}.",
            "sample_id, or id with qa_type and question, and one of " + ", ".join(TEXT_KEYS),
        )
    try:
        yield from enumerate(reader, start=2)
    except csv.Error as error:
        raise MedVidBenchError(f"{path}, line {reader.line_num}: {error}.", "comma-separated values") from None


def _prediction(row: Mapping[str, Any], where: str) -> Prediction:
    key = next((k for k in TEXT_KEYS if k in row), None)
    value = row[key] if key else None
    text = value if isinstance(value, str) else None
    problem = "" if text is not None else _problem(key, value)
    return Prediction(
        where,
        _string(row.get("sample_id")),
        _string(row.get("id") or row.get("clip_id")),
        _string(row.get("qa_type")),
        _string(row.get("question")),
        text,
        problem,
        _string(row.get("error")),
    )


def _problem(key: str | None, value: object) -> str:
    if key is None:
        return "the row has none of " + ", ".join(TEXT_KEYS)
    names = {type(None): "null", list: "a list", dict: "an object", bool: "true or false", int: "a number"}
    return f"{key!r} is {names.get(type(value), 'a number')}, not text"


def _string(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _require_dict(row: object, where: str, path: Path) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    raise MedVidBenchError(f"{path}, {where}, is {json.dumps(row)[:60]}, not an object.", FORMS)


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        # an integer of over 4,300 digits is a plain ValueError in Python; as a float it is read, and judged later
        if isinstance(error, json.JSONDecodeError):
            raise
        return json.loads(text, parse_int=float)
