"""JIGSAWS: trials of three bench-top exercises on a surgical robot, rated on six items and labelled with gestures.

Reads one folder per task with `meta_file_<Task>.txt`, `transcriptions/`, `kinematics/AllGestures/` and `video/`, also
when nested ("Suturing/Suturing"), in any case, or in part.

What is stated as truth:

* The six items of the score table hold for the whole trial. A trial without a row there has no score. A wrong total
  is a finding; the items count.
* A transcription's frames count from 1 at 30 a second, the last one included: frames a to b are [(a - 1) / 30, b / 30).
  Frames outside every line are unlabelled.
* A trial is as long as its kinematics (one row a frame; the videos run 5 to 17 frames longer), else as its video's
  header says, else as its transcription.
* The left camera (`capture1`) is shown; the right one where the left is absent, with a finding.
* The published evaluation is cross-validation, so there is no `official_split`: see `jigsaws_folds`. The group of a
  recording is the trainee, so that no split divides one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from medvidbench.records import Finding, RatedInterval, Rating, Recording, Segment
from medvidbench.sources.base import Source
from medvidbench.sources.files import Files, shorten
from medvidbench.sources.groups import group_of
from medvidbench.sources.jigsaws_files import (
    FPS,
    TASKS,
    Layout,
    Meta,
    avi_header,
    count_rows,
    find_layout,
    read_meta,
    read_transcription,
)
from medvidbench.sources.layout import is_marked_synthetic
from medvidbench.struc_info import SKILL_ASPECTS

GESTURES: Final = (
    "Reaching for needle with right hand",
    "Positioning needle",
    "Pushing needle through tissue",
    "Transferring needle from left to right",
    "Moving to center with needle in grip",
    "Pulling suture with left hand",
    "Pulling suture with right hand",
    "Orienting needle",
    "Using right hand to help tighten suture",
    "Loosening more suture",
    "Dropping suture at end and moving to end points",
    "Reaching for needle with left hand",
    "Making C loop around right hand",
    "Reaching for suture with right hand",
    "Pulling suture with both hands",
)
"""G1 to G15, named as in the paper."""
GESTURES_USED: Final[dict[str, tuple[int, ...]]] = {
    "Suturing": (1, 2, 3, 4, 5, 6, 8, 9, 10, 11),
    "Knot_Tying": (1, 11, 12, 13, 14, 15),
    "Needle_Passing": (1, 2, 3, 4, 5, 6, 8, 11),
}
PROCEDURES: Final = {
    "Suturing": "suturing on a bench-top model with a surgical robot",
    "Knot_Tying": "knot tying on a bench-top model with a surgical robot",
    "Needle_Passing": "needle passing on a bench-top model with a surgical robot",
}
TRIALS_RATED: Final = {"Suturing": 39, "Knot_Tying": 36, "Needle_Passing": 28}
SHORTER = 1.0
"""Seconds by which a video may be shorter than the kinematics before it is reported."""


class Jigsaws(Source):
    """The trials of JIGSAWS, or any part of them."""

    key: ClassVar[str] = "jigsaws"
    name: ClassVar[str] = "JIGSAWS"
    licence: ClassVar[str] = "research use after registration; redistribution not granted"
    licence_url: ClassVar[str] = "https://cirl.lcsr.jhu.edu/research/hmm/datasets/jigsaws_release/"
    citation: ClassVar[str] = (
        "Gao et al., The JHU-ISI Gesture and Skill Assessment Working Set (JIGSAWS): A surgical activity dataset for "
        "human motion modeling, MICCAI Workshop M2CAI 2014"
    )
    homepage: ClassVar[str] = "https://cirl.lcsr.jhu.edu/research/hmm/datasets/jigsaws_release/"
    obtain: ClassVar[str] = (
        "Fill in the form at https://cirl.lcsr.jhu.edu/research/hmm/datasets/jigsaws_release/ and unpack the zip of "
        "each task into one folder."
    )
    layout: ClassVar[str] = (
        "a folder with Suturing/, Knot_Tying/ and Needle_Passing/, each with meta_file_<Task>.txt, transcriptions/, "
        "kinematics/AllGestures/ and video/<Task>_B001_capture1.avi"
    )

    def check(self, root: Path) -> tuple[Finding, ...]:
        """Repeated files, and faults of the score tables. Raises as `Source.check` says."""
        layout = find_layout(root, self)
        _metas(layout)
        return tuple(layout.files.findings)

    def missing(self, root: Path) -> tuple[str, ...]:
        """Score tables, and the videos of rated trials, that are not there."""
        layout = find_layout(root, self)
        absent = [f"meta_file_{task}.txt (skill scores)" for task in TASKS if task not in layout.meta_files]
        metas = _metas(layout)
        absent += [
            f"{TRIALS_RATED[task] - found} of {TRIALS_RATED[task]} rated trials of {task}"
            for task in layout.meta_files
            if (found := sum(trial.startswith(task) for trial in metas)) < TRIALS_RATED[task]
        ]
        unseen = [trial for trial in sorted(metas) if trial not in layout.left and trial not in layout.right]
        return (*absent, f"{len(unseen)} of {len(metas)} videos: {shorten(unseen)}") if unseen else tuple(absent)

    def label_files(self, root: Path) -> list[Path]:
        """The score tables, the transcriptions and the kinematics, whose length is the trial's."""
        layout = find_layout(root, self)
        kinds = (layout.meta_files, layout.transcriptions, layout.kinematics)
        return sorted(path for kind in kinds for path in kind.values())

    def is_synthetic(self, root: Path) -> bool:
        """Whether the marker file lies at the root or in a folder directly below it."""
        return is_marked_synthetic(root)

    def recordings(self, root: Path) -> Iterator[Recording]:
        """One recording per trial of which anything is there, by id."""
        layout = find_layout(root, self)
        metas = _metas(layout)
        known = (metas, layout.transcriptions, layout.kinematics, layout.left, layout.right)
        for trial in sorted({trial for kind in known for trial in kind}):
            yield _recording(layout, trial, metas.get(trial))


def skill_levels(root: Path) -> dict[str, str]:
    """The self-proclaimed skill of each rated trial: N novice (under 10 h), I intermediate (10 to 100 h), E expert.

    Raises:
        MedVidBenchError: `root` is missing or does not have JIGSAWS' layout.
    """
    return {trial: meta.skill for trial, meta in _metas(find_layout(root, Jigsaws())).items()}


def _metas(layout: Layout) -> dict[str, Meta]:
    return {
        trial: meta for task, path in layout.meta_files.items() for trial, meta in read_meta(layout.files, path, task)
    }


def _recording(layout: Layout, trial: str, meta: Meta | None) -> Recording:
    files = Files(layout.files.root)
    task, video = trial[:-5], _video(files, layout, trial)
    lines = read_transcription(files, layout.transcriptions[trial]) if trial in layout.transcriptions else []
    width, height, seconds = _header(files, video)
    duration = _duration(files, layout, trial, seconds, lines)
    if meta is None:
        done = "kept without a skill score"
        files.findings.append(Finding(trial, "", "no row in the score table", done))
    rated = [RatedInterval(0.0, duration, _ratings(meta))] if meta and meta.items and duration else []
    return Recording(
        source=Jigsaws.name,
        recording_id=trial,
        group=group_of(Jigsaws.name, trial),
        duration=duration,
        native_fps=FPS,
        width=width,
        height=height,
        video=files.name(video) if video else "",
        segments=tuple(_gestures(files, layout, trial, lines, duration)),
        rated=tuple(rated),
        labels=(("gesture", tuple(GESTURES[number - 1] for number in GESTURES_USED[task])),),
        procedure=PROCEDURES[task],
        findings=tuple(files.findings),
    )


def _ratings(meta: Meta) -> tuple[Rating, ...]:
    return tuple(Rating(name, value) for name, value in zip(SKILL_ASPECTS, meta.items, strict=True))


def _video(files: Files, layout: Layout, trial: str) -> Path | None:
    video = layout.left.get(trial) or layout.right.get(trial)
    if video is None:
        files.findings.append(Finding(trial, "", "no video on disk", "annotation only: nothing can be shown"))
    elif trial not in layout.left:
        files.find(video, "", "the video of the right camera alone", "it is used: the left one is not there")
    return video


def _header(files: Files, video: Path | None) -> tuple[int, int, float]:
    """Width, height and seconds as the video's header says; zeros where it says nothing."""
    if video is None or video.suffix.lower() != ".avi":
        return 0, 0, 0.0
    header = avi_header(video)
    if header is None:
        files.find(video, "", "no AVI header", "kept: its size and length are not known")
        return 0, 0, 0.0
    width, height, frames, rate = header
    return width, height, frames / (FPS if abs(rate - FPS) < 0.01 or rate <= 0 else rate)


def _duration(files: Files, layout: Layout, trial: str, seconds: float, lines: list[tuple[int, int, int]]) -> float:
    """The trial's length in seconds, as the module says."""
    path = layout.kinematics.get(trial)
    duration = count_rows(files, path) / FPS if path else 0.0
    if duration and seconds and seconds < duration - SHORTER:
        file = layout.left.get(trial) or layout.right[trial]
        files.find(file, "", f"{seconds:.1f} s long, but the kinematics {duration:.1f} s", "the video's length is used")
        return seconds
    found = duration or seconds or max((last for _, last, _ in lines), default=0) / FPS
    if not found:
        files.findings.append(Finding(trial, "", "nothing says how long the trial is", "kept without questions"))
    return found


def _gestures(
    files: Files, layout: Layout, trial: str, lines: list[tuple[int, int, int]], duration: float
) -> Iterator[Segment]:
    for first, last, number in lines:
        path, where = layout.transcriptions[trial], f"frames {first} to {last}"
        start, end = (first - 1) / FPS, last / FPS
        if number not in GESTURES_USED[trial[:-5]]:
            files.find(path, where, f"G{number}, which {trial[:-5]} does not use by its readme", "kept as it stands")
        if end > duration + 1e-9:
            files.find(
                path,
                where,
                f"passes the trial's end at {duration:.1f} s",
                "cut there" if start < duration else "left out",
            )
        if start < duration:
            yield Segment(start, min(end, duration), GESTURES[number - 1], "gesture")
