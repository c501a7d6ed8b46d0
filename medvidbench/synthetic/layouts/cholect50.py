"""CholecT50's layout: `labels/VIDnnn.json`, one PNG a second from 000000.png, `label_mapping.txt`.

Instrument boxes are filled as in the challenge set. A second without an action carries a placeholder row with its
phase, as in release 2.0. Every third recording has a hole: three seconds inside its longest phase without labels and
without frames, as in the challenge set. While the camera is outside the body nothing but the phase is labelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.records import Box, FrameFile, Recording, Segment, TimedBox, Track
from medvidbench.sources.cholect50_classes import CLASSES, INSTRUMENTS, TARGETS, TRIPLET_PARTS, TRIPLETS, VERBS
from medvidbench.sources.groups import group_of
from medvidbench.sources.timeline import runs
from medvidbench.synthetic.layouts.base import Layout, Shot, Take, segments_by_label, xywh
from medvidbench.synthetic.layouts.cholec_numbers import cholect50_numbers
from medvidbench.synthetic.layouts.disk import DESCRIPTION, LICENCE, write_json, write_text
from medvidbench.synthetic.truth import Action, Scene, World

HOLE = 3
_PHASES = CLASSES["phase"]
_ABSENT = [-1.0] * 4


class CholecT50Layout(Layout):
    """Writes CholecT50."""

    key: ClassVar[str] = "cholect50"
    name: ClassVar[str] = "CholecT50"
    world: ClassVar[World] = "cholecystectomy"

    def numbers(self, count: int) -> list[int]:
        """Some below 81 that Cholec80-CVS has too, the others from 201 on."""
        return cholect50_numbers(count)

    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """VIDnnn."""
        return f"VID{scene.number:02d}"

    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """The label files and the label map."""
        write_text(root / "label_mapping.txt", label_mapping())
        for take in takes:
            write_json(root / "labels" / f"{take.recording_id}.json", _document(take))

    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """One PNG for each second that is not in the hole."""
        for take in takes:
            seconds = _seconds(take)
            names = tuple(f"{second:06d}.png" for second in seconds)
            yield Shot(take.scene, root / "videos" / take.recording_id, tuple(map(float, seconds)), names)

    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """Phases as they are, triplets and instruments without the hole."""
        return [_recording(take) for take in sorted(takes, key=lambda take: take.scene.number)]


def label_mapping() -> str:
    """The text of `label_mapping.txt`: triplet id, its parts, and the two pair ids, as published."""
    rows = ["# IVT, I, V, T, IV, IT"]
    for number, (instrument, verb, target) in enumerate(TRIPLET_PARTS):
        pairs = (instrument * len(VERBS) + verb, instrument * len(TARGETS) + target)
        rows.append(",".join(map(str, (number, instrument, verb, target, *pairs))))
    return "\n".join(rows) + "\n"


def triplets_at(scene: Scene, second: int) -> list[tuple[Action, Box | None]]:
    """The labelled actions of a second, each with its instrument's box where that is in view; none when outside."""
    if scene.is_outside(second):
        return []
    boxes = {track.object_id: sighting.box for track, sighting in scene.seen_at(second)}
    return [(a, boxes.get(a.object_id)) for a in scene.actions_at(second) if a.label in TRIPLETS]


def _hole(take: Take) -> range:
    """Seconds without labels and frames, inside the longest phase; none where that is too short."""
    longest = max(take.scene.phases, key=lambda phase: phase.end - phase.start)
    if take.ordinal % 3 != 1 or longest.end - longest.start < 3 * HOLE:
        return range(0)
    first = int(longest.start + longest.end) // 2
    return range(first, first + HOLE)


def _seconds(take: Take) -> list[int]:
    return [second for second in range(take.scene.seconds) if second not in _hole(take)]


def _document(take: Take) -> dict[str, Any]:
    seconds = _seconds(take)
    return {
        "info": {
            "dataset": "synthetic recordings in the CholecT50 layout",
            "version": 2.0,
            "description": DESCRIPTION,
            "bbox format": "[x1,y1,bw,bh] == [top_left_x, top_left_y, box_width, box_height]",
        },
        "licenses": LICENCE,
        "categories": {kind: {str(n): name for n, name in enumerate(names)} for kind, names in CLASSES.items()},
        "video": take.scene.number,
        "fps": 1,
        "num_frames": len(seconds),
        "annotations": {str(second): _vectors(take.scene, second) for second in seconds},
    }


def _vectors(scene: Scene, second: int) -> list[list[Any]]:
    phase = _PHASES.index(scene.phase_at(second))
    rows: list[list[Any]] = []
    for action, box in triplets_at(scene, second):
        triplet = TRIPLETS.index(action.label)
        instrument, verb, target = TRIPLET_PARTS[triplet]
        place = xywh(box, scene.width, scene.height) if box else _ABSENT
        rows.append([triplet, instrument, 1.0, *place, verb, target, 1.0, *_ABSENT, phase])
    return rows or [[-1, -1, -1.0, *_ABSENT, -1, -1, -1.0, *_ABSENT, phase]]


# --- what must be read ------------------------------------------------------------------------------


def _recording(take: Take) -> Recording:
    scene, seconds, folder = take.scene, _seconds(take), f"videos/{take.recording_id}"
    triplets = segments_by_label(seconds, lambda s: [a.label for a, _ in triplets_at(scene, s)], "triplet")
    return Recording(
        source=CholecT50Layout.name,
        recording_id=take.recording_id,
        group=group_of(CholecT50Layout.name, take.recording_id),
        duration=float(scene.seconds),
        native_fps=1.0,
        width=scene.width,
        height=scene.height,
        frames=tuple(FrameFile(f"{folder}/{second:06d}.png", float(second)) for second in seconds),
        segments=(*(Segment(p.start, p.end, p.label, "phase") for p in scene.phases), *triplets),
        tracks=tuple(_tracks(scene, seconds)),
        labels=tuple(CLASSES.items()),
        procedure="laparoscopic cholecystectomy",
    )


def _tracks(scene: Scene, seconds: list[int]) -> Iterator[Track]:
    """One track for each run of seconds that show one box of a class; two boxes of it have no identity."""
    for name in INSTRUMENTS:
        boxes: dict[int, Box] = {}
        for second in seconds:
            held = {box for action, box in triplets_at(scene, second) if box and action.tool == name}
            if len(held) == 1:
                boxes[second] = held.pop()
        for number, (first, last) in enumerate(runs(boxes), start=1):
            run = tuple(TimedBox(float(second), boxes[second]) for second in range(first, last + 1))
            yield Track(f"{name}#{number}", name, run)
