"""Caption questions with their evidence and the offline pair's captions: by hand, simulated, and from real data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from medvidbench.curation.candidates import Candidate
from medvidbench.curation.evidence import Evidence, LabelSet, Moment, SeenBox
from medvidbench.curation.gather import Gatherer
from medvidbench.curation.offline import write_candidates
from medvidbench.records import Box, Caption, Event, Events, Recording, Region, Sample, Segment, TaskName
from medvidbench.sources.base import Source
from medvidbench.sources.cholect50_classes import CLASSES
from medvidbench.sources.registry import SOURCE_KEYS, source_of
from medvidbench.synthetic.layouts import pictures, registry, write_all
from medvidbench.synthetic.layouts.base import Shot
from medvidbench.tasks.registry import TASKS

Row = tuple[Sample, Evidence, tuple[Candidate, Candidate]]
CAPTIONED: tuple[TaskName, ...] = ("DVC", "VS", "RC")

VOCABULARY = tuple(LabelSet(kind, labels) for kind, labels in CLASSES.items())
EVENTS = (
    Event(0.0, 6.0, "The grasper grasps the gallbladder while the hook dissects the peritoneum."),
    Event(6.0, 9.0, "The clipper clips the cystic duct."),
)
SEGMENTS = (
    Segment(0.0, 6.0, "grasper,grasp,gallbladder", "triplet"),
    Segment(0.0, 6.0, "hook,dissect,peritoneum", "triplet"),
    Segment(6.0, 9.0, "clipper,clip,cystic_duct", "triplet"),
    Segment(0.0, 9.0, "carlot-triangle-dissection", "phase"),
)
ANSWERS = {
    "DVC": "\n".join(f"{e.start:.1f}-{e.end:.1f} seconds: {e.caption}" for e in EVENTS),
    "VS": "At first, the hook dissects the peritoneum. Then the clipper clips the cystic duct.",
    "RC": "The hook at the centre of the view dissects the peritoneum.",
}
QA_TYPES = {"DVC": "dense_captioning", "VS": "video_summary", "RC": "region_caption"}


def question(task: TaskName = "DVC", sample_id: str = "a" * 24) -> Sample:
    """A question on 9 s of a cholecystectomy that starts at 12 s."""
    box = Box(150.0, 100.0, 170.0, 120.0)
    return Sample(
        sample_id=sample_id,
        clip_id="VID01&&12&&21&&1",
        source="CholecT50",
        recording_id="VID01",
        group="cholec80-01",
        split="train",
        task=task,
        qa_type=f"{QA_TYPES[task]}_annotations",
        clip_start=12.0,
        clip_end=21.0,
        clip_unit="input_video_frame",
        fps=1.0,
        duration=9.0,
        width=320,
        height=240,
        frame_paths=(),
        frame_times=tuple(float(i) for i in range(9)),
        question="You are an expert in surgery. Tell what happens with the object in the box from 0.0 to 5.0 seconds.",
        target="hook" if task == "RC" else "",
        choices=(),
        region=Region("", box, 0.0) if task == "RC" else None,
        answer=ANSWERS[task],
        truth=Events(EVENTS) if task == "DVC" else Caption(ANSWERS[task]),
        generator="annotations",
        clip_offset=12.0,
    )


def evidence(sample: Sample, segments: Iterable[Segment] = SEGMENTS, boxes: Iterable[SeenBox] = ()) -> Evidence:
    """What the annotations say about the question: the triplets above, and the same boxes on every frame."""
    moments = tuple(Moment(time, "", tuple(boxes), ()) for time in sample.frame_times)
    return Evidence(
        sample.sample_id,
        sample.source,
        sample.recording_id,
        "laparoscopic cholecystectomy",
        9.0,
        moments,
        tuple(segments),
        VOCABULARY,
        (),
    )


def candidate(text: str | None, generator: str = "gpt", sample_id: str = "a" * 24, finish: str = "stop") -> Candidate:
    """A reply of a paid model."""
    error = "" if text is not None else "time-out after 60 s"
    return Candidate(
        sample_id,
        generator,
        f"model-{generator}",
        "v1",
        "cholec/1",
        "ab",
        text,
        error,
        finish,
        call_key=f"key-{generator}",
    )


def offline(recordings: Iterable[Recording], source: Source, tasks: Iterable[TaskName] = CAPTIONED) -> Iterator[Row]:
    """Each caption question on the recordings with the offline pair's captions."""
    for recording in recordings:
        gatherer = Gatherer(recording)
        for task in tasks:
            for sample in TASKS[task].ask(recording, 0) if task in source.tasks else ():
                found = gatherer.gather(sample)
                yield sample, found, write_candidates(sample, found)


def simulated(root: Path) -> list[Row]:
    """The caption questions on three minute-long recordings of each simulated source."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "draw", _without_pictures)
        patch.setattr(registry, "FEW_PICTURES", 10**9)
        write_all(root, 3, 60, 0)
    sources = {key: source_of(key) for key in SOURCE_KEYS}
    return [row for key, source in sources.items() for row in offline(source.recordings(root / key), source)]


def with_text(row: Row, text: str, finish: str = "stop") -> Row:
    """The row with another text of the second generator."""
    sample, found, (plain, clinical) = row
    return sample, found, (plain, replace(clinical, text=text, finish_reason=finish))


def _without_pictures(shot: Shot, drawn: int = 0) -> int:
    """Blank frames, and empty files for videos: captions are worded from labels and the size of frames."""
    from PIL import Image

    (shot.path if shot.names else shot.path.parent).mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (shot.scene.width, shot.scene.height))
    for name in shot.names:
        image.save(shot.path / name)
    if not shot.names:
        shot.path.touch()
    return len(shot.times)
