"""Work that changes nothing: as many calls and gradients as real work has, all of them 0."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch

from medvidbench.training.batches import answer_losses
from medvidbench.training.forwards import FORWARDS, forward
from medvidbench.training.idle import idle_batch, idle_prompt
from medvidbench.training.policy import Policy, load_policy, trainable_parameters
from medvidbench.training.recipe import DataPart, ModelPart


@pytest.fixture
def policy(tiny_policy_folder: Path) -> Policy:
    return load_policy(ModelPart(path=str(tiny_policy_folder), device="cpu", freeze_vision=False), DataPart())


def assert_all_zero(policy: Policy) -> None:
    """Every parameter took part: a shard without a gradient would leave the other processes waiting."""
    for name, value in trainable_parameters(policy):
        assert value.grad is not None and not value.grad.any(), name


def test_an_idle_row_of_fine_tuning_has_a_loss_and_gradients_of_zero(policy: Policy) -> None:
    losses = answer_losses(policy.model, idle_batch(policy.checkpoint.config, policy.pad))
    assert losses.tolist() == [0.0]
    losses.sum().backward()
    assert_all_zero(policy)


@pytest.mark.parametrize("name", FORWARDS)
def test_an_idle_group_of_reinforcement_has_gradients_of_zero(name: str, policy: Policy) -> None:
    prompt = idle_prompt(policy.checkpoint.config, policy.pad)
    ids, lengths = torch.tensor([[policy.pad]]), torch.tensor([0])
    calls: list[int] = []
    policy.model.register_forward_hook(lambda *_: calls.append(1))
    scores = forward(name)(policy.model, prompt, ids, lengths)
    (scores.logps.sum() * 0.0).backward()
    # a cached prompt is one call and its completions another, whether there are any or not
    assert len(calls) == (2 if name == "prefix_kv" else 1)
    assert_all_zero(policy)
