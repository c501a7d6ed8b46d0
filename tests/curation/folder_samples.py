"""A small benchmark of all eight tasks for the tests of the folder's readers and exports: made up, no recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from medvidbench.curation.card import card
from medvidbench.curation.croissant import CROISSANT, croissant_text
from medvidbench.curation.folder import write_benchmark
from medvidbench.records import (
    Box,
    BoxTrack,
    Caption,
    Content,
    Event,
    Events,
    Finding,
    Label,
    Provenance,
    Rating,
    Ratings,
    Region,
    Sample,
    Span,
    Spans,
    TaskName,
    TimedBox,
    make_sample_id,
)

STEPS = ("preparation", "calot-triangle-dissection", "clipping-cutting")
SKILLS = ("Respect for tissue", "Time and motion")
VIEWS = ("Two structures", "Cystic plate", "Hepatocystic triangle")

# task: source, qa_type, question, answer, truth, target, choices. Odd numbers tell truth from all other numbers.
KINDS: dict[TaskName, tuple[str, str, str, str, Content, str, tuple[str, ...]]] = {
    "TAG": ("CholecT50", "tal", "When is this done: clipping-cutting? Steps: " + "; ".join(STEPS) + ".",
            "11.7-23.9 seconds.", Spans((Span(11.7, 23.9),)), "clipping-cutting", STEPS),
    "STG": ("CholecTrack20", "stg", "Where is the grasper, every 2 seconds from 0.0 to 2.0 seconds?",
            "0.0 seconds: [131, 137, 251, 257] 2.0 seconds: [139, 149, 263, 269]",
            BoxTrack((TimedBox(0.0, Box(131, 137, 251, 257)), TimedBox(2.0, Box(139, 149, 263, 269)))), "grasper", ()),
    "DVC": ("CholecT50", "dense_captioning_gpt", "List the events.",
            "12.3-17.9 seconds: The hook dissects the cystic plate.",
            Events((Event(12.3, 17.9, "The hook dissects the cystic plate."),)), "", ()),
    "VS": ("CholecT50", "video_summary_gemini", "Summarise the clip.", "A clipper seals the cystic artery.",
           Caption("A clipper seals the cystic artery."), "", ()),
    "RC": ("CholecTrack20", "region_caption_gpt", "What does the object in [10, 20, 30, 40] at 0.0 seconds do?",
           "The irrigator rinses the liver bed.", Caption("The irrigator rinses the liver bed."), "irrigator", ()),
    "NAP": ("CholecT50", "next_action", "The steps are: " + "; ".join(STEPS) + ". What comes next?",
            "clipping-cutting", Label("clipping-cutting"), "", STEPS),
    "SA": ("JIGSAWS", "skill_assessment", "Rate Respect for tissue and Time and motion from 1 to 5.",
           "Respect for tissue: 4/5, Time and motion: 2/5", Ratings((Rating(SKILLS[0], 4), Rating(SKILLS[1], 2))), "",
           SKILLS),
    "CVS": ("Cholec80_CVS", "cvs_assessment", "Rate Two structures, Cystic plate, Hepatocystic triangle from 0 to 2.",
            "Two structures: 2, Cystic plate: 0, Hepatocystic triangle: 1",
            Ratings(tuple(Rating(n, v) for n, v in zip(VIEWS, (2, 0, 1), strict=True))), "", VIEWS),
}  # fmt: skip


def sample(task: TaskName, number: int) -> Sample:
    source, qa_type, question, answer, truth, target, choices = KINDS[task]
    name = f"VID{number % 4:02d}"
    start = 10.0 * number
    region = Region(f"videos/{name}/000010.png", Box(10, 20, 30, 40), 0.0) if task == "RC" else None
    return Sample(
        make_sample_id(source, name, start, start + 30, 0.5, qa_type, question), f"{name}&&{start:.0f}&&&&0.5", source,
        name, f"{source}:{name}", "test" if number % 4 == 0 else "train", task, qa_type, start, start + 30,
        "input_video_frame", 0.5, 30.0, 854, 480, (f"videos/{name}/000010.png", f"videos/{name}/000012.png"),
        (0.0, 2.0), question, target, choices, region, answer, truth, "gpt-4.1" if "gpt" in qa_type else "annotations",
        json.dumps({"fields": {"note": answer}, "absent": []}), "", start,
        Provenance(f"{name} says {answer}", "cholect50/tal@3", "ab" * 32, "gpt-4.1", "gpt-4.1-2025", "c" * 24, 0.875,
                   "ngram", "accepted", "call-key-of-the-answer"),
    )  # fmt: skip


def samples(each: int = 8) -> list[Sample]:
    return [sample(task, number) for task in KINDS for number in range(each)]


def without_residue(rows: list[Sample]) -> list[Sample]:
    return [replace(row, residue="{}") for row in rows]


SOURCES = [
    {"key": "cholect50", "name": "CholecT50", "root": "/data/CholecT50", "digest": "d" * 64, "recordings": 4,
     "synthetic": True, "licence": "CC BY-NC-SA 4.0", "licence_url": "https://creativecommons.org/licenses/by-nc-sa/4.0",
     "citation": "Nwoye et al. 2022", "homepage": "https://github.com/CAMMA-public/cholect50"},
    {"key": "jigsaws", "name": "JIGSAWS", "root": "/data/JIGSAWS", "digest": "e" * 64, "recordings": 4,
     "synthetic": False, "licence": "JIGSAWS licence", "licence_url": "https://cirl.lcsr.jhu.edu/jigsaws",
     "citation": "Gao et al. 2014", "homepage": "https://cirl.lcsr.jhu.edu"},
]  # fmt: skip
FIELDS: dict[str, Any] = {
    "medvidbench": "0.1.0",
    "python": "3.11.7",
    "pyarrow": "20.0.0",
    "seed": 7,
    "test_share": 0.15,
    "synthetic": True,
    "sources": SOURCES,
    "groups": {"train": ["g1"], "test": ["g2"]},
    "captions": {"models": ["gpt-4.1"], "accepted": 3, "rejected": {"similarity": 2}, "similarity_threshold": 0.3},
    "notes": ["The answer to everything is: A clipper seals the cystic artery."],
    "findings": 1,
}
FINDING = Finding("labels/VID01.json", "row 3", "the label clipping-cutting stands twice", "the first is kept")


def write(out: Path, rows: list[Sample] | None = None) -> dict[str, Any]:
    def texts(manifest: Any) -> dict[str, str]:
        return {CROISSANT: croissant_text(manifest)}

    return write_benchmark(out, samples() if rows is None else rows, [FINDING], FIELDS, card, extra=texts)
