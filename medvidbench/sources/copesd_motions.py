"""CoPESD's grounded motions as classes: up to five paraphrases say one motion, and their words group them.

The released file has sentences, no class names. Two label sets are made of them:

* `motion`: what each instrument does and in which direction, e.g. "dissect flap to the upper right with knife".
* `action`: the eight classes of the published next-action protocol. The benchmark does not say how it derived them
  from the sentences; the assignment in `ACTION_OF` is this project's, by what the instruments do: forceps that travel
  to the flap's edge, or turn, position it; forceps that take hold of the edge, or a knife that raises the flap beside
  them, retract it; forceps that raise it lift it; the state after the last cut stabilises it.
"""

from __future__ import annotations

import re

ACTIONS = (
    "adjust camera",
    "position flap with forceps and knife",
    "dissect flap tissue with knife",
    "position flap with forceps only",
    "retract flap edge with forceps only",
    "retract flap edge with forceps and knife",
    "lift flap with forceps",
    "stabilize flap with forceps",
)

ACTION_OF = {
    "clean camera lens": "adjust camera",
    "adjust camera position": "adjust camera",
    "hold flap with forceps": "stabilize flap with forceps",
    "dissect flap {direction} with knife": "dissect flap tissue with knife",
    "lift flap {direction} with forceps": "lift flap with forceps",
    "lift flap {direction} with knife": "retract flap edge with forceps and knife",
    "move forceps to flap edge and lift flap {direction} with knife": "retract flap edge with forceps and knife",
    "grasp flap edge with forceps and lift flap {direction} with knife": "retract flap edge with forceps and knife",
    "rotate forceps and lift flap {direction} with knife": "retract flap edge with forceps and knife",
    "move forceps to flap edge": "position flap with forceps only",
    "move forceps and knife to flap edge": "position flap with forceps and knife",
    "grasp flap edge with forceps": "retract flap edge with forceps only",
    "grasp flap edge with forceps and move knife to it": "retract flap edge with forceps and knife",
    "rotate forceps": "position flap with forceps only",
    "rotate forceps and move knife to flap edge": "position flap with forceps and knife",
}
"""The action of each motion; "{direction}" stands for one of eight directions."""

_BOX = re.compile(r"\[[^\]]*\]")
_DIRECTION = re.compile(r"\b(?:(upper|lower) (left|right)|(left|right)|(upward|downward))\b")
_LIFT = re.compile(r"\b(?:lift|lifts|lifting|hoist|hoists|raise|raises|pull|pulls|draw|draws)\b")
_GRASP = re.compile(r"\b(?:grasp|grab|clamp|capture|seize|take hold)\b")
_ROTATE = re.compile(r"\b(?:rotate|turn|twist|revolve|pivot)\b")
_EDGE = re.compile(r"\b(?:edge|boundary|margin|border|outermost part)\b")
_KNIFE_RESTS = re.compile(
    r"\b(?:idle|unmoved|inactive|at rest|stationary|still|fixed location|original position|without changing)\b"
)


def motion_of(sentence: str) -> str | None:
    """The motion that a grounded sentence says, as one of the keys of `ACTION_OF` with its direction; None if none.

    >>> motion_of("Hoist the mucosa flap to the upper left with the Forceps[0.1, 0.2, 0.3, 0.4], maintaining the "
    ...           "Knife[0.5, 0.2, 0.8, 0.7] unmoved.")
    'lift flap to the upper left with forceps'
    """
    text = " ".join(_BOX.sub("", sentence).lower().split())
    template = _template(text)
    if template is None or "{direction}" not in template:
        return template
    direction = _direction(text)
    return template.replace("{direction}", direction) if direction else None


def action_of(motion: str) -> str:
    """The action class of a motion that `motion_of` gave."""
    template = re.sub(r"\b(?:to the (?:(?:upper|lower) )?(?:left|right)|upward|downward)\b", "{direction}", motion)
    return ACTION_OF[template]


def _template(text: str) -> str | None:
    if "camera" in text:
        return "clean camera lens" if "lens" in text else "adjust camera position"
    if "finished" in text:
        return "hold flap with forceps" if "hold" in text else None
    if "dissect" in text:
        return "dissect flap {direction} with knife" if "knife" in text else None
    if _LIFT.search(text):
        return _lifting(text)
    return _reaching(text)


def _lifting(text: str) -> str:
    if "forceps" not in text:
        return "lift flap {direction} with knife"
    if _KNIFE_RESTS.search(text):
        return "lift flap {direction} with forceps"
    first = "rotate forceps" if _ROTATE.search(text) else "move forceps to flap edge"
    first = "grasp flap edge with forceps" if _GRASP.search(text) else first
    return f"{first} and lift flap {{direction}} with knife"


def _reaching(text: str) -> str | None:
    rests = _KNIFE_RESTS.search(text) is not None
    if "forceps" not in text:
        return None
    if _ROTATE.search(text):
        return "rotate forceps" if rests else "rotate forceps and move knife to flap edge"
    if not _EDGE.search(text):
        return None
    if _GRASP.search(text):
        return "grasp flap edge with forceps" + ("" if rests else " and move knife to it")
    return "move forceps to flap edge" if rests else "move forceps and knife to flap edge"


def _direction(text: str) -> str:
    match = _DIRECTION.search(text)
    if match is None:
        return ""
    vertical, side, alone, straight = match.groups()
    return straight or f"to the {f'{vertical} {side}' if vertical else alone}"
