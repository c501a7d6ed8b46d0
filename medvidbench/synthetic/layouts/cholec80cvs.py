"""Cholec80-CVS's layout: the surgeons' workbook, the derived index and folds, and Cholec80's videos and labels.

The workbook holds text inside its cells and has no shared strings; its rows are in no order, the end second of a row
belongs to it, and one row ends before it begins. Nothing is rated after the clipping has begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import ClassVar

from medvidbench.records import RatedInterval, Recording, Segment
from medvidbench.sources.cholec80cvs import SPLITS
from medvidbench.sources.cholect50_classes import PHASES as CHOLECT50_PHASES
from medvidbench.sources.groups import group_of
from medvidbench.synthetic.layouts.base import Layout, Shot, Take, segments_by_label
from medvidbench.synthetic.layouts.cholec_numbers import cholec80_numbers
from medvidbench.synthetic.layouts.disk import write_json, write_table
from medvidbench.synthetic.layouts.xlsx import write_workbook
from medvidbench.synthetic.truth import Scene, World

FPS = 25
COLUMNS = (
    "video",
    "critical_view",
    "initial_minute",
    "initial_second",
    "final_minute",
    "final_second",
    "two_structures",
    "cystic_plate",
    "hepatocystic_triangle",
    "Total",
)
PHASES = (
    "Preparation",
    "CalotTriangleDissection",
    "ClippingCutting",
    "GallbladderDissection",
    "GallbladderPackaging",
    "CleaningCoagulation",
    "GallbladderRetraction",
)
TOOLS = {
    "grasper": "Grasper",
    "bipolar": "Bipolar",
    "hook": "Hook",
    "scissors": "Scissors",
    "clipper": "Clipper",
    "irrigator": "Irrigator",
    "specimen_bag": "SpecimenBag",
}
_CLIPPING = "ClippingCutting"
_REACHED = 5
_FOLD = 5


class Cholec80CVSLayout(Layout):
    """Writes Cholec80-CVS and, beside it, the Cholec80 that it rates."""

    key: ClassVar[str] = "cholec80cvs"
    name: ClassVar[str] = "Cholec80_CVS"
    world: ClassVar[World] = "cholecystectomy"
    most: ClassVar[int] = 80

    def numbers(self, count: int) -> list[int]:
        """Below 81, as the dataset has no others; CholecT50 and CholecTrack20 show some of them too."""
        return cholec80_numbers(count)

    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """videoNN."""
        return f"video{scene.number:02d}"

    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """The workbook, the index, the folds, and each video's phases and tools."""
        write_workbook(root / "cholec80-CVS.xlsx", _rows(takes))
        finals = [(t.recording_id, int(end * FPS) - 1) for t in takes if (end := _clipping(t.scene)) is not None]
        write_table(root / "results" / "videos_frames_index.csv", [("video_name", "final_frame"), *finals])
        ids = [take.recording_id for take in takes]
        folds = [ids[first : first + _FOLD] for first in range(0, len(ids), _FOLD)]
        write_json(root / "data" / "folds.json", {"folds": folds})
        for take in takes:
            _write_cholec80(root / "cholec80", take)

    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """One video each."""
        for take in takes:
            times = tuple(frame / FPS for frame in range(take.scene.seconds * FPS))
            yield Shot(take.scene, root / _video(take), times, fps=FPS)

    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """Scores up to the clipping, phases and tools."""
        return [_recording(take) for take in sorted(takes, key=lambda take: take.scene.number)]


def phase_name(label: str) -> str:
    """Cholec80's name of a phase that CholecT50 names otherwise."""
    return PHASES[CHOLECT50_PHASES.index(label)]


def _video(take: Take) -> str:
    return f"cholec80/videos/{take.recording_id}.mp4"


def _clipping(scene: Scene) -> float | None:
    """When the clipping begins; None where it never does."""
    return next((phase.start for phase in scene.phases if phase_name(phase.label) == _CLIPPING), None)


def _rated(scene: Scene) -> list[RatedInterval]:
    """The scores that the files can hold: whole seconds, at least two, before the clipping."""
    limit = _clipping(scene) or float(scene.seconds)
    cut = (RatedInterval(r.start, min(r.end, limit), r.ratings) for r in scene.critical_view)
    return [rated for rated in cut if rated.end - rated.start >= 2]


def _rows(takes: Sequence[Take]) -> list[list[str | int]]:
    rows = [_row(t.scene.number, int(r.start), int(r.end) - 1, r) for t in takes for r in _rated(t.scene)]
    first = next((rated for take in takes for rated in _rated(take.scene)), None)
    if first is not None:  # a row that ends before it begins, with no score: three stand in the published workbook
        rows.append([takes[0].scene.number, 0, 1, 20, 1, 10, 0, 0, 0, 0])
    Random(len(rows)).shuffle(rows)
    return [list(COLUMNS), *rows]


def _row(number: int, first: int, last: int, rated: RatedInterval) -> list[str | int]:
    scores = [rating.value for rating in rated.ratings]
    total = sum(scores)
    return [number, int(total >= _REACHED), *divmod(first, 60), *divmod(last, 60), *scores, total]


def _write_cholec80(root: Path, take: Take) -> None:
    scene, name = take.scene, take.recording_id
    frames = ((frame, phase_name(scene.phase_at(frame / FPS))) for frame in range(scene.seconds * FPS))
    write_table(root / "phase_annotations" / f"{name}-phase.txt", [("Frame", "Phase"), *frames], "\t")
    rows = [(FPS * s, *(int(t in _tools(scene, s)) for t in TOOLS.values())) for s in range(scene.seconds)]
    write_table(root / "tool_annotations" / f"{name}-tool.txt", [("Frame", *TOOLS.values()), *rows], "\t")


def _tools(scene: Scene, second: int) -> set[str]:
    return {TOOLS[track.label] for track, _ in scene.seen_at(second) if track.label in TOOLS}


def _recording(take: Take) -> Recording:
    scene, number = take.scene, take.scene.number
    tools = segments_by_label(range(scene.seconds), lambda second: _tools(scene, second), "tool")
    return Recording(
        source=Cholec80CVSLayout.name,
        recording_id=take.recording_id,
        group=group_of(Cholec80CVSLayout.name, take.recording_id),
        duration=float(scene.seconds),
        native_fps=float(FPS),
        width=0,
        height=0,
        video=_video(take),
        segments=(
            *(Segment(p.start, p.end, phase_name(p.label), "phase") for p in scene.phases),
            *sorted(tools, key=lambda s: (s.start, s.end, s.label)),
        ),
        rated=tuple(_rated(scene)),
        labels=(("phase", PHASES), ("tool", tuple(TOOLS.values()))),
        official_split=next((name for name, numbers in SPLITS.items() if number in numbers), "train"),
        procedure="laparoscopic cholecystectomy",
    )
