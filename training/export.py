"""A trained policy as a checkpoint folder that everything else loads: `--model hf:FOLDER`, vLLM, the hub.

The keys in the file are not those in memory: transformers 5 writes the released names (`visual...`, `model.layers...`)
and turns them around on loading. Its own trainer reads such a file without turning them around, and goes on with other
weights under a warning. So the folder is read back here by the loader that users have, and compared tensor by tensor.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.models.checkpoints import load, read_json
from medvidbench.models.torch_env import quiet, transformers_module
from medvidbench.training.checkpoints import readable_like
from medvidbench.training.policy import Policy
from medvidbench.training.sharding import whole
from medvidbench.training.tensors import digest_of, load_exactly

KEPT = ("preprocessor_config.json", "processor_config.json", "generation_config.json", "video_preprocessor_config.json")
"""Files of the base that say how the model is used; none of them changes in training."""
SHARD_BYTES = 4 << 30
"""Of one file of `write_weights`."""


def export(policy: Policy, folder: Path, note: str = "", main: bool = True) -> Path:
    """Writes weights, configuration, tokenizer and chat template; LoRA is merged. The folder is there whole or not.

    Args:
        folder: replaced where it exists.
        note: README.md of the folder.
        main: whether this process writes; the others only give their part of a sharded model.

    Raises:
        MedVidBenchError: it can't be written, or doesn't load as it was written.
    """
    found = final_weights(policy, main)
    if not main:
        return folder
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    source = replace(policy.checkpoint.source, device="cpu", dtype=policy.dtype)
    base = load(source)
    weights = dict(base.model.named_parameters())
    trained = {name: value.to(weights[name].dtype) for name, value in found.items()}
    load_exactly(trained, {name: weights[name] for name in trained}, "the policy")
    expected = digest_of(base.model.state_dict())
    try:
        with quiet(transformers_module()):
            base.model.save_pretrained(part)
        policy.checkpoint.tokenizer.save_pretrained(part)
        for name in KEPT:
            if content := read_json(policy.checkpoint.source, name):
                (part / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
        (part / "README.md").write_text(note or "Trained by medvidbench.\n", encoding="utf-8")
        readable_like(part / "README.md")
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise MedVidBenchError(f"The model can't be written to {folder}: {error}.", remedy="free disk space") from error
    if digest_of(load(replace(source, path=str(part), revision=None)).model.state_dict()) != expected:
        raise MedVidBenchError(f"{part} doesn't load as it was written.", remedy="another version of transformers")
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)
    return folder


def final_weights(policy: Policy, keep: bool = True) -> dict[str, Tensor]:
    """The trained tensors by the base model's names, on the CPU, in float32; LoRA as `W + scale * B A`. All processes
    of a sharded model call it; those that don't `keep` them get none."""
    return {name: value.to("cpu", torch.float32) for name, value in merged_weights(policy) if keep}


@torch.no_grad()
def merged_weights(policy: Policy, every: bool = False) -> Iterator[tuple[str, Tensor]]:
    """The same one by one, where they lie and as they are stored: a second copy of the model is never in memory.
    Sharded ones are gathered as they are reached.

    Args:
        every: those that aren't trained, too, and a tied one under each of its names: vLLM's output layer may hold a
            packed copy, renewed only by weights that bear its own name.
    """
    for name, value in policy.core.named_parameters(remove_duplicate=not every):
        layer, wrapped, leaf = name.partition(".base_layer.")
        if wrapped and leaf == "weight":
            module = policy.core.get_submodule(layer)
            yield f"{layer}.weight", value.float() + module.get_delta_weight("default").float()
        elif ".lora_" not in name and (every or value.requires_grad):
            yield f"{layer}.{leaf}" if wrapped else name, whole(value.detach())


def write_weights(policy: Policy, folder: Path, main: bool = True, shard_bytes: int = SHARD_BYTES) -> None:
    """All weights, LoRA merged, in the dtype that is computed in, as safetensors files by the names of memory.

    Args:
        folder: replaced where it exists.
        main: whether this process writes; the others only give their part of a sharded model.
        shard_bytes: of one file, at most but for a single larger tensor; so much is held in memory beside the model.

    Raises:
        OSError, SafetensorError: they can't be written.
    """
    weights = merged_weights(policy, every=True)
    try:
        if main:
            _write_shards(weights, folder, getattr(torch, policy.dtype), shard_bytes)
    finally:  # a process that doesn't or can't write still takes part in the gathering of the others' shards
        for _ in weights:
            pass


def _write_shards(weights: Iterator[tuple[str, Tensor]], folder: Path, dtype: torch.dtype, shard_bytes: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = (folder / f"model-{number:05d}.safetensors" for number in count())
    held: dict[str, Tensor] = {}
    for name, value in weights:
        # a copy: tied ones share memory, which safetensors refuses
        stored = value.to("cpu", dtype, copy=True).contiguous()
        if held and sum(tensor.nbytes for tensor in held.values()) + stored.nbytes > shard_bytes:
            save_file(held, next(names))
            held = {}
        held[name] = stored
    save_file(held, next(names))
