"""One model spread over the processes of a run: FSDP2 (`torch.distributed.fsdp.fully_shard`), one unit a block.

Each of R processes holds 1/R of every float32 weight, gradient and moment of AdamW; a block's weights are gathered for
its forward and again for its backward. For N weights that is 16 N / R bytes a GPU, beside activations and one block.

Where a sharded model is called, every process must call it equally often. What they do unequally often (decoding, the
reference's log-probabilities) runs on a whole model instead, whose weights are gathered for that time and then let go:
N weights in the dtype that is computed in, 15 GB for 7B in bfloat16.
"""

from __future__ import annotations

import copy
import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.nn import Parameter

from medvidbench.errors import MedVidBenchError


@dataclass(frozen=True)
class Sharding:
    """How a launch wants the model spread.

    Attributes:
        processes: that share it.
        reshard: a block's weights are let go after its forward; False keeps them until its backward.
    """

    processes: int
    reshard: bool = True


def launched_sharding(processes: int) -> Sharding | None:
    """What the variables of `accelerate launch` say (`ACCELERATE_USE_FSDP`, `FSDP_VERSION`, ...); None: no sharding.

    Raises:
        MedVidBenchError: FSDP1, or an option that the trainer doesn't have.
    """
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() != "true" or processes == 1:
        return None
    plugin = importlib.import_module("accelerate").utils.FullyShardedDataParallelPlugin()
    remedy = "training/launch/one-node-fsdp2.yaml"
    if plugin.fsdp_version != 2:
        raise MedVidBenchError(f"A launch with FSDP version {plugin.fsdp_version}.", "fsdp_version: 2", remedy)
    if isinstance(plugin.cpu_offload, importlib.import_module("torch.distributed.fsdp").CPUOffloadPolicy):
        raise MedVidBenchError("A launch that keeps shards in the host's memory.", "fsdp_offload_params: false", remedy)
    if plugin.activation_checkpointing:
        seen = "A launch that recomputes activations."
        raise MedVidBenchError(seen, "fsdp_activation_checkpointing: false", "model.gradient_checkpointing: true")
    return Sharding(processes, bool(plugin.reshard_after_forward))


def shard(model: Any, sharding: Sharding, device: str, dtype: str) -> None:
    """Spreads a Qwen2.5-VL over all processes, in place; its tensors become `DTensor`s on the device.

    Each block of the decoder and of the vision tower is a unit, the rest is the last. Weights are gathered in `dtype`;
    gradients are summed in float32, not averaged: the losses divide by counts of the whole step.
    """
    fsdp = importlib.import_module("torch.distributed.fsdp")
    # activations are autocast's affair: cast to bfloat16 on entry, rotary positions would lose their last digits
    policy = fsdp.MixedPrecisionPolicy(
        param_dtype=None if dtype == "float32" else getattr(torch, dtype),
        reduce_dtype=None if dtype == "float32" else torch.float32,
        cast_forward_inputs=False,
    )
    where = mesh(sharding, device)
    for block in (*model.model.language_model.layers, *model.model.visual.blocks):
        fsdp.fully_shard(block, mesh=where, mp_policy=policy, reshard_after_forward=sharding.reshard)
    fsdp.fully_shard(model, mesh=where, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, fsdp.FSDPModule):
            module.set_gradient_divide_factor(1.0)
            # a factor other than the mean's is a scaled sum for NCCL alone: gloo has none
            module.set_force_sum_reduction_for_comms(True)


def mesh(sharding: Sharding, device: str) -> Any:
    """All processes in one row."""
    return torch.distributed.device_mesh.init_device_mesh(device.partition(":")[0], (sharding.processes,))


def shards_of(model: Any, sharding: Sharding, device: str, dtype: str) -> dict[str, Tensor]:
    """This process' part of each weight of a whole model that all processes hold alike."""
    where = mesh(sharding, device)
    return {
        name: distribute_tensor(value.detach().to(device, getattr(torch, dtype)), where, [Shard(0)], src_data_rank=None)
        for name, value in model.named_parameters()
    }


def hollow(model: Any, device: str, dtype: str) -> Any:
    """A copy in evaluation mode whose parameters are empty, for `filled`; ties between them stay."""
    kind = getattr(torch, dtype)
    empty = {id(value): Parameter(value.new_empty(0, dtype=kind), requires_grad=False) for value in model.parameters()}
    return copy.deepcopy(model, empty).eval().to(device)


@contextmanager
def filled(empty: Any, weights: Mapping[str, Tensor]) -> Iterator[Any]:
    """The hollow model with these weights gathered whole, until the block ends. All processes enter it together, and
    may then call it as often as they like."""
    parameters = dict(empty.named_parameters())
    try:
        for name, parameter in parameters.items():
            parameter.data = whole(weights[name].detach().to(parameter.dtype))
        yield empty
    finally:
        for parameter in parameters.values():
            parameter.data = parameter.new_empty(0)


def whole(value: Tensor) -> Tensor:
    """The tensor, gathered where it is sharded: all processes call it then."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def collected(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """Whole tensors in the host's memory, gathered one by one; empty where they are not to be kept."""
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        gathered = whole(value.detach())
        if keep:
            found[name] = gathered.cpu().contiguous()
    return found


def placed_like(value: Tensor, wanted: Tensor) -> Tensor:
    """A whole tensor on the other's device, and sharded as the other is where their shapes agree."""
    moved = value.to(wanted.device)
    if not isinstance(wanted, DTensor) or moved.shape != wanted.shape:
        return moved
    return distribute_tensor(moved, wanted.device_mesh, wanted.placements, src_data_rank=None)
