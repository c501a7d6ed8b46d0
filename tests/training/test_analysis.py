"""What a normaliser does to the weights of data sets and to the direction of the gradient."""

from __future__ import annotations

import numpy as np
import pytest
from advantage_batches import EASY, HARD, one_reward

from medvidbench.training.analysis import cosine, key_weights, normaliser_effects
from medvidbench.training.methods import Advantages
from medvidbench.training.rows import RewardBatch

IQR_OF_A_NORMAL = 1.349


def logistic(x: np.ndarray, p50: float, iqr: float, k: float = 3.0) -> np.ndarray:
    return 1 / (1 + np.exp(-k * (x - p50) / iqr))


def two_data_sets(prompts: int = 2000, k: float = 3.0) -> tuple[RewardBatch, RewardBatch]:
    """Raw and normalised rewards of two data sets whose rewards are normal; the hard one's spread is a fifth.

    A prompt's own mean makes up 79 % of the variance, its completions' differences 21 % (a share of .46 of the
    standard deviation). Raw mean |A| of a group of 8: sd * sqrt(2 / pi) * sqrt(7 / 8) = .746 sd, so that within-group
    sds of .107 and .0221 give .080 and .0165.
    """
    rng = np.random.default_rng(7)
    raw, normalised, keys = [], [], []
    for key, middle, within in ((EASY, 0.5, 0.107), (HARD, 0.12, 0.0221)):
        sd = within / 0.46
        rows = rng.normal(middle, np.sqrt(sd**2 - within**2), (prompts, 1)) + rng.normal(0, within, (prompts, 8))
        raw.append(rows)
        normalised.append(logistic(rows, middle, IQR_OF_A_NORMAL * sd, k))
        keys += [key] * prompts
    return one_reward(np.concatenate(raw), keys), one_reward(np.concatenate(normalised), keys)


def test_without_scale_the_logistic_evens_out_what_the_data_sets_weigh() -> None:
    effect = normaliser_effects(*two_data_sets())["none"]
    raw, normalised = ([weights[key].mean_abs for key in (EASY, HARD)] for weights in (effect.raw, effect.normalised))
    assert raw == pytest.approx([0.080, 0.0165], rel=0.03)
    assert normalised == pytest.approx([0.113, 0.113], rel=0.03)
    assert effect.raw[EASY].share == pytest.approx(0.829, abs=0.01)
    assert effect.normalised[EASY].share == pytest.approx(0.5, abs=0.01)


def test_under_the_steps_scale_the_shares_are_those_without_scale() -> None:
    effects = normaliser_effects(*two_data_sets())
    for weights in ("raw", "normalised"):
        step, none = (getattr(effects[scale], weights)[EASY].share for scale in ("batch", "none"))
        assert step == pytest.approx(none)


def test_under_the_groups_scale_both_data_sets_weigh_the_same_before_and_after() -> None:
    effect = normaliser_effects(*two_data_sets())["group"]
    assert effect.raw[EASY].share == pytest.approx(0.5, abs=0.01)
    assert effect.normalised[EASY].share == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("k", "low", "high"), [(1, 0.99, 1.0), (3, 0.95, 0.98), (6, 0.88, 0.94)])
def test_under_the_groups_scale_the_logistic_only_bends_and_more_so_with_k(k: float, low: float, high: float) -> None:
    # independent completions; the closed form of the cosine is corr(z, logistic(k z / 1.349)) of a normal z
    z = np.random.default_rng(3).normal(size=(2000, 8))
    found = normaliser_effects(one_reward(z), one_reward(logistic(z, 0.0, IQR_OF_A_NORMAL, k)), ["group"])["group"]
    assert found.cosine is not None and low < found.cosine < high
    assert found.completions == 16_000


def test_an_affine_map_moves_nothing_under_the_groups_scale() -> None:
    rows = np.random.default_rng(0).random((20, 8))
    effect = normaliser_effects(one_reward(rows), one_reward(5 * rows - 2), ["group"])["group"]
    assert effect.cosine == pytest.approx(1.0)


def test_weights_of_keys_equal_the_numbers_worked_out_by_hand() -> None:
    values = np.array([[1.0, -1.0], [0.0, 0.0], [0.5, -0.5], [3.0, 0.0]])
    applies = np.array([[True, True], [True, True], [True, True], [False, False]])
    found = key_weights([EASY, EASY, HARD, HARD], Advantages(np.where(applies, values, 0.0), applies))
    # easy: 2 over 4 completions, hard: 1 over 2; 3 in all
    assert found[EASY].mean_abs == 0.5 and found[HARD].mean_abs == 0.5
    assert found[EASY].share == pytest.approx(2 / 3) and found[HARD].share == pytest.approx(1 / 3)
    assert (found[EASY].prompts, found[EASY].completions, found[EASY].flat) == (2, 4, 0.5)
    assert (found[HARD].prompts, found[HARD].completions, found[HARD].flat) == (2, 2, 0.5)


def test_a_step_that_teaches_nothing_has_no_shares_and_a_key_without_rewards_no_mean() -> None:
    nothing = np.zeros((2, 2))
    applies = np.array([[True, True], [False, False]])
    found = key_weights([EASY, HARD], Advantages(nothing, applies))
    assert found[EASY].share is None and found[EASY].mean_abs == 0.0 and found[HARD].mean_abs is None


def test_the_cosine_equals_the_numbers_worked_out_by_hand() -> None:
    a, b = np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])
    assert cosine(a, b) == pytest.approx(24 / 25)
    assert cosine(a, -2 * a) == pytest.approx(-1.0)
    assert cosine(a, 0 * a) is None
    assert cosine(a, b, np.array([[True, False]])) == pytest.approx(1.0)


def test_saturated_groups_are_counted_as_flat() -> None:
    raw = np.random.default_rng(1).normal(0.5, 0.05, (50, 8))
    far = logistic(raw, 0.0, 0.05)  # medians ten IQR above the statistics
    effect = normaliser_effects(one_reward(raw), one_reward(far), ["group"])["group"]
    assert effect.raw[EASY].flat == 0.0 and effect.normalised[EASY].flat > 0.9


def test_rewards_of_different_prompts_are_an_error() -> None:
    with pytest.raises(ValueError, match="differ in prompts"):
        normaliser_effects(one_reward([[0.0, 1.0]], [EASY]), one_reward([[0.0, 1.0]], [HARD]))
