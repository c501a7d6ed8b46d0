"""The contract of a source: from the files of one raw dataset to `Recording`s with timed truth.

A source never guesses in silence: what is wrong with a file, row or value becomes a `Finding` on the
recording, or, when it belongs to no recording, one that `check` returns.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Finding, Recording, TaskName
from medvidbench.sources.files import Files, shorten

SYNTHETIC_MARKER = "SYNTHETIC.txt"
"""A file of this name at the top of a dataset says that its recordings are drawn, not filmed."""


class Source(ABC):
    """One raw dataset. It has no state; every method takes the folder that the user names."""

    key: ClassVar[str]
    """The name on the command line, e.g. "cholect50"."""
    name: ClassVar[str]
    """The data source name as published, e.g. "CholecT50"."""
    licence: ClassVar[str]
    licence_url: ClassVar[str]
    citation: ClassVar[str]
    homepage: ClassVar[str]
    obtain: ClassVar[str]
    """How a user gets the dataset, in one or two sentences."""
    layout: ClassVar[str]
    """The accepted folder layout, in one or two sentences (part of the error for another folder)."""

    @property
    def tasks(self) -> tuple[TaskName, ...]:
        """The tasks that this source feeds."""
        from medvidbench.tasks.registry import SOURCE_TASKS

        return SOURCE_TASKS[self.name]

    @abstractmethod
    def check(self, root: Path) -> tuple[Finding, ...]:
        """Findings that belong to no recording, such as stray files.

        Raises:
            MedVidBenchError: `root` is missing or does not have this source's layout.
        """

    @abstractmethod
    def recordings(self, root: Path) -> Iterator[Recording]:
        """Every recording with labels or frames, in the order of ids; all paths relative to `root`.

        Raises:
            MedVidBenchError: `root` is missing or does not have this source's layout.
        """

    @abstractmethod
    def label_files(self, root: Path) -> list[Path]:
        """The annotation files that `recordings` reads, sorted."""

    @abstractmethod
    def is_synthetic(self, root: Path) -> bool:
        """Whether the dataset at `root` is marked as drawn by a generator."""

    def missing(self, root: Path) -> tuple[str, ...]:
        """The parts of the dataset that are not at `root`, in words for a user; () when all are there."""
        return ()

    def counts(self, root: Path) -> tuple[tuple[str, int], ...]:
        """What the annotation files hold, counted before anything is left out or joined, e.g. ("segments", 5615)."""
        return ()

    def digest(self, root: Path) -> str:
        """SHA-256 over the names (relative to `root`) and bytes of the label files: names the input of a build.

        A file that can't be read counts with its name alone.
        """
        total = hashlib.sha256()
        for path in self.label_files(root):
            try:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError:  # a finding of `check` says so; a build from the rest still has a name
                content = "unreadable"
            total.update(f"{path.relative_to(root).as_posix()}\0{content}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()


def existing_folder(root: Path, source: Source) -> Path:
    """`root` if it is a folder.

    Raises:
        MedVidBenchError: it does not exist, or is a file.
    """
    if root.is_dir():
        return root
    seen = f"{root} is a file, not a folder." if root.exists() else f"There is no folder {root}."
    raise MedVidBenchError(seen, accepted=source.layout, remedy=source.obtain)


def unknown_layout(root: Path, source: Source) -> MedVidBenchError:
    """The error for a folder in which nothing of a source was found."""
    files = Files(root)
    names = [entry.name for entry in files.entries(root)]
    shown = shorten(names) or next((finding.what for finding in files.findings), "nothing")
    return MedVidBenchError(
        seen=f"{root} is not laid out as {source.name}; it holds: {shown}.",
        accepted=source.layout,
        remedy=source.obtain,
    )
