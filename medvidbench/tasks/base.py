"""The task contract: ask, write, read, score, reward. The only place that knows a task.

A task is one object of a subclass of `Task`. It has no state and does no I/O.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from medvidbench.records import Content, Recording, Sample, TaskName, Unparsed

T = TypeVar("T", bound=Content)


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader of an answer may know: the question's side only, never the truth.

    Attributes:
        duration: clip length in seconds, or None.
        fps: sampling rate of the frames shown (turns frame numbers into seconds), or None.
        frame_size: (width, height) of the original frame in pixels (scales relative boxes), or None.
        labels: class names or aspect names that the question offers.
        times: the times in seconds at which the question asks for boxes, when known.
    """

    duration: float | None = None
    fps: float | None = None
    frame_size: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    times: tuple[float, ...] = ()


class Task(ABC, Generic[T]):
    """One of the eight tasks."""

    name: ClassVar[TaskName]
    qa_types: ClassVar[tuple[str, ...]]
    metrics: ClassVar[tuple[str, ...]]
    """Names of the row numbers that `score` gives, in table order (strict protocol)."""

    @abstractmethod
    def ask(self, recording: Recording, seed: int) -> Iterator[Sample]:
        """Questions on a recording with structured truth; the same for the same seed, in any order."""

    @abstractmethod
    def write(self, truth: T) -> str:
        """The reference answer in the published grammar."""

    @abstractmethod
    def read(self, text: str, context: Context) -> T | Unparsed:
        """What a model's answer says, tolerant of phrasing. Never raises; linear in len(text)."""

    @abstractmethod
    def score(self, parsed: T | Unparsed, truth: T, context: Context) -> Mapping[str, float]:
        """The row's numbers under the strict protocol; an unparsed answer gets its 0 here."""

    @abstractmethod
    def reward(self, parsed: T | Unparsed, truth: T, context: Context) -> float:
        """The raw reinforcement-learning reward in [0, 1]."""
