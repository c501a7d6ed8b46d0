"""The policy: what is trained, in which precision, and what it is compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from tiny_policy import ask, policy

from medvidbench.errors import MedVidBenchError
from medvidbench.models.greedy import collate
from medvidbench.training.optimiser import make_optimiser
from medvidbench.training.policy import Policy, load_policy, reference, trainable_parameters
from medvidbench.training.recipe import DataPart, Lora, ModelPart, OptimiserPart


@pytest.fixture(scope="module")
def inputs(tiny_policy_folder: Path) -> dict[str, Any]:
    return collate([ask(policy(tiny_policy_folder))], 0).inputs


def loaded(folder: Path, with_reference: bool = False, **options: Any) -> Policy:
    part = ModelPart(path=str(folder), device="cpu", **options)
    return load_policy(part, DataPart(), with_reference=with_reference)


def logits(model: Any, inputs: dict[str, Any]) -> Any:
    with torch.no_grad():
        return model(**inputs).logits


def moved(found: Policy, inputs: dict[str, Any]) -> None:
    """One step of training."""
    named = trainable_parameters(found)
    optimiser = make_optimiser(named, OptimiserPart(lr=0.01))
    found.model(**inputs).logits.square().mean().backward()
    optimiser.step()


def test_a_frozen_vision_tower_gets_no_gradient_and_all_else_does(tiny_policy_folder: Path) -> None:
    names = [name for name, _ in trainable_parameters(loaded(tiny_policy_folder))]
    assert names and not any("visual" in name for name in names)
    every = [name for name, _ in trainable_parameters(loaded(tiny_policy_folder, freeze_vision=False))]
    assert set(names) < set(every) and any("visual" in name for name in every)


def test_weights_that_a_pattern_finds_get_no_gradient(tiny_policy_folder: Path) -> None:
    every = {name for name, _ in trainable_parameters(loaded(tiny_policy_folder))}
    patterns = (r"layers\.0\.mlp", "embed_tokens")
    left = {name for name, _ in trainable_parameters(loaded(tiny_policy_folder, freeze=patterns))}
    assert left == {name for name in every if "layers.0.mlp" not in name and "embed_tokens" not in name} < every
    for bad in ("layers\\.9", "("):
        with pytest.raises(MedVidBenchError, match="freeze"):
            loaded(tiny_policy_folder, freeze=(bad,))


def test_adapters_sit_on_the_language_model_alone(tiny_policy_folder: Path) -> None:
    pytest.importorskip("peft")
    names = [name for name, _ in trainable_parameters(loaded(tiny_policy_folder, lora=Lora(rank=2)))]
    # 2 layers, 7 linear layers each, A and B
    assert len(names) == 2 * 7 * 2
    assert all("lora_" in name and "visual" not in name for name in names)


@pytest.mark.parametrize("lora", [None, Lora(rank=2)], ids=["full", "lora"])
def test_the_reference_stays_as_the_model_was_at_the_start(
    tiny_policy_folder: Path, inputs: dict[str, Any], lora: Lora | None
) -> None:
    if lora is not None:
        pytest.importorskip("peft")
    found = loaded(tiny_policy_folder, with_reference=True, lora=lora)
    base = logits(policy(tiny_policy_folder).checkpoint.model, inputs)
    moved(found, inputs)
    if lora is not None:  # B begins at 0: A moves with the second step alone
        moved(found, inputs)
    after = logits(found.model, inputs)
    assert not torch.equal(after, base)
    with reference(found) as model:
        assert torch.equal(logits(model, inputs), base)
    assert torch.equal(logits(found.model, inputs), after)
    assert len(trainable_parameters(found)) > 0


def test_a_full_training_without_a_copy_has_no_reference(tiny_policy_folder: Path) -> None:
    found = loaded(tiny_policy_folder)
    with pytest.raises(MedVidBenchError, match="no reference model"), reference(found):
        pass


def test_an_update_too_small_for_bfloat16_is_not_lost(tiny_policy_folder: Path, inputs: dict[str, Any]) -> None:
    found = loaded(tiny_policy_folder, dtype="bfloat16")
    assert found.dtype == "bfloat16"
    name, weight = next((n, p) for n, p in trainable_parameters(found) if "q_proj.weight" in n)
    before = weight.detach().clone()
    optimiser = make_optimiser(trainable_parameters(found), OptimiserPart(lr=5e-7))
    with found.computing():
        out = found.model(**inputs).logits
    assert out.dtype == torch.bfloat16
    out.float().square().mean().backward()
    optimiser.step()
    change = (weight.detach() - before).abs()
    assert weight.dtype == torch.float32
    # AdamW's first step moves every weight with a gradient by about the learning rate
    assert float(change.median()) == pytest.approx(5e-7, rel=0.2), name
    # what a run in bfloat16 alone would have kept of it: nothing, but where a weight lay at a rounding boundary
    assert float((before.bfloat16() != weight.detach().bfloat16()).float().mean()) < 0.01


def test_dropout_is_off_in_training_mode(tiny_policy_folder: Path, inputs: dict[str, Any]) -> None:
    found = loaded(tiny_policy_folder)
    assert found.model.training
    assert torch.equal(logits(found.model, inputs), logits(found.model.eval(), inputs))


def test_gradient_checkpointing_changes_no_gradient(tiny_policy_folder: Path, inputs: dict[str, Any]) -> None:
    found, calls = [], []
    for checkpointing in (False, True):
        model = loaded(tiny_policy_folder, freeze_vision=False, gradient_checkpointing=checkpointing).model
        counted: list[int] = []
        model.model.language_model.layers[0].mlp.register_forward_pre_hook(lambda *_, to=counted: to.append(1))
        model(**inputs, use_cache=False).logits.square().mean().backward()
        found.append({name: value.grad for name, value in model.named_parameters()})
        calls.append(len(counted))
    plain, recomputed = found
    assert calls == [1, 2]
    assert all(torch.equal(plain[name], recomputed[name]) for name in plain)


def test_adapters_with_a_trained_vision_tower_are_refused(tiny_policy_folder: Path) -> None:
    with pytest.raises(MedVidBenchError, match="LoRA with a vision tower"):
        loaded(tiny_policy_folder, lora=Lora(), freeze_vision=False)


def test_everything_frozen_is_refused(tiny_policy_folder: Path) -> None:
    found = loaded(tiny_policy_folder)
    found.model.requires_grad_(False)
    with pytest.raises(MedVidBenchError, match="freezes every weight"):
        trainable_parameters(replace(found))
