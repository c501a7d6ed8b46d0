"""What a copy of a raw dataset holds, what it lacks, and what is wrong with it, without building anything."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from medvidbench.records import Finding, Recording
from medvidbench.sources.base import Source

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_LISTED = re.compile(r"\[[^\]]*\]")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)")


@dataclass
class FindingKind:
    """Findings that say the same but for numbers, names and places: how many, and the first as an example."""

    what: str
    done: str
    count: int
    example: Finding


@dataclass
class SourceReport:
    """One dataset folder, counted.

    Attributes:
        counts: what the annotation files hold before anything is left out, as the source itself counts it.
        missing: parts that are not there, in words.
        hours: sum of the recordings' durations.
        videos, framed: recordings with a video file, and with extracted frames.
        annotation_only: recordings with neither.
        segments: labelled intervals by kind, after joining and cutting.
        boxes: boxes in tracks, in pixels.
        rated: rated intervals (skill, critical view).
        splits: recordings by the source's own split; "" is none.
    """

    source: Source
    root: Path
    synthetic: bool = False
    counts: tuple[tuple[str, int], ...] = ()
    missing: tuple[str, ...] = ()
    recordings: int = 0
    hours: float = 0.0
    groups: set[str] = field(default_factory=set)
    videos: int = 0
    framed: int = 0
    frames: int = 0
    segments: Counter[str] = field(default_factory=Counter)
    tracks: int = 0
    boxes: int = 0
    rated: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def annotation_only(self) -> int:
        """Recordings without a video and without frames on disk."""
        return self.recordings - self.videos - self.framed

    def add(self, recording: Recording) -> None:
        """Counts one recording in."""
        self.recordings += 1
        self.hours += recording.duration / 3600
        self.groups.add(recording.group)
        self.videos += bool(recording.video)
        self.framed += bool(recording.frames and not recording.video)
        self.frames += len(recording.frames)
        self.segments.update(segment.kind for segment in recording.segments)
        self.tracks += len(recording.tracks)
        self.boxes += sum(len(track.boxes) for track in recording.tracks)
        self.rated += len(recording.rated)
        self.splits[recording.official_split] += 1
        self.findings += recording.findings


def check_source(source: Source, root: Path) -> SourceReport:
    """Reads a dataset folder whole and counts what is in it.

    Raises:
        MedVidBenchError: `root` is missing or not laid out as the source.
    """
    report = SourceReport(source, root)
    report.findings += source.check(root)
    report.synthetic = source.is_synthetic(root)
    report.counts, report.missing = source.counts(root), source.missing(root)
    for recording in source.recordings(root):
        report.add(recording)
    return report


def finding_kinds(findings: list[Finding]) -> list[FindingKind]:
    """Findings grouped by what they say without its numbers, names and lists, the most frequent kind first."""
    kinds: dict[tuple[str, str], FindingKind] = {}
    for finding in findings:
        key = general(finding.what.split(": ", 1)[0]), general(finding.done)
        if key in kinds:
            kinds[key].count += 1
        else:
            kinds[key] = FindingKind(*key, 1, finding)
    return sorted(kinds.values(), key=lambda kind: (-kind.count, kind.what))


def general(text: str) -> str:
    """A finding's words without the numbers, names and lists that differ from row to row.

    >>> general("12.5 to 40 s passes the video's end at 39 s"), general("the label 'x' is none of ['a', 'b']")
    ("# to # s passes the video's end at # s", "the label '…' is none of […]")
    """
    apostrophes = re.sub(r"(?<=\w)'s\b", "\0", text)  # "the video's end" opens no quotation
    quoted = _QUOTED.sub("'…'", _LISTED.sub("[…]", apostrophes))
    return _NUMBER.sub("#", quoted).replace("\0", "'s")
