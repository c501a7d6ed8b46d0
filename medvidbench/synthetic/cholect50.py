"""Writes simulated recordings in CholecT50's own layout, marked as synthetic in three places.

The marks: `SYNTHETIC.txt`, "synthetic" in every label file's `info.dataset`, and video numbers from 201 on (real
ones end at 111). Boxes are filled as in the challenge set; seconds without an action carry a placeholder row with
their phase as in release 2.0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box
from medvidbench.sources.base import SYNTHETIC_MARKER
from medvidbench.sources.cholect50_classes import CLASSES, PHASES, TARGETS, TRIPLET_PARTS, TRIPLETS, VERBS
from medvidbench.synthetic.drawing import draw_background, draw_frame
from medvidbench.synthetic.scene import SceneTruth, make_scene

FIRST_NUMBER = 201

_NOTICE = """SYNTHETIC DATA
Drawn and labelled by medvidbench.synthetic in the file layout of CholecT50. No patient, no surgery, no camera.
Results on these recordings say nothing about CholecT50 or about surgery. Apache-2.0.
"""


def write_cholect50(out: Path, recordings: int = 12, seconds: int = 120, seed: int = 0) -> list[SceneTruth]:
    """Writes labels and frames of simulated recordings, and returns their truth.

    Args:
        out: a folder that is new or empty.
        recordings: how many, at least 1.
        seconds: about how long each is (0.75 to 1.5 times as long), at least 1.
        seed: another seed gives other recordings; the same gives the same bytes.

    Raises:
        MedVidBenchError: `out` holds something, so that no real data are mixed with drawn ones.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MedVidBenchError(f"{out} is not an empty folder.", accepted="a folder that is new or empty")
    for folder in ("labels", "videos"):
        (out / folder).mkdir(parents=True)
    (out / SYNTHETIC_MARKER).write_text(_NOTICE, encoding="utf-8", newline="")
    (out / "label_mapping.txt").write_text(label_mapping(), encoding="utf-8", newline="")
    scenes = [make_scene(FIRST_NUMBER + i, seconds, seed) for i in range(recordings)]
    for scene in scenes:
        _write_labels(out, scene)
        _write_frames(out, scene)
    return scenes


def label_mapping() -> str:
    """The text of `label_mapping.txt`: triplet id, its parts, and the two pair ids, as published."""
    rows = ["# IVT, I, V, T, IV, IT"]
    for number, (instrument, verb, target) in enumerate(TRIPLET_PARTS):
        pairs = (instrument * len(VERBS) + verb, instrument * len(TARGETS) + target)
        rows.append(",".join(map(str, (number, instrument, verb, target, *pairs))))
    return "\n".join(rows) + "\n"


def _write_labels(out: Path, scene: SceneTruth) -> None:
    document = {
        "info": {
            "dataset": "synthetic recordings in the CholecT50 layout",
            "version": 2.0,
            "description": "Drawn by medvidbench.synthetic; no surgery was filmed",
            "bbox format": "[x1,y1,bw,bh] == [top_left_x, top_left_y, box_width, box_height]",
        },
        "licenses": {"id": 1, "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "categories": {
            kind: {str(number): name for number, name in enumerate(CLASSES[kind])}
            for kind in ("instrument", "verb", "target", "phase", "triplet")
        },
        "video": scene.number,
        "fps": 1,
        "num_frames": scene.seconds,
        "annotations": {str(second): _vectors(scene, second) for second in range(scene.seconds)},
    }
    path = out / "labels" / f"VID{scene.number:02d}.json"
    path.write_text(json.dumps(document), encoding="utf-8", newline="")


def _vectors(scene: SceneTruth, second: int) -> list[list[Any]]:
    phase = PHASES.index(scene.phase_at(second))
    absent = [-1.0] * 4
    rows: list[list[Any]] = []
    for action, box in scene.at_work(second):
        triplet = TRIPLETS.index(action.triplet)
        instrument, verb, target = TRIPLET_PARTS[triplet]
        rows.append([triplet, instrument, 1.0, *_relative(box, scene), verb, target, 1.0, *absent, phase])
    return rows or [[-1, -1, -1.0, *absent, -1, -1, -1.0, *absent, phase]]


def _relative(box: Box, scene: SceneTruth) -> list[float]:
    """Normalised x, y, width, height."""
    width, height = box.x2 - box.x1, box.y2 - box.y1
    return [box.x1 / scene.width, box.y1 / scene.height, width / scene.width, height / scene.height]


def _write_frames(out: Path, scene: SceneTruth) -> None:
    folder = out / "videos" / f"VID{scene.number:02d}"
    folder.mkdir()
    background = draw_background(scene)
    for second in range(scene.seconds):
        draw_frame(scene, second, background).save(folder / f"{second:06d}.png", compress_level=1)
