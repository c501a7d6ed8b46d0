"""Training with one model spread over two processes (FSDP2 on gloo): what one process learns, and its checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from grpo_runs import grpo_recipe
from grpo_runs import run as run_grpo
from sft_runs import run as run_sft
from sft_runs import sft_recipe
from sharded_runs import assert_logs_agree, assert_near, launched, weights
from vllm_server_stand_in import serving

from medvidbench.errors import MedVidBenchError
from medvidbench.training.checkpoints import checkpoints
from medvidbench.training.policy import load_policy
from medvidbench.training.recipe import DataPart, Lora, ModelPart, Recipe
from medvidbench.training.recipe_files import write_recipe
from medvidbench.training.run_facts import read_facts
from medvidbench.training.sharding import Sharding
from medvidbench.training.watch import read_log


def recipe(kind: str, bench: Path, model: Path) -> Recipe:
    """Three prompts a step: process 0 has two of them in one step, one in the next."""
    common: dict[str, Any] = {"batch_size": 3, "steps": 4, "save_every": 2}
    if kind == "sft":
        return sft_recipe(bench, model, **common)
    return grpo_recipe(bench, model, **common, grpo__kl=0.05)


def assert_same(one: Path, other: Path) -> None:
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in b)


def assert_stopped_by_its_judge(out: Path) -> None:
    """The step before is saved, and the reason stands in the run's facts."""
    facts, (saved,) = read_facts(out), checkpoints(out)
    assert facts is not None and facts.ending is not None and "server is down" in facts.ending.reason
    assert (facts.ending.how, facts.ending.step) == ("stopped", int(saved.name[-1]))
    assert facts.ending.step < 4


def test_two_processes_that_share_a_model_learn_what_one_learns_also_after_a_kill_and_without_their_judge(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    def begun(kind: str, name: str) -> Path:
        (tmp_path / name).mkdir()
        write_recipe(recipe(kind, training_bench, tiny_policy_folder), tmp_path / name / "recipe.yaml")
        return tmp_path / name

    sft, grpo = begun("sft", "sft-one"), begun("grpo", "grpo-one")
    run_sft(recipe("sft", training_bench, tiny_policy_folder), sft)
    run_grpo(recipe("grpo", training_bench, tiny_policy_folder), grpo)
    judged, killed, whole, single = begun("grpo", "judged"), *(begun("sft", n) for n in ("killed", "whole", "single"))
    launched(judged, killed, judge_down=True, die_after=3)
    assert_stopped_by_its_judge(judged)
    assert [path.name for path in checkpoints(killed)] == ["step-00000002"]
    shutil.copytree(sft / "step-00000002", single / "step-00000002")
    launched(judged, killed, whole, single)

    assert_logs_agree(whole, sft, ("loss", "grad_norm", "tokens", "n", "lr"))
    assert_logs_agree(judged, grpo, ("loss", "grad_norm", "entropy", "kl", "ratio", "length_mean", "tokens"))
    assert read_log(judged)[-1].kl > 1e-5  # type: ignore[union-attr] # to the model at the start
    for found, wanted in ((whole, sft), (single, sft), (judged, grpo)):
        assert_near(found, wanted, tiny_policy_folder)
    assert_same(killed, whole)
    facts = read_facts(whole)
    assert facts is not None and facts.processes == 2
    # a checkpoint of two processes goes on in one
    alone = begun("sft", "alone")
    shutil.copytree(whole / "step-00000002", alone / "step-00000002")
    assert [step.step for step in run_sft(recipe("sft", training_bench, tiny_policy_folder), alone)] == [3, 4]
    assert_near(alone, sft, tiny_policy_folder)


def test_a_shared_model_goes_to_a_server_whole_and_learns_from_it_what_one_process_learns(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path, package: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    changes: dict[str, Any] = {"batch_size": 3, "steps": 2, "grpo__rollouts": "vllm"}
    asked = grpo_recipe(training_bench, tiny_policy_folder, **changes)
    two.mkdir()
    write_recipe(asked, two / "recipe.yaml")
    with serving(tiny_policy_folder) as server:
        run_grpo(asked, one, server=server.url)
        alone = sorted(server.seen)
        server.seen.clear()
        launched(two, server=server.url, path=str(tmp_path / "packages"))
    told, generate, reload = "/server_info?config_format=json", "/inference/v1/generate", "/collective_rpc"
    assert (alone.count(generate), alone.count(reload)) == (6, 2)
    # each process asks whether the server can be used; one hands the weights over
    assert sorted(server.seen) == sorted([*alone, told])
    assert_near(two, one, tiny_policy_folder)


def test_adapters_are_refused_where_the_model_is_shared(tiny_policy_folder: Path) -> None:
    part = ModelPart(path=str(tiny_policy_folder), device="cpu", lora=Lora(rank=2))
    with pytest.raises(MedVidBenchError, match="LoRA in a launch that shards"):
        load_policy(part, DataPart(), sharding=Sharding(2))
