"""The names under which models give an aspect's score, and how to find them in text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from medvidbench.tasks.reading.json_values import key_of

_SYNONYMS = {
    "respectfortissue": ("respect of tissue", "tissue respect", "tissue handling"),
    "sutureneedlehandling": (
        "suture and needle handling",
        "needle and suture handling",
        "needle suture handling",
        "suture handling",
        "needle handling",
    ),
    "timeandmotion": ("time motion", "motion and time"),
    "flowofoperation": ("flow of the operation", "operation flow", "operative flow", "flow"),
    "overallperformance": ("overall",),
    "qualityoffinalproduct": (
        "quality of the final product",
        "final product quality",
        "product quality",
        "final product",
    ),
    "twostructures": ("two structure", "2 structures", "two tubular structures"),
    "hepatocystictriangle": (
        "hepato cystic triangle",
        "calot s triangle",
        "calots triangle",
        "calot triangle",
        "triangle of calot",
        "hc triangle",
    ),
}


class Name(NamedTuple):
    """One mention of an aspect: where it stands, and whether by the task's own name or by a synonym."""

    begin: int
    finish: int
    label: str
    own: bool


class Names:
    """The aspect names of one task, own names and synonyms, matched without case and punctuation."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self._own = {key_of(label): label for label in labels}
        written = list(labels)
        self._label = dict(self._own)
        for label in labels:
            for synonym in _SYNONYMS.get(key_of(label), ()):
                self._label.setdefault(key_of(synonym), label)
                written.append(synonym)
        # longest first, so that "quality of final product" is not found as "final product"
        spellings = sorted(
            {"[\\W_]{1,4}".join(_words(name)) for name in written if _words(name)}, key=len, reverse=True
        )
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(spellings)})(?![A-Za-z])", re.IGNORECASE)

    def of(self, written: str) -> str | None:
        """The aspect that a field name or a table cell names, or None."""
        return self._label.get(key_of(written)) if len(written) <= 60 else None

    def owns(self, written: str) -> bool:
        """Whether the text is the task's own name of an aspect, no synonym."""
        return key_of(written) in self._own

    def find(self, masked: str) -> list[Name]:
        """Every mention of an aspect, left to right."""
        names = []
        for match in self._pattern.finditer(masked):
            key = key_of(match[0])
            names.append(Name(*match.span(), self._label[key], key in self._own))
        return names


@lru_cache(maxsize=32)
def names_of(labels: tuple[str, ...]) -> Names:
    """The `Names` of a task's aspects, built once."""
    return Names(labels)


def _words(name: str) -> list[str]:
    return [re.escape(word) for word in re.split(r"[\W_]+", name) if word]
