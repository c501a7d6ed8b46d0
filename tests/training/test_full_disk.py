"""A disk that is full when a checkpoint is written: here, files that may not grow beyond some bytes."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from safetensors.torch import load_file
from sft_runs import run, sft_recipe

from medvidbench.errors import MedVidBenchError
from medvidbench.training.checkpoints import checkpoints
from medvidbench.training.machine import Machine
from medvidbench.training.run_facts import read_facts
from medvidbench.training.sft import run_sft


@contextmanager
def disk() -> Iterator[Callable[[int], None]]:
    """A function after which writes beyond so many bytes of a file fail, in whatever library, until the block ends.
    Python ignores the signal that comes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_whose_checkpoint_does_not_fit_stops_with_the_reason_and_goes_on_once_there_is_room(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    recipe, out = sft_recipe(training_bench, tiny_policy_folder, steps=6), tmp_path / "full"
    with disk() as limited_to:

        def told(step: Any, total: int) -> None:
            if step.step == 3:  # the next checkpoint is that of step 4; its weights alone have 0.8 MB
                limited_to(100_000)

        with pytest.raises(MedVidBenchError, match=r"step-00000004 can't be written") as caught:
            run_sft(recipe, out, machine=Machine(workers=0), progress=told)
    assert "goes on from its last checkpoint" in str(caught.value)
    assert [path.name for path in checkpoints(out)] == ["step-00000002"]
    assert not list(out.glob(".step*"))
    facts = read_facts(out)
    assert facts is not None and facts.ending is not None
    assert (facts.ending.how, facts.ending.step) == ("stopped", 4) and "can't be written" in facts.ending.reason

    assert [step.step for step in run(recipe, out)] == [3, 4, 5, 6]
    run(recipe, tmp_path / "whole")
    a, b = (load_file(folder / "model" / "model.safetensors") for folder in (out, tmp_path / "whole"))
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in b)


def test_a_model_or_a_prepared_prompt_that_does_not_fit_is_one_message_too(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    recipe = sft_recipe(training_bench, tiny_policy_folder, steps=1, save_every=1)
    with disk() as limited_to:
        limited_to(5_000)
        with pytest.raises(MedVidBenchError, match="A prepared prompt can't be kept in"):
            run(recipe, tmp_path / "prompts", tmp_path / "prepared")
    assert not list((tmp_path / "prepared").rglob("*.tmp"))
    out = tmp_path / "model"
    run(recipe, out)
    shutil.rmtree(out / "model")
    with disk() as limited_to:
        limited_to(100_000)  # the model's weights have more
        with pytest.raises(MedVidBenchError, match="The model can't be written to"):
            run(recipe, out)
    assert not list(out.glob("*model*"))
    run(recipe, out)
    assert (out / "model" / "model.safetensors").is_file()
