"""AVOS's boxes of hands and tools: three forms, one frame in a minute or so, no identities.

A frame that several forms describe is read from the first of: the official table (`image_name,x1,y1,x2,y2,class`,
pixels), the YOLO files (class, centre and size divided by the image's), the RetinaNet tables (pixels, older and
without hands). YOLO boxes become pixels only where an image, a folder of frames or a video gives the frame's size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from medvidbench.records import Box, TimedBox, Track
from medvidbench.sources.avos_tables import Layout
from medvidbench.sources.files import Files, number_of, whole_of

FPS = 15.0
CLASSES = {0: "bovie", 1: "forceps", 2: "needledriver", 3: "hand"}
TOOLS = frozenset({*CLASSES.values(), "scalpel"})
_IMAGE = re.compile(r"(.{11})-(\d{9})")

Boxes = dict[str, dict[int, list[tuple[str, Box]]]]
"""(class, box) pairs by video id and 15-fps frame; an annotated frame without an object has an empty list."""


def read_classes(files: Files, layout: Layout) -> dict[int, str]:
    """The classes of the YOLO files by id, from `hand_tool_class_names.csv` where it is there."""
    rows = (files.rows(layout.class_names) if layout.class_names else None) or []
    listed = {whole_of(cells[1]): cells[0] for _, cells in rows if len(cells) == 2}
    return {number: name for number, name in listed.items() if number is not None} or CLASSES


def read_pixel_boxes(files: Files, layout: Layout) -> tuple[Boxes, Boxes]:
    """The boxes given in pixels: those of the official table, and those of the RetinaNet tables."""
    official: Boxes = {}
    for row in (files.table(layout.official_boxes, _OFFICIAL) if layout.official_boxes else None) or []:
        _add(files, layout.official_boxes or Path(), row.where, [row[name] for name in _OFFICIAL], official)
    older: Boxes = {}
    for path in layout.pixel_boxes:
        for where, cells in files.rows(path) or []:
            _add(files, path, where, cells, older)
    return official, older


def read_yolo_boxes(
    files: Files, paths: dict[int, Path], classes: dict[int, str], size: tuple[int, int]
) -> dict[int, list[tuple[str, Box]]]:
    """One video's YOLO boxes in pixels by frame; {} with a finding when the frame's size is unknown."""
    found: dict[int, list[tuple[str, Box]]] = {}
    for frame, path in sorted(paths.items()):
        found[frame] = list(_yolo_rows(files, path, classes, size))
    total = sum(map(len, found.values()))
    if 0 in size:
        if total:
            first = next(path for path in paths.values())
            what = f"{total} boxes without an image or a video, whose size scales them"
            files.find(first.parent, first.name.rsplit("-", 1)[0], what, "left out")
        return {}
    return found


def tracks_of_frames(frames: dict[int, list[tuple[str, Box]]]) -> tuple[Track, ...]:
    """A track of one box for each box: the frames lie too far apart to say which object is which."""
    tracks = []
    for frame, boxes in sorted(frames.items()):
        for number, (name, box) in enumerate(boxes, start=1):
            tracks.append(Track(f"{frame:09d}#{number}", name, (TimedBox(frame / FPS, box),)))
    return tuple(tracks)


_OFFICIAL = ("image_name", "x1", "y1", "x2", "y2", "class")


def _add(files: Files, path: Path, where: str, cells: list[str], boxes: Boxes) -> None:
    image = _IMAGE.fullmatch(re.split(r"[/\\]", cells[0])[-1].rsplit(".", 1)[0])
    if image is None or len(cells) != 6:
        files.find(path, where, f"{','.join(cells)!r:.100} is no image with a box and a class", "left out")
        return
    listed = boxes.setdefault(image[1], {}).setdefault(int(image[2]), [])
    if not any(cells[1:]):
        return  # a negative image: looked at, and no object in it
    corners, name = [number_of(cell) for cell in cells[1:5]], cells[5].lower()
    x1, y1, x2, y2 = corners
    if x1 is None or y1 is None or x2 is None or y2 is None or x2 <= x1 or y2 <= y1:
        files.find(path, where, f"{cells[1:5]} is no box x1, y1, x2, y2", "left out")
    elif name not in TOOLS:
        files.find(path, where, f"the class {name!r:.50} is none of {', '.join(sorted(TOOLS))}", "left out")
    else:
        listed.append((name, Box(x1, y1, x2, y2)))


def _yolo_rows(files: Files, path: Path, classes: dict[int, str], size: tuple[int, int]) -> Iterator[tuple[str, Box]]:
    for where, line in files.lines(path):
        numbers = [number_of(cell) for cell in line.split()]
        values = [value for value in numbers if value is not None]
        if len(numbers) != 5 or len(values) != 5 or min(values[3:]) <= 0 or max(map(abs, values[1:])) > 1:
            files.find(path, where, f"{line!r:.100} is no class and box in parts of the image", "left out")
            continue
        if (name := classes.get(int(values[0]))) is None:
            files.find(path, where, f"no class {values[0]:g}", "left out")
            continue
        yield name, _pixels(values[1:], size)


def _pixels(cxcywh: list[float], size: tuple[int, int]) -> Box:
    """A box given by centre and size in parts of the image, as pixels cut at the image's border."""
    (cx, cy, w, h), (width, height) = cxcywh, size
    x1, y1, x2, y2 = (cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height
    return Box(max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2))
