"""CoPESD's layout: `smllm_train.json`, `smllm_test.json` and `high_light_images/<clip>/<frame>.jpg`.

One item a frame, in no order, its image named by an absolute Windows path. Boxes stand in the sentences, divided by the
longer side of the image with two decimals. Every fifth clip writes x, y, w, h instead of x1, y1, x2, y2, as clip
233029 of the release, provided that enough of its boxes show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from medvidbench.records import Box, FrameFile, Recording, Segment, TimedBox, Track
from medvidbench.sources.copesd_motions import ACTIONS, action_of
from medvidbench.sources.groups import group_of
from medvidbench.sources.timeline import runs
from medvidbench.synthetic.layouts.base import Layout, Shot, Take, stretches
from medvidbench.synthetic.layouts.copesd_sentences import SENTENCES, instruction, sentence, split_motion
from medvidbench.synthetic.layouts.disk import write_json
from medvidbench.synthetic.truth import Scene, World

INSTRUMENTS = {"forceps": "Forceps", "knife": "Knife"}
_SLOTS = {"forceps": "{F}", "knife": "{K}"}
_FIRST_CLIP = 900001
_IMAGES = "high_light_images"
_SHOWN_SHARE = 0.2
"""Share of boxes whose second pair must lie before the first one to show that it is a width and a height."""

Boxes = dict[str, Box]


class CoPESDLayout(Layout):
    """Writes CoPESD."""

    key: ClassVar[str] = "copesd"
    name: ClassVar[str] = "CoPESD"
    world: ClassVar[World] = "esd"

    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """Six digits; the released clips end at 233029."""
        return f"{_FIRST_CLIP + ordinal:06d}"

    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """The instruction files of train and test."""
        for split in ("train", "test"):
            items = [item for take in takes if _split(take) == split for item in _items(take)]
            Random(len(items)).shuffle(items)
            write_json(root / f"smllm_{split}.json", items, indent=4)

    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """One JPEG a second, counted from 0001."""
        for take in takes:
            names = tuple(f"{second + 1:04d}.jpg" for second in range(take.scene.seconds))
            times = tuple(map(float, range(take.scene.seconds)))
            yield Shot(take.scene, root / _IMAGES / take.recording_id, times, names)

    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """Motions, the actions that they belong to, and the boxes that stand in the sentences."""
        motions = tuple(sorted({action.label for take in takes for action in take.scene.actions}))
        labels = (("action", ACTIONS), ("motion", motions))
        return [_recording(take, labels) for take in sorted(takes, key=lambda take: take.recording_id)]


def _split(take: Take) -> str:
    return "test" if take.side == "test" else "train"


def _motion(scene: Scene, second: int) -> str:
    return next((action.label for action in scene.actions_at(second)), "")


def _boxes(scene: Scene, second: int) -> Boxes:
    """The boxes that the sentence of a second has room for."""
    template = split_motion(_motion(scene, second))[0]
    wording = SENTENCES[template][0] if template else ""
    seen = {track.label: sighting.box for track, sighting in scene.seen_at(second)}
    return {name: box for name, box in seen.items() if _SLOTS.get(name, "{none}") in wording}


def _side(scene: Scene) -> float:
    return float(max(scene.width, scene.height))


def _as_xywh(box: Box) -> Box:
    return Box(box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1)


def _is_xywh(take: Take) -> bool:
    if take.ordinal % 5 != 2:
        return False
    scene = take.scene
    boxes = [_as_xywh(box) for second in range(scene.seconds) for box in _boxes(scene, second).values()]
    swapped = sum(box.x2 < box.x1 or box.y2 < box.y1 for box in boxes)
    return swapped >= _SHOWN_SHARE * max(1, len(boxes))


def _items(take: Take) -> Iterator[dict[str, Any]]:
    scene, is_xywh = take.scene, _is_xywh(take)
    for second in range(scene.seconds):
        motion, boxes = _motion(scene, second), _boxes(scene, second)
        if not motion:
            continue
        written = {name: _as_xywh(box) if is_xywh else box for name, box in boxes.items()}
        key = (take.recording_id, second)
        said = sentence(motion, written.get("forceps"), written.get("knife"), _side(scene), *key)
        image = f"D:/synthetic/ESD_video/{_IMAGES}/{take.recording_id}/{second + 1:04d}.jpg"
        talk = [{"from": "human", "value": instruction(motion, *key)}, {"from": "gpt", "value": said}]
        yield {"conversations": talk, "image": image}


# --- what must be read ------------------------------------------------------------------------------


def _recording(take: Take, labels: tuple[tuple[str, tuple[str, ...]], ...]) -> Recording:
    scene, folder = take.scene, f"{_IMAGES}/{take.recording_id}"
    seconds = range(scene.seconds)
    return Recording(
        source=CoPESDLayout.name,
        recording_id=take.recording_id,
        group=group_of(CoPESDLayout.name, take.recording_id),
        duration=float(scene.seconds),
        native_fps=1.0,
        width=scene.width,
        height=scene.height,
        frames=tuple(FrameFile(f"{folder}/{second + 1:04d}.jpg", float(second)) for second in seconds),
        segments=tuple(_segments(scene)),
        tracks=tuple(_tracks(scene)),
        labels=labels,
        official_split=_split(take),
        procedure="endoscopic submucosal dissection",
    )


def _segments(scene: Scene) -> list[Segment]:
    motions = [(second, motion) for second in range(scene.seconds) if (motion := _motion(scene, second))]
    actions = [(second, action_of(motion)) for second, motion in motions]
    return [
        Segment(float(a), float(b), label, kind)
        for kind, said in (("action", actions), ("motion", motions))
        for a, b, label in stretches(said)
    ]


def _tracks(scene: Scene) -> Iterator[Track]:
    """A track for each run of seconds in which an instrument has a box, on the grid of two decimals."""
    side = _side(scene)
    for name, published in INSTRUMENTS.items():
        boxes = {s: held[name] for s in range(scene.seconds) if name in (held := _boxes(scene, s))}
        for number, (first, last) in enumerate(runs(boxes), start=1):
            run = tuple(TimedBox(float(s), _on_grid(boxes[s], side)) for s in range(first, last + 1))
            yield Track(f"{published}#{number}", published, run)


def _on_grid(box: Box, side: float) -> Box:
    """The nearest box that two decimals of the longer side can say."""
    x1, y1, x2, y2 = (round(round(corner / side, 2) * side, 2) for corner in (box.x1, box.y1, box.x2, box.y2))
    return Box(x1, y1, x2, y2)
