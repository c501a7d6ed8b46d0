"""One caption pair as a reviewer gets it, and the words that reviewers may answer with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from medvidbench.curation.candidates import Candidate, Verdict
from medvidbench.curation.evidence import Evidence
from medvidbench.records import Sample

Choice: TypeAlias = Literal["both_good", "left_better", "right_better", "both_bad"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
Flag: TypeAlias = Literal["instrument", "anatomy", "action", "time", "hallucination", "unreadable"]
FLAGS: tuple[Flag, ...] = get_args(Flag)
FLAG_TEXTS: dict[Flag, str] = {
    "instrument": "Wrong instrument",
    "anatomy": "Wrong anatomy",
    "action": "Wrong action",
    "time": "Wrong time",
    "hallucination": "Made up",
    "unreadable": "Unreadable",
}


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One question with what the annotations say, what the generators wrote, and what validation decided."""

    sample: Sample
    evidence: Evidence | None
    candidates: tuple[Candidate, ...]
    verdicts: tuple[Verdict, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """The non-empty answers by generator, sorted by its name."""
        given = sorted((c.generator, c.text) for c in self.candidates if c.text and c.text.strip())
        return dict(given)

    def validation(self, generator: str) -> str:
        """What validation decided about a generator's answer, or "" when it has not run."""
        return next((v.decision for v in self.verdicts if v.generator == generator), "")
