"""CholecTrack20: tools tracked through laparoscopic cholecystectomy, boxes once a second.

Reads `Training|Validation|Testing/VIDnn/VIDnn.json` with `Frames/000001.png` (or `images/`) or `VIDnn.mp4` beside it,
in any case and up to six folders deep. The folder says the split; the file's own word counts where no folder does.

What is stated as truth:

* Frame numbers start at 1 and count 25 a second: number n is at (n - 1) / 25 s, and stands for one second.
* Boxes are normalised x, y, w, h of the frame; they become pixels of the images on disk, or, without images, of the
  size that the label file states.
* Of the three ids of a tool the visibility track is taken: one appearance, from entering the view to leaving it, which
  is what a question about "the grasper from a to b" is about. Without it: the intracorporeal, then the
  intraoperative track. A track id is "visibility/134".
* Triplets exist in eight videos; they are named as in CholecT50, from the tool, verb and target of an instance, since
  the triplet id is missing in part of them. Attributes (smoke, bleeding, ...) are segments of kind "attribute".
* A phase is known in frames with a tool. A hole of at most 120 s with one phase on both sides belongs to it.
* VID30 has no truth here: its labels and VID31's were reported as swapped or missing, and the maintainers advise to
  leave VID30 out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from medvidbench.records import Finding, FrameFile, Recording
from medvidbench.sources.base import Source
from medvidbench.sources.cholectrack20_folders import FRAME_FOLDERS, SPLIT_NAMES, Folders, find_folders, split_of
from medvidbench.sources.cholectrack20_labels import ATTRIBUTES, Labels, read_labels
from medvidbench.sources.cholectrack20_truth import FPS, STEP, segments, time_of, tracks
from medvidbench.sources.files import Files, shorten
from medvidbench.sources.groups import group_of
from medvidbench.sources.layout import is_marked_synthetic
from medvidbench.sources.media import image_size, numbered_images

PUBLISHED_SIZE: Final = (854, 480)
SPLITS: Final[dict[str, tuple[int, ...]]] = {
    "train": (2, 4, 11, 13, 17, 23, 31, 37, 96, 103),
    "val": (30, 110),
    "test": (1, 6, 7, 12, 25, 39, 92, 111),
}
"""The published split of the 20 videos; `recordings` goes by the folder on disk."""
ADVISED_AGAINST: Final = 30


class CholecTrack20(Source):
    """The 20 videos of CholecTrack20, or any part of them."""

    key: ClassVar[str] = "cholectrack20"
    name: ClassVar[str] = "CholecTrack20"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    licence_url: ClassVar[str] = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    citation: ClassVar[str] = (
        "Nwoye et al., CholecTrack20: A multi-perspective tracking dataset for surgical tools, CVPR 2025"
    )
    homepage: ClassVar[str] = "https://github.com/CAMMA-public/cholectrack20"
    obtain: ClassVar[str] = (
        "CholecTrack20 is given out after a form with an access key, from Synapse syn53182642: "
        "https://github.com/CAMMA-public/cholectrack20"
    )
    layout: ClassVar[str] = (
        "a folder with Training/VIDnn/VIDnn.json and Training/VIDnn/Frames/000001.png, and the same under Validation "
        "and Testing (videos VIDnn.mp4 instead of frames)"
    )

    def check(self, root: Path) -> tuple[Finding, ...]:
        """Stray and repeated files. Raises as `Source.check` says."""
        return tuple(find_folders(root, self).files.findings)

    def missing(self, root: Path) -> tuple[str, ...]:
        """What the whole dataset has and `root` lacks."""
        folders = find_folders(root, self)
        every = sorted(number for numbers in SPLITS.values() for number in numbers)
        unlabelled = [f"VID{n:02d}" for n in every if n not in folders.labels]
        unseen = [f"VID{n:02d}" for n in every if n not in folders.videos and n not in folders.frames]
        parts = (("label files", unlabelled), ("videos or frames", unseen))
        return tuple(f"{what} of {len(ids)} of 20 videos: {shorten(ids, 20)}" for what, ids in parts if ids)

    def label_files(self, root: Path) -> list[Path]:
        """The label files."""
        return sorted(find_folders(root, self).labels.values())

    def is_synthetic(self, root: Path) -> bool:
        """Whether the marker file lies at the root or in a folder directly below it."""
        return is_marked_synthetic(root)

    def recordings(self, root: Path) -> Iterator[Recording]:
        """One recording per video number that has a label file, a video or frames, ascending."""
        folders = find_folders(root, self)
        advised = () if self.is_synthetic(root) else (ADVISED_AGAINST,)
        for number in folders.numbers:
            yield _recording(folders, number, number in advised)


def _recording(folders: Folders, number: int, is_advised_against: bool) -> Recording:
    files = Files(folders.files.root)
    recording_id = f"VID{number:02d}"
    path = folders.labels.get(number)
    file = files.name(path) if path else recording_id
    labels = read_labels(files, path, number) if path else Labels()
    frames = _frames(files, folders, number)
    video = folders.videos.get(number) if not frames else None
    size, notes = _size(labels, [files.root / frame.path for frame in frames], file)
    last = max([0, *labels.frames, *(round(frame.time * FPS) + 1 for frame in frames)])
    notes += _compare(labels, frames, video, file, path is not None)
    split = _split(files.root, path or video or folders.frames[number], labels, number, notes)
    if is_advised_against:
        labels.frames, what = {}, "its labels and VID31's were reported as swapped or missing (issue 10 of the release)"
        notes.append(Finding(file, "", what, "no truth is taken from it, as the maintainers advise"))
    spans, span_notes = segments(labels, file)
    followed, box_notes = tracks(labels, size, file)
    return Recording(
        source=CholecTrack20.name,
        recording_id=recording_id,
        group=group_of(CholecTrack20.name, recording_id),
        duration=time_of(last + STEP) if last else 0.0,
        native_fps=FPS,
        width=size[0],
        height=size[1],
        video=files.name(video) if video else "",
        frames=tuple(frames),
        segments=tuple(spans),
        tracks=tuple(followed),
        labels=(*((kind, tuple(names.values())) for kind, names in labels.names.items()), ("attribute", ATTRIBUTES)),
        official_split=split,
        procedure="laparoscopic cholecystectomy",
        findings=(*labels.findings, *files.findings, *notes, *span_notes, *box_notes),
    )


def _frames(files: Files, folders: Folders, number: int) -> list[FrameFile]:
    folder = folders.frames.get(number)
    if folder is None:
        return []
    reader = Files(files.root)
    images = numbered_images(reader, folder)
    # where the frames lie beside the label file, that is no stray entry
    files.findings += reader.findings if folder.name.lower() in FRAME_FOLDERS else []
    if 0 in images:
        files.find(folder, "frame 0", "frame numbers start at 1", "left out")
    return [FrameFile(files.name(path), time_of(key)) for key, path in images.items() if key > 0]


def _size(labels: Labels, images: list[Path], file: str) -> tuple[tuple[int, int], list[Finding]]:
    """The frame size: of the first image that can be read, else as the label file says, else as published."""
    notes: list[Finding] = []
    stated = (labels.width, labels.height)
    shown = next((size for size in map(image_size, images) if 0 not in size), (0, 0))
    if 0 not in shown:
        if 0 not in stated and stated != shown:
            what = f"{stated[0]} x {stated[1]}, but the images are {shown[0]} x {shown[1]}"
            notes.append(Finding(file, "video", what, "the images' size is used"))
        return shown, notes
    if 0 in stated and labels.frames:
        notes.append(Finding(file, "video", "no frame size", "854 x 480 is assumed, as published"))
        return PUBLISHED_SIZE, notes
    return stated, notes


def _compare(
    labels: Labels, frames: list[FrameFile], video: Path | None, file: str, is_labelled: bool
) -> list[Finding]:
    """Where the labels and the frames on disk don't fit together."""
    if not is_labelled:
        return [Finding(file, "", "a video or frames without a label file", "kept without truth: no questions")]
    if not frames and video is None:
        return [Finding(file, "", "labels without frames or a video on disk", "annotation only: nothing can be shown")]
    notes = []
    tally = sorted(set(labels.frames) - {round(frame.time * FPS) + 1 for frame in frames}) if frames else []
    if tally:
        rows = shorten([f"frame {key}" for key in tally], 3)
        notes.append(Finding(file, rows, f"{len(tally)} labelled frames are not on disk", "their labels are kept"))
    if frames and labels.num_frames is not None and labels.num_frames not in (len(labels.frames), len(frames)):
        what = f"{labels.num_frames}, but {len(labels.frames)} frames are labelled and {len(frames)} are on disk"
        notes.append(Finding(file, "num_frames", what, "not used: the frames are counted"))
    return notes


def _split(root: Path, path: Path, labels: Labels, number: int, notes: list[Finding]) -> str:
    """The folder's word, else the label file's, else the published split."""
    folder, said = split_of(root, path), SPLIT_NAMES.get(labels.split, labels.split)
    if folder and said and folder != said:
        file, done = path.relative_to(root).as_posix(), f"{folder!r} is used, as the folder says"
        notes.append(Finding(file, "video", f"split {labels.split!r:.50}", done))
    return folder or said or next((name for name, numbers in SPLITS.items() if number in numbers), "")
