"""AVOS: open surgery on YouTube, with timed actions and sparse boxes of hands and tools.

Reads the official release (`open_surgery_temporal_annotations_*.csv`, `open_surgery_bboxes_*.csv`) and the public
earlier versions (`v0.5.0-anns-smoothed.csv` and the 5-second windows before it), each known by its columns; of several
the newest counts. Videos, or folders of frames, are found by their YouTube ids.

What is stated as truth:

* The segments tile a video. Neighbours with one label that touch or overlap are one segment, with a finding that counts
  them; a stretch that begins before 0 s is cut there. "background", "abstain" and "none" are kept as labels, but no
  question asks for them.
* Frame numbers count at 15 per second, from 0.
* Boxes: see `avos_boxes`. They lie a minute apart and have no identity, so each is a track of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medvidbench.records import Box, Finding, FrameFile, Recording, Segment
from medvidbench.sources.avos_boxes import (
    FPS,
    Boxes,
    read_classes,
    read_pixel_boxes,
    read_yolo_boxes,
    tracks_of_frames,
)
from medvidbench.sources.avos_tables import (
    LABELS,
    OLD_FOLDERS,
    Layout,
    Stretch,
    find_layout,
    read_durations,
    read_segments,
    read_splits,
)
from medvidbench.sources.base import SYNTHETIC_MARKER, Source
from medvidbench.sources.files import Files
from medvidbench.sources.groups import group_of
from medvidbench.sources.media import image_size, media_of, note_unseen, timed_frames, video_size


class Avos(Source):
    """The videos of AVOS with public annotations, or any part of them."""

    key: ClassVar[str] = "avos"
    name: ClassVar[str] = "AVOS"
    licence: ClassVar[str] = "MIT (earlier annotations in the code repository); the official release by agreement"
    licence_url: ClassVar[str] = "https://github.com/egoodman92/semi-supervised-surgery"
    citation: ClassVar[str] = (
        "Goodman et al., Analyzing Surgical Technique in Diverse Open Surgical Videos With Multitask Machine Learning, "
        "JAMA Surgery 159(2) (2024) 185-192"
    )
    homepage: ClassVar[str] = "https://github.com/egoodman92/semi-supervised-surgery"
    obtain: ClassVar[str] = (
        "The official release is given out on request by the authors at Stanford; an earlier version of the "
        "annotations is in https://github.com/egoodman92/semi-supervised-surgery. The videos come from YouTube."
    )
    layout: ClassVar[str] = (
        "a folder with open_surgery_temporal_annotations_*.csv or v0.5.0-anns-smoothed.csv, train.csv and test.csv, "
        "boxes as open_surgery_bboxes_*.csv or <YouTube id>-<9 digits>.txt, and videos named <YouTube id>.mp4"
    )

    def check(self, root: Path) -> tuple[Finding, ...]:
        """Faults of the tables and of what lies beside them. Raises as `Source.check` says."""
        copy = _Copy(root, self)
        note_unseen(copy.files, {*copy.ids} - copy.media.keys(), len(copy.ids))
        return tuple(copy.files.findings)

    def label_files(self, root: Path) -> list[Path]:
        """The tables and box files that are read."""
        return find_layout(Files(root), self).all()

    def is_synthetic(self, root: Path) -> bool:
        """Whether the marker file lies at the root or beside the segments."""
        segments = find_layout(Files(root), self).segments
        places = [root, *([segments.parent] if segments else [])]
        return any((place / SYNTHETIC_MARKER).is_file() for place in places)

    def missing(self, root: Path) -> tuple[str, ...]:
        """Absent tables, and how many of the annotated videos are not on disk."""
        copy = _Copy(root, self)
        layout = copy.layout
        absent = [] if layout.segments else ["the table of segments"]
        absent += [] if layout.videos else ["videos.csv (the last segment ends a video)"]
        absent += [f"{split}.csv (official split)" for split in ("train", "test") if split not in layout.splits]
        absent += [] if layout.official_boxes or layout.pixel_boxes or layout.yolo_boxes else ["boxes"]
        unseen = len(copy.ids) - sum(name in copy.media for name in copy.ids)
        return (*absent, f"{unseen} of {len(copy.ids)} videos") if unseen else tuple(absent)

    def counts(self, root: Path) -> tuple[tuple[str, int], ...]:
        """Rows of the segment table by label, and boxes by form, as they stand in the files."""
        copy = _Copy(root, self)
        labels = Counter(stretch.label for rows in copy.segments.values() for stretch in rows)
        numbers = [("segments", labels.total()), *((f"segments: {name}", labels[name]) for name in LABELS)]
        numbers += [("videos with segments", len(copy.segments)), ("videos in videos.csv", len(copy.durations))]
        numbers += [(f"videos in {s}.csv", sum(v == s for v in copy.splits.values())) for s in ("train", "test")]
        yolo = [path for frames in copy.layout.yolo_boxes.values() for path in frames.values()]
        numbers += [("YOLO files", len(yolo)), ("YOLO boxes", sum(len(copy.files.lines(path)) for path in yolo))]
        for form, boxes in (("official", copy.official), ("RetinaNet", copy.older)):
            frames = [listed for by_frame in boxes.values() for listed in by_frame.values()]
            numbers += [(f"{form} box frames", len(frames)), (f"{form} boxes", sum(map(len, frames)))]
        return tuple((name, number) for name, number in numbers if number)

    def recordings(self, root: Path) -> Iterator[Recording]:
        """One recording per video with segments or boxes, by id; one not on disk has neither video nor frames."""
        copy = _Copy(root, self)
        for name in copy.ids:
            yield copy.recording(name)


class _Copy:
    """One copy of the dataset, its tables read."""

    def __init__(self, root: Path, source: Source) -> None:
        self.files = Files(root)
        self.layout: Layout = find_layout(self.files, source)
        if self.layout.older and self.layout.segments:
            for path in self.layout.older:
                self.files.find(path, "", "an older version of the segments", "the newest is used")
        self.segments = read_segments(self.files, self.layout)
        self.durations = read_durations(self.files, self.layout)
        self.official, self.older = read_pixel_boxes(self.files, self.layout)
        self.classes = read_classes(self.files, self.layout)
        boxed = {*self.official, *self.older, *self.layout.yolo_boxes}
        self.ids = sorted({*self.segments, *boxed})
        self.splits = read_splits(self.files, self.layout, {*self.ids, *self.durations})
        self.media = media_of(self.files, {*self.ids, *self.durations, *self.splits}, skip=OLD_FOLDERS)

    def recording(self, name: str) -> Recording:
        reader = _Video(self, name)
        segments = reader.segments()
        in_file, frames = reader.media()
        size = reader.size(in_file, frames)
        boxes = reader.boxes(size)
        last = max([0.0, *(segment.end for segment in segments), *((frame + 1) / FPS for frame in boxes)])
        return Recording(
            source=Avos.name,
            recording_id=name,
            group=group_of(Avos.name, name),
            duration=reader.duration(last),
            native_fps=FPS,
            width=size[0],
            height=size[1],
            video=in_file,
            frames=frames,
            segments=tuple(segments),
            tracks=tracks_of_frames(boxes),
            labels=(("action", LABELS),),
            official_split=self.splits.get(name, ""),
            findings=tuple(reader.files.findings),
        )


@dataclass
class _Video:
    """One video of a copy, with findings of its own."""

    copy: _Copy
    name: str

    def __post_init__(self) -> None:
        self.files = Files(self.copy.files.root)
        self.table = self.copy.layout.segments or Path()

    def segments(self) -> list[Segment]:
        """The stretches in the order of time, neighbours with one label joined."""
        found: list[Segment] = []
        joined = 0
        for stretch in sorted(self.copy.segments.get(self.name, []), key=lambda s: (s.start, s.end)):
            start = self._from_zero(stretch)
            if stretch.end <= start:
                continue
            last = found[-1] if found else None
            if last is not None and start < last.end:
                what = f"begins at {start:g} s, {last.end - start:g} s before the one above it ends"
                self.files.find(self.table, stretch.where, what, "joined" if last.label == stretch.label else "kept")
            if last is not None and last.label == stretch.label and start <= last.end:
                found[-1] = Segment(last.start, max(last.end, stretch.end), last.label, "action")
                joined += 1
            else:
                found.append(Segment(start, stretch.end, stretch.label, "action"))
        if joined:
            self.files.find(self.table, self.name, f"{joined} neighbours with one label", "joined")
        return found

    def _from_zero(self, stretch: Stretch) -> float:
        if stretch.start < 0:
            self.files.find(self.table, stretch.where, f"begins at {stretch.start:g} s", "cut at 0")
        return max(0.0, stretch.start)

    def duration(self, last: float) -> float:
        """Seconds as videos.csv says, or where the last annotation ends when that is later."""
        stated = self.copy.durations.get(self.name)
        if stated is not None and stated < last and self.copy.layout.videos is not None:
            what = f"{stated:g} s, but the annotations end at {last:g} s"
            self.files.find(self.copy.layout.videos, self.name, what, "the end of the annotations is used")
        return max(stated or 0.0, last)

    def media(self) -> tuple[str, tuple[FrameFile, ...]]:
        place = self.copy.media.get(self.name)
        if place is None:
            return "", ()
        if place.is_file():
            return self.files.name(place), ()
        return "", timed_frames(self.files, place, FPS, first=0)

    def size(self, in_file: str, frames: tuple[FrameFile, ...]) -> tuple[int, int]:
        """Width and height in pixels of the frames that the boxes lie on; (0, 0) when nothing on disk tells."""
        images = [*self.copy.layout.images.get(self.name, [])[:1], *(self.files.root / f.path for f in frames[:1])]
        sizes = [image_size(path) for path in images]
        found = next((size for size in sizes if 0 not in size), (0, 0))
        return video_size(self.files.root / in_file) if found == (0, 0) and in_file else found

    def boxes(self, size: tuple[int, int]) -> dict[int, list[tuple[str, Box]]]:
        """The boxes by frame: the official table before YOLO before RetinaNet, frame by frame."""
        paths = self.copy.layout.yolo_boxes.get(self.name, {})
        yolo = read_yolo_boxes(self.files, paths, self.copy.classes, size)
        older: Boxes = self.copy.older
        return {**older.get(self.name, {}), **yolo, **self.copy.official.get(self.name, {})}
