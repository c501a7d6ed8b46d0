"""The question side of a sample, as an exported package holds it: no truth, and nothing that could repeat one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from medvidbench.records import Region, Sample, TaskName

STAMP = "<{time:.{digits}f} seconds>"
"""The text before a frame."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a model may see of a sample, with where its frames lie; see `Sample` for the fields."""

    sample_id: str
    clip_id: str
    source: str
    task: TaskName
    qa_type: str
    question: str
    fps: float
    duration: float | None
    width: int | None
    height: int | None
    frame_times: tuple[float, ...]
    frame_paths: tuple[str, ...]
    video: str
    clip_offset: float
    region: Region | None


def question_of(sample: Sample) -> Question:
    """The sample without target, choices, truth, answer, provenance and residue.

    The label list that a question offers stands in its words.
    """
    return Question(
        sample.sample_id,
        sample.clip_id,
        sample.source,
        sample.task,
        sample.qa_type,
        sample.question,
        sample.fps,
        sample.duration,
        sample.width,
        sample.height,
        sample.frame_times,
        sample.frame_paths,
        sample.video,
        sample.clip_offset,
        sample.region,
    )


def stamps(times: Sequence[float]) -> list[str]:
    """A text for the time of each frame, with as many decimals (1 to 3) as tell the times exactly.

    >>> stamps([0.0, 2.0])
    ['<0.0 seconds>', '<2.0 seconds>']
    >>> stamps([0.0, 0.25])
    ['<0.00 seconds>', '<0.25 seconds>']
    """
    digits = next((d for d in (1, 2) if all(math.isclose(round(t, d), t, abs_tol=1e-6) for t in times)), 3)
    return [STAMP.format(time=time, digits=digits) for time in times]


def with_times(question: str, times: Sequence[float]) -> str:
    """The question after one sentence with the frames' times, for a model that takes its pictures apart from text.

    >>> with_times("When?", [0.0, 2.0])
    'The 2 images are frames of one video clip, in order, taken at <0.0 seconds> <2.0 seconds>.\\nWhen?'
    """
    if not times:
        return question
    what = "image is a frame" if len(times) == 1 else f"{len(times)} images are frames"
    order = "" if len(times) == 1 else " in order,"
    return f"The {what} of one video clip,{order} taken at {' '.join(stamps(times))}.\n{question}"
