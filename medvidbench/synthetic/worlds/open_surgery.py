"""Open surgery seen from the surgeon's head: gloved hands, a wound in drapes, hand-held instruments.

Two label sets lie over one recording: EgoSurgery's nine phases (on even seconds, recurring, with unlabelled gaps) and
AVOS's activities cutting, suturing and tying (actions; what lies between them is background). Tools are named as in
EgoSurgery, in lower case; `AVOS_CLASSES` says what AVOS calls them.
"""

from __future__ import annotations

from random import Random

from medvidbench.synthetic.truth import Action, Hand, Interval, Mark
from medvidbench.synthetic.worlds.draft import Draft, Point, Route, bare, near, strokes

WIDTH, HEIGHT, FPS = 320, 180, 15.0
PHASES = (
    *("disinfection", "design", "anesthesia", "incision", "dissection"),
    *("hemostasis", "irrigation", "closure", "dressing"),
)
ACTIVITIES = ("cutting", "suturing", "tying")
AVOS_CLASSES = {
    "own hand left": "hand",
    "own hand right": "hand",
    "other hand left": "hand",
    "other hand right": "hand",
    "electric cautery": "bovie",
    "needle holders": "needledriver",
    "forceps": "forceps",
    "tweezers": "forceps",
    "bipolar forceps": "forceps",
}
"""AVOS's class of each object that it has boxes for."""
# Each step: right hand's tool, left hand's tool, the other surgeon's tool, activity.
_STEPS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "disinfection": (("forceps", "", "", ""),),
    "design": (("skewer", "", "", ""),),
    "anesthesia": (("syringe", "gauze", "", ""),),
    "incision": (("scalpel", "gauze", "", "cutting"), ("scalpel", "tweezers", "hook", "cutting")),
    "dissection": (
        ("electric cautery", "tweezers", "retractor", "cutting"),
        ("scissors", "tweezers", "hook", "cutting"),
        ("raspatory", "tweezers", "retractor", ""),
        ("raspatory", "", "mouth gag", ""),
    ),
    "hemostasis": (("bipolar forceps", "suction cannula", "", ""), ("gauze", "tweezers", "suction cannula", "")),
    "irrigation": (("syringe", "", "suction cannula", ""),),
    "closure": (
        ("needle holders", "tweezers", "", "suturing"),
        ("", "", "", "tying"),
        ("scissors", "tweezers", "", "cutting"),
    ),
    "dressing": (("gauze", "", "", ""),),
}
TOOLS = tuple(
    sorted(
        {tool for steps in _STEPS.values() for right, left, other, _ in steps for tool in (right, left, other)} - {""}
    )
)
_ORDER = ("incision", "dissection", "hemostasis", "dissection", "irrigation", "hemostasis", "dissection")
WOUND: Point = (160.0, 84.0)
_HANDS: dict[Hand, tuple[str, Point, Point, Point]] = {  # label, elbow, out of the picture, resting tip
    "right": ("own hand right", (400.0, 460.0), (320.0, 330.0), (192.0, 112.0)),
    "left": ("own hand left", (-80.0, 460.0), (0.0, 330.0), (128.0, 112.0)),
    "assistant": ("other hand left", (330.0, -240.0), (290.0, -70.0), (196.0, 58.0)),
}
_PACE = {"cutting": 1.0, "suturing": 1.5, "tying": 0.8}


def plan(rng: Random, number: int, seconds: int, difficulty: float) -> Draft:
    """One operation of `seconds` seconds, made even (at least 20)."""
    length = max(20, seconds + seconds % 2)
    draft = Draft(length, WIDTH, HEIGHT, FPS, number, "open surgery")
    draft.phases = _phases(rng, length)
    routes: dict[tuple[str, Hand], Route] = {}
    for phase in draft.phases:
        last = ""
        for start, end in _pieces(rng, phase):
            steps = _STEPS[phase.label]
            step = steps[(start // 7) % len(steps)] if phase.label != "closure" else steps[_after(last)]
            last = step[3] or "none"
            _act(rng, draft, routes, step, (start, end), difficulty)
    draft.movers = [route.mover() for route in routes.values()]
    draft.marks = _marks(rng, draft)
    return draft


def _after(last: str) -> int:
    """Suturing, tying, cutting the thread, and again."""
    return {"suturing": 1, "tying": 2}.get(last, 0)


def _phases(rng: Random, seconds: int) -> list[Interval]:
    """A course of phases on even seconds; some neighbours have unlabelled time between them."""
    middle = list(_ORDER[: rng.randint(1, len(_ORDER))])
    before = [name for name in PHASES[:3] if rng.random() < 0.6]
    after = ["closure", "dressing"] if rng.random() < 0.7 else ["closure"]
    course = [*before, *middle, *after]
    course = course[: max(2, seconds // 8)] if seconds < 8 * len(course) else course
    weights = {"closure": 3.0, "dissection": 2.0}
    raw = [weights.get(name, 1.0) * rng.uniform(0.7, 1.4) for name in course]
    found: list[Interval] = []
    at = 0
    for place, (name, weight) in enumerate(zip(course, raw, strict=True)):
        rest = 6 * (len(course) - place - 1)
        length = 2 * max(3, min(round(seconds * weight / sum(raw) / 2), (seconds - at - rest) // 2))
        length = seconds - at if place == len(course) - 1 else length
        gap = 2 if place and length >= 8 and rng.random() < 0.3 else 0
        found.append(Interval(float(at + gap), float(at + length), name))
        at += length
    return found


def _pieces(rng: Random, phase: Interval) -> list[tuple[int, int]]:
    """Stretches of work of 4 to 14 seconds, with pauses of 1 or 2 seconds."""
    found: list[tuple[int, int]] = []
    second, end = int(phase.start), int(phase.end)
    while end - second >= 4:
        stop = min(end, second + rng.randint(4, 14))
        stop = end if end - stop < 5 else stop
        found.append((second, stop))
        second = stop + rng.randint(1, 2)
    return found


def _act(
    rng: Random,
    draft: Draft,
    routes: dict[tuple[str, Hand], Route],
    step: tuple[str, str, str, str],
    when: tuple[int, int],
    difficulty: float,
) -> None:
    right, left, other, activity = step
    start, end = when
    if activity:
        hand: Hand = "" if activity == "tying" else "right"
        object_id = object_number(right, "right") if right else -1
        draft.actions.append(Action(float(start), float(end), activity, right, activity, "wound", hand, object_id))
    pace = _PACE.get(activity, 1.3) * (1.25 - 0.5 * difficulty)
    helps: tuple[tuple[Hand, str], ...] = (("right", right), ("left", left), ("assistant", other))
    for side, tool in helps:
        if side == "assistant" and not tool:
            continue
        wave = Random(rng.getrandbits(64))
        for thing in filter(None, (tool, _HANDS[side][0])):
            route = routes.setdefault((thing, side), _route(thing, side, difficulty))
            route.rng = Random(f"{wave.getstate()[1][:4]}")
            _motion(route, (tool, activity), side, start, end, pace)


def object_number(thing: str, side: Hand) -> int:
    """The object id of a hand (1 to 3) or of a tool in a hand."""
    sides: tuple[Hand, ...] = ("right", "left", "assistant")
    if "hand" in thing.split():
        return 1 + sides.index(side)
    return 10 + 3 * TOOLS.index(thing) + sides.index(side)


def _route(thing: str, side: Hand, difficulty: float) -> Route:
    _, pivot, away, _ = _HANDS[side]
    is_hand = "hand" in thing.split()
    kind = f"{'left' if side == 'left' else 'right'} hand holding" if is_hand else thing
    layer = {"assistant": 10, "left": 20, "right": 30}[side] + (1 if is_hand else 0)
    return Route(
        Random(0), object_number(thing, side), kind, thing, side, pivot, away, 1.12 - 0.3 * difficulty, 0.3, layer
    )


def _motion(route: Route, what: tuple[str, str], side: Hand, start: int, end: int, pace: float) -> None:
    """Hand and tool share the random stream, so that they move as one."""
    tool, activity = what
    idle = side == "assistant" or (not tool and activity != "tying")
    at = near(route.rng, _HANDS[side][3] if idle else WOUND, 5.0)
    at = (at[0] + (9.0 if side == "right" else -9.0 if side == "left" else 0.0), at[1] + (3.0 if tool else 0.0))
    at = at if tool else bare(route, at)
    route.enter(start, *at, opening=0.5)
    reach = {"cutting": (12.0, 5.0), "suturing": (15.0, 7.0), "tying": (20.0, 8.0)}.get(activity, (14.0, 6.0))
    if side == "assistant" or (side == "left" and activity != "tying"):
        reach, pace = (3.0, 2.0), pace * 2.0
    strokes(route, start + 0.2, end - 0.9, at, reach, pace, jaws=tool in ("scissors", "needle holders", ""))
    route.leave(end)


def _marks(rng: Random, draft: Draft) -> list[Mark]:
    """The wound opens with the incision and is closed stitch by stitch; ink, blood and gauze come and go."""
    end = float(draft.seconds)
    found: list[Mark] = []
    for phase in draft.phases:
        x, y = near(rng, WOUND, 10.0)
        spans = {"disinfection": end, "design": end, "anesthesia": phase.end, "hemostasis": phase.end}
        spans |= {"incision": end, "irrigation": phase.end, "dressing": end, "closure": end, "dissection": phase.end}
        found.append(Mark(phase.label, phase.start, spans[phase.label], x, y))
    sutures = [action for action in draft.actions if action.label == "suturing"]
    for place, action in enumerate(sutures, 1):
        share = place / len(sutures)
        found.append(Mark("stitch", action.end - 1, end, *WOUND, amount=share))
    return found
