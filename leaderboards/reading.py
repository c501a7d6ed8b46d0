"""Reading a submission that nobody trusts: sizes first, then form, then each row. Every fault found is told at once.

Accepted is a JSON list of rows, a JSON object of them, or JSON Lines; gzip around it is allowed. Nothing in it is
executed, no path in it is opened, and a file that brings a truth of its own is refused.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import TEXT_KEYS
from medvidbench.leaderboards.board import Limits

ACCEPTED = "a JSON list of {sample_id, prediction} or {id, qa_type, question, prediction}, or JSON Lines; gzip allowed"
TRUTH_KEYS = ("struc_info", "gnd", "ground_truth", "truth", "reference")
OTHER_ARCHIVES = {
    b"PK": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"(\xb5/\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
}
SHOWN = 3


@dataclass
class Handed:
    """A submission's file as read.

    Attributes:
        content: its JSON as bytes, expanded; empty when it could not be.
        gzipped: whether it came in gzip.
        faults: what is wrong with it, [] when nothing is.
    """

    raw: bytes
    content: bytes = b""
    gzipped: bool = False
    lines: bool = False
    faults: list[str] = field(default_factory=list)


def read_handed(path: Path, limits: Limits) -> Handed:
    """The file, checked as far as it can be without the benchmark; stops at what makes going on dangerous.

    Raises:
        MedVidBenchError: there is no such file, or it can't be read.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(limits.file_bytes + 1)
    except OSError as error:
        raise MedVidBenchError(f"{path} can't be read: {error.strerror}.", ACCEPTED) from error
    if len(raw) > limits.file_bytes:
        return Handed(b"", faults=[f"the file has over {limits.file_bytes:,} bytes"])
    handed = Handed(raw)
    other = next((name for mark, name in OTHER_ARCHIVES.items() if raw.startswith(mark)), "")
    if other:
        handed.faults.append(f"the file is {other}, not JSON")
    elif raw.startswith(b"\x1f\x8b"):
        handed.gzipped = True
        handed.content = _expanded(raw, limits.expanded_bytes, handed.faults)
    elif len(raw) > limits.expanded_bytes:
        handed.faults.append(f"the JSON has over {limits.expanded_bytes:,} bytes")
    else:
        handed.content = raw
    if not handed.faults:
        _check_json(handed, limits)
    return handed


def _expanded(raw: bytes, most: int, faults: list[str]) -> bytes:
    """The content of one gzip member, never more than `most` bytes of it in memory."""
    machine = zlib.decompressobj(wbits=31)
    try:
        content = machine.decompress(raw, most + 1)
    except zlib.error as error:
        faults.append(f"the gzip stream is damaged: {error}")
        return b""
    if len(content) > most:
        faults.append(f"the gzip stream expands to over {most:,} bytes")
    elif not machine.eof:
        faults.append("the gzip stream is cut off")
    elif machine.unused_data:
        faults.append("something follows the gzip stream")
    return content if not faults else b""


def _check_json(handed: Handed, limits: Limits) -> None:
    faults = handed.faults
    try:
        text = handed.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(f"the file is not UTF-8: byte {error.object[error.start]:#04x} at position {error.start}")
        return
    if not text.strip():
        faults.append("the file is empty")
        return
    if text.count("{") + text.count("[") > limits.values:
        faults.append(f"the JSON has over {limits.values:,} objects and lists")
        return
    if _depth(text) > limits.depth:
        faults.append(f"the JSON is nested over {limits.depth} deep")
        return
    rows = _rows(text, handed)
    if rows is not None:
        _check_rows(rows, limits, faults)


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside of strings, without a parser that could run out of stack."""
    deepest = at = 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', text, re.DOTALL):
        bracket = text[found.start()]
        if bracket in "[{":
            at += 1
            deepest = max(deepest, at)
        elif bracket in "]}":
            at -= 1
    return deepest


def _rows(text: str, handed: Handed) -> list[tuple[str, Any]] | None:
    """(where, row) of each row; None when the text is no JSON."""
    repeated: Counter[str] = Counter()

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            repeated.update({key: n for key, n in Counter(key for key, _ in pairs).items() if n > 1})
        return found

    try:
        rows = _parsed(text, once, handed)
    except (ValueError, RecursionError) as error:
        handed.faults.append(f"the file is no JSON: {error}")
        return None
    if repeated:
        handed.faults.append(f"{len(repeated)} keys stand twice in one object: {_some(list(repeated))}")
    if not isinstance(rows, list) or not rows:
        handed.faults.append("the JSON holds no rows")
        return None
    return rows


def _parsed(text: str, once: Any, handed: Handed) -> Any:
    try:
        data = json.loads(text, object_pairs_hook=once, parse_int=float)
    except json.JSONDecodeError as error:
        # a second line is "extra data" to a JSON reader: JSON Lines
        if not error.msg.startswith("Extra data"):
            raise
        handed.lines = True
        numbered = [(f"line {n}", line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
        return [(where, json.loads(line, object_pairs_hook=once, parse_int=float)) for where, line in numbered]
    if isinstance(data, list):
        return [(f"row {i}", row) for i, row in enumerate(data)]
    if isinstance(data, dict) and any(k in data for k in TEXT_KEYS) and any(k in data for k in ("sample_id", "id")):
        return [("row 0", data)]
    if isinstance(data, dict):
        return [(f"key {k!r:.60}", v if isinstance(v, dict) else {"prediction": v}) for k, v in data.items()]
    return None


def _check_rows(rows: list[tuple[str, Any]], limits: Limits, faults: list[str]) -> None:
    """One fault a kind, with how many rows have it and the first few of them."""
    found: dict[str, list[str]] = {}
    for where, row in rows:
        for fault in _row_faults(row, limits):
            found.setdefault(fault, []).append(where)
    faults += [f"{fault}: {_some(places)}" for fault, places in found.items()]


def _row_faults(row: Any, limits: Limits) -> list[str]:
    if not isinstance(row, Mapping):
        return ["no object"]
    faults = [f"a truth of its own ({key!r})" for key in TRUTH_KEYS if key in row]
    key = next((k for k in TEXT_KEYS if k in row), None)
    if key is None:
        faults.append(f"none of {', '.join(TEXT_KEYS)}")
    elif not isinstance(row[key], str) and not row.get("error"):
        faults.append("the prediction is no text")
    for value in row.values():
        if isinstance(value, (dict, list)):
            faults.append("a list or an object where a text belongs")
        elif isinstance(value, str) and len(value) > limits.text_characters:
            faults.append(f"a text of over {limits.text_characters:,} characters")
        elif isinstance(value, str) and re.search(r"[\ud800-\udfff]", value):
            faults.append("half of a surrogate pair, which is no character")
    return list(dict.fromkeys(faults))


def _some(places: list[str]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(place[:60] for place in places[:SHOWN]) + more
