"""SIGKILL in the middle of fine-tuning: the run goes on, and ends with the bits that it would have ended with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from safetensors.torch import load_file
from sft_runs import run, sft_recipe

from medvidbench.training.checkpoints import checkpoints
from medvidbench.training.recipe import write_recipe
from medvidbench.training.watch import read_log

PROGRAM = """
import sys, time
from pathlib import Path
import torch
from medvidbench.training.machine import Machine
from medvidbench.training.recipe import load_recipe
from medvidbench.training.sft import run_sft
if __name__ == "__main__":
    torch.set_num_threads(1)
    recipe, out, prepared, pause = sys.argv[1:]
    machine = Machine(prepared=Path(prepared), workers=0)
    run_sft(load_recipe(recipe), Path(out), machine=machine, progress=lambda *_: time.sleep(float(pause)))
"""
PATIENCE = 100.0


def train(recipe: Path, out: Path, prepared: Path, pause: float = 0.0) -> subprocess.Popen[str]:
    """Fine-tuning in a process of its own, slow enough to be killed where it is wanted."""
    command = [sys.executable, "-c", PROGRAM, str(recipe), str(out), str(prepared), str(pause)]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    )


def killed_after(process: subprocess.Popen[str], log: Path, lines: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while not log.is_file() or log.read_bytes().count(b"\n") < lines:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert process.stderr is not None
    process.stderr.close()


def test_a_run_that_is_killed_ends_with_the_weights_of_one_that_was_not(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    recipe, prepared, out = tmp_path / "recipe.yaml", tmp_path / "prepared", tmp_path / "killed"
    # the vision tower is trained too; 3 steps a checkpoint, so that a kill after step 5 loses two
    write_recipe(sft_recipe(training_bench, tiny_policy_folder, steps=8, save_every=3), recipe)
    killed_after(train(recipe, out, prepared, pause=0.3), out / "log.jsonl", lines=5)
    assert [path.name for path in checkpoints(out)] == ["step-00000003"]
    assert [step.step for step in read_log(out)] == [1, 2, 3, 4, 5]
    assert not (out / "model").exists()
    again = train(recipe, out, prepared)
    assert (again.communicate(timeout=PATIENCE)[1], again.returncode)[1] == 0

    whole = run(sft_recipe(training_bench, tiny_policy_folder, steps=8, save_every=3), tmp_path / "whole")
    log = read_log(out)
    assert [step.step for step in log] == list(range(1, 9))
    assert [(step.loss, step.grad_norm, step.lr) for step in log] == [(s.loss, s.grad_norm, s.lr) for s in whole]
    for file in ("model/model.safetensors", "step-00000008/weights.safetensors", "step-00000008/optimiser.safetensors"):
        found, expected = load_file(out / file), load_file(tmp_path / "whole" / file)
        assert found.keys() == expected.keys() and len(found) > 40
        assert all(torch.equal(found[name], expected[name]) for name in expected), file
