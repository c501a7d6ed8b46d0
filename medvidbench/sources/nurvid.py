"""NurViD: nursing procedures on YouTube, with timed actions.

Reads the annotation release (`annotations/NurViD_annotations.json`, the workbook of names, the CSVs of the official
split, in folders or with flat names) and finds the videos, or folders of frames, by their YouTube ids.

What is stated as truth:

* Times are seconds as annotated; `duration` was cut to whole seconds, so an end up to one second beyond it is where the
  video ends. What passes the end by more is cut there, with a finding; where the video is on disk and PyAV is
  installed, its own length decides such a case.
* Several actions may go on at once. Annotations without a length are left out, with a finding.
* The labels of a recording are the actions that its procedure has anywhere in the dataset, by id: the list that a
  question offers. Three action names stand under two ids each and count as one label.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.records import Finding, Recording
from medvidbench.sources.base import SYNTHETIC_MARKER, Source
from medvidbench.sources.files import Files, whole_of
from medvidbench.sources.media import media_of, note_unseen
from medvidbench.sources.nurvid_labels import (
    SPLITS,
    Names,
    check_clip_csvs,
    clip_rows,
    find_layout,
    read_annotations,
    read_names,
    read_splits,
)
from medvidbench.sources.nurvid_video import VideoReader


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
            reader = VideoReader(own, layout, name, video, media.get(name))
            yield reader.recording(names, offered, splits.get(name, ""))


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
