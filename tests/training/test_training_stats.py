"""Baseline statistics of a real, tiny model on a simulated benchmark: asked, killed, gone on with, refused."""

from __future__ import annotations

import json

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.training.baseline import BaselineStatistics
from medvidbench.training.machine import Machine
from medvidbench.training.normalisation import Normaliser
from medvidbench.training.recipe_files import load_recipe
from medvidbench.training.rows import Key

MACHINE = Machine(workers=0, rollout_prompts=2)
SAMPLES = 2


def recipe(bench, model, **changes):
    put = {
        "model.path": str(model),
        "model.device": "cpu",
        "data.benchmark": str(bench),
        "data.frames": 3,
        "data.max_pixels": 8 * 784,
        "rewards.similarity": False,
        "data.tasks": None,
        "rewards.tasks": ["TAG", "VS", "DVC"],
        "grpo.group_size": 3,
        "grpo.max_new_tokens": 6,
    }
    return load_recipe("tiny-grpo", put | {key.replace("__", "."): value for key, value in changes.items()})


@pytest.fixture(scope="module")
def stats():
    pytest.importorskip("torch")
    from medvidbench.training import stats

    return stats


@pytest.fixture(scope="module")
def whole(stats, training_bench, tiny_policy_folder, tmp_path_factory):
    """A run that was never stopped."""
    out = tmp_path_factory.mktemp("stats") / "run"
    told = []
    own = recipe(training_bench, tiny_policy_folder)
    found = stats.run_stats(
        own, out, samples=SAMPLES, machine=MACHINE, progress=lambda done, total: told.append((done, total))
    )
    return own, out, found, told


def lines(out):
    return [json.loads(line) for line in (out / "rewards.jsonl").read_text().splitlines()]


def test_each_prompt_has_a_line_and_each_pair_its_statistics(whole):
    _, out, found, told = whole
    rows = lines(out)
    pairs = {(row["source"], row["task"]) for row in rows}
    assert {task for _, task in pairs} == {"TAG", "VS", "DVC"}
    assert max(sum((row["source"], row["task"]) == pair for row in rows) for pair in pairs) == SAMPLES
    assert told[-1] == (len(rows), len(rows))
    for row in rows:
        assert list(row["parts"]) == ["judge" if row["task"] == "VS" else "task"]
        for values in row["parts"].values():
            assert len(values) == 3
            assert all(0 <= value <= 1 for value in values)
        assert all(1 <= length <= 6 for length in row["lengths"])
    assert found.prompts == len(rows)
    own = {(p.source, p.task): p for p in found.statistics.parts}
    assert set(own) == pairs | {(None, task) for _, task in pairs}
    for pair in pairs:
        count = sum((row["source"], row["task"]) == pair for row in rows)
        assert (own[pair].prompts, own[pair].n) == (count, 3 * count)


def test_the_file_is_what_the_normaliser_reads(whole, tiny_policy_folder):
    from medvidbench.models.checkpoints import Source, read_config, revision_of

    _, _, found, _ = whole
    loaded = BaselineStatistics.load(found.path)
    assert loaded == found.statistics
    source = Source(str(tiny_policy_folder))
    loaded.check(revision_of(source, read_config(source)), loaded.reward, loaded.sampling)
    assert loaded.sampling == {"group_size": 3, "temperature": 1.0, "max_new_tokens": 6}
    first = next(p for p in loaded.parts if p.source is not None)
    # six rewards are too few: the task's are used
    assert loaded.of(Key(first.source, first.task), first.part).source is None
    own = loaded.of(Key(first.source, first.task), first.part)
    assert Normaliser("logistic", loaded)(Key(first.source, first.task), first.part, [own.p50])[0] == 0.5


def test_table_and_pictures_are_written(whole):
    _, out, found, _ = whole
    table = (out / "statistics.md").read_text()
    assert table.count("\n| ") + 1 >= len(found.statistics.parts)
    assert "under 50 rewards: the task's statistics are used" in table
    pytest.importorskip("matplotlib")
    names = {path.name for path in (out / "histograms").iterdir()}
    assert names == {"TAG-task.svg", "DVC-task.svg", "VS-judge.svg"}
    assert found.note == ""


def test_without_matplotlib_the_note_says_what_to_install(whole, stats, monkeypatch, tmp_path):
    import sys

    from medvidbench.training.stats_report import draw_histograms

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    note = draw_histograms(whole[2].statistics, [], tmp_path / "pictures")
    assert "medvidbench[report]" in note
    assert not (tmp_path / "pictures").exists()


class KilledError(BaseException):
    """Stands for the signal that no handler sees."""


def test_a_killed_run_goes_on_and_writes_the_same_file(whole, stats, tmp_path):
    own, out, found, _ = whole
    again = tmp_path / "run"

    def kill(done, total):
        if done >= 4:
            raise KilledError

    with pytest.raises(KilledError):
        stats.run_stats(own, again, samples=SAMPLES, machine=MACHINE, progress=kill)
    kept = (again / "rewards.jsonl").read_bytes()
    assert kept.count(b"\n") == 4
    assert not (again / "statistics.json").exists()
    # the kill came in the middle of a write: one whole line of the next piece, and half of the one behind it
    torn = (out / "rewards.jsonl").read_bytes().splitlines(keepends=True)
    (again / "rewards.jsonl").write_bytes(kept + torn[4] + torn[5][:20])
    resumed = []
    stats.run_stats(own, again, samples=SAMPLES, machine=MACHINE, progress=lambda done, total: resumed.append(done))
    # four of the prompts were whole; the piece with one line of two is asked again
    assert resumed[0] == 6
    assert (again / "statistics.json").read_bytes() == found.path.read_bytes()


def test_a_finished_run_asks_nothing_more(whole, stats, monkeypatch):
    own, out, found, _ = whole
    monkeypatch.setattr(stats, "sample_groups", lambda *a, **k: pytest.fail("the model was asked again"))
    before = found.path.read_bytes()
    stats.run_stats(own, out, samples=SAMPLES, machine=MACHINE)
    assert found.path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"seed": 1}, "seed"), ({"grpo__temperature": 0.7}, "temperature"), ({"rewards__tasks": ["TAG"]}, "rewards")],
)
def test_a_folder_holds_one_run(whole, stats, training_bench, tiny_policy_folder, changes, said):
    other = recipe(training_bench, tiny_policy_folder, **changes)
    with pytest.raises(MedVidBenchError, match=f"holds another run.*{said}"):
        stats.run_stats(other, whole[1], samples=SAMPLES, machine=MACHINE)


def test_a_recipe_of_another_kind_or_without_a_rewarded_task_is_refused(
    stats, training_bench, tiny_policy_folder, tmp_path
):
    own = recipe(training_bench, tiny_policy_folder)
    with pytest.raises(MedVidBenchError, match="kind sft"):
        stats.run_stats(load_recipe("tiny-sft"), tmp_path / "run")
    with pytest.raises(MedVidBenchError, match="0 prompts"):
        stats.run_stats(own, tmp_path / "run", samples=0)
    none = recipe(training_bench, tiny_policy_folder, data__tasks=["NAP"])
    with pytest.raises(MedVidBenchError, match="rewards no task of its data"):
        stats.run_stats(none, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_damaged_line_is_named(whole, stats, tmp_path):
    from medvidbench.training.stats_rows import RewardsFile

    path = tmp_path / "rewards.jsonl"
    path.write_text((whole[1] / "rewards.jsonl").read_text().splitlines()[0] + "\n{}\n")
    with pytest.raises(MedVidBenchError, match=r"rewards\.jsonl, line 2"):
        RewardsFile(path)


def test_rows_without_frames_are_counted_with_their_reason(stats, training_bench, tiny_policy_folder, tmp_path):
    own = recipe(training_bench, tiny_policy_folder, data__max_prompt_tokens=1)
    with pytest.raises(MedVidBenchError, match=r"None of \d+ prompts has a reward: A prompt of"):
        stats.run_stats(own, tmp_path / "run", samples=1, machine=MACHINE)
    assert all(row["left_out"] and row["parts"] == {} for row in lines(tmp_path / "run"))


def test_the_command_says_quartiles_and_where_the_file_is(training_bench, tiny_policy_folder, tmp_path, capsys):
    from medvidbench.commands.train_stats import run

    changes = [
        f"model.path={tiny_policy_folder}",
        "model.device=cpu",
        "data.frames=3",
        f"data.max_pixels={8 * 784}",
        "rewards.tasks=[TAG]",
        "grpo.group_size=2",
        "grpo.max_new_tokens=3",
    ]
    run("tiny-grpo", training_bench, tmp_path / "run", changes, samples=1, prepared=tmp_path / "prepared", workers=0)
    said = capsys.readouterr().out
    assert "/TAG task: p25 0.000  p50 0.000  p75 0.000  (2 rewards)" in said
    assert f"Statistics: {tmp_path / 'run' / 'statistics.json'}" in said


def test_several_processes_are_refused_since_each_would_ask_every_prompt(
    stats, training_bench, tiny_policy_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(MedVidBenchError, match="2 processes"):
        stats.run_stats(recipe(training_bench, tiny_policy_folder), tmp_path / "run", machine=MACHINE)
    assert not (tmp_path / "run").exists()
