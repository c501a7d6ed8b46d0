"""Two processes on gloo: under DDP and FSDP2 every forward gives the mean of both prompts' gradients."""

from __future__ import annotations

import multiprocessing
import socket
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from tiny_policy import ask, drawn, policy, weighted_gradients, worst_gap

from medvidbench.training.forwards import FORWARDS

# the second process has no second token to score: it must call the model as often as the first all the same
LENGTHS = ([5, 3, 1], [1, 0, 1])


def gradients(folder: Path, rank: int, port: int, results: Any) -> None:
    """One process: the worst gap of each wrapper and forward to the mean of the two prompts' gradients alone."""
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.nn.parallel import DistributedDataParallel

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    found = policy(folder)
    cases = [(ask(found), *drawn(LENGTHS[0])), (ask(found, 6, shade=1), *drawn(LENGTHS[1], 4))]
    alone = [weighted_gradients("repeated", found.checkpoint.model, *case)[1] for case in cases]
    wanted: dict[str, Any] = {key: (alone[0][key] + alone[1][key]) / 2 for key in alone[0]}  # type: ignore[operator]
    gaps: dict[str, float] = {}
    for name in FORWARDS:
        wrapped = DistributedDataParallel(found.checkpoint.model)
        grads = weighted_gradients(name, wrapped, *cases[rank])[1]
        gaps[f"ddp {name}"], _ = worst_gap({key.removeprefix("module."): g for key, g in grads.items()}, wanted)
    sharded, mesh = policy(folder).checkpoint.model, init_device_mesh("cpu", (2,))
    for block in (*sharded.model.language_model.layers, *sharded.model.visual.blocks, sharded):
        fully_shard(block, mesh=mesh)
    for name in FORWARDS:
        shards: dict[str, Any] = weighted_gradients(name, sharded, *cases[rank])[1]
        gaps[f"fsdp {name}"], _ = worst_gap({key: shard.full_tensor() for key, shard in shards.items()}, wanted)
    dist.destroy_process_group()
    results.put(gaps)


def test_two_processes_have_the_mean_of_their_gradients(tiny_policy_folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [
        context.Process(target=gradients, args=(tiny_policy_folder, rank, port, results), daemon=True)
        for rank in range(2)
    ]
    for worker in workers:
        worker.start()
    gaps = [results.get(timeout=400) for _ in workers]
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert gaps[0] == gaps[1]
    assert len(gaps[0]) == 2 * len(FORWARDS)
    assert max(gaps[0].values()) < 1e-5
