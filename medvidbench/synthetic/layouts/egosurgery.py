"""EgoSurgery's layout: phase tables by clip, COCO files of tools and hands by split, frames at 0.5 per second.

Rows of a phase table are missing where no phase is labelled. Ids in the COCO files count from 0 (hand classes from 1)
and collide across splits; `video_id` and `frame_id` are running numbers; `file_name` begins with the split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.records import Box, FrameFile, Recording, Segment, TimedBox, Track
from medvidbench.sources.egosurgery_labels import HANDS, PHASES, TOOLS
from medvidbench.sources.groups import group_of
from medvidbench.sources.timeline import runs
from medvidbench.synthetic.layouts.base import Layout, Shot, Take
from medvidbench.synthetic.layouts.disk import DESCRIPTION, LICENCE, write_json, write_table
from medvidbench.synthetic.truth import Scene, World

STEP = 2
"""Seconds between two frames."""
CLASSES = {"tools": TOOLS, "hands": HANDS}
_PUBLISHED = {name.lower(): name for name in TOOLS} | {name.lower().replace("hands", "hand"): name for name in HANDS}
_FIRST_VIDEO = 31


class EgoSurgeryLayout(Layout):
    """Writes EgoSurgery."""

    key: ClassVar[str] = "egosurgery"
    name: ClassVar[str] = "EgoSurgery"
    world: ClassVar[World] = "open"
    most: ClassVar[int] = 2 * (100 - _FIRST_VIDEO)

    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """Video and clip; videos from 31 on have two clips each (the release ends at 21)."""
        return f"{_FIRST_VIDEO + ordinal // 2:02d}_{1 + ordinal % 2}"

    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """Phase tables, and boxes of tools and hands by split."""
        folder = root / "annotations"
        for take in takes:
            named = ((f"{take.recording_id}_{n:04d}", take.scene.phase_at(_time(n))) for n in _frames(take.scene))
            rows = [(frame, phase) for frame, phase in named if phase]
            write_table(folder / "phase" / f"{take.recording_id}.csv", [("Frame", "Phase"), *rows])
        for kind in CLASSES:
            for split in ("train", "val", "test"):
                own = [take for take in takes if _split(take) == split]
                write_json(folder / "bbox" / "by_split" / kind / f"{split}.json", _document(own, kind, split))

    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """One JPEG every two seconds."""
        for take in takes:
            numbers = _frames(take.scene)
            names = tuple(f"{take.recording_id}_{number:04d}.jpg" for number in numbers)
            times = tuple(float(_time(number)) for number in numbers)
            yield Shot(take.scene, root / "images" / take.recording_id[:2], times, names)

    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """Phases, and tracks of what is there once in consecutive frames."""
        return [_recording(take) for take in sorted(takes, key=lambda take: take.recording_id)]


def _split(take: Take) -> str:
    """Both clips of a video are on one side."""
    return ("train", "train", "val", "test")[take.ordinal // 2 % 4]


def _frames(scene: Scene) -> range:
    return range(1, (scene.seconds + STEP - 1) // STEP + 1)


def _time(number: int) -> int:
    """Seconds of a frame; the first is 1."""
    return STEP * (number - 1)


def _boxes(scene: Scene, number: int, kind: str) -> list[tuple[str, Box]]:
    named = ((_PUBLISHED[track.label], sighting.box) for track, sighting in scene.seen_at(_time(number)))
    return [(name, box) for name, box in named if name in CLASSES[kind]]


def _document(takes: Sequence[Take], kind: str, split: str) -> dict[str, Any]:
    """One COCO file."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    first = 1 if kind == "hands" else 0
    for place, take in enumerate(takes, start=1):
        for number in _frames(take.scene):
            for name, box in _boxes(take.scene, number, kind):
                category = CLASSES[kind].index(name) + first
                annotations.append(_annotation(len(annotations), len(images), category, box))
            images.append(_image(take, number, len(images), place, split))
    names = [{"supercategory": "", "id": n, "name": name} for n, name in enumerate(CLASSES[kind], start=first)]
    info = {"year": 2020, "version": "v1", "description": f"OpenSurgery; {DESCRIPTION}", "contributor": "medvidbench"}
    return {"info": info, "licenses": [LICENCE], "categories": names, "images": images, "annotations": annotations}


def _image(take: Take, number: int, image_id: int, video: int, split: str) -> dict[str, Any]:
    clip = take.recording_id
    return {
        "id": image_id,
        "width": take.scene.width,
        "height": take.scene.height,
        "file_name": f"{split}/{clip[:2]}/{clip}_{number:04d}.jpg",
        "license": 1,
        "flickr_url": None,
        "coco_url": None,
        "date_captured": None,
        "flickr_640_url": None,
        "video_id": video,
        "frame_id": number,
    }


def _annotation(number: int, image_id: int, category: int, box: Box) -> dict[str, Any]:
    x1, y1, x2, y2 = (int(corner) for corner in (box.x1, box.y1, box.x2, box.y2))
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category,
        "segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]],
        "area": float((x2 - x1) * (y2 - y1)),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "iscrowd": 0,
    }


# --- what must be read ------------------------------------------------------------------------------


def _recording(take: Take) -> Recording:
    scene, clip = take.scene, take.recording_id
    folder = f"images/{clip[:2]}"
    return Recording(
        source=EgoSurgeryLayout.name,
        recording_id=clip,
        group=group_of(EgoSurgeryLayout.name, clip),
        duration=float(STEP * len(_frames(scene))),
        native_fps=1 / STEP,
        width=scene.width,
        height=scene.height,
        frames=tuple(FrameFile(f"{folder}/{clip}_{n:04d}.jpg", float(_time(n))) for n in _frames(scene)),
        segments=tuple(Segment(p.start, p.end, p.label, "phase") for p in scene.phases),
        tracks=tuple(_tracks(scene)),
        labels=(("phase", PHASES), ("tool", TOOLS), ("hand", HANDS)),
        procedure="open surgery seen from the surgeon's head",
    )


def _tracks(scene: Scene) -> Iterator[Track]:
    """A track for each run of frames that show one box of a class; two of it have no identity."""
    for kind, names in CLASSES.items():
        shown = {number: _boxes(scene, number, kind) for number in _frames(scene)}
        for name in names:
            held = {number: {box for of, box in boxes if of == name} for number, boxes in shown.items()}
            single = {number: boxes.pop() for number, boxes in held.items() if len(boxes) == 1}
            for place, (first, last) in enumerate(runs(single), start=1):
                run = tuple(TimedBox(float(_time(n)), single[n]) for n in range(first, last + 1))
                yield Track(f"{name}#{place}", name, run)
