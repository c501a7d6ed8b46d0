"""Boxes against the picture itself, and against the outlines' corners, which share no code with the masks."""

from __future__ import annotations

import numpy as np
import pytest

from medvidbench.records import Box
from medvidbench.synthetic.boxes import id_mask
from medvidbench.synthetic.motion import Pose, pose_at
from medvidbench.synthetic.painting.sprites import matrix
from medvidbench.synthetic.render import render
from medvidbench.synthetic.shapes import level_of, parts_of
from medvidbench.synthetic.simulate import WORLDS, simulate
from medvidbench.synthetic.truth import Scene, World


def iou(a: Box, b: Box) -> float:
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    both = max(0.0, width) * max(0.0, height)
    return both / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both)


def corners_box(kind: str, pose: Pose) -> Box:
    """The box of all corners of the boxed parts, by hand: p -> M p + tip."""
    points = np.array([p for part in parts_of(kind, level_of(pose.opening)) if part.boxed for p in part.points])
    a, b, c, d = matrix(pose, kind)
    x, y = a * points[:, 0] + b * points[:, 1] + pose.x, c * points[:, 0] + d * points[:, 1] + pose.y
    return Box(float(x.min()), float(y.min()), float(x.max()), float(y.max()))


@pytest.mark.parametrize("world", ["cholecystectomy", "benchtop"])
def test_a_box_is_that_of_the_tips_outline(world: World) -> None:
    compared = 0
    for number in range(3):
        scene = simulate(world, number, 45, 2)
        for track in scene.objects:
            mover = next(m for m in scene.movers if m.object_id == track.object_id)
            for sighting in track.sightings[::3]:
                outline = corners_box(mover.kind, pose_at(scene, mover, sighting.time))
                inside = outline.x1 >= 0 and outline.y1 >= 0 and outline.x2 <= scene.width
                if inside and outline.y2 <= scene.height and not sighting.occluded:
                    covered = [s for t, s in scene.seen_at(sighting.time) if t is not track]
                    if all(iou(s.box, sighting.box) == 0 for s in covered):
                        assert iou(outline, sighting.box) > 0.9
                        compared += 1
    assert compared > 40


@pytest.mark.parametrize("world", WORLDS)
def test_a_box_encloses_the_visible_pixels_tightly(world: World) -> None:
    scene = simulate(world, 1, 40, 3)
    grid = 1 if world != "esd" else 3
    compared = 0
    for second in range(0, scene.seconds, 4):
        mask = id_mask(scene, second)
        for track, sighting in scene.seen_at(second):
            ys, xs = np.nonzero(mask == track.object_id)
            if len(xs) < 30:  # wholly hidden: the box is that of what would be seen
                assert sighting.occluded
                continue
            seen = Box(float(xs.min()), float(ys.min()), xs.max() + 1.0, ys.max() + 1.0)
            assert iou(seen, sighting.box) > (0.99 if grid == 1 else 0.9)
            compared += 1
    assert compared >= 8


def test_the_mask_lies_where_the_picture_changes() -> None:
    scene = simulate("cholecystectomy", 2, 40, 3)
    second, hook = next(
        (s.time, t) for t in scene.objects if t.label == "hook" for s in t.sightings if not s.occluded and s.time > 3
    )
    without = Scene(**{**fields(scene), "movers": tuple(m for m in scene.movers if m.object_id != hook.object_id)})
    (shown,), (absent,) = render(scene, [second]), render(without, [second])
    changed = np.abs(shown.astype(int) - absent).max(axis=2) > 24
    tip = id_mask(scene, second) == hook.object_id
    assert tip.sum() > 40
    assert changed[tip].mean() > 0.8
    box = next(s.box for s in hook.sightings if s.time == second)
    left = np.zeros_like(tip)
    left[:, : max(0, int(box.x1) - 45)] = True  # the hook comes from the right: beyond tip and shadow nothing changes
    assert changed[left].mean() < 0.01


def fields(scene: Scene) -> dict[str, object]:
    return {name: getattr(scene, name) for name in Scene.__dataclass_fields__}


def test_nothing_is_seen_while_the_camera_is_out() -> None:
    scene = next(s for s in (simulate("cholecystectomy", n, 40, 3) for n in range(9)) if s.outside)
    second = scene.outside[0].start
    assert not id_mask(scene, second).any()
    assert not scene.seen_at(second)


def test_a_tool_under_a_hand_is_told_as_occluded_and_its_box_ends_at_the_fingers() -> None:
    scene = simulate("open", 2, 60, 0)
    held = [(t, s) for t in scene.objects if t.label == "tweezers" for s in t.sightings]
    assert held
    assert all(sighting.occluded for _, sighting in held)
    mover = next(m for m in scene.movers if m.object_id == held[0][0].object_id)
    for _, sighting in held:
        whole = corners_box(mover.kind, pose_at(scene, mover, sighting.time))
        assert sighting.box.y2 - sighting.box.y1 < 0.9 * (whole.y2 - whole.y1)
