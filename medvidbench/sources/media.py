"""Which videos and frames of a dataset are on disk: by id, whatever the case, the folder and the container."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from medvidbench.records import FrameFile
from medvidbench.sources.files import Files, shorten

VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".ts", ".flv")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
_IN_BRACKETS = re.compile(r".*\[([^\[\]]+)\]")
_RATE = re.compile(r"(?<![0-9.])([0-9]{1,3}(?:\.[0-9]{1,3})?) ?fps", re.IGNORECASE)
_COPY = re.compile(r"(.+?) ?\(\d+\)")


def media_of(
    files: Files, ids: Iterable[str], suffixes: Collection[str] = VIDEO_SUFFIXES, skip: Collection[str] = ()
) -> dict[str, Path]:
    """The video file or, without one, the folder of frames of each id that is on disk below the root.

    A name fits an id when it equals it, then when it differs in case alone and no other id does (YouTube ids are
    told apart by case), or when it ends with the id in brackets, as downloaders write it. Of several videos for one
    id the shallowest is taken, then the first by name, and a finding names the others. A browser's copy
    ("abc (1).mp4") counts only as such another.

    Args:
        files: the dataset; findings go there.
        ids: the recordings' ids.
        suffixes: accepted suffixes of videos, lower case with the dot.
        skip: names of folders, in lower case, that are not entered.
    """
    exact = set(ids)
    folded = _unambiguous(exact)
    videos: dict[str, list[Path]] = {}
    folders: dict[str, list[Path]] = {}
    # a folder that bears an id holds frames by the thousand: it is matched, and looked into only when it is needed
    closed = {*skip, *(name.lower() for name in exact)}
    for path, is_folder in files.walk(files.root, closed):
        if is_folder:
            found = _id_of(path.name, exact, folded)
            if found is not None:
                folders.setdefault(found, []).append(path)
        elif path.suffix.lower() in suffixes:
            found = _id_of(path.stem, exact, folded)
            if found is not None:
                videos.setdefault(found, []).append(path)
    framed = {name: kept for name, paths in folders.items() if (kept := _usable(files, paths, suffixes, videos, name))}
    return {name: _first(files, name, paths) for name, paths in sorted({**framed, **videos}.items())}


def note_unseen(files: Files, absent: Collection[str], total: int) -> None:
    """One finding on the annotated recordings, named by their ids, whose video or frames are not on disk."""
    if absent:
        what = f"{len(absent)} of {total} annotated recordings are not on disk: {shorten(sorted(absent))}"
        files.find(files.root, "", what, "annotation only: kept without video and frames")


def numbered_images(files: Files, folder: Path) -> dict[int, Path]:
    """The frames of a folder by the number in their name (`17.jpg`, `000017.png`), ascending.

    Other entries, and a second file for a number, are findings.
    """
    found: dict[int, Path] = {}
    strange: list[str] = []
    for entry in files.entries(folder):
        stem, dot, suffix = entry.name.rpartition(".")
        if not stem.isascii() or not stem.isdigit() or dot + suffix.lower() not in IMAGE_SUFFIXES:
            strange.append(entry.name)
        elif int(stem) in found:
            files.find(folder, f"frame {int(stem)}", f"a second file {entry.name}", "the first one is used")
        else:
            found[int(stem)] = Path(entry.path)
    if strange:
        files.find(folder, "", f"{len(strange)} entries not named like 000017.jpg: {shorten(strange)}", "left out")
    return dict(sorted(found.items()))


def timed_frames(files: Files, folder: Path, fps: float = 0.0, first: int | None = None) -> tuple[FrameFile, ...]:
    """The frames of a folder with their times, ascending.

    Args:
        files: the dataset; findings go there.
        folder: holds files named by number.
        fps: frames per second of the numbers; 0 takes it from the path ("frames_15fps/<id>"), and without one there
            the frames are left out with a finding.
        first: number of the frame at 0 s. Tools differ: None takes 0 when the folder has a frame 0, else 1.
    """
    rate = fps or frame_rate_in(files.name(folder))
    if rate <= 0:
        files.find(folder, "", 'no frame rate in the path, such as "frames_2fps"', "its frames are left out")
        return ()
    numbered = numbered_images(files, folder)
    start = first if first is not None else 0 if 0 in numbered else 1
    return tuple(FrameFile(files.name(path), (number - start) / rate) for number, path in numbered.items())


def frame_rate_in(name: str) -> float:
    """The frame rate that a path states, 0.0 without one.

    >>> frame_rate_in("AVOS/frames_15fps/-3gFrKiC99I"), frame_rate_in("frames")
    (15.0, 0.0)
    """
    match = _RATE.search(name)
    return float(match[1]) if match else 0.0


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image in pixels from its header; (0, 0) when it can't be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError):
        return 0, 0


def video_size(path: Path) -> tuple[int, int]:
    """Width and height of a video in pixels from its header; (0, 0) when it can't be read or PyAV is not installed."""
    return _probe(path)[0]


def video_duration(path: Path) -> float:
    """Length of a video in seconds as its header says; 0.0 when it can't be read or PyAV is not installed."""
    return _probe(path)[1]


def _probe(path: Path) -> tuple[tuple[int, int], float]:
    try:
        av: Any = import_module("av")
    except ImportError:
        return (0, 0), 0.0
    try:
        with av.open(str(path)) as container:
            stream = next(iter(container.streams.video), None)
            size = (int(stream.width), int(stream.height)) if stream is not None else (0, 0)
            return size, (container.duration or 0) / 1e6  # PyAV gives a container's length in microseconds
    except (av.error.FFmpegError, OSError, ValueError):
        return (0, 0), 0.0


def _unambiguous(ids: Collection[str]) -> dict[str, str]:
    folded: dict[str, list[str]] = {}
    for name in ids:
        folded.setdefault(name.lower(), []).append(name)
    return {lower: names[0] for lower, names in folded.items() if len(names) == 1}


def _id_of(stem: str, exact: Collection[str], folded: dict[str, str]) -> str | None:
    bracketed, copied = _IN_BRACKETS.fullmatch(stem), _COPY.fullmatch(stem)
    for name in (stem, bracketed[1] if bracketed else "", copied[1] if copied else ""):
        if name in exact:
            return name
        if name.lower() in folded:
            return folded[name.lower()]
    return None


def _usable(
    files: Files, folders: list[Path], suffixes: Collection[str], videos: dict[str, list[Path]], name: str
) -> list[Path]:
    """The folders of an id that hold frames; a video in such a folder joins the id's videos."""
    kept = []
    for folder in folders:
        inside = [Path(entry.path) for entry in files.entries(folder) if entry.is_file()]
        held = [path for path in inside if path.suffix.lower() in suffixes]
        if held:
            videos.setdefault(name, []).extend(held)
        if any(path.suffix.lower() in IMAGE_SUFFIXES for path in inside):
            kept.append(folder)
    return kept


def _first(files: Files, name: str, paths: list[Path]) -> Path:
    first, *others = sorted(paths, key=lambda p: (_COPY.fullmatch(p.stem) is not None, len(p.parts), str(p)))
    if others:
        named = shorten([files.name(path) for path in others])
        files.find(first, "", f"{name} is on disk more than once: also {named}", "the file named first is used")
    return first
