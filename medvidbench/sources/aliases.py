"""Which recordings, of any source, show one physical video: the table that the split and the audit go by.

CholecT50 is 45 videos of Cholec80 and 5 others (92, 96, 103, 110, 111); CholecTrack20 has videos of both; Cholec80-CVS
rates all 80 of Cholec80. `physical_videos.csv` lists these 150 recordings. By the official splits, 4 of the 15 test
videos of Cholec80-CVS (05, 22, 26, 35) are in CholecT50's training set, and 5 of the 9 test videos of CholecT50 that
come from Cholec80 (42, 51, 73, 74, 80) are in the training set of Cholec80-CVS.

A user's own table adds what no release states, such as one web video uploaded under two ids.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.sources.groups import group_of

COLUMNS = ("source", "recording_id", "physical_video")
SOURCES = (
    "AVOS",
    "CholecT50",
    "CholecTrack20",
    "Cholec80-CVS",
    "CoPESD",
    "EgoSurgery",
    "JIGSAWS",
    "NurViD",
)
_ACCEPTED = f"a CSV file with the header {','.join(COLUMNS)} and one recording a line"


@dataclass(frozen=True, slots=True)
class Alias:
    """One line of a table: this recording shows this physical video.

    `physical_video` is a group as `group_of` names it ("cholec80/video12", a YouTube id), or any other name that two
    or more lines share.
    """

    source: str
    recording_id: str
    physical_video: str


@dataclass(frozen=True)
class Aliases:
    """A user's own lines, and what they merge: `merged` maps each group that they name to the one it becomes."""

    lines: tuple[Alias, ...] = ()
    merged: Mapping[str, str] = field(default_factory=dict)


NO_ALIASES = Aliases()


def physical_group(source: str, recording_id: str, extra: Aliases = NO_ALIASES) -> str:
    """The group of a recording after the table and the user's own lines: the unit of the split.

    A line merges whole groups, not single recordings: naming one trial of a trainee merges all trials of that trainee,
    because separating them would put one person on both sides.

    Args:
        source: data source name as published; case and punctuation don't matter.
        recording_id: the source's own id.
        extra: what `read_aliases` gave.
    """
    listed = physical_videos().get((_plain(source), recording_id))
    group = listed or group_of(source, recording_id)
    return extra.merged.get(group, group)


@lru_cache(maxsize=1)
def physical_videos() -> dict[tuple[str, str], str]:
    """The table of the Cholec family: (source in lower case without punctuation, recording id) to physical video."""
    text = files("medvidbench.sources").joinpath("physical_videos.csv").read_text(encoding="utf-8")
    return {(_plain(a.source), a.recording_id): a.physical_video for a in _parsed(text, "physical_videos.csv")}


def read_aliases(file: Path) -> Aliases:
    """A user's own table: CSV in UTF-8 with the columns source, recording_id, physical_video.

    Raises:
        MedVidBenchError: the file can't be read, has other columns, an empty cell, an unknown source, one recording
            with two physical videos, or a recording of the built-in table with another physical video than there.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", _ACCEPTED) from error
    return aliases_of(_parsed(text, str(file)), str(file))


def aliases_of(lines: Iterable[Alias], place: str = "the alias table") -> Aliases:
    """Lines as one table; `place` names it in errors.

    Raises:
        MedVidBenchError: as `read_aliases`, but for the file.
    """
    kept = tuple(dict.fromkeys(lines))
    named: dict[tuple[str, str], str] = {}
    for line in kept:
        key = (_plain(line.source), line.recording_id)
        before = named.setdefault(key, physical_videos().get(key, line.physical_video))
        if before != line.physical_video:
            seen = f"{place}: {line.source} {line.recording_id} is {line.physical_video!r} and also {before!r}."
            raise MedVidBenchError(seen, "one physical video a recording", "Remove or correct one of the two lines.")
    return Aliases(kept, _merged(kept))


def _merged(lines: Iterable[Alias]) -> dict[str, str]:
    """Connected groups to their smallest name, by union-find."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for line in lines:
        first, second = sorted((root(group_of(line.source, line.recording_id)), root(line.physical_video)))
        parent[second] = first
    return {name: root(name) for name in sorted(parent)}


def _parsed(text: str, place: str) -> list[Alias]:
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise MedVidBenchError(f"{place} is no CSV file: {error}", _ACCEPTED) from error
    if not rows:
        raise MedVidBenchError(f"{place} lists no recording.", _ACCEPTED)
    missing = [name for name in COLUMNS if name not in rows[0]]
    if missing:
        seen = f"{place} has no column {', '.join(missing)}; it has: {', '.join(str(name) for name in rows[0])}."
        raise MedVidBenchError(seen, _ACCEPTED)
    return [_line(row, f"{place}, entry {number}") for number, row in enumerate(rows, start=1)]


def _line(row: Mapping[str, str | None], place: str) -> Alias:
    source, recording_id, physical_video = ((row[name] or "").strip() for name in COLUMNS)
    if not (source and recording_id and physical_video):
        raise MedVidBenchError(f"{place} has an empty cell.", _ACCEPTED)
    if _plain(source) not in map(_plain, SOURCES):
        raise MedVidBenchError(f"{place} names the source {source!r}.", ", ".join(SOURCES))
    return Alias(source, recording_id, physical_video)


def _plain(source: str) -> str:
    return re.sub(r"[^a-z0-9]", "", source.lower())
