"""CholecTrack20's label file `VIDnn.json`, read into one form; every bad value becomes a finding.

Releases differ: class names come as `{"0": "grasper"}` or `[{"id": 0, "name": "grasper"}]`, the operator's key is
`operator` or `operators`, the video names itself under `seq` or `name`, flags are 0 and 1 or true and false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medvidbench.records import Finding
from medvidbench.sources.cholect50_classes import TARGETS, TRIPLETS, VERBS
from medvidbench.sources.files import Files, number_of, whole_of
from medvidbench.sources.tally import Tally

ABSENT = -1
CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "phase": (
        "preparation",
        "calotTriangleDissection",
        "clippingAndCutting",
        "gallbladderDissection",
        "gallbladderPackaging",
        "cleaningAndCoagulation",
        "gallbladderRetraction",
    ),
    "tool": ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator", "specimen-bag"),
    "operator": (
        "null",
        "main-surgeon-left-hand (MSLH)",
        "assistant-surgeon-right-hand (ASRH)",
        "main-surgeon-right-hand (MSRH)",
    ),
    "verb": VERBS,
    "target": TARGETS,
    "triplet": TRIPLETS,
}
"""Class names by kind; the position is the id. Phases end on "gallbladderRetraction", unlike CholecT50's."""
_CATEGORY_KEYS = {"tool": ("tools", "tool", "instruments", "instrument"), "operator": ("operators", "operator")}
_CATEGORY_KEYS |= {kind: (f"{kind}s", kind) for kind in ("phase", "verb", "target", "triplet")}
TRACK_KINDS = ("visibility", "intracorporeal", "intraoperative")
"""The three ways to follow a tool, the shortest-lived first: until it leaves the view, the body, the surgery."""
ATTRIBUTES = ("crowded", "occluded", "bleeding", "smoke", "blurred", "undercoverage", "reflection", "stainedlens")


@dataclass(frozen=True, slots=True)
class Instance:
    """One tool in one frame, by class ids (-1 where absent); `xywh` is normalised, top-left."""

    tool: int
    verb: int
    target: int
    triplet: int
    phase: int
    track: tuple[str, int] | None
    xywh: tuple[float, float, float, float] | None
    attributes: tuple[str, ...]


@dataclass
class Labels:
    """One video's labels; the key of a frame is its 1-based number at 25 frames per second."""

    frames: dict[int, list[Instance]] = field(default_factory=dict)
    names: dict[str, dict[int, str]] = field(
        default_factory=lambda: {kind: dict(enumerate(names)) for kind, names in CLASSES.items()}
    )
    width: int = 0
    height: int = 0
    split: str = ""
    num_frames: int | None = None
    findings: list[Finding] = field(default_factory=list)


def read_labels(files: Files, path: Path, number: int) -> Labels:
    """Reads one label file; never raises for what is in it.

    Args:
        files: the dataset; its findings so far are left alone.
        path: the file.
        number: the video number that the file's name says.
    """
    reader = Files(files.root)
    tally, labels = Tally(files.name(path)), Labels()
    document = reader.json(path)
    if isinstance(document, dict) and isinstance(document.get("annotations"), dict):
        _header(labels, tally, document, number)
        for key, rows in document["annotations"].items():
            _frame(labels, tally, key, rows)
    elif not reader.findings:
        tally.add("annotations", "no annotations by frame", "the recording has no labels")
    labels.findings = [*reader.findings, *tally.findings()]
    return labels


def _header(labels: Labels, tally: Tally, document: Mapping[str, Any], number: int) -> None:
    video = document.get("video")
    video = video if isinstance(video, dict) else {}
    said = str(video.get("seq") or video.get("name") or "")
    match = re.search(r"(\d+)$", Path(said).stem)
    if match is None or int(match[1]) != number:
        tally.add("video", f"names itself {said!r:.100}, but the file is named for video {number}", "the name is used")
    labels.width, labels.height = (max(0, whole_of(video.get(side)) or 0) for side in ("width", "height"))
    labels.num_frames = whole_of(video.get("num_frames"))
    labels.split = str(video.get("split") or "").lower()
    categories = document.get("categories")
    for kind, keys in _CATEGORY_KEYS.items():
        held = categories if isinstance(categories, dict) else {}
        given = next((held[key] for key in keys if key in held), None)
        _take_names(labels, tally, kind, given)


def _take_names(labels: Labels, tally: Tally, kind: str, given: Any) -> None:
    """The file's own class names, where they differ from the published ones in more than case and punctuation."""
    if given is None:
        return
    pairs = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ()
    own: dict[int, str] = {}
    for place, item in pairs:
        number, name = (item.get("id", place), item.get("name")) if isinstance(item, dict) else (place, item)
        if whole_of(number) is not None and isinstance(name, str):
            own[whole_of(number) or 0] = name
    published = labels.names[kind]
    if not own:
        tally.add(f"categories.{kind}", "no class names by id", "the published names are used")
        return
    for number, name in own.items():
        if not _same(name, published.get(number, "")):
            what = f"class {number} is {name!r}, published as {published.get(number)!r}"
            tally.add(f"categories.{kind}", what, "the file's name is used")
            published[number] = name


def _same(name: str, published: str) -> bool:
    """Equal but for case, punctuation and a short form in brackets."""
    return _plain(name) in {_plain(published), _plain(published.partition(" (")[0])}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _frame(labels: Labels, tally: Tally, key: str, rows: Any) -> None:
    if not re.fullmatch(r"[0-9]{1,9}", key) or int(key) < 1:
        tally.add(f"frame {key}", "the key is no frame number from 1", "left out")
    elif int(key) in labels.frames:
        tally.add(f"frame {key}", "a frame under two keys", "the first one is used")
    elif not isinstance(rows, list):
        tally.add(f"frame {key}", "no list of tools", "left out")
    else:
        found = [_instance(labels, tally, f"frame {key}, tool {place}", row) for place, row in enumerate(rows)]
        labels.frames[int(key)] = [instance for instance in found if instance is not None]


def _instance(labels: Labels, tally: Tally, where: str, row: Any) -> Instance | None:
    if not isinstance(row, dict):
        tally.add(where, "no object with a tool", "left out")
        return None
    ids = {kind: _id(labels, tally, where, kind, row) for kind in ("tool", "verb", "target", "triplet", "phase")}
    track = next(
        ((kind, n) for kind in TRACK_KINDS if (n := whole_of(row.get(f"{kind}_track"))) is not None and n >= 0), None
    )
    attributes = tuple(name for name in ATTRIBUTES if number_of(row.get(name)) == 1 or row.get(name) is True)
    return Instance(**ids, track=track, xywh=_xywh(tally, where, row.get("tool_bbox")), attributes=attributes)


def _id(labels: Labels, tally: Tally, where: str, kind: str, row: Mapping[str, Any]) -> int:
    key = "instrument" if kind == "tool" and "instrument" in row else kind
    value = row.get(key, ABSENT)
    number = whole_of(value)
    if number in labels.names[kind]:
        return ABSENT if number is None else number
    # -1 is "not annotated"; the triplet -2 stands in 1,129 instances of the release and is nowhere explained
    if number != ABSENT and not (kind == "triplet" and number == -2):
        tally.add(where, f"{kind} id {value!r:.50} is unknown", "read as not annotated")
    return ABSENT


def _xywh(tally: Tally, where: str, values: Any) -> tuple[float, float, float, float] | None:
    numbers = [number_of(value) for value in values] if isinstance(values, list) else []
    known = [number for number in numbers if number is not None]
    if len(known) != 4 or len(numbers) != 4:
        tally.add(where, "no box of four numbers", "in no track")
    elif all(number == ABSENT for number in known):
        tally.add(where, "a box of -1", "in no track")
    elif known[2] <= 0 or known[3] <= 0:
        tally.add(where, "a box without width or height", "in no track")
    else:
        return known[0], known[1], known[2], known[3]
    return None
