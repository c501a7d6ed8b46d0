"""A small simulated benchmark of all tasks and sources, and a model's answers to it of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unittest.mock import patch

from medvidbench.benchmark import Benchmark
from medvidbench.curation.folder import write_benchmark
from medvidbench.models.blind import draw
from medvidbench.records import Answer, Sample
from medvidbench.sources.registry import SOURCE_KEYS, source_of
from medvidbench.synthetic.layouts import pictures, registry, write_all, write_layout
from medvidbench.synthetic.layouts.base import Shot
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS

EACH = 7
"""Rows of a task and source at most: one for each kind of answer."""
PROSE = "The video shows a cholecystectomy; the surgeon is about to tie a knot."


def make_bench(folder: Path) -> Benchmark:
    """Questions by the tasks' own `ask` on simulated recordings, with blank frames on disk (videos are empty files)."""
    with patch.object(pictures, "draw", _without_pictures), patch.object(registry, "FEW_PICTURES", 10**9):
        write_all(folder / "raw", 2, 60, 3, keys=[key for key in SOURCE_KEYS if key != "jigsaws"])
        write_layout("jigsaws", folder / "raw" / "jigsaws", EACH, 60, 3)  # one skill question a recording
    rows: list[Sample] = []
    roots = []
    for key in SOURCE_KEYS:
        source = source_of(key)
        recordings = list(source.recordings(folder / "raw" / key))
        roots.append({"name": recordings[0].source, "root": str(folder / "raw" / key)})
        for task in SOURCE_TASKS[recordings[0].source]:
            asked = (row for recording in recordings for row in islice(TASKS[task].ask(recording, 0), EACH // 2 + 1))
            rows += [replace(row, split="test") for row in islice(asked, EACH)]
    rows.append(_without_usable_truth(next(row for row in rows if row.task == "TAG")))
    unique = list({row.sample_id: row for row in rows}.values())
    write_benchmark(folder / "bench", unique, [], {"sources": roots, "synthetic": True}, lambda manifest: "card\n")
    return Benchmark.open(folder / "bench")


def _without_usable_truth(row: Sample) -> Sample:
    """Unscored under protocol strict, and a 0 under the official one, which counts a row without spans, too."""
    residue = json.dumps({"fields": {"struc_info": {"action": row.target, "spans": []}}, "absent": []})
    return replace(row, sample_id="f" * 24, question=f"{row.question} ", truth=None, residue=residue)


def replayed(samples: Iterable[Sample]) -> dict[str, Answer | None]:
    """An answer of another kind for each row of a task and source, in turn; None is a row that was never asked."""
    seen: dict[tuple[str, str], int] = {}
    answers: dict[str, Answer | None] = {}
    for sample in samples:
        key = (sample.source, sample.task)
        kind = seen[key] = seen.get(key, -1) + 1
        answers[sample.sample_id] = _answer(sample, kind % EACH)
    return answers


def _answer(sample: Sample, kind: int) -> Answer | None:
    truth = sample.answer or ""
    guess = draw(sample, 1)
    # the reference between white space; a valid guess; prose that only the official protocol makes something of; the
    # reference cut in half; nothing; a failed call; no call
    texts = [f"\n {truth} \n", TASKS[sample.task].write(guess) if guess else "?", PROSE, truth[: len(truth) // 2], ""]
    if kind < len(texts):
        return Answer(sample.sample_id, "replay", texts[kind])
    return Answer(sample.sample_id, "replay", None, "HTTP 500 after 5 attempts") if kind == len(texts) else None


def write_predictions(path: Path, answers: Mapping[str, Answer | None]) -> Path:
    """Our own predictions file with the same answers."""
    rows = [
        {"sample_id": a.sample_id, "prediction": a.text, **({"error": a.error} if a.error else {})}
        for a in answers.values()
        if a is not None
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _without_pictures(shot: Shot, drawn: int = 0) -> int:
    from PIL import Image

    (shot.path if shot.names else shot.path.parent).mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (shot.scene.width, shot.scene.height))
    for name in shot.names:
        image.save(shot.path / name)
    if not shot.names:
        shot.path.touch()
    return len(shot.times)
