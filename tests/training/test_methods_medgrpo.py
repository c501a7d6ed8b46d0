"""MedGRPO: the logistic's values, balanced over data sets by the step's scale."""

from __future__ import annotations

import numpy as np
from advantage_batches import EASY, HARD, one_reward

from medvidbench.training.baseline import BaselineStatistics, PartStatistics
from medvidbench.training.methods import method
from medvidbench.training.normalisation import Normaliser, reward_batch
from medvidbench.training.rows import GroupRewards, Key


def measured(key: Key, median: float, iqr: float) -> PartStatistics:
    quartiles = {"p25": median - iqr / 2, "p50": median, "p75": median + iqr / 2}
    counts = {"n": 500, "prompts": 60, "recordings": 20}
    more = {"mean": median, "std": iqr, "ci95": {}, "note": "", "grid": (median,)}
    return PartStatistics(source=key.source, task=key.task, part="iou", **quartiles, **counts, **more)  # type: ignore[arg-type]


def test_two_data_sets_at_equal_distance_from_their_medians_get_equal_advantages() -> None:
    # x = p50 + IQR * (-1/3, 0, 0, 1/3) with k = 3: logistic of -1, 0, 0, 1 = .268941 .5 .5 .731059, whatever IQR is
    scales = {EASY: (0.6, 0.3), HARD: (0.1, 0.03)}
    statistics = BaselineStatistics(
        model={}, reward={}, recipe="", seed=0, sampling={}, parts=tuple(measured(k, *s) for k, s in scales.items())
    )
    groups = [
        GroupRewards(key, "s", {"iou": tuple(median + iqr * x / 3 for x in (-1, 0, 0, 1))}, (True,) * 4)
        for key, (median, iqr) in scales.items()
    ]
    batch = reward_batch(groups, Normaliser("logistic", statistics), {})
    found = method("medgrpo").advantages(batch, "batch").values
    # centred +-.231059; sum of squares of both 4 * .0533882 = .213553; std sqrt(.213553 / 7) = .174664
    np.testing.assert_allclose(found, [[-1.322877, 0, 0, 1.322877]] * 2, atol=1e-5)


def test_without_scale_the_centred_logistic_is_the_advantage() -> None:
    found = method("medgrpo").advantages(one_reward([[0.268941, 0.5, 0.5, 0.731059]]), "none").values
    np.testing.assert_allclose(found, [[-0.231059, 0, 0, 0.231059]], atol=1e-9)


def test_a_saturated_group_counts_as_without_spread() -> None:
    # 4.0 to 4.3 IQR above the median: logistic of 12 to 12.9, all within 1e-5 of 1
    saturated = 1 / (1 + np.exp(-3 * np.array([4.0, 4.1, 4.2, 4.3])))
    found = method("medgrpo").advantages(one_reward([saturated]), "group")
    assert found.flat.all()


def test_the_settings_are_the_papers_where_it_states_them() -> None:
    own = method("medgrpo").defaults
    assert (own.clip_low, own.clip_high, own.kl, own.normalisation) == (0.2, 0.3, 0.0, "logistic")
