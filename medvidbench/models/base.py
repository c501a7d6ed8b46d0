"""The contract of a model: questions in, answers out, one for each, in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace

from medvidbench.records import Answer, Sample


class Model(ABC):
    """Something that answers questions. It is handed `question_only` samples, so it can't see a truth."""

    name: str

    @abstractmethod
    def answer(self, questions: Sequence[Sample]) -> Iterator[Answer]:
        """One `Answer` for each question, in the same order; a failed call is an `Answer` with `error` set."""


def question_only(sample: Sample) -> Sample:
    """The sample without its truth, its reference answer, its split, and published leftovers that may repeat them."""
    return replace(sample, answer=None, truth=None, split="test", residue="{}", target="")
