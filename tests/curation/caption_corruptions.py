"""Controlled faults in a caption: each takes a question's row and a text, and gives a faulty text, or None."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from offline_rows import Row

Fault = Callable[[Row, str, random.Random], "str | None"]

LAPAROSCOPIC = {
    "grasper": "grasper",
    "bipolar forceps": "bipolar",
    "hook": "hook",
    "scissors": "scissors",
    "clip applier": "clipper",
    "suction-irrigator": "irrigator",
}
OPEN = {name: name for name in ("scalpel", "scissors", "syringe", "gauze", "raspatory", "mouth gag")}
INSTRUMENTS = {"CholecT50": LAPAROSCOPIC, "CholecTrack20": LAPAROSCOPIC, "EgoSurgery": OPEN}
"""Names in captions with the word of their label, by source."""
REFUSALS = (
    "I'm sorry, but I can't help with medical videos.",
    "As an AI language model, I cannot view videos.",
    "I cannot assist with that request.",
)
FOREIGN = (
    "Der Chirurg hält das Gewebe mit der Zange und durchtrennt es dann mit der Schere.",
    "Le chirurgien saisit le tissu avec la pince puis le coupe avec les ciseaux.",
    "外科医生用抓钳抓住组织,然后用剪刀切断。",
)
_LINE = re.compile(r"([\d.]+)-([\d.]+) seconds: (.*)")


def another_instrument(row: Row, text: str, rng: random.Random) -> str | None:
    """One instrument named for another that the annotations show nowhere in the clip."""
    sample, found, _ = row
    names = INSTRUMENTS.get(sample.source, {})
    labels = [s.label for s in found.segments] + [b.label for m in found.moments for b in m.boxes] + [sample.target]
    annotated = " ".join(labels).lower().replace("_", " ")
    named = [name for name in names if _whole(name).search(text)]
    absent = [name for name, label in names.items() if label not in annotated and name not in named]
    if not named or not absent:
        return None
    return _whole(rng.choice(named)).sub(rng.choice(absent), text, count=1)


def shifted(row: Row, text: str, rng: random.Random) -> str | None:
    """One event a second later."""
    if row[0].task != "DVC":
        return None
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    start, end, caption = _LINE.fullmatch(lines[at]).groups()
    lines[at] = f"{float(start) + 1:.1f}-{float(end) + 1:.1f} seconds: {caption}"
    return "\n".join(lines)


def dropped(row: Row, text: str, rng: random.Random) -> str | None:
    """One event left out."""
    lines = text.split("\n")
    if row[0].task != "DVC" or len(lines) < 2:
        return None
    del lines[rng.randrange(len(lines))]
    return "\n".join(lines)


def refused(row: Row, text: str, rng: random.Random) -> str | None:
    """The model declines."""
    return rng.choice(REFUSALS)


def foreign(row: Row, text: str, rng: random.Random) -> str | None:
    """Another language, with the intervals kept."""
    said = rng.choice(FOREIGN)
    if row[0].task != "DVC":
        return said
    return "\n".join(f"{m[1]}-{m[2]} seconds: {said}" for m in _LINE.finditer(text))


def too_late(row: Row, text: str, rng: random.Random) -> str | None:
    """A time after the end of the clip."""
    return f"{text.rstrip('.')}, until {row[1].duration + 5:.1f} seconds."


def echoed(row: Row, text: str, rng: random.Random) -> str | None:
    """The question in front of the answer or behind it."""
    question = row[0].question
    return f"{text} {question}" if row[0].task == "DVC" else f"{question} {text}"


def of_another_clip(rows: Sequence[Row]) -> Fault:
    """The clinical caption of another clip of the same source and task, with other words."""
    alike: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        alike[row[0].source, row[0].task].append(row)

    def fault(row: Row, text: str, rng: random.Random) -> str | None:
        texts = sorted({other[2][1].text or "" for other in alike[row[0].source, row[0].task]} - {text})
        return rng.choice(texts) if texts else None

    return fault


def of_another_source(rows: Sequence[Row]) -> Fault:
    """The clinical captions of a clip of another kind of procedure, with the question's own intervals."""

    def fault(row: Row, text: str, rng: random.Random) -> str | None:
        kind = row[0].source[:5]  # CholecT50 and CholecTrack20 show the same operation
        others = [o for o in rows if o[0].task == row[0].task and o[0].source[:5] != kind]
        said = rng.choice(others)[2][1].text or ""
        if row[0].task != "DVC":
            return said
        captions = [m[3] for m in _LINE.finditer(said)]
        spans = [f"{m[1]}-{m[2]} seconds: " for m in _LINE.finditer(text)]
        return "\n".join(span + captions[i % len(captions)] for i, span in enumerate(spans))

    return fault


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
