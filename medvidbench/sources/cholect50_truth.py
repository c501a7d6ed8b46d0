"""From CholecT50's labels on frames to segments and tracks, under the rules that `cholect50` states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from medvidbench.records import Box, Finding, Segment, Track
from medvidbench.sources.cholect50_labels import ABSENT, Labels
from medvidbench.sources.timeline import exclusive_segments, segments_of, tracks_of

PHASE_HOLE = 120
"""Longest hole in seconds that is read as part of the phase on both sides (the longest in VID73: 115 s)."""

# Boxes of the published set pass the border by up to 0.7 pixel, which is rounding and needs no finding.
_ROUNDING = 1.0


def compare_with_frames(labels: Labels, on_disk: Iterable[int], file: str) -> list[Finding]:
    """Where the labels and the frames on disk don't fit together.

    A frame without labels is no finding: in the challenge set it is a frame without an action.
    """
    frames = set(on_disk)
    if not labels.frames:
        return []
    if not frames:
        return [Finding(file, "", "labels without frames on disk", "annotation only: no frames can be shown")]
    missing = sorted(labels.frames.keys() - frames)
    found = [Finding(file, f"frame {index}", "no such frame on disk", "its labels are kept") for index in missing]
    if labels.num_frames is not None and labels.num_frames not in (len(labels.frames), len(frames)):
        what = f"{labels.num_frames}, but {len(labels.frames)} frames are annotated and {len(frames)} are on disk"
        found.append(Finding(file, "num_frames", what, "not used: the frames are counted"))
    return found


def segments(labels: Labels, file: str) -> tuple[list[Segment], list[Finding]]:
    """Phase segments, then triplet segments, each ascending in time, with what was noted.

    Instruments, verbs and targets alone make no segments: a triplet says all three, and "hook" is no action.
    """
    phases, findings = _phases(labels, file)
    found, closed = exclusive_segments(phases, "phase", labels.fps, int(PHASE_HOLE * labels.fps))
    if closed:
        what = f"{len(closed)} holes in the annotation inside a phase, the longest of {max(closed) / labels.fps:g} s"
        findings.append(Finding(file, "", what, "each lies between frames of one phase and is counted to it"))
    seen: dict[int, set[int]] = defaultdict(set)
    for index, actions in labels.frames.items():
        for action in actions:
            seen[action.triplet].add(index)
    for number in seen.keys() - {ABSENT}:
        found += segments_of(seen[number], labels.names["triplet"][number], "triplet", labels.fps)
    return sorted(found, key=lambda s: (s.kind, s.start, s.label)), findings


def _phases(labels: Labels, file: str) -> tuple[dict[int, str], list[Finding]]:
    """The one phase of each frame; a frame that names two keeps the first."""
    phases: dict[int, str] = {}
    findings: list[Finding] = []
    for index, actions in labels.frames.items():
        numbers = list(dict.fromkeys(action.phase for action in actions if action.phase != ABSENT))
        if len(numbers) > 1:
            findings.append(Finding(file, f"frame {index}", f"phases {numbers} in one frame", "the first one is used"))
        if numbers:
            phases[index] = labels.names["phase"][numbers[0]]
    return phases, findings


def tracks(labels: Labels, size: tuple[int, int], file: str) -> tuple[list[Track], list[Finding]]:
    """Instrument tracks with boxes in pixels, by class and time, with what was noted.

    Args:
        labels: the recording's labels.
        size: width and height of its images in pixels; (0, 0) when unknown, which leaves no track.
        file: how findings name the label file.
    """
    boxes, findings = _pixel_boxes(labels, size, file)
    found: list[Track] = []
    for number in sorted(boxes):
        name = labels.names["instrument"][number]
        shared = sum(len(in_frame) > 1 for in_frame in boxes[number].values())
        if shared:
            what = f"{shared} frames show several boxes of {name!r}, which have no identity"
            findings.append(Finding(file, "", what, "these boxes are in no track"))
        found += tracks_of({index: tuple(in_frame) for index, in_frame in boxes[number].items()}, name, labels.fps)
    return found, findings


def _pixel_boxes(
    labels: Labels, size: tuple[int, int], file: str
) -> tuple[dict[int, dict[int, list[Box]]], list[Finding]]:
    """Boxes by instrument id and frame; an instrument with two actions carries its box twice and counts once."""
    boxes: dict[int, dict[int, list[Box]]] = defaultdict(lambda: defaultdict(list))
    findings: list[Finding] = []
    given = [(i, a) for i, actions in labels.frames.items() for a in actions if a.xywh and a.instrument != ABSENT]
    if given and 0 in size:
        return {}, [Finding(file, "", f"{len(given)} boxes without an image, whose size scales them", "left out")]
    for index, action in given:
        box, excess = _to_pixels(action.xywh or (), size)
        if excess > _ROUNDING:
            done = "left out" if box is None else "cut at the border"
            findings.append(Finding(file, f"frame {index}", f"a box {excess:.1f} pixels outside the image", done))
        if box is not None and box not in boxes[action.instrument][index]:
            boxes[action.instrument][index].append(box)
    return boxes, findings


def _to_pixels(xywh: tuple[float, ...], size: tuple[int, int]) -> tuple[Box | None, float]:
    """A normalised x, y, w, h box as xyxy pixels cut at the image's border, and how far it passed the border.

    The box is None when nothing of it lies inside.
    """
    x, y, w, h = xywh
    width, height = size
    x1, y1, x2, y2 = x * width, y * height, (x + w) * width, (y + h) * height
    excess = max(0.0, -x1, -y1, x2 - width, y2 - height)
    cut = Box(max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2))
    return (cut if cut.x1 < cut.x2 and cut.y1 < cut.y2 else None), excess
