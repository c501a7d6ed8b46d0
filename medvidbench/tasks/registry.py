"""The eight tasks by name, the published task names, and which source feeds which task."""

from __future__ import annotations

import math
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.records import TASK_NAMES, Sample, TaskName
from medvidbench.tasks.base import Context, Task
from medvidbench.tasks.cvs import CriticalViewOfSafety
from medvidbench.tasks.dvc import DenseVideoCaptioning
from medvidbench.tasks.nap import NextActionPrediction
from medvidbench.tasks.rated import RatingTask
from medvidbench.tasks.rc import RegionCaptioning
from medvidbench.tasks.sa import SkillAssessment
from medvidbench.tasks.stg import SpatioTemporalGrounding, times_in_question
from medvidbench.tasks.tag import TemporalActionGrounding
from medvidbench.tasks.vs import VideoSummary

TASKS: dict[TaskName, Task[Any]] = {
    "TAG": TemporalActionGrounding(),
    "STG": SpatioTemporalGrounding(),
    "DVC": DenseVideoCaptioning(),
    "VS": VideoSummary(),
    "RC": RegionCaptioning(),
    "NAP": NextActionPrediction(),
    "SA": SkillAssessment(),
    "CVS": CriticalViewOfSafety(),
}

CAPTION_TASKS: dict[str, TaskName] = {"dense_captioning": "DVC", "video_summary": "VS", "region_caption": "RC"}
"""Tasks whose published name may carry the writer of the caption: "dense_captioning_gpt"."""

SEGMENT_TASKS: tuple[TaskName, ...] = ("TAG", "DVC", "VS", "NAP")
SOURCE_TASKS: dict[str, tuple[TaskName, ...]] = {
    "AVOS": SEGMENT_TASKS,
    "CholecT50": SEGMENT_TASKS,
    "CholecTrack20": ("STG", "RC"),
    "Cholec80_CVS": ("CVS",),
    "CoPESD": ("TAG", "STG", "DVC", "VS", "NAP"),
    "EgoSurgery": ("TAG", "STG", "DVC", "VS", "RC", "NAP"),
    "JIGSAWS": ("SA",),
    "NurViD": SEGMENT_TASKS,
}
"""Which source feeds which task in the published benchmark (arXiv 2512.06581). `ask` itself doesn't look at it."""


def task_of(qa_type: str) -> TaskName:
    """The task of a published `qa_type`; captioning names count with any suffix.

    Raises:
        MedVidBenchError: for an unknown name, listing the accepted ones.
    """
    name = _TASK_OF.get(qa_type)
    if name is None:
        name = next((task for stem, task in CAPTION_TASKS.items() if qa_type.startswith(f"{stem}_")), None)
    if name is None:
        accepted = ", ".join(dict.fromkeys(sorted(_TASK_OF)))
        raise MedVidBenchError(f"Unknown qa_type {qa_type!r:.100}.", f"{accepted}; captioning names with any suffix.")
    return name


def context_of(sample: Sample) -> Context:
    """What a reader of an answer may know about a sample: the question's side, never the truth."""
    task = TASKS[sample.task]
    return Context(
        duration=sample.duration,
        fps=sample.fps if math.isfinite(sample.fps) and sample.fps > 0 else None,
        frame_size=(sample.width, sample.height) if sample.width and sample.height else None,
        labels=task.aspects if isinstance(task, RatingTask) else sample.choices,
        times=times_in_question(sample.question) if sample.task == "STG" else (),
    )


_TASK_OF: dict[str, TaskName] = {qa_type: name for name in TASK_NAMES for qa_type in TASKS[name].qa_types}
