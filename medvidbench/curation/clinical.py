"""The clinical verbaliser: the annotations of a clip in the style of an operative note.

It is the second of the two offline generators. It says what the plain one (`medvidbench.tasks.verbalise`) says, worded
on its own: the passive instead of an actor, the target before the instrument, clinical synonyms, phases as headings
with their durations. It reads the evidence alone, never the plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from medvidbench.curation.evidence import Evidence, Moment, SeenBox
from medvidbench.curation.gather import asked_interval
from medvidbench.curation.note_words import activity_note, instrument_note, joined, phase_note, sentence, triplet_notes
from medvidbench.records import Box, Event, Events, Recording, Sample, Segment
from medvidbench.tasks.clips import Clip
from medvidbench.tasks.dvc import MAX_EVENTS
from medvidbench.tasks.scoring import normal_label
from medvidbench.tasks.timeline import Scene, scenes
from medvidbench.tasks.verbalise import capital, is_plural, listed, place
from medvidbench.tasks.vs import MAX_SCENES

NOTHING = "no labelled activity is recorded"
SHARE_OF_DIRECTION = 0.8
"""Share of an event that one motion must last for its direction to be told."""
PLACES = {"centre": "at the centre of the operative field"}
_DIRECTION = re.compile(r"\b(to the (?:(?:upper|lower) )?(?:left|right)|upward|downward)\b")
LINKS = ("initially", "subsequently", "thereafter", "following this")


def clip_scenes(evidence: Evidence, fps: float, most: int) -> list[Scene]:
    """The clip's scenes, found from its evidence as `medvidbench.tasks` finds them from the recording."""
    segments = evidence.segments
    recording = Recording(evidence.source, evidence.recording_id, "", evidence.duration, 0.0, 0, 0, segments=segments)
    return scenes(recording, Clip(0.0, evidence.duration, fps), most)


def event_notes(sample: Sample, evidence: Evidence) -> Events:
    """The sample's annotated events with clinical captions (DVC)."""
    truth = sample.truth if isinstance(sample.truth, Events) else Events(())
    found = clip_scenes(evidence, sample.fps, MAX_EVENTS)
    return Events(tuple(Event(e.start, e.end, _event_note(e, found, evidence)) for e in truth.events))


def summary_note(sample: Sample, evidence: Evidence) -> str:
    """A paragraph in the style of an operative note (VS): phases in order, what was done in each, and for how long."""
    told = _runs(clip_scenes(evidence, sample.fps, MAX_SCENES))
    shown = evidence.procedure.strip()
    lines = [f"Procedure on record: {shown}."] if shown else []
    if len(told) == 1:
        scene, length = told[0]
        phase = f" during {phase_note(scene.phase)}" if scene.phase else ""
        lines.append(f"A single activity is documented{phase}, lasting {_seconds(length)}:")
        return " ".join([*lines, joined(_clauses(scene.actions)) + "."])
    number = 0
    for phase, group in groupby(told, key=lambda item: item[0].phase):
        run = list(group)
        lines.append(_phase_lines(phase, run, number))
        number += len(run)
    covered = sum(length for _, length in told)
    return " ".join([*lines, f"In total, labelled activity amounts to {_seconds(covered)}."])


def region_note(sample: Sample, evidence: Evidence) -> str:
    """One sentence on the object in the sample's box (RC): what it does, else where it is."""
    start, end = asked_interval(sample)
    inside = [moment for moment in evidence.moments if start - 0.05 <= moment.time <= end + 0.05]
    name = instrument_note(sample.target)
    phases = sorted({s.label for s in evidence.segments if s.kind == "phase" and _lasts(s, start, end)})
    during = f" during {phase_note(phases[0])}" if len(phases) == 1 else ""
    where = _placed(sample, sample.region.box if sample.region else None)
    deeds = _own_triplets(sample.target, evidence.segments, start, end) if _is_alone(inside, sample) else []
    if deeds:
        seen = "which are" if is_plural(name) else "which is"
        return sentence([" and ".join(triplet_notes(deeds)) + f", {seen} seen {where}{during}"])
    track = _track_of(inside, sample)
    boxes = [seen.box for moment in inside for seen in moment.boxes if track and seen.track_id == track]
    ends = [_placed(sample, box) for box in (boxes[0], boxes[-1])] if len(boxes) > 1 else []
    if ends and ends[0] != ends[1]:
        return f"Displacement of the {name} is noted{during}, starting {ends[0]} and finishing {ends[1]}."
    return capital(f"{where}, the {name} {'are' if is_plural(name) else 'is'} identified{during}.")


def _event_note(event: Event, found: Sequence[Scene], evidence: Evidence) -> str:
    best = max(found, key=lambda s: min(s.end, event.end) - max(s.start, event.start), default=None)
    if best is None or min(best.end, event.end) <= max(best.start, event.start):
        return sentence([NOTHING])
    clauses = _clauses(best.actions)
    direction = _direction(evidence.segments, event)
    if direction and len(clauses) == 1:
        clauses = [f"{clauses[0]}, directed {direction}"]
    return sentence(clauses)


def _direction(segments: Iterable[Segment], event: Event) -> str:
    """The direction of the one motion that fills the event, or ""."""
    needed = SHARE_OF_DIRECTION * (event.end - event.start)
    lasting: dict[str, float] = {}
    for s in segments:
        overlap = min(s.end, event.end) - max(s.start, event.start)
        if s.kind == "motion" and overlap > 0 and (match := _DIRECTION.search(s.label)):
            lasting[match[1]] = lasting.get(match[1], 0.0) + overlap
    return next((direction for direction, time in lasting.items() if time >= needed), "")


def _clauses(actions: Sequence[tuple[str, str]]) -> list[str]:
    """The clauses on one scene; triplets without a verb only when nothing else is done."""
    triplets = [parts for kind, label in actions if kind == "triplet" and len(parts := label.split(",")) == 3]
    acting = [parts for parts in triplets if parts[1].strip() != "null_verb"]
    clauses = triplet_notes(acting) + [activity_note(kind, label) for kind, label in actions if kind != "triplet"]
    if clauses:
        return clauses
    idle = sorted({instrument_note(parts[0]) for parts in triplets})
    if not idle:
        return [NOTHING]
    be = "are" if len(idle) > 1 or is_plural(idle[0]) else "is"
    return [f"{listed(f'the {name}' for name in idle)} {be} visible, at rest"]


def _runs(found: Sequence[Scene]) -> list[tuple[Scene, float]]:
    """Scenes with their length in seconds; neighbours that show the same are one."""
    return [
        (run[0], round(sum(scene.end - scene.start for scene in run), 1))
        for _, group in groupby(found, key=lambda scene: (scene.phase, scene.actions))
        for run in [list(group)]
    ]


def _phase_lines(phase: str, run: Sequence[tuple[Scene, float]], number: int) -> str:
    """The scenes inside one phase as one sentence; without a phase each scene is a sentence of its own."""
    told = [joined(_clauses(scene.actions)) for scene, _ in run]
    if not phase:
        links = (LINKS[0] if number + i == 0 else LINKS[1 + (number + i - 1) % 3] for i in range(len(run)))
        parts = zip(links, told, run, strict=True)
        return " ".join(f"{capital(link)}, for {_seconds(item[1])}, {text}." for link, text, item in parts)
    length = _seconds(sum(length for _, length in run))
    return f"{capital(phase_note(phase))} accounts for {length}; in this phase {'; then '.join(told)}."


def _seconds(length: float) -> str:
    return f"{round(length, 1):.1f}".removesuffix(".0") + " s"


def _placed(sample: Sample, box: Box | None) -> str:
    if box is None:
        return "in the operative field"
    where = place(box, sample.width or 0, sample.height or 0)
    return PLACES.get(where) or f"in the {where} part of the operative field"


def _lasts(segment: Segment, start: float, end: float) -> bool:
    return segment.start <= end and segment.end > start


def _own_triplets(name: str, segments: Iterable[Segment], start: float, end: float) -> list[list[str]]:
    found = {s.label for s in segments if s.kind == "triplet" and _lasts(s, start, end) and s.label.count(",") == 2}
    parts = [label.split(",") for label in sorted(found)]
    return [p for p in parts if p[1].strip() != "null_verb" and normal_label(p[0]) == normal_label(name)]


def _is_alone(inside: Sequence[Moment], sample: Sample) -> bool:
    """Whether the frames of the interval show one object of the label, so that a triplet of that name is its."""
    counts = [sum(seen.label == sample.target for seen in moment.boxes) for moment in inside]
    return bool(counts) and max(counts) == 1


def _track_of(inside: Sequence[Moment], sample: Sample) -> str:
    """The track whose box is nearest to the drawn one, or ""."""
    region = sample.region
    if region is None:
        return ""
    same: list[tuple[float, SeenBox]] = [
        (abs(moment.time - (region.time or 0.0)), seen)
        for moment in inside
        for seen in moment.boxes
        if seen.label == sample.target
    ]
    best = min(same, key=lambda item: (item[0], -_iou(item[1].box, region.box)), default=None)
    return best[1].track_id if best and _iou(best[1].box, region.box) > 0 else ""


def _iou(a: Box, b: Box) -> float:
    from medvidbench.metrics.boxes import box_iou

    return float(box_iou((a.x1, a.y1, a.x2, a.y2), (b.x1, b.y1, b.x2, b.y2)))
