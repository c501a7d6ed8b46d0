"""Which labels of a source the words of a caption may name.

A lexicon is built from the source's own label sets, so that a word which is no label of a source claims nothing there:
"retractor" is an instrument of EgoSurgery and a general word in CholecT50. One surface form may stand for several
labels ("forceps": grasper or bipolar forceps). General words ("tool", "instrument", "tissue") are in no lexicon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from medvidbench.curation.evidence import LabelSet
from medvidbench.tasks.verbalise import label_words

INSTRUMENT_KINDS = ("instrument", "tool", "object")
STRUCTURE_KINDS = ("target",)
NO_NAME = {"null instrument", "null target", "null verb", "fluid"}

INSTRUMENT_FORMS: dict[str, tuple[str, ...]] = {
    "grasper": ("grasper", "grasping forceps", "grasping instrument", "forceps"),
    "bipolar": ("bipolar", "bipolar forceps", "bipolar grasper", "forceps", "cautery", "electrocautery"),
    "bipolar forceps": ("bipolar", "bipolar forceps", "forceps", "cautery"),
    "hook": ("hook", "electrocautery hook", "cautery hook", "l-hook", "hook electrode", "cautery", "electrocautery"),
    "scissors": ("scissors", "shears"),
    "clipper": ("clipper", "clip applier", "clip-applier", "clip applicator"),
    "irrigator": ("irrigator", "suction-irrigator", "suction irrigator", "irrigation device", "suction device"),
    "specimen bag": ("specimen bag", "retrieval bag", "endobag", "endo-bag", "extraction bag"),
    "electric cautery": (
        "electric cautery",
        "electrocautery",
        "electrocautery device",
        "cautery",
        "diathermy",
        "bovie",
    ),
    "needle holders": ("needle holder", "needle holders", "needle driver", "needle drivers"),
    "suction cannula": ("suction cannula", "suction tube", "suction tip", "suction device"),
    "tweezers": ("tweezers", "forceps"),
    "forceps": ("forceps",),
    "scalpel": ("scalpel", "knife"),
    "knife": ("knife", "electrosurgical knife"),
    "mouth gag": ("mouth gag", "mouth-gag"),
}
"""Surface forms of an instrument's label beside the label itself."""
STRUCTURE_FORMS: dict[str, tuple[str, ...]] = {
    "gut": ("gut", "bowel", "intestine", "duodenum", "colon"),
    "blood vessel": ("blood vessel",),
    "omentum": ("omentum", "omental tissue"),
    "peritoneum": ("peritoneum", "peritoneal layer"),
    "adhesion": ("adhesion", "adhesions"),
    "specimen bag": ("specimen bag", "retrieval bag", "endobag"),
    "abdominal wall cavity": ("abdominal wall", "abdominal cavity"),
}
MAY_MEAN: dict[str, frozenset[str]] = {
    name: frozenset(others.split(", "))
    for name, others in {
        "grasper": "bipolar",
        "forceps": "bipolar forceps, tweezers, needle holders",
        "tweezers": "forceps, bipolar forceps",
        "needle holders": "forceps",
        "bipolar forceps": "electric cautery",
        "electric cautery": "bipolar forceps",
        "hook": "retractor, skewer",
        "retractor": "hook, skewer, mouth gag",
        "skewer": "hook, retractor",
        "knife": "scalpel",
        "scalpel": "knife",
        "cystic duct": "cystic pedicle",
        "cystic artery": "cystic pedicle, blood vessel",
        "cystic pedicle": "cystic duct, cystic artery, blood vessel",
        "blood vessel": "cystic artery, cystic pedicle",
        "gallbladder": "cystic plate, cystic pedicle, cystic duct",
        "cystic plate": "liver, gallbladder",
        "liver": "cystic plate",
        "omentum": "adhesion, peritoneum, gut",
        "adhesion": "omentum, peritoneum, gut",
        "peritoneum": "adhesion, omentum, gallbladder, abdominal wall cavity",
        "gut": "omentum",
    }.items()
}
"""What a writer may have meant by a name: the annotated labels that it is a wider word for, or that look or lie so much
alike that the one for the other is no certain contradiction. Not the other way round: "bipolar forceps" never means a
grasper."""


class Mention(NamedTuple):
    """A form found in a text, and the labels it may stand for."""

    start: int
    end: int
    form: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Lexicon:
    """The forms of one group of labels of one source."""

    forms: dict[str, frozenset[str]]
    pattern: re.Pattern[str] | None

    def mentions(self, text: str) -> Iterator[Mention]:
        """Every form in a text, the longest where several begin."""
        if self.pattern is not None:
            for match in self.pattern.finditer(text):
                form = match[0].lower()
                yield Mention(match.start(), match.end(), form, self.forms[form])


def name_of(label: str) -> str:
    """A label as the lexicon's key: "cystic_duct" to "cystic duct"."""
    return label_words(label).replace("-", " ").lower()


def meant(names: Iterable[str]) -> frozenset[str]:
    """The annotated labels that may be meant by these names."""
    listed = list(names)
    return frozenset(listed).union(*(MAY_MEAN.get(name, frozenset()) for name in listed))


def instruments(vocabulary: tuple[LabelSet, ...]) -> Lexicon:
    """The instruments that a source labels; hands are none."""
    return _lexicon(vocabulary, INSTRUMENT_KINDS, 0)


def structures(vocabulary: tuple[LabelSet, ...]) -> Lexicon:
    """The anatomical structures that a source labels as targets."""
    return _lexicon(vocabulary, STRUCTURE_KINDS, 2)


@lru_cache(maxsize=256)
def _lexicon(vocabulary: tuple[LabelSet, ...], kinds: tuple[str, ...], part: int) -> Lexicon:
    names = {name_of(label) for listed in vocabulary if listed.kind in kinds for label in listed.labels}
    for listed in vocabulary:
        if listed.kind == "triplet":
            names |= {name_of(label.split(",")[part]) for label in listed.labels if label.count(",") == 2}
    known = INSTRUMENT_FORMS if part == 0 else STRUCTURE_FORMS
    forms: dict[str, set[str]] = {}
    for name in names - NO_NAME:
        if name.endswith(("hands left", "hands right")):
            continue
        for form in {name, *known.get(name, ())}:
            forms.setdefault(form, set()).add(name)
    if not forms:
        return Lexicon({}, None)
    # longest first, so that "bipolar forceps" isn't read as "bipolar" or "forceps"
    listed_forms = "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))
    return Lexicon(
        {form: frozenset(labels) for form, labels in forms.items()},
        re.compile(rf"(?<![\w-])(?:{listed_forms})(?![\w-])", re.IGNORECASE),
    )
