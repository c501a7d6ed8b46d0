"""CholecT50's two label formats, read into one form; every bad value becomes a finding."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvidbench.records import Finding
from medvidbench.sources.cholect50_classes import CLASSES

VECTOR_LENGTH = 15
ABSENT = -1
# Positions in a vector: triplet 0, instrument 1, its score 2, its box 3 to 6, verb 7, target 8, the target's
# score 9, its box 10 to 13 (never filled in a release), phase 14.
_IDS = {"triplet": 0, "instrument": 1, "verb": 7, "target": 8, "phase": 14}
_BOX = slice(3, 7)


@dataclass(frozen=True, slots=True)
class Action:
    """One annotated action of a frame by class ids, -1 where absent; `xywh` is normalised, top-left."""

    triplet: int
    instrument: int
    phase: int
    xywh: tuple[float, float, float, float] | None = None


@dataclass
class Labels:
    """One recording's labels. `names` maps each kind to its class names by id."""

    frames: dict[int, list[Action]] = field(default_factory=dict)
    names: dict[str, dict[int, str]] = field(
        default_factory=lambda: {k: dict(enumerate(v)) for k, v in CLASSES.items()}
    )
    fps: float = 1.0
    num_frames: int | None = None
    findings: list[Finding] = field(default_factory=list)

    def parts_of(self, triplet: int) -> tuple[str, ...]:
        """The instrument, verb and target names of a triplet id; () when it is absent."""
        return tuple(self.names["triplet"].get(triplet, "").split(",")) if triplet != ABSENT else ()

    def instrument_of(self, triplet: int) -> int:
        """The instrument id of a triplet id, -1 when there is none."""
        name = (*self.parts_of(triplet), "")[0]
        return next((number for number, known in self.names["instrument"].items() if known == name), ABSENT)


class _Reader:
    """Collects the labels of one file together with its findings."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.labels = Labels()

    def find(self, row: str, what: str, done: str) -> None:
        self.labels.findings.append(Finding(self.file, row, what, done))

    def text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            self.find("", f"not readable: {error}", "the recording has no labels")
            return ""


# --- labels/VIDnn.json ------------------------------------------------------------------------------


def read_json(path: Path, file: str, number: int) -> Labels:
    """Reads one JSON label file; never raises for what is in it.

    Args:
        path: the file.
        file: how findings name it.
        number: the video number that the file's name says.
    """
    reader = _Reader(file)
    text = reader.text(path)
    if not text and reader.labels.findings:
        return reader.labels
    document = _parse(reader, text)
    if document is not None:
        _header(reader, document, number)
        for key, vectors in document["annotations"].items():
            _frame(reader, key, vectors)
    return reader.labels


def _parse(reader: _Reader, text: str) -> dict[str, Any] | None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            keys = [key for key, _ in pairs]
            repeated = sorted({key for key in keys if keys.count(key) > 1})
            reader.find(", ".join(repeated), "a key stands more than once in one object", "the last one is used")
        return values

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        reader.find(place, f"not JSON: {error.msg}", "the recording has no labels")
        return None
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        reader.find("", f"not readable as JSON: {error}", "the recording has no labels")
        return None
    if isinstance(document, dict) and isinstance(document.get("annotations"), dict):
        return document
    reader.find("", 'no object "annotations" at the top', "the recording has no labels")
    return None


def _header(reader: _Reader, document: dict[str, Any], number: int) -> None:
    labels = reader.labels
    fps = _number(document.get("fps"))
    if fps is None or fps <= 0:
        reader.find("fps", f"{document.get('fps')!r} is no frame rate", "1 frame per second is assumed, as published")
    elif fps != labels.fps:
        reader.find("fps", f"{fps:g} instead of the published 1", "times are frame numbers divided by it")
        labels.fps = fps
    if document.get("video") != number:
        reader.find("video", f"{document.get('video')!r}, but the file is named for video {number}", "the name is used")
    count = document.get("num_frames")
    labels.num_frames = count if isinstance(count, int) and not isinstance(count, bool) else None
    categories = document.get("categories")
    for kind in CLASSES:
        names = categories.get(kind) if isinstance(categories, dict) else None
        _take_names(reader, kind, names, f"categories.{kind}")


def _take_names(reader: _Reader, kind: str, names: Any, row: str) -> None:
    """Uses the file's own class names; they win over the published ones, and a difference is reported."""
    if not isinstance(names, dict) or not all(
        re.fullmatch(r"\d+", str(k)) and isinstance(v, str) for k, v in names.items()
    ):
        reader.find(row, "no class names by id", "the published names are used")
        return
    own = {int(k): v for k, v in sorted(names.items(), key=lambda item: int(item[0]))}
    published = dict(enumerate(CLASSES[kind]))
    if own != published:
        differing = [
            f"{i}: {own.get(i)!r} for {published.get(i)!r}"
            for i in sorted({*own, *published})
            if own.get(i) != published.get(i)
        ]
        reader.find(row, f"differs from the published names: {shorten(differing)}", "the file's names are used")
    reader.labels.names[kind] = own


def _frame(reader: _Reader, key: str, vectors: Any) -> None:
    frames = reader.labels.frames
    if not re.fullmatch(r"[0-9]{1,9}", key):
        reader.find(f"frame {key}", "the key is no frame number", "left out")
    elif not isinstance(vectors, list):
        reader.find(f"frame {key}", f"a {type(vectors).__name__} instead of a list of vectors", "left out")
    elif int(key) in frames:
        reader.find(f"frame {key}", f"frame {int(key)} stands under two keys", "the first one is used")
    else:
        actions = [_action(reader, f"frame {key}, vector {place}", vector) for place, vector in enumerate(vectors)]
        frames[int(key)] = [action for action in actions if action is not None]


def _action(reader: _Reader, row: str, vector: Any) -> Action | None:
    if not isinstance(vector, list) or len(vector) != VECTOR_LENGTH:
        seen = f"{len(vector)} entries" if isinstance(vector, list) else f"a {type(vector).__name__}"
        reader.find(row, f"{seen} instead of a vector of {VECTOR_LENGTH} entries", "left out")
        return None
    ids: dict[str, int] = {}
    for kind, place in _IDS.items():
        value = vector[place]
        known = {ABSENT, *reader.labels.names[kind]}
        if _number(value) is None or value not in known:
            reader.find(row, f"{kind} id {value!r:.100} is unknown", "the vector is left out")
            return None
        ids[kind] = int(value)
    _check_parts(reader, row, ids)
    instrument = ids["instrument"] if ids["instrument"] != ABSENT else reader.labels.instrument_of(ids["triplet"])
    return Action(ids["triplet"], instrument, ids["phase"], _xywh(reader, row, vector[_BOX]))


def _check_parts(reader: _Reader, row: str, ids: dict[str, int]) -> None:
    triplet = reader.labels.parts_of(ids["triplet"])
    for kind, named in zip(("instrument", "verb", "target"), triplet, strict=False):
        own = reader.labels.names[kind].get(ids[kind], named)
        if own != named:
            reader.find(row, f"{kind} {own!r} beside the triplet {','.join(triplet)}", "both are kept as they stand")


def _number(value: Any) -> float | None:
    """A JSON number of sane size as float; None for anything else (an integer may have 400 digits)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e12 < value < 1e12:
        return None
    return float(value)


def _xywh(reader: _Reader, row: str, values: list[Any]) -> tuple[float, float, float, float] | None:
    if all(value == ABSENT for value in values):
        return None
    x, y, width, height = (_number(value) for value in values)
    if x is None or y is None or width is None or height is None or width <= 0 or height <= 0:
        reader.find(row, f"instrument box {values!r:.200} is no x, y, width, height", "the box is left out")
        return None
    return x, y, width, height


# --- CholecT45: triplet/VIDnn.txt and dict/*.txt ---------------------------------------------------------


def read_txt(path: Path, file: str, dictionary: Path | None) -> Labels:
    """Reads one CholecT45 triplet file: a frame number and 100 columns of 0 or 1 a row; no phases, no boxes.

    The files under instrument/, verb/ and target/ repeat what the triplets say and are not read.

    Args:
        path: the file.
        file: how findings name it.
        dictionary: the folder `dict/` with the class names, or None.
    """
    reader = _Reader(file)
    if dictionary is not None:
        for kind in ("triplet", "instrument", "verb", "target"):
            _read_dictionary(reader, kind, dictionary / f"{kind}.txt")
    for place, line in enumerate(reader.text(path).splitlines(), start=1):
        cells = [cell for cell in re.split(r"[,\s]+", line) if cell]
        if cells:
            _text_row(reader, f"line {place}", cells)
    return reader.labels


def _read_dictionary(reader: _Reader, kind: str, path: Path) -> None:
    if not path.is_file():
        return
    pairs = [re.match(r"\s*(\d+)\s*[:,\s]\s*(\S.*?)\s*$", line) for line in reader.text(path).splitlines()]
    _take_names(reader, kind, {pair[1]: pair[2] for pair in pairs if pair} or None, f"dict/{path.name}")


def _text_row(reader: _Reader, row: str, cells: list[str]) -> None:
    names, frames = reader.labels.names, reader.labels.frames
    expected = 1 + len(names["triplet"])
    if len(cells) != expected or not re.fullmatch(r"[0-9]{1,9}", cells[0]) or not {*cells[1:]} <= {"0", "1"}:
        reader.find(row, f"{len(cells)} columns", f"left out: a row is a frame number and {expected - 1} times 0 or 1")
    elif int(cells[0]) in frames:
        reader.find(row, f"frame {int(cells[0])} stands in two rows", "the first one is used")
    else:
        present = [triplet for triplet, cell in zip(names["triplet"], cells[1:], strict=True) if cell == "1"]
        frames[int(cells[0])] = [Action(triplet, reader.labels.instrument_of(triplet), ABSENT) for triplet in present]


def shorten(items: list[str], shown: int = 5) -> str:
    """A list in words, its tail counted instead of shown."""
    rest = len(items) - shown
    return ", ".join(items[:shown]) + (f" and {rest} more" if rest > 0 else "")
