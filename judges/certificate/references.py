"""The hand-written references that the certificate's caption pairs are made of, one YAML file a specialty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvidbench.judges.certificate.markup import Marked, parse, plain, render
from medvidbench.judges.certificate.markup import joined as joined_steps

FOLDER = Path(__file__).parent / "references"
HELD_OUT_FOLDER = Path(__file__).parent / "held_out_v3"
USED_UP_FOLDERS = (Path(__file__).parent / "held_out", Path(__file__).parent / "held_out_v2")
"""Held-out sets that were looked at once their figures were known; since then they serve development."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference caption with its marked slots and what was written for it by hand.

    Attributes:
        marked: one text, or one for each step of a sequence.
        paraphrase: the same content in other words, or ""; more: further ones.
        lay: the same in everyday words, or "".
        example: the paper's example of an empty caption, or "".
        invented: sentences of the specialty that are true of none of its references.
    """

    reference_id: str
    specialty: str
    source: str
    task: str
    marked: tuple[Marked, ...]
    paraphrase: str
    lay: str
    example: str
    invented: tuple[str, ...]
    more: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The caption itself."""
        return plain(self.told())

    def told(self, changes: Mapping[tuple[int, int], str] | None = None) -> str:
        """The caption with changes by (step, slot); a movable clause is still in braces."""
        steps = [
            render(marked, {slot: value for (own, slot), value in (changes or {}).items() if own == step})
            for step, marked in enumerate(self.marked)
        ]
        return joined_steps(steps) if len(steps) > 1 else steps[0]


def load_references(folder: Path = FOLDER) -> list[Reference]:
    """All references, by file name and in the files' order.

    Raises:
        ValueError: an id stands twice, or a slot can't be read.
    """
    import yaml  # type: ignore[import-untyped,unused-ignore]

    found: list[Reference] = []
    for file in sorted(folder.glob("*.yaml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        found += [_reference(content, entry) for entry in content["references"]]
    ids = [reference.reference_id for reference in found]
    if len(set(ids)) < len(ids):
        raise ValueError(f"A reference id stands twice: {sorted(i for i in ids if ids.count(i) > 1)[0]}")
    return found


def _reference(content: Mapping[str, Any], entry: Mapping[str, Any]) -> Reference:
    texts = entry["steps"] if "steps" in entry else [entry["text"]]
    return Reference(
        entry["id"],
        content["specialty"],
        entry["source"],
        entry["task"],
        tuple(parse(text) for text in texts),
        entry.get("paraphrase", ""),
        entry.get("lay", ""),
        entry.get("example", ""),
        tuple(content["invented"]),
        tuple(entry.get("more", ())),
    )
