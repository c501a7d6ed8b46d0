"""What the two rating tasks share: named integer scores, compared level by level."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from medvidbench.records import RatedInterval, Rating, Ratings, Recording, Sample, Unparsed
from medvidbench.tasks.asking import build_sample, thin
from medvidbench.tasks.base import Context, Task
from medvidbench.tasks.clips import Clip
from medvidbench.tasks.reading.ratings import read_ratings
from medvidbench.tasks.scoring import format_term, normal_label
from medvidbench.tasks.writing import write_ratings

SHORTEST = 1.0
"""Seconds under which a rated interval shows nothing that could be rated."""


class RatingTask(Task[Ratings]):
    """A task whose truth is one integer for each of a fixed list of aspects."""

    aspects: ClassVar[tuple[str, ...]]
    levels: ClassVar[range]
    out_of: ClassVar[int | None]
    """The denominator written behind each score, or None."""

    @abstractmethod
    def clips(self, recording: Recording, rated: RatedInterval, seed: int) -> Iterator[Clip]:
        """The clips that an interval's ratings hold for."""

    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """Questions on every rated interval whose names are this task's aspects and whose scores are its levels."""
        yield from thin(self._ask_all(recording, seed), seed)

    def _ask_all(self, recording: Recording, seed: int) -> Iterator[Sample]:
        asked: set[tuple[float, float]] = set()
        for rated in sorted(recording.rated, key=_order):
            truth = self.in_order(rated.ratings)
            if truth is None:
                continue
            for clip in self.clips(recording, rated, seed):
                if clip.duration >= SHORTEST and (clip.start, clip.end) not in asked:
                    asked.add((clip.start, clip.end))
                    answer = self.write(truth)
                    qa_type = self.qa_types[0]
                    yield build_sample(self.name, qa_type, recording, clip, seed, truth, answer, choices=self.aspects)

    def in_order(self, ratings: tuple[Rating, ...]) -> Ratings | None:
        """The ratings under the task's own names and in its order; None unless all are there and within the levels."""
        values = _by_name(ratings)
        found = [values.get(normal_label(aspect)) for aspect in self.aspects]
        known = [value for value in found if value in self.levels and value is not None]
        if len(known) != len(self.aspects) or len(values) != len(self.aspects):
            return None
        return Ratings(tuple(Rating(name, value) for name, value in zip(self.aspects, known, strict=True)))

    def write(self, truth: Ratings) -> str:
        """The scores by name, in one line."""
        return write_ratings(truth, self.out_of)

    def read(self, text: str, context: Context) -> Ratings | Unparsed:
        """The scores that an answer gives; an aspect that it leaves out is left out."""
        return read_ratings(text, context, self.levels)

    def score(self, parsed: Ratings | Unparsed, truth: Ratings, context: Context) -> Mapping[str, float]:
        """The share of the truth's aspects with exactly the right score; a missing aspect is wrong.

        0 for an unparsed answer, and 0 when the truth rates nothing.
        """
        pairs = self.pairs(parsed, truth)
        return {self.metrics[0]: sum(said == wanted for said, wanted in pairs) / max(1, len(pairs))}

    def reward(self, parsed: Ratings | Unparsed, truth: Ratings, context: Context) -> float:
        """Mean over the truth's aspects of 1 - |said - truth| / (highest - lowest level), times the format term.

        In [0, 1]. A missing aspect and an unparsed answer earn 0. A constant middle answer always earns at least 0.5:
        the reward orders answers, and its level means nothing before the normalisation. (The paper rewards neither SA
        nor CVS.)
        """
        if isinstance(parsed, Unparsed):
            return 0.0
        pairs, reach = self.pairs(parsed, truth), self.levels[-1] - self.levels[0]
        earned = (max(0.0, 1 - abs(said - wanted) / reach) for said, wanted in pairs if said is not None)
        return sum(earned) / max(1, len(pairs)) * format_term(parsed.flags)

    def pairs(self, parsed: Ratings | Unparsed, truth: Ratings) -> list[tuple[int | None, int]]:
        """(said, wanted) for each aspect of the truth; None when missing. Of a name given twice the first counts."""
        said = {} if isinstance(parsed, Unparsed) else _by_name(parsed.ratings)
        return [(said.get(normal_label(rating.name)), rating.value) for rating in truth.ratings]


def _by_name(ratings: tuple[Rating, ...]) -> dict[str, int]:
    values: dict[str, int] = {}
    for rating in ratings:
        values.setdefault(normal_label(rating.name), rating.value)
    return values


def _order(rated: RatedInterval) -> tuple[float, float, tuple[tuple[str, int], ...]]:
    return rated.start, rated.end, tuple((rating.name, rating.value) for rating in rated.ratings)
