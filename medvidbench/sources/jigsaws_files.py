"""JIGSAWS' files: where they lie by trial, and readers of the score table, a transcription and an AVI header."""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from medvidbench.sources.base import Source, existing_folder, unknown_layout
from medvidbench.sources.files import Files, shorten, whole_of
from medvidbench.sources.media import VIDEO_SUFFIXES

TASKS: Final = ("Suturing", "Knot_Tying", "Needle_Passing")
ITEMS: Final = 6
META_FIELDS: Final = 9
FPS: Final = 30.0
_TASK = "|".join(TASKS)
_TRIAL = re.compile(rf"({_TASK})_([a-z])([0-9]{{3}})", re.IGNORECASE)
_VIDEO = re.compile(rf"((?:{_TASK})_[a-z][0-9]{{3}})(?:_capture([12]))?", re.IGNORECASE)
_META = re.compile(rf"meta_file_({_TASK})", re.IGNORECASE)
_KINEMATICS_COLUMNS = 76
_HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Meta:
    """One row of a score table: self-proclaimed skill (N, I, E) and the six items in their order, or () if unusable."""

    skill: str
    items: tuple[int, ...]


@dataclass
class Layout:
    """What was found, by trial ("Suturing_B001"); `files.findings` tells of the rest."""

    files: Files
    meta_files: dict[str, Path] = field(default_factory=dict)
    transcriptions: dict[str, Path] = field(default_factory=dict)
    kinematics: dict[str, Path] = field(default_factory=dict)
    left: dict[str, Path] = field(default_factory=dict)
    right: dict[str, Path] = field(default_factory=dict)


def trial_of(name: str) -> str | None:
    """The trial id in its published spelling; None for anything else.

    >>> trial_of("knot_tying_b001"), trial_of("Suturing_B1")
    ('Knot_Tying_B001', None)
    """
    match = _TRIAL.fullmatch(name)
    return f"{_task(match[1])}_{match[2].upper()}{match[3]}" if match else None


def find_layout(root: Path, source: Source) -> Layout:
    """The files of JIGSAWS at or below `root`; tasks may be nested ("Suturing/Suturing"), case doesn't matter.

    Raises:
        MedVidBenchError: `root` is missing or holds neither scores nor trials.
    """
    files = Files(existing_folder(root, source))
    found: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    # Experimental_setup holds thousands of small files, which name no trial's data
    for path, is_folder in files.walk(root, skip={"experimental_setup"}, depth=7):
        kind, name = ("", None) if is_folder else _kind(path)
        if kind and name:
            found[kind][name].append(path)
    if not found:
        raise unknown_layout(root, source)
    kept = {kind: _first(files, by_name, kind) for kind, by_name in sorted(found.items())}
    return Layout(
        files, *(kept.get(kind, {}) for kind in ("score table", "transcription", "kinematics", "left", "right"))
    )


def read_meta(files: Files, path: Path, task: str) -> Iterator[tuple[str, Meta]]:
    """The trials of one score table. Rows are separated by any white space; what is wrong goes to `files`."""
    seen: set[str] = set()
    for where, line in files.lines(path):
        cells = line.split()
        trial = trial_of(cells[0])
        if trial is None or not trial.startswith(task):
            files.find(path, where, f"{cells[0]!r:.50} is no trial of {task}", "left out")
        elif len(cells) != META_FIELDS:
            files.find(path, where, f"{trial}: {len(cells)} fields instead of {META_FIELDS}", "left out")
        elif trial in seen:
            files.find(path, where, f"{trial}: a second row", "the first one is used")
        else:
            seen.add(trial)
            yield trial, _meta(files, path, where, trial, cells[1:])


def read_transcription(files: Files, path: Path) -> list[tuple[int, int, int]]:
    """(first frame, last frame, gesture number) of each line: frames from 1, the last one included."""
    found: list[tuple[int, int, int]] = []
    for where, line in files.lines(path):
        cells = line.split()
        gesture = re.fullmatch(r"G([1-9]|1[0-5])", cells[-1], re.IGNORECASE)
        first, last = (whole_of(cells[0]), whole_of(cells[1])) if len(cells) == 3 else (None, None)
        if first is None or last is None or gesture is None:
            files.find(path, where, f"{line!r:.50} is no first frame, last frame and gesture G1 to G15", "left out")
        elif not 1 <= first <= last:
            files.find(path, where, f"frames {first} to {last}", "left out: frames count from 1 and go upward")
        else:
            if found and first <= found[-1][1]:
                files.find(path, where, f"begins at frame {first}, before the last gesture ends", "kept as it stands")
            found.append((first, last, int(gesture[1])))
    return found


def count_rows(files: Files, path: Path) -> int:
    """The number of frames in a kinematics file, which has one row a frame and no header."""
    try:
        rows = [row for row in path.read_bytes().splitlines() if row.strip()]
    except OSError as error:
        files.find(path, "", f"not readable: {error.strerror}", "left out")
        return 0
    if rows and len(rows[0].split()) != _KINEMATICS_COLUMNS:
        files.find(
            path, "line 1", f"{len(rows[0].split())} columns instead of {_KINEMATICS_COLUMNS}", "rows are counted"
        )
    return len(rows)


def avi_header(path: Path) -> tuple[int, int, int, float] | None:
    """(width, height, number of frames, frames per second) as an AVI file's header says; None without a header.

    RIFF: the chunk `avih` holds the frame count and the size, the first `strh` of a video its rate.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEADER_BYTES)
    except OSError:
        return None
    main, stream_header = head.find(b"avih"), re.search(rb"strh.{4}vids", head, re.DOTALL)
    video = stream_header.start() if stream_header else -1
    if head[:4] != b"RIFF" or head[8:12] != b"AVI " or main < 0 or len(head) < max(main + 48, video + 36):
        return None
    micros, frames, width, height = struct.unpack("<I12xI12xII", head[main + 8 : main + 48])
    scale, rate = struct.unpack("<II", head[video + 28 : video + 36]) if video >= 0 else (micros, 1_000_000)
    return width, height, frames, rate / scale if scale else 0.0


def _task(name: str) -> str:
    return next(task for task in TASKS if task.lower() == name.lower())


def _kind(path: Path) -> tuple[str, str | None]:
    """What a file is, and of which trial or task."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        match = _VIDEO.fullmatch(path.stem)
        return ("right" if match and match[2] == "2" else "left"), trial_of(match[1]) if match else None
    if suffix != ".txt":
        return "", None
    table = _META.fullmatch(path.stem)
    if table:
        return "score table", _task(table[1])
    above = {place.name.lower() for place in (path.parent, path.parent.parent)}
    kind = "transcription" if "transcriptions" in above else "kinematics" if "kinematics" in above else ""
    return kind, trial_of(path.stem)


def _first(files: Files, found: dict[str, list[Path]], kind: str) -> dict[str, Path]:
    """The shallowest path of each name; a finding names the others."""
    what = f"video ({kind} camera)" if kind in ("left", "right") else kind
    kept: dict[str, Path] = {}
    for name, paths in sorted(found.items()):
        kept[name], *others = sorted(paths, key=lambda path: (len(path.parts), str(path)))
        if others:
            also = shorten([files.name(path) for path in others])
            files.find(kept[name], "", f"a second {what} of {name}: {also}", "the first is used")
    return kept


def _meta(files: Files, path: Path, where: str, trial: str, cells: list[str]) -> Meta:
    skill, total, *numbers = cells
    items = [item for item in map(whole_of, numbers) if item is not None and 1 <= item <= 5]
    if skill not in ("N", "I", "E"):
        files.find(path, where, f"{trial}: skill {skill!r:.20} is none of N, I, E", "the scores are used")
    if len(items) != ITEMS:
        files.find(path, where, f"{trial}: items {' '.join(numbers)} are not six whole numbers from 1 to 5", "no score")
        return Meta(skill, ())
    if whole_of(total) != sum(items):
        what = f"{trial}: a total of {total:.20}, but the items add up to {sum(items)}"
        files.find(path, where, what, "the items are used")
    return Meta(skill, tuple(items))
