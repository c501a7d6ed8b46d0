"""Where EgoSurgery's files lie: phase tables, box files and frames, by clip, whatever the release and the folder."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from medvidbench.sources.base import Source, existing_folder, unknown_layout
from medvidbench.sources.files import Files, shorten
from medvidbench.sources.media import IMAGE_SUFFIXES

# "01_1_0016" and "01-1-0016" are both in use; the frame number restarts in each clip
_FRAME = re.compile(r"([0-9]{2})[-_]([0-9]{1,2})[-_]([0-9]{1,6})")
_CLIP = re.compile(r"([0-9]{2})[-_]([0-9]{1,2})")
_UNREAD: Final = {"gaze", "04_handtool", "05_egosurgery_hts"}
"""Folders that hold nothing a task uses: gaze points, and masks of hand-held tools."""
_FRAME_PLACE = re.compile(r"(\d\d_)?(images?|frames?)", re.IGNORECASE)


@dataclass
class Layout:
    """What was found; `files.findings` tells of the rest."""

    files: Files
    phases: dict[str, Path] = field(default_factory=dict)
    """Phase tables by clip."""
    boxes: list[Path] = field(default_factory=list)
    """JSON files, in the order in which they are believed."""
    frames: dict[str, dict[int, Path]] = field(default_factory=dict)
    """Frames by clip and number, ascending."""


def frame_of(name: str) -> tuple[str, int] | None:
    """Clip and frame number of a frame's name without suffix; None for anything else.

    >>> frame_of("01_1_0016"), frame_of("01-1-0016"), frame_of("01_1_0016 (1)"), frame_of("01_1_0000")
    (('01_1', 16), ('01_1', 16), None, None)
    """
    match = _FRAME.fullmatch(name)
    return (f"{match[1]}_{match[2]}", int(match[3])) if match and int(match[3]) > 0 else None


def find_layout(root: Path, source: Source) -> Layout:
    """The files of EgoSurgery at or below `root`, up to seven folders deep.

    Raises:
        MedVidBenchError: `root` is missing, or holds neither labels nor frames.
    """
    layout = Layout(Files(existing_folder(root, source)))
    tables: dict[str, list[Path]] = defaultdict(list)
    frames: dict[tuple[str, int], list[Path]] = defaultdict(list)
    unread: list[Path] = []
    for path, is_folder in layout.files.walk(root, skip=_UNREAD, depth=7):
        suffix = path.suffix.lower()
        if is_folder:
            unread += [path] if path.name.lower() in _UNREAD else []
        elif suffix in IMAGE_SUFFIXES:
            named = frame_of(path.stem)
            if named and _is_frame_place(root, path):
                frames[named].append(path)
        elif suffix == ".json":
            layout.boxes.append(path)
        elif suffix == ".csv" and (match := _CLIP.fullmatch(path.stem)):
            tables[f"{match[1]}_{match[2]}"].append(path)
    if not (tables or frames or layout.boxes):
        raise unknown_layout(root, source)
    for path in unread:
        layout.files.find(path, "", "gaze, or masks of hand-held tools", "not read: no task uses it")
    layout.boxes.sort(key=_belief)
    _take_first(layout, tables, frames)
    return layout


def _is_frame_place(root: Path, path: Path) -> bool:
    """Whether an image lies where frames lie: masks bear the same names in other folders."""
    above = (root.resolve().name, *path.relative_to(root).parts[:-1])
    return path.parent.name == path.stem[:2] or any(_FRAME_PLACE.fullmatch(place) for place in above)


def _belief(path: Path) -> tuple[int, int, str]:
    """The files of the official splits first, then the shallower ones."""
    return 0 if "by_split" in {part.lower() for part in path.parts} else 1, len(path.parts), str(path)


def _take_first(layout: Layout, tables: dict[str, list[Path]], frames: dict[tuple[str, int], list[Path]]) -> None:
    def order(path: Path) -> tuple[int, str]:
        return len(path.parts), str(path)

    for clip, paths in sorted(tables.items()):
        layout.phases[clip], *others = sorted(paths, key=order)
        if others:
            also = shorten([layout.files.name(path) for path in others])
            layout.files.find(layout.phases[clip], "", f"a second table of clip {clip}: {also}", "the first is used")
    repeated: list[str] = []
    for (clip, number), paths in sorted(frames.items()):
        first, *others = sorted(paths, key=order)
        layout.frames.setdefault(clip, {})[number] = first
        repeated += [layout.files.name(path) for path in others]
    if repeated:
        what = f"{len(repeated)} frames lie in a second place: {shorten(repeated)}"
        layout.files.find(layout.files.root, "", what, "the shallower one is used")
