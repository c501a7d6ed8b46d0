"""JSON documents and JSON lines from outside, each fault told in one sentence; and who a logged row is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction, read_text

SAMPLE_ID = re.compile(r"[0-9a-f]{24}(-[0-9]+)?")
"""Ids of this project's samples; "-2" and so on tells repeated published rows apart."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What names a sample in a log; "" for what the log doesn't hold."""

    sample_id: str = ""
    clip_id: str = ""
    qa_type: str = ""
    question: str = ""

    def prediction(self, where: str, text: str | None, error: str = "", problem: str = "") -> Prediction:
        """The row as a prediction; a failed call has no text."""
        shown = None if error else text
        return Prediction(
            where, self.sample_id, self.clip_id, self.qa_type, self.question, shown, problem if not error else "", error
        )


def identity_of(*places: object) -> Identity:
    """Who a row is about: the first place that tells it, each a mapping with our field names or a bare id.

    >>> identity_of("3", {"sample_id": "0123456789abcdef01234567"}).sample_id
    '0123456789abcdef01234567'
    """
    for place in places:
        found = identity_in(place) if isinstance(place, Mapping) else Identity(sample_id_in(place))
        if found.sample_id or found.clip_id:
            return found
    return Identity()


def identity_in(row: Mapping[str, Any]) -> Identity:
    """By our own field names: sample_id, or id (clip_id) with qa_type and question."""
    return Identity(
        as_text(row.get("sample_id")),
        as_text(row.get("id") or row.get("clip_id")),
        as_text(row.get("qa_type")),
        as_text(row.get("question")),
    )


def sample_id_in(value: object) -> str:
    """The value when it has the form of a sample id, else ""."""
    return value if isinstance(value, str) and SAMPLE_ID.fullmatch(value) else ""


def as_text(value: object) -> str:
    """A text as it is, a number as digits, anything else ""."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return value if isinstance(value, str) else str(value)


def json_document(path: Path, accepted: str) -> Any:
    """A whole file as one JSON value.

    Raises:
        MedVidBenchError: missing, not UTF-8, or not JSON (with the place).
    """
    return parse(read_text(path), str(path), accepted)


def json_lines(path: Path, accepted: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON Lines file with their place ("line 3"); empty lines are passed over.

    Raises:
        MedVidBenchError: missing, not UTF-8, or a line that is no JSON object (names it).
    """
    # not splitlines(): U+2028 and the like stand unescaped inside answers
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            row = parse(line, f"{path}, line {number},", accepted)
            yield f"line {number}", require_object(row, f"{path}, line {number},", accepted)


def parse(text: str | bytes, name: str, accepted: str) -> Any:
    """JSON text; a broken or too deeply nested one is a `MedVidBenchError` that names where it came from."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise MedVidBenchError(f"{name} is not valid JSON: {place}.", accepted) from None
    except RecursionError:
        raise MedVidBenchError(f"{name} is nested too deeply.", accepted) from None
    except UnicodeDecodeError:
        raise MedVidBenchError(f"{name} is not UTF-8.", accepted) from None
    except ValueError:  # an integer of over 4,300 digits, which Python refuses to read
        raise MedVidBenchError(f"{name} holds a number of thousands of digits.", accepted) from None


def require_object(row: object, name: str, accepted: str) -> dict[str, Any]:
    """The row when it is a JSON object.

    Raises:
        MedVidBenchError: it is something else.
    """
    if isinstance(row, dict):
        return row
    raise MedVidBenchError(f"{name} is {json.dumps(row)[:60]}, not an object.", accepted)
