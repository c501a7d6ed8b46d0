"""What is true of a simulated recording, before any file layout, and the script its pictures are drawn from.

Times are seconds from the start of the recording, boxes whole pixels of the frame (xyxy, x2 and y2 exclusive; in the
"esd" world on a grid of one hundredth of the longer side, which is what CoPESD's files can hold). An interval is half
open: [start, end).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from medvidbench.records import Box, RatedInterval, Rating

World: TypeAlias = Literal["cholecystectomy", "esd", "open", "benchtop", "nursing"]
Hand: TypeAlias = Literal["left", "right", "assistant", ""]
SkillLevel: TypeAlias = Literal["N", "I", "E"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A labelled interval; `label` is "" for one that only says when (camera out of the body)."""

    start: float
    end: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something done with one object (or with both hands) from `start` to `end`.

    Attributes:
        label: the class name in the world's own label set: a triplet, a motion, an activity, a gesture (G1 to G15), a
            nursing action.
        tool, verb, target: its parts; "" where the label set has none.
        hand: the hand that acts; "" for both.
        object_id: the object that acts, as in `ObjectTrack`; -1 for none in particular.
        direction: e.g. "upper right", or "".
    """

    start: float
    end: float
    label: str
    tool: str = ""
    verb: str = ""
    target: str = ""
    hand: Hand = ""
    object_id: int = -1
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object's box at one annotated time; `occluded` when other objects hide a good part of it."""

    time: float
    box: Box
    occluded: bool = False


@dataclass(frozen=True, slots=True)
class ObjectTrack:
    """One object from when it comes into view until it leaves it.

    Attributes:
        object_id: the physical object over the whole recording (CholecTrack20: intraoperative track).
        stay: from entering the body to leaving it, numbered over the recording (intracorporeal track).
        visit: from coming into view to leaving it, numbered over the recording (visibility track).
        label: class name, e.g. "grasper".
        hand: the hand that holds it; "" for an object that lies or hangs.
        sightings: one for every whole second of the visit, without gaps, ascending.
    """

    object_id: int
    stay: int
    visit: int
    label: str
    hand: Hand
    sightings: tuple[Sighting, ...]

    @property
    def start(self) -> float:
        """The time of the first sighting."""
        return self.sightings[0].time

    @property
    def end(self) -> float:
        """The time of the last sighting (inclusive)."""
        return self.sightings[-1].time


@dataclass(frozen=True, slots=True)
class Skill:
    """A trainee's ratings: six aspects from 1 to 5 in the published order, and the level by hours of practice."""

    ratings: tuple[Rating, ...]
    level: SkillLevel

    @property
    def total(self) -> int:
        """The sum of the six, 6 to 30."""
        return sum(rating.value for rating in self.ratings)


@dataclass(frozen=True, slots=True)
class Key:
    """Where a mover is at a time: tip in pixels, jaws from closed (0) to open (1), turn about its own axis in radians.

    Between two keys the path is minimum-jerk, so that speed is zero at every key.
    """

    time: float
    x: float
    y: float
    opening: float = 0.0
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class Mover:
    """An object that moves: its path through the recording.

    Attributes:
        kind: what is drawn ("grasper", "hook", "hand", ...).
        pivot: the point about which it turns, in pixels (a trocar, an elbow; mostly outside the frame).
        keys: ascending in time; before the first and after the last it stays there.
        scale: pixels per unit of its drawing.
        tremor: amplitude in pixels of the shake on top of the path.
        layer: drawing order; higher hides lower.
        tracked: whether it has sightings.
    """

    object_id: int
    kind: str
    label: str
    hand: Hand
    pivot: tuple[float, float]
    keys: tuple[Key, ...]
    scale: float = 1.0
    tremor: float = 0.0
    layer: int = 0
    tracked: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that appears in the picture at `start` and stays until `end`: a clip, a cut, blood, thread, smoke.

    Attributes:
        x, y: where, in pixels of the resting camera; x2, y2: where it ends, for a stroke.
        amount: how much, from 0 to 1.
        name: what exactly, e.g. the object shown.
    """

    kind: str
    start: float
    end: float
    x: float
    y: float
    x2: float = 0.0
    y2: float = 0.0
    amount: float = 1.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """One simulated recording.

    Attributes:
        number: the recording's number within its world and seed.
        group: number of the patient or trainee; recordings of one group must not be split.
        fps: frames per second of the world's annotations (25 cholecystectomy, 1 esd, 15 open, 30 benchtop, 25 nursing).
        seconds: whole seconds; the recording's duration.
        phases: ascending, disjoint; they tile the recording in "cholecystectomy", may have gaps in "open" (on even
            seconds there), and are absent in the other worlds.
        actions: by start, then label. In "esd" and "benchtop" at most one at a time.
        objects: tracks by visit number.
        skill: "benchtop" only.
        critical_view: "cholecystectomy" only: intervals of whole seconds, disjoint, ascending.
        outside: when the camera is out of the body and frames are black: whole seconds, no object is seen.
        procedure: in words; in "benchtop" one of Suturing, Knot_Tying, Needle_Passing; in "nursing" NurViD's name.
        difficulty: 0 (large, slow, clear) to 1 (small, fast, smoky).
        movers, marks: the script that the pictures are drawn from.
    """

    world: World
    number: int
    seed: int
    group: int
    fps: float
    seconds: int
    width: int
    height: int
    phases: tuple[Interval, ...]
    actions: tuple[Action, ...]
    objects: tuple[ObjectTrack, ...]
    skill: Skill | None
    critical_view: tuple[RatedInterval, ...]
    outside: tuple[Interval, ...]
    procedure: str
    difficulty: float
    movers: tuple[Mover, ...]
    marks: tuple[Mark, ...]

    def phase_at(self, time: float) -> str:
        """The phase at a time, "" where none is labelled."""
        return next((phase.label for phase in self.phases if phase.start <= time < phase.end), "")

    def actions_at(self, time: float) -> tuple[Action, ...]:
        """The actions under way at a time."""
        return tuple(action for action in self.actions if action.start <= time < action.end)

    def seen_at(self, time: float) -> tuple[tuple[ObjectTrack, Sighting], ...]:
        """The objects in view at a whole second, by visit."""
        return tuple(
            (track, sighting) for track in self.objects for sighting in track.sightings if sighting.time == time
        )

    def is_outside(self, time: float) -> bool:
        """Whether the camera is out of the body at a time."""
        return any(interval.start <= time < interval.end for interval in self.outside)
