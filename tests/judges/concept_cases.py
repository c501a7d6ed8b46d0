"""Caption pairs of the concept judge's check set: hand-written ones, and those made from annotations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medvidbench.curation.note_words import sentence, triplet_notes
from medvidbench.sources.cholect50_classes import INSTRUMENTS, TARGETS, TRIPLETS, VERBS
from medvidbench.tasks.verbalise import scene_clause

KINDS = {
    "i": "instrument",
    "s": "structure",
    "a": "action",
    "l": "laterality",
    "d": "direction",
    "n": "negation",
    "o": "order",
    "=": "same",
}
DROPS = {
    "instrument": "instrument_anatomy",
    "structure": "instrument_anatomy",
    "laterality": "instrument_anatomy",
    "action": "action_state",
    "direction": "action_state",
    "negation": "action_state",
    "order": "clinical_context",
}
"""The dimension that must drop."""


@dataclass(frozen=True)
class Case:
    """A pair: `kind` is "same" or what is wrong."""

    kind: str
    reference: str
    prediction: str


def written() -> list[Case]:
    """The hand-written pairs."""
    text = (Path(__file__).parent / "concept_cases.txt").read_text(encoding="utf-8")
    blocks = [block for block in text.split("\n\n") if block.strip()]
    cases: list[Case] = []
    for block in blocks:
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        reference = lines[0].removeprefix("R: ")
        for line in lines[1:]:
            mark, said = line.split(" ", 1)
            cases.append(Case(KINDS[mark.rstrip(":")], reference, said))
    return cases


def annotated(count: int, seed: int = 0) -> Iterator[Case]:
    """Pairs of CholecT50 triplets: a plain sentence as reference; an operative note, and corrupted ones, against it."""
    rng = random.Random(seed)
    acting = [t.split(",") for t in TRIPLETS if "null" not in t]
    for _ in range(count):
        scene = rng.sample(acting, rng.choice((1, 1, 2, 3)))
        plain = scene_clause([("triplet", ",".join(parts)) for parts in scene], "the surgeon")
        reference = plain[:1].upper() + plain[1:] + "."
        yield Case("same", reference, sentence(triplet_notes(scene)))
        for place, kind, names in (
            (0, "instrument", INSTRUMENTS),
            (1, "action", VERBS[:-1]),
            (2, "structure", TARGETS[:-1]),
        ):
            shown = {parts[place] for parts in scene}
            wrong = [parts[:] for parts in scene]
            wrong[0][place] = rng.choice([name for name in names if name not in shown])
            yield Case(kind, reference, sentence(triplet_notes(wrong)))
