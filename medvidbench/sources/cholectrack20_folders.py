"""Where CholecTrack20's files lie: label files, videos and frame folders by video number, whatever the case."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from medvidbench.sources.base import Source, existing_folder, unknown_layout
from medvidbench.sources.files import Files, shorten
from medvidbench.sources.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES

_VIDEO = re.compile(r"vid[_-]?0*([0-9]{1,4})", re.IGNORECASE)
FRAME_FOLDERS = {"frames", "images"}
SPLIT_NAMES = {
    "training": "train",
    "train": "train",
    "validation": "val",
    "val": "val",
    "testing": "test",
    "test": "test",
}


@dataclass
class Folders:
    """What was found below a root, by video number; `files.findings` tells of the rest."""

    files: Files
    labels: dict[int, Path] = field(default_factory=dict)
    videos: dict[int, Path] = field(default_factory=dict)
    frames: dict[int, Path] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """The video numbers, ascending."""
        return sorted({*self.labels, *self.videos, *self.frames})


def find_folders(root: Path, source: Source) -> Folders:
    """The files of CholecTrack20 at or below `root`, up to six folders deep.

    Raises:
        MedVidBenchError: `root` is missing or holds none.
    """
    folders = Folders(Files(existing_folder(root, source)))
    found: dict[str, dict[int, list[Path]]] = {kind: defaultdict(list) for kind in ("labels", "videos", "frames")}
    strange: list[str] = []
    for path, is_folder in [(root, True), *folders.files.walk(root, skip=FRAME_FOLDERS, depth=6)]:
        kind, number = _folder_kind(path) if is_folder else _file_kind(path)
        if kind and number is not None:
            found[kind][number].append(path)
        elif not is_folder and path.suffix.lower() == ".json":
            strange.append(folders.files.name(path))
    if not found["labels"] and not found["videos"] and not found["frames"]:
        raise unknown_layout(root, source)
    if strange:
        folders.files.find(root, "", f"JSON files not named like VID01.json: {shorten(strange)}", "left out")
    folders.labels = _first(folders.files, found["labels"], "label file")
    folders.videos = _first(folders.files, found["videos"], "video")
    folders.frames = _first(folders.files, found["frames"], "folder of frames")
    return folders


def split_of(root: Path, path: Path) -> str:
    """The split that the nearest named folder above a file says, up to the root: "train", "val", "test", or ""."""
    inside = [place.name for place in path.parents if place.is_relative_to(root) and place != root]
    names = [name.lower() for name in (*inside, root.resolve().name)]
    return next((SPLIT_NAMES[name] for name in names if name in SPLIT_NAMES), "")


def _file_kind(path: Path) -> tuple[str, int | None]:
    match = _VIDEO.fullmatch(path.stem)
    suffix = path.suffix.lower()
    kind = "labels" if suffix == ".json" else "videos" if suffix in VIDEO_SUFFIXES else ""
    return kind, int(match[1]) if match else None


def _folder_kind(path: Path) -> tuple[str, int | None]:
    """`VID02/Frames`, `VID02/images`, or `VID02` when the frames lie in it directly."""
    is_inner = path.name.lower() in FRAME_FOLDERS
    named = path.parent if is_inner else path
    match = _VIDEO.fullmatch(named.name or named.resolve().name)
    if match is None:
        return "", None
    return ("frames" if is_inner or _holds_images(path) else ""), int(match[1])


def _holds_images(folder: Path) -> bool:
    # a folder that can't be read is a finding of `Files.walk`, which comes to it too
    entries = Files(folder).entries(folder)
    return any(Path(entry.name).suffix.lower() in IMAGE_SUFFIXES for entry in entries)


def _first(files: Files, found: dict[int, list[Path]], what: str) -> dict[int, Path]:
    """The shallowest path of each number; the others are a finding."""
    kept: dict[int, Path] = {}
    for number, paths in sorted(found.items()):
        kept[number], *others = sorted(paths, key=lambda path: (len(path.parts), str(path)))
        if others:
            also = shorten([files.name(path) for path in others])
            files.find(kept[number], "", f"a second {what} of video {number}: {also}", "the first is used")
    return kept
