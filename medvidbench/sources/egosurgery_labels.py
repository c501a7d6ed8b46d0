"""EgoSurgery's two kinds of labels: phase tables by clip, and COCO files of tool and hand boxes.

The box files repeat each other (by split, by video, other exports). Ids mean nothing beyond one file: they start at 0
in each and collide across splits; `video_id` and `frame_id` are running numbers. Only a frame's name says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from medvidbench.records import Box
from medvidbench.sources.egosurgery_files import Layout, frame_of
from medvidbench.sources.files import Files, number_of, shorten, whole_of
from medvidbench.sources.tally import Tally

PHASES: Final = (
    "disinfection",
    "design",
    "anesthesia",
    "incision",
    "dissection",
    "hemostasis",
    "irrigation",
    "closure",
    "dressing",
)
TOOLS: Final = (
    "Bipolar Forceps",
    "Electric Cautery",
    "Forceps",
    "Gauze",
    "Hook",
    "Mouth Gag",
    "Needle Holders",
    "Raspatory",
    "Retractor",
    "Scalpel",
    "Scissors",
    "Skewer",
    "Suction Cannula",
    "Syringe",
    "Tweezers",
)
HANDS: Final = ("Own hands left", "Own hands right", "Other hands left", "Other hands right")
CLASSES: Final = {"tool": TOOLS, "hand": HANDS}
# the published boxes are whole pixels, up to one beyond the frame by rounding
_ROUNDING = 1.0

FrameBoxes = dict[str, list[Box]]
"""The boxes of one frame by class."""


@dataclass
class Boxes:
    """All boxes by kind ("tool", "hand"), clip and frame number; a frame without boxes has an empty entry."""

    frames: dict[str, dict[str, dict[int, FrameBoxes]]] = field(default_factory=lambda: {kind: {} for kind in CLASSES})
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Width and height in pixels by clip."""


def read_phases(files: Files, path: Path, clip: str) -> dict[int, str]:
    """The phase by frame number, from the frames' names: rows have gaps and may stand in any order."""
    known, tally = {_plain(name): name for name in PHASES}, Tally(files.name(path))
    found: dict[int, str] = {}
    for row in files.table(path, ("Frame", "Phase")) or []:
        named, phase = frame_of(PurePosixPath(row["Frame"]).stem), known.get(_plain(row["Phase"]))
        if named is None or named[0] != clip:
            tally.add(row.where, f"a frame that is not named {clip}_0001 or the like", "left out")
        elif phase is None:
            tally.add(row.where, f"phase {row['Phase']!r:.50} is none of the nine", "left out")
        elif found.setdefault(named[1], phase) != phase:
            tally.add(row.where, "a frame with two phases", "the first one is used")
    files.findings += tally.findings()
    return found


def read_boxes(layout: Layout) -> Boxes:
    """Reads every box file, the believed ones first: a frame's boxes come from the first file that has the frame.

    Findings go to the layout's files.
    """
    boxes = Boxes()
    for path in layout.boxes:
        faults = len(layout.files.findings)
        document = layout.files.json(path)
        if len(layout.files.findings) > faults:
            continue
        parts = (
            [document.get(key) for key in ("images", "annotations", "categories")] if isinstance(document, dict) else []
        )
        if not parts or not all(isinstance(part, list) for part in parts):
            layout.files.find(path, "", "no COCO file with images, annotations and categories", "left out")
            continue
        tally = Tally(layout.files.name(path))
        kind, names = _categories(parts[2] or [], tally)
        if kind:
            _File(boxes, kind, names, tally).read(parts[0] or [], parts[1] or [])
        layout.files.findings += tally.findings()
    return boxes


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _categories(given: list[Any], tally: Tally) -> tuple[str, dict[int, str]]:
    """The kind of a file's boxes, and its class names by id in their published spelling; ("", {}) for other classes."""
    own = {whole_of(c.get("id")): str(c.get("name")) for c in given if isinstance(c, dict)}
    for kind, published in CLASSES.items():
        known = {_plain(name): name for name in published}
        names = {
            number: known[_plain(name)] for number, name in own.items() if number is not None and _plain(name) in known
        }
        if names:
            strange = sorted(name for number, name in own.items() if number not in names)
            if strange:
                tally.add("categories", f"classes not published: {shorten(strange)}", "their boxes are left out")
            return kind, names
    tally.add("categories", f"neither tools nor hands: {shorten(sorted(own.values()))}", "the file is left out")
    return "", {}


class _File:
    """One COCO file being read into `boxes`."""

    def __init__(self, boxes: Boxes, kind: str, names: Mapping[int, str], tally: Tally) -> None:
        self.boxes, self.kind, self.names, self.tally = boxes, kind, names, tally
        self.place: dict[int, tuple[str, int]] = {}
        self.own: dict[tuple[str, int], FrameBoxes] = {}

    def read(self, images: list[Any], annotations: list[Any]) -> None:
        """Images, then boxes, then the frames that no believed file has given."""
        for number, image in enumerate(images):
            self._image(f"image {number}", image if isinstance(image, dict) else {})
        for number, annotation in enumerate(annotations):
            self._annotation(f"annotation {number}", annotation if isinstance(annotation, dict) else {})
        for (clip, frame), found in self.own.items():
            frames = self.boxes.frames[self.kind].setdefault(clip, {})
            if _sorted(frames.setdefault(frame, found)) != _sorted(found):
                self.tally.add(f"{clip}_{frame:04d}", "boxes other than in a file read before", "the former count")

    def _image(self, where: str, image: Mapping[str, Any]) -> None:
        # the folder in file_name is the split ("test/04/04_1_0511.jpg"), not where the frame lies
        named = frame_of(PurePosixPath(str(image.get("file_name")).replace("\\", "/")).stem)
        number = whole_of(image.get("id"))
        if named is None or number is None:
            self.tally.add(where, "no frame named like 01_1_0001.jpg, or no id", "left out, with its boxes")
            return
        if number in self.place:
            self.tally.add(where, "an id that an earlier image has", "left out: boxes are those of the earlier image")
            return
        self.place[number] = named
        if named in self.own:
            self.tally.add(where, "a frame that stands twice", "boxes of both entries are used, equal ones once")
        self.own.setdefault(named, {})
        width, height = whole_of(image.get("width")) or 0, whole_of(image.get("height")) or 0
        if width > 0 and height > 0 and self.boxes.sizes.setdefault(named[0], (width, height)) != (width, height):
            self.tally.add(where, "another frame size than before in this clip", "the first size is used")

    def _annotation(self, where: str, annotation: Mapping[str, Any]) -> None:
        image, category = whole_of(annotation.get("image_id")), whole_of(annotation.get("category_id"))
        named = self.place.get(image) if image is not None else None
        label = self.names.get(category) if category is not None else None
        if named is None:
            self.tally.add(where, "an image_id that no image has", "left out")
        elif label is None:
            self.tally.add(where, "a category_id that no published class has", "left out")
        else:
            box = self._box(where, annotation.get("bbox"), self.boxes.sizes.get(named[0], (0, 0)))
            held = self.own[named].setdefault(label, [])
            if box is not None and box not in held:
                held.append(box)

    def _box(self, where: str, values: Any, size: tuple[int, int]) -> Box | None:
        """x, y, width, height in pixels as xyxy, cut at the frame's border."""
        numbers = [number_of(value) for value in values] if isinstance(values, list) else []
        known = [number for number in numbers if number is not None]
        if len(known) != 4 or len(numbers) != 4 or known[2] <= 0 or known[3] <= 0:
            self.tally.add(where, "no box of x, y, width and height", "left out")
            return None
        x, y, w, h = known
        right, bottom = (size[0] or x + w, size[1] or y + h)
        cut = Box(max(0.0, x), max(0.0, y), min(float(right), x + w), min(float(bottom), y + h))
        if cut.x1 >= cut.x2 or cut.y1 >= cut.y2:
            self.tally.add(where, "a box outside the frame", "left out")
            return None
        if max(-x, -y, x + w - right, y + h - bottom) > _ROUNDING:
            self.tally.add(where, "a box that passes the border by over a pixel", "cut at the border")
        return cut


def _sorted(boxes: FrameBoxes) -> list[tuple[str, float, float, float, float]]:
    return sorted((label, b.x1, b.y1, b.x2, b.y2) for label, held in boxes.items() for b in held)


def clips_of(boxes: Boxes) -> set[str]:
    """The clips that have a frame in any box file."""
    return {clip for by_clip in boxes.frames.values() for clip in by_clip}
