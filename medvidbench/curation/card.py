"""The dataset card: front matter that `datasets.load_dataset` reads, and what a user must know before use."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from medvidbench.benchmark import SPLITS
from medvidbench.curation.facts import (
    OWN_LICENCE,
    TASK_TITLES,
    captions_note,
    licence_of,
    question_only,
    tasks_of,
    title_of,
    total_of,
)
from medvidbench.records import GRANULARITY, TaskName

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(manifest: Mapping[str, Any]) -> str:
    """README.md of a benchmark folder, from its manifest alone."""
    parts = (_front_matter(manifest), _opening(manifest), _counts(manifest), _reading(manifest), _origin(manifest))
    return "\n".join(line for part in parts for line in part) + "\n"


def _front_matter(manifest: Mapping[str, Any]) -> Iterator[str]:
    licences = {licence_of(source) for source in manifest["sources"]}
    yield "---"
    yield "pretty_name: " + json.dumps(title_of(manifest))
    # Identifiers of the hub are the licence's name in lower case with hyphens; several licences are "other".
    yield "license: " + (licences.pop().lower().replace(" ", "-") if len(licences) == 1 else "other")
    yield "language: [en]"
    yield "task_categories: [video-text-to-text]"
    yield "tags: [medical, surgery, video" + (", synthetic]" if manifest.get("synthetic") else "]")
    yield "size_categories: [" + next((name for most, name in _SIZES if total_of(manifest) < most), "n>1M") + "]"
    yield "configs:"
    yield from _config(manifest, "all", tasks_of(manifest), "{split}/**/*.parquet")
    for task in tasks_of(manifest):
        yield from _config(manifest, task, [task], f"{{split}}/{GRANULARITY[task]}/{task}/*.parquet")
    yield "---"


def _config(manifest: Mapping[str, Any], name: str, tasks: Sequence[TaskName], pattern: str) -> Iterator[str]:
    """One configuration of `datasets.load_dataset`: its splits that have rows, and where they lie."""
    yield f"- config_name: {name}"
    if name == "all":
        yield "  default: true"
    yield "  data_files:"
    for split in SPLITS:
        if set(tasks) & manifest["counts"].get(split, {}).keys():
            yield f"  - split: {split}"
            yield f"    path: {pattern.format(split=split)}"


def _opening(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n# {title_of(manifest)}"
    if manifest.get("synthetic"):
        drawn = ", ".join(source["name"] for source in manifest["sources"] if source.get("synthetic"))
        yield _paragraph(
            f"**SYNTHETIC: the recordings of {drawn} were drawn by a program in that dataset's file layout.** No "
            "patient and no surgery was filmed; results on them say nothing about the real dataset."
        )
    answers = (
        "without their answers: reference answers, truth and whatever tells them are in a file of their own"
        if question_only(manifest)
        else "each with its reference answer and structured truth"
    )
    yield _paragraph(
        f"{total_of(manifest)} questions on medical video, {answers}. Made by medvidbench "
        f"{manifest.get('medvidbench', '')}{_seed(manifest)}, after arXiv 2512.06581. For research; not for clinical "
        "decisions."
    )


def _seed(manifest: Mapping[str, Any]) -> str:
    return "" if manifest.get("seed") is None else f" with seed {manifest['seed']}"


def _counts(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Rows\n"
    yield "| task | granularity | train | test |"
    yield "|---|---|---|---|"
    for task in tasks_of(manifest):
        numbers = [sum(manifest["counts"].get(split, {}).get(task, {}).values()) for split in ("train", "test")]
        yield f"| {task}, {TASK_TITLES[task]} | {GRANULARITY[task]} | {numbers[0]} | {numbers[1]} |"
    groups = manifest.get("groups")
    if groups:
        shared = set(groups["train"]) & set(groups["test"])
        yield _paragraph(
            f"The split is by group (patient, trainee or physical video): {len(groups['train'])} in train, "
            f"{len(groups['test'])} in test, {len(shared) or 'none'} in both."
        )
    for note in manifest.get("notes", ()):
        yield _paragraph(note)


def _reading(manifest: Mapping[str, Any]) -> Iterator[str]:
    task = (tasks_of(manifest) or ["TAG"])[0]
    yield "\n## Reading\n"
    yield "```python"
    yield "from pathlib import Path"
    yield "from medvidbench.benchmark import Benchmark\n"
    yield f'samples = Benchmark.open(Path("this folder")).samples(split="test", tasks=["{task}"])\n'
    yield "import datasets"
    yield f'rows = datasets.load_dataset("this folder", "{task}", split="test")\n'
    yield "import duckdb"
    yield "duckdb.sql(\"select task, count(*) from read_parquet('this folder/**/*.parquet') group by task\")"
    yield "```"
    yield _paragraph(
        "Files are `{split}/{granularity}/{task}/{source}-00000-of-00001.parquet`, sorted by recording and clip start; "
        "`croissant.json` describes them. Times are seconds from the start of the clip, boxes are xyxy pixels of the "
        "original frame. `sample_id` is the key of a row; `clip_id`, the published id, repeats."
    )
    yield _paragraph(
        "`frame_paths` are relative to the source's own folder (with `video` set, to the frame store), which "
        "`manifest.json` names. " + _pictures(manifest)
    )


def _pictures(manifest: Mapping[str, Any]) -> str:
    if manifest.get("embedded_frames"):
        return "The column `images` holds the frames themselves."
    return "No image is in this folder."


def _origin(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Where it comes from\n"
    for source in manifest["sources"]:
        count = f", {source['recordings']} recordings" if source.get("recordings") is not None else ""
        if source.get("synthetic"):
            yield f"* {source['name']} layout, SYNTHETIC{count}, drawn; {OWN_LICENCE}."
            continue
        name = f"[{source['name']}]({source['homepage']})" if source.get("homepage") else source["name"]
        licence = licence_of(source)
        linked = f"[{licence}]({source['licence_url']})" if source.get("licence_url") else licence
        yield f"* {name}{count}. Licence: {linked}."
        if source.get("citation"):
            yield f"  {source['citation']}."
    if not question_only(manifest):
        yield _paragraph(f"{captions_note(manifest)} All other answers are the annotations themselves.".strip())
    if manifest.get("findings") is not None:
        yield _paragraph(
            f"`findings.jsonl` lists {manifest['findings']} findings about the input (bad rows, missing files)."
        )


def _paragraph(text: str) -> str:
    return "\n" + textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)
