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

from grpo_runs import even_ids, grpo_recipe, run

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.training import checkpoints, grpo
from medvidbench.training.alarms import Alarm
from medvidbench.training.grpo import RunStoppedError
from medvidbench.training.run_facts import read_facts
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
    steps = run(grpo_recipe(bench, tiny_policy_folder, steps=6, save_every=6), tmp_path / "run")
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    skipped = [row for step in steps for row in step.skipped]
    assert {row.sample_id for row in skipped} <= shown and all(row.why for row in skipped)
    # two prompts a step, those that were skipped leave their place empty
    assert skipped and all(step.prompts + len(step.skipped) == 2 for step in steps)
    assert any(step.prompts for step in steps)


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
