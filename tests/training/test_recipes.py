"""Recipes: those that ship say what the paper states, a key that nobody knows is an error, what is left out is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.training.recipe_files import check_recipe, load_recipe, recipe_names, write_recipe


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_ships_is_one_and_comes_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    write_recipe(recipe, tmp_path / "again.yaml")
    assert load_recipe(tmp_path / "again.yaml") == recipe


def test_the_paper_s_recipes_ship_and_say_what_it_states() -> None:
    assert {"sft-7b", "medgrpo-7b", "medgrpo-4b"} <= set(recipe_names())
    # fine-tuning: Qwen2.5-VL-7B-Instruct, 3 epochs, 5e-7, AdamW, linear; 8 to 48 tokens of 28 x 28 pixels a frame
    sft = load_recipe("sft-7b")
    assert (sft.model.path, sft.epochs, sft.optimiser.lr) == ("Qwen/Qwen2.5-VL-7B-Instruct", 3, 5e-7)
    assert (sft.optimiser.schedule, sft.data.min_pixels, sft.data.max_pixels) == ("linear", 8 * 784, 48 * 784)
    # reinforcement: 8 completions, clip 0.2 and 0.3, no KL term, 5e-7, 5,000 steps; logistic of k = 3; TAG, STG, VS, RC
    own = load_recipe("medgrpo-7b")
    assert (own.grpo.group_size, own.grpo.clip_low, own.grpo.clip_high, own.grpo.kl) == (8, 0.2, 0.3, 0.0)
    assert (own.optimiser.lr, own.steps, own.grpo.max_new_tokens, own.data.balance) == (5e-7, 5000, 256, "task")
    assert (own.rewards.normalisation, own.rewards.k, own.rewards.drift) == ("logistic", 3.0, "static")
    assert own.rewards.tasks == own.data.tasks == ("TAG", "STG", "VS", "RC")
    # one GPU: adapters, and the same method
    small = load_recipe("medgrpo-4b")
    assert small.model.lora is not None and small.rewards == own.rewards
    assert small.grpo == own.grpo


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("learning_rate", "learning_rate: Extra inputs are not permitted"),
        ("optimiser.learning_rate", "optimiser.learning_rate: Extra"),
        ("grpo.clip", "grpo.clip: Extra"),
        ("data.turn", "data.turn: Extra"),
    ],
)
def test_a_key_that_nobody_knows_is_named(key: str, said: str) -> None:
    with pytest.raises(MedVidBenchError, match=said):
        load_recipe("medgrpo-7b", {key: 1})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 2}, "say either steps or epochs"),
        ({"steps": None}, "say either steps or epochs"),
        ({"steps": None, "epochs": 2}, "counts steps, not epochs"),
        ({"grpo.forward": "prefix_kv"}, "gradient checkpointing works with"),
        ({"grpo.group_size": 1}, "greater than or equal to 2"),
        ({"grpo.scale": "mean"}, "'group', 'batch' or 'none'"),
        ({"rewards.judge": None, "rewards.similarity": False}, "neither a judge nor similarity"),
        ({"data.tasks": ["TAL"]}, "data.tasks"),
        ({"data.balance": "key", "data.turns": {"TAG": 2}}, "turns go with the balance task"),
        ({"optimiser.lr": 0}, "optimiser.lr: Input should be greater than 0"),
        ({"optimiser.betas": [0.9, 1.0]}, "optimiser.betas.1: Input should be less than 1"),
        ({"optimiser.eps": -1e-8}, "optimiser.eps"),
        ({"model.path.name": 1}, "path is a value"),
    ],
)
def test_values_that_make_no_sense_together_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(MedVidBenchError, match=said):
        load_recipe("medgrpo-7b", changes)


def test_all_faults_of_a_recipe_are_told_at_once() -> None:
    with pytest.raises(MedVidBenchError) as caught:
        check_recipe({"kind": "sft", "name": "x", "steps": 0, "lr": 1}, "mine.yaml")
    for said in ("mine.yaml", "steps: ", "lr: ", "model: Field required", "optimiser: Field required"):
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "is not YAML"), ("- 1", "holds list"), ("\xff\xfe", "is not YAML")]
)
def test_a_file_that_is_no_recipe_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(MedVidBenchError, match=said):
        load_recipe(tmp_path / "r.yaml")


def test_a_recipe_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(MedVidBenchError, match="medgrpo-7b"):
        load_recipe("medgrpo-70b")


@pytest.mark.parametrize("name", recipe_names())
def test_no_recipe_that_ships_draws_rows_that_it_does_not_reward(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.kind == "sft" or set(recipe.data.tasks or ["all"]) <= set(recipe.rewards.tasks)
