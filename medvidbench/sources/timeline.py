"""From labels on single frames to segments and tracks on the time axis; shared by frame-wise sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from medvidbench.records import Box, Segment, TimedBox, Track


def runs(indices: Iterable[int], max_hole: int = 0) -> list[tuple[int, int]]:
    """Maximal runs of frame indices as (first, last), last inclusive, ascending.

    Args:
        indices: frame indices in any order; repeats count once.
        max_hole: a run goes on across at most so many missing indices.

    >>> runs([7, 1, 2, 3, 5]), runs([7, 1, 2, 3, 5], max_hole=1)
    ([(1, 3), (5, 5), (7, 7)], [(1, 7)])
    """
    found: list[tuple[int, int]] = []
    for index in sorted(set(indices)):
        if found and index - found[-1][1] <= max_hole + 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def segments_of(indices: Iterable[int], label: str, kind: str, fps: float, max_hole: int = 0) -> list[Segment]:
    """One segment per run: frames a to b of `fps` cover the half-open interval [a / fps, (b + 1) / fps)."""
    return [Segment(first / fps, (last + 1) / fps, label, kind) for first, last in runs(indices, max_hole)]


def exclusive_segments(
    labels: dict[int, str], kind: str, fps: float, max_hole: int = 0
) -> tuple[list[Segment], list[int]]:
    """Segments of a label of which each frame has exactly one, such as a phase.

    A hole of at most `max_hole` frames is closed when the same label stands on both sides of it; a hole
    between two labels stays open, because nothing says where the change lies.

    Returns:
        The segments in order, and the lengths of the closed holes in frames.
    """
    segments: list[Segment] = []
    closed: list[int] = []
    last = -1
    for index in sorted(labels):
        hole = index - last - 1
        if segments and segments[-1].label == labels[index] and hole <= max_hole:
            segments[-1] = Segment(segments[-1].start, (index + 1) / fps, labels[index], kind)
            closed += [hole] if hole else []
        else:
            segments.append(Segment(index / fps, (index + 1) / fps, labels[index], kind))
        last = index
    return segments, closed


def tracks_of(boxes: dict[int, Sequence[Box]], label: str, fps: float) -> list[Track]:
    """Tracks of one class without track ids: consecutive frames that show exactly one object of the class.

    Frames with several objects of the class carry no identity, so they end a track and join none.
    """
    single = {index: found[0] for index, found in boxes.items() if len(found) == 1}
    return [
        Track(f"{label}#{number}", label, tuple(TimedBox(i / fps, single[i]) for i in range(first, last + 1)))
        for number, (first, last) in enumerate(runs(single), start=1)
    ]
