"""DRPO: hierarchical scaling by hand, its edges, and its memory."""

from __future__ import annotations

import json

import numpy as np
import pytest
from advantage_batches import EASY, HARD, one_reward
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods import drpo, method
from medvidbench.training.methods.drpo import elbow_clusters, hierarchical_divisors, sorted_rewards


def test_one_prompt_of_each_domain_equals_the_numbers_worked_out_by_hand() -> None:
    batch = one_reward([[0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 0.4, 0.4]], [EASY, HARD])
    found = method("drpo").advantages(batch, "group").values
    # both groups: Z = +-.866025. N = 1, one cluster each: divisors .75^2 = .5625 and .2^2 = .04
    # S = +-1.539600 and +-21.650635; squares 4 * (2.370370 + 468.75) = 1884.481; std sqrt(/7) = 16.407658
    np.testing.assert_allclose(np.abs(found[0]), [0.093834] * 4, atol=1e-5)
    np.testing.assert_allclose(np.abs(found[1]), [1.319545] * 4, atol=1e-5)
    assert (np.sign(found) == [[-1, -1, 1, 1]] * 2).all()


def test_a_domain_of_two_clusters_equals_the_numbers_worked_out_by_hand() -> None:
    low, high = [0.2, 0.2, 0.2, 0.4], [0.8, 0.8, 0.8, 1.0]
    seen = np.array([low, low, low, high])
    # centres' means .25 (3 prompts) and .85 (1): mu_d = (.25/3 + .85) / (1/3 + 1) = .7
    # sqrt(4) * .7 * (sqrt(3) * .25, sqrt(1) * .85) = .606218, 1.19
    np.testing.assert_allclose(hierarchical_divisors(seen, np.array([low, high])), [0.606218, 1.19], atol=1e-6)


def test_a_cluster_without_any_reward_is_not_divided_by_zero() -> None:
    nothing = np.zeros((2, 4))
    # mu_d and mu_c at the floor of .1: sqrt(2) * .1 * sqrt(2) * .1
    np.testing.assert_allclose(hierarchical_divisors(nothing, nothing), [0.02, 0.02])
    found = method("drpo").advantages(one_reward([[0.0] * 4, [0.0, 0.0, 0.0, 0.01]], [EASY, HARD]), "group").values
    assert np.isfinite(found).all() and (found[0] == 0).all() and found[1, 3] > 0


def test_negative_rewards_do_not_turn_the_sign() -> None:
    found = method("drpo").advantages(one_reward([[-1.0, -1.0, -0.5, -0.5]]), "group").values
    assert (np.sign(found) == [[-1, -1, 1, 1]]).all()


@given(st.permutations(range(4)))
def test_the_order_of_the_rollouts_does_not_matter(order: list[int]) -> None:
    rows = np.array([[0.1, 0.2, 0.3, 0.9], [0.0, 0.0, 0.5, 0.6], [0.7, 0.7, 0.8, 1.0]])
    plain = method("drpo").advantages(one_reward(rows), "group").values
    shuffled = method("drpo").advantages(one_reward(rows[:, order]), "group").values
    np.testing.assert_allclose(plain[:, order], shuffled)


@given(arrays(np.float64, (6, 4), elements=st.sampled_from([-0.5, 0.0, 0.3, 0.8, 1.0, np.nan])))
def test_any_rewards_give_finite_advantages_with_the_sign_of_the_group(rows: np.ndarray) -> None:
    batch = one_reward(rows, [EASY, HARD] * 3)
    plain, scaled = (method(name).advantages(batch, "group") for name in ("grpo", "drpo"))
    assert np.isfinite(scaled.values).all()
    near = np.abs(plain.values) < 1e-12
    assert (np.sign(plain.values)[~near] == np.sign(scaled.values)[~near]).all()


def test_a_run_goes_on_from_its_state_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    steps = [one_reward(rng.random((4, 4)), [EASY, HARD, EASY, HARD]) for _ in range(6)]
    through, first = method("drpo"), method("drpo")
    for step in steps[:3]:
        through.advantages(step, "group")
        first.advantages(step, "group")
    resumed = method("drpo")
    resumed.restore(json.loads(json.dumps(first.state())))
    for step in steps[3:]:
        assert np.array_equal(through.advantages(step, "group").values, resumed.advantages(step, "group").values)
    assert resumed.state() == through.state()


def test_history_changes_what_a_prompt_weighs() -> None:
    fresh, grown = method("drpo"), method("drpo")
    for _ in range(8):
        grown.advantages(one_reward([[0.5, 0.6, 0.7, 0.8]], [EASY]), "group")
    step = one_reward([[0.5, 0.6, 0.7, 0.8]] * 2, [EASY, HARD])
    one, two = (np.abs(which.advantages(step, "group").values).sum(axis=1) for which in (fresh, grown))
    assert np.isclose(one[0], one[1])
    # sqrt(N_d) sqrt(N_c): 9 of the common domain against 1 of the rare one
    assert np.isclose(two[1] / two[0], 9.0)


def test_the_history_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drpo, "HISTORY", 5)
    bounded = method("drpo")
    for _ in range(4):
        bounded.advantages(one_reward([[0.1, 0.2], [0.3, 0.4]], [EASY, HARD]), "group")
    assert len(bounded.state()["history"]) == 5


def test_a_step_larger_than_the_history_still_has_finite_advantages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drpo, "HISTORY", 2)
    found = method("drpo").advantages(one_reward([[0.1, 0.2]] + [[0.3, 0.4]] * 3, [EASY, HARD, HARD, HARD]), "group")
    assert np.isfinite(found.values).all() and (found.values != 0).all()


@pytest.mark.parametrize("state", [{}, {"history": 3}, {"history": [["a"]]}, {"history": [["a", ["x"]]]}])
def test_another_state_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(MedVidBenchError, match="no history"):
        method("drpo").restore(state)


def test_a_changed_group_size_is_refused() -> None:
    run = method("drpo")
    run.advantages(one_reward([[0.1, 0.2, 0.3, 0.4]]), "group")
    with pytest.raises(MedVidBenchError, match="groups of 4, this step's have 2"):
        run.advantages(one_reward([[0.1, 0.2]]), "group")


def test_two_far_groups_of_points_are_two_clusters_and_one_point_is_one() -> None:
    points = np.array([[0.0, 0.0], [0.01, 0.0], [1.0, 1.0], [1.0, 0.99]])
    centres, labels = elbow_clusters(points)
    assert len(centres) == 2 and labels[0] == labels[1] != labels[2] == labels[3]
    assert len(elbow_clusters(np.zeros((7, 3)))[0]) == 1


def test_no_more_than_ten_clusters_are_made() -> None:
    centres, labels = elbow_clusters(np.random.default_rng(1).random((400, 8)))
    assert 1 <= len(centres) <= 10 and set(labels.tolist()) == set(range(len(centres)))


def test_missing_rewards_are_filled_by_the_quantiles_of_the_others() -> None:
    assert sorted_rewards(np.array([0.9, 0.1, 0.5, 0.3])) == (0.1, 0.3, 0.5, 0.9)
    # two known values at 4 evenly spaced quantiles: 0, 1/3, 2/3, 1
    assert sorted_rewards(np.array([0.9, np.nan, 0.3, np.nan])) == pytest.approx((0.3, 0.5, 0.7, 0.9))
    assert sorted_rewards(np.array([np.nan, np.nan])) is None
