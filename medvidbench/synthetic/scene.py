"""A simulated cholecystectomy as truth alone: phases, actions and boxes, before any file layout.

Everything is drawn from `random.Random` seeded by seed and recording number, so a scene doesn't depend on how many
others are made. Names are those of CholecT50; times are whole seconds, boxes whole pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from medvidbench.records import Box

WIDTH, HEIGHT = 320, 180

PREPARE, CALOT, CLIP, DISSECT, PACK, CLEAN, EXTRACT = (
    "preparation",
    "carlot-triangle-dissection",
    "clipping-and-cutting",
    "gallbladder-dissection",
    "gallbladder-packaging",
    "cleaning-and-coagulation",
    "gallbladder-extraction",
)
# Courses of an operation. They differ, so that no phase has one sure successor.
_COURSES = (
    (PREPARE, CALOT, CLIP, DISSECT, PACK, CLEAN, EXTRACT),
    (PREPARE, CALOT, CLIP, DISSECT, CLEAN, PACK, EXTRACT),
    (PREPARE, CALOT, CLIP, DISSECT, PACK, EXTRACT, CLEAN),
    (CALOT, CLIP, DISSECT, PACK, EXTRACT),
    (PREPARE, CALOT, CLIP, CALOT, CLIP, DISSECT, PACK, EXTRACT),
    (PREPARE, CALOT, CLIP, DISSECT, CLEAN, DISSECT, PACK, EXTRACT),
)
# Relative lengths, roughly those of real operations.
_LENGTHS = {PREPARE: 2.0, CALOT: 6.0, CLIP: 2.5, DISSECT: 6.0, PACK: 2.0, CLEAN: 3.0, EXTRACT: 2.0}
_SHORTEST_PHASE, _SHORTEST_ACTION, _LONGEST_ACTION = 4, 2, 12

# What the right hand does in each phase: triplets of the published list.
_WORK = {
    PREPARE: ("grasper,grasp,gallbladder", "grasper,retract,omentum", "hook,dissect,omentum"),
    CALOT: (
        "hook,dissect,cystic_duct",
        "hook,dissect,cystic_artery",
        "hook,dissect,peritoneum",
        "bipolar,coagulate,liver",
    ),
    CLIP: (
        "clipper,clip,cystic_duct",
        "clipper,clip,cystic_artery",
        "scissors,cut,cystic_duct",
        "scissors,cut,cystic_artery",
    ),
    DISSECT: ("hook,dissect,gallbladder", "hook,dissect,cystic_plate", "bipolar,coagulate,liver"),
    PACK: ("grasper,pack,gallbladder", "grasper,grasp,specimen_bag"),
    CLEAN: ("irrigator,aspirate,fluid", "irrigator,irrigate,liver", "bipolar,coagulate,liver"),
    EXTRACT: ("grasper,grasp,specimen_bag", "irrigator,aspirate,fluid"),
}
_RETRACTING = (CALOT, CLIP, DISSECT)  # phases in which the left hand holds the gallbladder
_IDLE = "null_verb,null_target"
# Where a target lies, as fractions of the image's width and height.
_PLACES = {
    "gallbladder": (0.45, 0.38),
    "cystic_plate": (0.40, 0.25),
    "cystic_duct": (0.58, 0.62),
    "cystic_artery": (0.64, 0.52),
    "liver": (0.30, 0.22),
    "omentum": (0.35, 0.80),
    "peritoneum": (0.52, 0.50),
    "specimen_bag": (0.70, 0.72),
    "fluid": (0.45, 0.78),
    "null_target": (0.80, 0.30),
}
# Width and height of a tip's box in pixels.
_SIZES = {
    "grasper": (56, 40),
    "bipolar": (44, 32),
    "hook": (36, 44),
    "scissors": (52, 38),
    "clipper": (60, 34),
    "irrigator": (40, 30),
}


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase from second `start` to second `end`, end exclusive."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Action:
    """One instrument in one hand doing one thing; `boxes` holds its tip's box for each second from `start` to `end`."""

    start: int
    end: int
    hand: Literal["left", "right"]
    triplet: str
    boxes: tuple[Box, ...]

    @property
    def instrument(self) -> str:
        """The instrument's class name."""
        return self.triplet.split(",")[0]


@dataclass(frozen=True, slots=True)
class SceneTruth:
    """One simulated recording.

    Attributes:
        number: the recording's number; real CholecT50 ends at 111, simulated ones begin at 201.
        phases: they tile the recording from second 0 to `seconds`.
        actions: by start; at most one of each instrument class at a time.
        outside: seconds [start, end) in which the camera is out of the body and the image black; may be empty.
    """

    number: int
    seconds: int
    width: int
    height: int
    phases: tuple[Phase, ...]
    actions: tuple[Action, ...]
    outside: tuple[int, int]
    seed: int

    def phase_at(self, second: int) -> str:
        """The phase at a second of the recording."""
        return next(phase.name for phase in self.phases if phase.start <= second < phase.end)

    def at_work(self, second: int) -> list[tuple[Action, Box]]:
        """The actions at a second, each with its box there."""
        return [(a, a.boxes[second - a.start]) for a in self.actions if a.start <= second < a.end]


def make_scene(number: int, seconds: int, seed: int) -> SceneTruth:
    """One recording of about `seconds` seconds (0.75 to 1.5 times as long)."""
    rng = Random(f"{seed}:{number}")
    phases = _phases(rng, seconds * rng.uniform(0.75, 1.5))
    outside = _outside(rng, phases)
    actions: list[Action] = []
    for phase in phases:
        actions += _right_hand(rng, phase, outside)
    actions += [action for phase in phases if phase.name in _RETRACTING for action in _left_hand(rng, phase)]
    actions.sort(key=lambda action: (action.start, action.triplet))
    return SceneTruth(number, phases[-1].end, WIDTH, HEIGHT, tuple(phases), tuple(actions), outside, seed)


def _phases(rng: Random, seconds: float) -> list[Phase]:
    course = rng.choice(_COURSES)
    weights = [_LENGTHS[name] * rng.uniform(0.5, 2.0) for name in course]
    found: list[Phase] = []
    for name, weight in zip(course, weights, strict=True):
        start = found[-1].end if found else 0
        length = max(_SHORTEST_PHASE, round(seconds * weight / sum(weights)))
        found.append(Phase(start, start + length, name))
    return found


def _outside(rng: Random, phases: list[Phase]) -> tuple[int, int]:
    """In half of the recordings the camera leaves the body for 2 or 3 seconds as packaging or extraction begins."""
    candidates = [phase.start for phase in phases if phase.name in (PACK, EXTRACT)]
    start = rng.choice(candidates)
    return (start, start + rng.randint(2, 3)) if rng.random() < 0.5 else (0, 0)


def _right_hand(rng: Random, phase: Phase, outside: tuple[int, int]) -> Iterator[Action]:
    second = max(phase.start, outside[1]) if outside[0] == phase.start else phase.start
    second += rng.randint(0, 2)
    while phase.end - second >= _SHORTEST_ACTION:
        end = min(phase.end, second + rng.randint(_SHORTEST_ACTION, _LONGEST_ACTION))
        triplet = rng.choice(_WORK[phase.name])
        if rng.random() < 0.1:
            triplet = f"{triplet.split(',')[0]},{_IDLE}"
        yield Action(second, end, "right", triplet, _boxes(rng, triplet, end - second))
        second = end + rng.choice((0, 1, 1, 2, 4))


def _left_hand(rng: Random, phase: Phase) -> Iterator[Action]:
    second = phase.start + rng.randint(0, 4)
    while phase.end - second >= _SHORTEST_ACTION:
        end = min(phase.end, second + rng.randint(5, 25))
        triplet = rng.choice(("grasper,retract,gallbladder", "grasper,retract,gallbladder", "grasper,retract,liver"))
        yield Action(second, end, "left", triplet, _boxes(rng, triplet, end - second))
        second = end + rng.randint(1, 8)


def _boxes(rng: Random, triplet: str, seconds: int) -> tuple[Box, ...]:
    """The tip's box for each second: it circles about the target's place, wholly inside the image."""
    instrument, _, target = triplet.split(",")
    width, height = _SIZES[instrument]
    place = _PLACES[target]
    centre = (place[0] * WIDTH + rng.uniform(-14, 14), place[1] * HEIGHT + rng.uniform(-9, 9))
    turn, radius = rng.uniform(0, math.tau), rng.uniform(3, 10)
    found = []
    for second in range(seconds):
        angle = turn + second * 0.9
        x = round(centre[0] + radius * math.cos(angle) - width / 2)
        y = round(centre[1] + radius * math.sin(angle) - height / 2)
        x, y = min(max(x, 0), WIDTH - width), min(max(y, 0), HEIGHT - height)
        found.append(Box(float(x), float(y), float(x + width), float(y + height)))
    return tuple(found)
