"""Reward functions of users: TRL's signature, and every way in which one can fail."""

from __future__ import annotations

import asyncio
import math
import sys

import numpy as np
import pytest
import torch
from reward_groups import QUESTION, completions, example

from medvidbench.errors import MedVidBenchError
from medvidbench.training.recipe import RewardPart
from medvidbench.training.rewards import Rewarder
from medvidbench.training.rewards.functions import load_function

SEEN = {}


def lengths(prompts, completions, completion_ids, **columns):
    SEEN.update(columns, prompts=prompts, completions=completions, completion_ids=completion_ids)
    columns["log_metric"]("mean_length", 2.0)
    columns["log_extra"]("words", [len(c[0]["content"].split()) for c in completions])
    return [float(len(ids)) for ids in completion_ids]


def for_cutting_only(completions, solution):
    """Names what it needs, as plain functions do."""
    return [None if answer != "cut" else 1.0 for answer in solution]


async def slow(prompts, completions, **columns):
    SEEN.setdefault("running", []).append(columns["sample_id"][0])
    await asyncio.sleep(0.01)
    SEEN["together"] = len(SEEN["running"])
    return [0.25] * len(completions)


class Scorer:
    """An object that can be called is a function too."""

    async def __call__(self, completions, **columns):
        return [torch.tensor(0.5), np.float32(0.25), True][: len(completions)]


scorer = Scorer()


def bad(completions, target, **columns):
    values = {"nan": math.nan, "inf": -math.inf, "text": "0.5"}
    match target[0]:
        case "raises":
            return [1 / 0]
        case "short":
            return [1.0]
        case "array":
            return np.ones(len(completions))
        case "none":
            return None
        case kind:
            return [1.0, values[kind]]


def task(completions, **columns):
    return [0.0] * len(completions)


def rewarder(*names, tasks=("TAG",)):
    return Rewarder(RewardPart(tasks=tasks), functions=[load_function(f"{__name__}:{name}") for name in names])


def test_a_function_gets_what_trl_gives_it():
    SEEN.clear()
    own = rewarder("lengths")
    own.state.global_step = 7
    (found,) = own([example("TAG")], [completions("10-20 seconds", "", "none")])
    # lengths 0, 1, 2 of rows 0..3, 4..7, 8..11
    assert found.parts["lengths"] == (0.0, 1.0, 2.0)
    assert SEEN["completion_ids"] == [[], [4], [8, 9]]
    assert SEEN["completions"][0] == [{"role": "assistant", "content": "10-20 seconds"}]
    assert SEEN["prompts"][2][0]["content"][1] == {"type": "text", "text": QUESTION}
    assert SEEN["solution"] == SEEN["answer"] == ["the reference"] * 3
    assert SEEN["source"] == ["AVOS"] * 3
    assert SEEN["truth"][0] == example("TAG").sample.truth
    assert SEEN["trainer_state"].global_step == 7
    assert own.names == ("task", "lengths")


def test_what_a_function_logs_is_handed_over_once():
    own = rewarder("lengths")
    own([example("TAG")] * 2, [completions("a b", "c")] * 2)
    logged = own.take_logged()
    assert logged.metrics == {"mean_length": [2.0, 2.0]}
    assert logged.columns == {"words": [2, 1, 2, 1]}
    assert own.take_logged().metrics == {}


def test_a_function_that_names_its_arguments_gets_no_others_and_none_means_not_applicable():
    own = rewarder("for_cutting_only")
    found = own([example("TAG"), example("TAG", answer="cut")], [completions("a", "b")] * 2)
    assert [group.parts["for_cutting_only"] for group in found] == [(None, None), (1.0, 1.0)]


def test_async_functions_run_for_all_prompts_at_once():
    SEEN.clear()
    found = rewarder("slow")([example("TAG", sample_id=f"s{k}") for k in range(3)], [completions("a", "b")] * 3)
    assert SEEN["together"] == 3
    assert [group.parts["slow"] for group in found] == [(0.25, 0.25)] * 3


def test_an_object_and_scalars_of_torch_and_numpy_are_taken():
    (found,) = rewarder("scorer")([example("TAG")], [completions("a", "b", "c")])
    assert found.parts["scorer"] == (0.5, 0.25, 1.0)


def test_a_task_outside_the_rewarded_ones_is_rewarded_by_functions_alone():
    (found,) = rewarder("lengths")([example("NAP")], [completions("tying")])
    assert tuple(found.parts) == ("lengths",)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("raises", r"raised ZeroDivisionError: division by zero \(.*test_rewards_functions\.py, line \d+\)"),
        ("short", "returned 1 values"),
        ("array", "returned ndarray"),
        ("none", "returned NoneType"),
        ("nan", "returned nan .* completion 1"),
        ("inf", "returned -inf .* completion 1"),
        ("text", "returned '0.5' .* completion 1"),
    ],
)
def test_a_function_that_fails_is_named_with_the_sample_and_no_reward_is_invented(kind, said):
    rows = [example("TAG", sample_id="row-17", target=kind)]
    with pytest.raises(MedVidBenchError, match=said) as error:
        rewarder("bad")(rows, [completions("a", "b")])
    assert "row-17" in error.value.seen
    assert f"{__name__}:bad" in error.value.seen


def test_an_async_function_that_raises_is_named_too():
    async def fails(completions, **columns):
        raise RuntimeError("no")

    own = rewarder("slow")
    object.__setattr__(own._functions[0], "call", fails)
    with pytest.raises(MedVidBenchError, match=r"RuntimeError: no .* on sample s1"):
        own([example("TAG")], [completions("a")])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("no_colon", "package.module:name"),
        ("nowhere.at_all:f", "nowhere"),
        (f"{__name__}:missing", "no function missing"),
        (f"{__name__}:SEEN", "no function SEEN"),
        ("a:b c", "package.module:name"),
    ],
)
def test_a_function_that_is_not_there_is_found_at_the_start(spec, said):
    with pytest.raises(MedVidBenchError, match=said):
        load_function(spec)


def test_a_file_in_the_current_folder_is_found_and_a_broken_one_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rewards_of_mine.py").write_text("def polite(completions):\n    return [1.0] * len(completions)\n")
    (tmp_path / "rewards_with_a_fault.py").write_text("def f(:\n")
    assert load_function("rewards_of_mine:polite").call([1, 2]) == [1.0, 1.0]
    with pytest.raises(MedVidBenchError, match="rewards_with_a_fault"):
        load_function("rewards_with_a_fault:f")


def test_two_rewards_of_one_name_are_refused():
    with pytest.raises(MedVidBenchError, match="Two rewards are called task"):
        rewarder("task")


def test_a_functions_source_is_part_of_the_record():
    own = rewarder("lengths").record()["parts"]["lengths"]
    assert own["function"] == f"{__name__}:lengths"
    assert len(own["source_sha256"]) == 64
