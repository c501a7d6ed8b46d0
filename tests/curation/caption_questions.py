"""Small recordings of every source that feeds captions, with planned questions; no picture is on disk."""

from __future__ import annotations

from collections.abc import Iterator

from medvidbench.records import Box, FrameFile, Recording, Sample, Segment, TaskName, TimedBox, Track
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS

CAPTIONS: tuple[TaskName, ...] = ("DVC", "VS", "RC")
FED = [(source, task) for source, tasks in SOURCE_TASKS.items() for task in tasks if task in CAPTIONS]
"""Every source with each caption task that it feeds."""
LABELS = {
    "CholecT50": ("triplet", ("grasper,retract,gallbladder", "hook,dissect,cystic_plate", "clipper,clip,cystic_duct")),
    "CholecTrack20": ("triplet", ("grasper,retract,gallbladder", "hook,dissect,cystic_plate")),
    "CoPESD": ("action", ("lift flap with forceps", "dissect flap tissue with knife")),
    "AVOS": ("action", ("cutting", "suturing", "background")),
    "EgoSurgery": ("phase", ("incision", "closure")),
    "NurViD": ("action", ("Handwashing", "Venipuncture")),
}
OBJECTS = {
    "CholecTrack20": ("grasper", "hook"),
    "CholecT50": ("grasper", "hook"),
    "EgoSurgery": ("Own hands left", "Scalpel"),
    "CoPESD": ("Forceps", "Knife"),
}
PROCEDURES = {"NurViD": "Intravenous Injection", "AVOS": "", "EgoSurgery": "open surgery seen from the surgeon's head"}
LONG = 60


def recording(source: str) -> Recording:
    """A minute with a label every 10 s, one object for each label, and frame names at one a second."""
    kind, labels = LABELS[source]
    segments = [Segment(10.0 * i, 10.0 * i + 10.0, labels[i % len(labels)], kind) for i in range(6)]
    if source.startswith("Cholec"):
        segments.append(Segment(0.0, 60.0, "gallbladder-dissection", "phase"))
    return Recording(
        source=source,
        recording_id="R1",
        group="g/R1",
        duration=float(LONG),
        native_fps=1.0,
        width=320,
        height=180,
        frames=tuple(FrameFile(f"frames/{second:03d}.png", float(second)) for second in range(LONG)),
        segments=tuple(segments),
        tracks=tuple(track(f"t/{n}", label, 40.0 * n) for n, label in enumerate(OBJECTS.get(source, ()))),
        labels=((kind, labels),),
        procedure=PROCEDURES.get(source, "a procedure"),
    )


def track(name: str, label: str, top: float, seconds: range = range(LONG)) -> Track:
    """A box that moves one pixel a second to the right."""
    return Track(name, label, tuple(TimedBox(float(t), Box(t, top, t + 40.0, top + 30.0)) for t in seconds))


def questions(source: str, task: TaskName, seed: int = 0) -> Iterator[Sample]:
    """What the task asks about the source's recording."""
    return TASKS[task].ask(recording(source), seed)


def question(source: str, task: TaskName) -> Sample:
    """The first question."""
    return next(iter(questions(source, task)))
