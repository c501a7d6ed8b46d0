"""CholecTrack20's layout: `Training|Validation|Testing/VIDnnn/` with a label file, and PNGs or, in Testing, an mp4.

A frame without a tool has no key and no PNG. Every second recording names verbs, targets and triplets, the others hold
-1 there, as most of the release. Every fifth has lower-case file names, as some downloads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.records import FrameFile, Recording, Segment, TimedBox, Track
from medvidbench.sources.cholect50_classes import PHASES, TARGETS, TRIPLETS, VERBS
from medvidbench.sources.groups import group_of
from medvidbench.synthetic.layouts.base import Layout, Shot, Take, segments_by_label, stretches, xywh
from medvidbench.synthetic.layouts.cholec_numbers import cholectrack20_numbers
from medvidbench.synthetic.layouts.disk import DESCRIPTION, write_json
from medvidbench.synthetic.truth import Action, ObjectTrack, Scene, Sighting, World

TOOLS = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator", "specimen-bag")
_NAMES = {name.replace("-", "_"): name for name in TOOLS}
OPERATORS = (
    "null",
    "main-surgeon-left-hand (MSLH)",
    "assistant-surgeon-right-hand (ASRH)",
    "main-surgeon-right-hand (MSRH)",
)
PHASE_NAMES = (
    "preparation",
    "calotTriangleDissection",
    "clippingAndCutting",
    "gallbladderDissection",
    "gallbladderPackaging",
    "cleaningAndCoagulation",
    "gallbladderRetraction",
)
FLAGS = ("crowded", "occluded", "bleeding", "smoke", "blurred", "undercoverage", "reflection", "stainedlens")
FPS = 25
_FOLDERS = {"train": "Training", "val": "Validation", "test": "Testing"}
_HANDS = {"": 0, "left": 1, "assistant": 2, "right": 3}

Instance = tuple[ObjectTrack, Sighting, Action | None]


class CholecTrack20Layout(Layout):
    """Writes CholecTrack20."""

    key: ClassVar[str] = "cholectrack20"
    name: ClassVar[str] = "CholecTrack20"
    world: ClassVar[World] = "cholecystectomy"

    def numbers(self, count: int) -> list[int]:
        """Some that Cholec80-CVS and CholecT50 have too, some that CholecT50 has, and its own."""
        return cholectrack20_numbers(count)

    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """VIDnnn."""
        return f"VID{scene.number:02d}"

    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """The label files."""
        for take in takes:
            write_json(root / f"{_stem(take)}.json", _document(take))

    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """PNGs named by the 25-fps frame number for Training and Validation, a video for Testing."""
        for take in takes:
            if take.side == "test":
                times = tuple(frame / FPS for frame in range(take.scene.seconds * FPS))
                yield Shot(take.scene, root / f"{_stem(take)}.mp4", times, fps=FPS)
            else:
                seconds = _seconds(take.scene)
                names = tuple(f"{_key(second):06d}.png" for second in seconds)
                yield Shot(take.scene, root / _frames_folder(take), tuple(map(float, seconds)), names)

    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """What is true in the seconds that show a tool."""
        return [_recording(take) for take in sorted(takes, key=lambda take: take.scene.number)]


def _folder(take: Take) -> str:
    return f"{_FOLDERS[take.side]}/{take.recording_id}"


def _stem(take: Take) -> str:
    is_lower = take.ordinal % 5 == 4
    return f"{_folder(take)}/{take.recording_id.lower() if is_lower else take.recording_id}"


def _frames_folder(take: Take) -> str:
    return f"{_folder(take)}/{'images' if take.ordinal % 3 == 2 else 'Frames'}"


def _key(second: int) -> int:
    """The number of a second's frame: frames are counted from 1."""
    return FPS * second + 1


def _seconds(scene: Scene) -> list[int]:
    return [second for second in range(scene.seconds) if _instances(scene, second)]


def _instances(scene: Scene, second: int) -> list[Instance]:
    """The tools in view, each once for each of its actions and at least once."""
    actions = [action for action in scene.actions_at(second) if action.label in TRIPLETS]
    found: list[Instance] = []
    for track, sighting in scene.seen_at(second):
        own: list[Action | None] = [action for action in actions if action.object_id == track.object_id]
        found += [(track, sighting, action) for action in own or [None]] if track.label in _NAMES else []
    return found


def _flags(scene: Scene, second: int, sighting: Sighting) -> set[str]:
    shown = {mark.kind for mark in scene.marks if mark.start <= second < mark.end}
    named = {"smoke": "smoke", "bleeding": "blood"}
    return {flag for flag, kind in named.items() if kind in shown} | ({"occluded"} if sighting.occluded else set())


def _document(take: Take) -> dict[str, Any]:
    scene, seconds = take.scene, _seconds(take.scene)
    name = "name" if take.ordinal % 2 else "seq"
    return {
        "info": {"description": DESCRIPTION, "version": "1.0"},
        "video": {
            name: take.recording_id,
            "split": _FOLDERS[take.side].lower(),
            "height": scene.height,
            "width": scene.width,
            "num_frames": len(seconds),
        },
        "categories": {
            "tools": [{"id": number, "name": name} for number, name in enumerate(TOOLS)],
            "operators": [{"id": number, "name": name} for number, name in enumerate(OPERATORS)],
        },
        "annotations": {
            str(_key(second)): [_row(take, second, instance) for instance in _instances(scene, second)]
            for second in seconds
        },
    }


def _names_actions(take: Take) -> bool:
    return take.ordinal % 2 == 0


def _row(take: Take, second: int, instance: Instance) -> dict[str, Any]:
    scene, (track, sighting, action) = take.scene, instance
    box, shown = sighting.box, _flags(take.scene, second, sighting)
    named = action if _names_actions(take) else None
    return {
        "instrument": TOOLS.index(_NAMES[track.label]),
        "verb": VERBS.index(named.verb) if named else -1,
        "target": TARGETS.index(named.target) if named else -1,
        "triplet": TRIPLETS.index(named.label) if named else -1,
        "phase": PHASES.index(scene.phase_at(second)),
        "tool_bbox": xywh(box, scene.width, scene.height),
        "operator": _HANDS[track.hand],
        "iscrowd": 0,
        "area": (box.x2 - box.x1) * (box.y2 - box.y1),
        "score": 1.0,
        "intraoperative_track": track.object_id,
        "intracorporeal_track": track.stay,
        "visibility_track": track.visit,
        "visibility": 1,
        "visible": 1,
        **{flag: (flag in shown) if take.ordinal % 2 else int(flag in shown) for flag in FLAGS},
    }


# --- what must be read ------------------------------------------------------------------------------


def _recording(take: Take) -> Recording:
    scene, seconds, is_test = take.scene, _seconds(take.scene), take.side == "test"
    folder = _frames_folder(take)
    frames = tuple(FrameFile(f"{folder}/{_key(second):06d}.png", float(second)) for second in seconds)
    return Recording(
        source=CholecTrack20Layout.name,
        recording_id=take.recording_id,
        group=group_of(CholecTrack20Layout.name, take.recording_id),
        duration=float(seconds[-1] + 1) if seconds else 0.0,
        native_fps=float(FPS),
        width=scene.width,
        height=scene.height,
        video=f"{_stem(take)}.mp4" if is_test else "",
        frames=() if is_test else frames,
        segments=tuple(_segments(take, seconds)),
        tracks=tuple(_tracks(scene)),
        labels=(
            ("phase", PHASE_NAMES),
            ("tool", TOOLS),
            ("operator", OPERATORS),
            ("verb", VERBS),
            ("target", TARGETS),
            ("triplet", TRIPLETS),
            ("attribute", FLAGS),
        ),
        official_split=take.side,
        procedure="laparoscopic cholecystectomy",
    )


def _segments(take: Take, seconds: list[int]) -> list[Segment]:
    """By kind, start and label."""
    scene = take.scene

    def flags(second: int) -> set[str]:
        return {flag for _, sighting, _ in _instances(scene, second) for flag in _flags(scene, second, sighting)}

    def triplets(second: int) -> set[str]:
        return {a.label for _, _, a in _instances(scene, second) if a} if _names_actions(take) else set()

    phases = stretches((second, PHASE_NAMES[PHASES.index(scene.phase_at(second))]) for second in seconds)
    return [
        *segments_by_label(seconds, flags, "attribute"),
        *(Segment(float(a), float(b), label, "phase") for a, b, label in phases),
        *segments_by_label(seconds, triplets, "triplet"),
    ]


def _tracks(scene: Scene) -> list[Track]:
    """Visits by number."""
    found = [track for track in scene.objects if track.label in _NAMES]
    return [
        Track(f"visibility/{t.visit}", _NAMES[t.label], tuple(TimedBox(s.time, s.box) for s in t.sightings))
        for t in sorted(found, key=lambda track: track.visit)
    ]
