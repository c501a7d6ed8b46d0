"""Who draws the completions of a run: the policy, or an engine whose probabilities are corrected for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
import vllm_stand_in
from grpo_runs import grpo_recipe, run
from safetensors.torch import load_file
from tiny_policy import ask
from vllm_server_stand_in import serving

from medvidbench.errors import MedVidBenchError
from medvidbench.training import checkpoints, grpo_batch, vllm_client
from medvidbench.training.machine import Machine
from medvidbench.training.policy import Policy, load_policy
from medvidbench.training.recipe import DataPart, GrpoPart, ModelPart, Recipe
from medvidbench.training.samplers import OwnRollouts, rollouts
from medvidbench.training.unavailable import Unavailable
from medvidbench.training.vllm_rollouts import VllmRollouts

ALONE: Any = SimpleNamespace(count=1)
GRPO = GrpoPart(group_size=2, max_new_tokens=5)


@pytest.fixture
def policy(tiny_policy_folder: Path) -> Policy:
    return load_policy(ModelPart(path=str(tiny_policy_folder), device="cpu"), DataPart())


def recipe(bench: Path, model: Path, **changes: Any) -> Recipe:
    """Two steps of one update each, the vision tower frozen."""
    base = {"model__freeze_vision": True, "grpo__updates": 1, "steps": 2}
    return grpo_recipe(bench, model, **(base | changes))


@pytest.fixture
def same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds that vLLM takes as they are: it has 31 bits for them, the trainer's own rollouts more."""
    monkeypatch.setattr(grpo_batch, "position_seed", lambda seed, position: position)


def weights(out: Path) -> dict[str, Any]:
    return load_file(out / "model" / "model.safetensors")


def test_prompts_are_sampled_some_at_a_time_and_none_is_lost_or_moved(policy: Policy, tmp_path: Path) -> None:
    asked: Any = SimpleNamespace(prepare=policy.prompter.prepare)
    examples: Any = [SimpleNamespace(prompt=ask(asked, shade=shade)) for shade in range(5)]
    few, all_ = (rollouts(policy, GRPO, Machine(rollout_prompts=count), ALONE, tmp_path) for count in (2, 8))
    assert isinstance(few, OwnRollouts)
    for one, other in zip(few(examples, range(5)), all_(examples, range(5)), strict=True):
        assert torch.equal(one.ids, other.ids) and one.texts == other.texts and one.ids.shape == (2, 5)
    assert few([], []) == []
    assert policy.model.training  # as it was


def test_a_recipe_that_names_vllm_has_its_engine_with_the_machine_s_share_of_memory(
    policy: Policy, package: Path, tmp_path: Path
) -> None:
    made = rollouts(policy, GrpoPart(rollouts="vllm"), Machine(rollout_memory=0.3), ALONE, tmp_path)
    assert isinstance(made, VllmRollouts)
    assert made.engine.rest["gpu_memory_utilization"] == 0.3
    assert made.engine.events[0] == "weights"  # a resumed policy is not the model on the disk
    assert made([], []) == []


@pytest.mark.usefixtures("same_draws")
def test_completions_of_another_engine_with_equal_probabilities_train_the_same_policy(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path, package: Path
) -> None:
    own = run(recipe(training_bench, tiny_policy_folder), tmp_path / "own")
    other = run(recipe(training_bench, tiny_policy_folder, grpo__rollouts="vllm"), tmp_path / "vllm")
    assert [step.correction for step in own] == [None, None]
    # equal but for the rounding of another batch
    assert [step.correction for step in other] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert [step.grad_norm for step in other] == pytest.approx([step.grad_norm for step in own], rel=1e-3)
    for name, value in weights(tmp_path / "own").items():
        assert float((value - weights(tmp_path / "vllm")[name]).abs().max()) < 1e-4, name


@pytest.mark.usefixtures("same_draws")
def test_tokens_that_an_engine_drew_too_readily_weigh_less(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own,) = run(recipe(training_bench, tiny_policy_folder, steps=1), tmp_path / "own")
    real = vllm_stand_in.LLM._one

    def sure(self: Any, *args: Any) -> Any:
        output = real(self, *args)
        for completion in output.outputs:
            for row in completion.logprobs:
                for drawn in row.values():
                    drawn.logprob += 0.6931472  # ln 2: twice as likely as under the policy
        return output

    monkeypatch.setattr(vllm_stand_in.LLM, "_one", sure)
    changes: dict[str, Any] = {"steps": 1, "grpo__rollouts": "vllm"}
    (halved,) = run(recipe(training_bench, tiny_policy_folder, **changes), tmp_path / "vllm")
    # every token weighs min(1/2, 2) = 1/2, and so does the gradient
    assert halved.correction == pytest.approx(0.5, abs=1e-4)
    assert own.grad_norm and halved.grad_norm == pytest.approx(own.grad_norm / 2, rel=1e-3)


def test_a_run_on_vllm_that_stopped_goes_on_to_the_same_weights(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path, package: Path
) -> None:
    for out, lengths in (("whole", (4,)), ("parts", (2, 4))):
        for steps in lengths:
            changes: dict[str, Any] = {"steps": steps, "grpo__rollouts": "vllm"}
            run(recipe(training_bench, tiny_policy_folder, **changes), tmp_path / out)
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.usefixtures("same_draws", "package")
def test_a_run_whose_server_goes_down_is_saved_between_two_steps_and_goes_on_to_the_same_weights(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_client, "RETRIES", 0)
    asked = recipe(training_bench, tiny_policy_folder, steps=3, save_every=3, grpo__rollouts="vllm")
    own = run(asked.model_copy(update={"grpo": asked.grpo.model_copy(update={"rollouts": "own"})}), tmp_path / "own")
    with serving(tiny_policy_folder) as server:
        server.change = lambda reply: reply if server.seen.count("/collective_rpc") < 3 else {}
        with pytest.raises(MedVidBenchError, match="another form"):
            run(asked, tmp_path / "run", server=server.url)
        assert checkpoints.checkpoints(tmp_path / "run") == []  # an answer that can't be right is nothing to go on from
        server.change = lambda reply: reply
        server.fall_at["/collective_rpc"] = server.seen.count("/collective_rpc") + 3
        with pytest.raises(Unavailable, match="status 503"):
            run(asked, tmp_path / "run", server=server.url)
        assert [path.name for path in checkpoints.checkpoints(tmp_path / "run")] == [checkpoints.step_name(2)]
        server.fall_at.clear()
        (last,) = run(asked, tmp_path / "run", server=server.url)
    assert last.correction == pytest.approx(1.0, abs=1e-4)
    assert last.grad_norm == pytest.approx(own[-1].grad_norm, rel=1e-3)
    for name, value in weights(tmp_path / "own").items():
        assert float((value - weights(tmp_path / "run")[name]).abs().max()) < 1e-4, name
    assert not (tmp_path / "run" / "rollout_weights").exists()
