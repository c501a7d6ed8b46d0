"""The generators of Python, numpy and torch, as tensors and JSON."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medvidbench.training.processes import Processes


def seed_everything(seed: int) -> None:
    """The global generators at the start of a run; the same in every process."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state(processes: Processes) -> tuple[dict[str, Tensor], list[Any]]:
    """The generators of all processes: torch's as tensors ("0.cpu", "0.cuda"), the others' as JSON values by rank."""
    tensors = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and processes.device.startswith("cuda"):
        tensors["cuda"] = torch.cuda.get_rng_state(processes.device)
    version, words, gauss = random.getstate()
    kind, keys, place, has_gauss, cached = np.random.get_state(legacy=True)
    said = [[version, list(words), gauss], [kind, [int(key) for key in keys], place, has_gauss, cached]]
    every = processes.gathered((tensors, said))
    named = {f"{rank}.{name}": value for rank, (found, _) in enumerate(every) for name, value in found.items()}
    return named, [other for _, other in every]


def restore_random(tensors: Mapping[str, Tensor], said: list[Any], processes: Processes) -> None:
    """This process' generators as they were; a process that wasn't there before keeps its own."""
    rank = processes.rank
    if rank >= len(said):
        return
    torch.set_rng_state(tensors[f"{rank}.cpu"])
    if f"{rank}.cuda" in tensors and processes.device.startswith("cuda"):
        torch.cuda.set_rng_state(tensors[f"{rank}.cuda"], processes.device)
    (version, words, gauss), (kind, keys, place, has_gauss, cached) = said[rank]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state((kind, np.asarray(keys, dtype=np.uint32), place, has_gauss, cached))
