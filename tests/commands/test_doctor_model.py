"""`medvidbench doctor model`: a model's time axis, proven without a call."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from medvidbench.commands.doctor import run_model
from medvidbench.errors import MedVidBenchError
from medvidbench.models import openai_api
from medvidbench.models.openai_api import OpenAIVideoModel
from medvidbench.models.ping import ping
from medvidbench.models.time_cases import CASES

NOWHERE = "openai:test-model@http://127.0.0.1:9/v1"
Capture = pytest.CaptureFixture[str]


sys.path.append(str(Path(__file__).parents[1] / "models"))  # the server of the model tests


def wrong(times: Sequence[float], fps: float | None) -> list[str]:
    """The fault of other harnesses: frames taken for 24 a second."""
    return [f"<{k / 24:.3f} seconds>" for k in range(len(times))]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of two simulated sources, their clips at different rates."""
    pytest.importorskip("av", reason="videos need the extra [video]")
    from medvidbench.curation.build import build
    from medvidbench.curation.settings import BuildSettings
    from medvidbench.curation.validate import ValidationSettings
    from medvidbench.synthetic.layouts import write_layout

    folder = tmp_path_factory.mktemp("doctor")
    keys = ("avos", "nurvid")
    for key in keys:
        write_layout(key, folder / key, recordings=2, seconds=20, seed=1)
    settings = BuildSettings(
        test_share=0.5, validation=ValidationSettings(method="ngram"), workers=1, plan="balanced", per_task=2
    )
    build([(key, folder / key) for key in keys], folder / "bench", settings)
    return folder / "bench"


def test_a_right_adapter_passes_every_case_and_shows_one_prompt_with_its_times(capsys: Capture) -> None:
    assert run_model(NOWHERE) == 0
    shown = capsys.readouterr().out
    assert all(case in shown for case in CASES)
    assert "All 12 cases passed. Nothing was asked." in shown
    # the prompt of the case "holes", and what was read back from it
    assert "<11.0 seconds>\n[picture 140x112]" in shown
    assert "0, 1, 2, 11, 12, 40 s" in shown


def test_a_broken_adapter_fails_with_exit_code_1_and_says_where(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_api, "stamp_texts", wrong)
    assert run_model(NOWHERE) == 1
    shown = capsys.readouterr().out
    # the 6 frames at 0.5 a second: the last, at 10 s, is announced at 5 / 24 s = 0.21 s
    assert "extracted at 0.5 frames/s: 6 frames, worst error 9.792 s of 1.000 s allowed" in shown
    assert "the frame at 10.00 s is announced at 0.21 s" in shown
    assert "11 of 12 cases failed." in shown  # a single frame at 0 s is right by chance


def test_an_adapter_whose_times_cannot_be_read_fails_and_does_not_crash(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_api, "stamp_texts", lambda times, fps: ["see below"] * len(times))
    assert run_model(NOWHERE) == 1
    shown = capsys.readouterr().out
    assert "no time text before it" in shown
    assert "12 of 12 cases failed." in shown


def test_json_holds_every_proof_the_record_and_the_prompt(capsys: Capture) -> None:
    assert run_model(NOWHERE, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is True
    assert found["cases"].keys() == CASES.keys()
    assert found["cases"]["holes"]["announced"] == [0.0, 1.0, 2.0, 11.0, 12.0, 40.0]
    assert found["record"]["model"] == "test-model"
    assert found["announced"][3] == {"start": 11.0, "end": 11.0, "frames": [3]}
    assert found["prompt"].endswith("When does it happen?")


def test_json_of_a_failure_is_still_json(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_api, "stamp_texts", lambda times, fps: [""] * len(times))
    assert run_model(NOWHERE, as_json=True) == 1
    text = capsys.readouterr().out
    assert "Infinity" not in text
    found = json.loads(text)
    assert found["cases"]["one frame"]["worst_error"] is None
    assert found["announced"] == [] and "no time text" in found["unreadable"]
    assert found["prompt"].startswith("[user]")


def test_a_local_qwen_passes_with_its_grid_and_text(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from medvidbench.models.registry import ModelOptions
    from medvidbench.models.tiny import build_tiny_qwen

    folder = build_tiny_qwen(tmp_path / "qwen")
    assert run_model(f"hf:{folder}", options=ModelOptions(device="cpu")) == 0
    shown = capsys.readouterr().out
    assert "second_per_grid_ts" in shown
    assert "<11.0 seconds><|vision_start|><|video_pad|>" in shown


def test_clips_of_a_benchmark_are_checked_beside_the_cases(bench: Path, capsys: Capture) -> None:
    assert run_model(NOWHERE, bench, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    own = {name: case for name, case in found["cases"].items() if name not in CASES}
    assert own and all(name.startswith("clip ") and case["passed"] for name, case in own.items())
    assert len(own) + len(CASES) == len(found["cases"])
    # the prompt that is shown is a question of the benchmark, not the synthetic one
    assert "When does it happen?" not in found["prompt"]
    assert len(found["announced"]) == found["prompt"].count("[picture ") > 0


def test_a_broken_adapter_fails_on_the_clips_too(bench: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_api, "stamp_texts", wrong)
    assert run_model(NOWHERE, bench, as_json=True) == 1
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert not any(case["passed"] for name, case in cases.items() if name.startswith("clip "))


def test_a_ping_tells_whether_the_server_knows_the_model(tmp_path: Path, capsys: Capture) -> None:
    from openai_server import running_server

    with running_server(tmp_path) as server:
        assert run_model(f"openai:test-model@{server.url}", ping=True) == 0
        assert "Ping: the server answers and knows the model." in capsys.readouterr().out
        run_model(f"openai:other@{server.url}", ping=True)
        assert "the server answers; it lists test-model" in capsys.readouterr().out
        assert server.requests() == []  # no call was sent


def test_a_ping_to_nobody_is_an_error_with_the_address(capsys: Capture) -> None:
    with pytest.raises(MedVidBenchError, match=r"http://127.0.0.1:9/v1 can't be reached"):
        run_model(NOWHERE, ping=True)
    model = OpenAIVideoModel(NOWHERE)
    with pytest.raises(MedVidBenchError):
        ping(model.endpoint, model.model, timeout=0.5)
