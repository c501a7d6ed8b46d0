"""The GRPO loop on a random Qwen2.5-VL: it learns what it is rewarded for, resumes to the bit, and stops loudly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from grpo_runs import grpo_recipe, run
from safetensors.torch import load_file

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.concept_judge import ConceptJudge
from medvidbench.training import checkpoints, grpo
from medvidbench.training.grpo import RunStoppedError
from medvidbench.training.methods import METHODS
from medvidbench.training.rewards import RewardUnavailable
from medvidbench.training.rewards.captions import CaptionRewards
from medvidbench.training.run_facts import read_facts
from medvidbench.training.watch import read_log, read_samples

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def straight(training_bench: Path, tiny_policy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of four steps."""
    out = tmp_path_factory.mktemp("grpo") / "run"
    run(grpo_recipe(training_bench, tiny_policy_folder), out)
    return out


def weights(out: Path) -> dict[str, Any]:
    return load_file(out / "model" / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(bool((a[name] == b[name]).all()) for name in a)


def test_a_run_logs_each_step_and_says_how_it_ended(straight: Path) -> None:
    rows = read_log(straight)
    assert [row.step for row in rows] == [1, 2, 3, 4]
    assert all(row.completions == 6 and row.grad_norm and row.entropy for row in rows)
    assert {key.task for row in rows for key in row.keys} == {"TAG", "VS"}
    assert all(sample.tokens <= 6 for sample in read_samples(straight))
    facts = read_facts(straight)
    assert facts is not None and facts.ending is not None and facts.ending.how == "finished" and facts.synthetic


def test_weights_change_and_the_recipe_stands_resolved_beside_them(straight: Path, tiny_policy_folder: Path) -> None:
    before, after = load_file(tiny_policy_folder / "model.safetensors"), weights(straight)
    moved = [name for name in before if not bool((before[name] == after[name]).all())]
    assert len(moved) > len(before) / 2
    assert "clip_high: 0.3" in (straight / "recipe.yaml").read_text()


def test_reinforcement_raises_the_reward_that_it_is_given(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    recipe = grpo_recipe(
        training_bench, tiny_policy_folder, steps=40, grpo__group_size=6, optimiser__lr=5e-3, save_every=40
    )
    steps = run(recipe, tmp_path / "run")

    def earned(rows: Any) -> float:
        values = [(key.parts["even_ids"], key.n) for row in rows for key in row.keys]
        return sum(value * n for value, n in values) / sum(n for _, n in values)

    # a random model has even ids in half of its tokens
    assert 0.3 < earned(steps[:4]) < 0.7
    assert earned(steps[-4:]) > earned(steps[:4]) + 0.15


def test_a_killed_run_goes_on_to_the_same_weights(
    straight: Path, training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(HERE / "grpo_runs.py"), str(training_bench), str(tiny_policy_folder)]
    environment = {**os.environ, "DIE_AFTER": "3", "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    out = tmp_path / "run"
    killed = subprocess.run([*command, str(out), "2"], env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    steps = run(grpo_recipe(training_bench, tiny_policy_folder), out)
    # step 3 has no checkpoint: it is done again
    assert [row.step for row in steps] == [3, 4]
    assert [row.step for row in read_log(out)] == [1, 2, 3, 4]
    assert same(out, straight)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_runs(name: str, training_bench: Path, tiny_policy_folder: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"grpo__method": name, "steps": 1, "save_every": 1, "grpo__kl": 0.0}
    if name == "tree_grpo":
        changes |= {"grpo__branches": 2, "grpo__branch_tokens": 2, "grpo__group_size": 4}
    if name == "crpo":
        module = "medvidbench.training.rewards.clinical"
        functions = [f"{module}:{part}" for part in ("accuracy", "faithfulness", "comprehensiveness")]
        changes |= {"rewards__functions": functions, "data__tasks": ["VS"], "rewards__tasks": []}
    (step,) = run(grpo_recipe(training_bench, tiny_policy_folder, **changes), tmp_path / name)
    assert step.prompts == 2 and step.tokens > 0
    assert all(key.reward is not None for key in step.keys)


@pytest.mark.parametrize("forward", ["repeated", "prefix_packed"])
def test_all_forwards_train_the_same_model(
    forward: str, straight: Path, training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    run(grpo_recipe(training_bench, tiny_policy_folder, grpo__forward=forward), tmp_path / "run")
    for name, value in weights(straight).items():
        assert float((value - weights(tmp_path / "run")[name]).abs().max()) < 2e-4, name


def test_a_kl_term_holds_the_policy_to_its_start(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    ended = {}
    for weight in (0.0, 5.0):
        recipe = grpo_recipe(
            training_bench, tiny_policy_folder, grpo__kl=weight, alarms__kl_above=1e9, steps=8, save_every=8
        )
        steps = run(recipe, tmp_path / str(weight))
        assert steps[0].kl == pytest.approx(0.0, abs=1e-6)
        ended[weight] = steps[-1].kl
    assert ended[0.0] is not None and ended[5.0] is not None and 1e-5 < ended[5.0] < 0.8 * ended[0.0]


def test_what_a_method_remembers_is_in_the_checkpoint(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    # DRPO scales by the rewards of earlier steps: a run that forgot them at the checkpoint would go on otherwise
    recipe = grpo_recipe(training_bench, tiny_policy_folder, grpo__method="drpo", grpo__kl=0.0)
    run(recipe, tmp_path / "straight")
    run(recipe.model_copy(update={"steps": 2}), tmp_path / "halves")
    state = json.loads((tmp_path / "halves" / "step-00000002" / "state.json").read_text())
    assert state["parts"]["method"]
    run(recipe, tmp_path / "halves")
    assert same(tmp_path / "halves", tmp_path / "straight")


def test_lora_trains_the_adapters_alone(training_bench: Path, tiny_policy_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    changes = {"model__lora": {"rank": 4}, "model__freeze_vision": True, "grpo__kl": 0.01}
    steps = run(grpo_recipe(training_bench, tiny_policy_folder, **changes), tmp_path / "run")
    assert steps[0].kl == pytest.approx(0.0, abs=1e-6)
    before, after = load_file(tiny_policy_folder / "model.safetensors"), weights(tmp_path / "run")
    visual = [name for name in before if name.startswith("visual.")]
    assert visual and all(bool((before[name] == after[name]).all()) for name in visual)


def test_an_alarm_stops_the_run_with_its_reason(training_bench: Path, tiny_policy_folder: Path, tmp_path: Path) -> None:
    recipe = grpo_recipe(
        training_bench, tiny_policy_folder, steps=9, save_every=1, alarms__window=2, alarms__truncated_above=0.01
    )
    with pytest.raises(RunStoppedError, match=r"Stopped at step 2: .* cut at the limit"):
        run(recipe, tmp_path / "run")
    facts = read_facts(tmp_path / "run")
    assert facts is not None and facts.ending is not None
    assert (facts.ending.how, facts.ending.step) == ("alarm", 2)
    assert not (tmp_path / "run" / "model").exists()


def test_a_judge_that_is_down_costs_no_step(
    training_bench: Path, tiny_policy_folder: Path, straight: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    recipe = grpo_recipe(training_bench, tiny_policy_folder)
    judge, asked = ConceptJudge.judge, []

    def sometimes(self: ConceptJudge, pairs: Any, mode: Any = "absolute") -> Any:
        asked.append(1)
        if len(asked) > 1:
            raise MedVidBenchError("The judge's server is down.")
        return judge(self, pairs, mode)

    monkeypatch.setattr(ConceptJudge, "judge", sometimes)
    monkeypatch.setattr(CaptionRewards.__init__, "__defaults__", ((), lambda _: None))  # no pauses
    out = tmp_path / "run"
    with pytest.raises(RewardUnavailable, match="server is down"):
        run(recipe, out)
    done = read_log(out)
    found = checkpoints.latest(out)
    assert found is not None and found.name == checkpoints.step_name(len(done))
    facts = read_facts(out)
    assert facts is not None and facts.ending is not None and facts.ending.how == "stopped"
    written = (found / "manifest.json").stat().st_mtime_ns
    with pytest.raises(RewardUnavailable):  # still down: what is saved stays as it is
        run(recipe, out)
    assert checkpoints.latest(out) == found and (found / "manifest.json").stat().st_mtime_ns == written
    monkeypatch.setattr(ConceptJudge, "judge", judge)
    run(recipe, out)
    assert same(out, straight)


def test_a_normalisation_without_statistics_is_refused(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    recipe = grpo_recipe(training_bench, tiny_policy_folder, rewards__normalisation="logistic")
    with pytest.raises(MedVidBenchError, match="without statistics"):
        run(recipe, tmp_path / "run")


def test_a_recipe_of_another_kind_is_refused(training_bench: Path, tiny_policy_folder: Path, tmp_path: Path) -> None:
    recipe = grpo_recipe(training_bench, tiny_policy_folder).model_copy(update={"kind": "sft"})
    with pytest.raises(MedVidBenchError, match="of the kind sft"):
        grpo.run_grpo(recipe, tmp_path / "run")
