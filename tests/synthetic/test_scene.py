"""The simulated truth keeps to what a CholecT50 recording can say."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.sources.cholect50_classes import PHASES, TRIPLETS
from medvidbench.synthetic.drawing import draw_background, draw_frame
from medvidbench.synthetic.scene import SceneTruth, make_scene

scenes = st.builds(make_scene, st.integers(201, 400), st.integers(1, 200), st.integers(0, 50))


@settings(max_examples=40, deadline=None)
@given(scenes)
def test_phases_tile_the_recording_and_change_at_every_border(scene: SceneTruth) -> None:
    assert scene.phases[0].start == 0
    assert scene.phases[-1].end == scene.seconds
    for first, second in pairwise(scene.phases):
        assert first.end == second.start
        assert first.name != second.name
    assert all(phase.end > phase.start and phase.name in PHASES for phase in scene.phases)


@settings(max_examples=40, deadline=None)
@given(scenes)
def test_every_action_is_a_published_triplet_with_one_box_a_second_inside_the_image(scene: SceneTruth) -> None:
    for action in scene.actions:
        assert action.triplet in TRIPLETS
        assert 0 <= action.start < action.end <= scene.seconds
        assert len(action.boxes) == action.end - action.start
        for box in action.boxes:
            assert 0 <= box.x1 < box.x2 <= scene.width
            assert 0 <= box.y1 < box.y2 <= scene.height


@settings(max_examples=40, deadline=None)
@given(scenes)
def test_no_class_of_instrument_is_shown_twice_and_nothing_while_the_camera_is_outside(scene: SceneTruth) -> None:
    for second in range(scene.seconds):
        instruments = [action.instrument for action, _ in scene.at_work(second)]
        assert len(instruments) == len(set(instruments))
        if scene.outside[0] <= second < scene.outside[1]:
            assert instruments == []


def test_a_scene_depends_on_its_own_number_and_seed_alone() -> None:
    assert make_scene(205, 120, 3) == make_scene(205, 120, 3)
    assert make_scene(205, 120, 3) != make_scene(206, 120, 3)
    assert make_scene(205, 120, 3).phases != make_scene(205, 120, 4).phases


def test_what_comes_next_is_not_given_by_the_phase_before_nor_by_the_commonest_answer() -> None:
    # Over 200 recordings: one constant answer names fewer than 40 % of the next phases, and four of the seven phases
    # have several successors.
    pairs = [(a.name, b.name) for number in range(201, 401) for a, b in pairwise(make_scene(number, 100, 0).phases)]
    following = Counter(after for _, after in pairs)
    assert max(following.values()) / len(pairs) < 0.4
    successors = {before: {after for b, after in pairs if b == before} for before, _ in pairs}
    assert {name for name, after in successors.items() if len(after) > 1} == {
        "clipping-and-cutting",
        "gallbladder-dissection",
        "gallbladder-packaging",
        "cleaning-and-coagulation",
    }


def test_each_tip_reaches_all_four_sides_of_its_box() -> None:
    scene = make_scene(201, 200, 0)
    bare = SceneTruth(201, scene.seconds, scene.width, scene.height, scene.phases, (), scene.outside, 0)
    background = draw_background(scene)
    checked = set()
    for action in scene.actions:
        if len(scene.at_work(action.start)) > 1 or action.instrument in checked:
            continue
        checked.add(action.instrument)
        box = tuple(int(v) for v in (action.boxes[0].x1, action.boxes[0].y1, action.boxes[0].x2, action.boxes[0].y2))
        images = [draw_frame(s, action.start, background).crop(box).convert("RGB") for s in (scene, bare)]
        changed = {
            (x, y)
            for x in range(box[2] - box[0])
            for y in range(box[3] - box[1])
            if images[0].getpixel((x, y)) != images[1].getpixel((x, y))
        }
        xs, ys = {x for x, _ in changed}, {y for _, y in changed}
        assert (min(xs), max(xs), min(ys), max(ys)) == (0, box[2] - box[0] - 1, 0, box[3] - box[1] - 1)
    assert len(checked) >= 3


def test_the_image_is_black_while_the_camera_is_out_of_the_body() -> None:
    scene = next(s for s in (make_scene(number, 100, 0) for number in range(201, 230)) if s.outside[1])
    background = draw_background(scene)
    assert draw_frame(scene, scene.outside[0], background).getextrema() == ((0, 0), (0, 0), (0, 0))
    assert draw_frame(scene, scene.outside[1], background).getextrema() != ((0, 0), (0, 0), (0, 0))
