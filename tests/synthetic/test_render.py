from __future__ import annotations

import time

import numpy as np
import pytest

from medvidbench.synthetic.painting.abdomen import PLATE, TRIANGLE
from medvidbench.synthetic.painting.canvas import FINE, MARGIN
from medvidbench.synthetic.painting.cholecystectomy import Cholecystectomy
from medvidbench.synthetic.render import render
from medvidbench.synthetic.simulate import WORLDS, simulate
from medvidbench.synthetic.truth import Scene, World


@pytest.mark.parametrize("world", WORLDS)
def test_frames_are_the_same_in_any_order_and_in_any_company(world: World) -> None:
    scene = simulate(world, 1, 30, 4)
    times = [3.0, 17.28, 9.5, 3.04, 21.0]
    forth = dict(zip(times, render(scene, times), strict=True))
    again = simulate(world, 1, 30, 4)
    back = dict(zip(times[::-1], render(again, times[::-1]), strict=True))
    (alone,) = render(simulate(world, 1, 30, 4), [9.5])
    assert all((forth[t] == back[t]).all() for t in times)
    assert (alone == forth[9.5]).all()
    assert (forth[3.0] != forth[21.0]).any()


@pytest.mark.parametrize("world", WORLDS)
def test_a_frame_is_a_picture_of_the_scenes_size_with_light_and_shade(world: World) -> None:
    scene = simulate(world, 0, 30, 4)
    (frame,) = render(scene, [12.0])
    assert frame.shape == (scene.height, scene.width, 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 20
    assert (frame == 255).mean() < 0.05


def test_every_frame_says_synthetic_in_the_top_left_corner() -> None:
    for world in WORLDS:
        scene = simulate(world, 0, 30, 4)
        (frame,) = render(scene, [7.0])
        corner = frame[4:16, 4:55].astype(int)
        assert corner.max() > 180  # the letters
        assert np.median(corner) < 130  # on a darkened field


def test_the_picture_is_black_but_for_the_mark_while_the_camera_is_out() -> None:
    scene = next(s for s in (simulate("cholecystectomy", n, 40, 3) for n in range(9)) if s.outside)
    (frame,) = render(scene, [scene.outside[0].start + 0.5])
    assert not frame[20:].any()
    assert frame[:20].any()


def region(picture: np.ndarray, points: tuple[tuple[float, float], ...]) -> np.ndarray:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right = (int((v + MARGIN) * FINE) for v in (min(xs), max(xs)))
    top, bottom = (int((v + MARGIN) * FINE) for v in (min(ys), max(ys)))
    return picture[top:bottom, left:right].astype(int)


def fat_share(picture: np.ndarray) -> float:
    """Yellow: red and green near each other and well above blue."""
    red, green, blue = np.moveaxis(region(picture, TRIANGLE), 2, 0)
    return float(((green > 110) & (green - blue > 30) & (red - green < 70)).mean())


def plate_share(picture: np.ndarray) -> float:
    """Pale: all three colours bright, above the gallbladder."""
    return float((region(picture, PLATE).min(axis=2) > 110).mean())


def artery_share(picture: np.ndarray) -> float:
    """Bright red of little green, above the window."""
    red, green, _ = np.moveaxis(region(picture, TRIANGLE), 2, 0)
    return float(((red > 150) & (red - green > 95)).mean())


@pytest.fixture(scope="module")
def still() -> dict[tuple[int, int, int], np.ndarray]:
    painter = Cholecystectomy(simulate("cholecystectomy", 1, 40, 3))
    scores = [(a, b, c) for a in range(3) for b in range(3) for c in range(3)]
    return {score: np.asarray(painter.draw_still((*score, False, ()))) for score in scores}


def test_the_picture_shows_what_the_three_scores_say(still: dict[tuple[int, int, int], np.ndarray]) -> None:
    for two in range(3):
        for plate in range(3):
            fats = [fat_share(still[two, plate, triangle]) for triangle in range(3)]
            assert fats[0] > fats[1] + 0.03 > fats[2] + 0.06
    for two in range(3):
        for triangle in range(3):
            plates = [plate_share(still[two, plate, triangle]) for plate in range(3)]
            assert plates[0] + 0.05 < plates[1] < plates[2] - 0.05
    for plate in range(3):
        for triangle in range(3):
            views = [still[two, plate, triangle] for two in range(3)]
            assert artery_share(views[2]) > artery_share(views[1]) + 0.02
            # the duct alone: something changes in the triangle, and it isn't the artery
            assert np.abs(region(views[1], TRIANGLE) - region(views[0], TRIANGLE)).max() > 60


def test_the_scores_shown_are_those_rated_at_the_time() -> None:
    for number in range(6):
        scene = simulate("cholecystectomy", number, 60, 8)
        painter = Cholecystectomy(scene)
        for interval in scene.critical_view:
            rated = tuple(rating.value for rating in interval.ratings)
            assert painter.state(interval.start)[:3] == rated
            assert painter.state(interval.end - 0.01)[:3] == rated


def test_a_cut_and_a_clip_leave_traces() -> None:
    made = (simulate("cholecystectomy", number, 80, 0) for number in range(4))
    both = {("clip", "cystic_duct"), ("cut", "cystic_duct")}
    scene = next(s for s in made if both <= {(m.kind, m.name) for m in s.marks})
    marks = [m for m in scene.marks if m.kind in ("clip", "cut") and m.name == "cystic_duct"]
    painter = Cholecystectomy(scene)
    for kind in ("clip", "cut"):
        only = tuple(mark for mark in marks if mark.kind == kind)
        before, after = (np.asarray(painter.draw_still((2, 2, 2, False, m))).astype(int) for m in ((), only))
        assert (np.abs(after - before).max(axis=2) > 40).sum() > 60


def test_smoke_follows_difficulty() -> None:
    def brightest_smoke(difficulty: float) -> float:
        scene: Scene = simulate("cholecystectomy", 1, 40, 3, difficulty)
        return max(mark.amount for mark in scene.marks if mark.kind == "smoke")

    assert brightest_smoke(1.0) > 2 * brightest_smoke(0.0)


def test_thirty_frames_a_second_can_be_drawn_on_a_busy_core() -> None:
    for world in WORLDS:
        scene = simulate(world, 1, 30, 4)
        list(render(scene, [5.0, 20.0]))  # textures and sprites are drawn once
        start = time.process_time()
        list(render(scene, [8.0 + i / 25 for i in range(50)]))
        assert 50 / (time.process_time() - start) > 30, world
