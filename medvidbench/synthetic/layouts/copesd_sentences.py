"""CoPESD's own wording: up to five paraphrases of each grounded motion, and the instruction that goes with it.

Taken from the released instruction file (CC BY 4.0), with {F} and {K} where the boxes of Forceps and Knife stand, {to}
for a direction in words ("to the upper left", "upward") and {way} for it as an adjective ("upper left", "upward").
"""

from __future__ import annotations

from medvidbench.records import Box
from medvidbench.tasks.clips import choose

DIRECTION_SLOT = "{direction}"
_DIRECTIONS = (
    "to the upper left",
    "to the upper right",
    "to the lower left",
    "to the lower right",
    "to the left",
    "to the right",
    "upward",
    "downward",
)

SENTENCES: dict[str, tuple[str, ...]] = {
    "dissect flap {direction} with knife": (
        "Keep countertraction with the Forceps{F} to hold the mucosal flap steady and conduct the {way} dissection of "
        "the mucosa flap with the Knife{K}.",
        "Utilize the Forceps{F} to maintain countertraction on the mucosal flap and dissect the mucosa flap {to} "
        "employing the Knife{K}.",
        "Engage the Forceps{F} to apply continuous countertraction on the mucosal flap while operating the Knife{K} to "
        "dissect the mucosa flap {to}.",
        "Ensure the Forceps{F} maintain countertraction on the mucosal flap while dissecting the mucosa flap {to} "
        "using the Knife{K}.",
        "Employ the Forceps{F} to consistently lift the mucosal flap and utilize the Knife{K} to dissect the mucosa "
        "flap {to}.",
    ),
    "lift flap {direction} with forceps": (
        "Hoist the mucosa flap {to} with the Forceps{F}, maintaining the Knife{K} unmoved.",
        "Draw the mucosa flap {to} using the Forceps{F} as the Knife{K} remains unmoved.",
        "Employ the Forceps{F} to lift the mucosa flap {to} while leaving the Knife{K} inactive.",
        "Pull the mucosa flap {to} using the Forceps{F} while the Knife{K} continues to remain idle.",
        "Manipulate the Forceps{F} to lift the mucosal flap {to} while the Knife{K} remains at rest.",
    ),
    "lift flap {direction} with knife": (
        "The Knife{K} hoists the mucosa flap {to}.",
        "Utilize the Knife{K} to raise the mucosa flap {to}.",
        "Lift the mucosa flap {to} using the Knife{K}.",
        "Lift the mucosa flap {to} with the Knife{K}.",
        "The Knife{K} lifts the mucosa flap {to}.",
    ),
    "move forceps to flap edge and lift flap {direction} with knife": (
        "Shift the Forceps{F} to touch the edge of the mucosa flap while lifting the mucosa flap {to} with the "
        "Knife{K}.",
        "Adjust the Forceps{F} to reach the boundary of the mucosa flap and the Knife{K} lifts the mucosa flap {to}.",
        "Navigate the Forceps{F} to the boundary of the mucosa flap and simultaneously utilize the Knife{K} to raise "
        "the mucosa flap {to}.",
        "Move the Forceps{F} to the edge of the mucosa flap while the Knife{K} hoists the mucosa flap {to}.",
        "Direct the Forceps{F} towards the mucosal flap's edge and lift the mucosa flap {to} using the Knife{K}.",
    ),
    "rotate forceps and lift flap {direction} with knife": (
        "Rotate the Forceps{F} and lift the mucosa flap {to} using the Knife{K}.",
    ),
    "move forceps to flap edge": (
        "Adjust the Forceps{F} to arrive at the mucosa flap's margin, keeping the Knife{K} unmoved.",
        "Transport the Forceps{F} until they touch the edge of the mucosa flap, ensuring the Knife{K} remains "
        "stationary.",
        "Shift the Forceps{F} towards the edge of the mucosa flap while leaving the Knife{K} idle.",
        "Move the Forceps{F} to reach the boundary of the mucosa flap while maintaining the Knife{K} in its original "
        "position.",
        "Direct the Forceps{F} towards the mucosa flap's edge without changing the Knife{K}'s position.",
    ),
    "move forceps and knife to flap edge": (
        "Direct the Forceps{F} towards the mucosal flap's edge while simultaneously guiding the Knife{K} to the margin "
        "of mucosal flap.",
        "Move the Forceps{F} to the edge of the mucosa flap and position the Knife{K} at the mucosal flap's border as "
        "well.",
        "Shift the Forceps{F} to touch the edge of the mucosa flap and also relocate the Knife{K} to that edge.",
        "Navigate the Forceps{F} to the boundary of the mucosa flap and also advance the Knife{K} to the edge of the "
        "mucosa flap.",
        "Adjust the Forceps{F} to reach the boundary of the mucosa flap and move the Knife{K} to the mucosa flap edge "
        "concurrently.",
    ),
    "grasp flap edge with forceps": (
        "Take hold of the mucosa flap' s edge with the Forceps{F} while the Knife{K} remains idle.",
        "Use the Forceps{F} to capture the edge of the mucosa flap, ensuring the Knife{K} remains inactive.",
        "Seize the outermost part of the mucosa flap with the Forceps{F}, leaving the Knife{K} unmoved.",
        "Grasp the edge of the mucosa flap with the Forceps{F} while maintaining the Knife{K}'s idle state.",
        "Clamp down on the mucosa flap's boundary using the Forceps{F} and keep the Knife{K} at rest.",
    ),
    "grasp flap edge with forceps and move knife to it": (
        "Use the Forceps{F} to capture the edge of the mucosa flap and move the Knife{K} to the edge of the mucosa "
        "flap.",
        "Clamp down on the mucosa flap's boundary using the Forceps{F} while guiding the Knife{K} to the margin of "
        "mucosal flap.",
        "Grab the edge of the mucosa flap using the Forceps{F} and also relocate the Knife{K} to that edge.",
        "Grasp the edge of the mucosa flap with the Forceps{F} and also advance the Knife{K} to the edge of the mucosa "
        "flap.",
        "Take hold of the mucosa flap' s edge with the Forceps{F} while positioning the Knife{K} at the mucosa flap's "
        "edge.",
    ),
    "rotate forceps": (
        "Rotate the Forceps{F} while ensuring the Knife{K} remains idle.",
        "Turn the Forceps{F} as the Knife{K} continues to be still.",
        "Revolve the Forceps{F}, leaving the Knife{K} in an idle state.",
        "Pivot the Forceps{F} while the Knife{K} stays in its fixed location.",
    ),
    "rotate forceps and move knife to flap edge": (
        "Twist the Forceps{F} while advance the Knife{K} to the edge of the mucosa flap.",
        "Turn the Forceps{F} while positioning the Knife{K} at the mucosa flap's edge.",
    ),
    "hold flap with forceps": (
        "Surgical Finished! Hold the mucosal flap with the Forceps{F} and keep the Knife{K} at rest.",
        "Surgical Finished! The Forceps{F} should be holding the mucosal flap and the Knife{K} keeps unmoved.",
        "Surgical Finished! The Forceps{F} continue to hold the mucosal flap, while the Knife{K} remains idle at this "
        "stage.",
        "Surgical Finished! The Forceps{F} remain on holding the mucosal flap, with the Knife{K} set idle.",
    ),
    "clean camera lens": (
        "Scenes are confusing and need to clean the camera lens! Keep the Forceps and Knife idle.",
        "Scenes are confusing and need to clean the camera lens! Both the Forceps and the Knife are idle while "
        "cleaning is made.",
        "Scenes are confusing and need to clean the camera lens! Keep the Forceps and Knife idle to avoid "
        "interference.",
    ),
    "adjust camera position": (
        "Scenes are confusing and need to adjust the camera position! Ensuring both the Forceps and Knife remain idle "
        "during this stage.",
    ),
}

_DISSECT = (
    "Utilize the Knife to dissect the mucosa flap.",
    "With the Knife, commence the dissection of the mucosa flap.",
    "Operate the Knife to dissect the mucosa flap.",
    "Employ the Knife to dissect through the mucosa flap.",
    "Apply the Knife to dissect along the mucosa flap.",
)
_FORCEPS = (
    "Use the Forceps to pull back the mucosa flap.",
    "Manipulate the Forceps to lift the tissue of the mucosal flap.",
    "With the Forceps, lift the mucosa flap to expose the area beneath.",
    "Utilize the Forceps to pull the mucosa flap in the opposite direction.",
    "Employ the Forceps to retract the mucosa flap backwards.",
)
_BOTH = (
    "Use the Forceps in conjunction with the Knife to pull back the mucosa flap.",
    "Utilize the Forceps and Knife together to move the mucosa flap in a backward direction.",
    "With the assistance of the Knife, lift the mucosa flap using the Forceps.",
    "Coordinately use the Forceps and Knife to lift and expose the underlying area of the mucosa flap.",
    "Employ both the Forceps and Knife to carefully retract the mucosa flap.",
)
_HOLD = (
    "With the Forceps, achieve a secure hold on the mucosal flap.",
    "Handle the Forceps to maintain a steady grip on the mucosal flap.",
    "Utilize the Forceps to clamp the mucosal flap during the procedure.",
    "Use the Forceps to grasp the mucosal flap.",
    "Employ the Forceps to hold the mucosal flap in place.",
)
_CAMERA = (
    "Refine the camera angle.",
    "Position the camera.",
    "Manipulate the camera settings.",
    "Adjust the camera's zoom and focus.",
)


def instruction(motion: str, *key: str | float) -> str:
    """The human's side of an item; one wording drawn by the key."""
    if "camera" in motion:
        return choose(_CAMERA, "instruction", *key)
    if motion.startswith("dissect"):
        return choose(_DISSECT, "instruction", *key)
    if motion.startswith("hold"):
        return choose(_HOLD, "instruction", *key)
    is_forceps_only = "knife" not in motion
    return choose(_FORCEPS if is_forceps_only else _BOTH, "instruction", *key)


def sentence(motion: str, forceps: Box | None, knife: Box | None, side: float, *key: str | float) -> str:
    """The grounded sentence of a motion, one wording drawn by the key.

    Args:
        motion: what is done, e.g. "dissect flap to the upper right with knife".
        forceps: box in pixels, None where it isn't in view.
        knife: box in pixels, None where it isn't in view.
        side: longer side of the image in pixels, which divides both axes.
        key: e.g. clip and frame number.

    Raises:
        KeyError: CoPESD has no such motion.
    """
    template, direction = split_motion(motion)
    text = choose(SENTENCES[template], "sentence", *key)
    slots = {"{F}": _written(forceps, side), "{K}": _written(knife, side)}
    # Only the hoisting sentence words this one direction in another way.
    to = "in an upward direction" if direction == "upward" and text.startswith("Hoist") else direction
    slots |= {"{to}": to, "{way}": direction.removeprefix("to the ")}
    for slot, value in slots.items():
        text = text.replace(slot, value)
    return text


def split_motion(motion: str) -> tuple[str, str]:
    """A motion as the key of its sentences and its direction, "" without one.

    >>> split_motion("lift flap to the left with knife")
    ('lift flap {direction} with knife', 'to the left')
    """
    for direction in _DIRECTIONS:
        if f" {direction} " in f"{motion} ":
            return motion.replace(direction, DIRECTION_SLOT, 1), direction
    return motion, ""


def _written(box: Box | None, side: float) -> str:
    """A box as it stands in a sentence: two decimals of the longer side."""
    if box is None:
        return ""
    return "[" + ", ".join(str(round(corner / side, 2)) for corner in (box.x1, box.y1, box.x2, box.y2)) + "]"
