"""The registry of methods, the settings a recipe ends up with, and the table."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.training.methods import METHODS, Settings, filled, method, resolved
from medvidbench.training.methods.table import HEAD, methods_table, proof
from medvidbench.training.recipe import GrpoPart, RewardPart

ROOT = Path(__file__).parents[2]


def test_an_unknown_method_is_an_error_that_names_those_that_exist() -> None:
    with pytest.raises(MedVidBenchError, match=r"No method 'ppo'\.\nAccepted: grpo, zscore, medgrpo"):
        method("ppo")


def test_each_call_gives_a_method_without_memory() -> None:
    assert method("drpo") is not method("drpo")


def test_a_silent_recipe_takes_the_settings_of_the_source() -> None:
    found = resolved(GrpoPart(method="dapo"), RewardPart())
    assert found == Settings("group", 0.2, 0.28, "token", "resample", 0.0, "none")


def test_what_a_recipe_says_is_kept() -> None:
    said = GrpoPart(method="grpo", scale="none", clip_low=0.1, clip_high=0.5, aggregation="token", zero_spread="skip")
    found = resolved(said, RewardPart(normalisation="zscore"))
    assert found == Settings("none", 0.1, 0.5, "token", "skip", 0.04, "zscore")


def test_a_kl_weight_of_zero_and_the_default_normalisation_count_once_they_are_said() -> None:
    found = resolved(GrpoPart(method="grpo", kl=0.0), RewardPart(normalisation="logistic"))
    assert (found.kl, found.normalisation) == (0.0, "logistic")


@pytest.mark.parametrize("name", METHODS)
def test_filled_parts_say_everything_and_stay_as_they_are_when_read_again(name: str) -> None:
    trees = {"branches": 2, "branch_tokens": 4} if name == "tree_grpo" else {}
    grpo, rewards = filled(GrpoPart.model_validate({"method": name, **trees}), RewardPart())
    again = GrpoPart.model_validate(grpo.model_dump()), RewardPart.model_validate(rewards.model_dump())
    assert resolved(*again) == resolved(grpo, rewards) == method(name).defaults
    assert None not in (grpo.scale, grpo.clip_low, grpo.clip_high, grpo.aggregation, grpo.zero_spread)


def test_trees_that_are_not_sampled_are_refused_before_the_run() -> None:
    with pytest.raises(MedVidBenchError, match="branches 1"):
        resolved(GrpoPart(method="tree_grpo"), RewardPart())
    with pytest.raises(MedVidBenchError, match=r"branches 8.*group_size 8"):  # trees of one completion
        resolved(GrpoPart(method="tree_grpo", branches=8, branch_tokens=4), RewardPart())


@pytest.mark.parametrize("kind", METHODS.values(), ids=list(METHODS))
def test_each_method_has_a_file_of_tests_that_calls_it(kind: type) -> None:
    tree = ast.parse((ROOT / proof(kind)).read_text(encoding="utf-8"))
    tests = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    words = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert len(tests) >= 3 and kind.name in words


def test_the_table_has_a_row_of_six_cells_for_each_method() -> None:
    lines = methods_table().splitlines()
    assert len(lines) == 2 + len(METHODS)
    assert all(line.replace("\\|", "").count("|") == len(HEAD) + 1 for line in lines)
    for name, line in zip(METHODS, lines[2:], strict=True):
        assert f"(`{name}`)" in line and proof(METHODS[name]) in line


def test_formulas_that_are_ours_are_never_given_as_the_papers() -> None:
    for name in ("crpo", "grpo_pp"):
        row = next(line for line in methods_table().splitlines() if f"(`{name}`)" in line)
        assert "our reading" in row and "abstract" in row


def test_the_command_prints_the_table(cli: Callable[..., Any]) -> None:
    done = cli("train", "methods")
    assert done.code == 0 and all(kind.title in done.out and kind.source in done.out for kind in METHODS.values())
