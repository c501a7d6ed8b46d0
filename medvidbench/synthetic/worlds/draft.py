"""What a world's plan hands to `simulate`, and the route builder that all worlds share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from medvidbench.records import RatedInterval
from medvidbench.synthetic.truth import Action, Hand, Interval, Key, Mark, Mover, Skill

Point = tuple[float, float]
HOLDING = 38.0
"""Units from the tip of a held tool to the fingers."""
SETTLE = 0.05
"""Seconds before a whole second by which an object has come, and after one by which it has begun to go at the most."""


@dataclass(slots=True)
class Draft:
    """A recording under construction; fields as in `Scene`."""

    seconds: int
    width: int
    height: int
    fps: float
    group: int
    procedure: str
    phases: list[Interval] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    movers: list[Mover] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    outside: list[Interval] = field(default_factory=list)
    critical_view: list[RatedInterval] = field(default_factory=list)
    skill: Skill | None = None


@dataclass(slots=True)
class Route:
    """The path of one object, built key by key in time order.

    Attributes:
        away: where it waits out of the picture.
        travel: seconds it takes to come or to go.
    """

    rng: Random
    object_id: int
    kind: str
    label: str
    hand: Hand
    pivot: Point
    away: Point
    scale: float = 1.0
    tremor: float = 0.0
    layer: int = 0
    tracked: bool = True
    travel: float = 0.7
    keys: list[Key] = field(default_factory=list)

    def enter(self, second: float, x: float, y: float, opening: float = 0.0) -> None:
        """In place just before `second`, out of the picture `travel` seconds earlier."""
        arrived = max(0.0, second - SETTLE)
        leaves = arrived - self.travel
        if self.keys and leaves <= self.keys[-1].time:
            leaves = (self.keys[-1].time + arrived) / 2
        if arrived > 0:
            self.key(leaves, *self.away)
        self.key(arrived, x, y, opening)

    def leave(self, second: float) -> None:
        """Still in place at `second` - 1, gone just before `second`."""
        last = self.keys[-1]
        self.key(max(last.time + 0.01, second - 1 + SETTLE), last.x, last.y, last.opening, last.turn)
        self.key(second - SETTLE, *self.away)

    def key(self, time: float, x: float, y: float, opening: float = 0.0, turn: float = 0.0) -> None:
        """A key; one that isn't later than the last key takes its place."""
        if self.keys and time <= self.keys[-1].time:
            time = self.keys.pop().time
        self.keys.append(Key(time, x, y, opening, turn))

    def stay(self, time: float) -> None:
        """Rest where it is until `time`."""
        last = self.keys[-1]
        if time > last.time:
            self.key(time, last.x, last.y, last.opening, last.turn)

    def mover(self) -> Mover:
        """The finished mover; one without keys waits out of the picture."""
        keys = tuple(self.keys) or (Key(0.0, *self.away),)
        fixed = (self.object_id, self.kind, self.label, self.hand, self.pivot, keys)
        return Mover(*fixed, self.scale, self.tremor, self.layer, self.tracked)


def strokes(route: Route, start: float, end: float, at: Point, reach: Point, pace: float, jaws: bool = False) -> None:
    """Work about a place: back and forth within `reach` (x, y), one stroke in about `pace` seconds.

    Jaws open and close from stroke to stroke.
    """
    rng, time, side = route.rng, start, 1
    while time + 0.6 * pace < end:
        step = pace * rng.uniform(0.8, 1.25)
        time = min(time + step, end)
        x = at[0] + side * reach[0] * rng.uniform(0.5, 1.0)
        y = at[1] + reach[1] * rng.uniform(-1.0, 1.0)
        route.key(time, x, y, (1.0 if side > 0 else 0.0) if jaws else 0.0)
        side = -side


def bare(route: Route, at: Point) -> Point:
    """Where the tip of a tool would be if a hand without one is to reach `at` with its fingers."""
    length = math.hypot(at[0] - route.pivot[0], at[1] - route.pivot[1])
    reach = HOLDING * route.scale / length
    return at[0] + reach * (at[0] - route.pivot[0]), at[1] + reach * (at[1] - route.pivot[1])


def near(rng: Random, at: Point, spread: float) -> Point:
    """A point within `spread` pixels of another."""
    angle, radius = rng.uniform(0, math.tau), spread * math.sqrt(rng.random())
    return at[0] + radius * math.cos(angle), at[1] + radius * math.sin(angle)


def chop(rng: Random, start: int, end: int, shortest: int, longest: int) -> list[tuple[int, int]]:
    """Whole-second pieces that tile [start, end), each at least `shortest` long if the whole is."""
    pieces: list[tuple[int, int]] = []
    while start < end:
        stop = start + rng.randint(shortest, longest)
        stop = end if end - stop < shortest else stop
        pieces.append((start, stop))
        start = stop
    return pieces


def shares(rng: Random, total: int, weights: list[float], shortest: int) -> list[int]:
    """Whole lengths in about these proportions (each weight shaken by half to double), each at least `shortest`."""
    shaken = [weight * rng.uniform(0.6, 1.6) for weight in weights]
    return [max(shortest, round(total * weight / sum(shaken))) for weight in shaken]
