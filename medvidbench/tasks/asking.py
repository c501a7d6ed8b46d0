"""From a clip and a truth to a `Sample`: identity, bounds in the published unit, paraphrase, reference answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Literal

from medvidbench.records import Content, Recording, Region, Sample, TaskName, make_sample_id
from medvidbench.tasks.clips import Clip, draw
from medvidbench.tasks.questions import phrase

ClipUnit = Literal["input_video_frame", "input_video_time", "frame"]
CLIP_UNITS: dict[str, ClipUnit] = {"NurViD": "input_video_time", "Cholec80_CVS": "frame", "Cholec80-CVS": "frame"}
"""Sources whose published bounds aren't `input_video_frame`."""
MAX_QUESTIONS = 64
"""Questions of one task on one recording, for the tasks that follow objects, ratings or steps instead of clips."""


def build_sample(
    task: TaskName,
    qa_type: str,
    recording: Recording,
    clip: Clip,
    seed: int,
    truth: Content,
    answer: str,
    slots: dict[str, str] | None = None,
    target: str = "",
    choices: tuple[str, ...] = (),
    region: Region | None = None,
) -> Sample:
    """One question of a task.

    Args:
        answer: the truth in the published grammar.
        slots: what the task's request templates name in braces; they also draw the paraphrase.
    """
    unit, start, end = published_bounds(recording, clip)
    clip_id = f"{recording.recording_id}&&{plain_number(start)}&&{plain_number(end)}&&{clip.fps}"
    # never by the truth: who has this code could try every answer and see which one gives the wording at hand
    question = phrase(task, recording, (clip_id, *sorted((slots or {}).values()), seed), slots or {})
    return Sample(
        sample_id=make_sample_id(recording.source, recording.recording_id, start, end, clip.fps, qa_type, question),
        clip_id=clip_id,
        source=recording.source,
        recording_id=recording.recording_id,
        group=recording.group,
        split="train",  # the build assigns splits by group
        task=task,
        qa_type=qa_type,
        clip_start=start,
        clip_end=end,
        clip_unit=unit,
        fps=clip.fps,
        duration=clip.duration,
        width=recording.width if recording.width > 0 else None,
        height=recording.height if recording.height > 0 else None,
        frame_paths=tuple(frame.path for frame in clip.frames),
        frame_times=shown_times(recording, clip),
        question=question,
        target=target,
        choices=choices,
        region=region,
        answer=answer,
        truth=truth,
        generator="annotations",
        video="" if clip.frames else recording.video,
        clip_offset=clip.start,
    )


def shown_times(recording: Recording, clip: Clip) -> tuple[float, ...]:
    """Clip-relative times of the frames to show: those of the files, or the sampling grid for a video."""
    if clip.frames or not recording.video:
        return tuple(frame.time for frame in clip.frames)
    return tuple(round(k / clip.fps, 6) for k in range(math.ceil(clip.duration * clip.fps - 1e-9)))


def published_bounds(recording: Recording, clip: Clip) -> tuple[ClipUnit, float, float]:
    """The clip's bounds as the source publishes them: native frame numbers, or seconds for NurViD."""
    unit = CLIP_UNITS.get(recording.source, "input_video_frame")
    if unit == "input_video_time":
        return unit, round(clip.start, 3), round(clip.end, 3)
    fps = recording.native_fps
    return unit, float(round(clip.start * fps)), float(round(clip.end * fps))


def plain_number(value: float) -> str:
    """1.0 as "1", 1.5 as "1.5": never with an exponent, at most three decimals."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def first_distinct(samples: Iterable[Sample | None], most: int = MAX_QUESTIONS) -> Iterator[Sample]:
    """The first `most` samples; None and one asked twice are left out, and no more are built than needed."""
    seen: set[str] = set()
    for sample in samples:
        if sample is not None and sample.sample_id not in seen:
            seen.add(sample.sample_id)
            yield sample
        if len(seen) == most:
            return


def thin(samples: Iterable[Sample], seed: int, most: int = MAX_QUESTIONS) -> list[Sample]:
    """At most `most` samples, drawn by their ids, in the order given; one asked twice is kept once."""
    kept = list({sample.sample_id: sample for sample in samples}.values())
    if len(kept) <= most:
        return kept
    drawn = set(sorted((s.sample_id for s in kept), key=lambda sample_id: draw(seed, sample_id))[:most])
    return [sample for sample in kept if sample.sample_id in drawn]
