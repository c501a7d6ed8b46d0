"""What a check is given, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from medvidbench.curation.answers import read_answer, texts_of
from medvidbench.curation.candidates import Candidate
from medvidbench.curation.evidence import Evidence
from medvidbench.records import Caption, Event, Events, Sample, Unparsed


@dataclass(frozen=True)
class Subject:
    """One candidate with the question and the evidence that it is checked against."""

    sample: Sample
    evidence: Evidence
    candidate: Candidate

    @property
    def text(self) -> str:
        """The answer as received, "" for a failed call."""
        return self.candidate.text or ""

    @cached_property
    def content(self) -> Events | Caption | Unparsed:
        """The answer as read."""
        return read_answer(self.text, self.sample)

    @property
    def texts(self) -> list[tuple[Event | None, str]]:
        """The descriptions in the answer, each with its event; none when it can't be read."""
        return [] if isinstance(self.content, Unparsed) else texts_of(self.content)


class Remark(NamedTuple):
    """What a check saw; `rejects` is False for what is only worth a note."""

    detail: str
    rejects: bool = True


Check: TypeAlias = Callable[[Subject], Iterator[Remark]]
