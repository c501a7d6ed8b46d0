from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.struc_info import CVS_KEYS, SKILL_ASPECTS
from medvidbench.synthetic.motion import resting_pose
from medvidbench.synthetic.simulate import WORLDS, simulate
from medvidbench.synthetic.truth import Scene, World
from medvidbench.synthetic.worlds.cholecystectomy import BAG_ID, CLIP

NUMBERS = range(4)


@pytest.fixture(scope="module")
def scenes() -> dict[World, list[Scene]]:
    return {world: [simulate(world, number, 60, 11) for number in NUMBERS] for world in WORLDS}


def all_of(scenes: dict[World, list[Scene]]) -> list[Scene]:
    return [scene for group in scenes.values() for scene in group]


@pytest.mark.parametrize("world", WORLDS)
def test_a_scene_depends_on_its_arguments_alone(world: World, scenes: dict[World, list[Scene]]) -> None:
    assert simulate(world, 2, 60, 11) == scenes[world][2]
    assert simulate(world, 2, 60, 12) != scenes[world][2]
    assert simulate(world, 2, 60, 11, difficulty=0.9) != scenes[world][2]


def test_times_lie_inside_the_recording_in_order(scenes: dict[World, list[Scene]]) -> None:
    for scene in all_of(scenes):
        for timed in (scene.actions, scene.phases, scene.critical_view, scene.outside):
            assert all(0 <= item.start < item.end <= scene.seconds for item in timed)
            assert [item.start for item in timed] == sorted(item.start for item in timed)
        assert all(mark.start <= mark.end for mark in scene.marks)


def test_boxes_lie_inside_the_frame_on_whole_pixels(scenes: dict[World, list[Scene]]) -> None:
    for scene in all_of(scenes):
        for track in scene.objects:
            for sighting in track.sightings:
                box = sighting.box
                assert 0 <= box.x1 < box.x2 <= scene.width
                assert 0 <= box.y1 < box.y2 <= scene.height
                assert all(value == int(value) for value in (box.x1, box.y1, box.x2, box.y2))


def test_a_track_has_every_second_from_first_to_last_and_numbers_that_tell_it(scenes: dict[World, list[Scene]]) -> None:
    for scene in all_of(scenes):
        assert [track.visit for track in scene.objects] == list(range(1, len(scene.objects) + 1))
        labels: dict[int, str] = {}
        owners: dict[int, int] = {}
        for track in scene.objects:
            times = [sighting.time for sighting in track.sightings]
            assert times == [track.start + i for i in range(len(times))]
            assert not any(scene.is_outside(time) for time in times)
            assert labels.setdefault(track.object_id, track.label) == track.label
            assert owners.setdefault(track.stay, track.object_id) == track.object_id
        for second in range(scene.seconds):
            ids = [track.object_id for track, _ in scene.seen_at(second)]
            assert len(ids) == len(set(ids))


def test_an_object_that_comes_back_is_the_same_object_on_another_visit() -> None:
    scene = next(s for s in (simulate("cholecystectomy", n, 60, 1) for n in range(9)) if s.objects[-1].visit > 9)
    visits = Counter(track.object_id for track in scene.objects)
    again = [track for track in scene.objects if track.object_id == visits.most_common(1)[0][0]]
    assert len(again) > 1
    assert len({track.visit for track in again}) == len(again)
    for before, after in pairwise(again):
        assert before.end + 1 < after.start
        # 5 seconds away is out of the body
        assert (before.stay == after.stay) == (after.start - before.end <= 5)


def test_in_a_cholecystectomy_what_is_in_view_acts_and_what_acts_is_in_view(scenes: dict[World, list[Scene]]) -> None:
    for scene in scenes["cholecystectomy"]:
        for second in range(scene.seconds):
            shown = {track.object_id for track, _ in scene.seen_at(second)} - {BAG_ID}
            acting = scene.actions_at(second)
            assert shown == {action.object_id for action in acting}
            assert len({action.tool for action in acting}) == len(acting)
            assert len({action.hand for action in acting}) == len(acting)


def test_phases_of_a_cholecystectomy_tile_it_and_the_view_is_rated_before_the_first_clip(
    scenes: dict[World, list[Scene]],
) -> None:
    for scene in scenes["cholecystectomy"]:
        bounds = [0.0] + [phase.end for phase in scene.phases]
        assert [phase.start for phase in scene.phases] == bounds[:-1]
        assert bounds[-1] == scene.seconds
        clipping = next(phase.start for phase in scene.phases if phase.label == CLIP)
        assert scene.critical_view
        assert scene.critical_view[-1].end <= clipping
        for interval in scene.critical_view:
            assert [rating.name for rating in interval.ratings] == list(CVS_KEYS)
            assert all(rating.value in (0, 1, 2) for rating in interval.ratings)


def test_phases_of_open_surgery_lie_on_even_seconds(scenes: dict[World, list[Scene]]) -> None:
    for scene in scenes["open"]:
        assert all(phase.start % 2 == 0 and phase.end % 2 == 0 for phase in scene.phases)
        assert all(a.end <= b.start for a, b in pairwise(scene.phases))


def test_one_motion_at_a_time_tiles_a_dissection_and_says_what_is_in_view(scenes: dict[World, list[Scene]]) -> None:
    for scene in scenes["esd"]:
        for second in range(scene.seconds):
            (action,) = scene.actions_at(second)
            shown = {track.label for track, _ in scene.seen_at(second)}
            by_knife = action.label.startswith("lift flap") and action.label.endswith("knife")
            expected = set() if "camera" in action.label else {"knife"} if by_knife else {"forceps", "knife"}
            assert shown == expected, (scene.number, second, action.label)
            # boxes lie on hundredths of the longer side, 300 pixels
            for _, sighting in scene.seen_at(second):
                assert all(v % 3 == 0 for v in (sighting.box.x1, sighting.box.y1, sighting.box.x2, sighting.box.y2))


def test_gestures_lie_on_frames_and_follow_each_other(scenes: dict[World, list[Scene]]) -> None:
    for scene in scenes["benchtop"]:
        assert scene.skill is not None
        assert [rating.name for rating in scene.skill.ratings] == list(SKILL_ASPECTS)
        assert all(1 <= rating.value <= 5 for rating in scene.skill.ratings)
        assert scene.skill.total == sum(rating.value for rating in scene.skill.ratings)
        for action in scene.actions:
            assert action.start * 30 == pytest.approx(round(action.start * 30), abs=1e-9)
        for before, after in pairwise(scene.actions):
            assert before.end == after.start
        assert scene.actions[0].start > 0
        assert scene.actions[-1].end < scene.seconds


def test_nursing_actions_lie_on_hundredths_and_never_overlap(scenes: dict[World, list[Scene]]) -> None:
    for scene in scenes["nursing"]:
        for action in scene.actions:
            assert action.start == round(action.start, 2)
            assert action.end == round(action.end, 2)
        assert all(a.end < b.start for a, b in pairwise(scene.actions))


@pytest.mark.parametrize("world", WORLDS)
def test_nothing_jumps(world: World) -> None:
    scene = simulate(world, 1, 40, 0, difficulty=1.0)
    for mover in scene.movers:
        path = [resting_pose(mover, i / 25) for i in range(scene.seconds * 25)]
        # a fifth of the frame's width in a 25th of a second would be a jump
        assert all(abs(a.x - b.x) + abs(a.y - b.y) < 0.2 * scene.width for a, b in pairwise(path)), mover.label


@pytest.mark.parametrize("world", WORLDS)
def test_difficulty_makes_objects_smaller(world: World) -> None:
    def area(difficulty: float) -> float:
        scene = simulate(world, 1, 30, 0, difficulty)
        boxes = [s.box for track in scene.objects for s in track.sightings]
        return sum((b.x2 - b.x1) * (b.y2 - b.y1) for b in boxes) / len(boxes)

    # the boxes of endoscopic instruments reach to the border, whatever their width
    assert area(1.0) < (1.0 if world == "esd" else 0.9) * area(0.0)


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(MedVidBenchError, match="world"):
        simulate("dentistry", 0, 60, 0)  # type: ignore[arg-type]
    for number, seconds in ((-1, 60), (0, 0)):
        with pytest.raises(MedVidBenchError):
            simulate("open", number, seconds, 0)
    with pytest.raises(MedVidBenchError, match="difficulty"):
        simulate("open", 0, 60, 0, difficulty=1.5)


@pytest.mark.parametrize("world", WORLDS)
def test_one_second_is_enough_to_ask_for(world: World) -> None:
    scene = simulate(world, 0, 1, 0)
    assert scene.seconds >= 1
    assert scene.actions
