"""What happens in a clip: labelled segments as spans, as a row of steps, and as scenes for captions.

Everything that leaves this module is in clip-relative seconds on the 0.1 s grid of the published answers
(arXiv 2512.06581), except `steps`, which is on the recording's axis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from medvidbench.records import Recording, Segment, Span
from medvidbench.tasks.clips import Clip

STEP_KINDS = ("phase", "step", "action", "gesture")
ACTION_KINDS = ("triplet", "action", "gesture")
NOT_ACTIONS = frozenset({"", "background", "abstain", "none", "idle", "unlabelled", "unlabeled"})
TOUCH = 1e-6
COARSENESS = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Seconds under which a scene is no scene of its own; the first that leaves few enough scenes is taken."""
MAX_BRIDGE = 5.0
"""Longest unlabelled stretch in seconds that a scene may run across."""


@dataclass(frozen=True, slots=True)
class Scene:
    """An interval of a clip in which the same things happen.

    Attributes:
        start, end: clip-relative seconds.
        actions: (kind, label) pairs, sorted.
        phase: the phase around it, or "" when the source has none or the phase is the action itself.
    """

    start: float
    end: float
    actions: tuple[tuple[str, str], ...]
    phase: str = ""


def is_action(label: str) -> bool:
    """Whether a label says that something is done: neither background nor a triplet without a verb."""
    return label.strip().casefold() not in NOT_ACTIONS and "null_verb" not in label


def on_grid(clip: Clip, time: float) -> float:
    """A time of the recording as clip-relative seconds with one decimal, within the clip."""
    return round(min(max(time - clip.start, 0.0), clip.duration), 1)


def kinds(recording: Recording) -> list[str]:
    """The kinds of segment that a recording has, sorted."""
    return sorted({segment.kind for segment in recording.segments})


def first_kind(recording: Recording, preferred: Iterable[str]) -> str | None:
    """The first of the preferred kinds that the recording has segments of."""
    present = {segment.kind for segment in recording.segments}
    return next((kind for kind in preferred if kind in present), None)


def label_list(recording: Recording, kind: str) -> tuple[str, ...]:
    """The labels of a kind that stand for an action, sorted so that their order tells nothing.

    From the source's declared list; from the segments where none is declared.
    """
    declared = dict(recording.labels).get(kind) or {s.label for s in recording.segments if s.kind == kind}
    return tuple(sorted({label for label in declared if is_action(label)}, key=lambda label: (label.casefold(), label)))


def label_spans(recording: Recording, clip: Clip, kind: str) -> dict[str, tuple[Span, ...]]:
    """Where in the clip each label of a kind happens: cut to the clip, merged when touching, ascending.

    Labels and spans that vanish on the grid are left out.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for segment in recording.segments:
        if segment.kind == kind and segment.start < clip.end and segment.end > clip.start:
            found.setdefault(segment.label, []).append((segment.start, segment.end))
    spans = {}
    for label, intervals in found.items():
        gridded = [(on_grid(clip, start), on_grid(clip, end)) for start, end in merge_touching(intervals)]
        kept = merge_touching((start, end) for start, end in gridded if end > start)
        if kept:
            spans[label] = tuple(Span(start, end) for start, end in kept)
    return spans


def merge_touching(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Intervals in ascending order, overlapping and touching ones joined."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1] + TOUCH:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def steps(recording: Recording, kind: str) -> list[Segment]:
    """The recording's steps in time order; neighbours with the same label are one step, whatever lies between.

    So a step is always followed by a different one: a pause in the labels is no next step.
    """
    offered = set(label_list(recording, kind))
    chosen = (s for s in recording.segments if s.kind == kind and s.label in offered and s.end > s.start)
    row: list[Segment] = []
    for segment in sorted(chosen, key=lambda s: (s.start, s.end, s.label)):
        if row and row[-1].label == segment.label:
            row[-1] = replace(row[-1], end=max(row[-1].end, segment.end))
        else:
            row.append(segment)
    return row


def active_labels(recording: Recording, kind: str, start: float, end: float) -> list[str]:
    """Labels of a kind with a segment in [start, end) of the recording's axis, sorted."""
    return sorted({s.label for s in recording.segments if s.kind == kind and s.start < end and s.end > start})


def scenes(recording: Recording, clip: Clip, most: int) -> list[Scene]:
    """The clip as at most `most` scenes that don't overlap, ascending.

    A scene is a stretch with one set of actions (triplets, actions or gestures; phases where a source has only those)
    inside one phase. Stretches under 2 s, those shorter than the pause between two frames shown, and longer ones as
    long as there are too many, join the neighbour they touch nearly; the longer of the two says what the scene shows.
    Stretches without a label are no scenes.
    """
    kind = first_kind(recording, ACTION_KINDS) or first_kind(recording, STEP_KINDS)
    if kind is None:
        return []
    stretches = _stretches(recording, clip, kind)
    found = stretches
    for least in COARSENESS:
        if least < 1.0 / clip.fps and least != COARSENESS[-1]:  # shorter than the pause between two frames shown
            continue
        found = _join_short(stretches, least)
        if len(found) <= most:
            break
    longest = sorted(found, key=lambda scene: (scene.start - scene.end, scene.start))[:most]
    return sorted(longest, key=lambda scene: scene.start)


def _stretches(recording: Recording, clip: Clip, kind: str) -> list[Scene]:
    """The clip cut at every change of the active labels; stretches without an action left out."""
    changes: list[tuple[float, int, str, str]] = []
    for segment in recording.segments:
        start, end = on_grid(clip, segment.start), on_grid(clip, segment.end)
        if segment.kind in (kind, "phase") and end > start and segment.label.strip().casefold() not in NOT_ACTIONS:
            changes += [(start, 1, segment.kind, segment.label), (end, -1, segment.kind, segment.label)]
    active: Counter[tuple[str, str]] = Counter()
    found: list[Scene] = []
    before = 0.0
    for time, change, changed_kind, label in sorted(changes):
        if time > before:
            actions = tuple(sorted(key for key, count in active.items() if count > 0 and key[0] == kind))
            if actions:
                found.append(Scene(before, time, actions, "" if kind == "phase" else _phase(active)))
            before = time
        active[changed_kind, label] += change
    return found


def _phase(active: Counter[tuple[str, str]]) -> str:
    return min((label for (kind, label), count in active.items() if kind == "phase" and count > 0), default="")


def _join_short(stretches: list[Scene], least: float) -> list[Scene]:
    joined: list[Scene] = []
    for scene in stretches:
        if joined and _belong_together(joined[-1], scene, least):
            last = joined[-1]
            longer = max(last, scene, key=lambda s: round(s.end - s.start, 1))
            joined[-1] = replace(longer, start=last.start, end=scene.end)
        else:
            joined.append(scene)
    return joined


def _belong_together(a: Scene, b: Scene, least: float) -> bool:
    if a.phase != b.phase or b.start - a.end > min(least, MAX_BRIDGE):
        return False
    return a.actions == b.actions or min(a.end - a.start, b.end - b.start) < least - TOUCH
