"""What a user can mend on the command lines of training is one message and exit code 2, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

CASES = {
    "no such recipe": ("sft sft-8b --data {bench} --out {out}", "No recipe sft-8b"),
    "a recipe that is no YAML": ("sft {notes}.yaml --data {bench} --out {out}", "is not YAML"),
    "a key that nobody knows": ("sft tiny-sft --data {bench} --out {out} --set lr=1", "lr: Extra inputs"),
    "a change without a value": ("sft tiny-sft --data {bench} --out {out} --set steps", "is not KEY=VALUE"),
    "another kind": ("grpo tiny-sft --data {bench} --out {out}", "of the kind sft"),
    "no benchmark": ("sft tiny-sft --out {out}", "names no benchmark"),
    "a folder that is no benchmark": ("sft tiny-sft --data {empty} --out {out}", "{empty}"),
    "no such model": ("sft tiny-sft --data {bench} --out {out} --set model.path={empty}/gone", "gone"),
    "a folder that is no model": ("sft tiny-sft --data {bench} --out {out} --set model.path={empty}", "{empty}"),
    "statistics that are missing": ("grpo tiny-grpo --data {bench} --out {out} --model {model}", "without statistics"),
    "statistics that are none": (
        "grpo tiny-grpo --data {bench} --out {out} --model {model} --statistics {notes}",
        "{notes}",
    ),
    "a reward function that is not there": (
        "grpo tiny-grpo --data {bench} --out {out} --model {model} --set rewards.functions=[nowhere:f]",
        "The reward function nowhere:f",
    ),
    "an output that is a file": ("sft tiny-sft --data {bench} --out {notes} --set model.path={model}", "{notes}"),
    "a place for statistics that is a file": (
        "stats tiny-grpo --data {bench} --out {notes} --model {model}",
        "{notes}",
    ),
    "an evaluation's name of a model that is not there": (
        "grpo tiny-grpo --data {bench} --out {out} --model hf:{empty}/gone",
        "No folder {empty}/gone",
    ),
    "a task that nothing rewards": (
        "grpo tiny-grpo --data {bench} --out {out} --model {model} --set data.tasks=[TAG,NAP]",
        "No reward applies to NAP",
    ),
    "a reward function without a module": (
        "grpo tiny-grpo --data {bench} --out {out} --model {model} --set rewards.functions=[':f']",
        "The reward function ':f'",
    ),
    "adapters for layers that are not there": (
        "sft tiny-sft --data {bench} --out {out} --model {model} --set model.lora={{targets:[nowhere]}} "
        "--set model.freeze_vision=true",
        "LoRA can't be put on nowhere",
    ),
    "a report of no run": ("report {empty}", "{empty}"),
}


@pytest.fixture
def places(training_bench: Path, tiny_policy_folder: Path, tmp_path: Path) -> dict[str, Path]:
    """A benchmark, a model, a folder with nothing in it, a text."""
    (tmp_path / "empty").mkdir()
    for name in ("notes", "notes.yaml"):
        (tmp_path / name).write_text("a: [")
    return {
        "bench": training_bench,
        "model": tiny_policy_folder,
        "empty": tmp_path / "empty",
        "notes": tmp_path / "notes",
        "out": tmp_path / "out",
    }


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_one_message(case: str, cli: Callable[..., Any], places: dict[str, Path]) -> None:
    line, said = (part.format(**places) for part in CASES[case])
    done = cli("train", *line.split())
    assert done.code == 2, done.err
    assert done.err.count("Error: ") == 1 and said in done.err and "Traceback" not in done.err
    assert not list(places["out"].glob("step-*"))


def test_a_folder_that_holds_a_run_is_refused_with_fresh_and_an_interrupt_is_no_traceback(
    cli: Callable[..., Any], places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medvidbench.training import sft

    (tmp_path / "out" / "step-00000003").mkdir(parents=True)
    (tmp_path / "out" / "step-00000003" / "manifest.json").write_text("{}")
    line = ("train", "sft", "tiny-sft", "--data", places["bench"], "--out", tmp_path / "out", "--workers", 0)
    model = ("--set", f"model.path={places['model']}")
    done = cli(*line, *model, "--fresh")
    assert done.code == 2 and "holds a run" in done.err

    def stop(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sft, "run_sft", stop)
    done = cli(*line, *model)
    assert done.code == 130 and "Traceback" not in done.err


def test_a_model_of_another_architecture_is_named(
    cli: Callable[..., Any], places: dict[str, Path], tmp_path: Path
) -> None:
    spec = spec_from_file_location("tiny_generic", Path(__file__).parents[1] / "models" / "tiny_generic.py")
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(generic := module_from_spec(spec))
    other = generic.qwen3_vl(tmp_path / "qwen3")
    command = ("train", "sft", "tiny-sft", "--data", places["bench"], "--out", tmp_path / "out")
    done = cli(*command, "--set", f"model.path={other}")
    assert done.code == 2 and "is a qwen3_vl" in done.err and "a Qwen2.5-VL checkpoint" in done.err


def test_a_module_of_rewards_that_fails_as_it_is_imported_is_named(
    cli: Callable[..., Any], places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_done.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    command = ("train", "grpo", "tiny-grpo", "--data", places["bench"], "--out", places["out"])
    done = cli(*command, "--model", places["model"], "--set", "rewards.functions=[half_done:f]")
    assert done.code == 2 and "half_done:f: ZeroDivisionError" in done.err and "Traceback" not in done.err


def test_without_torch_the_commands_say_what_to_install(
    cli: Callable[..., Any], places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medvidbench.commands.train.find_spec", lambda name: None)
    for line in ("sft tiny-sft", "stats tiny-grpo", "grpo tiny-grpo"):
        done = cli("train", *line.split(), "--data", places["bench"], "--out", places["out"])
        assert done.code == 2 and "'torch', which is not installed" in done.err and "video,hf,train" in done.err
