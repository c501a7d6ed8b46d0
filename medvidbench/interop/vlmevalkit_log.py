"""VLMEvalKit's prediction files: `MODEL_DATASET.xlsx`, `.tsv` or `.json` with `index`, `question` and `prediction`.

The index is the sample's name there. With our sample ids in `index` (or a column `sample_id`, or `id` with `qa_type`
and `question`) rows are joined by them; with running numbers only by position. A failed call has the text
"Failed to obtain answer ..." in place of an answer. The pickle files beside these are never opened.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import Prediction, PredictionFile, read_text
from medvidbench.interop.documents import identity_of, json_document, json_lines, require_object

ACCEPTED = "VLMEvalKit's .xlsx, .tsv, .csv, .json or .jsonl with the columns index and prediction"
FAILED = "Failed to obtain answer"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_vlmevalkit(path: Path) -> PredictionFile:
    """The file's answers in its order.

    Raises:
        MedVidBenchError: not such a file, or one of a kind that is never read (.pkl).
    """
    rows = list(_rows(path))
    if rows and "prediction" not in rows[0][1]:
        held = ", ".join(map(repr, list(rows[0][1])[:8]))
        raise MedVidBenchError(f"{path} has the columns {held}, but no 'prediction'.", ACCEPTED)
    return PredictionFile(path, [_prediction(where, row) for where, row in rows], [])


def _prediction(where: str, row: Mapping[str, Any]) -> Prediction:
    identity = identity_of({"sample_id": row.get("sample_id")}, row.get("index"), row)
    value = row.get("prediction")
    if isinstance(value, float) and value != value:
        value = ""  # pandas' mark of an empty cell, which VLMEvalKit writes into JSON as NaN
    if value is None:
        return identity.prediction(where, None, "the prediction is null")
    if not isinstance(value, str):
        return identity.prediction(where, None, problem=f"'prediction' is {type(value).__name__}, not text")
    error = " ".join(value.split())[:200] if value.lstrip().startswith(FAILED) else ""
    return identity.prediction(where, value, error)


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        yield from _workbook_rows(path)
    elif suffix in (".tsv", ".csv"):
        yield from _table_rows(path, "\t" if suffix == ".tsv" else ",")
    elif suffix == ".jsonl":
        yield from json_lines(path, ACCEPTED)
    elif suffix == ".json":
        yield from _json_rows(path)
    else:
        remedy = "set PRED_FORMAT=json and run VLMEvalKit again: a pickle can run code" if suffix == ".pkl" else ""
        raise MedVidBenchError(f"{path} ends in {suffix or 'nothing'!r}.", ACCEPTED, remedy)


def _json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = json_document(path, ACCEPTED)
    if isinstance(found, dict) and all(isinstance(column, dict) for column in found.values()) and "index" in found:
        found = [{name: column.get(key) for name, column in found.items()} for key in found["index"]]
    if not isinstance(found, list):
        raise MedVidBenchError(f"{path} is no list of rows.", ACCEPTED)
    for number, row in enumerate(found):
        yield f"row {number}", require_object(row, f"{path}, row {number},", ACCEPTED)


def _table_rows(path: Path, delimiter: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    try:
        for number, row in enumerate(reader, start=2):
            if None in row or None in row.values():
                raise MedVidBenchError(f"{path}, row {number}, has more or fewer cells than the header.", ACCEPTED)
            yield f"row {number}", row
    except csv.Error as error:
        raise MedVidBenchError(f"{path}, line {reader.line_num}: {error}.", ACCEPTED) from None


def _workbook_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The first sheet's rows below its titles.

    Empty cells are absent in a workbook, and come as "" here. A cell holds 32,767 characters: the writer cuts a longer
    text there, so that an .xlsx can hold less of an answer than the other formats.
    """
    from medvidbench.sources.files import Files
    from medvidbench.sources.workbook import read_workbook

    if not path.is_file():
        raise MedVidBenchError(f"No file {path}.", ACCEPTED)
    files = Files(path.parent)
    rows = read_workbook(files, path)
    if rows is None:
        raise MedVidBenchError(f"{path} is {files.findings[-1].what}.", ACCEPTED)
    titles = rows[0].cells if rows else {}
    for row in rows[1:]:
        yield row.where, {title: _unescaped(row.get(letter)) for letter, title in titles.items()}


def _unescaped(text: str) -> str:
    """Characters that XML can't hold stand as _x000D_ in a workbook.

    >>> _unescaped("a_x000D_b_x005F_x000D_")
    'a\\rb_x000D_'
    """
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
