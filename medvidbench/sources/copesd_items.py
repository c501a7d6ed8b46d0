"""CoPESD's JSON files: where they lie, and their items read into sentences and boxes by clip and frame."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvidbench.records import Box
from medvidbench.sources.base import Source, existing_folder, unknown_layout
from medvidbench.sources.files import Files, number_of, shorten

CLASSES = ("Forceps", "Knife")
XYWH_SHARE = 0.1
"""Share of a clip's boxes whose second corner must lie before the first for the clip to be read as x, y, w, h."""
CONSTANT_FROM = 20
"""Boxes of one instrument in a clip from which on they can't all be equal by chance."""
_FILE = re.compile(r"smllm[_-]?(train|val|test).*\.json")
# The authors' absolute Windows paths: the clip and the frame are the last two parts.
_IMAGE = re.compile(r"(?:.*[/\\])?([0-9]{1,9})[/\\]([0-9]{1,9})\.(?:jpe?g|png)", re.IGNORECASE)
_BOX = re.compile(r"(Forceps|Knife) ?\[([^\]]*)\]")

Corners = tuple[float, float, float, float]


@dataclass
class Frame:
    """One item: its place in the file, the grounded sentence, and the four numbers of each instrument as written."""

    where: str
    sentence: str
    numbers: dict[str, Corners] = field(default_factory=dict)


@dataclass
class ClipItems:
    """The items of one clip by frame number (from 1), the file they stand in, and its split."""

    file: Path
    split: str
    frames: dict[int, Frame] = field(default_factory=dict)


def find_files(files: Files, source: Source) -> dict[str, Path]:
    """The item files by split; a second file for a split is a finding.

    Raises:
        MedVidBenchError: the root is missing or holds no such file.
    """
    existing_folder(files.root, source)
    named: dict[str, list[Path]] = {}
    for path, is_folder in files.walk(files.root, skip=("high_light_images", "pad_images")):
        match = _FILE.fullmatch(path.name.lower())
        if match and not is_folder:
            named.setdefault(match[1], []).append(path)
    if not named:
        raise unknown_layout(files.root, source)
    return {split: _first(files, split, paths) for split, paths in named.items()}


def read_clips(files: Files, paths: dict[str, Path]) -> dict[str, ClipItems]:
    """The items of every file by clip; what is no item, and a second item for a frame, are findings."""
    clips: dict[str, ClipItems] = {}
    for split, path in sorted(paths.items()):
        items = files.json(path)
        if items is not None and not isinstance(items, list):
            files.find(path, "", f"a {type(items).__name__} instead of a list of items", "left out")
        for number, item in enumerate(items if isinstance(items, list) else []):
            _add(files, clips, path, split, f"item {number}", item)
    return dict(sorted(clips.items()))


def boxes_of(files: Files, clip: ClipItems, name: str, size: tuple[int, int]) -> dict[str, dict[int, Box]]:
    """A clip's boxes in pixels by instrument and frame number.

    The numbers are divided by the longer side of the image on both axes. They are x1, y1, x2, y2, but x, y, w, h in a
    clip where at least `XYWH_SHARE` of them would have their corners swapped and all fit the image as x, y, w, h.
    Boxes of one instrument that never change over `CONSTANT_FROM` frames follow nothing and are left out.

    Args:
        files: findings go there.
        clip: the clip's items.
        name: the clip's name, for findings.
        size: width and height of its images in pixels.
    """
    is_xywh = _is_xywh(files, clip, name, size)
    found: dict[str, dict[int, Box]] = {instrument: {} for instrument in CLASSES}
    for number, frame in sorted(clip.frames.items()):
        for instrument, numbers in frame.numbers.items():
            box = _pixels(numbers, is_xywh, size)
            if box is None:
                files.find(clip.file, frame.where, f"{instrument}{list(numbers)} is no box", "left out")
            else:
                found[instrument][number] = box
    for instrument in CLASSES:
        values = {frame.numbers[instrument] for frame in clip.frames.values() if instrument in frame.numbers}
        if len(values) == 1 and len(found[instrument]) >= CONSTANT_FROM:
            what = f"the {instrument} has one and the same box in {len(found[instrument])} frames"
            files.find(clip.file, f"clip {name}", what, "left out: it follows nothing")
            found[instrument] = {}
    return found


def _first(files: Files, split: str, paths: list[Path]) -> Path:
    """The file of a split: a browser's copy ("smllm_test (1).json") comes after all others."""
    first, *others = sorted(paths, key=lambda path: "(" in path.name)
    for path in others:
        files.find(path, "", f"a second file for {split}, beside {files.name(first)}", "left out")
    return first


def _add(files: Files, clips: dict[str, ClipItems], path: Path, split: str, where: str, item: Any) -> None:
    image, sentence = _parts(item)
    match = _IMAGE.fullmatch(image)
    if match is None or not sentence:
        files.find(path, where, f"no image with a sentence: {item!r:.150}", "left out")
        return
    clip = clips.setdefault(match[1], ClipItems(path, split))
    number = int(match[2])
    if clip.split != split and clip.split:
        files.find(path, where, f"clip {match[1]} is in {clip.split} too", "kept without an official split")
        clip.split = ""
    if number in clip.frames:
        files.find(path, where, f"a second item for frame {number} of clip {match[1]}", "the first one is used")
        return
    clip.frames[number] = Frame(where, sentence)
    _add_boxes(files, path, clip.frames[number])


def _parts(item: Any) -> tuple[str, str]:
    """The image's path and the answer's sentence of an item, "" for what is not there."""
    if not isinstance(item, dict):
        return "", ""
    turns = item.get("conversations")
    listed = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    said = next((turn.get("value") for turn in listed if turn.get("from") == "gpt"), None)
    image = item.get("image")
    return image if isinstance(image, str) else "", said if isinstance(said, str) else ""


def _add_boxes(files: Files, path: Path, frame: Frame) -> None:
    for instrument, text in _BOX.findall(frame.sentence):
        numbers = [number_of(part) for part in text.split(",")]
        known = [number for number in numbers if number is not None]
        if len(numbers) != 4 or len(known) != 4:
            files.find(path, frame.where, f"{instrument}[{text}] is no box", "left out")
        elif instrument in frame.numbers:
            files.find(path, frame.where, f"a second box of the {instrument}", "the first one is used")
        else:
            frame.numbers[instrument] = (known[0], known[1], known[2], known[3])


def _is_xywh(files: Files, clip: ClipItems, name: str, size: tuple[int, int]) -> bool:
    numbers = [corners for frame in clip.frames.values() for corners in frame.numbers.values()]
    swapped = sum(x2 < x1 or y2 < y1 for x1, y1, x2, y2 in numbers)
    bottom = size[1] / max(size)
    # two decimals: a box may pass the border by half a hundredth at each of its two ends
    fits = all(x + w <= 1.011 and y + h <= bottom + 0.011 and min(w, h) >= 0 for x, y, w, h in numbers)
    if swapped and swapped >= XYWH_SHARE * len(numbers) and fits:
        what = f"{swapped} of {len(numbers)} boxes would have their corners swapped as x1, y1, x2, y2"
        files.find(clip.file, f"clip {name}", what, "all boxes of the clip are read as x, y, w, h")
        return True
    return False


def _pixels(numbers: Corners, is_xywh: bool, size: tuple[int, int]) -> Box | None:
    """A box in pixels cut at the image's border; None when nothing of it is left."""
    x1, y1, x2, y2 = (number * max(size) for number in numbers)
    if is_xywh:
        x2, y2 = x1 + x2, y1 + y2
    box = Box(max(0.0, x1), max(0.0, y1), min(float(size[0]), x2), min(float(size[1]), y2))
    return box if box.x1 < box.x2 and box.y1 < box.y2 else None


def instruments(clips: dict[str, ClipItems]) -> Counter[str]:
    """How many boxes each instrument has, as they stand in the files."""
    return Counter(name for clip in clips.values() for frame in clip.frames.values() for name in frame.numbers)


def unknown_sentences(files: Files, clip: ClipItems, frames: list[int], name: str) -> None:
    """One finding on the frames of a clip whose sentence says no known motion."""
    if frames:
        examples = shorten([repr(clip.frames[number].sentence[:80]) for number in frames], 2)
        what = f"{len(frames)} sentences say no known motion: {examples}"
        files.find(clip.file, f"clip {name}", what, "these frames have no motion and no action")
