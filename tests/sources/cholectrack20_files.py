"""Label files laid out as CholecTrack20, written by hand for each test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from medvidbench.records import Recording
from medvidbench.sources.cholectrack20 import CholecTrack20

TOOLS = ["grasper", "bipolar", "hook", "scissors", "clipper", "irrigator", "specimen-bag"]
GRASPER, HOOK = 0, 2


def tool(number: int, box: list[float], visibility: int = 1, **changes: Any) -> dict[str, Any]:
    row = {
        "instrument": number,
        "verb": -1,
        "target": -1,
        "triplet": -1,
        "phase": 0,
        "tool_bbox": box,
        "operator": 3,
        "intraoperative_track": 2,
        "intracorporeal_track": 19,
        "visibility_track": visibility,
        "smoke": 0,
        "bleeding": 0,
        "visible": 1,
    }
    return {**row, **changes}


def write(
    root: Path,
    annotations: dict[str, Any],
    place: str = "Training/VID02/VID02.json",
    split: str = "training",
    **changes: Any,
) -> Path:
    video = {"seq": "VID02", "split": split, "height": 480, "width": 854, "num_frames": len(annotations)}
    document = {
        "video": video,
        "categories": {"tools": [{"id": i, "name": name} for i, name in enumerate(TOOLS)]},
        "annotations": annotations,
    }
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**document, **changes}), encoding="utf-8")
    return path


def frames(folder: Path, keys: list[int], size: tuple[int, int] = (854, 480)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        Image.new("RGB", size).save(folder / f"{key:06d}.png")


def only(root: Path) -> Recording:
    (recording,) = CholecTrack20().recordings(root)
    return recording


def whats(recording: Recording) -> list[str]:
    return [finding.what for finding in recording.findings]


def of_kind(recording: Recording, kind: str) -> list[tuple[float, float, str]]:
    return [(s.start, s.end, s.label) for s in recording.segments if s.kind == kind]
