"""Label files damaged at random: an adapter may lose rows, but never raises and says what it lost."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Recording
from medvidbench.sources.registry import source_of

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    7.5,
    1e300,
    10**400,
    "",
    "x",
    "١٢",
    [],
    {},
    [[]],
    {"id": {}},
    "26",
    [1, 2],
    float("nan"),
]
TRIES = 120


def cholectrack20(root: Path) -> Path:
    row = {"instrument": 2, "verb": 1, "target": 0, "triplet": 17, "phase": 0, "tool_bbox": [0.1, 0.1, 0.2, 0.2]}
    row |= {"visibility_track": 1, "intracorporeal_track": 1, "intraoperative_track": 1, "smoke": 1}
    document = {
        "video": {"seq": "VID02", "split": "training", "height": 480, "width": 854, "num_frames": 2},
        "categories": {"tools": [{"id": 0, "name": "grasper"}], "operators": {"0": "null"}},
        "annotations": {"1": [row, row], "26": [row]},
    }
    return put(root / "Training/VID02/VID02.json", json.dumps(document))


def egosurgery(root: Path) -> Path:
    document = {
        "categories": [{"id": 0, "name": "Scalpel"}, {"id": 1, "name": "Hook"}],
        "images": [
            {"id": i, "file_name": f"train/01/01_1_000{i + 1}.jpg", "width": 1920, "height": 1080} for i in (0, 1)
        ],
        "annotations": [{"image_id": i, "category_id": i, "bbox": [1, 2, 3, 4]} for i in (0, 1)],
    }
    return put(root / "annotations/bbox/by_split/tools/train.json", json.dumps(document))


def egosurgery_phases(root: Path) -> Path:
    return put(root / "annotations/phase/01_1.csv", "Frame,Phase\n01_1_0001,design\n01_1_0002,incision\n")


def jigsaws(root: Path) -> Path:
    put(root / "Suturing/transcriptions/Suturing_B001.txt", "80 219 G1 \r\n220 300 G2 \r\n")
    return put(root / "Suturing/meta_file_Suturing.txt", "Suturing_B001\t\tN\t13\t\t3\t2\t1\t2\t2\t3\r\n")


def jigsaws_gestures(root: Path) -> Path:
    jigsaws(root)
    return root / "Suturing/transcriptions/Suturing_B001.txt"


def cholec80cvs(root: Path) -> Path:
    put(root / "videos_frames_index.csv", "video_name,final_frame\nvideo02,49999\n")
    header = "video,critical_view,initial_minute,initial_second,final_minute,final_second,"
    header += "two_structures,cystic_plate,hepatocystic_triangle,Total\n"
    return put(root / "surgeons_annotations.csv", header + "2,0,10,31,10,50,2,0,1,3\n2,0,11,31,12,50,0,0,1,1\n")


def cholec80cvs_phases(root: Path) -> Path:
    cholec80cvs(root)
    return put(root / "video02-phase.txt", "Frame\tPhase\n0\tPreparation\n1\tPreparation\n2\tCalotTriangleDissection\n")


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def read(key: str, root: Path) -> list[Recording]:
    source = source_of(key)
    source.check(root)
    source.missing(root)
    source.digest(root)
    return list(source.recordings(root))


def damaged_json(text: str, rng: random.Random) -> str:
    """The document with one value, somewhere, replaced by an odd one, or a key by another."""
    document = json.loads(text)
    places: list[tuple[Any, Any]] = []
    stack: list[Any] = [document]
    while stack:
        node = stack.pop()
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                stack.append(node[key])
    node, key = rng.choice(places)
    if isinstance(node, dict) and rng.random() < 0.2:
        node[str(rng.choice(ODD))[:20]] = node.pop(key)
    else:
        node[key] = rng.choice(ODD)
    return json.dumps(document)


def damaged_text(text: str, rng: random.Random) -> str:
    """The text with a cell replaced, a piece cut out, or a character exchanged."""
    place = rng.randrange(len(text))
    what = rng.randrange(3)
    if what == 0:
        return text[:place] + text[place + rng.randrange(9) :]
    if what == 1:
        return text[:place] + rng.choice('\n\r\t,;"\0 -1e9éN') + text[place + 1 :]
    cells = text.split(",") if "," in text else text.split("\t")
    cells[rng.randrange(len(cells))] = str(rng.choice(ODD))[:40]
    return ("," if "," in text else "\t").join(cells)


@pytest.mark.parametrize(
    ("key", "write", "damage"),
    [
        ("cholectrack20", cholectrack20, damaged_json),
        ("egosurgery", egosurgery, damaged_json),
        ("egosurgery", egosurgery_phases, damaged_text),
        ("jigsaws", jigsaws, damaged_text),
        ("jigsaws", jigsaws_gestures, damaged_text),
        ("cholec80cvs", cholec80cvs, damaged_text),
        ("cholec80cvs", cholec80cvs_phases, damaged_text),
        ("cholectrack20", cholectrack20, damaged_text),
    ],
)
def test_no_damage_raises_and_none_invents_truth(
    tmp_path: Path, key: str, write: Callable[[Path], Path], damage: Callable[[str, random.Random], str]
) -> None:
    path = write(tmp_path)
    text = path.read_text(encoding="utf-8")
    whole = size(read(key, tmp_path))
    assert whole > 0
    rng = random.Random(7)
    for _ in range(TRIES):
        path.write_text(damage(text, rng), encoding="utf-8", newline="")
        try:
            recordings = read(key, tmp_path)
        except MedVidBenchError:
            continue
        for recording in recordings:
            assert all(segment.start < segment.end <= recording.duration + 1e-9 for segment in recording.segments)
            assert all(r.start < r.end <= recording.duration + 1e-9 for r in recording.rated)
            assert all(finding.what and finding.done for finding in recording.findings)
        assert size(recordings) <= whole + 2  # a cut can divide one thing into two or three


def size(recordings: list[Recording]) -> int:
    """How many statements of truth there are."""
    return sum(len(r.segments) + len(r.rated) + len(r.tracks) for r in recordings)
