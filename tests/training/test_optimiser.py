"""Learning rates by hand, groups of weight decay, and the gradient's norm."""

from __future__ import annotations

import doctest
import importlib
import math

import pytest

pytest.importorskip("torch")

import torch
from torch.nn import Parameter

from medvidbench.training.optimiser import clip_gradients, learning_rate, make_optimiser, set_rate
from medvidbench.training.recipe import OptimiserPart
from medvidbench.training.recipe_files import load_recipe


def rates(total: int, **options: object) -> list[float]:
    part = OptimiserPart.model_validate({"lr": 1.0, **options})
    return [learning_rate(step, total, part) for step in range(total)]


def test_a_linear_rate_would_be_0_one_step_after_the_last() -> None:
    assert rates(4) == [1.0, 0.75, 0.5, 0.25]


def test_warm_up_climbs_in_equal_steps_to_the_whole_rate() -> None:
    # w = 2: 1/3, 2/3, then 1 - (step - 2) / 2
    assert rates(4, warmup=2) == pytest.approx([1 / 3, 2 / 3, 1.0, 0.5])


def test_a_cosine_falls_by_half_at_half_of_the_way() -> None:
    # (1 + cos(pi r)) / 2 at r = 0, 1/4, 1/2, 3/4
    assert rates(4, schedule="cosine") == pytest.approx([1.0, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2])


def test_a_constant_rate_stays_and_a_warm_up_longer_than_the_run_is_all_of_it() -> None:
    assert rates(3, schedule="constant") == [1.0] * 3
    assert rates(2, warmup=9) == pytest.approx([0.1, 0.2])


def test_weight_decay_acts_on_matrices_alone() -> None:
    matrix, vector = Parameter(torch.ones(2, 2)), Parameter(torch.ones(2))
    optimiser = make_optimiser([("m", matrix), ("v", vector)], OptimiserPart(lr=0.1, weight_decay=0.5))
    matrix.grad, vector.grad = torch.zeros(2, 2), torch.zeros(2)
    optimiser.step()
    # AdamW: w * (1 - lr * decay), and no step without a gradient
    assert matrix.detach().flatten().tolist() == pytest.approx([0.95] * 4)
    assert vector.tolist() == [1.0, 1.0]


def test_the_rate_that_is_set_is_the_rate_of_the_step() -> None:
    weight = Parameter(torch.zeros(1, 1))
    optimiser = make_optimiser([("w", weight)], OptimiserPart(lr=1.0))
    set_rate(optimiser, 0.25)
    weight.grad = torch.tensor([[3.0]])
    optimiser.step()
    # the first step of Adam is lr * g / |g|
    assert float(weight.detach()) == pytest.approx(-0.25, rel=1e-5)


@pytest.mark.parametrize(("most", "left"), [(1.0, 1.0), (0.0, 5.0), (10.0, 5.0)])
def test_the_norm_before_clipping_is_told_and_0_never_clips(most: float, left: float) -> None:
    weights = [Parameter(torch.zeros(1)), Parameter(torch.zeros(1))]
    weights[0].grad, weights[1].grad = torch.tensor([3.0]), torch.tensor([4.0])
    assert clip_gradients(weights, most) == pytest.approx(5.0)
    after = math.hypot(*(float(weight.grad) for weight in weights if weight.grad is not None))
    assert after == pytest.approx(left, rel=1e-5)


def test_the_recipe_of_the_paper_has_the_values_of_the_paper() -> None:
    recipe = load_recipe("sft-7b")
    assert (recipe.model.path, recipe.epochs, recipe.optimiser.lr) == ("Qwen/Qwen2.5-VL-7B-Instruct", 3, 5e-7)
    assert (recipe.optimiser.schedule, recipe.data.min_pixels, recipe.data.max_pixels) == (
        "linear",
        8 * 28 * 28,
        48 * 28 * 28,
    )
    assert recipe.data.fps is None and recipe.data.frames is None


@pytest.mark.parametrize("name", ["batches", "optimiser", "order"])
def test_examples_in_docstrings_give_what_they_say(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"medvidbench.training.{name}"))
    assert results.attempted > 0 and results.failed == 0
