"""What every layout has in common: which scenes it shows under which ids, its files, and what an adapter must read.

A layout never hands the truth to its files by way of the adapter's code: `annotate` writes what a scene says, in the
dataset's own terms, and `truth` says from the same scene what a reader must find. The round trip compares the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from medvidbench.records import Box, Recording, Segment
from medvidbench.sources.timeline import runs
from medvidbench.synthetic.truth import Scene, World


@dataclass(frozen=True, slots=True)
class Take:
    """A scene as one recording of a layout: under which id, and as which in the order of the layout, from 0."""

    recording_id: str
    ordinal: int
    scene: Scene

    @property
    def side(self) -> str:
        """Its split where a layout has train, val and test: two of four recordings are train."""
        return ("train", "train", "val", "test")[self.ordinal % 4]


@dataclass(frozen=True, slots=True)
class Shot:
    """Pictures to be drawn: a video file, or files in a folder.

    Attributes:
        times: when, in seconds; for a video, one for each frame.
        names: the files' names, one for each time; () for a video.
        fps: frames per second of a video.
    """

    scene: Scene
    path: Path
    times: tuple[float, ...]
    names: tuple[str, ...] = ()
    fps: float = 0.0


class Layout(ABC):
    """How one raw dataset lies on disk. It has no state."""

    key: ClassVar[str]
    name: ClassVar[str]
    """The dataset's name as published."""
    world: ClassVar[World]
    most: ClassVar[int] = 999
    """How many recordings its ids can tell apart."""

    def numbers(self, count: int) -> list[int]:
        """The numbers of the scenes that make up `count` recordings."""
        return list(range(1, count + 1))

    @abstractmethod
    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """The id that the dataset gives to a scene."""

    def takes(self, scenes: Sequence[Scene]) -> list[Take]:
        """The scenes under their ids, in the order given."""
        return [Take(self.recording_id(i, scene), i, scene) for i, scene in enumerate(scenes)]

    @abstractmethod
    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """Writes all files but videos and frames."""

    @abstractmethod
    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """The videos and frames to be drawn."""

    @abstractmethod
    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """What an adapter must read, by recording id, without findings; boxes as exact as the files can say them."""


def stretches(labels: Iterable[tuple[int, str]]) -> list[tuple[int, int, str]]:
    """(first second, last second + 1, label) of each run of equal labels, from (second, label) in order of time.

    A second that is missing ends no run between equal labels.

    >>> stretches([(0, "a"), (1, "a"), (3, "a"), (4, "b")])
    [(0, 4, 'a'), (4, 5, 'b')]
    """
    grouped = (list(group) for _, group in groupby(labels, key=lambda item: item[1]))
    return [(group[0][0], group[-1][0] + 1, group[0][1]) for group in grouped]


def segments_by_label(seconds: Iterable[int], said: Callable[[int], Iterable[str]], kind: str) -> list[Segment]:
    """A segment for each run of seconds in which a label is said, by start and label."""
    seen: dict[str, list[int]] = {}
    for second in seconds:
        for label in said(second):
            seen.setdefault(label, []).append(second)
    found = [Segment(float(a), b + 1.0, label, kind) for label in seen for a, b in runs(seen[label])]
    return sorted(found, key=lambda s: (s.start, s.label))


def xywh(box: Box, width: float, height: float) -> list[float]:
    """A box as x, y, width and height, divided by the frame's size."""
    return [box.x1 / width, box.y1 / height, (box.x2 - box.x1) / width, (box.y2 - box.y1) / height]
