"""What the dataset card and the Croissant metadata both say of a benchmark, read off its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from medvidbench.records import TASK_NAMES, TaskName

TASK_TITLES: dict[TaskName, str] = {
    "TAG": "temporal action grounding",
    "STG": "spatio-temporal grounding",
    "DVC": "dense video captioning",
    "VS": "video summary",
    "RC": "region captioning",
    "NAP": "next action prediction",
    "SA": "skill assessment",
    "CVS": "critical view of safety",
}
OWN_LICENCE = "Apache-2.0"


def tasks_of(manifest: Mapping[str, Any]) -> list[TaskName]:
    """The tasks that have rows, in the project's order."""
    present = {task for by_task in manifest["counts"].values() for task in by_task}
    return [task for task in TASK_NAMES if task in present]


def total_of(manifest: Mapping[str, Any]) -> int:
    """The number of rows."""
    by_tasks = manifest["counts"].values()
    return sum(rows for by_task in by_tasks for by_source in by_task.values() for rows in by_source.values())


def licence_of(source: Mapping[str, Any]) -> str:
    """The licence of a source's part: the source's own, or this project's for drawn recordings."""
    return OWN_LICENCE if source.get("synthetic") else str(source.get("licence") or "unknown")


def title_of(manifest: Mapping[str, Any]) -> str:
    """The benchmark's name."""
    names = ", ".join(source["name"] for source in manifest["sources"])
    marks = [
        " (SYNTHETIC)" if manifest.get("synthetic") else "",
        " (questions only)" if question_only(manifest) else "",
    ]
    return f"Medical video benchmark from {names}" + "".join(marks)


def question_only(manifest: Mapping[str, Any]) -> bool:
    """Whether answers and truth were left out."""
    return manifest.get("question_only") is True


def captions_note(manifest: Mapping[str, Any]) -> str:
    """Who wrote the captions, and how they were checked; "" when there are none, or none of it is told."""
    if question_only(manifest) or not {"DVC", "VS", "RC"} & set(tasks_of(manifest)):
        return ""
    captions = manifest.get("captions") or {}
    return " ".join((_writers(manifest, captions), *_checks(captions)))


def _writers(manifest: Mapping[str, Any], captions: Mapping[str, Any]) -> str:
    models = [str(model) for model in captions.get("models", ())]
    if models and not all(model.startswith("offline:") for model in models):
        return f"Captions were written by {' and '.join(models)}."
    if manifest.get("imported"):
        return "Captions were imported as published; `qa_type` says which model wrote them."
    return (
        "Captions were written from the labels by fixed rules, by no person and no language model: they repeat the "
        "labels in words."
    )


def _checks(captions: Mapping[str, Any]) -> Iterator[str]:
    if captions.get("similarity_threshold") is not None:
        method = captions.get("similarity_method") or "cosine"
        yield f"Pairs with a similarity under {captions['similarity_threshold']} ({method}) were dropped."
    if captions.get("accepted") is not None:
        rejected = captions.get("rejected") or {}
        counts = ", ".join(f"{name} {count}" for name, count in rejected.items()) or "none"
        yield f"{captions['accepted']} captions passed the checks; rejected, by the check that spoke first: {counts}."
