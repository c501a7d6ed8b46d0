"""Named tensors into a model or an optimiser and back: all of them, of the same shape, or an error that names them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from medvidbench.errors import MedVidBenchError
from medvidbench.training.recipe import Recipe
from medvidbench.training.recipe_files import load_recipe
from medvidbench.training.sharding import placed_like, whole

FREE = ("name", "steps", "epochs", "save_every", "keep", "alarms", "model.path", "model.device", "data.benchmark",
        "rewards.statistics")  # fmt: skip
"""Keys of a recipe that may change when a run goes on. Model, rows and statistics are compared by what they hold."""
SHOWN = 5


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, by name; all processes call it where tensors are sharded."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        value = whole(tensors[name].detach()).cpu().contiguous()
        total.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def load_exactly(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], where: str) -> None:
    """Copies whole tensors into those of the same names, which may be sharded.

    Raises:
        MedVidBenchError: some are missing, unexpected, or of another shape or type; nothing was copied then.
    """
    shared = sorted(found.keys() & wanted.keys())
    kinds = {name: (_kind(found[name]), _kind(wanted[name])) for name in shared}
    unlike = [f"{name} is {is_}, not {should}" for name, (is_, should) in kinds.items() if is_ != should]
    faults = [
        *_listed("missing", sorted(wanted.keys() - found.keys())),
        *_listed("unexpected", sorted(found.keys() - wanted.keys())),
        *_listed("unlike", unlike),
    ]
    if faults:
        raise MedVidBenchError(f"{where} doesn't fit the model: {'; '.join(faults)}.", "a checkpoint of this model")
    with torch.no_grad():
        for name in shared:
            wanted[name].copy_(placed_like(found[name], wanted[name]))


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _listed(what: str, names: Sequence[str]) -> list[str]:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what}: {', '.join(names[:SHOWN])}{more}"] if names else []


def optimiser_tensors(optimiser: torch.optim.Optimizer, named: Sequence[tuple[str, Parameter]]) -> dict[str, Tensor]:
    """The optimiser's state, "NAME|exp_avg" and so on."""
    return {
        f"{name}|{what}": value
        for name, parameter in named
        for what, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def restore_optimiser(
    optimiser: torch.optim.Optimizer,
    named: Sequence[tuple[str, Parameter]],
    found: Mapping[str, Tensor],
    where: str,
) -> None:
    """The state that `optimiser_tensors` gave.

    Raises:
        MedVidBenchError: it has tensors of other parameters.
    """
    parameters = dict(named)
    state: dict[str, dict[str, Tensor]] = {}
    for full, value in found.items():
        name, _, what = full.rpartition("|")
        state.setdefault(name, {})[what] = value
    unknown = sorted(state.keys() - parameters.keys())
    if unknown:
        raise MedVidBenchError(f"{where} doesn't fit the model: {'; '.join(_listed('unexpected', unknown))}.")
    for name, parts in state.items():
        parameter = parameters[name]
        optimiser.state[parameter] = {what: placed_like(value, parameter.detach()) for what, value in parts.items()}


def same_recipe(file: Path, recipe: Recipe) -> None:
    """Whether a run may go on under this recipe.

    Raises:
        MedVidBenchError: a key that decides what is learned differs.
    """
    before, now = _flat(load_recipe(file).model_dump(mode="json")), _flat(recipe.model_dump(mode="json"))
    differ = [
        f"{key} was {before.get(key)!r} and is {now.get(key)!r}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not any(key == free or key.startswith(free + ".") for free in FREE)
    ]
    if differ:
        raise MedVidBenchError(
            f"The run in {file.parent.parent} was begun with another recipe: {'; '.join(differ)}.",
            f"the same recipe; {', '.join(FREE)} may change",
            "another folder for a new run",
        )


def _flat(content: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[before + key] = value
    return found
