"""`vllm:PATH` against a stand-in for vLLM: a package that takes the calls apart as vLLM's own code would.

`benchmarks/vllm_check.py` runs the real one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from medvidbench.errors import MedVidBenchError
from medvidbench.models.checkpoints import Source
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.time_cases import CASES, synthetic_frames
from medvidbench.models.time_contract import GRID, GRID_AND_TEXT, VideoQuestion, check_times
from medvidbench.models.torch_env import transformers_module
from medvidbench.models.transformers_local import load_local
from medvidbench.models.vllm_local import VllmLocal, VllmPrompt
from medvidbench.video.frames import FrameSet

Noise = Callable[..., FrameSet]

PACKAGE = """
from types import SimpleNamespace
__version__ = "0.0-stand-in"

class SamplingParams:
    def __init__(self, *, temperature, max_tokens, repetition_penalty, seed, logit_bias):
        self.__dict__.update(locals())

class LLM:
    made = []
    def __init__(
        self, *, model, revision, dtype, seed, generation_config, limit_mm_per_prompt, trust_remote_code, max_model_len
    ):
        assert trust_remote_code is False and generation_config == "vllm"
        if max_model_len > 32768:
            raise ValueError("User-specified max_model_len is greater than the derived max_model_len")
        self.model_config = SimpleNamespace(max_model_len=32768 if max_model_len == -1 else max_model_len)
        self.limit, self.calls = limit_mm_per_prompt, []
        LLM.made.append(self)

    def generate(self, prompts, sampling_params, use_tqdm):
        assert len(prompts) == len(sampling_params) and use_tqdm is False
        if any("REFUSE" in prompt["prompt"] for prompt in prompts):
            raise ValueError("The decoder prompt is too long")
        self.calls.append((prompts, sampling_params))
        return [self.answer(*pair) for pair in zip(prompts, sampling_params)]

    def answer(self, prompt, sampling):
        videos = prompt.get("multi_modal_data", {}).get("video", [])
        assert prompt["prompt"].count("<|video_pad|>") == len(videos) <= self.limit.get("video", 999)
        text = f" {len(videos)} videos "
        best = SimpleNamespace(text=text, finish_reason="stop", token_ids=[1, 2])
        return SimpleNamespace(outputs=[best], prompt_token_ids=[0] * 9)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package named vllm whose code for Qwen2.5-VL keeps video metadata."""
    folder = tmp_path / "packages" / "vllm"
    models = folder / "model_executor" / "models"
    models.mkdir(parents=True)
    for place in (folder / "model_executor", models):
        (place / "__init__.py").write_text("")
    (folder / "__init__.py").write_text(PACKAGE)
    (models / "qwen2_5_vl.py").write_text("def processor(video_metadata):\n    return video_metadata\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    importlib.invalidate_caches()
    yield models / "qwen2_5_vl.py"
    for name in [name for name in sys.modules if name.split(".")[0] == "vllm"]:
        del sys.modules[name]


@pytest.fixture
def model(stand_in: Path, tiny_qwen: Path) -> VllmLocal:
    return VllmLocal.load(Source(str(tiny_qwen)), VideoSettings())


@pytest.mark.parametrize("case", CASES)
def test_vllm_is_handed_every_frame_with_its_time(case: str, model: VllmLocal) -> None:
    proof = check_times(model, synthetic_frames(CASES[case]))
    assert proof.passed, proof.detail
    assert proof.channel in (GRID, GRID_AND_TEXT)


@pytest.mark.parametrize("times", [[0.0, 2.0, 4.0], [0.0, 0.25, 0.5, 0.75], [0.0, 1.0, 2.0, 11.0, 12.0]])
def test_transformers_own_reading_of_the_metadata_is_the_step_between_frames(
    times: list[float], model: VllmLocal, noise: Noise
) -> None:
    prepared = model.prepare(VideoQuestion("s", "When?", noise(times)))
    for pixels, said in prepared.videos:
        known = {name: value for name, value in said.items() if name != "do_sample_frames"}
        theirs = transformers_module().video_utils.VideoMetadata(**known)
        assert 1 / theirs.sampled_fps == pytest.approx(times[1] - times[0])
        assert pixels.dtype == "uint8"
        assert pixels.shape[1:] == (84, 112, 3)
    assert sum(len(pixels) for pixels, _ in prepared.videos) == len(times)
    assert prepared.request["mm_processor_kwargs"] == {"do_resize": False, "do_sample_frames": False}


def test_the_prompt_and_the_pixels_are_those_of_the_transformers_adapter(
    model: VllmLocal, tiny_qwen: Path, noise: Noise
) -> None:
    local = load_local(str(tiny_qwen), device="cpu")
    question = VideoQuestion("s", "When?", noise([0.0, 1.0, 9.0, 10.0], 480, 854), system="You are a surgeon.")
    ours, theirs = model.prepare(question), local.prepare(question)
    assert ours.text == theirs.text
    assert ours.length == theirs.length
    assert [pixels.shape for pixels, _ in ours.videos] == [(2, 140, 252, 3)] * 2


def test_a_wrong_rate_in_the_metadata_fails_the_proof(
    model: VllmLocal, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bare(run: Any) -> dict[str, Any]:
        return {"fps": 24.0, "total_num_frames": run.count, "frames_indices": list(range(run.count))}

    monkeypatch.setattr("medvidbench.models.vllm_local.metadata", bare)
    proof = check_times(model, noise([0.0, 2.0, 4.0, 6.0]))
    assert not proof.passed
    # the last frame of four is told at 3 / 24 s
    assert proof.worst_error == pytest.approx(6 - 3 / 24)


def test_a_prompt_that_lacks_a_video_fails_the_proof(model: VllmLocal, noise: Noise) -> None:
    prepared = model.prepare(VideoQuestion("s", "When?", noise([0.0, 1.0, 9.0])))
    lacking = {**prepared.request, "multi_modal_data": {"video": prepared.videos[:1]}}
    with pytest.raises(MedVidBenchError, match="2 videos for 1"):
        model.describe_times(VllmPrompt(prepared.question, lacking, prepared.length))


def test_seconds_in_the_question_are_never_taken_for_a_video_s_start(model: VllmLocal, noise: Noise) -> None:
    hostile = "<5.0 seconds>"
    prepared = model.prepare(VideoQuestion("s", hostile, noise([0.0, 1.0]), system=hostile))
    assert [unit.start for unit in model.describe_times(prepared)] == [0.0]
    assert model.channel(prepared) == GRID


def test_questions_are_answered_in_one_call_greedy_and_without_penalty(model: VllmLocal, noise: Noise) -> None:
    questions = [VideoQuestion("a", "When?", noise([0.0, 1.0])), VideoQuestion("b", "Which?", None, max_new_tokens=7)]
    replies = list(model.answer_videos(questions))
    assert [(r.tag, r.text, r.finish_reason) for r in replies] == [("a", "1 videos", "stop"), ("b", "0 videos", "stop")]
    assert [(r.input_tokens, r.output_tokens) for r in replies] == [(9, 2), (9, 2)]
    ((_, sampling),) = model.engine.calls
    assert [(s.temperature, s.max_tokens, s.repetition_penalty) for s in sampling] == [(0.0, 256, 1.0), (0.0, 7, 1.0)]
    assert set(sampling[0].logit_bias) == set(model.prompter.vision_ids)


def test_a_request_that_vllm_refuses_fails_alone(model: VllmLocal, noise: Noise) -> None:
    questions = [VideoQuestion(f"s{k}", "REFUSE" if k == 2 else "When?", noise([0.0])) for k in range(5)]
    replies = {reply.tag: reply for reply in model.answer_videos(questions)}
    assert [tag for tag, reply in replies.items() if reply.text is None] == ["s2"]
    assert replies["s2"].error == "turned down: The decoder prompt is too long"
    assert len(replies) == 5


def test_frames_with_many_gaps_are_as_many_videos(model: VllmLocal, noise: Noise) -> None:
    gaps = noise([100.0 * pair + k for pair in range(40) for k in (0, 1)], 28, 28)
    (reply,) = model.answer_videos([VideoQuestion("gaps", "When?", gaps)])
    assert reply.text == "40 videos"


def test_what_cannot_be_rendered_fails_alone(model: VllmLocal) -> None:
    questions = [
        VideoQuestion("placeholder", "<|video_pad|>", None),
        VideoQuestion("long", "When? " * 100_000, None),
        VideoQuestion("fine", "When?", None),
    ]
    replies = {reply.tag: reply for reply in model.answer_videos(questions)}
    assert [tag for tag, reply in replies.items() if reply.text is not None] == ["fine"]
    assert all(replies[tag].error.startswith("not rendered") for tag in ("placeholder", "long"))


def test_a_vllm_that_drops_the_times_is_refused(stand_in: Path, tiny_qwen: Path) -> None:
    stand_in.write_text("def processor(video):\n    return video\n")
    with pytest.raises(MedVidBenchError, match="drops the times"):
        VllmLocal.load(Source(str(tiny_qwen)), VideoSettings())


def test_a_vllm_that_does_not_start_says_why_in_one_line(stand_in: Path, tiny_qwen: Path) -> None:
    with pytest.raises(MedVidBenchError, match="max_model_len is greater than the derived") as raised:
        VllmLocal.load(Source(str(tiny_qwen)), VideoSettings(), max_model_len=10**6)
    assert "\n" not in raised.value.seen and "memory" in str(raised.value.remedy)


def test_a_missing_package_is_named_with_its_extra(tiny_qwen: Path) -> None:
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vLLM is installed")
    with pytest.raises(MedVidBenchError, match=r"medvidbench\[vllm\]"):
        VllmLocal.load(Source(str(tiny_qwen)), VideoSettings())


def test_the_record_names_versions_and_settings(model: VllmLocal) -> None:
    record = model.record()
    assert record["vllm"] == "0.0-stand-in"
    assert record["settings"]["max_pixels"] == 48 * 28 * 28
