"""The way to the small model: it is seeded, it goes on after a stop, and it says when the model isn't there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("av")

from medvidbench.errors import MedVidBenchError
from medvidbench.models import registry
from medvidbench.models.registry import video_model
from medvidbench.training.processes import Processes
from medvidbench.training.shipping import trained_model
from medvidbench.training.shipping_bar import Beside
from medvidbench.training.shipping_plan import Plan, Sight, Simulation
from medvidbench.training.tensors import digest_of


def test_a_blind_row_is_beaten_when_the_whole_interval_lies_above_zero() -> None:
    def beside(low: float | None, high: float | None) -> Beside:
        return Beside("TAG_mIoU", 0.3, "blind:random", 0.2, 0.1, low, high, 50, 10)

    assert beside(0.01, 0.19).beaten
    assert not beside(-0.01, 0.21).beaten
    assert not beside(None, None).beaten  # too few recordings for an interval: nothing is claimed


def test_without_the_folder_the_name_says_what_makes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "files", lambda package: tmp_path)
    with pytest.raises(MedVidBenchError, match="make tiny-model"):
        video_model("tiny")


def test_a_process_ends_with_the_launcher_that_started_it() -> None:
    waits = "from medvidbench.training import shipping_card as s; import time; s._end_with_launcher()"
    child = f"{waits}; print('ready', flush=True); time.sleep(120)"
    launches = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    launcher = subprocess.Popen([sys.executable, "-c", launches], stdout=subprocess.PIPE, text=True)
    with launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "ready\n"
        launcher.kill()
        began = time.monotonic()
        assert launcher.stdout.read() == ""  # the pipe closes when the last that holds it is gone: the child
        assert time.monotonic() - began < 30


def test_a_rebuild_comes_to_the_same_weights_also_after_a_stop(tmp_path: Path) -> None:
    plan = Plan(
        training=Simulation(recordings=2, seconds=20, seed=5, test_share=0.0),
        changes=(
            ("steps", 2),
            ("batch_size", 2),
            ("save_every", 1),
            ("data.frames", 2),
        ),
        sight=Sight(steps=2, rows=2),
        layouts=("cholect50",),
    )
    said: list[str] = []
    alone = Processes.start("cpu")
    whole = trained_model(tmp_path / "a", plan, alone, say=said.append)

    class StoppedError(Exception):
        pass

    def stop_before_training(text: str) -> None:
        if text.startswith("Building"):
            raise StoppedError

    with pytest.raises(StoppedError):
        trained_model(tmp_path / "b", plan, alone, say=stop_before_training)
    again = trained_model(tmp_path / "b", plan, alone, say=said.append)
    assert _weights(whole) == _weights(again)
    assert _weights(whole) != _weights(tmp_path / "a" / "start")


def _weights(folder: Path) -> str:
    from safetensors.torch import load_file

    return digest_of(load_file(folder / "model.safetensors"))
