"""What goes wrong in a reinforcement run: broken videos, reward functions that fail, a collapse."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from grpo_runs import even_ids, grpo_recipe, run
from safetensors.torch import load_file

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.training import checkpoints, grpo, grpo_update
from medvidbench.training.alarms import Alarm
from medvidbench.training.grpo import RunStoppedError
from medvidbench.training.run_facts import read_facts
from medvidbench.training.starting import alone_in
from medvidbench.training.watch import read_log


@pytest.mark.parametrize("bytes_left", [0, 500], ids=["empty", "cut"])
def test_a_video_that_is_empty_or_cut_is_skipped_and_counted_and_the_run_goes_on(
    bytes_left: int, training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    bench, raw = shutil.copytree(training_bench, tmp_path / "bench"), training_bench.parent / "raw"
    shutil.copytree(raw, tmp_path / "raw")
    manifest = bench / "manifest.json"
    manifest.write_text(manifest.read_text().replace(str(raw), str(tmp_path / "raw")))
    rows = Benchmark.open(bench).samples("train", ("TAG", "VS"), None)
    shown = {row.sample_id for row in rows if row.video}
    assert shown and len(shown) < len(rows)
    for video in (tmp_path / "raw").rglob("*.mp4"):
        video.write_bytes(video.read_bytes()[:bytes_left])
    # one prompt a step, so that a step has nothing where its prompt can't be shown: "drpo" remembers steps, too
    for method, kl in (("medgrpo", 0.1), ("drpo", 0.0)):
        recipe = grpo_recipe(
            bench, tiny_policy_folder, steps=8, save_every=8, batch_size=1, grpo__method=method, grpo__kl=kl
        )
        steps = run(recipe, tmp_path / method)
        assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6, 7, 8]
        skipped = [row for step in steps for row in step.skipped]
        assert {row.sample_id for row in skipped} <= shown and all(row.why for row in skipped)
        # those that were skipped leave their place empty
        assert all(step.prompts + len(step.skipped) == 1 for step in steps)
        empty = [step for step in steps if not step.prompts]
        assert 0 < len(empty) < 8 and all(step.loss is None and step.grad_norm is None for step in empty)


def test_a_run_none_of_whose_prompts_can_be_shown_stops_and_leaves_no_model(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    recipe = grpo_recipe(training_bench, tiny_policy_folder, data__max_prompt_tokens=1, steps=3)
    with pytest.raises(MedVidBenchError, match=r"No row of 3 steps could be shown\. The first one: .*tokens"):
        run(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / "model").exists()


def test_groups_that_teach_nothing_are_left_out_of_the_loss_where_the_method_says_so(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("mine")
    module.flat = lambda completions, **columns: [0.5] * len(completions)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)
    changes = {"rewards__functions": ["mine:flat"], "rewards__tasks": [], "steps": 1, "save_every": 1}
    norms = {}
    for zero_spread in ("skip", "keep"):
        put = {**changes, "grpo__zero_spread": zero_spread, "grpo__method": "grpo_pp", "grpo__kl": 0.04}
        (step,) = run(grpo_recipe(training_bench, tiny_policy_folder, **put), tmp_path / zero_spread)
        norms[zero_spread] = step.grad_norm
    # kept, the KL term acts on them from the second update on; left out, there is nothing to step on
    assert norms["skip"] is None and norms["keep"] is not None


def test_the_settings_of_a_method_reach_its_loss(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    real = grpo_update.policy_loss

    def spied(logps: Any, old: Any, advantages: Any, mask: Any, **options: Any) -> Any:
        seen.append(options)
        return real(logps, old, advantages, mask, **options)

    monkeypatch.setattr(grpo_update, "policy_loss", spied)
    cases: dict[str, dict[str, Any]] = {
        "dapo": {"clip_low": 0.2, "clip_high": 0.28, "aggregation": "token", "kl": 0.0},
        "dr_grpo": {"clip_low": 0.2, "clip_high": 0.2, "aggregation": "constant", "kl": 0.0, "max_tokens": 6},
        "medgrpo": {"clip_low": 0.2, "clip_high": 0.3, "aggregation": "sequence", "kl": 0.0},
    }
    for name, wanted in cases.items():
        seen.clear()
        put = {"grpo__method": name, "grpo__kl": 0.0, "steps": 1, "save_every": 1}
        run(grpo_recipe(training_bench, tiny_policy_folder, **put), tmp_path / name)
        assert seen and all({key: own[key] for key in wanted} == wanted for own in seen), name
    seen.clear()
    put = {"grpo__mask_truncated": True, "steps": 1, "save_every": 1}
    (step,) = run(grpo_recipe(training_bench, tiny_policy_folder, **put), tmp_path / "masked")
    # a random model hardly ever ends by itself within six tokens: those that are cut take no part
    assert step.truncated is not None and step.truncated > 0
    parts = sum(int(own["applies"].sum()) for own in seen) / 2  # two updates
    assert parts == round((1 - step.truncated) * step.completions)


def test_a_second_run_in_the_folder_and_a_folder_with_a_model_of_another_s_are_refused(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    recipe = grpo_recipe(training_bench, tiny_policy_folder)
    with alone_in(tmp_path / "run", True), pytest.raises(MedVidBenchError, match="Another process is training in"):
        run(recipe, tmp_path / "run")
    mine = tmp_path / "own" / "model" / "weights.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(MedVidBenchError, match=r"holds a model that is no run's"):
        run(recipe, tmp_path / "own")
    assert mine.read_text() == "mine"


def functions(monkeypatch: pytest.MonkeyPatch, fails_in: int, failure: Any) -> None:
    """A module `mine` whose reward fails in one step: it raises an exception, or returns this value."""

    def even(trainer_state: Any, **columns: Any) -> Any:
        if trainer_state.global_step == fails_in:
            if isinstance(failure, Exception):
                raise failure
            return [failure for _ in columns["completions"]]
        return even_ids(**columns)

    module = ModuleType("mine")
    module.even = even  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mine", module)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (ZeroDivisionError("division by zero"), "mine:even raised ZeroDivisionError: division by zero"),
        (float("nan"), "mine:even returned nan"),
        (float("inf"), "mine:even returned inf"),
    ],
    ids=["raises", "nan", "inf"],
)
def test_a_reward_function_that_fails_ends_the_run_with_the_reason_and_a_mended_one_goes_on(
    failure: Any,
    said: str,
    training_bench: Path,
    tiny_policy_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = grpo_recipe(training_bench, tiny_policy_folder, rewards__functions=["mine:even"])
    functions(monkeypatch, 3, failure)  # the fourth step: one after the checkpoint
    with pytest.raises(MedVidBenchError, match=said):
        run(recipe, tmp_path / "run")
    assert [path.name for path in checkpoints.checkpoints(tmp_path / "run")] == ["step-00000002"]
    facts = read_facts(tmp_path / "run")
    assert facts is not None and facts.ending is not None and said in facts.ending.reason
    assert (facts.ending.how, facts.ending.step) == ("stopped", 3)
    assert [row.step for row in read_log(tmp_path / "run")] == [1, 2, 3]  # no step with an invented reward
    functions(monkeypatch, -1, None)
    assert [step.step for step in run(recipe, tmp_path / "run")] == [3, 4]


def test_an_alarm_keeps_the_last_checkpoint_that_is_known_to_be_good_and_names_it(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collapsed(log: Any, settings: Any) -> list[Alarm]:
        return [Alarm(6, "entropy_below", 0.0, 0.01, "The entropy is 0.")] if len(log) == 6 else []

    monkeypatch.setattr(grpo, "alarms", collapsed)
    out = tmp_path / "run"
    recipe = grpo_recipe(training_bench, tiny_policy_folder, steps=9, save_every=1, keep=2, alarms__window=3)
    # step 1 stays until it is known to be good, at step 4, then step 2 until step 5, then step 3; 4, 5 are the newest
    with pytest.raises(RunStoppedError, match=r"Stopped at step 6: The entropy is 0\.\n.*step-00000002 is kept"):
        run(recipe, out)
    assert [path.name[-1] for path in checkpoints.checkpoints(out)] == ["2", "3", "4", "5"]
    assert checkpoints.last_good(out) == out / "step-00000002"
    assert checkpoints.read_manifest(out / "step-00000002")["step"] == 2  # whole
    facts = read_facts(out)
    assert facts is not None and facts.ending is not None
    assert (facts.ending.how, facts.ending.step, facts.ending.reason) == ("alarm", 6, "The entropy is 0.")
    # what the message says leads to the good model: that of a run of two steps
    for younger in ("3", "4", "5"):
        shutil.rmtree(out / f"step-0000000{younger}")
    two = recipe.model_copy(update={"steps": 2})
    assert run(two, out) == [] and len(run(two, tmp_path / "two")) == 2
    good, model = (load_file(folder / "model" / "model.safetensors") for folder in (tmp_path / "two", out))
    assert good.keys() == model.keys() and all(torch.equal(good[name], model[name]) for name in good)
