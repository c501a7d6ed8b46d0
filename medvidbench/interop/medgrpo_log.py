"""The output of the public MedGRPO inference code (arXiv 2512.06581), and the submission made from it.

The output is one object keyed by the row's number in the data; each value has `metadata`, `qa_type`, `struc_info`,
`question`, `gnd`, `answer` and `data_source`, and no id: the published one is rebuilt from the metadata. The submission
is a list of `{id, qa_type, prediction}` whose id is the video's alone; that names no row, so such a file can only be
joined by position. The code has no mark for a failed call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction, PredictionFile
from medvidbench.interop.documents import Identity, as_text, json_document, require_object
from medvidbench.published import from_merged

ACCEPTED = "an object of rows with qa_type, question and answer, or a list of {id, qa_type, prediction}"


def read_medgrpo(path: Path) -> PredictionFile:
    """The answers, in the order of the data's rows.

    Raises:
        MedVidBenchError: another form, or a row without `qa_type` or answer.
    """
    rows = [(where, _checked(row, f"{path}, {where},")) for where, row in _rows(path)]
    merged = [row for _, row in rows] if all("struc_info" in row for _, row in rows) else []
    return PredictionFile(path, [_prediction(where, row) for where, row in rows], merged)


def _rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    found = json_document(path, ACCEPTED)
    if isinstance(found, dict):
        keys = sorted(found, key=lambda key: (not key.isdecimal(), int(key) if key.isdecimal() else 0))
        return [(f"key {key!r}", require_object(found[key], f"{path}, key {key!r},", ACCEPTED)) for key in keys]
    if isinstance(found, list):
        return [(f"row {i}", require_object(row, f"{path}, row {i},", ACCEPTED)) for i, row in enumerate(found)]
    raise MedVidBenchError(f"{path} is JSON, but no object or list of rows.", ACCEPTED)


def _checked(row: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(row.get("qa_type"), str) or ("answer" not in row and "prediction" not in row):
        held = ", ".join(map(repr, list(row)[:8]))
        raise MedVidBenchError(f"{name} holds {held or 'nothing'}: no qa_type with an answer.", ACCEPTED)
    return row


def _prediction(where: str, row: dict[str, Any]) -> Prediction:
    key = "answer" if "answer" in row else "prediction"
    value, identity = row[key], _identity(row)
    if isinstance(value, str):
        return identity.prediction(where, value, as_text(row.get("error")))
    return identity.prediction(where, None, as_text(row.get("error")), f"{key!r} is {type(value).__name__}, not text")


def _identity(row: dict[str, Any]) -> Identity:
    question = as_text(row.get("question"))
    given = as_text(row.get("id"))
    if isinstance(row.get("metadata"), dict) and question and not given:
        try:
            given = from_merged(row, keep_residue=False).clip_id
        except MedVidBenchError:  # an unknown qa_type: the join names it
            given = ""
    return Identity("", given if "&&" in given else "", row["qa_type"], question)
