"""What reading a caption gives: concepts in clauses, places, quantities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from medvidbench.judges.lexicon_files import Concept
from medvidbench.judges.paths import Path

STEM = 5
"""Letters by which words that the lexicon lacks are compared."""


@dataclass(slots=True)
class Mention:
    """A concept at a place of the text.

    Attributes:
        at: index of its first token; end: of the first token behind it.
        sides: (axis, value) of the side words before it.
        others: names of the concepts that the words can mean as well.
        words: as written.
    """

    concept: Concept
    at: int
    end: int
    words: str
    lay: bool = False
    verb: bool = False
    negated: bool = False
    sides: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Clause:
    """Concepts that are said together.

    Attributes:
        sentence: number of its sentence.
        time: place in the told order; hard: number of order words passed, so that clauses with different numbers have
            a stated order and others the order of telling alone.
        unknown: content words that the lexicon doesn't have.
    """

    sentence: int
    opened: str = "start"
    mentions: list[Mention] = field(default_factory=list)
    marks: list[tuple[int, str, str]] = field(default_factory=list)
    time: int = 0
    hard: int = 0
    unknown: list[str] = field(default_factory=list)

    @property
    def actions(self) -> list[Mention]:
        """Its actions that say something."""
        return [m for m in self.mentions if m.concept.category == "action" and m.concept.level]

    @property
    def acts(self) -> bool:
        """Whether any action, however general, or state makes it a clause of its own."""
        return any(m.concept.category in ("action", "state") for m in self.mentions)


@dataclass(frozen=True, slots=True)
class Place:
    """A side or direction without a concept of its own: role "to", "from" or "at"."""

    role: str
    values: tuple[tuple[str, str], ...]
    words: str


@dataclass(slots=True)
class Reading:
    """All that was found in one text.

    Attributes:
        clauses: in the order of telling.
        places: sides and directions that belong to no concept.
        quantities: (dimension, value in its base unit), e.g. ("length", 5.0).
        unknown: content words that the lexicon doesn't have.
        paths: ways told by landmarks.
        words: number of words of the whole text; distinct: share of its runs of three words that are different.
    """

    clauses: list[Clause]
    places: list[Place]
    quantities: list[tuple[str, float]]
    unknown: list[str]
    words: int
    distinct: float
    tokens: tuple[str, ...]
    paths: tuple[Path, ...] = ()

    @property
    def mentions(self) -> Iterator[Mention]:
        """The concepts, in the order of telling."""
        return (mention for clause in self.clauses for mention in clause.mentions)
