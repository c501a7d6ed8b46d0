"""Nursing procedures on a mannequin: hands, an arm or a body in bed, and the objects of each step.

Procedures and actions carry NurViD's names (its spelling included); times lie on hundredths of a second. One action at
a time, with pauses between them, mostly in the order of the textbook.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from medvidbench.synthetic.truth import Action, Hand, Mark
from medvidbench.synthetic.worlds.draft import Draft, Point, Route, bare, near, strokes

WIDTH, HEIGHT, FPS = 320, 180, 25.0


@dataclass(frozen=True, slots=True)
class Step:
    """How an action looks: the thing in the right hand, where, and how it moves."""

    thing: str
    place: str
    motion: str = "work"
    both: bool = False


PLACES: dict[str, Point] = {
    "basin": (58.0, 134.0),
    "arm": (170.0, 96.0),
    "belly": (196.0, 88.0),
    "head": (262.0, 66.0),
    "tray": (104.0, 122.0),
    "chest": (214.0, 84.0),
    "air": (150.0, 70.0),
}
STEPS: dict[str, Step] = {
    "Handwashing": Step("", "basin", "rub", both=True),
    "Wear gloves": Step("glove", "air", "rub", both=True),
    "Check": Step("chart", "air", "hold"),
    "Document": Step("pen", "tray", "write"),
    "Disinfect skin": Step("cotton swab", "arm", "circle"),
    "Cleanse skin": Step("cotton swab", "belly", "circle"),
    "Select a vein": Step("tourniquet", "arm", "press", both=True),
    "Venipuncture": Step("syringe", "arm", "push"),
    "Blood collection": Step("tube", "arm", "hold"),
    "Mix blood sample": Step("tube", "air", "shake"),
    "Remove needle": Step("syringe", "arm", "pull"),
    "Aspirate medication": Step("syringe", "tray", "pull"),
    "Prepare medication solution": Step("vial", "tray", "shake"),
    "Release trapped air": Step("syringe", "air", "hold"),
    "Perform subcutaneous puncture": Step("syringe", "arm", "push"),
    "Inject medication": Step("syringe", "arm", "press"),
    "Connect infusion device": Step("infusion set", "arm", "hold", both=True),
    "Adjust drip rate": Step("infusion set", "air", "press"),
    "Prepare glucometer": Step("glucometer", "tray", "hold"),
    "Measure blood glucose level": Step("glucometer", "arm", "press"),
    "Measure blood pressure": Step("cuff", "arm", "press", both=True),
    "Measure body temperature": Step("thermometer", "head", "hold"),
    "Measure pulse": Step("", "arm", "hold"),
    "Place an underpad": Step("underpad", "belly", "spread", both=True),
    "Remove dressing": Step("forceps", "belly", "pull"),
    "Change dressing": Step("forceps", "belly", "work"),
    "Fill in dressing": Step("gauze", "belly", "press"),
    "Perform chest compressions": Step("", "chest", "compress", both=True),
    "Open airway": Step("", "head", "hold", both=True),
    "Assist with ventilation using a simple respirator": Step("respirator", "head", "squeeze", both=True),
    "Collect pharyngeal swab specimen": Step("cotton swab", "head", "circle"),
    "Cleanse lips": Step("cotton swab", "head", "circle"),
    "Assist patient taking medicine": Step("cup", "head", "push"),
    "Prepare medications": Step("bottle", "tray", "shake"),
}
COURSES: dict[str, tuple[str, ...]] = {
    "Intravenous Blood Sampling": (
        *("Handwashing", "Check", "Select a vein", "Disinfect skin", "Venipuncture"),
        *("Blood collection", "Remove needle", "Mix blood sample", "Document"),
    ),
    "Subcutaneous Injection": (
        *("Handwashing", "Check", "Aspirate medication", "Disinfect skin", "Release trapped air"),
        *("Perform subcutaneous puncture", "Inject medication", "Remove needle", "Document"),
    ),
    "Closed Intravenous infusion": (
        *("Handwashing", "Prepare medication solution", "Check", "Select a vein", "Disinfect skin"),
        *("Venipuncture", "Connect infusion device", "Adjust drip rate", "Document"),
    ),
    "Intravenous Injection": (
        *("Handwashing", "Aspirate medication", "Select a vein", "Disinfect skin", "Release trapped air"),
        *("Venipuncture", "Inject medication", "Remove needle"),
    ),
    "Blood Glucose Monitoring": (
        *("Handwashing", "Check", "Prepare glucometer", "Disinfect skin", "Measure blood glucose level", "Document"),
    ),
    "Vital Sign Assessment": (
        *("Handwashing", "Measure body temperature", "Measure pulse", "Measure blood pressure", "Document"),
    ),
    "Change Wound Dressings": (
        *("Handwashing", "Place an underpad", "Remove dressing", "Wear gloves", "Cleanse skin"),
        *("Fill in dressing", "Change dressing"),
    ),
    "Cardiopulmonary Resuscitation WIth Manual Resuscitation Bag": (
        *("Check", "Perform chest compressions", "Open airway", "Assist with ventilation using a simple respirator"),
        *("Perform chest compressions", "Assist with ventilation using a simple respirator"),
    ),
    "Throat Swab Collection": (
        *("Handwashing", "Wear gloves", "Check", "Collect pharyngeal swab specimen", "Document"),
    ),
    "Administering Oral Medications": (
        *("Handwashing", "Prepare medications", "Check", "Assist patient taking medicine", "Cleanse lips"),
    ),
}
_SHARED = ("syringe", "forceps", "gauze")  # things that open surgery has too, in another shape
THINGS = tuple(sorted({step.thing for step in STEPS.values()} - {""}))
_HANDS: dict[Hand, tuple[Point, Point]] = {  # elbow, and where it waits out of the picture
    "right": ((380.0, 460.0), (300.0, 330.0)),
    "left": ((-40.0, 460.0), (20.0, 330.0)),
}


def plan(rng: Random, number: int, seconds: int, difficulty: float) -> Draft:
    """One procedure of `seconds` seconds (at least 12)."""
    procedure = list(COURSES)[rng.randrange(len(COURSES))]
    draft = Draft(max(12, seconds), WIDTH, HEIGHT, FPS, number, procedure)
    routes: dict[tuple[str, Hand], Route] = {}
    for name, start, end in _times(rng, COURSES[procedure], draft.seconds):
        step = STEPS[name]
        hand: Hand = "" if step.both else "right"
        object_id = object_number(step.thing, "right") if step.thing else -1
        draft.actions.append(Action(start, end, name, step.thing, "", step.place, hand, object_id))
        _act(rng, routes, step, start, end, difficulty)
        draft.marks += _marks(name, step, start, end, draft.seconds)
    draft.movers = [route.mover() for route in routes.values()]
    return draft


def _times(rng: Random, course: tuple[str, ...], seconds: int) -> list[tuple[str, float, float]]:
    """As many actions of the course as fit at 3 seconds or more; some are left out or come twice."""
    names = [name for name in course if rng.random() > 0.12] or list(course)
    names = names[: max(1, int(seconds // 5))]
    weights = [rng.uniform(0.6, 1.8) for _ in names]
    free = seconds - 1.0 - 4.4 * len(names)
    found: list[tuple[str, float, float]] = []
    at = rng.uniform(0.3, 0.8)
    for name, weight in zip(names, weights, strict=True):
        length = 3.0 + max(0.0, free) * weight / sum(weights) * 0.9
        found.append((name, round(at, 2), round(at + length, 2)))
        at += length + rng.uniform(0.9, 1.4)
    return found


def object_number(thing: str, side: Hand) -> int:
    """The object id of a hand (1 right, 2 left) or of a thing."""
    if "hand" in thing.split():
        return 1 if side == "right" else 2
    return 10 + THINGS.index(thing)


def _act(
    rng: Random, routes: dict[tuple[str, Hand], Route], step: Step, start: float, end: float, difficulty: float
) -> None:
    x, y = near(rng, PLACES[step.place], 4.0)
    pace = 1.2 - 0.5 * difficulty
    sides: tuple[Hand, ...] = ("right", "left") if step.both or step.motion in ("push", "pull") else ("right",)
    for side in sides:
        things = [step.thing] if step.thing and side == "right" else []
        apart = 13.0 if side == "right" else -20.0 if step.thing else -13.0
        seed = rng.getrandbits(32)
        for thing in (*things, f"{side} hand"):
            route = routes.setdefault((thing, side), _route(thing, side, difficulty))
            route.rng = Random(seed)
            at = (x + apart, y) if things else bare(route, (x + apart, y))
            route.enter(start, *at, 0.5)
            _motion(route, step.motion, at, start, end, pace)
            route.leave(end)


def _route(thing: str, side: Hand, difficulty: float) -> Route:
    pivot, away = _HANDS[side]
    is_hand = "hand" in thing.split()
    layer = (30 if side == "right" else 20) + (1 if is_hand else 0)
    number = object_number(thing, side)
    kind = f"{thing} holding" if is_hand else f"nurse {thing}" if thing in _SHARED else thing
    return Route(Random(0), number, kind, thing, side, pivot, away, 1.1 - 0.3 * difficulty, 0.3, layer)


_REACH: dict[str, tuple[float, float, float]] = {  # pixels across and down, and seconds of a stroke
    "rub": (9.0, 7.0, 0.45),
    "circle": (9.0, 6.0, 0.5),
    "work": (8.0, 5.0, 0.8),
    "hold": (1.5, 1.5, 1.2),
    "press": (3.0, 3.0, 0.9),
    "push": (4.0, 2.0, 1.2),
    "pull": (4.0, 4.0, 1.2),
    "write": (10.0, 1.5, 0.3),
    "shake": (4.0, 12.0, 0.35),
    "spread": (30.0, 4.0, 1.0),
    "compress": (0.5, 9.0, 0.4),
    "squeeze": (2.0, 2.0, 0.9),
}


def _motion(route: Route, motion: str, at: Point, start: float, end: float, pace: float) -> None:
    across, down, seconds = _REACH[motion]
    if motion == "compress":  # down and up, without chance
        time, side = start + 0.2, 1
        while time + seconds < end - 1.0:
            time += seconds
            route.key(time, at[0], at[1] + side * down)
            side = -side
        return
    strokes(route, start + 0.2, end - 0.95, at, (across, down), seconds * pace, jaws=motion == "squeeze")


def _marks(name: str, step: Step, start: float, end: float, seconds: int) -> list[Mark]:
    """What a step leaves or shows beside the hands: water, iodine, a tourniquet, a dressing, drops."""
    x, y = PLACES[step.place]
    kinds = {
        "Handwashing": ("water", end),
        "Disinfect skin": ("iodine", float(seconds)),
        "Select a vein": ("tourniquet", float(seconds)),
        "Change dressing": ("dressing", float(seconds)),
        "Place an underpad": ("underpad", float(seconds)),
        "Measure blood pressure": ("cuff", float(seconds)),
        "Connect infusion device": ("drip", float(seconds)),
    }
    if name not in kinds:
        return []
    kind, until = kinds[name]
    return [Mark(kind, start + 1.0 if until == seconds else start, until, x, y, name=name)]
