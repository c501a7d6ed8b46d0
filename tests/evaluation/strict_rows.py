"""Samples and answers by hand, for the tests of the strict protocol."""

from __future__ import annotations

from medvidbench.records import Answer, Content, Sample, TaskName
from medvidbench.tasks.registry import TASKS

QA_TYPES: dict[TaskName, str] = {name: task.qa_types[0] for name, task in TASKS.items()}


def sample(task: TaskName, truth: Content | None, source: str = "CholecT50", number: int = 0, **fields) -> Sample:
    values = {
        "sample_id": f"{task}-{number}",
        "clip_id": "V&&0&&100&&1.0",
        "source": source,
        "recording_id": "V",
        "group": "V",
        "split": "test",
        "task": task,
        "qa_type": QA_TYPES[task],
        "clip_start": 0.0,
        "clip_end": 100.0,
        "clip_unit": "input_video_frame",
        "fps": 1.0,
        "duration": 100.0,
        "width": 854,
        "height": 480,
        "frame_paths": (),
        "frame_times": (),
        "question": "?",
        "target": "",
        "choices": (),
        "region": None,
        "answer": None,
        "truth": truth,
        "generator": "published",
    }
    return Sample(**{**values, **fields})


def answer(text: str | None, error: str = "") -> Answer:
    return Answer("", "model", text, error)


def written(task: TaskName, content: Content) -> Answer:
    return answer(TASKS[task].write(content))


def value_of(scores, name: str, source: str | None = None) -> float:
    metrics = scores.overall if source is None else scores.by_source[source]
    (metric,) = (m for m in metrics if m.name == name)
    return float(metric.combine(metric.columns.sum(axis=0)))
