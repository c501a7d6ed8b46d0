"""The normaliser against numbers derived by hand, its rules at the edges, and what it can do and can't."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
from medvidbench.training.baseline import BaselineStatistics, Earned, statistics_of
from medvidbench.training.drift import MovingRewards
from medvidbench.training.normalisation import Normaliser, logistic, reward_batch, scale_of
from medvidbench.training.rows import GroupRewards, Key

TAG = Key("AVOS", "TAG")
VS = Key("AVOS", "VS")
SAMPLING = {"group_size": 8, "temperature": 1.0, "max_new_tokens": 64}
REWARD = {"version": "1", "parts": {"task": {"rules": "medvidbench.tasks"}}}


def earned(key, values, part="task", recordings=None):
    names = recordings or [f"r{k % 20}" for k in range(len(values))]
    return [
        Earned(key, part, name, f"s{k}", float(value))
        for k, (name, value) in enumerate(zip(names, values, strict=True))
    ]


def statistics(*rows, reward=REWARD):
    return BaselineStatistics(
        model={"path": "sft", "revision": "files:aa"},
        reward=reward,
        recipe="tiny",
        seed=0,
        sampling=SAMPLING,
        parts=statistics_of([row for many in rows for row in many], replicates=50),
    )


def normaliser(values, key=TAG, **options):
    return Normaliser(options.pop("kind", "logistic"), statistics(earned(key, values)), **options)


def group(*values, key=TAG, part="task"):
    return GroupRewards(key, "s", {part: values}, (True,) * len(values))


# 101 values 0, 0.01, ... 1: p25 = 0.25, p50 = 0.5, p75 = 0.75, IQR = 0.5
EVEN = [k / 100 for k in range(101)]


def test_the_median_becomes_one_half_and_the_quartiles_the_logistic_of_half_k():
    # k = 3: at p75 z = (0.75 - 0.5) / 0.5 = 0.5, 1 / (1 + exp(-1.5)) = 0.8176; at p25 its mirror 0.1824
    found = normaliser(EVEN)(TAG, "task", [0.5, 0.75, 0.25, 1.0])
    assert found == pytest.approx([0.5, 1 / (1 + math.exp(-1.5)), 1 / (1 + math.exp(1.5)), 1 / (1 + math.exp(-3))])
    assert found[1] == pytest.approx(0.8176, abs=5e-5)


def test_a_zscore_takes_mean_and_standard_deviation():
    # mean 0.5, population std of 0, 0.01 .. 1 = sqrt((101^2 - 1) / 12) / 100 = 0.29155
    found = normaliser(EVEN, kind="zscore")(TAG, "task", [0.5, 1.0])
    assert found == pytest.approx([0.0, 0.5 / (math.sqrt((101**2 - 1) / 12) / 100)])


def test_no_normalisation_needs_no_statistics_and_changes_nothing():
    plain = Normaliser("none")
    found = plain(TAG, "task", [0.25, None])
    assert found[0] == 0.25
    assert math.isnan(found[1])
    plain.observe([group(0.5)])
    assert plain.drifts([group(0.5)]) == {}
    with pytest.raises(MedVidBenchError, match="without statistics"):
        Normaliser("logistic")


def test_what_does_not_apply_stays_so():
    found = normaliser(EVEN)(TAG, "task", [None, 0.5])
    assert math.isnan(found[0])
    assert found[1] == 0.5


def test_a_reward_that_never_applies_to_a_pair_needs_no_statistics():
    own = normaliser(EVEN)
    assert np.isnan(own(TAG, "mine", [None, None])).all()
    asked = replace(group(0.2, 0.8), parts={"task": (0.2, 0.8), "mine": (None, None)})
    own.observe([asked])
    assert own.far([asked]).tolist() == [[False, False]]
    assert set(own.drifts([asked])) == {"AVOS/TAG/task"}


def test_ties_at_zero_fall_back_to_the_standard_deviation():
    # 80 zeros and 20 ones: all quartiles 0, std = sqrt(0.2 * 0.8) = 0.4; z(1) = 1 / (1.349 * 0.4)
    found = normaliser([0.0] * 80 + [1.0] * 20)(TAG, "task", [0.0, 1.0])
    assert found == pytest.approx([0.5, 1 / (1 + math.exp(-3 / (1.349 * 0.4)))])


def test_ties_at_one_are_the_mirror_of_ties_at_zero():
    zeros = normaliser([0.0] * 80 + [1.0] * 20)(TAG, "task", [0.0, 0.4, 1.0])
    ones = normaliser([1.0] * 80 + [0.0] * 20)(TAG, "task", [1.0, 0.6, 0.0])
    assert ones == pytest.approx(1 - zeros)


def test_equal_rewards_have_the_scale_one():
    # z(1) = (1 - 0.3) / 1
    found = normaliser([0.3] * 60)(TAG, "task", [0.3, 1.0])
    assert found == pytest.approx([0.5, 1 / (1 + math.exp(-2.1))])
    assert normaliser([0.3] * 60, kind="zscore")(TAG, "task", [0.3, 1.0]) == pytest.approx([0.0, 0.7])


def test_a_tiny_iqr_beside_a_large_spread_is_no_scale():
    # a quarter of 1.349 * 0.3 is 0.1012
    assert scale_of(0.001, 0.3) == scale_of(0.1, 0.3) == pytest.approx(1.349 * 0.3)
    assert scale_of(0.102, 0.3) == 0.102


def test_three_standard_deviations_above_a_tied_median_are_not_flat():
    # 74 % zeros, the rest even in (0, 1]: p75 = 0.048, std 0.27; by the IQR, 0.5 and 1 would lie 10.4 and 20.8 above
    values = [0.0] * 74 + [k / 26 for k in range(1, 27)]
    half, whole = normaliser(values)(TAG, "task", [0.5, 1.0])
    assert whole - half > 0.01


@pytest.mark.filterwarnings("error")
def test_no_reward_overflows():
    found = logistic(np.array([-1e308, -1e3, 1e3, 1e308, np.inf, np.nan]), 1000.0)
    assert found[:5].tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert math.isnan(found[5])
    assert normaliser(EVEN, kind="zscore")(TAG, "task", [1e300])[0] == 10.0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9, unique=True), st.floats(0.1, 12))
def test_the_order_of_rewards_is_kept(values, k):
    found = normaliser(EVEN, k=k)(TAG, "task", sorted(values))
    assert (np.diff(found) >= 0).all()
    assert ((found > 0) & (found < 1)).all()


@given(
    st.lists(st.floats(0, 1), min_size=60, max_size=80),
    st.floats(0.05, 20),
    st.floats(-5, 5),
)
def test_an_affine_map_of_a_pairs_rewards_changes_no_normalised_reward(values, slope, shift):
    assume(np.std(values) > 1e-3)
    # at the edge of the rule for a small IQR a rounding decides
    iqr = np.subtract(*np.quantile(values, [0.75, 0.25]))
    assume(abs(iqr / (0.25 * 1.349 * np.std(values)) - 1) > 1e-6)
    mapped = [slope * value + shift for value in values]
    first = normaliser(values)(TAG, "task", values)
    second = normaliser(mapped)(TAG, "task", mapped)
    assert second == pytest.approx(first, abs=1e-6)


def test_under_50_rewards_a_pair_takes_its_tasks_statistics():
    other = Key("NurViD", "TAG")
    few, many = earned(TAG, [0.9] * 49), earned(other, EVEN)
    found = statistics(few, many)
    # pooled: 101 even values and 49 of 0.9; sorted, the 75th of 150 lies in the even ones
    pooled = found.of(TAG, "task")
    assert (pooled.source, pooled.n) == (None, 150)
    assert pooled.p50 == pytest.approx(float(np.median(EVEN + [0.9] * 49)))
    assert found.of(other, "task").source == "NurViD"
    assert statistics(earned(TAG, [0.9] * 50), many).of(TAG, "task").source == "AVOS"


def test_a_pair_never_seen_is_an_error_that_names_it_even_when_its_task_is_known():
    with pytest.raises(MedVidBenchError, match="CoPESD/TAG") as error:
        normaliser(EVEN)(Key("CoPESD", "TAG"), "task", [0.5])
    assert "AVOS/TAG" in error.value.accepted
    with pytest.raises(MedVidBenchError, match="'judge'"):
        normaliser(EVEN)(TAG, "judge", [0.5])


def test_captions_are_averaged_after_each_part_was_normalised():
    both = statistics(earned(VS, EVEN, "similarity"), earned(VS, [v / 2 for v in EVEN], "judge"))
    # similarity at its p75: 0.8176; judge at its median 0.25: 0.5; the raw mean 0.5 would have been the median of none
    parts = {"similarity": (0.75, 0.5), "judge": (0.25, None)}
    batch = reward_batch([GroupRewards(VS, "s", parts, (True, True))], Normaliser("logistic", both), {})
    assert batch.names == ("similarity", "judge")
    assert batch.total()[0] == pytest.approx([(1 / (1 + math.exp(-1.5)) + 0.5) / 2, 0.5])


def test_weights_shift_the_total_and_parts_that_do_not_apply_take_no_share():
    groups = [group(0.2, 0.4), group(1.0, 0.0, key=VS, part="judge")]
    batch = reward_batch(groups, Normaliser("none"), {"judge": 3.0}, names=("task", "judge", "own"))
    assert batch.weights.tolist() == [1.0, 3.0, 1.0]
    assert batch.total().tolist() == [[0.2, 0.4], [1.0, 0.0]]
    assert batch.keys == (TAG, VS)
    with pytest.raises(MedVidBenchError, match="1, 2 completions"):
        reward_batch([group(0.2, 0.4), group(0.1)], Normaliser("none"), {})


# --- the file -------------------------------------------------------------------------------------------------------


def test_statistics_count_rewards_prompts_and_recordings():
    rows = [Earned(TAG, "task", f"r{k % 12}", f"s{k % 30}", k / 119) for k in range(120)]
    own = statistics(rows).parts[1]
    assert (own.source, own.n, own.prompts, own.recordings) == ("AVOS", 120, 30, 12)
    assert (own.p25, own.p50, own.p75) == pytest.approx((0.25, 0.5, 0.75))
    low, high = own.ci95["p50"]
    assert low < 0.5 < high
    # each recording holds ten values spread evenly over [0, 1]: the median moves little, far less than the quartiles
    assert high - low < 0.25


def test_quartile_intervals_agree_with_resampling_the_values_themselves():
    rng = np.random.default_rng(3)
    rows = [Earned(TAG, "task", f"r{r}", f"s{r}", v) for r in range(40) for v in rng.beta(2, 3, 8) * (0.5 + r / 80)]
    found = statistics_of(rows, replicates=2000)[1].ci95["p75"]
    values = np.array([row.value for row in rows]).reshape(40, 8)
    # an independent bootstrap: plain percentiles of resampled recordings, slightly narrower than the expanded ones
    drawn = [np.quantile(values[rng.integers(0, 40, 40)], 0.75) for _ in range(2000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found == pytest.approx((low, high), abs=0.015)


def test_a_file_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "statistics.json"
    written = statistics(earned(TAG, EVEN), earned(VS, EVEN, "judge"))
    written.write(path)
    assert BaselineStatistics.load(path) == written
    assert [p.name for p in tmp_path.iterdir()] == ["statistics.json"]


def test_statistics_of_another_model_or_other_rewards_are_refused():
    own = statistics(earned(TAG, EVEN))
    own.check("files:aa", REWARD, SAMPLING)
    with pytest.raises(MedVidBenchError, match="files:aa") as error:
        own.check("files:bb", REWARD, SAMPLING)
    assert error.value.accepted == "files:bb"
    with pytest.raises(MedVidBenchError, match="version 1") as error:
        own.check("files:aa", {**REWARD, "version": "2"}, SAMPLING)
    assert error.value.accepted == "version 2"
    with pytest.raises(MedVidBenchError, match="'judge'"):
        own.check("files:aa", {"version": "1", "parts": {"judge": {"judge": "gpt-4.1"}}}, SAMPLING)


@pytest.mark.parametrize(("change", "refused"), [({"temperature": 0.7}, True), ({"max_new_tokens": 256}, True),
                                                 ({"group_size": 4}, False)])  # fmt: skip
def test_statistics_of_completions_sampled_otherwise_are_refused(change, refused):
    own = statistics(earned(TAG, EVEN))
    if refused:
        with pytest.raises(MedVidBenchError, match=f"with {next(iter(change))}"):
            own.check("files:aa", REWARD, SAMPLING | change)
    else:
        own.check("files:aa", REWARD, SAMPLING | change)


def test_a_recipe_that_uses_fewer_rewards_may_use_the_file():
    own = statistics(earned(TAG, EVEN), reward={"version": "1", "parts": {"task": {}, "judge": {"judge": "x"}}})
    own.check("files:aa", {"version": "1", "parts": {"task": {}}}, SAMPLING)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "medvidbench.baseline/0"},
        {"seed": "zero"},
        {"more": 1},
        {"parts": [{"source": "AVOS"}]},
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change):
    path = tmp_path / "statistics.json"
    statistics(earned(TAG, EVEN)).write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MedVidBenchError, match=r"statistics\.json"):
        BaselineStatistics.load(path)


def test_a_file_cut_short_or_missing_or_with_nan_is_refused(tmp_path):
    path = tmp_path / "statistics.json"
    with pytest.raises(MedVidBenchError):
        BaselineStatistics.load(path)
    statistics(earned(TAG, EVEN)).write(path)
    text = path.read_text()
    for damaged in (text[:-40], text.replace('"p25": 0.25', '"p25": NaN', 1)):
        assert damaged != text
        path.write_text(damaged)
        with pytest.raises(MedVidBenchError):
            BaselineStatistics.load(path)


# --- drift ----------------------------------------------------------------------------------------------------------


def test_static_statistics_stay_and_the_drift_is_measured():
    fixed = normaliser(EVEN)
    before = fixed(TAG, "task", [0.6])
    for _ in range(200):
        fixed.observe([group(0.9, 0.95, 1.0)])
    assert fixed(TAG, "task", [0.6]) == before
    drift = fixed.drifts([group(0.9, 0.95, 1.0)])["AVOS/TAG/task"]
    # 1 - 0.98^200 = 0.982 of the mixture are the new rewards: the median is near 0.95, (0.95 - 0.5) / 0.5 = 0.9
    assert drift["shift"] == pytest.approx(0.9, abs=0.02)
    assert drift["scale"] < 0.2
    assert drift["seen"] == 600


def test_moving_statistics_follow_the_rewards():
    moving = normaliser(EVEN, drift="ema", share=0.05)
    assert moving(TAG, "task", [0.5])[0] == 0.5
    rng = np.random.default_rng(0)
    for _ in range(150):
        moving.observe([group(*(0.8 + 0.1 * rng.random(8)))])
    found = moving(TAG, "task", [0.85, 0.9])
    assert found[0] == pytest.approx(0.5, abs=0.1)
    assert found[1] > 0.9


def test_a_mixture_keeps_the_spread_between_prompts_that_no_single_step_has():
    # every step holds one prompt, whose completions are all alike: quartiles of a step have no width at all
    moving = MovingRewards([0.5] * 50, 0.05)
    for step in range(400):
        moving.add([0.2 if step % 2 else 0.8] * 8)
    assert moving.quantile(0.25) == pytest.approx(0.2)
    assert moving.quantile(0.75) == pytest.approx(0.8)


@pytest.mark.parametrize(("share", "n", "steps"), [(0.001, 8, 1000), (0.02, 64, 100)])
def test_what_is_old_keeps_its_weight_however_many_rewards_came_after_it(share, n, steps):
    moving = MovingRewards([0.0] * 50, share)
    for _ in range(steps):
        moving.add([1.0] * n)
    # the start keeps (1 - share)^steps of the mixture: 0.368 and 0.133
    assert moving.mean() == pytest.approx(1 - (1 - share) ** steps, abs=0.01)
    assert len(moving.state()["values"]) <= 2000


def test_a_moving_distribution_survives_a_checkpoint_bit_for_bit():
    rng = np.random.default_rng(1)
    steps = [[group(*rng.random(8)), group(*rng.random(8), key=VS, part="judge")] for _ in range(40)]
    both = statistics(earned(TAG, EVEN), earned(VS, EVEN, "judge"))

    def fresh():
        return Normaliser("logistic", both, drift="ema", share=0.1)

    whole, first, second = fresh(), fresh(), fresh()
    for groups in steps:
        whole.observe(groups)
    for groups in steps[:17]:
        first.observe(groups)
    second.restore(json.loads(json.dumps(first.state())))
    for groups in steps[17:]:
        second.observe(groups)
    assert second.state() == whole.state()
    assert second(VS, "judge", [0.3, 0.7]).tolist() == whole(VS, "judge", [0.3, 0.7]).tolist()


def test_far_rewards_and_saturated_groups_are_counted():
    # IQR 0.5: 2.6 lies 4.2 IQR above the median, 0.5 at it
    found = normaliser([v for v in EVEN for _ in range(2)])
    flags = found.far([group(0.5, 2.6), group(None, 0.5)])
    assert flags.tolist() == [[False, True], [False, False]]
    drift = found.drifts([group(2.6, 2.65, 2.7), group(0.4, 0.5, 0.6), group(0.5, 0.5, 0.5)])["AVOS/TAG/task"]
    # of the two groups with any spread one is saturated; three of nine completions are far
    assert drift["saturated"] == 0.5
    assert drift["far"] == pytest.approx(3 / 9)
    assert normaliser(EVEN, kind="zscore").far([group(0.5)]) is None


# --- what it can do, and what not -----------------------------------------------------------------------------------


def simulated(rng, groups=2000, centre=0.0, spread=0.6):
    """Rewards in units in which the whole distribution has variance 0.64 + spread^2: prompts differ, so do answers."""
    return centre + 0.8 * rng.normal(size=(groups, 1)) + spread * rng.normal(size=(groups, 8))


def group_std_advantages(rewards):
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    return centred / (rewards.std(axis=1, ddof=1, keepdims=True) + 1e-4)


def cosine(a, b):
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize(("k", "expected"), [(1, 0.996), (3, 0.96), (6, 0.89)])
def test_under_group_std_the_logistic_changes_advantages_by_its_curvature_alone(k, expected):
    raw = simulated(np.random.default_rng(0))
    own = normaliser(raw.ravel()[:3000], k=k)
    normal = own(TAG, "task", raw.ravel()).reshape(raw.shape)
    assert cosine(group_std_advantages(raw), group_std_advantages(normal)) == pytest.approx(expected, abs=0.01)


def test_without_the_group_std_the_logistic_balances_an_easy_and_a_hard_source():
    rng = np.random.default_rng(2)
    easy, hard = 0.5 + 0.1 * simulated(rng), 0.12 + 0.02 * simulated(rng)
    sizes = {"raw": [], "normalised": []}
    for rewards in (easy, hard):
        own = normaliser(rewards.ravel()[:3000])
        normal = own(TAG, "task", rewards.ravel()).reshape(rewards.shape)
        for name, values in (("raw", rewards), ("normalised", normal)):
            sizes[name].append(np.abs(values - values.mean(axis=1, keepdims=True)).mean())
    # the scales were set 5 to 1, and the logistic takes them away
    assert sizes["raw"][0] / sizes["raw"][1] == pytest.approx(5, rel=0.05)
    assert sizes["normalised"][0] / sizes["normalised"][1] == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(("shift", "least", "most"), [(2, 0.0, 0.2), (3, 0.95, 1.0)])
def test_frozen_statistics_saturate_once_a_group_sits_three_iqr_above(shift, least, most):
    # groups with a standard deviation of 0.36 IQR, moved up: at 2 IQR a spread near 0.004 is left, at 3 IQR none
    rng = np.random.default_rng(4)
    own = normaliser(EVEN)
    rewards = 0.5 + 0.5 * (shift + 0.36 * rng.normal(size=(500, 8)))
    groups = [group(*row) for row in rewards]
    assert least <= own.drifts(groups)["AVOS/TAG/task"]["saturated"] <= most
    if shift == 2:
        normal = [own(TAG, "task", row).std(ddof=1) for row in rewards]
        assert np.mean(normal) == pytest.approx(0.004, abs=0.0015)
