"""The surgeons' rows of Cholec80-CVS: read from the workbook or its CSV export, checked, and turned into truth.

How the official code reads the rows (`annotations_2_labels.py`): a row covers its first to its last second, the last
one included; only rows with a positive sum count, in the order of the file, a later one over an earlier one; all other
time is 0, 0, 0. `official_scores` gives that. As truth of a clip it would state two things that nobody said: that a
stretch without a row was judged, and that of two contradicting rows the later one is right. So `rated_intervals`
keeps the rows' own words, without the seconds on which two rows disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from medvidbench.records import RatedInterval, Rating
from medvidbench.sources.files import Files, Row, whole_of
from medvidbench.sources.timeline import runs
from medvidbench.sources.workbook import headed, read_workbook
from medvidbench.struc_info import CVS_KEYS

CRITERIA: Final = tuple(CVS_KEYS.values())
TIMES: Final = ("initial_minute", "initial_second", "final_minute", "final_second")
COLUMNS: Final = ("video", "critical_view", *TIMES, *CRITERIA, "Total")
CRITICAL_TOTAL: Final = 5
"""The critical view counts as reached from this sum on."""
VIDEOS: Final = 80
LONGEST: Final = 24 * 60
"""Minutes that no operation reaches; a larger number is no minute."""


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One usable row: the first and the last second, both included, and the three scores from 0 to 2 in their order."""

    where: str
    video: int
    first: int
    last: int
    scores: tuple[int, ...]


def read_rows(files: Files, path: Path) -> tuple[list[ViewRow], dict[int, list[tuple[str, str, str]]]]:
    """The usable rows in the order of the file, and (row, what, done) by video of all that is wrong with rows.

    Rows that name no video of 1 to 80 go to `files`.
    """
    rows: list[ViewRow] = []
    notes: dict[int, list[tuple[str, str, str]]] = {}
    for cells in _table(files, path):
        video = whole_of(cells["video"])
        if video is None or not 1 <= video <= VIDEOS:
            files.find(path, cells.where, f"{cells['video']!r:.50} is no video from 1 to {VIDEOS}", "left out")
            continue
        faults = notes.setdefault(video, [])
        row = _row(cells, video, faults)
        if row is not None:
            rows.append(row)
    return rows, notes


def rated_intervals(rows: Sequence[ViewRow], end: float) -> tuple[list[RatedInterval], list[tuple[str, str, str]]]:
    """The rows of one video as rated intervals [first, last + 1) in seconds, in time order, and what was noted.

    A second on which two rows state different scores is in neither. Neighbours that share only their border second
    are usual and not noted. What passes `end` (seconds; where the clipping begins, or the recording ends) is cut.
    """
    notes: list[tuple[str, str, str]] = []
    contested: dict[str, set[int]] = {row.where: set() for row in rows}
    for a, b in combinations(rows, 2):
        shared = set(range(max(a.first, b.first), min(a.last, b.last) + 1)) if a.scores != b.scores else set()
        contested[a.where] |= shared
        contested[b.where] |= shared
        if len(shared) > 1:
            what = f"{a.where} and {b.where} state different scores on {len(shared)} s from {min(shared)} s"
            notes.append((f"{a.where}, {b.where}", what, "these seconds are in no rated interval"))
    found: list[RatedInterval] = []
    for row in rows:
        if row.last + 1 > end:
            done = "left out" if row.first >= end else "cut there"
            notes.append((row.where, f"ends at {row.last + 1} s, the time before the clipping at {end:g} s", done))
        ratings = tuple(Rating(name, score) for name, score in zip(CVS_KEYS, row.scores, strict=True))
        for first, last in runs(set(range(row.first, row.last + 1)) - contested[row.where]):
            if first < end:
                found.append(RatedInterval(float(first), min(last + 1.0, end), ratings))
    return sorted(found, key=lambda r: (r.start, r.end)), notes


def official_scores(rows: Sequence[ViewRow], seconds: int) -> list[tuple[int, ...]]:
    """The scores of the first frame of each second as the official code labels it.

    Args:
        rows: the rows of one video in the order of the file.
        seconds: how many seconds from the start are wanted.
    """
    scores: list[tuple[int, ...]] = [(0,) * len(CRITERIA)] * seconds
    for row in rows:
        if sum(row.scores) > 0:
            for second in range(row.first, min(row.last + 1, seconds)):
                scores[second] = row.scores
    return scores


def _table(files: Files, path: Path) -> list[Row]:
    if path.suffix.lower() == ".csv":
        text = files.text(path)
        if text is None:
            return []
        first = text.partition("\n")[0]
        separator = ";" if first.count(";") > first.count(",") else ","  # Excel's export in much of Europe
        return files.table(path, COLUMNS, separator) or []
    rows = read_workbook(files, path)
    return headed(files, path, rows, list(COLUMNS)) or [] if rows is not None else []


def _row(cells: Row, video: int, faults: list[tuple[str, str, str]]) -> ViewRow | None:
    """One row's times and scores; None when they can't be used."""
    times = [whole_of(cells[name]) for name in TIMES]
    scores = [whole_of(cells[name]) for name in CRITERIA]
    minutes_seconds = [value for value in times if value is not None and 0 <= value <= LONGEST]
    given = [value for value in scores if value in (0, 1, 2) and value is not None]
    if len(minutes_seconds) < len(TIMES) or max(minutes_seconds[1::2]) > 59:  # minutes may pass 59, seconds may not
        shown = ":".join(cells[name] for name in TIMES)
        faults.append((cells.where, f"times {shown:.60} are no minutes and seconds", "left out"))
        return None
    if len(given) < len(CRITERIA):
        shown = ", ".join(cells[name] for name in CRITERIA)
        faults.append((cells.where, f"scores {shown:.60} are not three numbers from 0 to 2", "left out"))
        return None
    first, last = (60 * minutes_seconds[i] + minutes_seconds[i + 1] for i in (0, 2))
    _check_sums(cells, sum(given), faults)
    if last <= first:
        what = "ends before it begins" if last < first else "begins and ends in one second"
        faults.append((cells.where, f"{what}: {first} s to {last} s, scores {given}", "left out"))
        return None
    return ViewRow(cells.where, video, first, last, tuple(given))


def _check_sums(cells: Row, total: int, faults: list[tuple[str, str, str]]) -> None:
    if whole_of(cells["Total"]) != total:
        faults.append(
            (cells.where, f"Total {cells['Total']:.20}, but the scores add up to {total}", "the scores count")
        )
    if whole_of(cells["critical_view"]) != int(total >= CRITICAL_TOTAL):
        what = f"critical_view {cells['critical_view']:.20}, but the scores add up to {total}"
        faults.append((cells.where, what, "the scores count"))
