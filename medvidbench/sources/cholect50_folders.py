"""Where CholecT50's files lie below the folder that a user names, and which frames are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Finding
from medvidbench.sources.base import Source, existing_folder
from medvidbench.sources.cholect50_labels import shorten

_MAX_DEPTH = 3
# (label folder, label file suffix, frame folder) of release 2.0 and of CholecT45.
_LAYOUTS = (("labels", ".json", "videos"), ("triplet", ".txt", "data"))
_VIDEO = re.compile(r"vid[_-]?0*(\d{1,4})", re.IGNORECASE)
# A second download of a file by a browser is named "000030 (1).png": only the plain name is a frame.
_FRAME = re.compile(r"[0-9]{6}\.png")


@dataclass(frozen=True)
class Folders:
    """What was found: label files and frame folders by video number."""

    base: Path
    labels: dict[int, Path]
    videos: dict[int, Path]
    dictionary: Path | None
    findings: tuple[Finding, ...]


@dataclass
class Frames:
    """The frames of one recording on disk by index, the image size in pixels (0 when unknown), and what was wrong."""

    paths: dict[int, Path] = field(default_factory=dict)
    width: int = 0
    height: int = 0
    findings: list[Finding] = field(default_factory=list)


def find_folders(root: Path, source: Source) -> Folders:
    """The shallowest folder at or below `root` that has a label folder with labels of videos.

    Raises:
        MedVidBenchError: `root` is missing, or holds no such folder, or several.
    """
    level = [existing_folder(root, source)]
    for _ in range(_MAX_DEPTH + 1):
        found = [folders for place in level for folders in _layouts_at(root, place)]
        if len(found) > 1:
            places = ", ".join(str(folders.base) for folders in found)
            raise MedVidBenchError(f"{root} holds {source.name} more than once: {places}.", remedy="Name one of them.")
        if found:
            return found[0]
        level = [child for place in level for child in _folders(place) if not _VIDEO.fullmatch(child.name)]
    entries = sorted(entry.name for entry in root.iterdir())
    raise MedVidBenchError(
        seen=f"{root} is not laid out as {source.name}; it holds: {shorten(entries) or 'nothing'}.",
        accepted=source.layout,
        remedy=source.obtain,
    )


def find_frames(root: Path, folder: Path | None) -> Frames:
    """The frames in a recording's folder; the size comes from the first image that can be read."""
    frames = Frames()
    if folder is None:
        return frames
    names = sorted(entry.name for entry in folder.iterdir())
    frames.paths = {int(name[:6]): folder / name for name in names if _FRAME.fullmatch(name)}
    strange = [name for name in names if not _FRAME.fullmatch(name)]
    place = folder.relative_to(root).as_posix()
    if strange:
        what = f"{len(strange)} entries not named like 000000.png: {shorten(strange)}"
        frames.findings.append(Finding(place, "", what, "left out"))
    for index, path in frames.paths.items():
        size = _image_size(path)
        if size is not None:
            frames.width, frames.height = size
            break
        frames.findings.append(Finding(place, f"frame {index}", "not readable as an image", "kept in the index"))
    return frames


def _folders(place: Path) -> list[Path]:
    return sorted(child for child in place.iterdir() if child.is_dir() and not child.name.startswith("."))


def _layouts_at(root: Path, place: Path) -> Iterator[Folders]:
    """The layout at one place, if any; release 2.0 wins over CholecT45."""
    children = {child.name.lower(): child for child in _folders(place)}
    for label_name, suffix, frame_name in _LAYOUTS:
        label_folder, frame_folder = children.get(label_name), children.get(frame_name)
        if label_folder is None:
            continue
        labels, strange = _by_number(sorted(label_folder.iterdir()), suffix)
        if not labels:
            continue
        videos, strange_folders = _by_number(_folders(frame_folder) if frame_folder else [], "")
        findings = [Finding(path.relative_to(root).as_posix(), "", what, "left out") for path, what in strange]
        findings += [Finding(path.relative_to(root).as_posix(), "", what, "left out") for path, what in strange_folders]
        yield Folders(place, labels, videos, children.get("dict"), tuple(findings))
        return


def _by_number(paths: list[Path], suffix: str) -> tuple[dict[int, Path], list[tuple[Path, str]]]:
    """Paths by the video number in their name, and the rest with what is wrong with each."""
    found: dict[int, Path] = {}
    strange: list[tuple[Path, str]] = []
    for path in paths:
        match = _VIDEO.fullmatch(path.name[: len(path.name) - len(suffix)])
        if match is None or path.suffix.lower() != suffix:
            strange.append((path, f"not named like VID01{suffix}"))
        elif int(match[1]) in found:
            strange.append((path, f"a second entry for video {int(match[1])}"))
        else:
            found[int(match[1])] = path
    return found, strange


def _image_size(path: Path) -> tuple[int, int] | None:
    """Width and height from the image's header (videos of the challenge set differ in size), or None."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError):
        return None
