"""NurViD: nursing procedures on YouTube, with timed actions.

Reads the annotation release (`annotations/NurViD_annotations.json`, the workbook of names, the CSVs of the official
split, in folders or with flat names) and finds the videos, or folders of frames, by their YouTube ids.

What is stated as truth:

* Times are seconds as annotated; `duration` was cut to whole seconds, so an end up to `ROUNDING` beyond it is where the
  video ends. What passes the end by more is cut there, with a finding; where the video is on disk and PyAV is
  installed, its own length decides such a case.
* Several actions may go on at once. Annotations without a length are left out, with a finding.
* The labels of a recording are the actions that its procedure has anywhere in the dataset, by id: the list that a
  question offers. Three action names stand under two ids each and count as one label.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.records import Finding, FrameFile, Recording, Segment
from medvidbench.sources.base import SYNTHETIC_MARKER, Source
from medvidbench.sources.files import Files, number_of, whole_of
from medvidbench.sources.groups import group_of
from medvidbench.sources.media import media_of, note_unseen, timed_frames, video_duration
from medvidbench.sources.nurvid_labels import (
    SPLITS,
    Layout,
    Names,
    check_clip_csvs,
    clip_rows,
    find_layout,
    read_annotations,
    read_names,
    read_splits,
)

ROUNDING = 1.0
"""Seconds by which an end may pass the duration, which the file gives in whole seconds."""
DEFAULT_FPS = 30.0


class NurViD(Source):
    """The 1,538 videos of NurViD, or any part of them."""

    key: ClassVar[str] = "nurvid"
    name: ClassVar[str] = "NurViD"
    licence: ClassVar[str] = "CC BY 4.0 (annotations; the authors ask for non-commercial use)"
    licence_url: ClassVar[str] = "https://creativecommons.org/licenses/by/4.0/"
    citation: ClassVar[str] = (
        "Hu et al., NurViD: A Large Expert-Level Video Database for Nursing Procedure Activity Understanding, "
        "NeurIPS 2023 Datasets and Benchmarks"
    )
    homepage: ClassVar[str] = "https://github.com/minghu0830/NurViD-benchmark"
    obtain: ClassVar[str] = (
        "The annotations are in the repository https://github.com/minghu0830/NurViD-benchmark; the videos come from "
        "YouTube with its tools/downloader.py, or from the authors by a form."
    )
    layout: ClassVar[str] = (
        "a folder with annotations/NurViD_annotations.json, annotations/task1&3/train.csv, val.csv and test.csv, and "
        "videos named <YouTube id>.mp4 anywhere below it"
    )

    def check(self, root: Path) -> tuple[Finding, ...]:
        """Faults of the files themselves: names, splits, and the clip lists of task 2. Raises as `Source.check`."""
        files = Files(root)
        layout = find_layout(files, self)
        videos = read_annotations(files, layout)
        read_names(files, layout)
        read_splits(files, layout, videos)
        check_clip_csvs(files, layout, videos)
        note_unseen(files, videos.keys() - media_of(files, videos).keys(), len(videos))
        return tuple(files.findings)

    def label_files(self, root: Path) -> list[Path]:
        """The annotations, the workbook and the CSVs that are there."""
        return find_layout(Files(root), self).all()

    def is_synthetic(self, root: Path) -> bool:
        """Whether the marker file lies at the root, beside the annotations, or one folder above them."""
        place = find_layout(Files(root), self).annotations.parent
        return any((folder / SYNTHETIC_MARKER).is_file() for folder in (root, place, place.parent))

    def missing(self, root: Path) -> tuple[str, ...]:
        """Absent annotation files, and how many videos are not on disk."""
        files = Files(root)
        layout = find_layout(files, self)
        absent = [] if layout.workbook else ["Procedure&Action_ID.xlsx (the built-in names are used)"]
        absent += [f"task1&3/{split}.csv (official split)" for split in SPLITS if split not in layout.video_csvs]
        clips = [(kind, split) for kind in ("action", "procedure") for split in SPLITS]
        absent += [f"task2/{kind}_{split}.csv" for kind, split in clips if (kind, split) not in layout.clip_csvs]
        videos = read_annotations(files, layout)
        unseen = len(videos) - len(media_of(files, videos))
        return (*absent, f"{unseen} of {len(videos)} videos") if unseen else tuple(absent)

    def counts(self, root: Path) -> tuple[tuple[str, int], ...]:
        """Videos, segments, names and split rows as they stand in the files."""
        files = Files(root)
        layout = find_layout(files, self)
        videos = read_annotations(files, layout)
        listed = [item for video in videos.values() for item in _annotations(video)]
        splits = read_splits(files, layout, videos)
        return (
            ("videos", len(videos)),
            ("segments", len(listed)),
            ("procedures used", len({whole_of(video.get("operationID")) for video in videos.values()})),
            ("actions used", len({whole_of(item.get("actionID")) for item in listed})),
            *((f"videos in task1&3 {split}", sum(s == split for s in splits.values())) for split in SPLITS),
            *((f"rows of task2 {kind} {split}", number) for (kind, split), number in clip_rows(files, layout).items()),
        )

    def recordings(self, root: Path) -> Iterator[Recording]:
        """One recording per annotated video, by id; one that is not on disk has neither video nor frames."""
        files = Files(root)
        layout = find_layout(files, self)
        videos = read_annotations(files, layout)
        names = read_names(files, layout)
        splits = read_splits(files, layout, videos)
        media = media_of(files, videos)
        offered = _actions_by_procedure(videos, names)
        for name, video in videos.items():
            own = Files(root)
            reader = _VideoReader(own, layout, name, video, media.get(name))
            yield reader.recording(names, offered, splits.get(name, ""))


class _VideoReader:
    """One video's entry of the JSON file."""

    def __init__(self, files: Files, layout: Layout, name: str, video: dict[str, Any], place: Path | None) -> None:
        self.files, self.layout, self.name, self.video, self.place = files, layout, name, video, place

    def find(self, row: str, what: str, done: str) -> None:
        self.files.find(self.layout.annotations, f"{self.name} {row}".strip(), what, done)

    def recording(self, names: Names, offered: dict[int, tuple[str, ...]], split: str) -> Recording:
        procedure = whole_of(self.video.get("operationID"))
        if procedure not in names.procedure:
            self.find("operationID", f"no procedure {self.video.get('operationID')!r:.50}", "kept without a procedure")
        segments, duration = self.segments(names)
        width, height = self.size()
        in_file, frames = self.media()
        return Recording(
            source=NurViD.name,
            recording_id=self.name,
            group=group_of(NurViD.name, self.name),
            duration=duration,
            native_fps=self.fps(),
            width=width,
            height=height,
            video=in_file,
            frames=frames,
            segments=segments,
            labels=(("action", offered.get(procedure or 0, ())),),
            official_split=split,
            procedure=names.procedure.get(procedure or 0, ""),
            findings=tuple(self.files.findings),
        )

    def segments(self, names: Names) -> tuple[tuple[Segment, ...], float]:
        """The actions in the order of time, within the video, and the video's length in seconds."""
        read = [self.annotation(number, item, names) for number, item in enumerate(self.annotations(), start=1)]
        found = [(number, segment) for number, segment in enumerate(read, start=1) if segment is not None]
        self.note_order([segment for _, segment in found])
        length = self.duration(max((segment.end for _, segment in found), default=0.0))
        cut = [kept for number, segment in found if (kept := self.within(number, segment, length))]
        return tuple(sorted(cut, key=lambda s: (s.start, s.end, s.label))), length

    def annotations(self) -> list[Any]:
        listed = self.video.get("annotations")
        if not isinstance(listed, list) or not listed:
            self.find("annotations", f"{listed!r:.50} is no list of actions", "kept without actions")
            return []
        return listed

    def annotation(self, number: int, item: Any, names: Names) -> Segment | None:
        row = f"annotation {number}"
        given = item if isinstance(item, dict) else {}
        action, bounds = whole_of(given.get("actionID")), given.get("segment")
        times = [number_of(time) for time in bounds] if isinstance(bounds, list) else []
        if len(times) != 2 or times[0] is None or times[1] is None:
            self.find(row, f"{bounds!r:.100} is no start and end", "left out")
        elif action not in names.action:
            self.find(row, f"no action {given.get('actionID')!r:.50}", "left out")
        elif times[1] <= times[0]:
            what = "zero length" if times[1] == times[0] else "its end lies before its start"
            self.find(row, f"{what}: {times[0]:g} to {times[1]:g} s", "left out")
        else:
            return Segment(times[0], times[1], names.action[action or 0], "action")
        return None

    def note_order(self, segments: list[Segment]) -> None:
        """Findings on annotations out of order and on actions that overlap; several at once are allowed."""
        backwards = sum(after.start < before.start for before, after in pairwise(segments))
        if backwards:
            self.find("", f"{backwards} annotations begin before the one above them", "sorted by time")
        ordered = sorted(segments, key=lambda s: (s.start, s.end))
        pairs = sum(b.start < a.end for i, a in enumerate(ordered) for b in ordered[i + 1 :])
        if pairs:
            self.find("", f"{pairs} pairs of annotations overlap", "kept: several actions at once")

    def duration(self, last: float) -> float:
        """Seconds; the annotated length unless the annotations pass it and the video on disk is longer."""
        stated = number_of(self.video.get("duration")) or 0.0
        if stated <= 0:
            self.find("duration", f"{self.video.get('duration')!r:.50} is no length", "the last annotation ends it")
            return max(last, 0.0)
        if last <= stated + ROUNDING:
            return max(last, stated)
        measured = video_duration(self.place) if self.place is not None and self.place.is_file() else 0.0
        if measured <= stated + ROUNDING:
            return stated
        self.find("duration", f"{stated:g} s, but the video lasts {measured:.2f} s", "the video's length is used")
        return measured

    def within(self, number: int, segment: Segment, length: float) -> Segment | None:
        if segment.start >= 0 and segment.end <= length:
            return segment
        row, bounds = f"annotation {number}", f"{segment.start:g} to {segment.end:g} s"
        what = (
            f"{bounds} passes the video's end at {length:g} s" if segment.end > length else f"{bounds} begins before 0"
        )
        start, end = max(0.0, segment.start), min(length, segment.end)
        self.find(row, what, "cut there" if start < end else "left out: nothing of it lies in the video")
        return Segment(start, end, segment.label, segment.kind) if start < end else None

    def size(self) -> tuple[int, int]:
        width, _, height = str(self.video.get("resolution")).lower().partition("x")
        sides = whole_of(width), whole_of(height)
        if not sides[0] or not sides[1] or min(sides[0], sides[1]) < 1:
            self.find("resolution", f"{self.video.get('resolution')!r:.50} is no width and height", "not used")
            return 0, 0
        return sides[0], sides[1]

    def fps(self) -> float:
        fps = number_of(self.video.get("fps"))
        if fps is None or fps <= 0:
            self.find("fps", f"{self.video.get('fps')!r:.50} is no frame rate", f"{DEFAULT_FPS:g} is used")
            return DEFAULT_FPS
        return fps

    def media(self) -> tuple[str, tuple[FrameFile, ...]]:
        if self.place is None:
            return "", ()
        return (self.files.name(self.place), ()) if self.place.is_file() else ("", timed_frames(self.files, self.place))


def _annotations(video: dict[str, Any]) -> list[dict[str, Any]]:
    """The annotations of an entry that are objects at all."""
    listed = video.get("annotations")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _actions_by_procedure(videos: dict[str, dict[str, Any]], names: Names) -> dict[int, tuple[str, ...]]:
    """The names of the actions that each procedure has anywhere in the file, by action id, each name once."""
    used: dict[int, set[int]] = {}
    for video in videos.values():
        ids = [whole_of(item.get("actionID")) for item in _annotations(video)]
        used.setdefault(whole_of(video.get("operationID")) or 0, set()).update(i for i in ids if i in names.action)
    return {procedure: tuple(dict.fromkeys(names.action[i] for i in sorted(ids))) for procedure, ids in used.items()}
