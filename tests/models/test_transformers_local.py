"""`hf:PATH` for other models than Qwen2.5-VL, and what happens when something is missing."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_generic
import torch
from qwen_oracle import NO_TORCHVISION, installed

from medvidbench.errors import MedVidBenchError
from medvidbench.models.checkpoints import fingerprint
from medvidbench.models.generic_local import GenericLocal
from medvidbench.models.time_contract import PROCESSOR_TEXT, TEXT, VideoQuestion, check_times
from medvidbench.models.torch_env import OutOfMemoryError, choose_device, choose_dtype, memory_errors
from medvidbench.models.transformers_local import load_local
from medvidbench.video.frames import FrameSet

Noise = Callable[..., FrameSet]
KINDS = {
    "Qwen3-VL": tiny_generic.qwen3_vl,
    "LLaVA-OneVision": tiny_generic.llava_onevision,
    "InternVL": tiny_generic.internvl,
}


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest, tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> GenericLocal:
    folder = KINDS[request.param](tmp_path_factory.mktemp("generic") / "model")
    found = load_local(str(folder), device="cpu")
    assert isinstance(found, GenericLocal)
    return found


@pytest.mark.parametrize(
    "times",
    [[0.0, 2.0, 4.0], [0.0], [7.0], [0.0, 1.0, 2.0, 9.5], [0.25, 0.5, 0.75, 1.0], [2.0, 0.0, 1.0]],
    ids=["0.5 fps", "one", "late one", "hole", "4 fps", "any order"],
)
def test_every_model_is_told_the_frames_times(times: list[float], model: GenericLocal, noise: Noise) -> None:
    proof = check_times(model, noise(times))
    assert proof.passed, proof.detail
    assert proof.channel in (TEXT, PROCESSOR_TEXT)


def test_a_picture_whose_time_text_is_missing_fails_the_check(
    model: GenericLocal, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    if model.as_video:
        pytest.skip("this processor writes the times itself")
    monkeypatch.setattr("medvidbench.models.generic_local.stamp_texts", lambda times, fps: ["<0.0 seconds>", "", ""])
    assert not check_times(model, noise([0.0, 1.0, 2.0])).passed


def test_wrong_time_texts_fail_the_check(model: GenericLocal, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    if model.as_video:
        pytest.skip("this processor writes the times itself")
    wrong = ["<0.0 seconds>", "<0.1 seconds>", "<0.2 seconds>"]
    monkeypatch.setattr("medvidbench.models.generic_local.stamp_texts", lambda times, fps: wrong)
    proof = check_times(model, noise([0.0, 1.0, 2.0]))
    assert not proof.passed
    assert proof.worst_error == pytest.approx(1.8)


def test_answers_are_the_same_alone_and_in_a_batch(model: GenericLocal, noise: Noise) -> None:
    asked = [
        VideoQuestion(f"s{k}", "When? " * (k + 1), noise(range(k)) if k else None, max_new_tokens=3 + k)
        for k in range(4)
    ]
    alone = list(model.answer_videos(asked))
    wide = GenericLocal(model.checkpoint, model.processor, model.settings, batch_size=4)
    together = list(wide.answer_videos(asked))
    assert [reply.error for reply in alone] == [""] * 4
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert all(reply.output_tokens <= question.max_new_tokens for reply, question in zip(alone, asked, strict=True))


def test_a_checkpoint_s_own_sampling_and_penalties_are_not_followed(model: GenericLocal, noise: Noise) -> None:
    asked = [VideoQuestion(f"s{k}", "When?", noise(range(k + 1)), max_new_tokens=12) for k in range(3)]
    folder = Path(model.checkpoint.source.path)
    said = json.loads((folder / "generation_config.json").read_text())
    loud = {**said, "do_sample": True, "temperature": 3.0, "top_k": 3, "repetition_penalty": 9.0}
    (folder / "generation_config.json").write_text(json.dumps(loud))
    try:
        other = load_local(str(folder), device="cpu")
    finally:
        (folder / "generation_config.json").write_text(json.dumps(said))
    expected = [reply.text for reply in model.answer_videos(asked)]
    assert [reply.text for reply in other.answer_videos(asked)] == expected


def test_what_is_recorded_is_what_the_processor_does(model: GenericLocal) -> None:
    half = model.processor.image_processor
    assert model.record()["settings"]["mean"] == tuple(half.image_mean)
    assert model.settings.factor == (half.patch_size * half.merge_size if hasattr(half, "merge_size") else 1)


def test_a_model_in_half_precision_answers(model: GenericLocal, noise: Noise) -> None:
    half = load_local(model.checkpoint.source.path, device="cpu", dtype="bfloat16")
    (reply,) = half.answer_videos([VideoQuestion("a", "When?", noise([0.0, 1.0]), max_new_tokens=3)])
    assert reply.error == ""


def test_a_question_that_holds_a_placeholder_fails_alone(model: GenericLocal, noise: Noise) -> None:
    (reply,) = model.answer_videos([VideoQuestion("a", f"see {model.processor.image_token}", noise([0.0]))])
    assert reply.text is None
    assert "holds" in reply.error


@pytest.fixture(scope="module")
def public(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What transformers' own processors announce, with a torchvision that only the other process can import."""
    if not installed("torchvision"):
        pytest.skip("torchvision is not installed: transformers' video processors can't be loaded")
    qwen3 = tiny_generic.qwen3_vl(tmp_path_factory.mktemp("public") / "qwen3")
    program = str(Path(__file__).parent / "public_path.py")
    command = [sys.executable, program, str(tiny_qwen), str(qwen3)]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment(root))
    if done.returncode == NO_TORCHVISION:
        pytest.skip(f"torchvision can't be imported: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _environment(root: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


@pytest.mark.parametrize("case", ["0.5 fps", "4 fps", "odd", "holes"])
def test_the_public_processor_ignores_the_rate_it_is_given_and_fails_the_check(
    case: str, public: dict[str, Any]
) -> None:
    proof = public["bare"][case]
    if proof["passed"]:
        pytest.skip("this version of transformers heeds fps=")
    # 24 frames a second, whatever was said: the second frame is announced at 0.042 s
    assert proof["announced"][1] == pytest.approx(1 / 24, abs=1e-3)


def test_full_metadata_mends_a_constant_rate_and_not_a_hole(public: dict[str, Any]) -> None:
    proofs = public["metadata"]
    assert {case: proof["passed"] for case, proof in proofs.items()} == {
        "0.5 fps": True,
        "4 fps": True,
        "odd": True,
        "holes": False,
        "one": True,
    }


def test_qwen3_vl_with_its_video_processor_is_told_irregular_times_too(public: dict[str, Any]) -> None:
    for proof in public["qwen3"].values():
        assert proof["passed"], proof["detail"]
        assert proof["channel"] == PROCESSOR_TEXT
    assert public["qwen3"]["holes"]["announced"] == [0.5, 2.0, 10.5]
    assert public["qwen3_answer"][0]["error"] == ""


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(MedVidBenchError, match="No folder /nowhere/model"):
        load_local("/nowhere/model")


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="can't be loaded"):
        load_local(str(tmp_path))


def test_a_checkpoint_that_brings_its_own_code_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "mystery", "auto_map": {"AutoConfig": "code.Config"}})
    )
    (tmp_path / "code.py").write_text("raise SystemExit('code of a checkpoint was run')\n")
    with pytest.raises(MedVidBenchError, match="never run"):
        load_local(str(tmp_path))


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tiny_qwen: Path) -> None:
    found = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "transformers" else found(name, *rest)

    monkeypatch.setattr("importlib.util.find_spec", without)
    with pytest.raises(MedVidBenchError, match=r"medvidbench\[hf\]"):
        load_local(str(tiny_qwen))


def test_devices_and_number_types_are_checked() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_dtype("auto", "cpu") == "float32"
    assert choose_dtype("auto", "cuda") == "bfloat16"
    with pytest.raises(MedVidBenchError, match="float64"):
        choose_dtype("float64", "cpu")
    with pytest.raises(MedVidBenchError, match="tpu"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(MedVidBenchError, match="cuda:1"):
            choose_device("cuda:1")


@pytest.mark.parametrize("text", ["CUDA out of memory.", "DefaultCPUAllocator: can't allocate memory: 8 bytes"])
def test_an_exhausted_memory_is_told_from_other_errors(text: str) -> None:
    with pytest.raises(OutOfMemoryError, match="while loading x"), memory_errors("loading x"):
        raise RuntimeError(text)
    with pytest.raises(RuntimeError, match="other"), memory_errors("loading x"):
        raise RuntimeError("other")


def test_a_fingerprint_changes_with_the_weights_and_not_with_their_time(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(bytes(3_000_000))
    before = fingerprint(tmp_path)
    weights.touch()
    assert fingerprint(tmp_path) == before
    weights.write_bytes(bytes(1_500_000) + b"x" + bytes(1_499_999))
    assert fingerprint(tmp_path) != before


def test_the_command_line_starts_without_torch() -> None:
    probe = "import sys, medvidbench.cli, medvidbench.models.transformers_local; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
