"""A few files laid out as CholecT50, written by hand for each test."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image


def words(text: str) -> list[str]:
    return text.split()


CLASS_NAMES = {
    "instrument": words("grasper bipolar hook scissors clipper irrigator"),
    "verb": words("grasp retract dissect coagulate clip cut aspirate irrigate pack null_verb"),
    "target": words(
        "gallbladder cystic_plate cystic_duct cystic_artery cystic_pedicle blood_vessel fluid abdominal_wall_cavity "
        "liver adhesion omentum peritoneum gut specimen_bag null_target"
    ),
    "phase": words(
        "preparation carlot-triangle-dissection clipping-and-cutting gallbladder-dissection gallbladder-packaging "
        "cleaning-and-coagulation gallbladder-extraction"
    ),
}


class CholecT50Files:
    """Writes frames and labels; `root` is what a user would name."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def frames(self, number: int, indices: Iterable[int], size: tuple[int, int] = (200, 100)) -> None:
        folder = self.root / "videos" / f"VID{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        for index in indices:
            Image.new("RGB", size).save(folder / f"{index:06d}.png")

    def labels(self, number: int, annotations: object, **changes: Any) -> Path:
        """`changes` replace top-level entries of the file; None leaves an entry out."""
        from medvidbench.sources.cholect50_classes import TRIPLETS

        names = {**CLASS_NAMES, "triplet": list(TRIPLETS)}
        document = {
            "categories": {kind: {str(i): name for i, name in enumerate(listed)} for kind, listed in names.items()},
            "video": number,
            "fps": 1,
            "num_frames": len(annotations) if isinstance(annotations, dict) else 0,
            "annotations": annotations,
        }
        document.update(changes)
        return self.write(number, json.dumps({k: v for k, v in document.items() if v is not None}))

    def write(self, number: int, text: str) -> Path:
        path = self.root / "labels" / f"VID{number:02d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return path


def vector(
    triplet: int, phase: int, box: list[float] | None = None, parts: tuple[int, int, int] = (0, 1, 0)
) -> list[Any]:
    """A 15-entry vector; 17 is grasper,retract,gallbladder, whose parts are the default."""
    instrument, verb, target = parts if triplet >= 0 else (-1, -1, -1)
    return [triplet, instrument, 1.0, *(box or [-1.0] * 4), verb, target, 1.0, -1.0, -1.0, -1.0, -1.0, phase]
