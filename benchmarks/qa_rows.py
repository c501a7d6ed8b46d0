"""Synthetic question-answer rows with the published marginals: made up by a program, they show no recording.

As published (arXiv 2512.06581): 531,850 rows, 626 videos, rows per source in the published proportions, 8 tasks fed by
the published sources, 63.3 % at 0.5 fps, 22.0 % at 1 fps, 7.5 % at 2 fps and the rest from 0.1 to 3, clips of 20 to
1,800 s, and 56 frame paths a row in the mean. Chosen here: videos per source, the tasks' shares (those of the public
test rows), and the texts: sentences put together from phrases, as rules write them from annotations. With `free_text`
the words are drawn one by one from a list instead, which repeats less than any language does and compresses worst.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from medvidbench.records import (
    Box,
    BoxTrack,
    Caption,
    Content,
    Event,
    Events,
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
from medvidbench.struc_info import CVS_KEYS, SKILL_ASPECTS
from medvidbench.tasks.questions import FORMS, REQUESTS, ROLES, SOURCES

PUBLISHED_ROWS = 531_850
# source: rows as published, videos (chosen; 626 in all), frame numbers a second, folder of its frames
ORIGINS = {
    "JIGSAWS": (852, 103, 30, "JIGSAWS/Suturing/frames"),
    "Cholec80_CVS": (3_765, 80, 25, "CAMMA_data/cholec80/frames"),
    "CholecT50": (6_004, 50, 1, "CAMMA_data/cholect50/videos"),
    "AVOS": (57_776, 120, 30, "AVOS/frames"),
    "CoPESD": (62_454, 40, 30, "CoPESD/images"),
    "CholecTrack20": (81_855, 20, 25, "CAMMA_data/cholectrack20/Frames"),
    "NurViD": (95_955, 193, 30, "NurViD/frames"),
    "EgoSurgery": (152_752, 20, 1, "EgoSurgery/images"),
}
TASKS: dict[str, tuple[TaskName, ...]] = {
    "JIGSAWS": ("SA",),
    "Cholec80_CVS": ("CVS",),
    "CholecT50": ("TAG", "DVC", "NAP", "VS"),
    "AVOS": ("TAG", "DVC", "NAP", "VS"),
    "CoPESD": ("TAG", "STG", "DVC", "NAP", "VS"),
    "CholecTrack20": ("STG", "RC"),
    "NurViD": ("TAG", "DVC", "NAP", "VS"),
    "EgoSurgery": ("TAG", "STG", "DVC", "NAP", "VS", "RC"),
}
SHARES = {"TAG": 1637, "STG": 780, "DVC": 1479, "VS": 565, "RC": 306, "NAP": 670, "SA": 160, "CVS": 648}
RATES = [(0.5, 63.3), (1.0, 22.0), (2.0, 7.5), (0.1, 2.4), (0.2, 2.4), (3.0, 2.4)]
QA_TYPES = {"TAG": "tal", "STG": "stg", "NAP": "next_action", "SA": "skill_assessment", "CVS": "cvs_assessment"}
CAPTIONS = {"DVC": "dense_captioning", "VS": "video_summary", "RC": "region_caption"}
ACTIONS = tuple(
    f"{verb} {thing}"
    for verb in ("grasp", "retract", "dissect", "coagulate", "clip", "cut", "irrigate", "aspirate")
    for thing in ("the gallbladder", "the cystic duct", "the cystic artery", "the omentum", "the liver bed")
)
PHRASES = (
    ("The grasper", "The hook", "The clipper", "The irrigator", "The bipolar forceps", "The scissors", "The surgeon",
     "The assistant", "The left hand", "The right hand", "The needle driver", "The knife", "The nurse", "The camera"),
    ("holds", "retracts", "dissects", "coagulates", "exposes", "lifts", "divides", "cleans", "cuts along", "presses",
     "moves towards", "is withdrawn from", "continues to work on", "begins to separate", "finishes the work on"),
    ("the gallbladder", "the cystic duct", "the cystic artery", "the cystic plate", "the liver bed", "the omentum",
     "the peritoneum", "the fascia", "the wound edge", "the skin", "the mucosa", "the vessel", "the suture"),
    ("in the upper left of the view", "in the upper right of the view", "in the lower left of the view",
     "in the lower right of the view", "in the middle of the view", "near the edge of the view"),
    ("while the tissue is kept under tension", "while smoke is drawn off", "with short strokes", "with steady traction",
     "before the next step begins", "after the bleeding has stopped", "without moving the other instrument",
     "as the calot triangle dissection goes on", "as the preparation goes on", "and then pauses"),
)  # fmt: skip
_WORDS = (
    "the surgeon grasper hook clipper irrigator bipolar forceps retracts dissects coagulates exposes lifts "
    "holds divides gallbladder cystic duct artery plate triangle liver peritoneum omentum fascia tissue field "
    "blood fluid smoke camera upper lower left right quadrant while then before after again slowly carefully "
    "with and toward from above beneath along edge layer plane tension traction clip suture needle thread knot "
    "glove gauze drape wound skin muscle vessel bowel instrument tip jaw shaft port trocar view assistant "
    "operator nurse patient hand finger syringe catheter bandage bed sheet begins continues completes repeats "
    "adjusts rotates withdraws inserts advances releases ties passes places removes checks cleans dries marks "
    "presses spreads separates reveals covers applies prepares opens closes folds turns moves stops "
)
WORDS = tuple(_WORDS.split())


@dataclass(frozen=True)
class Video:
    """One made-up recording: its name, length in seconds, and the paths of its frames by frame number."""

    source: str
    name: str
    seconds: int
    folder: str
    rate: int

    def path(self, second: float) -> str:
        return f"{self.folder}/{self.name}/{round(second * self.rate):06d}.png"


def rows_by_kind(total: int) -> dict[tuple[TaskName, str], int]:
    """How many rows each (task, source) has, in the published proportions."""
    published = sum(rows for rows, *_ in ORIGINS.values())
    counts = {}
    for source, (rows, *_) in ORIGINS.items():
        share = sum(SHARES[task] for task in TASKS[source])
        for task in TASKS[source]:
            counts[task, source] = max(1, round(total * rows / published * SHARES[task] / share))
    # what rounding left over or took too much
    counts["TAG", "EgoSurgery"] += total - sum(counts.values())
    return counts


def samples(
    total: int, seed: int = 0, free_text: bool = False, piece: int = 5_000
) -> Iterator[tuple[TaskName, str, list[Sample]]]:
    """The rows of each (task, source), a piece at a time."""
    for (task, source), count in rows_by_kind(total).items():
        rng = random.Random(f"{seed} {task} {source}")
        videos = _videos(source)
        for first in range(0, count, piece):
            numbers = range(first, min(count, first + piece))
            yield task, source, [_sample(task, videos[n * len(videos) // count], n, rng, free_text) for n in numbers]


def _videos(source: str) -> list[Video]:
    _, count, rate, folder = ORIGINS[source]
    rng = random.Random(source)
    return [Video(source, f"VID{i + 1:03d}", rng.randrange(1200, 3600), folder, rate) for i in range(count)]


def _sample(task: TaskName, video: Video, number: int, rng: random.Random, free_text: bool) -> Sample:
    fps = rng.choices([rate for rate, _ in RATES], [share for _, share in RATES])[0]
    seconds = min(1800, max(20, int(math.exp(rng.gauss(4.1, 0.62)))), video.seconds)
    start = rng.randrange(video.seconds - seconds + 1)
    times = tuple(i / fps for i in range(max(1, int(seconds * fps))))
    truth, answer = _truth(task, seconds, rng, free_text)
    model = rng.choice(("gpt", "gemini")) if task in CAPTIONS else ""
    qa_type = f"{CAPTIONS[task]}_{model}" if model else QA_TYPES[task]
    target = rng.choice(ACTIONS) if task in ("TAG", "STG") else ""
    # one of the questions in a thousand would repeat; the number keeps them apart
    question = f"{_question(task, video, seconds, target, rng)} ({number})"
    first, last = float(start * video.rate), float((start + seconds) * video.rate)
    box = Box(*map(float, _corners(rng))) if task == "RC" else None
    return Sample(
        make_sample_id(video.source, video.name, first, last, fps, qa_type, question),
        f"{video.name}&&{first:.0f}&&{last:.0f}&&{fps}",
        video.source,
        video.name,
        f"{video.source}:{video.name}",
        "train",
        task,
        qa_type,
        first,
        last,
        "input_video_frame",
        fps,
        float(seconds),
        854,
        480,
        tuple(video.path(start + t) for t in times),
        times,
        question,
        target,
        ACTIONS if task in ("TAG", "NAP") else (),
        None if box is None else Region(video.path(start), box, 0.0),
        answer,
        truth,
        model or "annotations",
        clip_offset=float(start),
        provenance=Provenance(f"{video.source}/{video.name} {start}-{start + seconds}"),
    )


def _question(task: TaskName, video: Video, seconds: int, target: str, rng: random.Random) -> str:
    words = {
        "choices": "; ".join(ACTIONS),
        "action": target,
        "object": target,
        "step": "2",
        "start": "0.0",
        "end": f"{seconds}.0",
        "box": str(_corners(rng)),
        "time": "0.0",
        "field": "laparoscopic surgery",
        "source": video.source,
        "procedure": "a procedure",
        "size": " (854x480)",
    }
    parts = (rng.choice(ROLES), rng.choice(SOURCES), rng.choice(REQUESTS[task]), FORMS[task])
    return " ".join(part.format(**words) for part in parts)


def _corners(rng: random.Random) -> list[int]:
    x, y = rng.randrange(600), rng.randrange(300)
    return [x, y, x + rng.randrange(20, 250), y + rng.randrange(20, 180)]


def _text(rng: random.Random, least: int, free_text: bool) -> str:
    """At least `least` words, and an exponential number more."""
    count = min(1170, least + int(rng.expovariate(1 / 30)))
    if free_text:
        return " ".join(rng.choices(WORDS, k=count)) + "."
    said: list[str] = []
    while sum(sentence.count(" ") + 1 for sentence in said) < count:
        said.append(" ".join(rng.choice(part) for part in PHRASES) + ".")
    return " ".join(said)


def _spans(seconds: int, count: int, rng: random.Random) -> list[tuple[float, float]]:
    cuts = sorted(round(rng.uniform(0, seconds), 1) for _ in range(2 * count))
    return [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=True) if a < b]


def _truth(task: TaskName, seconds: int, rng: random.Random, free_text: bool) -> tuple[Content, str]:
    if task == "TAG":
        spans = _spans(seconds, rng.randint(1, 3), rng)
        return Spans(tuple(Span(*s) for s in spans)), ", ".join(f"{a}-{b}" for a, b in spans) + " seconds."
    if task == "STG":
        boxes = [(float(t), _corners(rng)) for t in range(0, min(seconds, 20), 2)]
        track = BoxTrack(tuple(TimedBox(t, Box(*map(float, box))) for t, box in boxes))
        return track, " ".join(f"{t} seconds: {box}" for t, box in boxes)
    if task == "DVC":
        events = [(a, b, _text(rng, 8, free_text)) for a, b in _spans(seconds, rng.randint(2, 5), rng)]
        return Events(tuple(Event(*e) for e in events)), "\n".join(f"{a}-{b} seconds: {c}" for a, b, c in events)
    if task in ("SA", "CVS"):
        names, top = (SKILL_ASPECTS, 5) if task == "SA" else (tuple(CVS_KEYS), 2)
        values = [(name, rng.randint(1 if task == "SA" else 0, top)) for name in names]
        return Ratings(tuple(Rating(*v) for v in values)), ", ".join(f"{n}: {v}" for n, v in values)
    if task == "NAP":
        label = rng.choice(ACTIONS)
        return Label(label), label
    text = _text(rng, 22, free_text)
    return Caption(text), text


def describe(total: int) -> str:
    """One line on the rows, for the head of a table."""
    counts = list(accumulate(rows_by_kind(total).values()))[-1]
    return f"{counts:,} synthetic rows with the published marginals, {sum(o[1] for o in ORIGINS.values())} videos"
