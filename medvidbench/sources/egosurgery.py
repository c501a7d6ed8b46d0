"""EgoSurgery: open surgery seen from the surgeon's head, with phases, tools and hands at 0.5 frames per second.

Reads `annotations/phase/VV_c.csv`, the COCO files of tool and hand boxes (by split, by video, or another export of
them, also in the HTS bundle) and the frames `images/VV/VV_c_0001.jpg`, with `-` or `_` in names, up to seven folders
deep.

What is stated as truth:

* A recording is a clip ("01_1"): the frame number restarts in each, and nothing says where clips lie to one another.
  The group is the video.
* Frame n is at (n - 1) x 2 s and stands for 2 s. The number comes from the frame's name, never from the row: tables
  have gaps and start late. A gap ends a phase; time without a row is unlabelled, not background.
* Boxes are pixels of the 1920 x 1080 frame. There are no track ids: a track is one class over consecutive frames
  that show exactly one box of it ("Scissors#1"), and it ends at a gap.
* The published splits differ for phases and boxes. `official_split` is the tool split where the clip has boxes, else
  the phase split; `official_split_of` gives either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from medvidbench.records import Box, Finding, FrameFile, Recording, Track
from medvidbench.sources.base import Source
from medvidbench.sources.egosurgery_files import Layout, find_layout
from medvidbench.sources.egosurgery_labels import CLASSES, PHASES, Boxes, clips_of, read_boxes, read_phases
from medvidbench.sources.files import Files, shorten
from medvidbench.sources.groups import group_of
from medvidbench.sources.layout import is_marked_synthetic
from medvidbench.sources.media import image_size
from medvidbench.sources.timeline import exclusive_segments, tracks_of

FPS: Final = 0.5
SPLITS: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "tool": {"train": (1, 2, 3, 6, 8, 11, 12, 13, 14, 15), "val": (9, 10), "test": (4, 5, 7)},
    "phase": {
        "train": (1, 2, 3, 4, 8, 9, 11, 13, 14, 15, 17, 20, 21),
        "val": (5, 19),
        "test": (6, 7, 10, 12, 18),
    },
}
"""Video numbers of the published splits; there is no video 16."""
PHASE_CLIPS: Final = (
    *("01_1", "02_1", "03_2", "03_3", "04_1", "04_2", "05_1", "05_2", "06_1", "06_2", "07_1", "07_2", "08_1", "08_2"),
    *("09_1", "10_1", "10_2", "11_1", "12_1", "13_1", "14_1", "14_2", "15_1"),
)
"""The clips of videos 1 to 15 that have phases; those of 17 to 21 are not listed publicly."""


class EgoSurgery(Source):
    """The clips of EgoSurgery (phases, tools, hands), or any part of them."""

    key: ClassVar[str] = "egosurgery"
    name: ClassVar[str] = "EgoSurgery"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    licence_url: ClassVar[str] = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    citation: ClassVar[str] = (
        "Fujii et al., EgoSurgery-Phase: A dataset of surgical phase recognition from egocentric open surgery videos, "
        "MICCAI 2024; Fujii et al., EgoSurgery-Tool, arXiv 2406.03095"
    )
    homepage: ClassVar[str] = "https://github.com/Fujiry0/EgoSurgery"
    obtain: ClassVar[str] = (
        "Fill in the form linked at https://github.com/Fujiry0/EgoSurgery; frames and annotations come by a link."
    )
    layout: ClassVar[str] = (
        "a folder with annotations/phase/01_1.csv, annotations/bbox/by_split/{tools,hands}/{train,val,test}.json and "
        "images/01/01_1_0001.jpg"
    )

    def check(self, root: Path) -> tuple[Finding, ...]:
        """Faults of the box files, repeated files and what is not read. Raises as `Source.check` says."""
        layout = find_layout(root, self)
        read_boxes(layout)
        return tuple(layout.files.findings)

    def missing(self, root: Path) -> tuple[str, ...]:
        """Videos without phase table, tool boxes or hand boxes, and clips without frames on disk."""
        layout = find_layout(root, self)
        boxes = read_boxes(layout)
        labelled = {*layout.phases, *clips_of(boxes)}
        phase_videos = sorted(number for numbers in SPLITS["phase"].values() for number in numbers)
        tool_videos = sorted(number for numbers in SPLITS["tool"].values() for number in numbers)
        parts: list[tuple[str, Sequence[object]]] = [
            ("phase tables of clips", [clip for clip in PHASE_CLIPS if clip not in layout.phases]),
            ("phase tables of videos", [n for n in phase_videos if n > 16 and n not in map(_video, layout.phases)]),
            ("tool boxes of videos", [n for n in tool_videos if n not in map(_video, boxes.frames["tool"])]),
            ("hand boxes of videos", [n for n in tool_videos if n not in map(_video, boxes.frames["hand"])]),
            ("frames of labelled clips", sorted(labelled - layout.frames.keys())),
        ]
        return tuple(f"{what}: {shorten(absent, 30)}" for what, absent in parts if absent)

    def label_files(self, root: Path) -> list[Path]:
        """The phase tables and the box files."""
        layout = find_layout(root, self)
        return sorted([*layout.phases.values(), *layout.boxes])

    def is_synthetic(self, root: Path) -> bool:
        """Whether the marker file lies at the root or in a folder directly below it."""
        return is_marked_synthetic(root)

    def recordings(self, root: Path) -> Iterator[Recording]:
        """One recording per clip that has a phase table, boxes or frames, by id."""
        layout = find_layout(root, self)
        boxes = read_boxes(layout)
        for clip in sorted({*layout.phases, *clips_of(boxes), *layout.frames}):
            yield _recording(layout, boxes, clip)


def official_split_of(video: int, scheme: str) -> str:
    """The split of a video under the scheme "tool" or "phase"; "" when it has none."""
    return next((name for name, numbers in SPLITS[scheme].items() if video in numbers), "")


def _video(clip: str) -> int:
    return int(clip[:2])


def _recording(layout: Layout, boxes: Boxes, clip: str) -> Recording:
    files = Files(layout.files.root)
    path = layout.phases.get(clip)
    phases = read_phases(files, path, clip) if path else {}
    images = layout.frames.get(clip, {})
    boxed = {number for by_clip in boxes.frames.values() for number in by_clip.get(clip, {})}
    tracks, notes = _tracks(boxes, clip)
    notes += _compare({*phases, *boxed}, images, clip)
    size, size_notes = _size(boxes, list(images.values()), clip)
    segments, _ = exclusive_segments({number - 1: name for number, name in phases.items()}, "phase", FPS)
    return Recording(
        source=EgoSurgery.name,
        recording_id=clip,
        group=group_of(EgoSurgery.name, clip),
        duration=max([0, *phases, *boxed, *images]) / FPS,
        native_fps=FPS,
        width=size[0],
        height=size[1],
        frames=tuple(FrameFile(files.name(path), (number - 1) / FPS) for number, path in sorted(images.items())),
        segments=tuple(segments),
        tracks=tuple(tracks),
        labels=(("phase", PHASES), *CLASSES.items()),
        official_split=official_split_of(_video(clip), "tool" if boxed else "phase"),
        procedure="open surgery seen from the surgeon's head",
        findings=(*files.findings, *notes, *size_notes),
    )


def _tracks(boxes: Boxes, clip: str) -> tuple[list[Track], list[Finding]]:
    """Tracks by class and time; frames with several boxes of one class are counted, and carry no identity."""
    found: list[Track] = []
    shared: dict[str, int] = {}
    for kind, names in CLASSES.items():
        frames = boxes.frames[kind].get(clip, {})
        for name in names:
            of_class: dict[int, list[Box]] = {n - 1: held[name] for n, held in frames.items() if held.get(name)}
            found += tracks_of(dict(of_class), name, FPS)
            several = sum(len(held) > 1 for held in of_class.values())
            shared |= {name: several} if several else {}
    counts = shorten([f"{count} of {name}" for name, count in shared.items()], 20)
    done = "these boxes are in no track: nothing says which is which"
    return found, [Finding(clip, "", f"frames with several boxes of one class: {counts}", done)] if shared else []


def _compare(labelled: set[int], images: dict[int, Path], clip: str) -> list[Finding]:
    """Where the labels and the frames on disk don't fit together."""
    if not labelled:
        return [Finding(clip, "", "frames without labels", "kept without truth: no questions")]
    if not images:
        return [Finding(clip, "", "labels without frames on disk", "annotation only: nothing can be shown")]
    absent = sorted(labelled - images.keys())
    rows = shorten([f"frame {number}" for number in absent], 3)
    done = "their labels are kept"
    return [Finding(clip, rows, f"{len(absent)} labelled frames are not on disk", done)] if absent else []


def _size(boxes: Boxes, images: list[Path], clip: str) -> tuple[tuple[int, int], list[Finding]]:
    """The frame size: as the box files say, whose pixels the boxes are in, else of the first image that can be read."""
    shown = next((size for size in map(image_size, images) if 0 not in size), (0, 0))
    stated = boxes.sizes.get(clip)
    if stated is None:
        return shown, []
    if 0 in shown or shown == stated:
        return stated, []
    what = f"{shown[0]} x {shown[1]} pixels, but the boxes are in {stated[0]} x {stated[1]}"
    return stated, [Finding(clip, "", f"frames of {what}", "boxes stay in pixels of the original frame")]
