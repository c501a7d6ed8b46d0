"""Two processes, launched as torchrun launches them, or with one model between them as `accelerate launch` with its
FSDP2 configuration does; and what the weights and logs of two runs have in common."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.concept_judge import ConceptJudge
from medvidbench.training.grpo import run_grpo
from medvidbench.training.machine import Machine
from medvidbench.training.recipe import Recipe
from medvidbench.training.recipe_files import load_recipe
from medvidbench.training.rewards import RewardUnavailable
from medvidbench.training.rewards.captions import CaptionRewards
from medvidbench.training.sft import run_sft
from medvidbench.training.watch import read_log

HERE = Path(__file__).parent
PATIENCE = 200.0


def launched(
    *jobs: Path, sharded: bool = True, die_after: int = 0, judge_down: bool = False, server: str = "", path: str = ""
) -> None:
    """Two processes do the runs of these folders, each with its `recipe.yaml`. Where one ends by a signal the other is
    killed, as the launcher would.

    Args:
        sharded: whether they share one model, or have one each.
        die_after: step of fine-tuning after which process 0 kills itself.
        judge_down: for process 1 in reinforcement; both must stop with the reason.
        server: draws the completions.
        path: a folder of packages that they find.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(HERE), path))),
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        **({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"} if sharded else {}),
        "DIE_AFTER": str(die_after),
        "JUDGE_DOWN": "1" if judge_down else "",
        "ROLLOUT_SERVER": server,
    }
    command = [sys.executable, str(HERE / "sharded_runs.py"), *map(str, jobs)]
    workers = [
        subprocess.Popen(
            command, env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        said = workers[0].communicate(timeout=PATIENCE)[1]
        if workers[0].returncode:
            workers[1].kill()
        said += workers[1].communicate(timeout=PATIENCE)[1]
    finally:
        for worker in workers:
            worker.kill()
    killed = -signal.SIGKILL if die_after else 0
    assert [worker.returncode for worker in workers] == [killed, killed], said


def work(out: Path) -> None:
    """One process' part of a run."""
    recipe = load_recipe(out / "recipe.yaml")
    machine = Machine(workers=0, rollout_server=os.environ["ROLLOUT_SERVER"] or None)

    def told(step: Any, total: int) -> None:
        if os.environ["DIE_AFTER"] == str(step.step):
            os.kill(os.getpid(), signal.SIGKILL)

    if recipe.kind == "sft":
        run_sft(recipe, out, machine=machine, progress=told)
    elif os.environ["JUDGE_DOWN"]:
        stopped(recipe, out, machine)
    else:
        run_grpo(recipe, out, machine=machine)


def stopped(recipe: Recipe, out: Path, machine: Machine) -> None:
    """One process' part of a run that is to stop, because the judge gives process 1 no rewards."""

    def silent(self: ConceptJudge, pairs: Any, mode: Any = "absolute") -> Any:
        raise MedVidBenchError("The judge's server is down.")

    if os.environ["RANK"] == "1":
        ConceptJudge.judge = silent  # type: ignore[method-assign]
    CaptionRewards.__init__.__defaults__ = ((), lambda _: None)  # no pauses
    try:
        run_grpo(recipe, out, machine=machine)
    except RewardUnavailable:
        return
    raise AssertionError("the run went on without its judge")


def weights(out: Path) -> dict[str, Any]:
    return load_file(out / "model" / "model.safetensors")


def assert_near(found: Path, wanted: Path, base: Path) -> None:
    """Weights that differ by a fiftieth of what training moved them at most: sums are rounded elsewhere."""
    a, b, start = weights(found), weights(wanted), load_file(base / "model.safetensors")
    moved = max(float((b[name] - start[name]).abs().max()) for name in b)
    assert a.keys() == b.keys() and moved > 1e-3
    assert max(float((a[name] - b[name]).abs().max()) for name in b) < 0.02 * moved


def assert_logs_agree(found: Path, wanted: Path, names: tuple[str, ...]) -> None:
    rows = list(zip(read_log(found), read_log(wanted), strict=True))
    assert [one.step for one, _ in rows] == [1, 2, 3, 4]
    for one, other in rows:
        a, b = ([getattr(row, name) for name in names] for row in (one, other))
        assert a == pytest.approx(b, rel=1e-4, abs=1e-6)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for job in sys.argv[1:]:
        work(Path(job))
