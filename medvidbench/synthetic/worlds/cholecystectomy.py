"""A laparoscopic cholecystectomy: phases, triplets, three hands and the critical view. Names are CholecT50's.

At most one instrument of each class is in view at a time, and whatever is in view does something ("null_verb" when it
waits), as in CholecT50's labels. The specimen bag is an object without a hand or an action.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from medvidbench.synthetic.truth import Action, Hand, Interval, Mark
from medvidbench.synthetic.worlds.critical_view import critical_view
from medvidbench.synthetic.worlds.draft import Draft, Point, Route, near, shares, strokes

WIDTH, HEIGHT, FPS = 320, 180, 25.0
PREPARE, CALOT, CLIP, DISSECT, PACK, CLEAN, EXTRACT = PHASES = (
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
_LENGTHS = {PREPARE: 2.0, CALOT: 6.0, CLIP: 2.5, DISSECT: 6.0, PACK: 2.0, CLEAN: 3.0, EXTRACT: 2.0}

# What the right hand does in each phase: triplets of the published list.
WORK = {
    PREPARE: (
        "grasper,grasp,gallbladder",
        "grasper,retract,omentum",
        "grasper,retract,gut",
        "hook,dissect,omentum",
        "scissors,cut,adhesion",
    ),
    CALOT: (
        "hook,dissect,cystic_duct",
        "hook,dissect,cystic_artery",
        "hook,dissect,peritoneum",
        "hook,dissect,gallbladder",
        "bipolar,coagulate,cystic_pedicle",
    ),
    CLIP: (
        "clipper,clip,cystic_duct",
        "clipper,clip,cystic_artery",
        "scissors,cut,cystic_duct",
        "scissors,cut,cystic_artery",
    ),
    DISSECT: ("hook,dissect,gallbladder", "hook,dissect,cystic_plate", "bipolar,coagulate,liver"),
    PACK: ("grasper,pack,gallbladder", "grasper,grasp,specimen_bag"),
    CLEAN: (
        "irrigator,aspirate,fluid",
        "irrigator,irrigate,liver",
        "irrigator,irrigate,abdominal_wall_cavity",
        "bipolar,coagulate,liver",
        "bipolar,coagulate,blood_vessel",
    ),
    EXTRACT: ("grasper,grasp,specimen_bag", "grasper,retract,omentum", "irrigator,aspirate,fluid"),
}
HOLDING = ("grasper,retract,gallbladder", "grasper,retract,gallbladder", "grasper,grasp,gallbladder")
ASSISTING = ("irrigator,retract,liver", "irrigator,aspirate,fluid")
IDLE = "null_verb,null_target"
_RETRACTING = (CALOT, CLIP, DISSECT)
# Where a target lies, in pixels of the resting camera.
PLACES: dict[str, Point] = {
    "gallbladder": (150, 72),
    "cystic_plate": (128, 52),
    "cystic_pedicle": (178, 92),
    "cystic_duct": (192, 110),
    "cystic_artery": (186, 82),
    "blood_vessel": (212, 98),
    "liver": (92, 44),
    "omentum": (118, 142),
    "gut": (70, 140),
    "adhesion": (140, 118),
    "peritoneum": (168, 96),
    "abdominal_wall_cavity": (250, 46),
    "specimen_bag": (226, 118),
    "fluid": (160, 140),
    "null_target": (236, 100),
}
HOLD: Point = (112, 74)
"""Where the left hand holds the gallbladder."""
_IDS = {
    ("grasper", "left"): 1,
    ("grasper", "right"): 2,
    ("hook", "right"): 3,
    ("bipolar", "right"): 4,
    ("scissors", "right"): 5,
    ("clipper", "right"): 6,
    ("irrigator", "right"): 7,
    ("irrigator", "assistant"): 8,
}
BAG_ID = 9
_PIVOTS: dict[Hand, tuple[Point, Point]] = {  # trocar, and where the tip waits out of the picture
    "left": ((-90.0, 150.0), (-62.0, 140.0)),
    "right": ((430.0, 215.0), (398.0, 200.0)),
    "assistant": ((40.0, 300.0), (52.0, 246.0)),
}


@dataclass(frozen=True, slots=True)
class _Job:
    start: int
    end: int
    triplet: str
    hand: Hand

    @property
    def tool(self) -> str:
        return self.triplet.split(",")[0]


def plan(rng: Random, number: int, seconds: int, difficulty: float) -> Draft:
    """One operation of about `seconds` seconds (at least 4 for each phase)."""
    phases = _phases(rng, seconds)
    draft = Draft(int(phases[-1].end), WIDTH, HEIGHT, FPS, number, "laparoscopic cholecystectomy", phases)
    draft.outside = _outside(rng, phases)
    jobs = [job for phase in phases for job in _right_hand(rng, phase, draft.outside)]
    jobs += [job for phase in phases if phase.label in _RETRACTING for job in _others(rng, phase)]
    for (tool, hand), object_id in _IDS.items():
        mine = sorted((j for j in jobs if (j.tool, j.hand) == (tool, hand)), key=lambda j: j.start)
        others = [job for job in jobs if job.hand == hand and job.tool != tool]
        _move(rng, draft, _with_waiting(mine, others, draft.outside), object_id, difficulty)
    _bag(rng, draft, difficulty)
    draft.critical_view = critical_view(rng, next(phase for phase in phases if phase.label == CALOT))
    _marks(rng, draft, difficulty)
    return draft


def _phases(rng: Random, seconds: int) -> list[Interval]:
    course = rng.choice(_COURSES)
    found: list[Interval] = []
    for name, length in zip(course, shares(rng, seconds, [_LENGTHS[n] for n in course], 4), strict=True):
        start = found[-1].end if found else 0.0
        found.append(Interval(start, start + length, name))
    return found


def _outside(rng: Random, phases: list[Interval]) -> list[Interval]:
    """In half of the recordings the camera leaves the body for 2 or 3 seconds as packaging or extraction begins."""
    start = rng.choice([phase.start for phase in phases if phase.label in (PACK, EXTRACT)])
    return [Interval(start, start + rng.randint(2, 3))] if rng.random() < 0.5 else []


def _right_hand(rng: Random, phase: Interval, outside: list[Interval]) -> list[_Job]:
    start = max([int(phase.start)] + [int(gap.end) for gap in outside if gap.start == phase.start])
    found: list[_Job] = []
    second = start + rng.randint(0, 1)
    choices = WORK[phase.label]
    is_clipping = phase.label == CLIP
    while phase.end - second >= 2:
        end = min(int(phase.end), second + rng.randint(2, 3 if is_clipping else 10))
        triplet = rng.choice(choices)
        if is_clipping and len(found) < 4:  # in a short phase the duct alone, else both tubes: first clips, then cuts
            triplet = choices[len(found) if phase.end - start >= 14 else 2 * len(found) % 4]
        elif rng.random() < 0.08:
            triplet = f"{triplet.split(',')[0]},{IDLE}"
        found.append(_Job(second, end, triplet, "right"))
        second = end + (rng.choice((0, 0, 1)) if is_clipping else rng.choice((0, 0, 1, 2, 4)))
    return found


def _others(rng: Random, phase: Interval) -> list[_Job]:
    """The left hand holds the gallbladder; in some stretches the assistant helps with the irrigator."""
    found: list[_Job] = []
    second = int(phase.start) + rng.randint(0, 3)
    while phase.end - second >= 2:
        end = min(int(phase.end), second + rng.randint(5, 25))
        found.append(_Job(second, end, rng.choice(HOLDING), "left"))
        second = end + rng.randint(1, 6)
    if rng.random() < 0.4 and phase.end - phase.start >= 8:
        start = rng.randint(int(phase.start) + 1, int(phase.end) - 5)
        found.append(_Job(start, start + rng.randint(3, 4), rng.choice(ASSISTING), "assistant"))
    return found


def _with_waiting(jobs: list[_Job], others: list[_Job], outside: list[Interval]) -> list[_Job]:
    """An instrument that comes back within two seconds waits in view, if its hand is free and the camera in."""
    found: list[_Job] = []
    for job in jobs:
        last = found[-1] if found else None
        if last and 0 < job.start - last.end <= 2:
            busy = any(other.start < job.start and last.end < other.end for other in others)
            if not busy and not any(last.end <= gap.start <= job.start for gap in outside):
                found.append(_Job(last.end, job.start, f"{job.tool},{IDLE}", job.hand))
                last = found[-1]
        if last and last.end == job.start and last.triplet == job.triplet:
            found[-1] = _Job(last.start, job.end, job.triplet, job.hand)
        else:
            found.append(job)
    return found


def _move(rng: Random, draft: Draft, jobs: list[_Job], object_id: int, difficulty: float) -> None:
    if not jobs:
        return
    tool, hand = jobs[0].tool, jobs[0].hand
    pivot, away = _PIVOTS[hand]
    layer = {"left": 20, "assistant": 25, "right": 30}[hand]
    route = Route(rng, object_id, f"lap {tool}", tool, hand, pivot, away, 1.2 - 0.45 * difficulty, 0.25, layer)
    for before, job, after in zip([None, *jobs[:-1]], jobs, [*jobs[1:], None], strict=True):
        verb, target = job.triplet.split(",")[1:]
        parts = (job.triplet, tool, verb, target, hand, object_id)
        draft.actions.append(Action(float(job.start), float(job.end), *parts))
        at = near(rng, _place(verb, target, hand), 3.0)
        if before and before.end == job.start:
            route.key(min(job.start + 0.6, job.end - 0.3), *at)
        else:
            route.enter(job.start, *at)
        _work(route, job, verb, at, 1.25 - 0.6 * difficulty)
        if after is None or after.start > job.end:
            route.leave(job.end)
        else:
            route.stay(job.end - 0.1)
    draft.movers.append(route.mover())


def _place(verb: str, target: str, hand: Hand) -> Point:
    if hand == "left":
        return HOLD
    if target == "liver" and hand == "assistant":
        return (96.0, 70.0)
    return PLACES[target]


def _work(route: Route, job: _Job, verb: str, at: Point, pace: float) -> None:
    begin, end = job.start + 0.6, job.end - 0.9
    if verb in ("dissect", "aspirate", "irrigate", "coagulate"):
        reach = {"dissect": (8.0, 5.0), "coagulate": (3.0, 2.0)}.get(verb, (16.0, 5.0))
        strokes(route, begin, end, at, reach, pace * (0.9 if verb == "dissect" else 1.4))
    elif verb in ("cut", "clip"):
        strokes(route, begin, end, at, (3.0, 2.0), pace * 0.8, jaws=True)
    elif verb == "pack":
        strokes(route, begin, end, (at[0] + 40, at[1] + 30), (34.0, 6.0), pace * 1.6)
    elif verb == "null_verb":
        strokes(route, begin, end, at, (4.0, 4.0), pace * 1.8, jaws=job.tool != "hook")
    else:  # grasp and retract: open, close, then pull
        route.key(begin, *at, opening=1.0)
        route.key(begin + 0.4, *at)
        pull = (-9.0, -6.0) if job.hand != "right" else (8.0, -7.0)
        strokes(route, begin + 0.4, end, (at[0] + pull[0], at[1] + pull[1]), (3.0, 3.0), pace * 2.2)


def _bag(rng: Random, draft: Draft, difficulty: float) -> None:
    """The bag lies open from packaging on, moves off during extraction, and is gone after it."""
    start = next(phase.start for phase in draft.phases if phase.label == PACK)
    end = next(phase.end for phase in draft.phases if phase.label == EXTRACT)
    x, y = PLACES["specimen_bag"]
    route = Route(rng, BAG_ID, "bag", "specimen_bag", "", (x, 600.0), (x + 60, 300.0), 1.15 - 0.3 * difficulty)
    route.layer = 10
    gaps = sorted(int(gap.end) for gap in draft.outside if start <= gap.start < end)
    route.enter(max([start] + [gap for gap in gaps if gap - start <= 3]), x, y)
    extract = next(phase for phase in draft.phases if phase.label == EXTRACT)
    route.stay(extract.start + 1.5)
    if extract.end - 1.5 > extract.start + 1.6:
        route.key(extract.end - 1.5, x + 24, y - 8)
    route.leave(end)
    draft.movers.append(route.mover())


def _marks(rng: Random, draft: Draft, difficulty: float) -> None:
    """Clips, cuts, smoke, blood and char that the actions leave; blood goes when it is coagulated or aspirated."""
    end = float(draft.seconds)
    for action in draft.actions:
        x, y = near(rng, PLACES[action.target], 4.0)
        middle = (action.start + action.end) / 2
        if action.verb in ("clip", "cut"):
            draft.marks.append(Mark(action.verb, middle, end, x, y, name=action.target))
        elif action.verb == "coagulate" or (action.verb == "dissect" and action.tool == "hook"):
            amount = (0.25 + 0.75 * difficulty) * rng.uniform(0.5, 1.0)
            draft.marks.append(Mark("smoke", action.start + 0.8, action.end + 1.0, x, y, amount=amount))
            draft.marks.append(Mark("char", middle, end, x, y, amount=rng.uniform(0.4, 1.0)))
            if rng.random() < 0.35 and action.verb == "dissect":
                gone = next((a.end for a in draft.actions if a.start > middle and a.verb == "coagulate"), end)
                draft.marks.append(Mark("blood", middle, max(gone, middle + 2), x, y, amount=rng.uniform(0.4, 1.0)))
        elif action.verb in ("aspirate", "irrigate"):
            draft.marks.append(Mark(action.verb, action.start, action.end, x, y))
