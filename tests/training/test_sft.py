"""Fine-tuning from end to end on a tiny model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from safetensors.torch import load_file
from sft_runs import order_of, parts_of, run, sft_recipe

from medvidbench.errors import MedVidBenchError
from medvidbench.training import sft
from medvidbench.training.checkpoints import checkpoints, latest
from medvidbench.training.machine import Machine
from medvidbench.training.optimiser import learning_rate
from medvidbench.training.run_facts import read_facts
from medvidbench.training.sft import run_sft, total_steps
from medvidbench.training.starting import SOON, Shown
from medvidbench.training.steps import Skipped
from medvidbench.training.watch import read_log


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared prompts shared by the runs here."""
    return tmp_path_factory.mktemp("prepared")


def weights(out: Path) -> dict[str, Any]:
    return load_file(out / "model" / "model.safetensors")


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_loss_falls_and_every_step_says_what_it_rests_on(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path
) -> None:
    recipe = sft_recipe(training_bench, tiny_policy_folder, steps=16, batch_size=4, optimiser__lr=0.005)
    steps = run(recipe, tmp_path, prepared)
    losses = [step.loss for step in steps if step.loss is not None]
    assert sum(losses[-4:]) < 0.75 * sum(losses[:4])
    assert [step.step for step in steps] == list(range(1, 17)) and read_log(tmp_path) == steps
    rows = parts_of(training_bench, tiny_policy_folder).rows()
    order = order_of(rows, balance="task")
    for step in steps:
        drawn = [rows[number] for number in order.batch(4 * step.step - 4, 4)]
        assert step.n == 4 == sum(key.n for key in step.keys)
        assert {key.name for key in step.keys} == {f"{row.source}/{row.task}" for row in drawn}
        assert step.loss == pytest.approx(sum(key.loss * key.tokens for key in step.keys) / step.tokens)
        assert step.lr == learning_rate(step.step - 1, 16, recipe.optimiser)
        assert step.grad_norm is not None and step.grad_norm > 0
    facts = read_facts(tmp_path)
    assert facts is not None and facts.ending is not None
    assert (facts.kind, facts.synthetic, facts.ending.how, facts.ending.step) == ("sft", True, "finished", 16)


def test_the_first_loss_is_that_of_the_model_before_training(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path
) -> None:
    parts = parts_of(training_bench, tiny_policy_folder)
    rows = parts.rows()
    examples = [parts.stream(rows).one(number) for number in order_of(rows, balance="task").batch(0, 2)]
    summed, tokens = 0.0, 0
    for example in examples:
        ids = torch.cat([example.prompt.input_ids, example.answer_ids])
        after = example.prompt.position_ids.max() + 1 + torch.arange(len(example.answer_ids))
        with torch.no_grad():
            logits = parts.policy.model(
                input_ids=ids[None],
                position_ids=torch.cat([example.prompt.position_ids, after.expand(3, -1)], dim=1)[:, None],
                pixel_values_videos=example.prompt.pixel_values_videos,
                video_grid_thw=example.prompt.video_grid_thw,
            ).logits[0]
        chosen = logits[example.prompt.length - 1 : -1].log_softmax(-1).gather(1, example.answer_ids[:, None])
        summed, tokens = summed - float(chosen.sum()), tokens + len(example.answer_ids)
    first = run(sft_recipe(training_bench, tiny_policy_folder, steps=1), tmp_path, prepared)[0]
    assert first.tokens == tokens and first.loss == pytest.approx(summed / tokens, rel=1e-5)


def test_the_gradient_is_the_same_however_the_step_is_cut(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path
) -> None:
    recipe = sft_recipe(training_bench, tiny_policy_folder, steps=1, batch_size=6)
    norms = []
    for most in (1, 100_000):
        steps: list[sft.SftStep] = []
        machine = Machine(prepared=prepared, workers=0, micro_tokens=most)
        run_sft(recipe, tmp_path / str(most), machine=machine, progress=lambda step, _, to=steps: to.append(step))
        norms.append((steps[0].loss, steps[0].grad_norm))
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


class StoppedError(Exception):
    """Raised in the middle of a run."""


@pytest.mark.parametrize("lora", [None, {"rank": 2}], ids=["full", "lora"])
def test_a_stopped_run_goes_on_to_the_same_weights_and_log(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path, lora: dict[str, int] | None
) -> None:
    if lora:
        pytest.importorskip("peft")
    changes: dict[str, Any] = {"model__lora": lora, "model__freeze_vision": bool(lora), "steps": 5}
    recipe = sft_recipe(training_bench, tiny_policy_folder, **changes)
    whole = run(recipe, tmp_path / "whole", prepared)

    def stop(step: sft.SftStep, total: int) -> None:
        if step.step == 3:  # one step after the checkpoint
            raise StoppedError

    with pytest.raises(StoppedError):
        run_sft(recipe, tmp_path / "cut", machine=Machine(prepared=prepared, workers=0), progress=stop)
    assert [step.step for step in read_log(tmp_path / "cut")] == [1, 2, 3]
    again = run(recipe, tmp_path / "cut", prepared)
    assert [step.step for step in again] == [3, 4, 5]
    assert equal(weights(tmp_path / "cut"), weights(tmp_path / "whole"))
    assert [(s.step, s.loss, s.grad_norm) for s in read_log(tmp_path / "cut")] == [
        (s.step, s.loss, s.grad_norm) for s in whole
    ]


def test_a_finished_run_has_nothing_left_to_do_but_its_model(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path
) -> None:
    recipe = sft_recipe(training_bench, tiny_policy_folder, steps=2)
    run(recipe, tmp_path, prepared)
    before = weights(tmp_path)
    shutil.rmtree(tmp_path / "model")
    assert run(recipe, tmp_path, prepared) == []
    assert equal(weights(tmp_path), before) and len(read_log(tmp_path)) == 2
    with pytest.raises(MedVidBenchError, match="holds a run"):
        run(recipe, tmp_path, prepared, resume=False)


def test_rows_that_cannot_be_read_are_counted_and_the_others_are_trained_on(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    real = sft.chosen_rows
    monkeypatch.setattr(
        sft,
        "chosen_rows",
        lambda *args: [replace(row, video="gone.mp4") if row.video else row for row in real(*args)],
    )
    steps = run(sft_recipe(training_bench, tiny_policy_folder, data__balance="none", steps=9), tmp_path, prepared)
    # an epoch of 17 rows, those of NurViD with a video: 2 rows a step, 9 steps, one row of the second epoch
    gone = {skipped.sample_id for step in steps for skipped in step.skipped}
    assert gone == {row.sample_id for row in parts_of(training_bench, tiny_policy_folder).rows() if row.video}
    assert all(step.n + len(step.skipped) == 2 for step in steps)
    assert all(skipped.source == "NurViD" and skipped.why for step in steps for skipped in step.skipped)


def test_steps_without_a_readable_row_change_nothing_and_a_run_of_them_makes_no_model(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path
) -> None:
    recipe = sft_recipe(training_bench, tiny_policy_folder, data__max_prompt_tokens=1, steps=3, save_every=1)
    with pytest.raises(MedVidBenchError, match=r"No row of 3 steps could be shown\. The first one: .*tokens"):
        run(recipe, tmp_path, prepared)
    steps = read_log(tmp_path)
    assert [(row.loss, row.grad_norm, row.n, len(row.skipped)) for row in steps] == [(None, None, 0, 2)] * 3
    base = load_file(tiny_policy_folder / "model.safetensors")
    saved = load_file(tmp_path / "step-00000002" / "weights.safetensors")
    assert all(any(torch.equal(value, other) for other in base.values()) for value in saved.values())
    assert not (tmp_path / "model").exists()


def test_memory_that_runs_out_in_a_step_is_one_message_and_stands_beside_the_run(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(sft, "answer_outputs", full)
    with pytest.raises(MedVidBenchError, match="Out of memory while training: CUDA out of memory") as caught:
        run(sft_recipe(training_bench, tiny_policy_folder), tmp_path, prepared)
    assert "--micro-tokens" in caught.value.remedy
    facts = read_facts(tmp_path)
    assert facts is not None and facts.ending is not None and "Out of memory" in facts.ending.reason


def test_a_gradient_that_is_no_number_stops_the_run_before_it_is_used(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sft.answer_outputs

    def failing(model: Any, batch: Any, attentions: bool) -> Any:
        losses, seen = real(model, batch, attentions)
        return losses * float("nan") if len(read_log(tmp_path)) == 2 else losses, seen

    monkeypatch.setattr(sft, "answer_outputs", failing)
    (tmp_path / "log.jsonl").touch()
    with pytest.raises(MedVidBenchError, match="gradient of step 3 is nan"):
        run(sft_recipe(training_bench, tiny_policy_folder), tmp_path, prepared)
    facts = read_facts(tmp_path)
    assert facts is not None and facts.ending is not None and facts.ending.how == "stopped"
    assert latest(tmp_path) == checkpoints(tmp_path)[-1] == tmp_path / "step-00000002"
    monkeypatch.undo()
    run(sft_recipe(training_bench, tiny_policy_folder), tmp_path, prepared)
    run(sft_recipe(training_bench, tiny_policy_folder), tmp_path / "whole", prepared)
    assert equal(weights(tmp_path), weights(tmp_path / "whole"))


def test_another_benchmark_in_the_same_place_is_refused(
    training_bench: Path, tiny_policy_folder: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = sft_recipe(training_bench, tiny_policy_folder, steps=2)
    run(recipe, tmp_path, prepared)
    real = sft.chosen_rows
    monkeypatch.setattr(sft, "chosen_rows", lambda *args: real(*args)[1:])
    with pytest.raises(MedVidBenchError, match="The training rows of the benchmark are not those that the run"):
        run(recipe, tmp_path, prepared)


def test_epochs_are_steps_that_show_every_row_so_often(training_bench: Path, tiny_policy_folder: Path) -> None:
    recipe = sft_recipe(training_bench, tiny_policy_folder, steps=None, epochs=1.5, batch_size=4)
    # 1.5 * 17 = 25.5 rows, 4 a step: 7 steps
    assert total_steps(recipe, 17) == 7


def test_a_recipe_of_another_kind_is_refused(training_bench: Path, tmp_path: Path) -> None:
    from medvidbench.training.recipe_files import load_recipe

    with pytest.raises(MedVidBenchError, match="of the kind grpo"):
        run_sft(load_recipe("tiny-grpo", {"data.benchmark": str(training_bench)}), tmp_path)


def test_a_place_that_is_no_folder_is_one_clear_error(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MedVidBenchError, match="file can't be written to: File exists"):
        run(sft_recipe(training_bench, tiny_policy_folder), tmp_path / "file")
    with pytest.raises(MedVidBenchError, match="Not a directory"):
        run(sft_recipe(training_bench, tiny_policy_folder), tmp_path / "file" / "run")


def test_only_a_run_that_never_showed_a_row_is_stopped_at_its_end() -> None:
    lost = (Skipped(sample_id="s", source="AVOS", task="TAG", why="no file"),)
    Shown(begun=3).add(0, lost, last=True)  # what went before counts: a kill must change nothing
    with pytest.raises(MedVidBenchError, match="No row of 1 steps could be shown"):
        Shown(begun=0).add(0, lost, last=True)
    some = Shown(begun=0)
    for _ in range(SOON + 5):
        some.add(1, lost, last=False)
    gone = Shown(begun=3)
    for _ in range(SOON - 1):
        gone.add(0, lost, last=False)
    with pytest.raises(MedVidBenchError, match=f"No row of {SOON} steps .* no file"):
        gone.add(0, lost, last=False)
