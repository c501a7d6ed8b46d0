"""Makes the caption pairs of the certificate from the hand-written references; run it to write the set anew.

    python -m medvidbench.judges.certificate.corruptions

Every pair changes one thing. Which of several slots and wrong values is taken is drawn by a hash of the seed, so the
set is the same on every machine; a set that was published is never changed, a new one gets a new version.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from medvidbench.judges.certificate.markup import clause_first, generic, plain, render
from medvidbench.judges.certificate.markup import joined as joined_steps
from medvidbench.judges.certificate.probes import EXPECTED, FOLDER, HELD_OUT, USED_UP, VERSION, Probe, written
from medvidbench.judges.certificate.references import FOLDER as REFERENCES
from medvidbench.judges.certificate.references import HELD_OUT_FOLDER, USED_UP_FOLDERS, Reference, load_references
from medvidbench.records import TASK_NAMES

SEED = 20260
Change: TypeAlias = tuple[str, str]
"""The caption, and what was changed."""
Maker: TypeAlias = Callable[[Reference, int], Iterator[Change]]
T = TypeVar("T")
GENERIC: Final = {"i": "tool", "s": "area"}
ABBREVIATIONS: Final[dict[str, str]] = {
    "bag valve mask": "BVM",
    "cardiopulmonary resuscitation": "CPR",
    "central venous catheter": "CVC",
    "common bile duct": "CBD",
    "common carotid artery": "CCA",
    "critical view of safety": "CVS",
    "endoscopic submucosal dissection": "ESD",
    "great saphenous vein": "GSV",
    "internal jugular vein": "IJV",
    "intramuscular": "IM",
    "nasogastric": "NG",
    "peripheral intravenous": "peripheral IV",
    "peripherally inserted central catheter": "PICC",
    "personal protective equipment": "PPE",
    "pulse oximeter": "SpO2",
    "recurrent laryngeal nerve": "RLN",
    "right hepatic artery": "RHA",
    "superior thyroid artery": "STA",
}
"""Abbreviations that a clinician of the specialty reads without thinking."""


def build_probes(references: Iterable[Reference], seed: int = SEED) -> list[Probe]:
    """The pairs of these references, by reference and then in the order of `EXPECTED`."""
    return [probe for reference in references for probe in _of(reference, seed)]


def write_set(version: str, references: Path, folder: Path = FOLDER) -> Path:
    """Writes the set of these references as JSON lines, and says where."""
    out = folder / f"{version}.jsonl"
    out.write_text(written(build_probes(load_references(references))), encoding="utf-8", newline="\n")
    return out


def _of(reference: Reference, seed: int) -> Iterator[Probe]:
    task = next(name for name in TASK_NAMES if name == reference.task)
    for kind in EXPECTED:
        for at, (caption, changed) in enumerate(_MAKERS[kind](reference, seed)):
            if kind != "identity" and caption == reference.text:
                raise ValueError(f"{reference.reference_id}: {kind} changed nothing")
            name = f"{reference.reference_id}:{kind}" + (f":{at + 1}" if at else "")
            who = (name, reference.reference_id, kind, reference.specialty, task, reference.source)
            yield Probe(*who, reference.text, caption, changed)


def _identity(reference: Reference, seed: int) -> Iterator[Change]:
    yield reference.text, ""


def _paraphrase(reference: Reference, seed: int) -> Iterator[Change]:
    for text in filter(None, (reference.paraphrase, *reference.more)):
        yield text, "by hand"


def _clauses(reference: Reference, seed: int) -> Iterator[Change]:
    moved = clause_first(reference.told())
    if moved is not None:
        yield moved, "clause in front"


def _abbreviation(reference: Reference, seed: int) -> Iterator[Change]:
    used = [long for long in ABBREVIATIONS if re.search(rf"\b{long}\b", reference.text)]
    caption = reference.text
    for long in used:
        caption = caption.replace(long, ABBREVIATIONS[long])
    if used:
        yield caption, "; ".join(f"{long} -> {ABBREVIATIONS[long]}" for long in used)


def _unit(reference: Reference, seed: int) -> Iterator[Change]:
    for step, marked in enumerate(reference.marked):
        for at, slot in enumerate(marked.slots):
            if slot.same:
                yield plain(reference.told({(step, at): slot.same})), f"{slot.value} -> {slot.same}"
                return


def _wrong(kind: str) -> Maker:
    """One wrong value in one slot of this kind."""

    def make(reference: Reference, seed: int) -> Iterator[Change]:
        found = [
            (step, at, slot.value, wrong)
            for step, marked in enumerate(reference.marked)
            for at, slot in enumerate(marked.slots)
            if slot.kind == kind
            for wrong in slot.wrong
        ]
        if found:
            step, at, value, wrong = _drawn(found, seed, reference.reference_id, kind)
            yield plain(reference.told({(step, at): wrong})), f"{value} -> {wrong}"

    return make


def _unsafe(reference: Reference, seed: int) -> Iterator[Change]:
    for step, marked in enumerate(reference.marked):
        for at, slot in enumerate(marked.slots):
            for wrong in slot.unsafe + (slot.wrong if slot.kind == "x" else ()):
                yield plain(reference.told({(step, at): wrong})), f"{slot.value} -> {wrong}"


def _order(reference: Reference, seed: int) -> Iterator[Change]:
    steps = [plain(render(marked)) for marked in reference.marked]
    if len(steps) > 1:
        at = _drawn(range(len(steps) - 1), seed, reference.reference_id, "order")
        swapped = [*steps[:at], steps[at + 1], steps[at], *steps[at + 2 :]]
        yield joined_steps(swapped), f"steps {at + 1} and {at + 2} swapped"


def _omitted(reference: Reference, seed: int) -> Iterator[Change]:
    steps = [plain(render(marked)) for marked in reference.marked]
    if len(steps) > 2:
        at = _drawn(range(len(steps)), seed, reference.reference_id, "omitted")
        yield joined_steps([*steps[:at], *steps[at + 1 :]]), f"left out: {steps[at]}"


def _invented(reference: Reference, seed: int) -> Iterator[Change]:
    sentence = _drawn(reference.invented, seed, reference.reference_id, "invented")
    is_first = _drawn((True, False), seed, reference.reference_id, "place")
    yield " ".join((sentence, reference.text) if is_first else (reference.text, sentence)), f"invented: {sentence}"


def _vaguer(reference: Reference, seed: int) -> Iterator[Change]:
    changes = [generic(marked, GENERIC) for marked in reference.marked]
    told = {(step, at): word for step, own in enumerate(changes) for at, word in (own or {}).items()}
    if told:
        yield plain(reference.told(told)), "instrument and structure unnamed"


def _lay(reference: Reference, seed: int) -> Iterator[Change]:
    if reference.lay:
        yield reference.lay, "by hand"


def _example(reference: Reference, seed: int) -> Iterator[Change]:
    if reference.example:
        yield reference.example, "the paper's example"


_MAKERS: Final[dict[str, Maker]] = {
    "identity": _identity,
    "paraphrase": _paraphrase,
    "reordered_clauses": _clauses,
    "abbreviation": _abbreviation,
    "unit": _unit,
    "wrong_instrument": _wrong("i"),
    "wrong_structure": _wrong("s"),
    "wrong_laterality": _wrong("l"),
    "wrong_direction": _wrong("d"),
    "wrong_action": _wrong("a"),
    "wrong_order": _order,
    "vaguer": _vaguer,
    "lay_wording": _lay,
    "hallucinated_step": _invented,
    "omitted_step": _omitted,
    "negation_flipped": _wrong("n"),
    "unsafe_claim": _unsafe,
    "paper_example": _example,
}


def _drawn(values: Sequence[T], seed: int, *parts: str) -> T:
    """One of the values, by a hash: the same on every machine and whatever else is drawn."""
    name = hashlib.sha256(json.dumps([seed, *parts]).encode()).hexdigest()
    return values[int(name[:12], 16) % len(values)]


if __name__ == "__main__":
    write_set(VERSION, REFERENCES)
    write_set(HELD_OUT, HELD_OUT_FOLDER)
    for used_up in zip(USED_UP, USED_UP_FOLDERS, strict=True):
        write_set(*used_up)
