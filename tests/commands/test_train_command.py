"""`medvidbench train sft` as a function: recipe, changes, caches, and what it says at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medvidbench.commands.train import chosen_recipe, machine_of, parse_changes, sft
from medvidbench.errors import MedVidBenchError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("3", 3),
        ("true", True),
        ("null", None),
        ("[TAG, STG]", ["TAG", "STG"]),
        ("{rank: 8}", {"rank": 8}),
        ("a=b", "a=b"),
    ],
)
def test_changes_are_keys_with_yaml_values(text: str, value: Any) -> None:
    assert parse_changes([f"optimiser.lr={text}"]) == {"optimiser.lr": value}


@pytest.mark.parametrize("change", ["steps", "=3", "steps=[1", "steps={"])
def test_what_is_no_change_is_refused(change: str) -> None:
    with pytest.raises(MedVidBenchError, match=r"e\.g\. optimiser\.lr=1e-5"):
        parse_changes([change])


def test_changes_and_the_benchmark_end_in_the_recipe(tmp_path: Path) -> None:
    recipe = chosen_recipe("tiny-sft", "sft", tmp_path, ["optimiser.lr=2e-4", "model.lora={rank: 8}"])
    assert recipe.optimiser.lr == 2e-4 and recipe.data.benchmark == tmp_path
    assert recipe.model.lora is not None and recipe.model.lora.rank == 8


def test_an_unknown_key_another_kind_and_no_benchmark_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="learning_rate"):
        chosen_recipe("tiny-sft", "sft", tmp_path, ["optimiser.learning_rate=1"])
    with pytest.raises(MedVidBenchError, match="of the kind sft"):
        chosen_recipe("tiny-sft", "grpo", tmp_path, [])
    with pytest.raises(MedVidBenchError, match="names no benchmark"):
        chosen_recipe("tiny-sft", "sft", None, [])


def test_caches_lie_beside_the_benchmark_unless_told(tmp_path: Path) -> None:
    recipe = chosen_recipe("tiny-sft", "sft", tmp_path / "bench", [])
    usual = machine_of(recipe)
    assert (usual.frame_cache, usual.prepared) == (tmp_path / "bench.frames", tmp_path / "bench.prepared")
    told = machine_of(recipe, tmp_path / "f", tmp_path / "p", workers=0, micro_tokens=7, rollout_memory=0.2)
    assert (told.frame_cache, told.prepared, told.workers, told.micro_tokens) == (tmp_path / "f", tmp_path / "p", 0, 7)
    assert (told.rollout_memory, told.rollout_prompts) == (0.2, usual.rollout_prompts)


def test_the_command_says_where_the_model_is_and_how_to_ask_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    from medvidbench.training import sft as room
    from medvidbench.training.steps import SftStep, Skipped

    def run_sft(recipe: Any, out: Path, *, resume: bool, progress: Any, machine: Any) -> Path:
        gone = Skipped(sample_id="a", source="AVOS", task="TAG", why="the file is empty")
        progress(SftStep(step=1, seconds={"gradient": 1.0}, n=3, tokens=9, loss=2.5, lr=1e-3, grad_norm=1.0), 2)
        seconds = {"prompts": 0.25, "gradient": 1.0}
        progress(SftStep(step=2, seconds=seconds, n=3, tokens=9, loss=1.25, lr=1e-3, grad_norm=1.0, skipped=(gone,)), 2)
        assert resume and machine.workers == 0 and recipe.steps == 2
        return out / "model"

    monkeypatch.setattr(room, "run_sft", run_sft)
    sft("tiny-sft", tmp_path / "bench", tmp_path / "out", ["steps=2"], workers=0)
    said = capsys.readouterr().out
    assert "Step 2 of 2: loss 1.2500, 1.25 s, 1 rows left out" in said
    assert f"medvidbench eval --model hf:{tmp_path}/out/model --data {tmp_path}/bench" in said


def test_what_a_reinforcement_is_told_of_the_machine_reaches_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    from typer.testing import CliRunner

    from medvidbench.cli import app
    from medvidbench.training import grpo as room
    from medvidbench.training.machine import Machine

    seen: list[Machine] = []

    def run_grpo(recipe: Any, out: Path, *, resume: bool, progress: Any, machine: Machine) -> Path:
        seen.append(machine)
        return out / "model"

    monkeypatch.setattr(room, "run_grpo", run_grpo)
    numbers = {"--workers": "3", "--rollout-prompts": "5", "--rollout-memory": "0.25", "--max-cost": "1.5"}
    places = {"--frame-cache": "f", "--prepared": "p", "--rollout-weights": "w", "--rollout-server": "http://gpu:8000"}
    options = [word for pair in (numbers | places).items() for word in pair]
    words = ["train", "grpo", "tiny-grpo", "--data", str(tmp_path), "--out", str(tmp_path / "run"), *options]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = {"workers": 3, "rollout_prompts": 5, "rollout_memory": 0.25, "max_cost": 1.5}
    given = {"frame_cache": Path("f"), "prepared": Path("p"), "rollout_weights": Path("w")}
    assert seen == [Machine(**told, **given, rollout_server="http://gpu:8000")]
