"""Cholec80-CVS: surgeons' scores of the critical view of safety on the 80 videos of Cholec80.

Reads the surgeons' workbook (`cholec80-CVS.xlsx`, also renamed `surgeons_annotations.xlsx`, or exported as CSV), the
derived `videos_frames_index.csv` and `folds.json`, and, where they lie beside, Cholec80's `videos/`,
`phase_annotations/` and `tool_annotations/`; any case, up to four folders deep.

What is stated as truth:

* A row's three scores hold from its first to its last second, the last one included: [first, last + 1). Seconds on
  which two rows disagree are in no rated interval, nor is time without a row, although the official code reads it as
  0, 0, 0 (`cholec80cvs_rows` says why, and has the official reading).
* Rows that end before they begin, or begin and end in one second, are left out with a finding.
* What passes the first frame of the clipping is cut there: the derived data end there too, and a view that is already
  clipped is not judged. The index says where that is, else the phases.
* A recording is as long as its phase file; without one, as the latest time that is known of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from medvidbench.records import Finding, Recording, Segment
from medvidbench.sources.base import Source
from medvidbench.sources.cholec80cvs_files import (
    FPS,
    PHASES,
    TOOLS,
    VIDEOS,
    Layout,
    find_layout,
    read_folds,
    read_index,
    read_phases,
    read_tools,
)
from medvidbench.sources.cholec80cvs_rows import ViewRow, rated_intervals, read_rows
from medvidbench.sources.files import Files
from medvidbench.sources.groups import group_of
from medvidbench.sources.layout import is_marked_synthetic

SPLITS: Final[dict[str, tuple[int, ...]]] = {
    "val": (1, 2, 10, 16, 17, 28, 32, 46, 47, 57, 59, 63, 65, 67, 70),
    "test": (5, 6, 7, 9, 14, 22, 24, 26, 29, 33, 35, 39, 53, 55, 61),
}
"""The published split; all other videos are "train"."""
CLIPPING: Final = "ClippingCutting"


class Cholec80CVS(Source):
    """The 80 videos of Cholec80-CVS, or any part of them."""

    key: ClassVar[str] = "cholec80cvs"
    name: ClassVar[str] = "Cholec80_CVS"
    licence: ClassVar[str] = "scores: see the figshare record; code and derived files: MIT; videos: CC BY-NC-SA 4.0"
    licence_url: ClassVar[str] = "https://doi.org/10.6084/m9.figshare.c.5880458.v1"
    citation: ClassVar[str] = (
        "Ríos et al., Cholec80-CVS: An open dataset with an evaluation of Strasberg's critical view of safety for AI, "
        "Scientific Data 10 (2023) 194, doi:10.1038/s41597-023-02073-7"
    )
    homepage: ClassVar[str] = "https://github.com/ManuelRios18/CHOLEC80-CVS-PUBLIC"
    obtain: ClassVar[str] = (
        "The workbook cholec80-CVS.xlsx is in the figshare collection 10.6084/m9.figshare.c.5880458.v1, the index and "
        "the folds in https://github.com/ManuelRios18/CHOLEC80-CVS-PUBLIC; the videos come with Cholec80 after a form: "
        "http://camma.u-strasbg.fr/datasets"
    )
    layout: ClassVar[str] = (
        "a folder with cholec80-CVS.xlsx (or surgeons_annotations.xlsx) or videos_frames_index.csv, and Cholec80's "
        "videos/video01.mp4 and phase_annotations/video01-phase.txt beside or below it"
    )

    def check(self, root: Path) -> tuple[Finding, ...]:
        """Repeated files, and faults of the workbook, the index and the folds that name no video."""
        layout = find_layout(root, self)
        read_index(layout)
        read_folds(layout)
        _rows(layout)
        return tuple(layout.files.findings)

    def missing(self, root: Path) -> tuple[str, ...]:
        """The workbook, the derived files, and how many videos and phase files are not there."""
        layout = find_layout(root, self)
        named = (
            (
                layout.workbook,
                "the workbook cholec80-CVS.xlsx (the surgeons' scores: without it no question comes out)",
            ),
            (layout.index, "videos_frames_index.csv (where the clipping begins)"),
            (layout.folds, "folds.json (cross-validation)"),
        )
        counted = ((layout.videos, "videos"), (layout.phases, "phase files"), (layout.tools, "tool files"))
        absent = [what for path, what in named if path is None]
        absent += [f"{VIDEOS - len(found)} of {VIDEOS} {what}" for found, what in counted if len(found) < VIDEOS]
        return tuple(absent)

    def label_files(self, root: Path) -> list[Path]:
        """The workbook, the index, the folds, the phase and the tool files that are there."""
        layout = find_layout(root, self)
        single = [path for path in (layout.workbook, layout.index, layout.folds) if path is not None]
        return sorted([*single, *layout.phases.values(), *layout.tools.values()])

    def is_synthetic(self, root: Path) -> bool:
        """Whether the marker file lies at the root or in a folder directly below it."""
        return is_marked_synthetic(root)

    def recordings(self, root: Path) -> Iterator[Recording]:
        """One recording per video that anything is known of, ascending; one without rows has no rated interval."""
        layout = find_layout(root, self)
        index = read_index(layout)
        rows, notes = _rows(layout)
        known = ({row.video for row in rows}, notes, index, layout.phases, layout.tools, layout.videos)
        for number in sorted({video for kind in known for video in kind}):
            own = [row for row in rows if row.video == number]
            yield _recording(layout, number, own, notes.get(number, []), index.get(number))


def folds(root: Path) -> list[tuple[str, ...]]:
    """The published folds for cross-validation ("video03", ...), 16 of 5 videos; [] without `folds.json`.

    Raises:
        MedVidBenchError: `root` is missing or does not have this source's layout.
    """
    return read_folds(find_layout(root, Cholec80CVS()))


def _rows(layout: Layout) -> tuple[list[ViewRow], dict[int, list[tuple[str, str, str]]]]:
    return read_rows(layout.files, layout.workbook) if layout.workbook else ([], {})


def _recording(
    layout: Layout, number: int, rows: list[ViewRow], notes: list[tuple[str, str, str]], final: int | None
) -> Recording:
    files, recording_id = Files(layout.files.root), f"video{number:02d}"
    phases, labelled = read_phases(files, layout.phases[number]) if number in layout.phases else ([], 0)
    length = labelled / FPS if labelled else math.inf
    rated, row_notes = rated_intervals(rows, min(length, _before_clipping(files, layout, number, phases, final)))
    book = files.name(layout.workbook) if layout.workbook else recording_id
    findings = [Finding(book, where, f"{recording_id}: {what}", done) for where, what, done in (*notes, *row_notes)]
    ends = [((final + 1) / FPS) if final is not None else 0.0, *(interval.end for interval in rated)]
    duration = length if labelled else max(ends)
    video = layout.videos.get(number)
    if video is None:
        findings.append(Finding(recording_id, "", "no video on disk", "annotation only: nothing can be shown"))
    tools = read_tools(files, layout.tools[number], duration or math.inf) if number in layout.tools else []
    return Recording(
        source=Cholec80CVS.name,
        recording_id=recording_id,
        group=group_of(Cholec80CVS.name, recording_id),
        duration=duration,
        native_fps=FPS,
        width=0,
        height=0,
        video=files.name(video) if video else "",
        segments=(*phases, *tools),
        rated=tuple(rated),
        labels=(("phase", PHASES), ("tool", TOOLS)),
        official_split=next((name for name, numbers in SPLITS.items() if number in numbers), "train"),
        procedure="laparoscopic cholecystectomy",
        findings=(*findings, *files.findings),
    )


def _before_clipping(files: Files, layout: Layout, number: int, phases: Sequence[Segment], final: int | None) -> float:
    """The second at which the clipping begins: of the index, else of the phases, else infinity."""
    first = next((phase.start for phase in phases if phase.label == CLIPPING), math.inf)
    if final is None:
        return first
    stated = (final + 1) / FPS
    if phases and abs(stated - first) > 1.0:
        what = f"the clipping begins at {first:g} s, by the index at {stated:g} s"
        files.find(layout.phases[number], "", what, "the index is used")
    return stated
