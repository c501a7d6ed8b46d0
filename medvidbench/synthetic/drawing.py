"""Draws a scene: tissue, liver, gallbladder, and each instrument as a grey shaft with a tip that fills its box.

The pictures are simple on purpose. They hold what the truth says (which instruments, where, in which phase) and
nothing else; a model that does well on them knows nothing about surgery.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from medvidbench.records import Box
from medvidbench.synthetic.scene import CALOT, CLIP, EXTRACT, PACK, PREPARE, SceneTruth

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]

_SHAFT: Colour = (150, 152, 158)
_TIPS: dict[str, Colour] = {
    "grasper": (205, 207, 212),
    "bipolar": (90, 130, 205),
    "hook": (226, 196, 92),
    "scissors": (238, 240, 244),
    "clipper": (96, 176, 120),
    "irrigator": (188, 168, 206),
}
_GALLBLADDER: Colour = (122, 148, 92)
_BAG: Colour = (226, 222, 196)


def draw_background(scene: SceneTruth) -> Image:
    """The tissue of one recording: its own tint, folds and liver; the same in every frame."""
    from PIL import Image, ImageDraw

    rng = Random(f"{scene.seed}:{scene.number}:tissue")
    tint = rng.randint(-14, 14)
    image = Image.new("RGB", (scene.width, scene.height), (196 + tint, 122 + tint, 112 + tint))
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = rng.uniform(-0.1, 1.0) * scene.width, rng.uniform(0.1, 1.1) * scene.height
        width, height = rng.uniform(30, 110), rng.uniform(15, 50)
        shade = rng.randint(-20, 20)
        colour = (196 + tint + shade, 122 + tint + shade, 112 + tint + shade // 2)
        draw.ellipse((x, y, x + width, y + height), fill=colour)
    edge = scene.height * rng.uniform(0.22, 0.34)
    draw.polygon(
        [(0, 0), (scene.width, 0), (scene.width, edge * 0.4), (scene.width * 0.5, edge), (0, edge * 1.3)],
        fill=(118, 52, 48),
    )
    return image


def draw_frame(scene: SceneTruth, second: int, background: Image) -> Image:
    """The image of one second; black while the camera is out of the body."""
    from PIL import Image, ImageDraw

    if scene.outside[0] <= second < scene.outside[1]:
        return Image.new("RGB", (scene.width, scene.height))
    image = background.copy()
    draw = ImageDraw.Draw(image)
    _gallbladder(draw, scene, scene.phase_at(second))
    for action, box in scene.at_work(second):
        _shaft(draw, scene, action.hand == "left", box)
        _tip(draw, action.instrument, action.hand == "left", box)
    return image


def _gallbladder(draw: ImageDraw, scene: SceneTruth, phase: str) -> None:
    """Attached and full at first, drawn up during dissection, then in the bag, then gone."""
    x, y = 0.45 * scene.width, 0.38 * scene.height
    if phase in (PREPARE, CALOT, CLIP):
        draw.ellipse((x - 52, y - 26, x + 48, y + 30), fill=_GALLBLADDER)
        draw.line((x + 38, y + 18, x + 66, y + 52), fill=(176, 158, 112), width=7 if phase != CLIP else 4)
    elif phase in (PACK, EXTRACT):
        bag = (0.62 * scene.width, 0.58 * scene.height, 0.84 * scene.width, 0.92 * scene.height)
        draw.rectangle(bag, fill=_BAG)
        if phase == PACK:
            draw.ellipse((bag[0] + 6, bag[1] + 8, bag[2] - 6, bag[3] - 14), fill=_GALLBLADDER)
    else:
        draw.ellipse((x - 44, y - 34, x + 40, y + 14), fill=_GALLBLADDER)


def _shaft(draw: ImageDraw, scene: SceneTruth, from_left: bool, box: Box) -> None:
    """From the border to the middle of the box; the left hand comes from the left."""
    middle = ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
    start = (0.0, scene.height * 0.9) if from_left else (float(scene.width), scene.height * 0.95)
    draw.line((*start, *middle), fill=_SHAFT, width=11)


def _tip(draw: ImageDraw, instrument: str, from_left: bool, box: Box) -> None:
    """A shape of its own for each class, reaching all four sides of the box (x2 and y2 are exclusive)."""
    x1, y1, x2, y2 = box.x1, box.y1, box.x2 - 1, box.y2 - 1
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    colour = _TIPS[instrument]
    if instrument == "grasper":  # two jaws that open away from the shaft
        hinge, end = (x1, x2) if from_left else (x2, x1)
        draw.polygon([(hinge, y), (end, y1), (x, y)], fill=colour)
        draw.polygon([(hinge, y), (end, y2), (x, y)], fill=colour)
    elif instrument == "bipolar":  # two parallel blades
        draw.rectangle((x1, y1, x2, y1 + 7), fill=colour)
        draw.rectangle((x1, y2 - 7, x2, y2), fill=colour)
    elif instrument == "hook":  # an L
        draw.rectangle((x2 - 8, y1, x2, y2), fill=colour)
        draw.rectangle((x1, y2 - 8, x2, y2), fill=colour)
    elif instrument == "scissors":  # a cross
        draw.line((x1, y1, x2, y2), fill=colour, width=6)
        draw.line((x1, y2, x2, y1), fill=colour, width=6)
    elif instrument == "clipper":  # a block with a notch
        draw.polygon([(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1 + 18, y)], fill=colour)
    else:  # irrigator: a round opening
        draw.ellipse((x1, y1, x2, y2), fill=colour)
        draw.ellipse((x - 7, y - 6, x + 7, y + 6), fill=(60, 40, 60))
