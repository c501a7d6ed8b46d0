"""CoPESD: endoscopic submucosal dissection, with a grounded motion sentence and boxes in each frame.

Reads the instruction files (`smllm_test.json`, `smllm_train.json`) and the images
(`high_light_images/<clip>/<frame>.jpg`), where those are there.

What is stated as truth:

* Frame n of a clip covers [n - 1, n) / `FPS` seconds. The release states no frame rate; one frame a second is this
  project's reading.
* `motion` and `action` segments are runs of consecutive frames whose sentences say the same: see `copesd_motions`.
* Boxes stand in the sentences, divided by the longer side of the image: see `copesd_items`. A track is one instrument
  over consecutive frames. Without images on disk their size is taken to be `SIZE`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from medvidbench.records import Finding, FrameFile, Recording, Segment, Track
from medvidbench.sources.base import SYNTHETIC_MARKER, Source
from medvidbench.sources.copesd_items import (
    ClipItems,
    boxes_of,
    find_files,
    instruments,
    read_clips,
    unknown_sentences,
)
from medvidbench.sources.copesd_motions import ACTIONS, action_of, motion_of
from medvidbench.sources.files import Files
from medvidbench.sources.groups import group_of
from medvidbench.sources.media import image_size, media_of, note_unseen, numbered_images
from medvidbench.sources.timeline import exclusive_segments, tracks_of

FPS = 1.0
"""Frames per second of the frame numbers; not stated by the release."""
SIZE = (1306, 1009)
"""Width and height in pixels of the images: the longer side is sure, the shorter one follows from the boxes."""
PADDED_IMAGES = "pad_images"
"""A folder of square copies of the images, whose size is not that of the frames."""


class CoPESD(Source):
    """The clips of CoPESD, or any part of them."""

    key: ClassVar[str] = "copesd"
    name: ClassVar[str] = "CoPESD"
    licence: ClassVar[str] = "CC BY 4.0 (annotations)"
    licence_url: ClassVar[str] = "https://creativecommons.org/licenses/by/4.0/"
    citation: ClassVar[str] = (
        "Wang et al., CoPESD: A Multi-Level Surgical Motion Dataset for Training Large Vision-Language Models to "
        "Co-Pilot Endoscopic Submucosal Dissection, arXiv 2410.07540"
    )
    homepage: ClassVar[str] = "https://github.com/gkw0010/CoPESD"
    obtain: ClassVar[str] = (
        "The README of https://github.com/gkw0010/CoPESD links a zip with the images; the instruction files are in its "
        "folder sphinx_esd/accessory/data/annotations/smllm."
    )
    layout: ClassVar[str] = (
        "a folder with smllm_train.json and/or smllm_test.json, and high_light_images/<clip>/<frame>.jpg below it"
    )

    def check(self, root: Path) -> tuple[Finding, ...]:
        """Faults of the instruction files and their items. Raises as `Source.check` says."""
        copy = _Copy(root, self)
        note_unseen(copy.files, copy.clips.keys() - copy.media.keys(), len(copy.clips))
        return tuple(copy.files.findings)

    def label_files(self, root: Path) -> list[Path]:
        """The instruction files."""
        return sorted(find_files(Files(root), self).values())

    def is_synthetic(self, root: Path) -> bool:
        """Whether the marker file lies at the root or beside an instruction file."""
        places = {root, *(path.parent for path in self.label_files(root))}
        return any((place / SYNTHETIC_MARKER).is_file() for place in places)

    def missing(self, root: Path) -> tuple[str, ...]:
        """Absent instruction files, and how many clips have no images on disk."""
        copy = _Copy(root, self)
        absent = tuple(f"smllm_{split}.json" for split in ("train", "test") if split not in copy.paths)
        unseen = len(copy.clips) - len(copy.media)
        return (*absent, f"the images of {unseen} of {len(copy.clips)} clips") if unseen else absent

    def counts(self, root: Path) -> tuple[tuple[str, int], ...]:
        """Items by clip, and boxes by instrument, as they stand in the files."""
        clips = _Copy(root, self).clips
        items = [(f"items of clip {name}", len(clip.frames)) for name, clip in clips.items()]
        boxes = [(f"boxes of {name}", number) for name, number in sorted(instruments(clips).items())]
        return (("items", sum(number for _, number in items)), *items, *boxes)

    def recordings(self, root: Path) -> Iterator[Recording]:
        """One recording per clip, by name; one without images on disk has no frames."""
        copy = _Copy(root, self)
        motions = {motion_of(frame.sentence) for clip in copy.clips.values() for frame in clip.frames.values()}
        labels = (("action", ACTIONS), ("motion", tuple(sorted(m for m in motions if m is not None))))
        for name, clip in copy.clips.items():
            yield copy.recording(name, clip, labels)


class _Copy:
    """One copy of the dataset, its items read."""

    def __init__(self, root: Path, source: Source) -> None:
        self.files = Files(root)
        self.paths = find_files(self.files, source)
        self.clips = read_clips(self.files, self.paths)
        found = media_of(self.files, self.clips, skip=(PADDED_IMAGES,))
        self.media = {name: place for name, place in found.items() if place.is_dir()}

    def recording(self, name: str, clip: ClipItems, labels: tuple[tuple[str, tuple[str, ...]], ...]) -> Recording:
        own = Files(self.files.root)
        frames, size = self.frames(own, name, clip)
        segments = _segments(own, name, clip)
        tracks = _tracks(own, name, clip, size)
        last = max([*clip.frames, *(round(frame.time * FPS) + 1 for frame in frames)])
        return Recording(
            source=CoPESD.name,
            recording_id=name,
            group=group_of(CoPESD.name, name),
            duration=last / FPS,
            native_fps=FPS,
            width=size[0],
            height=size[1],
            frames=frames,
            segments=tuple(segments),
            tracks=tuple(tracks),
            labels=labels,
            official_split=clip.split,
            procedure="endoscopic submucosal dissection",
            findings=tuple(own.findings),
        )

    def frames(self, own: Files, name: str, clip: ClipItems) -> tuple[tuple[FrameFile, ...], tuple[int, int]]:
        """The images of a clip with their times, and their size; what fits no item, or no image, is a finding."""
        place = self.media.get(name)
        images = numbered_images(own, place) if place is not None else {}
        if place is not None:
            unseen, unlabelled = clip.frames.keys() - images.keys(), images.keys() - clip.frames.keys()
            if unseen:
                own.find(place, "", f"{len(unseen)} annotated frames are not on disk", "their labels are kept")
            if unlabelled:
                own.find(place, "", f"{len(unlabelled)} images without an item", "kept as frames without labels")
        sizes = (image_size(path) for path in images.values())
        size = next((size for size in sizes if 0 not in size), SIZE)
        return tuple(FrameFile(own.name(path), (number - 1) / FPS) for number, path in images.items()), size


def _segments(files: Files, name: str, clip: ClipItems) -> list[Segment]:
    said = {number: motion_of(frame.sentence) for number, frame in sorted(clip.frames.items())}
    unknown_sentences(files, clip, [number for number, motion in said.items() if motion is None], name)
    motions = {number - 1: motion for number, motion in said.items() if motion is not None}
    actions = {index: action_of(motion) for index, motion in motions.items()}
    found = [*exclusive_segments(actions, "action", FPS)[0], *exclusive_segments(motions, "motion", FPS)[0]]
    return sorted(found, key=lambda s: (s.kind, s.start, s.label))


def _tracks(files: Files, name: str, clip: ClipItems, size: tuple[int, int]) -> list[Track]:
    found: list[Track] = []
    for instrument, boxes in boxes_of(files, clip, name, size).items():
        found += tracks_of({number - 1: (box,) for number, box in boxes.items()}, instrument, FPS)
    return found
