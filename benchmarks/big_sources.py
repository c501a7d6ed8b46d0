"""Eight raw datasets of any size, made up in memory: SYNTHETIC truth, for timing alone.

Imported before worker processes start, it puts its sources in place of the real ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medvidbench.records import (
    Box,
    Finding,
    FrameFile,
    RatedInterval,
    Rating,
    Recording,
    Segment,
    TimedBox,
    Track,
)
from medvidbench.sources import registry
from medvidbench.sources.base import Source

# recordings of each source at scale 1; they give about 531,850 questions whose answers are annotations
COUNTS = {
    "avos": 410,
    "cholect50": 410,
    "cholectrack20": 300,
    "cholec80cvs": 80,
    "copesd": 840,
    "egosurgery": 1220,
    "jigsaws": 80,
    "nurvid": 680,
}
SCALE = float(os.environ.get("BIG_SOURCES_SCALE", "1"))
SECONDS = 3600
VERBS = ("grasp", "cut", "clip", "dissect", "retract", "coagulate", "rinse", "suture", "tie", "pack")
OBJECTS = ("duct", "artery", "plate", "liver", "omentum", "gut", "vein", "nerve", "drape", "tube")
KINDS = {"cholect50": ("phase", "triplet"), "copesd": ("action", "phase"), "egosurgery": ("phase", "action")}


class Big(Source):
    """One made-up dataset under the name of a real one."""

    licence = licence_url = citation = homepage = obtain = layout = "none"

    def __init__(self, key: str, name: str) -> None:
        self.key, self.name = key, name  # type: ignore[misc]

    def check(self, root: Path) -> tuple[Finding, ...]:
        return ()

    def label_files(self, root: Path) -> list[Path]:
        return []

    def is_synthetic(self, root: Path) -> bool:
        return True

    def recordings(self, root: Path) -> Iterator[Recording]:
        for number in range(round(COUNTS[self.key] * SCALE)):
            yield recording(self.key, self.name, number)


def recording(key: str, name: str, number: int) -> Recording:
    """One hour at 1 frame a second with its labels, boxes or scores."""
    rng = random.Random(f"{key}/{number}")
    rating = key in ("cholec80cvs", "jigsaws")
    kinds = () if rating or key == "cholectrack20" else KINDS.get(key, ("action",))
    labels = tuple(f"{verb} {thing}" for verb in VERBS for thing in OBJECTS[:3])
    tracked = key in ("cholectrack20", "copesd", "egosurgery")
    return Recording(
        source=name,
        recording_id=f"REC{number:05d}",
        group=f"{key}/{number}",
        duration=float(SECONDS),
        native_fps=1.0,
        width=854,
        height=480,
        frames=tuple(FrameFile(f"data/REC{number:05d}/{second:06d}.png", float(second)) for second in range(SECONDS)),
        segments=tuple(segment for kind in kinds for segment in _segments(rng, kind, labels)),
        tracks=tuple(_track(rng, number, k) for k in range(12)) if tracked else (),
        rated=tuple(_rated(rng, key)) if rating else (),
        labels=tuple((kind, labels) for kind in kinds),
        procedure="a made-up procedure",
    )


def _segments(rng: random.Random, kind: str, labels: tuple[str, ...]) -> Iterator[Segment]:
    at = 0.0
    while at < SECONDS - 5:
        length = rng.randint(5, 60)
        yield Segment(at, min(at + length, SECONDS), rng.choice(labels), kind)
        at += length


def _track(rng: random.Random, number: int, k: int) -> Track:
    start = rng.randint(0, SECONDS - 400)
    boxes = [TimedBox(float(start + s), Box(10 + s % 300, 20, 110 + s % 300, 140)) for s in range(rng.randint(60, 400))]
    return Track(f"{number}-{k}", f"instrument {k}", tuple(boxes))


def _rated(rng: random.Random, key: str) -> Iterator[RatedInterval]:
    from medvidbench.struc_info import CVS_KEYS, SKILL_ASPECTS

    if key == "jigsaws":
        yield RatedInterval(0.0, SECONDS, tuple(Rating(name, rng.randint(1, 5)) for name in SKILL_ASPECTS))
        return
    for start in range(0, SECONDS, 60):
        yield RatedInterval(start, start + 60.0, tuple(Rating(name, rng.randint(0, 2)) for name in CVS_KEYS))


def source_of(key: str) -> Source:
    """In place of the registry's function."""
    module, name = registry._CLASSES[key.lower()]
    real: Any = getattr(__import__(module, fromlist=[name]), name)
    return Big(key, real.name)


def install() -> None:
    """Puts the made-up sources wherever the registry's function was imported to."""
    from medvidbench.curation import build, pipeline
    from medvidbench.curation.steps import plan

    for module in (registry, build, pipeline, plan):
        module.source_of = source_of  # type: ignore[attr-defined]


install()
