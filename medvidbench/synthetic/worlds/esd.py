"""An endoscopic submucosal dissection: forceps lift the mucosal flap, the knife dissects beneath it.

One motion at a time, in seconds that tile the recording; motions are the classes that CoPESD's sentences say, with
"{direction}" filled in. Forceps are out of view while the knife alone lifts the flap, and both while the lens is
cleaned or the camera moved, because CoPESD's sentences give no box then.
"""

from __future__ import annotations

import math
from random import Random

from medvidbench.synthetic.truth import Action, Mark
from medvidbench.synthetic.worlds.draft import Draft, Point, Route, strokes

WIDTH, HEIGHT, FPS = 300, 232, 1.0
FORCEPS_ID, KNIFE_ID = 1, 2
STEPS: dict[str, Point] = {
    "upward": (0.0, -1.0),
    "downward": (0.0, 1.0),
    "to the left": (-1.0, 0.0),
    "to the right": (1.0, 0.0),
    "to the upper left": (-0.7, -0.7),
    "to the upper right": (0.7, -0.7),
    "to the lower left": (-0.7, 0.7),
    "to the lower right": (0.7, 0.7),
}
"""Each direction in words and as a step in the picture (y down)."""
RAISING = ("upward", "to the upper left", "to the upper right")
DISSECT = "dissect flap {direction} with knife"
LIFT = "lift flap {direction} with forceps"
KNIFE_LIFTS = "lift flap {direction} with knife"
EDGE_AND_LIFT = "move forceps to flap edge and lift flap {direction} with knife"
TURN_AND_LIFT = "rotate forceps and lift flap {direction} with knife"
EDGE, BOTH_EDGE = "move forceps to flap edge", "move forceps and knife to flap edge"
GRASP, GRASP_BOTH = "grasp flap edge with forceps", "grasp flap edge with forceps and move knife to it"
TURN, TURN_BOTH = "rotate forceps", "rotate forceps and move knife to flap edge"
FINISH, CLEAN, CAMERA = "hold flap with forceps", "clean camera lens", "adjust camera position"
MOTIONS = (
    *(DISSECT, LIFT, KNIFE_LIFTS, EDGE_AND_LIFT, TURN_AND_LIFT, EDGE, BOTH_EDGE),
    *(GRASP, GRASP_BOTH, TURN, TURN_BOTH, FINISH, CLEAN, CAMERA),
)
FLAP_EDGE: Point = (132.0, 118.0)
CUT_LINE: Point = (168.0, 136.0)
_REST: dict[int, Point] = {FORCEPS_ID: (104.0, 140.0), KNIFE_ID: (206.0, 150.0)}


def plan(rng: Random, number: int, seconds: int, difficulty: float) -> Draft:
    """One dissection of `seconds` seconds (at least 6)."""
    draft = Draft(max(6, seconds), WIDTH, HEIGHT, FPS, number, "endoscopic submucosal dissection")
    forceps, knife = _routes(rng, difficulty)
    pace = 1.2 - 0.6 * difficulty
    second = 0
    for label, direction, length in _course(rng, draft.seconds):
        _act(draft, forceps, knife, (label, direction), (second, second + length), pace)
        second += length
    _finish(draft, forceps, knife)
    draft.movers += [forceps.mover(), knife.mover()]
    _marks(rng, draft, difficulty)
    return draft


def _routes(rng: Random, difficulty: float) -> tuple[Route, Route]:
    scale = 1.2 - 0.4 * difficulty
    forceps = Route(rng, FORCEPS_ID, "esd forceps", "forceps", "left", (-130.0, 390.0), (-30.0, 290.0), scale, 0.3, 20)
    knife = Route(rng, KNIFE_ID, "esd knife", "knife", "right", (440.0, 390.0), (340.0, 290.0), scale, 0.3, 30)
    return forceps, knife


def _course(rng: Random, seconds: int) -> list[tuple[str, str, int]]:
    """Motion, direction and length: rounds of reaching, lifting and dissecting, the end state last."""
    found: list[tuple[str, str, int]] = []
    left = seconds - 3
    while left >= 2:
        for label in _round(rng):
            length = min(left, rng.randint(3, 9) if label == DISSECT else rng.randint(2, 4))
            if length < 2:
                break
            direction = rng.choice(list(STEPS) if label == DISSECT else RAISING) if "{direction}" in label else ""
            if found and found[-1][:2] == (label, direction):
                found[-1] = (label, direction, found[-1][2] + length)
            else:
                found.append((label, direction, length))
            left -= length
    found.append((FINISH, "", 3 + left))
    return found


def _round(rng: Random) -> list[str]:
    reach = rng.choice((EDGE, BOTH_EDGE, EDGE_AND_LIFT, KNIFE_LIFTS))
    hold = rng.choice((GRASP, GRASP_BOTH, TURN, TURN_BOTH, TURN_AND_LIFT, GRASP))
    middle = [LIFT, DISSECT] + [DISSECT] * rng.randint(0, 2)
    before = [rng.choice((CLEAN, CAMERA))] if rng.random() < 0.25 else []
    return [*before, reach, hold, *middle]


def shows(label: str) -> tuple[bool, bool]:
    """Whether forceps and knife are in view during a motion (without its direction filled in)."""
    if label in (CLEAN, CAMERA):
        return False, False
    return label != KNIFE_LIFTS, True


def _act(draft: Draft, forceps: Route, knife: Route, what: tuple[str, str], when: tuple[int, int], pace: float) -> None:
    label, direction = what
    start, end = when
    text = label.replace("{direction}", direction)
    verb = "dissect" if label == DISSECT else "lift" if "lift" in label else label.split()[0]
    tool = {(True, True): "forceps", (False, True): "knife"}.get(shows(label), "")
    tool = "knife" if label == DISSECT else tool
    object_id = {"forceps": FORCEPS_ID, "knife": KNIFE_ID}.get(tool, -1)
    target = "flap" if tool else "camera"
    draft.actions.append(
        Action(float(start), float(end), text, tool, verb, target, "", object_id, direction.removeprefix("to the "))
    )
    for route, is_seen in zip((forceps, knife), shows(label), strict=True):
        present = bool(route.keys) and _is_in(route)
        if is_seen and not present:
            route.enter(start, *_REST[route.object_id], opening=0.6)
        elif not is_seen and present:
            route.leave(start)
    if shows(label)[0]:
        _forceps(forceps, label, direction, start, end)
    if shows(label)[1]:
        _knife(knife, label, direction, start, end, pace)


def _is_in(route: Route) -> bool:
    return (route.keys[-1].x, route.keys[-1].y) != route.away


def _forceps(route: Route, label: str, direction: str, start: int, end: int) -> None:
    x, y = FLAP_EDGE
    close = 0.0
    if "flap edge" in label and "forceps" in label and not label.startswith("grasp"):
        route.key(start + 0.1, *_REST[FORCEPS_ID], opening=0.7)
        route.key(end - 0.9, x - 4, y, opening=0.9)
    elif label.startswith("grasp"):
        route.key(start + 0.2, x - 2, y + 2, opening=1.0)
        route.key(start + 1.0, x, y, opening=close)
    elif label.startswith("rotate"):
        last = route.keys[-1]
        route.key(start + 0.1, last.x, last.y, last.opening, last.turn)
        route.key(end - 0.9, x, y, 0.2, last.turn + math.pi if last.turn < math.pi else 0.0)
    elif label == LIFT:
        dx, dy = STEPS[direction]
        route.key(start + 0.3, x, y)
        route.key(end - 0.9, x + 34 * dx, y + 34 * dy)
    else:  # dissection and the end state: countertraction
        route.key(start + 0.6, x - 6, y - 26)
    route.stay(end - 0.95)


def _knife(route: Route, label: str, direction: str, start: int, end: int, pace: float) -> None:
    x, y = CUT_LINE
    if label == DISSECT:
        dx, dy = STEPS[direction]
        route.key(start + 0.5, x - 24 * dx, y - 14 * dy)
        begin, length = start + 0.5, end - 1.4 - start
        steps = max(1, round(length / (0.45 * pace)))
        for i in range(1, steps + 1):  # short pushes along the line, each with a little back stroke
            way = 2 * i / steps - 1 + (0.12 if i % 2 else -0.12)
            route.key(begin + length * i / steps, x + 24 * dx * way - 3 * dy, y + 14 * dy * way + 3 * dx)
    elif "lift flap" in label and "with knife" in label:
        dx, dy = STEPS[direction]
        route.key(start + 0.5, x - 14, y - 6)
        route.key(end - 0.9, x - 14 + 26 * dx, y - 6 + 26 * dy)
    elif label in (BOTH_EDGE, GRASP_BOTH, TURN_BOTH):
        route.key(start + 0.2, *_REST[KNIFE_ID])
        route.key(end - 0.9, x, y)
    else:
        route.key(start + 0.4, *_REST[KNIFE_ID])
        strokes(route, start + 0.5, end - 0.9, _REST[KNIFE_ID], (0.5, 0.5), 1.0)
    route.stay(end - 0.95)


def _finish(draft: Draft, forceps: Route, knife: Route) -> None:
    for route in (forceps, knife):
        if route.keys and _is_in(route):
            route.stay(draft.seconds)


def _marks(rng: Random, draft: Draft, difficulty: float) -> None:
    """The dissected area grows with every dissection; the lens is smeared until it is cleaned."""
    end, cuts = float(draft.seconds), [a for a in draft.actions if a.verb == "dissect"]
    for place, action in enumerate(cuts, 1):
        x, y = CUT_LINE
        share = place / len(cuts)
        draft.marks.append(Mark("dissected", action.start + 0.5, end, x, y, amount=share, name=str(action.end)))
        amount = (0.25 + 0.75 * difficulty) * rng.uniform(0.4, 1.0)
        draft.marks.append(Mark("smoke", action.start + 0.5, action.end + 0.5, x, y, amount=amount))
        if rng.random() < 0.4:
            at = x + rng.uniform(-26, 26), y + rng.uniform(-8, 14)
            draft.marks.append(Mark("blood", action.start + 1, end, *at, amount=rng.uniform(0.3, 0.9)))
    for action in draft.actions:
        if action.verb in ("clean", "adjust"):
            kind = "smear" if action.verb == "clean" else "wander"
            draft.marks.append(Mark(kind, max(0.0, action.start - 3), action.end, 0.0, 0.0))
