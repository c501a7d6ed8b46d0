"""Alarms on hand-made logs: each fires exactly when it should."""

from __future__ import annotations

import doctest
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_logs import key, sft_step, step, steps_of

import medvidbench.training.alarms as alarms_module
import medvidbench.training.key_steps as key_steps_module
from medvidbench.training.alarms import LEAST_PROMPTS, alarms, earned, last_good
from medvidbench.training.recipe import AlarmPart
from medvidbench.training.steps import GrpoStep

W = 5
OFF: dict[str, Any] = dict.fromkeys(
    ("reward_drop", "entropy_below", "kl_above", "parse_below", "truncated_above"), None
)
LEVELS = [
    ("entropy_below", 0.1, "entropy", 0.5, 0.05),
    ("kl_above", 0.2, "kl", 0.1, 0.3),
    ("parse_below", 0.5, "parsed", 0.9, 0.2),
    ("truncated_above", 0.9, "truncated", 0.1, 0.95),
]


def settings(**on: Any) -> AlarmPart:
    return AlarmPart(**(OFF | {"window": W} | on))


def first_alarm(log: list[GrpoStep], part: AlarmPart) -> int | None:
    """The first step at whose end the run would have stopped."""
    return next((k for k in range(1, len(log) + 1) if alarms(log[:k], part)), None)


@pytest.mark.parametrize(("name", "limit", "field", "good", "bad"), LEVELS)
def test_a_level_fires_when_the_window_s_mean_passes_it(
    name: str, limit: float, field: str, good: float, bad: float
) -> None:
    log = steps_of(30, lambda n: {field: good if n <= 20 else bad})
    # by hand: entropy after j bad steps of 5 is (5 - j) 0.5/5 + j 0.05/5, below 0.1 for j = 5 only (0.14 at 4);
    # kl: 0.1 + 0.04 j > 0.2 from j = 3; parsed: 0.9 - 0.14 j < 0.5 from j = 3; truncated: 0.1 + 0.17 j > 0.9 at j = 5
    wanted = {"entropy_below": 25, "kl_above": 23, "parse_below": 23, "truncated_above": 25}[name]
    assert first_alarm(log, settings(**{name: limit})) == wanted
    (alarm,) = alarms(log[:wanted], settings(**{name: limit}))
    assert (alarm.step, alarm.name, alarm.limit) == (wanted, name, limit)
    assert f"{limit:g}" in alarm.why and f"last {W} steps" in alarm.why
    assert alarms(log[:wanted], settings()) == []


@pytest.mark.parametrize(("name", "limit", "field", "good", "bad"), LEVELS)
def test_no_level_fires_before_the_window_is_full(name: str, limit: float, field: str, good: float, bad: float) -> None:
    log = steps_of(W, lambda n: {field: bad})
    assert first_alarm(log, settings(**{name: limit})) == W


@pytest.mark.parametrize(("name", "limit", "field", "good", "bad"), LEVELS)
def test_a_level_at_its_limit_is_allowed(name: str, limit: float, field: str, good: float, bad: float) -> None:
    at = steps_of(W, lambda n: {field: 0.5})
    assert alarms(at, settings(**{name: 0.5})) == []


def test_levels_are_weighted_by_what_they_rest_on_and_steps_without_a_value_are_left_out() -> None:
    # 4 steps of 10 tokens at entropy 0, one of 960 at 1: mean 0.96; the mean of the steps would be 0.2
    log = steps_of(W, lambda n: {"entropy": float(n == 3), "tokens": 960 if n == 3 else 10})
    assert alarms(log, settings(entropy_below=0.9)) == []
    empty = steps_of(W, lambda n: {"parsed": None if n < W else 0.2, "entropy": None})
    (alarm,) = alarms(empty, settings(parse_below=0.5, entropy_below=0.5))
    assert (alarm.name, alarm.seen) == ("parse_below", pytest.approx(0.2))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["loss", "grad_norm"])
@pytest.mark.parametrize("make", [step, sft_step])
def test_a_loss_or_gradient_that_is_not_finite_stops_the_run_at_once(make: Any, field: str, value: float) -> None:
    (alarm,) = alarms([make(1, **{field: value})], settings())
    assert (alarm.step, alarm.name, alarm.limit) == (1, "not_finite", None)
    assert str(value) in alarm.why


def test_missing_values_and_an_empty_log_are_no_alarm() -> None:
    assert alarms([], AlarmPart()) == []
    assert alarms([step(1, loss=None, grad_norm=None)], AlarmPart(window=1)) == []


def falling(count: int, late: float, prompts: int = 4, sd: float = 0.0, **changes: Any) -> list[GrpoStep]:
    """Reward 0.4 for the first 10 steps, `late` afterwards."""

    def make(n: int) -> dict[str, Any]:
        reward = 0.4 if n <= 10 else late
        return {"keys": (key(prompts=prompts, rewarded=prompts, reward=reward, reward_sd=sd, **changes),)}

    return steps_of(count, make)


def test_a_reward_that_falls_by_more_than_its_share_fires_in_the_first_step_that_shows_it() -> None:
    # means of the last 5: 0.4 - 0.06 j with j steps at 0.1; lost 0.15 j, above 0.5 from j = 4
    log = falling(20, 0.1)
    assert first_alarm(log, settings(reward_drop=0.5)) == 14
    (alarm,) = alarms(log[:14], settings(reward_drop=0.5))
    assert (alarm.name, alarm.seen) == ("reward_drop", pytest.approx(0.6))
    assert "a/TAG" in alarm.why and "20 prompts" in alarm.why


def test_a_drop_of_just_the_share_is_allowed() -> None:
    assert first_alarm(falling(20, 0.2), settings(reward_drop=0.5)) is None
    assert first_alarm(falling(20, 0.2), settings(reward_drop=0.49)) == 15


def test_the_two_windows_must_be_apart() -> None:
    early = steps_of(10, lambda n: {"keys": (key(reward=0.4 if n <= 5 else 0.0),)})
    assert [bool(alarms(early[:k], settings(reward_drop=0.5))) for k in range(6, 11)] == [False] * 4 + [True]


def test_a_key_with_few_prompts_in_a_window_gives_no_alarm() -> None:
    # 3 prompts a step make 15 in a window of 5
    assert LEAST_PROMPTS == 16
    assert first_alarm(falling(20, 0.0, prompts=3), settings(reward_drop=0.5)) is None
    assert first_alarm(falling(20, 0.0, prompts=4), settings(reward_drop=0.5)) is not None


def test_a_drop_within_the_noise_gives_no_alarm() -> None:
    # 20 prompts a window; standard error of a window sqrt(0.4^2 / 19) = 0.092, of the difference 0.130: 0.4 is 3.1
    assert first_alarm(falling(20, 0.0, sd=0.4), settings(reward_drop=0.5)) is None
    # 0.065 and 0.092: 4.4
    assert first_alarm(falling(20, 0.0, sd=0.2828), settings(reward_drop=0.5)) is not None


def test_each_key_is_looked_at_on_its_own_and_new_or_absent_ones_are_none() -> None:
    def make(n: int) -> dict[str, Any]:
        keys = [key("good", reward=0.5), key("bad", reward=0.5 if n <= 5 else 0.1)]
        keys += [key("gone", reward=0.5)] if n <= 5 else [key("new", reward=0.0)]
        return {"keys": tuple(keys)}

    found = alarms(steps_of(10, make), settings(reward_drop=0.5))
    assert [a.why.split()[4] for a in found] == ["bad/TAG"]


def test_rewards_that_were_zero_at_the_start_or_never_applied_give_no_alarm() -> None:
    zero = steps_of(20, lambda n: {"keys": (key(reward=0.0),)})
    none = steps_of(20, lambda n: {"keys": (key(reward=None, reward_sd=None, rewarded=0),)})
    assert alarms(zero, settings(reward_drop=0.5)) == alarms(none, settings(reward_drop=0.5)) == []


@given(
    st.lists(
        st.lists(st.floats(0, 1), min_size=1, max_size=5),
        min_size=1,
        max_size=6,
    ).filter(lambda steps: sum(map(len, steps)) > 1)
)
def test_a_window_s_mean_and_error_are_those_of_all_its_prompts_together(rewards: list[list[float]]) -> None:
    window = []
    for n, values in enumerate(rewards, start=1):
        mean = math.fsum(values) / len(values)
        sd = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))
        window.append(step(n, keys=(key(prompts=9, rewarded=len(values), reward=mean, reward_sd=sd),)))
    found = earned(window)["a/TAG"]
    flat = [v for values in rewards for v in values]
    mean = math.fsum(flat) / len(flat)
    variance = math.fsum((v - mean) ** 2 for v in flat) / (len(flat) - 1)
    assert found.prompts == len(flat)
    assert found.mean == pytest.approx(mean, abs=1e-12)
    assert found.error == pytest.approx(math.sqrt(variance / len(flat)), abs=1e-9)


def test_a_run_that_stays_as_it_is_hardly_ever_raises_an_alarm() -> None:
    """Hard prompts (mostly 0, sometimes 1), 2 a step: the drop of half of 0.2 is within chance in a window of 20."""
    draw, part, false = random.Random(0), AlarmPart(**(OFF | {"window": 20, "reward_drop": 0.5})), 0
    for _ in range(10):
        log = []
        for n in range(1, 161):
            a, b = (float(draw.random() < 0.2) for _ in range(2))
            kept = key(prompts=2, rewarded=2, reward=(a + b) / 2, reward_sd=abs(a - b) / 2)
            log.append(step(n, keys=(kept,)))
        false += first_alarm(log, part) is not None
    assert false == 0


def test_the_last_good_checkpoint_has_a_whole_window_after_it() -> None:
    assert last_good([100, 200, 300], step=310, window=20) == 200
    assert last_good([100, 200, 300], step=320, window=20) == 300
    assert last_good([100], step=110, window=20) is None
    assert last_good([], step=110, window=20) is None


@pytest.mark.parametrize("field", ["entropy", "kl"])
def test_an_entropy_or_kl_that_is_not_a_number_stops_the_run_too(field: str) -> None:
    (alarm,) = alarms([step(1), step(2, **{field: math.nan})], settings())
    assert (alarm.step, alarm.name) == (2, "not_finite")


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (alarms_module, key_steps_module):
        found = doctest.testmod(module)
        assert found.attempted and not found.failed
