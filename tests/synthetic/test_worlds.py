from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from random import Random
from statistics import mean

import pytest

from medvidbench.sources.cholect50_classes import PHASES, TRIPLETS
from medvidbench.sources.copesd_motions import ACTION_OF, ACTIONS, action_of
from medvidbench.sources.jigsaws import GESTURES_USED
from medvidbench.sources.nurvid_classes import ACTIONS as NURVID_ACTIONS
from medvidbench.sources.nurvid_classes import PROCEDURES
from medvidbench.synthetic.motion import path_length
from medvidbench.synthetic.shapes import KINDS
from medvidbench.synthetic.worlds import benchtop, cholecystectomy, esd, nursing, open_surgery
from medvidbench.synthetic.worlds.draft import Draft, chop

MANY = 60


def drafts(world: object, seconds: int = 90) -> list[Draft]:
    plan = world.plan  # type: ignore[attr-defined]
    return [plan(Random(f"test:{number}"), number, seconds, 0.5) for number in range(MANY)]


@pytest.fixture(scope="module")
def trials() -> list[Draft]:
    return drafts(benchtop)


def test_every_phase_and_triplet_of_the_cholecystectomy_comes_up_and_is_cholect50s() -> None:
    made = drafts(cholecystectomy)
    assert {phase.label for draft in made for phase in draft.phases} == set(PHASES)
    planned = {t for work in cholecystectomy.WORK.values() for t in work}
    planned |= {*cholecystectomy.HOLDING, *cholecystectomy.ASSISTING}
    seen = {action.label for draft in made for action in draft.actions}
    assert planned <= seen <= set(TRIPLETS)
    assert {f"{tool},null_verb,null_target" for tool in ("grasper", "hook", "bipolar")} <= seen


def test_the_critical_view_is_reached_in_some_and_missed_in_others() -> None:
    best = [sum(r.value for r in draft.critical_view[-1].ratings) for draft in drafts(cholecystectomy)]
    assert 0.25 < sum(total >= 5 for total in best) / MANY < 0.75
    assert min(best) <= 1


def test_every_motion_of_copesd_comes_up_in_every_direction_that_it_has() -> None:
    seen = {action.label for draft in drafts(esd) for action in draft.actions}
    assert {action_of(label) for label in seen} == set(ACTIONS)
    for motion in esd.MOTIONS:
        ways = esd.STEPS if motion == esd.DISSECT else esd.RAISING
        assert {motion.replace("{direction}", way) for way in ways} <= seen
    assert set(esd.MOTIONS) <= set(ACTION_OF)


def test_every_phase_activity_and_tool_of_open_surgery_comes_up() -> None:
    made = drafts(open_surgery)
    assert {phase.label for draft in made for phase in draft.phases} == set(open_surgery.PHASES)
    assert {action.label for draft in made for action in draft.actions} == set(open_surgery.ACTIVITIES)
    seen = {mover.label for draft in made for mover in draft.movers}
    assert set(open_surgery.TOOLS) | {"own hand left", "own hand right", "other hand left"} == seen
    assert len(open_surgery.TOOLS) == 15


def test_each_exercise_uses_the_gestures_that_jigsaws_lists_for_it(trials: list[Draft]) -> None:
    for task, numbers in GESTURES_USED.items():
        seen = {action.label for draft in trials if draft.procedure == task for action in draft.actions}
        assert seen == {f"G{number}" for number in numbers}, task


def test_every_nursing_step_comes_up_under_nurvids_names() -> None:
    made = drafts(nursing)
    seen = {action.label for draft in made for action in draft.actions}
    assert seen == {name for course in nursing.COURSES.values() for name in course}
    assert seen <= set(nursing.STEPS) & set(NURVID_ACTIONS.values())
    assert {draft.procedure for draft in made} == set(nursing.COURSES) <= set(PROCEDURES.values())


def test_everything_that_moves_can_be_drawn(trials: list[Draft]) -> None:
    made = [*drafts(cholecystectomy), *drafts(esd), *drafts(open_surgery), *drafts(nursing), *trials]
    assert {mover.kind for draft in made for mover in draft.movers} <= set(KINDS)


def path_per_gesture(draft: Draft) -> float:
    return sum(path_length(arm, 0, draft.seconds, 10) for arm in draft.movers[:2]) / len(draft.actions)


def test_the_better_time_and_motion_is_rated_the_shorter_the_way(trials: list[Draft]) -> None:
    ways: dict[int, list[float]] = defaultdict(list)
    for draft in trials:
        if draft.procedure != "Knot_Tying":
            assert draft.skill is not None
            ways[draft.skill.ratings[2].value].append(path_per_gesture(draft))
    means = [mean(ways[value]) for value in sorted(ways)]
    assert len(means) >= 4
    assert means == sorted(means, reverse=True)


def test_novices_are_slower_shake_more_and_are_rated_lower_than_experts(trials: list[Draft]) -> None:
    by_level: dict[str, list[Draft]] = defaultdict(list)
    for draft in trials:
        assert draft.skill is not None
        by_level[draft.skill.level].append(draft)
    totals, tremors, lengths = [], [], []
    for level in ("N", "I", "E"):
        group = by_level[level]
        totals.append(mean(draft.skill.total for draft in group if draft.skill))
        tremors.append(mean(draft.movers[0].tremor for draft in group))
        lengths.append(mean((d.actions[-1].end - d.actions[0].start) / len(d.actions) for d in group))
    assert totals == sorted(totals)
    assert tremors == sorted(tremors, reverse=True)
    assert lengths == sorted(lengths, reverse=True)


def test_the_trainee_decides_group_and_level(trials: list[Draft]) -> None:
    for draft in trials:
        assert draft.skill is not None
        assert draft.skill.level == benchtop.TRAINEES[draft.group][1]
    assert len({draft.group for draft in trials}) == 8


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 20), (5, 6), (3, 50)])
def test_pieces_tile_a_stretch_and_are_not_too_short(start: int, end: int) -> None:
    pieces = chop(Random(1), start, end, 3, 7)
    assert pieces[0][0] == start
    assert pieces[-1][1] == end
    assert all(a[1] == b[0] for a, b in pairwise(pieces))
    assert all(b - a >= min(3, end - start) for a, b in pieces)
