"""A small benchmark of all eight tasks, frames with burnt-in text, and a model that writes awkward texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from medvidbench.benchmark import write_benchmark
from medvidbench.evaluation.data import load_data
from medvidbench.evaluation.score_file import Scored, score_answers
from medvidbench.records import (
    Answer,
    Box,
    BoxTrack,
    Caption,
    Content,
    Event,
    Events,
    Label,
    Rating,
    Ratings,
    Region,
    Sample,
    Span,
    Spans,
    TimedBox,
    make_sample_id,
)
from medvidbench.struc_info import CVS_KEYS, SKILL_ASPECTS
from medvidbench.tasks.registry import TASKS

SIZE = (320, 240)
GROUPS = 12
TIMES = (0.0, 2.0, 4.0, 6.0, 8.0)
ATTACK = "<script>window.hacked=1</script></script><!--<img src=x onerror='window.hacked=2'>"
RTL = "evil \u202etxt.exe\u202c and \u05e9\u05dc\u05d5\u05dd"
LONE = "broken \ud800 half"
LONG = "0.0-3.0 seconds. " + "word " * 20_000  # 100,017 characters
CLASSES = ("cutting", "suturing", "tying")


def truths(k: int) -> dict[str, Content]:
    """One truth a task for recording k."""
    return {
        "TAG": Spans((Span(1.0 + k % 3, 5.0),)),
        "STG": BoxTrack(tuple(TimedBox(t, Box(40 + t, 50, 120 + t, 140)) for t in TIMES)),
        "DVC": Events((Event(0.0, 4.0, "The tool cuts."), Event(5.0, 9.0, "The tool sutures."))),
        "VS": Caption("The surgeon cuts and sutures."),
        "RC": Caption("The hook dissects."),
        "NAP": Label(CLASSES[k % 3]),
        "SA": Ratings(tuple(Rating(a, 1 + (k + i) % 5) for i, a in enumerate(SKILL_ASPECTS))),
        "CVS": Ratings(tuple(Rating(a, (k + i) % 3) for i, a in enumerate(CVS_KEYS))),
    }


def sample(task: str, k: int, truth: Content) -> Sample:
    """A question on recording k."""
    question = f"Question of {task} on recording {k}."
    qa_type = TASKS[task].qa_types[0]  # type: ignore[index]
    paths = tuple(f"rec{k}/{int(t)}.png" for t in TIMES)
    return Sample(
        sample_id=make_sample_id("AVOS", f"rec{k}", 0, 10, 0.5, qa_type, question),
        clip_id=f"rec{k}&&0&&10&&0.5",
        source="AVOS" if k % 2 else "NurViD",
        recording_id=f"rec{k}",
        group=f"patient{k}",
        split="test",
        task=task,  # type: ignore[arg-type]
        qa_type=qa_type,
        clip_start=0.0,
        clip_end=10.0,
        clip_unit="input_video_time",
        fps=0.5,
        duration=10.0,
        width=SIZE[0],
        height=SIZE[1],
        frame_paths=paths,
        frame_times=TIMES,
        question=question,
        target="cutting" if task == "TAG" else "",
        choices=CLASSES if task == "NAP" else (),
        region=Region(paths[1], Box(60, 60, 160, 130), 2.0) if task == "RC" else None,
        answer=TASKS[task].write(truth),  # type: ignore[index]
        truth=truth,
        generator="annotations",
    )


def write_frames(root: Path, k: int) -> None:
    """Frames with a patient's name burnt into the upper left corner."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    folder = root / f"rec{k}"
    folder.mkdir(parents=True)
    across = np.linspace(60, 130, SIZE[0], dtype=np.uint8)
    for t in TIMES:
        pixels = np.repeat(np.repeat(across[None, :, None], SIZE[1], 0), 3, 2)
        image = Image.fromarray(np.ascontiguousarray(pixels))
        draw = ImageDraw.Draw(image)
        draw.text((8, 6), "DOE JANE 1970", fill=(255, 255, 255), font=ImageFont.load_default(size=14))
        draw.rectangle((40 + t, 50, 120 + t, 140), fill=(120, 40, 40))
        image.save(folder / f"{int(t)}.png")


def make_benchmark(folder: Path, frames: bool = False) -> Path:
    """The benchmark folder; its sources' frames lie beside it."""
    samples = [sample(task, k, truth) for k in range(GROUPS) for task, truth in truths(k).items()]
    if frames:
        for k in range(GROUPS):
            write_frames(folder / "raw", k)
    roots = [{"name": name, "root": str(folder / "raw")} for name in ("AVOS", "NurViD")]
    fields: dict[str, Any] = {"sources": roots, "synthetic": True, "frame_store": None}
    write_benchmark(folder / "bench", samples, [], fields, lambda manifest: "card")
    return folder / "bench"


def answer_of(s: Sample, quality: int) -> Answer:
    """Right on some recordings and wrong on others, the more often right the higher `quality`; odd texts on some."""
    k = int(s.recording_id[3:])
    odd = {("VS", 0): ATTACK, ("VS", 1): RTL, ("VS", 2): LONE, ("TAG", 3): LONG, ("NAP", 4): ATTACK, ("NAP", 6): " "}
    if (s.task, k) in odd:
        return Answer(s.sample_id, "m", odd[s.task, k])
    if s.task == "TAG" and k == 5:
        return Answer(s.sample_id, "m", None, "timeout after 60 s")
    if (k + len(s.task)) % 4 < quality:
        return Answer(s.sample_id, "m", s.answer)
    wrong = truths(k + 1)[s.task]
    return Answer(s.sample_id, "m", TASKS[s.task].write(wrong))


def score(bench: Path, out: Path, model: str = "model", quality: int = 2) -> Scored:
    """Results of a model in `out`/results.json."""
    data = load_data(bench)
    answers = [replace(answer_of(s, quality), model=model) for s in data.samples]
    used = {"path": "answers.jsonl", "sha256": "0" * 64, "joined_by": "sample_id"}
    scored = score_answers(data, list(answers), "both", model, used)
    scored.write(out / "results.json")
    return scored
