"""The dataset card: front matter that `datasets.load_dataset` reads, and what a user must know before use."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from medvidbench.records import TASK_NAMES

_TASK_TITLES = {
    "TAG": "temporal action grounding",
    "STG": "spatio-temporal grounding",
    "DVC": "dense video captioning",
    "VS": "video summary",
    "RC": "region captioning",
    "NAP": "next action prediction",
    "SA": "skill assessment",
    "CVS": "critical view of safety",
}
_OWN_LICENCE = "Apache-2.0"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(manifest: Mapping[str, Any]) -> str:
    """README.md of a benchmark folder, from its manifest alone."""
    parts = (_front_matter(manifest), _opening(manifest), _counts(manifest), _reading(manifest), _origin(manifest))
    return "\n".join(line for part in parts for line in part) + "\n"


def _tasks(manifest: Mapping[str, Any]) -> list[str]:
    present = {task for by_task in manifest["counts"].values() for task in by_task}
    return [task for task in TASK_NAMES if task in present]


def _total(manifest: Mapping[str, Any]) -> int:
    return sum(
        n for by_task in manifest["counts"].values() for by_source in by_task.values() for n in by_source.values()
    )


def _licence_of(source: Mapping[str, Any]) -> str:
    return _OWN_LICENCE if source["synthetic"] else str(source["licence"])


def _front_matter(manifest: Mapping[str, Any]) -> Iterator[str]:
    licences = {_licence_of(source) for source in manifest["sources"]}
    yield "---"
    yield "pretty_name: " + json.dumps(_title(manifest))
    # Identifiers of the hub are the licence's name in lower case with hyphens; several licences are "other".
    yield "license: " + (licences.pop().lower().replace(" ", "-") if len(licences) == 1 else "other")
    yield "language: [en]"
    yield "task_categories: [video-text-to-text]"
    yield "tags: [medical, surgery, video" + (", synthetic]" if manifest["synthetic"] else "]")
    yield "size_categories: [" + next((name for most, name in _SIZES if _total(manifest) < most), "n>1M") + "]"
    yield "configs:"
    for task in _tasks(manifest):
        yield f"- config_name: {task}"
        yield "  data_files:"
        for split in ("train", "test"):
            if task in manifest["counts"].get(split, {}):
                yield f"  - split: {split}"
                yield f"    path: {split}/*/{task}/*.parquet"
    yield "---"


def _title(manifest: Mapping[str, Any]) -> str:
    names = ", ".join(source["name"] for source in manifest["sources"])
    return f"Medical video benchmark from {names}" + (" (SYNTHETIC)" if manifest["synthetic"] else "")


def _opening(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n# {_title(manifest)}"
    if manifest["synthetic"]:
        drawn = ", ".join(source["name"] for source in manifest["sources"] if source["synthetic"])
        yield _paragraph(
            f"**SYNTHETIC: the recordings of {drawn} were drawn by a program in that dataset's file layout.** No "
            "patient and no surgery was filmed; results on them say nothing about the real dataset."
        )
    yield _paragraph(
        f"{_total(manifest)} questions on medical video, each with its reference answer and structured truth. Built by "
        f"medvidbench {manifest['medvidbench']} with seed {manifest['seed']}, after arXiv 2512.06581. For research; "
        "not for clinical decisions."
    )


def _counts(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Rows\n"
    yield "| task | train | test |"
    yield "|---|---|---|"
    for task in _tasks(manifest):
        numbers = [sum(manifest["counts"].get(split, {}).get(task, {}).values()) for split in ("train", "test")]
        yield f"| {task}, {_TASK_TITLES[task]} | {numbers[0]} | {numbers[1]} |"
    groups = manifest["groups"]
    yield _paragraph(
        f"The split is by group (patient, trainee or physical video): {len(groups['train'])} in train, "
        f"{len(groups['test'])} in test, none in both."
    )
    for note in manifest["notes"]:
        yield _paragraph(note)


def _reading(manifest: Mapping[str, Any]) -> Iterator[str]:
    task = (_tasks(manifest) or ["TAG"])[0]
    yield "\n## Reading\n"
    yield "```python"
    yield "from pathlib import Path"
    yield "from medvidbench.benchmark import Benchmark\n"
    yield f'samples = Benchmark.open(Path("this folder")).samples(split="test", tasks=["{task}"])'
    yield "```"
    yield _paragraph(
        f'Or `datasets.load_dataset("this folder", "{task}")`. Times are seconds from the start of the clip, boxes are '
        "xyxy pixels of the original frame. No image is in this folder: `frame_paths` are relative to the source's own "
        "folder, which `manifest.json` names. `sample_id` is the key of a row; `clip_id`, the published id, repeats."
    )


def _origin(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Where it comes from\n"
    for source in manifest["sources"]:
        if source["synthetic"]:
            yield f"* {source['name']} layout, SYNTHETIC: {source['recordings']} drawn recordings; {_OWN_LICENCE}."
        else:
            licence = f"[{source['licence']}]({source['licence_url']})"
            yield f"* [{source['name']}]({source['homepage']}), {source['recordings']} recordings. Licence: {licence}."
            yield f"  {source['citation']}."
    if {"DVC", "VS", "RC"} & set(_tasks(manifest)):
        yield _paragraph(
            "Captions whose `generator` is `annotations` were written from the labels by fixed rules, by no person and "
            "no language model: they repeat the labels in words. All other answers are the annotations themselves."
        )
    else:
        yield _paragraph("All answers are the annotations themselves.")
    yield _paragraph(
        f"`findings.jsonl` lists {manifest['findings']} findings about the input (bad rows, missing files)."
    )


def _paragraph(text: str) -> str:
    return "\n" + textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)
