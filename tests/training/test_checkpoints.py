"""Checkpoints: whole or not there, loaded exactly or refused with the reason."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.torch import load_file, save_file
from tiny_policy import ask

from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.models.greedy import collate
from medvidbench.models.tiny import build_tiny_qwen
from medvidbench.training import checkpoints
from medvidbench.training.checkpoints import RunState, latest, load, mark_good, save
from medvidbench.training.optimiser import make_optimiser
from medvidbench.training.policy import Policy, load_policy, trainable_parameters
from medvidbench.training.processes import Processes
from medvidbench.training.random_state import seed_everything
from medvidbench.training.recipe import Lora, Recipe
from medvidbench.training.recipe_files import load_recipe
from medvidbench.training.tensors import digest_of


@dataclass
class Run:
    folder: Path
    recipe: Recipe
    policy: Policy
    optimiser: Any
    processes: Processes
    inputs: dict[str, Any]

    def step(self) -> None:
        """One optimiser step whose loss draws on all three random generators."""
        factor = 1 + random.random() + np.random.random() + float(torch.rand(()))
        (self.policy.model(**self.inputs).logits.square().mean() * factor).backward()
        self.optimiser.step()
        self.optimiser.zero_grad()

    def save(self, step: int, **parts: Any) -> Path:
        return save(
            self.folder, RunState(step, 8 * step, parts), self.policy, self.optimiser, self.recipe, self.processes
        )

    def load(self, folder: Path | None = None) -> RunState:
        found = folder or latest(self.folder)
        assert found is not None
        return load(found, self.policy, self.optimiser, self.recipe, self.processes)

    def digest(self) -> str:
        return digest_of({name: value.detach() for name, value in trainable_parameters(self.policy)})


def start(folder: Path, model: Path, **changes: Any) -> Run:
    put = {"model.path": str(model), "model.device": "cpu", "data.benchmark": "b", "keep": 2} | changes
    recipe = load_recipe("tiny-sft", put)
    seed_everything(recipe.seed)
    policy = load_policy(recipe.model, recipe.data)
    optimiser = make_optimiser(trainable_parameters(policy), recipe.optimiser)
    inputs = collate([_prompt(policy)], 0).inputs
    return Run(folder, recipe, policy, optimiser, Processes.start("cpu"), inputs)


def _prompt(policy: Policy) -> Any:
    class Asked:
        prepare = staticmethod(policy.prompter.prepare)

    return ask(Asked())  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path, tiny_policy_folder: Path) -> Run:
    return start(tmp_path / "run", tiny_policy_folder)


def resigned(folder: Path, name: str) -> None:
    """Make the manifest agree with a file that was changed: what is tested is behind that check."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = [(folder / name).stat().st_size, file_sha256(folder / name)]
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("lora", [None, {"rank": 2}], ids=["full", "lora"])
def test_a_run_that_goes_on_is_the_run_that_never_stopped(
    tmp_path: Path, tiny_policy_folder: Path, lora: dict[str, int] | None
) -> None:
    if lora:
        pytest.importorskip("peft")
    changes: dict[str, Any] = {"model.lora": lora, "model.freeze_vision": bool(lora)}
    first = start(tmp_path / "run", tiny_policy_folder, **changes)
    first.step()
    first.step()
    first.save(2, normaliser={"p50": 0.25})
    first.step()
    second = start(tmp_path / "run", tiny_policy_folder, **changes)
    assert second.digest() != first.digest()
    random.random(), np.random.random(), torch.rand(3)
    state = second.load()
    assert (state.step, state.cursor, state.parts) == (2, 16, {"normaliser": {"p50": 0.25}})
    second.step()
    assert second.digest() == first.digest()


def test_tensors_that_are_missing_unexpected_or_unlike_are_named(run: Run) -> None:
    run.step()
    folder = run.save(1)
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    name, other, third = sorted(tensors)[:3]
    tensors["surplus.weight"] = tensors.pop(name)
    tensors[other] = torch.zeros(3)
    tensors[third] = tensors[third].double()
    save_file(tensors, path)
    resigned(folder, path.name)
    before = run.digest()
    with pytest.raises(MedVidBenchError) as caught:
        run.load()
    for said in (f"missing: {name}", "unexpected: surplus.weight", f"{other} is float32 (3,), not", "float64"):
        assert said in str(caught.value)
    assert run.digest() == before


@pytest.mark.parametrize("name", ["weights.safetensors", "optimiser.safetensors", "state.json", "manifest.json"])
def test_a_changed_or_missing_file_is_refused(run: Run, name: str) -> None:
    folder = run.save(1)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(MedVidBenchError, match=name):
        run.load()
    (folder / name).unlink()
    with pytest.raises(MedVidBenchError, match=name):
        run.load(folder)


def test_weights_that_are_not_those_that_were_saved_are_refused_after_loading(run: Run) -> None:
    folder = run.save(1)
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    next(iter(tensors.values())).add_(1e-6)
    save_file(tensors, path)
    resigned(folder, path.name)
    with pytest.raises(MedVidBenchError, match="not those that"):
        run.load()


def test_another_recipe_is_refused_and_says_what_differs(run: Run, tiny_policy_folder: Path) -> None:
    run.save(1)
    other = start(run.folder, tiny_policy_folder, **{"optimiser.lr": 0.5, "seed": 3})
    with pytest.raises(MedVidBenchError, match=r"optimiser\.lr was 0\.001 and is 0\.5; seed was 0 and is 3"):
        other.load()


def test_a_run_may_go_on_longer_and_save_at_other_steps(run: Run, tiny_policy_folder: Path) -> None:
    run.save(1)
    changes = {"steps": 500, "save_every": 50, "keep": 7, "alarms.window": 3}
    assert start(run.folder, tiny_policy_folder, **changes).load().step == 1


@pytest.mark.parametrize("options", [{"seed": 9}, {"width": 96}], ids=["other weights", "other architecture"])
def test_another_base_model_is_refused(run: Run, tmp_path: Path, options: dict[str, int]) -> None:
    run.save(1)
    other = build_tiny_qwen(tmp_path / "other", **options)
    with pytest.raises(MedVidBenchError, match="belongs to the base model files:"):
        start(run.folder, other).load()


def test_the_same_base_model_may_lie_elsewhere(run: Run, tiny_policy_folder: Path, tmp_path: Path) -> None:
    run.save(1)
    shutil.copytree(tiny_policy_folder, tmp_path / "moved")
    assert start(run.folder, tmp_path / "moved").load().step == 1


def test_adapters_of_another_rank_are_refused(tmp_path: Path, tiny_policy_folder: Path) -> None:
    pytest.importorskip("peft")
    changes: dict[str, Any] = {"model.freeze_vision": True}
    run = start(tmp_path, tiny_policy_folder, **changes, **{"model.lora": Lora(rank=2).model_dump()})
    run.save(1)
    with pytest.raises(MedVidBenchError, match=r"model\.lora\.rank was 2 and is 4"):
        start(tmp_path, tiny_policy_folder, **changes, **{"model.lora": Lora(rank=4).model_dump()}).load()


def test_a_full_disk_is_one_error_and_the_checkpoint_before_stays(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run.save(1)
    files = {path.name: path.read_bytes() for path in before.iterdir()}
    calls = 0

    def full(*args: Any, **options: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(28, "No space left on device")
        save_file(*args, **options)

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(MedVidBenchError, match=r"step-00000002 can't be written: .*No space left"):
        run.save(2)
    assert [path.name for path in run.folder.iterdir()] == ["step-00000001"]
    assert {path.name: path.read_bytes() for path in before.iterdir()} == files


class KilledError(BaseException):
    """As SIGKILL leaves things: no handler in the code under test catches it."""


@pytest.mark.parametrize(
    ("place", "calls"),
    [("save_file", 1), ("save_file", 3), ("write_recipe", 1), ("_write_manifest", 1), ("_to_disk", 2), ("prune", 1)],
)
def test_a_writer_killed_at_any_step_leaves_a_run_that_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, place: str, calls: int
) -> None:
    run.save(1)
    digest = run.digest()
    run.step()
    real, left = getattr(checkpoints, place), calls

    def deadly(*args: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            raise KilledError
        return real(*args, **options)

    monkeypatch.setattr(checkpoints, place, deadly)
    with pytest.raises(KilledError):
        run.save(2)
    monkeypatch.undo()
    # `prune` comes when the new folder has its name already
    step = 2 if place == "prune" else 1
    assert run.load().step == step
    assert (run.digest() == digest) == (step == 1)
    run.save(3)
    assert sorted(path.name for path in run.folder.iterdir()) == [f"step-{n:08d}" for n in (step, 3)]


def test_half_written_checkpoints_are_no_checkpoints(run: Run) -> None:
    assert latest(run.folder) is None
    whole = run.save(1)
    shutil.copytree(whole, run.folder / ".step-00000005.part")
    shutil.copytree(whole, run.folder / "step-00000007")
    (run.folder / "step-00000007" / "manifest.json").unlink()
    assert latest(run.folder) == whole
    run.save(2)
    assert not (run.folder / ".step-00000005.part").exists()


def test_the_newest_stay_and_the_last_good_one(run: Run) -> None:
    for step in (1, 2, 3, 4):
        folder = run.save(step)
        if step == 2:
            mark_good(run.folder, folder)
    assert [path.name[-1] for path in checkpoints.checkpoints(run.folder)] == ["2", "3", "4"]
    assert checkpoints.last_good(run.folder) == run.folder / "step-00000002"
    mark_good(run.folder, run.folder / "step-00000004")
    run.save(5)
    assert [path.name[-1] for path in checkpoints.checkpoints(run.folder)] == ["4", "5"]


def test_a_checkpoint_that_may_yet_be_known_to_be_good_stays_until_it_is(run: Run) -> None:
    run.recipe = run.recipe.model_copy(update={"kind": "grpo"})
    for step in range(1, 7):
        run.save(step)
        if step == 4:
            mark_good(run.folder, run.folder / "step-00000001")
    # 1 was the oldest until it was marked, then 3 was, the oldest that was there; 5 and 6 are the newest
    assert [path.name[-1] for path in checkpoints.checkpoints(run.folder)] == ["1", "3", "5", "6"]


def test_a_checkpoint_is_tensors_and_text_and_no_pickle(run: Run) -> None:
    run.step()
    kinds = {path.suffix for path in run.save(1).iterdir()}
    assert kinds == {".safetensors", ".json", ".yaml"}


@given(arrays(np.float32, (3, 2), elements=st.floats(width=32)))
def test_a_digest_tells_names_shapes_types_and_values_apart(values: Any) -> None:
    tensor = torch.from_numpy(values)
    digests = [
        digest_of({"a": tensor}),
        digest_of({"b": tensor}),
        digest_of({"a": tensor.reshape(2, 3)}),
        digest_of({"a": tensor.double()}),
        digest_of({"a": tensor.view(torch.int32) ^ 1}),
    ]
    assert len(set(digests)) == 5
    assert digest_of({"a": tensor.clone()}) == digests[0]
    assert digest_of({"a": tensor.t().contiguous().t()}) == digests[0]
