"""Bench-top exercises on a surgical robot: two arms, a pad with dots or rings, a needle with thread, a trainee.

Gestures are JIGSAWS's G1 to G15 on frames at 30 a second. A trainee's level sets the six ratings, and the ratings set
what is seen: "Time and motion" the length of path and gestures, "Respect for tissue" how far the pad is pulled,
"Suture/needle handling" the tremor, "Flow of operation" the pauses and repeated grips, "Quality of final product" how
far stitches lie beside their dots.
"""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from medvidbench.records import Rating
from medvidbench.struc_info import SKILL_ASPECTS
from medvidbench.synthetic.truth import Action, Hand, Mark, Skill, SkillLevel
from medvidbench.synthetic.worlds.draft import Draft, Point, Route

WIDTH, HEIGHT, FPS = 320, 240, 30.0
TASKS = ("Suturing", "Knot_Tying", "Needle_Passing")
TRAINEES: tuple[tuple[str, SkillLevel], ...] = (
    *(("B", "N"), ("C", "I"), ("D", "E"), ("E", "E")),
    *(("F", "I"), ("G", "N"), ("H", "N"), ("I", "N")),
)
"""User letter and level, as in the published score tables. A scene's group is the place in this list."""
LEFT_ID, RIGHT_ID, NEEDLE_ID = 1, 2, 3
DOTS: tuple[tuple[Point, Point], ...] = tuple(((x, 96.0), (x, 136.0)) for x in (96.0, 138.0, 180.0, 222.0))
"""Entry and exit of each stitch (suturing) and the two sides of each ring (needle passing)."""
_REST: dict[Hand, Point] = {"left": (104.0, 168.0), "right": (216.0, 168.0)}
_BETWEEN: Point = (160.0, 160.0)
# Seconds that a gesture takes an expert.
_LENGTHS = {1: 1.6, 2: 1.8, 3: 2.4, 4: 1.8, 5: 1.4, 6: 2.2, 7: 2.0, 8: 1.6, 9: 1.6, 10: 1.2}
_LENGTHS |= {11: 1.8, 12: 1.6, 13: 2.6, 14: 1.8, 15: 2.2}


def plan(rng: Random, number: int, seconds: int, difficulty: float) -> Draft:
    """One trial; `number` decides task (number % 3) and trainee (number // 3 % 8). A novice takes longer."""
    task, (_, level) = TASKS[number % 3], TRAINEES[number // 3 % 8]
    skill = _skill(rng, level)
    slowness = 1.55 - 0.14 * _of(skill, "Time and motion")
    course = _course(rng, task, skill, seconds / slowness)
    draft = Draft(0, WIDTH, HEIGHT, FPS, number // 3 % 8, task)
    draft.skill = skill
    _perform(rng, draft, course, slowness, difficulty)
    draft.marks = [replace(mark, end=min(mark.end, float(draft.seconds))) for mark in draft.marks]
    return draft


def _skill(rng: Random, level: SkillLevel) -> Skill:
    """Ratings about the level's mean, with a spread of their own and one in common for the trial."""
    mean = {"N": 1.9, "I": 3.0, "E": 4.2}[level] + rng.gauss(0, 0.5)
    values = [min(5, max(1, round(mean + rng.gauss(0, 0.45)))) for _ in SKILL_ASPECTS]
    return Skill(tuple(Rating(name, value) for name, value in zip(SKILL_ASPECTS, values, strict=True)), level)


def _of(skill: Skill, aspect: str) -> int:
    return next(rating.value for rating in skill.ratings if rating.name == aspect)


def _course(rng: Random, task: str, skill: Skill, seconds: float) -> list[tuple[int, int]]:
    """Gestures with the stitch that each belongs to, as many rounds as fit in the expert's time, at least one."""
    found: list[tuple[int, int]] = []
    fumbling = 0.11 * (5 - _of(skill, "Flow of operation"))
    stitch = 0
    while stitch == 0 or (stitch < 4 and sum(_LENGTHS[g] for g, _ in found) + 11 < seconds):
        found += [(gesture, stitch) for gesture in _round(rng, task, stitch, fumbling)]
        stitch += 1
    return [*found, (11, stitch - 1)]


def _round(rng: Random, task: str, stitch: int, fumbling: float) -> list[int]:
    if task == "Knot_Tying":
        first = [1] if stitch == 0 and rng.random() < 0.4 else []
        again = [13, 14] if rng.random() < fumbling else []
        return [*first, 12, *again, 13, 14, 15]
    start = [1] if stitch == 0 else []
    found = [*start, 5, 8, 2] if rng.random() < fumbling else [*start, *([5] if rng.random() < 0.5 else []), 2]
    found += [3, 2, 3] if rng.random() < fumbling else [3]
    found += [6]
    if task == "Suturing":
        found += [9] if rng.random() < 0.25 + fumbling else []
        found += [10] if rng.random() < fumbling else []
    return [*found, 4, 8] if rng.random() < fumbling else [*found, 4]


def _perform(rng: Random, draft: Draft, course: list[tuple[int, int]], slowness: float, difficulty: float) -> None:
    skill = draft.skill
    assert skill is not None
    hands: tuple[Hand, ...] = ("left", "right")
    arms = {hand: _arm(rng, hand, skill, difficulty) for hand in hands}
    needle = Route(rng, NEEDLE_ID, "needle", "needle", "", (160.0, 400.0), (160.0, 300.0), 1.0, 0.0, 15, False)
    frame = rng.randint(20, 60)  # frames before the first gesture are unlabelled
    for arm, route in arms.items():
        route.key(0.0, *_REST[arm])
        route.key(frame / FPS, *_REST[arm])
    needle.key(0.0, 190.0, 150.0, turn=0.5)
    for gesture, stitch in course:
        length = max(15, round(_LENGTHS[gesture] * slowness * rng.uniform(0.85, 1.2) * FPS))
        _gesture(rng, draft, (arms["left"], arms["right"], needle), (gesture, stitch), (frame, frame + length))
        frame += length
    draft.seconds = math.ceil((frame + rng.randint(12, 40)) / FPS)
    draft.movers = [arms["left"].mover(), arms["right"].mover(), needle.mover()]


def _arm(rng: Random, hand: Hand, skill: Skill, difficulty: float) -> Route:
    x = -70.0 if hand == "left" else 390.0
    tremor = 0.25 * (5 - _of(skill, "Suture/needle handling"))
    number = LEFT_ID if hand == "left" else RIGHT_ID
    pivot, scale = (x, -40.0), 1.15 - 0.3 * difficulty
    return Route(rng, number, "robot arm", f"{hand} arm", hand, pivot, pivot, scale, tremor, 20 + number)


def _gesture(
    rng: Random,
    draft: Draft,
    movers: tuple[Route, Route, Route],
    what: tuple[int, int],
    frames: tuple[int, int],
) -> None:
    left, right, needle = movers
    gesture, stitch = what
    start, end = frames[0] / FPS, frames[1] / FPS
    assert draft.skill is not None
    error = 2.4 * (5 - _of(draft.skill, "Quality of final product"))
    pair = DOTS[stitch]
    draws = Random(f"{draft.group}:{stitch}:{error}")
    entry = (pair[0][0] + draws.uniform(-error, error) / 2, pair[0][1] + draws.uniform(-error, error) / 2)
    leaving = (pair[1][0] + draws.uniform(-error, error) / 2, pair[1][1] + draws.uniform(-error, error) / 2)
    ways = _ways(gesture, entry, leaving)
    wander = 4.0 * (5 - _of(draft.skill, "Time and motion"))
    for route, points in zip((left, right), ways, strict=True):
        _travel(rng, route, points, start, end, wander)
    _carry(needle, left, right, gesture, leaving, (start, end))
    acting: Hand = "left" if gesture in (6, 12) else "" if gesture in (4, 11, 15) else "right"
    object_id = {"left": LEFT_ID, "right": RIGHT_ID}.get(acting, -1)
    draft.actions.append(Action(start, end, f"G{gesture}", "robot arm", "", "", acting, object_id))
    pull = 0.2 * (5 - _of(draft.skill, "Respect for tissue"))
    if gesture == 3:
        draft.marks.append(Mark("push", start, end, *entry, *leaving, amount=pull, name=str(stitch)))
    elif gesture in (6, 7, 9, 15):
        kind = "knot" if gesture == 15 else "stitch"
        draft.marks.append(Mark(kind, end - 0.3, 1e9, *entry, *leaving, name=str(stitch)))
        draft.marks.append(Mark("pull", start, end, *leaving, amount=pull, name=str(gesture)))
    elif gesture == 13:
        draft.marks.append(Mark("loop", start, end, *right_of(right), name=str(stitch)))


def right_of(route: Route) -> Point:
    """Where a route ends by now."""
    return route.keys[-1].x, route.keys[-1].y


def _ways(gesture: int, entry: Point, leaving: Point) -> tuple[list[Point], list[Point]]:
    """The points that left and right tip go through in a gesture; [] rests."""
    lx, rx = _REST["left"], _REST["right"]
    table: dict[int, tuple[list[Point], list[Point]]] = {
        1: ([], [(196.0, 140.0), (190.0, 150.0)]),
        2: ([], [(entry[0] + 26, entry[1] - 14), (entry[0] + 4, entry[1] - 6)]),
        3: ([(leaving[0] - 30, leaving[1] + 14)], [entry, (leaving[0] + 10, leaving[1] + 2)]),
        4: ([(150.0, 158.0)], [(172.0, 160.0)]),
        5: ([], [_BETWEEN]),
        6: ([(leaving[0] - 4, leaving[1]), (60.0, 190.0), (40.0, 120.0)], []),
        7: ([], [(leaving[0] + 6, leaving[1]), (270.0, 190.0)]),
        8: ([(146.0, 152.0)], [(176.0, 154.0), (170.0, 146.0), (178.0, 156.0)]),
        9: ([(96.0, 150.0)], [(leaving[0] + 10, leaving[1] + 4), (leaving[0] + 30, leaving[1] + 24)]),
        10: ([(110.0, 150.0)], [(200.0, 170.0)]),
        11: ([lx], [rx]),
        12: ([(150.0, 156.0), (142.0, 146.0)], []),
        13: ([(172.0, 124.0), (196.0, 140.0), (176.0, 156.0), (156.0, 140.0)], [(176.0, 142.0)]),
        14: ([], [(190.0, 120.0), (158.0, 116.0)]),
        15: ([(86.0, 150.0)], [(246.0, 150.0)]),
    }
    return table[gesture]


def _travel(rng: Random, route: Route, points: list[Point], start: float, end: float, wander: float) -> None:
    """Through the points in equal times; between two of them the less skilled go astray by `wander` pixels."""
    last = route.keys[-1]
    if not points:
        points = [(last.x, last.y)]
    legs = 2 * len(points)
    before = (last.x, last.y)
    for place, point in enumerate(points):
        middle = ((before[0] + point[0]) / 2, (before[1] + point[1]) / 2)
        angle = rng.uniform(0, math.tau)
        astray = (middle[0] + wander * math.cos(angle), middle[1] + wander * math.sin(angle))
        closed = 0.15 if place == len(points) - 1 else 0.7
        route.key(start + (end - start) * (2 * place + 1) / legs, *astray, opening=0.6)
        route.key(start + (end - start) * (2 * place + 2) / legs, *point, opening=closed)
        before = point


def _carry(needle: Route, left: Route, right: Route, gesture: int, leaving: Point, when: tuple[float, float]) -> None:
    """The needle goes with the hand that holds it: the right, but the left after a pull or a reach."""
    start, end = when
    if gesture == 11:
        needle.stay(end)
        return
    holder = left if gesture in (6, 12) else right
    for key in (key for key in holder.keys if start < key.time <= end):
        needle.key(key.time, key.x, key.y, turn=2.6 if gesture == 3 else 0.5)
