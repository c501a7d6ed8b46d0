"""A run on disk: folders that are there whole or not at all, and that are loaded exactly or not at all.

    RUN/step-00000120/
        manifest.json             SHA-256 and size of every other file, digest of the trained tensors, step, base
        weights.safetensors       the trained tensors by name; with LoRA the adapters. Frozen ones come from the base
        optimiser.safetensors     NAME|exp_avg, ... as the optimiser names them
        random.safetensors        generators of torch, by process
        state.json                step, data cursor, state of the other parts, generators of Python and numpy
        recipe.yaml
    RUN/last-good                 name of the step that is kept whatever comes after it

A folder is written under a name with a dot, brought to the disk (fsync) and renamed. No pickle: a checkpoint from
elsewhere can't run code.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.training.policy import Policy, trainable_parameters
from medvidbench.training.processes import Processes
from medvidbench.training.random_state import random_state, restore_random
from medvidbench.training.recipe import Recipe
from medvidbench.training.recipe_files import write_recipe
from medvidbench.training.sharding import collected
from medvidbench.training.tensors import (
    digest_of,
    load_exactly,
    optimiser_tensors,
    restore_optimiser,
    same_recipe,
)

FORMAT = 1
MANIFEST, WEIGHTS, OPTIMISER, RANDOM, STATE, RECIPE = (
    "manifest.json",
    "weights.safetensors",
    "optimiser.safetensors",
    "random.safetensors",
    "state.json",
    "recipe.yaml",
)
LAST_GOOD = "last-good"
REMEDY = "delete the folder to go on from the checkpoint before it, or start a new run"


@dataclass(frozen=True)
class RunState:
    """Where a run stands, beside its tensors.

    Attributes:
        step: optimiser steps done.
        cursor: positions of the data order used up.
        parts: state of other parts by name, JSON values (normaliser, method, watch, digest of the rows, ...).
    """

    step: int
    cursor: int
    parts: Mapping[str, Any]


def step_name(step: int) -> str:
    """ "step-00000120"."""
    return f"step-{step:08d}"


def save(
    run: Path,
    state: RunState,
    policy: Policy,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    processes: Processes,
) -> Path:
    """Writes a checkpoint, then removes those that are not needed any more, see `prune`. All processes call it: tensors
    of a sharded model are gathered, so that files don't tell how many processes there were.

    Raises:
        MedVidBenchError: the disk is full or not writable; checkpoints that were there stay.
    """
    folder = run / step_name(state.step)
    tensors, said = random_state(processes)
    named = trainable_parameters(policy)
    weights = collected(dict(named), processes.main)
    moments = collected(optimiser_tensors(optimiser, named), processes.main)
    if processes.main:
        files = {WEIGHTS: weights, OPTIMISER: moments, RANDOM: tensors}
        told = {"step": state.step, "cursor": state.cursor, "parts": dict(state.parts), "random": said}
        with _whole_folder(folder) as part:
            for name, content in files.items():
                save_file(content, part / name)
            (part / STATE).write_text(json.dumps(told), encoding="utf-8")
            write_recipe(recipe, part / RECIPE)
            readable_like(part / STATE)
            _write_manifest(part, state.step, policy, digest_of(weights))
        prune(run, recipe.keep, candidate=recipe.kind == "grpo")
    processes.wait()
    return folder


def _write_manifest(part: Path, step: int, policy: Policy, digest: str) -> None:
    files = {path.name: [path.stat().st_size, file_sha256(path)] for path in sorted(part.iterdir())}
    manifest = {
        "format": FORMAT,
        "step": step,
        "base": policy.checkpoint.revision,
        "architecture": policy.checkpoint.config.model_type,
        "tensors": digest,
        "files": files,
    }
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def load(
    folder: Path, policy: Policy, optimiser: torch.optim.Optimizer, recipe: Recipe, processes: Processes
) -> RunState:
    """Puts a checkpoint into policy, optimiser and random generators, and checks that it is in them.

    Raises:
        MedVidBenchError: a file is missing or changed; another base model, architecture or recipe; a tensor is missing,
            unexpected or of another shape; or the loaded tensors are not those that were saved.
    """
    manifest = read_manifest(folder)
    if manifest["base"] != policy.checkpoint.revision:
        seen = f"{folder} belongs to the base model {manifest['base']}; this is {policy.checkpoint.revision}."
        raise MedVidBenchError(seen, "the model that the run began with", REMEDY)
    same_recipe(folder / RECIPE, recipe)
    named = trainable_parameters(policy)
    load_exactly(_tensors(folder / WEIGHTS), dict(named), str(folder / WEIGHTS))
    restore_optimiser(optimiser, named, _tensors(folder / OPTIMISER), str(folder / OPTIMISER))
    if digest_of({name: value.detach() for name, value in named}) != manifest["tensors"]:
        raise MedVidBenchError(f"The weights in memory are not those that {folder} was written from.", remedy=REMEDY)
    told = json.loads((folder / STATE).read_text(encoding="utf-8"))
    restore_random(_tensors(folder / RANDOM), told["random"], processes)
    return RunState(int(told["step"]), int(told["cursor"]), told["parts"])


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, after a look at every file that it names.

    Raises:
        MedVidBenchError: not a checkpoint of this format, or a file is missing or changed.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files, known = dict(manifest["files"]), manifest["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MedVidBenchError(f"{folder / MANIFEST} can't be read: {error}.", remedy=REMEDY) from error
    if not known:
        raise MedVidBenchError(f"{folder} has the format {manifest['format']!r}.", str(FORMAT))
    for name, (size, digest) in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size or file_sha256(path) != digest:
            raise MedVidBenchError(f"{path} is missing or not as it was written.", remedy=REMEDY)
    return dict(manifest)


def checkpoints(run: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    found = [path for path in run.glob("step-*") if (path / MANIFEST).is_file()]
    return sorted(found, key=lambda path: path.name)


def latest(run: Path) -> Path | None:
    """The newest whole checkpoint; None where there is none."""
    found = checkpoints(run)
    return found[-1] if found else None


def mark_good(run: Path, folder: Path) -> None:
    """Keeps this checkpoint whatever comes after it, in place of the one before."""
    part = run / f".{LAST_GOOD}.part"
    part.write_text(folder.name + "\n", encoding="utf-8")
    part.replace(run / LAST_GOOD)


def last_good(run: Path) -> Path | None:
    """The checkpoint that was marked; None where none was, or it is gone."""
    try:
        folder = run / (run / LAST_GOOD).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return folder if folder in checkpoints(run) else None


def prune(run: Path, keep: int, candidate: bool = False) -> None:
    """Removes leftovers of stopped writers, and checkpoints beyond the newest `keep` and the last good one; the oldest
    `candidate` after that stays too: it is known to be good some steps later, when the newest are others.
    """
    for leftover in run.glob(".step-*.part"):
        shutil.rmtree(leftover)
    found, good = checkpoints(run), last_good(run)
    younger = [path for path in found if good is None or path.name > good.name]
    kept = {*found[-keep:], good, *(younger[:1] if candidate else ())}
    for old in found:
        if old not in kept:
            # renamed first: a folder that is half removed must not look whole
            gone = old.with_name(f".{old.name}.part")
            old.replace(gone)
            shutil.rmtree(gone)


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, renamed to its own name when all of it is on the disk."""
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        for path in [*part.iterdir(), part]:
            _to_disk(path)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
        _to_disk(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        remedy = "free disk space, and start again: the run goes on from its last checkpoint"
        raise MedVidBenchError(f"The checkpoint {folder} can't be written: {error}.", remedy=remedy) from error


def readable_like(file: Path) -> None:
    """Gives the file's neighbours its permissions: safetensors are written for their owner alone."""
    for path in file.parent.glob("*.safetensors"):
        shutil.copymode(file, path)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _tensors(path: Path) -> dict[str, Tensor]:
    return load_file(path)
