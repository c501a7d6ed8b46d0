"""Two processes on the CPU train as one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from grpo_runs import grpo_recipe
from grpo_runs import run as reinforced
from safetensors.torch import load_file
from sft_runs import run, sft_recipe
from sharded_runs import assert_logs_agree, assert_near, launched

from medvidbench.training.checkpoints import latest
from medvidbench.training.processes import Processes
from medvidbench.training.recipe_files import write_recipe
from medvidbench.training.run_facts import read_facts
from medvidbench.training.watch import read_log

PROGRAM = """
import sys
from pathlib import Path
import torch
from medvidbench.training.machine import Machine
from medvidbench.training.recipe_files import load_recipe
from medvidbench.training.sft import run_sft
if __name__ == "__main__":
    torch.set_num_threads(1)
    run_sft(load_recipe(sys.argv[1]), Path(sys.argv[2]), machine=Machine(workers=0))
"""


def test_two_processes_end_with_the_weights_of_one(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    # three rows a step: two in one process, one in the other
    recipe = sft_recipe(training_bench, tiny_policy_folder, steps=3, batch_size=3)
    write_recipe(recipe, tmp_path / "recipe.yaml")
    (tmp_path / "program.py").write_text(PROGRAM)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=0", "--standalone"]
    command = [*launcher, tmp_path / "program.py", tmp_path / "recipe.yaml", tmp_path / "two"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=200, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    one, two = run(recipe, tmp_path / "one"), read_log(tmp_path / "two")
    for alone, together in zip(one, two, strict=True):
        assert (together.step, together.kind, together.tokens) == (alone.step, alone.kind, alone.tokens)
        assert together.loss == pytest.approx(alone.loss, rel=1e-5)
        assert together.grad_norm == pytest.approx(alone.grad_norm, rel=1e-5)
    found, wanted = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("two", "one"))
    base = load_file(tiny_policy_folder / "model.safetensors")
    moved = max(float((wanted[name] - base[name]).abs().max()) for name in wanted)
    assert max(float((found[name] - wanted[name]).abs().max()) for name in wanted) < 0.02 * moved
    facts, folder = read_facts(tmp_path / "two"), latest(tmp_path / "two")
    assert facts is not None and (facts.processes, facts.device, facts.dtype) == (2, "cpu", "float32")
    # each process has its own generator, and both are kept
    assert folder is not None and sorted(load_file(folder / "random.safetensors")) == ["0.cpu", "1.cpu"]


def test_two_processes_reinforce_as_one_does(training_bench: Path, tiny_policy_folder: Path, tmp_path: Path) -> None:
    # three prompts a step: two in one process, one in the other
    recipe = grpo_recipe(training_bench, tiny_policy_folder, batch_size=3, steps=4, save_every=2, grpo__kl=0.05)
    (tmp_path / "two").mkdir()
    write_recipe(recipe, tmp_path / "two" / "recipe.yaml")
    reinforced(recipe, tmp_path / "one")
    launched(tmp_path / "two", sharded=False)
    names = ("loss", "grad_norm", "entropy", "kl", "ratio", "length_mean", "tokens")
    assert_logs_agree(tmp_path / "two", tmp_path / "one", names)
    assert_near(tmp_path / "two", tmp_path / "one", tiny_policy_folder)
    facts, folder = read_facts(tmp_path / "two"), latest(tmp_path / "two")
    assert facts is not None and facts.processes == 2
    assert folder is not None and sorted(load_file(folder / "random.safetensors")) == ["0.cpu", "1.cpu"]


def test_one_process_is_the_plain_case() -> None:
    processes = Processes.start("cpu")
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.tensor([1.0, 2.0])
    processes.sum_gradients([weight])
    assert weight.grad.tolist() == [1.0, 2.0]
    assert (processes.main, processes.count, processes.gathered("x")) == (True, 1, ["x"])
