"""One video of NurViD: its entry in the JSON file, read under the rules that `nurvid` states."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from medvidbench.records import FrameFile, Recording, Segment
from medvidbench.sources.files import Files, number_of, whole_of
from medvidbench.sources.groups import group_of
from medvidbench.sources.media import timed_frames, video_duration
from medvidbench.sources.nurvid_labels import Layout, Names

SOURCE = "NurViD"
ROUNDING = 1.0
"""Seconds by which an end may pass the duration, which the file gives in whole seconds."""
DEFAULT_FPS = 30.0


class VideoReader:
    """One video's entry of the JSON file."""

    def __init__(self, files: Files, layout: Layout, name: str, video: dict[str, Any], place: Path | None) -> None:
        self.files, self.layout, self.name, self.video, self.place = files, layout, name, video, place

    def _find(self, row: str, what: str, done: str) -> None:
        self.files.find(self.layout.annotations, f"{self.name} {row}".strip(), what, done)

    def recording(self, names: Names, offered: dict[int, tuple[str, ...]], split: str) -> Recording:
        """The recording.

        Args:
            names: procedure and action names by id.
            offered: the action names of each procedure id.
            split: the official split, or "".
        """
        procedure = whole_of(self.video.get("operationID"))
        if procedure not in names.procedure:
            self._find("operationID", f"no procedure {self.video.get('operationID')!r:.50}", "kept without a procedure")
        segments, duration = self._segments(names)
        width, height = self._size()
        in_file, frames = self._media()
        return Recording(
            source=SOURCE,
            recording_id=self.name,
            group=group_of(SOURCE, self.name),
            duration=duration,
            native_fps=self._fps(),
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

    def _segments(self, names: Names) -> tuple[tuple[Segment, ...], float]:
        """The actions in the order of time, within the video, and the video's length in seconds."""
        read = [self._annotation(number, item, names) for number, item in enumerate(self._annotations(), start=1)]
        found = [(number, segment) for number, segment in enumerate(read, start=1) if segment is not None]
        self._note_order([segment for _, segment in found])
        length = self._duration(max((segment.end for _, segment in found), default=0.0))
        cut = [kept for number, segment in found if (kept := self._within(number, segment, length))]
        return tuple(sorted(cut, key=lambda s: (s.start, s.end, s.label))), length

    def _annotations(self) -> list[Any]:
        listed = self.video.get("annotations")
        if not isinstance(listed, list) or not listed:
            self._find("annotations", f"{listed!r:.50} is no list of actions", "kept without actions")
            return []
        return listed

    def _annotation(self, number: int, item: Any, names: Names) -> Segment | None:
        row = f"annotation {number}"
        given = item if isinstance(item, dict) else {}
        action, bounds = whole_of(given.get("actionID")), given.get("segment")
        times = [number_of(time) for time in bounds] if isinstance(bounds, list) else []
        if len(times) != 2 or times[0] is None or times[1] is None:
            self._find(row, f"{bounds!r:.100} is no start and end", "left out")
        elif action not in names.action:
            self._find(row, f"no action {given.get('actionID')!r:.50}", "left out")
        elif times[1] <= times[0]:
            what = "zero length" if times[1] == times[0] else "its end lies before its start"
            self._find(row, f"{what}: {times[0]:g} to {times[1]:g} s", "left out")
        else:
            return Segment(times[0], times[1], names.action[action or 0], "action")
        return None

    def _note_order(self, segments: list[Segment]) -> None:
        """Findings on annotations out of order and on actions that overlap; several at once are allowed."""
        backwards = sum(after.start < before.start for before, after in pairwise(segments))
        if backwards:
            self._find("", f"{backwards} annotations begin before the one above them", "sorted by time")
        ordered = sorted(segments, key=lambda s: (s.start, s.end))
        pairs = sum(b.start < a.end for i, a in enumerate(ordered) for b in ordered[i + 1 :])
        if pairs:
            self._find("", f"{pairs} pairs of annotations overlap", "kept: several actions at once")

    def _duration(self, last: float) -> float:
        """Seconds; the annotated length unless the annotations pass it and the video on disk is longer."""
        stated = number_of(self.video.get("duration")) or 0.0
        if stated <= 0:
            self._find("duration", f"{self.video.get('duration')!r:.50} is no length", "the last annotation ends it")
            return max(last, 0.0)
        if last <= stated + ROUNDING:
            return max(last, stated)
        measured = video_duration(self.place) if self.place is not None and self.place.is_file() else 0.0
        if measured <= stated + ROUNDING:
            return stated
        self._find("duration", f"{stated:g} s, but the video lasts {measured:.2f} s", "the video's length is used")
        return measured

    def _within(self, number: int, segment: Segment, length: float) -> Segment | None:
        if segment.start >= 0 and segment.end <= length:
            return segment
        row, bounds = f"annotation {number}", f"{segment.start:g} to {segment.end:g} s"
        what = (
            f"{bounds} passes the video's end at {length:g} s" if segment.end > length else f"{bounds} begins before 0"
        )
        start, end = max(0.0, segment.start), min(length, segment.end)
        self._find(row, what, "cut there" if start < end else "left out: nothing of it lies in the video")
        return Segment(start, end, segment.label, segment.kind) if start < end else None

    def _size(self) -> tuple[int, int]:
        width, _, height = str(self.video.get("resolution")).lower().partition("x")
        sides = whole_of(width), whole_of(height)
        if not sides[0] or not sides[1] or min(sides[0], sides[1]) < 1:
            self._find("resolution", f"{self.video.get('resolution')!r:.50} is no width and height", "not used")
            return 0, 0
        return sides[0], sides[1]

    def _fps(self) -> float:
        fps = number_of(self.video.get("fps"))
        if fps is None or fps <= 0:
            self._find("fps", f"{self.video.get('fps')!r:.50} is no frame rate", f"{DEFAULT_FPS:g} is used")
            return DEFAULT_FPS
        return fps

    def _media(self) -> tuple[str, tuple[FrameFile, ...]]:
        if self.place is None:
            return "", ()
        return (self.files.name(self.place), ()) if self.place.is_file() else ("", timed_frames(self.files, self.place))
