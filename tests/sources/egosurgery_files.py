"""Tables, box files and frames laid out as EgoSurgery, written by hand for each test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from medvidbench.records import Recording
from medvidbench.sources.egosurgery import EgoSurgery

TOOLS = [
    *("Bipolar Forceps", "Electric Cautery", "Forceps", "Gauze", "Hook", "Mouth Gag", "Needle Holders", "Raspatory"),
    *("Retractor", "Scalpel", "Scissors", "Skewer", "Suction Cannula", "Syringe", "Tweezers"),
]
HANDS = ["Own hands left", "Own hands right", "Other hands left", "Other hands right"]
SCISSORS, SCALPEL = 10, 9
BY_SPLIT = "annotations/bbox/by_split/tools/train.json"
BoxRow = tuple[str, int, list[Any]]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def phases(root: Path, clip: str, rows: dict[int, str], place: str = "annotations/phase") -> Path:
    lines = "".join(f"{clip}_{number:04d},{phase}\n" for number, phase in rows.items())
    return write(root / place / f"{clip}.csv", "Frame,Phase\n" + lines)


def coco(
    root: Path,
    rows: list[BoxRow],
    place: str = BY_SPLIT,
    first_id: int = 0,
    split: str = "train",
    names: list[str] = TOOLS,
    first_class: int = 0,
    **changes: Any,
) -> Path:
    """A box file from (frame, class id, [x, y, w, h]); a row without a box gives its frame alone."""
    frames = list(dict.fromkeys(frame for frame, _, _ in rows))
    images = [
        {"id": first_id + i, "width": 1920, "height": 1080, "file_name": f"{split}/{f[:2]}/{f}.jpg", "video_id": 1}
        | {"frame_id": i + 1}
        for i, f in enumerate(frames)
    ]
    annotations = [
        {"id": i, "image_id": first_id + frames.index(frame), "category_id": number, "bbox": box, "iscrowd": 0}
        for i, (frame, number, box) in enumerate(rows)
        if box
    ]
    document = {
        "categories": [{"id": first_class + i, "name": name, "supercategory": ""} for i, name in enumerate(names)],
        "images": images,
        "annotations": annotations,
    }
    return write(root / place, json.dumps({**document, **changes}))


def images(root: Path, names: list[str], place: str = "images/01", size: tuple[int, int] = (1920, 1080)) -> None:
    (root / place).mkdir(parents=True, exist_ok=True)
    first = root / place / f"{names[0]}.jpg"
    Image.new("RGB", size).save(first)
    for name in names[1:]:
        (root / place / f"{name}.jpg").write_bytes(first.read_bytes())


def only(root: Path) -> Recording:
    (recording,) = EgoSurgery().recordings(root)
    return recording


def whats(recording: Recording) -> list[str]:
    return [finding.what for finding in recording.findings]


def tracks(recording: Recording) -> list[tuple[str, str, list[float]]]:
    return [(track.track_id, track.label, [b.time for b in track.boxes]) for track in recording.tracks]
