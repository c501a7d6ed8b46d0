"""NurViD's annotation files: where they lie, and the JSON, the workbook and the CSVs read into plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medvidbench.sources.base import Source, existing_folder, unknown_layout
from medvidbench.sources.files import Files, shorten, whole_of
from medvidbench.sources.nurvid_classes import ACTIONS, PROCEDURES
from medvidbench.sources.workbook import read_workbook

ANNOTATIONS = "nurvid_annotations.json"
SPLITS = ("train", "val", "test")
# Folders ("task1&3/train.csv") and flat names ("task1&3_train.csv"); a browser or an archiver may change the "&".
_VIDEO_CSV = re.compile(r"task1(?:&|%26|and|_|-| )?3[ /_-]*(train|val|test)\.csv")
_CLIP_CSV = re.compile(r"(?:task2[ /_-]*)?(action|procedure)_(train|val|test)\.csv")
# One space parts path and label, although the files are called csv; a header may be misspelt ("path-lable").
_CSV_ROW = re.compile(r"(?:.*/)?([^/]+)\.\w+ (\d{1,9})")
_CLIP_NAME = re.compile(r"(.+)_(\d{1,6})")
_WORKBOOK_COLUMNS = (("procedure", "A", "C", PROCEDURES), ("action", "G", "I", ACTIONS))


@dataclass
class Layout:
    """The annotation files by what they are; CSVs by split, those of task 2 by (what they label, split)."""

    annotations: Path
    workbook: Path | None = None
    video_csvs: dict[str, Path] = field(default_factory=dict)
    clip_csvs: dict[tuple[str, str], Path] = field(default_factory=dict)

    def all(self) -> list[Path]:
        """Every file that is there, sorted."""
        rest = [*self.video_csvs.values(), *self.clip_csvs.values()]
        return sorted([self.annotations, *rest, *([self.workbook] if self.workbook else [])])


@dataclass
class Names:
    """Procedure and action names by the ids of the JSON file."""

    procedure: dict[int, str] = field(default_factory=lambda: dict(PROCEDURES))
    action: dict[int, str] = field(default_factory=lambda: dict(ACTIONS))


def find_layout(files: Files, source: Source) -> Layout:
    """The annotation files at or below the root; the shallowest NurViD_annotations.json counts.

    Raises:
        MedVidBenchError: the root is missing or holds no such file.
    """
    existing_folder(files.root, source)
    below = (path for path, is_folder in files.walk(files.root) if not is_folder)
    annotations = next((path for path in below if path.name.lower() == ANNOTATIONS), None)
    if annotations is None:
        raise unknown_layout(files.root, source)
    layout = Layout(annotations)
    # media may lie beside the annotations: two levels reach the CSVs, and nothing else is matched
    for path, is_folder in files.walk(annotations.parent, skip=("videos", "frames", "segments"), depth=1):
        name = path.relative_to(annotations.parent).as_posix().lower()
        video, clip = _VIDEO_CSV.fullmatch(name), _CLIP_CSV.fullmatch(name)
        if is_folder:
            continue
        if video:
            layout.video_csvs.setdefault(video[1], path)
        elif clip:
            layout.clip_csvs.setdefault((clip[1], clip[2]), path)
        elif path.suffix.lower() == ".xlsx" and "action" in name and not path.name.startswith("~"):
            layout.workbook = layout.workbook or path
    return layout


def read_annotations(files: Files, layout: Layout) -> dict[str, dict[str, Any]]:
    """The videos of the JSON file by id, in the order of ids; a value that is no object is a finding."""
    document = files.json(layout.annotations)
    if document is not None and not isinstance(document, dict):
        files.find(layout.annotations, "", f"a {type(document).__name__} instead of videos by id", "left out")
    videos = document if isinstance(document, dict) else {}
    for name in [name for name, video in videos.items() if not isinstance(video, dict)]:
        files.find(layout.annotations, name, f"{videos[name]!r:.100} is no video", "left out")
        del videos[name]
    return dict(sorted(videos.items()))


def read_names(files: Files, layout: Layout) -> Names:
    """The names, from the workbook where it is there: its ids count from 0, those of the JSON file from 1."""
    names = Names()
    rows = (read_workbook(files, layout.workbook) if layout.workbook else None) or []
    for kind, id_column, name_column, published in _WORKBOOK_COLUMNS:
        for row in rows:
            number, name = whole_of(row.get(id_column)), row.get(name_column).strip()
            if number is None or not name or layout.workbook is None:
                continue  # titles, and the shorter of the two lists
            if published.get(number + 1) != name:
                what = f"{kind} {number} is {name!r}, published as {published.get(number + 1)!r}"
                files.find(layout.workbook, row.where, what, "the workbook's name is used")
            getattr(names, kind)[number + 1] = name
    return names


def read_splits(files: Files, layout: Layout, videos: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The official split of each video id, from the CSVs of tasks 1 and 3; their labels are checked."""
    split_of: dict[str, str] = {}
    for split, path in sorted(layout.video_csvs.items(), key=lambda item: SPLITS.index(item[0])):
        for where, name, label in _csv_rows(files, path):
            if name not in videos:
                files.find(path, where, f"video {name} is not in the annotations", "left out")
                continue
            if split_of.setdefault(name, split) != split:
                files.find(path, where, f"video {name} is in the split {split_of[name]} too", "the first one is used")
            if videos[name].get("operationID") != label:
                stated = videos[name].get("operationID")
                files.find(path, where, f"procedure {label}, the annotations say {stated}", "the annotations are used")
    if layout.video_csvs:
        absent = sorted(videos.keys() - split_of.keys())
        if absent:
            what = f"{len(absent)} videos are in no split on disk: {shorten(absent)}"
            files.find(layout.annotations, "", what, "kept without an official split")
    return split_of


def clip_rows(files: Files, layout: Layout) -> dict[tuple[str, str], int]:
    """How many rows each CSV of task 2 has, by (what it labels, split)."""
    return {key: len(_csv_rows(files, path)) for key, path in sorted(layout.clip_csvs.items())}


def check_clip_csvs(files: Files, layout: Layout, videos: dict[str, dict[str, Any]]) -> None:
    """Compares the CSVs of task 2 with the annotations.

    Their rows are clips `<id>_<k>`, where k counts the annotations from 1 in the order of the JSON file, and their
    labels count from 0: an action or procedure id less 1.
    """
    for (kind, _), path in sorted(layout.clip_csvs.items()):
        for where, name, label in _csv_rows(files, path):
            stated = _stated_id(videos, kind, name)
            if stated is None:
                files.find(path, where, f"clip {name} is not in the annotations", "not used")
            elif stated != label + 1:
                files.find(path, where, f"{kind} {label} (from 0), the annotations say {stated} (from 1)", "not used")


def _stated_id(videos: dict[str, dict[str, Any]], kind: str, clip: str) -> int | None:
    match = _CLIP_NAME.fullmatch(clip)
    video = videos.get(match[1]) if match else None
    if match is None or video is None:
        return None
    listed = video.get("annotations")
    if not isinstance(listed, list) or not 1 <= int(match[2]) <= len(listed):
        return None
    if kind == "procedure":
        return whole_of(video.get("operationID"))
    annotation = listed[int(match[2]) - 1]
    return whole_of(annotation.get("actionID")) if isinstance(annotation, dict) else None


def _csv_rows(files: Files, path: Path) -> list[tuple[str, str, int]]:
    """(where, name without folder and suffix, label) of each row; the header may be misspelt or missing."""
    found = []
    for number, (where, line) in enumerate(files.lines(path)):
        match = _CSV_ROW.fullmatch(line)
        if match:
            found.append((where, match[1], int(match[2])))
        elif number > 0 or not line.lower().startswith("path"):
            files.find(path, where, f"{line!r:.100} is no path and label", "the row is left out")
    return found
