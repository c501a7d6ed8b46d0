"""Where the files of Cholec80-CVS and of Cholec80 lie, and readers of all but the surgeons' workbook."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from medvidbench.records import Segment
from medvidbench.sources.base import Source, existing_folder, unknown_layout
from medvidbench.sources.files import Files, shorten, whole_of
from medvidbench.sources.media import VIDEO_SUFFIXES
from medvidbench.sources.tally import Tally
from medvidbench.sources.timeline import runs

FPS: Final = 25.0
VIDEOS: Final = 80
PHASES: Final = (
    "Preparation",
    "CalotTriangleDissection",
    "ClippingCutting",
    "GallbladderDissection",
    "GallbladderPackaging",
    "CleaningCoagulation",
    "GallbladderRetraction",
)
TOOLS: Final = ("Grasper", "Bipolar", "Hook", "Scissors", "Clipper", "Irrigator", "SpecimenBag")
_TOOL_STEP = 25
_BOOKS = ("cholec80cvs", "surgeonsannotations")
_PER_VIDEO = re.compile(r"video0*([0-9]{1,2})(-phase|-tool)?", re.IGNORECASE)


@dataclass
class Layout:
    """What was found; `files.findings` tells of the rest."""

    files: Files
    workbook: Path | None = None
    index: Path | None = None
    folds: Path | None = None
    phases: dict[int, Path] = field(default_factory=dict)
    tools: dict[int, Path] = field(default_factory=dict)
    videos: dict[int, Path] = field(default_factory=dict)


def find_layout(root: Path, source: Source) -> Layout:
    """The files of both datasets at or below `root`, in any case and folder.

    Raises:
        MedVidBenchError: `root` is missing or holds none of them.
    """
    files = Files(existing_folder(root, source))
    found: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    # extracted frames lie in folders named like the videos, by the ten thousand
    for path, is_folder in files.walk(root, skip={f"video{number:02d}" for number in range(1, VIDEOS + 1)}):
        kind, number = ("", 0) if is_folder else _kind(path)
        if kind:
            found[kind][number].append(path)
    if not found:
        raise unknown_layout(root, source)
    kept = {kind: _first(files, by_number, kind) for kind, by_number in sorted(found.items())}
    workbook, index, single_folds = (kept.get(kind, {}).get(0) for kind in ("workbook", "index", "folds"))
    phases, tools, videos = (kept.get(kind, {}) for kind in ("phases", "tools", "videos"))
    return Layout(files, workbook, index, single_folds, phases, tools, videos)


def number_of_video(name: str) -> int | None:
    """1 to 80 from "video01"; None for anything else."""
    match = _PER_VIDEO.fullmatch(name.strip())
    return int(match[1]) if match and not match[2] and 1 <= int(match[1]) <= VIDEOS else None


def read_index(layout: Layout) -> dict[int, int]:
    """The last frame before the clipping by video; frames count from 0 at 25 a second."""
    found: dict[int, int] = {}
    files, path = layout.files, layout.index
    for row in (files.table(path, ("video_name", "final_frame")) or []) if path else []:
        video, frame = number_of_video(row["video_name"]), whole_of(row["final_frame"])
        if path is None or video is None or frame is None or frame < 0:
            files.find(path or files.root, row.where, f"{row['video_name']!r:.50}: no video and frame", "left out")
        elif video in found:
            files.find(path, row.where, f"a second row of video{video:02d}", "the first one is used")
        else:
            found[video] = frame
    return found


def read_folds(layout: Layout) -> list[tuple[str, ...]]:
    """The published folds for cross-validation, each with the names of its videos; [] without the file."""
    path = layout.folds
    if path is None:
        return []
    faults = len(layout.files.findings)
    document = layout.files.json(path)
    if len(layout.files.findings) > faults:
        return []
    given = document.get("folds") if isinstance(document, dict) else None
    if not isinstance(given, list) or not all(isinstance(fold, list) for fold in given):
        layout.files.find(path, "folds", "no list of folds", "left out")
        return []
    names = [str(name) for fold in given for name in fold]
    strange = sorted({name for name in names if number_of_video(name) is None})
    repeated = sorted({name for name in names if names.count(name) > 1})
    for what, which in (("no videos", strange), ("videos in two folds", repeated)):
        if which:
            layout.files.find(path, "folds", f"{what}: {shorten(which)}", "kept as they stand")
    return [tuple(map(str, fold)) for fold in given]


def read_phases(files: Files, path: Path) -> tuple[list[Segment], int]:
    """Phase segments of a `videoNN-phase.txt`, and the number of frames it runs to; a missing frame ends a segment."""
    tally = Tally(files.name(path))
    found: list[Segment] = []
    start, following, phase, spelled = 0, 0, "", ""
    for number, line in enumerate((files.text(path) or "").splitlines(), start=1):
        frame, _, name = line.partition("\t")
        if name == spelled and frame == str(following):  # all but a few of some 50,000 lines
            following += 1
            continue
        index, named = _phase_row(line)
        if index is None or index < following or not named:
            if line.strip() and not (number == 1 and frame.strip().lower() == "frame"):
                tally.add(f"line {number}", "no next frame and phase", "left out")
            continue
        if named != phase or index != following:
            found += [Segment(start / FPS, following / FPS, phase, "phase")] if phase else []
            start, phase = index, named
        spelled, following = name, index + 1
    found += [Segment(start / FPS, following / FPS, phase, "phase")] if phase else []
    files.findings += tally.findings()
    return found, following


def read_tools(files: Files, path: Path, end: float) -> list[Segment]:
    """Tool segments of a `videoNN-tool.txt`: each row, one a second, stands for a second, cut at `end`."""
    seen: dict[str, list[int]] = defaultdict(list)
    tally = Tally(files.name(path))
    for row in files.table(path, ("Frame", *TOOLS), separator="\t") or []:
        frame = whole_of(row["Frame"])
        if frame is None or frame < 0 or not {row[tool] for tool in TOOLS} <= {"0", "1"}:
            tally.add(row.where, "no frame and seven times 0 or 1", "left out")
            continue
        for tool in TOOLS:
            if row[tool] == "1":
                seen[tool].append(frame)
    files.findings += tally.findings()
    spans = [
        (first / FPS, min(end, (last + _TOOL_STEP) / FPS), tool)
        for tool in seen
        for first, last in runs(seen[tool], _TOOL_STEP - 1)
    ]
    return [Segment(start, stop, tool, "tool") for start, stop, tool in sorted(spans) if stop > start]


def _kind(path: Path) -> tuple[str, int]:
    """What a file is, and of which video (0 for a file on all videos)."""
    suffix, name = path.suffix.lower(), re.sub(r"[\W_]", "", path.stem.lower())
    # "~$cholec80-CVS.xlsx" is the lock file of an open workbook
    if suffix in (".xlsx", ".csv") and name.startswith(_BOOKS) and not path.name.startswith("~"):
        return "workbook", 0
    if path.name.lower() in ("videos_frames_index.csv", "folds.json"):
        return ("index" if suffix == ".csv" else "folds"), 0
    match = _PER_VIDEO.fullmatch(path.stem)
    if match is None or not 1 <= int(match[1]) <= VIDEOS:
        return "", 0
    kinds = {"-phase": "phases", "-tool": "tools"} if suffix == ".txt" else {"": "videos"}
    is_right = suffix == ".txt" or suffix in VIDEO_SUFFIXES
    return (kinds.get((match[2] or "").lower(), "") if is_right else ""), int(match[1])


def _first(files: Files, found: dict[int, list[Path]], kind: str) -> dict[int, Path]:
    """The path of each number: a workbook before its CSV export, then the shallowest; a finding names the others."""
    kept: dict[int, Path] = {}
    for number, paths in sorted(found.items()):
        kept[number], *others = sorted(
            paths, key=lambda path: (path.suffix.lower() == ".csv", len(path.parts), str(path))
        )
        if others:
            also = shorten([files.name(path) for path in others])
            files.find(kept[number], "", f"more than one file of its kind ({kind}): also {also}", "this one is used")
    return kept


def _phase_row(line: str) -> tuple[int | None, str]:
    """The frame and the phase, in its published spelling, of one line; (None, "") for anything else."""
    cells = line.split()
    if len(cells) != 2:
        return None, ""
    return whole_of(cells[0]), next((phase for phase in PHASES if phase.lower() == cells[1].lower()), "")
