"""CholecT50: laparoscopic cholecystectomy with phases and instrument-verb-target triplets at 1 frame per second.

Reads release 2.0 and the challenge validation set (`labels/VIDnn.json`, `videos/VIDnn/*.png`), and the older
CholecT45 layout (`triplet/VIDnn.txt`, `data/VIDnn/*.png`), also when unpacked one or two folders deeper.

What is stated as truth:

* Frame t covers [t, t + 1) seconds; frame numbers start at 0.
* A phase lasts while annotated frames carry it. The challenge set has holes: a hole of at most `PHASE_HOLE`
  seconds with the same phase on both sides belongs to that phase (surgery goes on between two frames of one
  phase), and a finding counts such holes. Any other hole stays unlabelled.
* A triplet lasts over consecutive annotated frames only; no hole is ever closed.
* Boxes exist in the challenge set alone. There are no track ids: a track is one instrument class over
  consecutive frames that show exactly one instrument of the class.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from medvidbench.records import Finding, FrameFile, Recording
from medvidbench.sources.base import SYNTHETIC_MARKER, Source
from medvidbench.sources.cholect50_classes import VIDEOS, official_split
from medvidbench.sources.cholect50_folders import Folders, find_folders, find_frames
from medvidbench.sources.cholect50_labels import Labels, read_json, read_txt, shorten
from medvidbench.sources.cholect50_truth import compare_with_frames, segments, tracks
from medvidbench.sources.groups import group_of


class CholecT50(Source):
    """The 50 videos of CholecT50, or any part of them."""

    key: ClassVar[str] = "cholect50"
    name: ClassVar[str] = "CholecT50"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    licence_url: ClassVar[str] = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    citation: ClassVar[str] = (
        "Nwoye et al., Rendezvous: Attention mechanisms for the recognition of surgical action triplets in endoscopic "
        "videos, Medical Image Analysis 78 (2022) 102433"
    )
    homepage: ClassVar[str] = "https://github.com/CAMMA-public/cholect50"
    obtain: ClassVar[str] = (
        "CholecT50 is given out after a request form: https://github.com/CAMMA-public/cholect50. The challenge "
        "validation set is open: https://s3.unistra.fr/camma_public/datasets/cholect50/CholecT50-Challenge-Validation.zip"
    )
    layout: ClassVar[str] = (
        "a folder with labels/VIDnn.json and videos/VIDnn/000000.png (CholecT50), or triplet/VIDnn.txt and "
        "data/VIDnn/000000.png (CholecT45)"
    )

    def check(self, root: Path) -> tuple[Finding, ...]:
        """Stray entries in the label and video folders. Raises as `Source.check` says."""
        return find_folders(root, self).findings

    def label_files(self, root: Path) -> list[Path]:
        """The label files and, for CholecT45, the class names."""
        folders = find_folders(root, self)
        dictionary = sorted(folders.dictionary.glob("*.txt")) if folders.dictionary else []
        return sorted([*folders.labels.values(), *dictionary])

    def is_synthetic(self, root: Path) -> bool:
        """Whether the marker file lies at the root or beside the label folder."""
        return any((place / SYNTHETIC_MARKER).is_file() for place in (root, find_folders(root, self).base))

    def recordings(self, root: Path) -> Iterator[Recording]:
        """One recording per video number that has a label file or a frame folder, ascending."""
        folders = find_folders(root, self)
        for number in sorted({*folders.labels, *folders.videos}):
            yield _recording(root, folders, number)

    def missing(self, root: Path) -> tuple[str, ...]:
        """Which of the 50 videos have no label file, or labels without frames; a synthetic dataset lacks nothing."""
        folders = find_folders(root, self)
        unseen = [f"VID{n:02d}" for n in sorted(folders.labels) if n not in folders.videos]
        parts = [f"the frames of {shorten(unseen)}"] if unseen else []
        absent = [f"VID{n:02d}" for n in sorted(VIDEOS - set(folders.labels))]
        if absent and not self.is_synthetic(root):
            parts.insert(0, f"the labels of {len(absent)} of {len(VIDEOS)} videos: {shorten(absent)}")
        return tuple(parts)

    def counts(self, root: Path) -> tuple[tuple[str, int], ...]:
        """Label files, annotated frames, actions (a frame may hold several) and images."""
        folders = find_folders(root, self)
        read = [_labels(root, folders, number) for number in sorted(folders.labels)]
        return (
            ("label files", len(read)),
            ("annotated frames", sum(len(labels.frames) for labels in read)),
            ("actions in them", sum(len(frame) for labels in read for frame in labels.frames.values())),
            ("images", sum(len(find_frames(root, folder).paths) for folder in folders.videos.values())),
        )


def _recording(root: Path, folders: Folders, number: int) -> Recording:
    labels = _labels(root, folders, number)
    frames = find_frames(root, folders.videos.get(number))
    label_file = folders.labels.get(number)
    file = label_file.relative_to(root).as_posix() if label_file else ""
    spans, span_notes = segments(labels, file)
    followed, box_notes = tracks(labels, (frames.width, frames.height), file)
    notes = [*compare_with_frames(labels, frames.paths, file), *span_notes, *box_notes]
    last = max([-1, *labels.frames, *frames.paths])
    recording_id = f"VID{number:02d}"
    return Recording(
        source=CholecT50.name,
        recording_id=recording_id,
        group=group_of(CholecT50.name, recording_id),
        duration=(last + 1) / labels.fps,
        native_fps=labels.fps,
        width=frames.width,
        height=frames.height,
        frames=tuple(
            FrameFile(path.relative_to(root).as_posix(), index / labels.fps) for index, path in frames.paths.items()
        ),
        segments=tuple(spans),
        tracks=tuple(followed),
        labels=tuple((kind, tuple(names.values())) for kind, names in labels.names.items()),
        official_split=official_split(number),
        procedure="laparoscopic cholecystectomy",
        findings=(*labels.findings, *frames.findings, *notes),
    )


def _labels(root: Path, folders: Folders, number: int) -> Labels:
    path = folders.labels.get(number)
    if path is None:
        folder = folders.videos[number].relative_to(root).as_posix()
        return Labels(findings=[Finding(folder, "", "frames without a label file", "kept without truth: no questions")])
    file = path.relative_to(root).as_posix()
    return read_json(path, file, number) if path.suffix.lower() == ".json" else read_txt(path, file, folders.dictionary)
