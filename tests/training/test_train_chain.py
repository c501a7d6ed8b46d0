"""The whole way on the command line: fine-tune, measure rewards, reinforce, evaluate; killed twice, with the same bits.

Of the fine-tuning and of the reinforcement there are two runs by the same command: one is killed with SIGKILL and goes
on, the other is never stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from safetensors.torch import load_file

from medvidbench.training.watch import read_log

HERE = Path(__file__).parent
PATIENCE = 200.0
SMALL = ("data.frames=3", "data.max_pixels=6272", "batch_size=2", "save_every=3", "steps=12")
# a random model earns nothing by the tasks' own rules: a reward that some completions get is added
GRPO = (*SMALL, "data.tasks=[TAG, VS]", "grpo.max_new_tokens=8", "grpo.group_size=3", "optimiser.lr=1e-3",
        "alarms.parse_below=null", "alarms.truncated_above=null", "rewards.functions=[grpo_runs:even_ids]",
        "rewards.drift=ema", "rewards.ema=0.2")  # fmt: skip
WRITTEN = ("model/model.safetensors", "step-00000012/weights.safetensors", "step-00000012/optimiser.safetensors")


@dataclass
class Chain:
    """The commands, with what they share."""

    cli: Callable[..., Any]
    bench: Path
    folder: Path

    def command(self, kind: str, recipe: str, out: Path, changes: Sequence[str], *more: object) -> list[object]:
        caches = ("--prepared", self.folder / "prepared", "--frame-cache", self.folder / "frames", "--workers", 0)
        put = [word for change in changes for word in ("--set", change)]
        return ["train", kind, recipe, "--data", self.bench, "--out", out, *caches, *put, *more]

    def twice(self, kind: str, recipe: str, changes: Sequence[str], *more: object) -> Path:
        """The run's folder after a kill and a second start; its bits are those of a run in one piece."""
        killed, whole = self.folder / kind, self.folder / f"{kind}-whole"
        command = self.command(kind, recipe, killed, changes, *more)
        kill_in_the_middle(killed / "log.jsonl", command)
        assert not (killed / "model").exists()
        done = self.cli(*command)
        assert done.code == 0 and f"Model: {killed / 'model'}" in done.out, done.err
        assert self.cli(*self.command(kind, recipe, whole, changes, *more)).code == 0
        assert_same_bits(killed, whole)
        return killed


def kill_in_the_middle(log: Path, arguments: Sequence[object]) -> None:
    """Runs the command until its log has four steps, one more than its last checkpoint at least, and kills it."""
    command = [sys.executable, "-m", "medvidbench", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    deadline = time.monotonic() + PATIENCE
    while not log.is_file() or log.read_bytes().count(b"\n") < 4:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def assert_same_bits(one: Path, other: Path) -> None:
    for file in WRITTEN:
        a, b = load_file(one / file), load_file(other / file)
        assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in b), file
    logs = [[(row.step, row.loss, row.grad_norm) for row in read_log(folder)] for folder in (one, other)]
    states = [json.loads((folder / "step-00000012" / "state.json").read_text()) for folder in (one, other)]
    assert states[0]["parts"] == states[1]["parts"]
    assert logs[0] == logs[1] and [step for step, *_ in logs[0]] == list(range(1, 13))


def test_sft_stats_grpo_and_eval_follow_one_another_and_a_kill_changes_no_bit(
    cli: Callable[..., Any], training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    chain = Chain(cli, training_bench, tmp_path)
    sft = chain.twice("sft", "tiny-sft", [*SMALL, f"model.path={tiny_policy_folder}"], "--micro-tokens", 500)

    stats, model = tmp_path / "stats", ("--model", f"hf:{sft / 'model'}")
    measured = cli(*chain.command("stats", "tiny-grpo", stats, GRPO, *model, "--samples", 6))
    assert measured.code == 0 and "p50" in measured.out, measured.err
    statistics = ("--statistics", stats / "statistics.json")

    grpo = chain.twice("grpo", "tiny-grpo", GRPO, *model, *statistics, "--rollout-prompts", 1)
    before, after = (load_file(folder / "model" / "model.safetensors") for folder in (sft, grpo))
    assert any(not torch.equal(before[name], after[name]) for name in after)
    assert all(row.grad_norm for row in read_log(grpo))

    # a run is bound to what its statistics say, not to where they lie
    moved = tmp_path / "moved" / "statistics.json"
    moved.parent.mkdir()
    shutil.copy(stats / "statistics.json", moved)
    again = chain.command("grpo", "tiny-grpo", grpo, GRPO, *model, "--statistics", moved)
    assert cli(*again).code == 0
    moved.write_text(moved.read_text().replace('"seed": 0', '"seed": 1', 1))
    refused = cli(*again)
    assert refused.code == 2 and "The reward statistics are not those that the run" in refused.err

    # the statistics are of the model that reinforcement began with, not of the one that it made
    refused = cli(*chain.command("grpo", "tiny-grpo", tmp_path / "other", GRPO, "--model", grpo / "model", *statistics))
    assert refused.code == 2 and "The reward statistics are of the model" in refused.err

    asked = ("eval", "--model", f"hf:{grpo / 'model'}", "--data", training_bench, "--out", tmp_path / "eval")
    evaluated = cli(*asked, "--limit", 1, "--frames", 3, "--max-tokens", 8, "--frame-cache", tmp_path / "frames")
    assert evaluated.code == 0, evaluated.err
    results = json.loads((tmp_path / "eval" / "results.json").read_text())
    assert results["metrics"]["TAG_mIoU"]["n"] == 1
