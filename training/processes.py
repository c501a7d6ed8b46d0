"""The processes of a run: one by default, more when `torchrun` or `accelerate launch` started several.

Everything that processes say to each other goes through here. Each works on its share of a step's rows and divides by
counts of the whole step, so gradients are summed, not averaged, and are those of one process that had all rows.

Whether each holds the whole model or a shard of it is said by the launch, not by the recipe: it changes what a run
costs, not what it learns, and a checkpoint of one kind goes on under the other.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch.nn import Parameter

from medvidbench.errors import MedVidBenchError
from medvidbench.models.torch_env import transformers_module
from medvidbench.training.sharding import Sharding, launched_sharding

T = TypeVar("T")
REFUSED = ("DEEPSPEED", "MEGATRON_LM")
"""accelerate's names of launches that spread one model over processes in ways that nothing here does."""
BUCKET = 1 << 26
"""Numbers that are summed in one call at most: bounds the copy (256 MB in float32)."""
PATIENCE = timedelta(hours=2)
"""For which processes wait for one that writes a checkpoint or for whose judge is down; NCCL would give up after 10
minutes."""


class Processes:
    """Who works on this run.

    Args:
        accelerator: accelerate's, which knows how the processes were launched.

    Attributes:
        rank, count: this process' number from 0 on, and how many there are.
        device: where this process computes.
        sharding: how the model is spread over them; None: each holds all of it.
    """

    def __init__(self, accelerator: Any, device: str, sharding: Sharding | None = None) -> None:
        self.accelerator, self.device, self.sharding = accelerator, device, sharding
        self.rank, self.count = int(accelerator.process_index), int(accelerator.num_processes)

    @classmethod
    def start(cls, device: str = "auto") -> Processes:
        """Joins the processes that were launched together; the caller's device counts where there is one process.

        Raises:
            MedVidBenchError: torch or transformers is not installed, there is no such device, or the processes were
                launched to share one model in another way than FSDP2.
        """
        from medvidbench.models.torch_env import choose_device

        transformers_module()  # sets a broken torchvision aside, which accelerate would trip over
        chosen = choose_device(device)
        accelerate = importlib.import_module("accelerate")
        patience = accelerate.InitProcessGroupKwargs(timeout=PATIENCE)
        accelerator = accelerate.Accelerator(cpu=chosen == "cpu", kwargs_handlers=[patience])
        kind = accelerator.distributed_type.value
        if kind in REFUSED:
            seen = f"A launch with {kind}: each process would hold the whole model all the same."
            raise MedVidBenchError(seen, "data parallelism or FSDP2", "torchrun, or a file of training/launch")
        # accelerate says "cpu:0" where there are several processes: elsewhere that is taken for an accelerator
        several = accelerator.num_processes > 1 and accelerator.device.type != "cpu"
        sharding = launched_sharding(int(accelerator.num_processes))
        return cls(accelerator, str(accelerator.device) if several else chosen, sharding)

    @property
    def main(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def sum_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Gives every process the sum of all processes' gradients; a parameter without one counts as 0. Those of a
        sharded model were summed as they were computed."""
        if self.count == 1 or self.sharding is not None:
            return
        bucket: list[torch.Tensor] = []
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            bucket.append(parameter.grad)
            if sum(gradient.numel() for gradient in bucket) >= BUCKET:
                _all_reduce(bucket)
                bucket = []
        if bucket:
            _all_reduce(bucket)

    def idle(self, calls: int) -> int:
        """How many calls of a sharded model this process must add to its own `calls`, so that all make as many."""
        return 0 if self.sharding is None else max(self.gathered(calls)) - calls

    def gathered(self, value: T) -> list[T]:
        """Every process' value, by rank; any picklable object of this program's own."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Until all processes are here."""
        self.accelerator.wait_for_everyone()


def _all_reduce(gradients: list[torch.Tensor]) -> None:
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    torch.distributed.all_reduce(flat)
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
        at += gradient.numel()
