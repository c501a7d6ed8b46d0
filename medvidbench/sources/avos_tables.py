"""AVOS's tables: where they lie, and segments, durations and splits read into plain values by video id."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from medvidbench.sources.base import Source, existing_folder, unknown_layout
from medvidbench.sources.files import Files, Row, number_of, shorten

ACTIONS = ("cutting", "tying", "suturing")
LABELS = (*ACTIONS, "background", "abstain", "none")
NO_MAJORITY = "abstain"
# Copies of older label rounds lie beside the current ones.
OLD_FOLDERS = ("backup", "backups", "old", "round1", "round2", "round3")
_SEGMENTS = ("video_id", "start_seconds", "end_seconds")
_LABELLERS = ("labeler_1", "labeler_2", "labeler_3")
_BOX_FILE = re.compile(r"(.{11})-(\d{9})\.txt")
_PIXEL_BOXES = re.compile(r"(?:retinanet_)?(train|val|test)_data\.csv")


@dataclass(frozen=True, slots=True)
class Stretch:
    """One row of the segment table: where it stands, seconds, and its label."""

    where: str
    start: float
    end: float
    label: str


@dataclass
class Layout:
    """The files of a copy by what they are."""

    segments: Path | None = None
    older: list[Path] = field(default_factory=list)
    videos: Path | None = None
    splits: dict[str, Path] = field(default_factory=dict)
    official_boxes: Path | None = None
    pixel_boxes: list[Path] = field(default_factory=list)
    yolo_boxes: dict[str, dict[int, Path]] = field(default_factory=dict)
    class_names: Path | None = None
    images: dict[str, list[Path]] = field(default_factory=dict)

    def all(self) -> list[Path]:
        """Every annotation file that is read, sorted."""
        single = [self.segments, self.videos, self.official_boxes, self.class_names]
        yolo = [path for frames in self.yolo_boxes.values() for path in frames.values()]
        return sorted([*(p for p in single if p), *self.splits.values(), *self.pixel_boxes, *yolo])


def find_layout(files: Files, source: Source) -> Layout:
    """The tables and box files at or below the root; tables are known by their columns, not by their names.

    Raises:
        MedVidBenchError: the root is missing, or holds neither segments nor boxes.
    """
    existing_folder(files.root, source)
    layout, tables = Layout(), []
    for path, is_folder in files.walk(files.root, skip=OLD_FOLDERS):
        if is_folder:
            continue
        suffix, box = path.suffix.lower(), _BOX_FILE.fullmatch(path.name)
        if suffix == ".csv":
            tables.append(path)
        elif box:
            _add_box_file(files, layout, box[1], int(box[2]), path)
        elif suffix in (".jpg", ".jpeg", ".png") and _BOX_FILE.fullmatch(f"{path.stem}.txt"):
            layout.images.setdefault(path.stem.rsplit("-", 1)[0], []).append(path)
    _sort_tables(files, layout, tables)
    if not (layout.segments or layout.official_boxes or layout.pixel_boxes or layout.yolo_boxes):
        raise unknown_layout(files.root, source)
    return layout


def read_segments(files: Files, layout: Layout) -> dict[str, list[Stretch]]:
    """The labelled stretches of each video in the order of the table; a row that says no stretch is a finding.

    Versions before 0.5.0 have no final label but a column for each of two or three labellers: there the label that
    most of them gave counts, and `NO_MAJORITY` where two are level.
    """
    found: dict[str, list[Stretch]] = {}
    for row in (files.table(layout.segments, _SEGMENTS) if layout.segments else None) or []:
        start, end, label = number_of(row["start_seconds"]), number_of(row["end_seconds"]), _label(row)
        if not row["video_id"] or start is None or end is None or end <= start:
            what = f"no stretch: video {row['video_id']!r}, {row['start_seconds']!r} to {row['end_seconds']!r} s"
            files.find(_path(layout), row.where, what, "left out")
        elif label not in LABELS:
            files.find(_path(layout), row.where, f"the label {label!r:.50} is none of {', '.join(LABELS)}", "left out")
        else:
            found.setdefault(row["video_id"], []).append(Stretch(row.where, start, end, label))
    return found


def read_durations(files: Files, layout: Layout) -> dict[str, float]:
    """Seconds by video id, 0.0 where the table states none."""
    rows = (files.table(layout.videos, ("video_id", "duration_seconds")) if layout.videos else None) or []
    return {row["video_id"]: max(0.0, number_of(row["duration_seconds"]) or 0.0) for row in rows}


def read_splits(files: Files, layout: Layout, known: set[str]) -> dict[str, str]:
    """The official split of each video id.

    An id that no other file knows but that begins exactly one known id is that one cut short (the published test list
    has one such); an id that stays unknown is a finding. Both lists may name a video, and the first counts.
    """
    split_of: dict[str, str] = {}
    for split, path in sorted(layout.splits.items(), reverse=True):  # train before test
        unknown = []
        for row in files.table(path, ("video_id",)) or []:
            name = row["video_id"]
            if name and name not in known:
                longer = sorted(other for other in known if other.startswith(name))
                if len(longer) == 1:
                    files.find(path, row.where, f"the id {name} is cut short", f"read as {longer[0]}")
                    name = longer[0]
                else:
                    unknown.append(name)
            if split_of.setdefault(name, split) != split:
                files.find(
                    path, row.where, f"video {name} is in the split {split_of[name]} too", "the first one is used"
                )
        if unknown:
            files.find(path, "", f"{len(unknown)} videos without annotations: {shorten(unknown)}", "left out")
    return split_of


def _path(layout: Layout) -> Path:
    return layout.segments or Path()


def _label(row: Row) -> str:
    if "label" in row.cells:
        return row["label"].lower()
    votes = Counter(row.get(name).lower() for name in _LABELLERS if row.get(name))
    ranked = votes.most_common(2)
    if not ranked:
        return ""
    return ranked[0][0] if len(ranked) == 1 or ranked[0][1] > ranked[1][1] else NO_MAJORITY


def _add_box_file(files: Files, layout: Layout, name: str, frame: int, path: Path) -> None:
    frames = layout.yolo_boxes.setdefault(name, {})
    if frame in frames:
        files.find(path, "", f"a second box file for this frame, beside {files.name(frames[frame])}", "left out")
    else:
        frames[frame] = path


def _sort_tables(files: Files, layout: Layout, tables: list[Path]) -> None:
    ranked: list[tuple[int, Path]] = []
    for path in tables:
        columns = _columns(files, path)
        name = path.name.lower()
        if columns.issuperset(_SEGMENTS) and columns & {"label", *_LABELLERS}:
            ranked.append((_rank(columns), path))
        elif columns.issuperset({"image_name", "x1", "y1", "x2", "y2", "class"}):
            layout.official_boxes = layout.official_boxes or path
        elif columns.issuperset({"video_id", "duration_seconds"}):
            layout.videos = layout.videos or path
        elif columns == {"video_id"} and path.stem.lower() in ("train", "val", "test"):
            layout.splits.setdefault(path.stem.lower(), path)
        elif _PIXEL_BOXES.fullmatch(name):
            layout.pixel_boxes.append(path)
        elif name == "hand_tool_class_names.csv":  # not class_names.csv: the ids of that one differ
            layout.class_names = layout.class_names or path
    ordered = [path for _, path in sorted(ranked, key=lambda item: item[0])]
    layout.segments, layout.older = (ordered[0], ordered[1:]) if ordered else (None, [])


def _columns(files: Files, path: Path) -> set[str]:
    """The names in the first line, lower case; unnamed index columns left out."""
    return {name.lower() for name in files.header(path)} - {""}


def _rank(columns: set[str]) -> int:
    """0 for the official release, then the versions from the newest."""
    if "label" in columns:
        return 0 if not columns & set(_LABELLERS) else 1
    return 5 - len(columns & set(_LABELLERS)) + ("video_url" in columns)
