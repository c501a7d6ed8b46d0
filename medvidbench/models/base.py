"""The contracts of a model: questions in, answers out, one for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from medvidbench.records import Answer, Sample

if TYPE_CHECKING:
    from typing_extensions import Self

    from medvidbench.evaluation.clips import Shrink
    from medvidbench.models.dry_run import Estimate
    from medvidbench.models.messages import Reply
    from medvidbench.models.time_contract import Announced, VideoQuestion


class Model(ABC):
    """Something that answers questions. It is handed `question_only` samples, so it can't see a truth."""

    name: str

    @abstractmethod
    def answer(self, questions: Sequence[Sample]) -> Iterator[Answer]:
        """One `Answer` for each question, in the same order; a failed call is an `Answer` with `error` set."""


def question_only(sample: Sample) -> Sample:
    """The sample without truth, reference answer, where that came from, split, and leftovers that may repeat them."""
    return replace(sample, answer=None, truth=None, provenance=None, split="test", residue="{}", target="")


class VideoModel(ABC):
    """Something that answers questions on frames, and can show how it is told when they were taken.

    Everything here but `answer_videos` works without sending a call. A prepared question has at least `text` (the
    rendered prompt, for people), `length` (tokens, where they are known; else an estimate) and `question`.

    Attributes:
        name: as it was asked for ("hf:PATH", "gpt-4.1"), of an address only the host ("openai:MODEL@HOST").
    """

    name: str

    @abstractmethod
    def prepare(self, question: VideoQuestion) -> Any:
        """All that the model will be given for the question.

        Raises:
            MedVidBenchError: it can't be rendered.
        """

    @abstractmethod
    def describe_times(self, prepared: Any) -> list[Announced]:
        """The announced times, read back from what was prepared.

        Raises:
            MedVidBenchError: none can be read, or they contradict each other.
        """

    @abstractmethod
    def channel(self, prepared: Any) -> str:
        """How times reach the model."""

    @abstractmethod
    def answer_videos(self, questions: Iterable[VideoQuestion]) -> Iterator[Reply]:
        """One reply for each question, its `tag` the question's `sample_id`, in any order; questions are taken only as
        they are needed. What fails for one question is a reply with `error` and without a text."""

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Everything that decides an answer, as it is written into results; JSON values, no secrets."""

    @property
    def shrink(self) -> Shrink | None:
        """Makes frames as small as the model will see them, in whatever process decoded them; picklable. Answers are
        the same with and without it. None where nothing can be gained."""
        return None

    def estimate(self, questions: Iterable[VideoQuestion]) -> Estimate | None:
        """What the questions would take; nothing is sent. Local models cost no dollars. None where nobody can tell."""
        from medvidbench.models.dry_run import Estimate

        lengths = [(self.prepare(question).length, question.max_new_tokens) for question in questions]
        return Estimate(len(lengths), 0, sum(read for read, _ in lengths), sum(most for _, most in lengths), 0.0)

    def close(self) -> None:
        """Gives back what the model holds."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
