from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medvidbench.synthetic.motion import View, key_at, minimum_jerk, path_length, resting_pose, seen
from medvidbench.synthetic.truth import Key, Mover


def mover(*keys: Key, tremor: float = 0.0) -> Mover:
    return Mover(1, "lap hook", "hook", "right", (100.0, 0.0), keys, tremor=tremor)


def test_minimum_jerk_starts_and_stops_without_speed_and_is_symmetric() -> None:
    # 10 u^3 - 15 u^4 + 6 u^5 at 1/4: 0.15625 - 0.05859375 + 0.005859375
    assert minimum_jerk(0.25) == pytest.approx(0.103515625)
    assert minimum_jerk(0.25) + minimum_jerk(0.75) == pytest.approx(1.0)
    assert minimum_jerk(0.001) < 1e-7
    assert 1 - minimum_jerk(0.999) < 1e-7


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6, unique=True), st.floats(-10, 110))
def test_a_mover_is_at_its_keys_and_between_them_elsewhere(times: list[float], time: float) -> None:
    keys = tuple(Key(t, 10 * t, -t) for t in sorted(times))
    for key in keys:
        assert key_at(keys, key.time) == key
    found = key_at(keys, time)
    assert keys[0].x - 1e-6 <= found.x <= keys[-1].x + 1e-6


def test_a_path_is_as_long_as_its_way() -> None:
    # 30 right, then 40 down; straight pieces, so sampling loses nothing but the corner
    there = mover(Key(0.0, 0.0, 0.0), Key(1.0, 30.0, 0.0), Key(3.0, 30.0, 40.0))
    assert path_length(there, 0.0, 3.0) == pytest.approx(70.0, abs=0.01)


def test_tremor_lengthens_the_path_and_leaves_the_place() -> None:
    still, shaking = mover(Key(0.0, 50.0, 50.0)), mover(Key(0.0, 50.0, 50.0), tremor=1.0)
    assert path_length(still, 0.0, 2.0) == 0.0
    assert path_length(shaking, 0.0, 2.0) > 20.0
    pose = resting_pose(shaking, 1.3)
    assert math.hypot(pose.x - 50.0, pose.y - 50.0) <= math.sqrt(2.0)


def test_the_axis_points_from_the_trocar_to_the_tip() -> None:
    # pivot (100, 0), tip (100, 50): straight down, which is +90 degrees with y down
    assert resting_pose(mover(Key(0.0, 100.0, 50.0)), 0.0).angle == pytest.approx(math.pi / 2)


def test_the_camera_zooms_about_the_middle_and_then_shifts() -> None:
    # (10, 20) lies (-40, -30) from the middle of 100x100; twice that is (-80, -60); plus the shift (1, 2)
    assert seen(View(1.0, 2.0, 2.0), 10.0, 20.0, 100, 100) == (-29.0, -8.0)
