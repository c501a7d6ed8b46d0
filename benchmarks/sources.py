"""Time and memory to read and check all annotations of a source, at its published size.

    python benchmarks/sources.py [KEY=FOLDER ...]

With folders it reads those; without, it writes made-up label files of the published counts for CholecTrack20 (35,009
frames, 65,247 boxes), EgoSurgery (15,437 frames, 49,652 tool and 46,320 hand boxes by split and again by video, 27,694
phase rows), JIGSAWS (103 trials of 3,500 kinematics rows) and Cholec80 (80 phase files of 57,000 rows, 572 rows of
scores), and reads them. Each source is read in a process of its own: `check`, then every recording.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TRACKED, BOXES = 35_009, 65_247
TRAIN = [2, 4, 11, 13, 17, 23, 31, 37, 96, 103, 1, 6, 7, 12, 25, 39, 92, 110, 111, 3]
CVS_HEADER = "video,critical_view,initial_minute,initial_second,final_minute,final_second,two_structures,cystic_plate"


def main() -> None:
    given = [argument.split("=", 1) for argument in sys.argv[1:]]
    if len(given) == 1 and given[0][0].startswith("read:"):
        read(given[0][0].removeprefix("read:"), Path(given[0][1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        places = [(key, Path(place)) for key, place in given] or [(key, write(Path(folder))) for key, write in WRITERS]
        print(f"{'source':<14}{'seconds':>9}{'MB':>8}{'recordings':>12}{'segments':>10}{'boxes':>9}{'rated':>7}")
        for key, place in places:
            subprocess.run([sys.executable, __file__, f"read:{key}={place}"], check=True)


def read(key: str, root: Path) -> None:
    from medvidbench.sources.registry import source_of

    source = source_of(key)
    before = time.perf_counter()
    source.check(root)
    counts = [0, 0, 0, 0]
    for recording in source.recordings(root):
        boxes = sum(len(track.boxes) for track in recording.tracks)
        row = (1, len(recording.segments), boxes, len(recording.rated))
        counts = [a + b for a, b in zip(counts, row, strict=True)]
    seconds = time.perf_counter() - before
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{key:<14}{seconds:>9.2f}{megabytes:>8.0f}{counts[0]:>12}{counts[1]:>10}{counts[2]:>9}{counts[3]:>7}")


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def cholectrack20(folder: Path) -> Path:
    root, credit = folder / "cholectrack20", 0
    flags = dict.fromkeys(
        ["visibility", "visible", "crowded", "occluded", "bleeding", "smoke", "blurred", "reflection", "stainedlens"], 0
    )
    for place, number in enumerate(TRAIN):
        frames: dict[str, list[dict[str, Any]]] = {}
        for second in range(TRACKED // 20 + (place < TRACKED % 20)):
            credit += BOXES - TRACKED
            count = 2 if credit >= TRACKED else 1
            credit -= TRACKED * (count - 1)
            frames[str(1 + 25 * second)] = [
                {"instrument": i, "verb": 1, "target": 0, "triplet": 17 if i == 0 else -1, "phase": second // 300 % 7}
                | {"tool_bbox": [0.263525, 0.431251, 0.363525, 0.191251], "operator": 3, "area": 29234.0, "score": 1.0}
                | {"intraoperative_track": i, "intracorporeal_track": second // 200 * 2 + i}
                | {"visibility_track": second // 40 * 2 + i + 1, **flags}
                for i in range(count)
            ]
        video = {"seq": f"VID{number:02d}", "split": "training", "height": 480, "width": 854, "num_frames": len(frames)}
        put(
            root / f"Training/VID{number:02d}/VID{number:02d}.json", json.dumps({"video": video, "annotations": frames})
        )
    return root


def egosurgery(folder: Path) -> Path:
    from medvidbench.sources.egosurgery_labels import CLASSES, PHASES

    root, images = folder / "egosurgery", 15_437
    for kind, boxes in (("tool", 49_652), ("hand", 46_320)):
        names = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(CLASSES[kind])]
        for video in range(1, 16):
            frames = [f"{video:02d}_1_{n:04d}" for n in range(1, images // 15 + 1)]
            document = {
                "categories": names,
                "images": [
                    {
                        "id": i,
                        "width": 1920,
                        "height": 1080,
                        "file_name": f"train/{video:02d}/{frame}.jpg",
                        "license": 1,
                    }
                    for i, frame in enumerate(frames)
                ],
                "annotations": [
                    {
                        "id": i,
                        "image_id": i % len(frames),
                        "category_id": i // len(frames),
                        "iscrowd": 0,
                        "area": 71295.0,
                    }
                    | {"bbox": [961, 595, 147, 484], "segmentation": [[961, 595, 1108, 595, 1108, 1080, 961, 1080]]}
                    for i in range(boxes // 15)
                ],
            }
            text = json.dumps(document)
            put(root / f"annotations/bbox/by_split/{kind}s/part{video}.json", text)
            put(root / f"annotations/bbox/by_video/{kind}/{video:02d}/annotations.json", text)
    for video in range(1, 21):
        rows = "".join(f"{video:02d}_1_{n:04d},{PHASES[n // 50 % 9]}\n" for n in range(1, 27_694 // 20 + 1))
        put(root / f"annotations/phase/{video:02d}_1.csv", "Frame,Phase\n" + rows)
    return root


def jigsaws(folder: Path) -> Path:
    root = folder / "jigsaws/Suturing"
    trials = [f"Suturing_{letter}{number:03d}" for letter in "BCDEFGHI" for number in range(1, 14)][:103]
    put(root / "meta_file_Suturing.txt", "".join(f"{trial}\t\tN\t13\t\t3\t2\t1\t2\t2\t3\r\n" for trial in trials))
    kinematics = ("  ".join(["  0.123456"] * 76) + " \n") * 3500
    lines = "".join(f"{80 + 100 * i} {179 + 100 * i} G{1 + i % 5} \r\n" for i in range(30))
    for trial in trials:
        put(root / f"kinematics/AllGestures/{trial}.txt", kinematics)
        put(root / f"transcriptions/{trial}.txt", lines)
    return root


def cholec80cvs(folder: Path) -> Path:
    root = folder / "cholec80cvs"
    lines = "".join(f"{i}\t{'Preparation' if i < 9000 else 'CalotTriangleDissection'}\n" for i in range(57_000))
    rows = "".join(f"{1 + i % 80},0,{i // 80 * 2},5,{i // 80 * 2},50,1,0,0,1\n" for i in range(572))
    put(root / "cholec80-CVS.csv", f"{CVS_HEADER},hepatocystic_triangle,Total\n{rows}")
    for number in range(1, 81):
        put(root / f"phase_annotations/video{number:02d}-phase.txt", "Frame\tPhase\n" + lines)
        tools = "".join(f"{i}\t1\t0\t{i // 250 % 2}\t0\t0\t0\t0\n" for i in range(0, 57_000, 25))
        header = "Frame\tGrasper\tBipolar\tHook\tScissors\tClipper\tIrrigator\tSpecimenBag\n"
        put(root / f"tool_annotations/video{number:02d}-tool.txt", header + tools)
    return root


WRITERS = (
    ("cholectrack20", cholectrack20),
    ("egosurgery", egosurgery),
    ("jigsaws", jigsaws),
    ("cholec80cvs", cholec80cvs),
)

if __name__ == "__main__":
    main()
