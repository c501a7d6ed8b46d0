"""Rendered questions: the announced times are the frames' times, in every case that breaks elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

import torch

from medvidbench.errors import MedVidBenchError
from medvidbench.models.qwen_positions import GridRule, rope_positions
from medvidbench.models.qwen_prompt import QwenPrompt, QwenPrompter, load_chat_template
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.time_contract import GRID, GRID_AND_TEXT, Announced, VideoQuestion, check_times
from medvidbench.models.tiny import tiny_tokenizer
from medvidbench.video.frames import FrameSet

Noise = Callable[..., FrameSet]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    pytest.importorskip("transformers")
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def prompter(tokenizer: Any) -> QwenPrompter:
    return QwenPrompter(tokenizer, GridRule(tokenizer.convert_tokens_to_ids("<|video_pad|>")), VideoSettings())


@pytest.mark.parametrize(
    ("times", "channel"),
    [
        ([0.0, 2.0, 4.0, 6.0], GRID),
        ([10.0 * k for k in range(6)], GRID),
        ([k / 3 for k in range(9)], GRID),
        ([0.0, 1.0, 2.0], GRID),
        ([0.0], GRID),
        ([0.0, 1.02, 1.98, 3.01], GRID),
        ([0.0, 1.0, 2.0, 10.0, 11.0], GRID_AND_TEXT),
        ([0.0, 0.7, 5.0, 5.3, 20.0, 33.3], GRID_AND_TEXT),
        ([k / 8 for k in range(7)], GRID_AND_TEXT),
        ([7.0], GRID_AND_TEXT),
        ([5.0, 6.0, 7.0], GRID_AND_TEXT),
        ([2.0, 0.0, 1.0], GRID_AND_TEXT),
    ],
    ids=[
        "0.5 fps",
        "0.1 fps",
        "3 fps",
        "odd",
        "one",
        "jitter",
        "hole",
        "irregular",
        "8 fps",
        "late one",
        "late",
        "any",
    ],
)
def test_times_read_back_from_the_tensors_are_the_frames_times(
    times: list[float], channel: str, prompter: QwenPrompter, noise: Noise
) -> None:
    proof = check_times(prompter, noise(times))
    assert proof.passed, proof.detail
    assert proof.channel == channel
    assert len(proof.announced) == len(times)


def test_the_announced_times_are_those_of_the_grid_by_hand(prompter: QwenPrompter, noise: Noise) -> None:
    # 0.5 fps: a pair lasts 4 s; the fifth frame is alone in the third patch
    prompt = prompter.prepare(VideoQuestion("a", "When?", noise([0.0, 2.0, 4.0, 6.0, 8.0])))
    assert prompt.video_grid_thw[:, 0].tolist() == [3]
    assert prompt.second_per_grid_ts.tolist() == [4.0]
    assert prompter.describe_times(prompt) == [
        Announced(0.0, 4.0, (0, 1)),
        Announced(4.0, 8.0, (2, 3)),
        Announced(8.0, 10.0, (4,)),
    ]


def test_the_prompt_is_the_chat_template_with_the_video_before_the_question(
    prompter: QwenPrompter, noise: Noise
) -> None:
    prompt = prompter.prepare(VideoQuestion("a", "When?", noise([0.0, 1.0])))
    assert prompt.text == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>When?<|im_end|>\n<|im_start|>assistant\n"
    )
    # 84 x 112 pixels are 12 tokens: 3 rows, 4 columns
    assert int((prompt.input_ids == prompter.rule.video_token).sum()) == 12
    assert prompt.pixel_values_videos is not None
    assert prompt.pixel_values_videos.shape == (48, 1176)


def test_times_of_runs_stand_before_their_videos(prompter: QwenPrompter, noise: Noise) -> None:
    prompt = prompter.prepare(VideoQuestion("a", "When?", noise([0.0, 1.0, 9.5]), system="You are an expert."))
    video = "<|vision_start|><|video_pad|><|vision_end|>"
    assert f"user\n<0.0 seconds>{video}<9.5 seconds>{video}When?" in prompt.text
    assert prompt.text.startswith("<|im_start|>system\nYou are an expert.<|im_end|>")


def test_a_question_without_frames_has_text_positions_only(prompter: QwenPrompter) -> None:
    prompt = prompter.prepare(VideoQuestion("a", "When?", None))
    assert prompt.pixel_values_videos is None
    assert prompt.position_ids.tolist() == [list(range(prompt.length))] * 3


@pytest.mark.parametrize("text", ["see <|video_pad|>", "see <|image_pad|>", "<|vision_start|>"])
def test_a_question_that_holds_a_vision_placeholder_is_refused(text: str, prompter: QwenPrompter, noise: Noise) -> None:
    with pytest.raises(MedVidBenchError, match="holds <"):
        prompter.prepare(VideoQuestion("a", text, noise([0.0])))


def test_times_in_the_question_or_the_system_message_are_not_taken_for_announcements(
    prompter: QwenPrompter, noise: Noise
) -> None:
    question = VideoQuestion("a", "What is at <3.0 seconds>", noise([0.0, 1.0]), system="Say <5.0 seconds>")
    units = prompter.describe_times(prompter.prepare(question))
    assert units == [Announced(0.0, 2.0, (0, 1))]


class Assumes24(QwenPrompter):
    """The public path's fault: bare frames are taken for 24 a second, in the tensor and in the positions."""

    def prepare(self, question: VideoQuestion) -> QwenPrompt:
        prompt = super().prepare(question)
        seconds = torch.full_like(prompt.second_per_grid_ts, 2 / 24)
        ids, grids = prompt.input_ids.tolist(), prompt.video_grid_thw.tolist()
        positions = rope_positions(ids, grids, seconds.tolist(), self.rule)
        return replace(prompt, second_per_grid_ts=seconds, position_ids=positions)


class CutsSeconds(QwenPrompter):
    """The fault of transformers 4.57: positions from whole seconds, so that above 2 fps all frames share one time."""

    def prepare(self, question: VideoQuestion) -> QwenPrompt:
        prompt = super().prepare(question)
        whole = [float(int(seconds)) for seconds in prompt.second_per_grid_ts.tolist()]
        positions = rope_positions(prompt.input_ids.tolist(), prompt.video_grid_thw.tolist(), whole, self.rule)
        return replace(prompt, position_ids=positions)


class DropsText(QwenPrompter):
    """An adapter that gives one grid to frames with holes."""

    def __init__(self, prompter: QwenPrompter) -> None:
        super().__init__(prompter.tokenizer, prompter.rule, replace(prompter.settings, channel="grid"))


def broken(kind: type[QwenPrompter], prompter: QwenPrompter) -> QwenPrompter:
    return kind(prompter.tokenizer, prompter.rule, prompter.settings)


@pytest.mark.parametrize("times", [[0.0, 2.0, 4.0, 6.0], [0.0, 1.0, 2.0], [k / 3 for k in range(9)]])
def test_an_adapter_that_assumes_24_fps_fails_the_check(
    times: list[float], prompter: QwenPrompter, noise: Noise
) -> None:
    proof = check_times(broken(Assumes24, prompter), noise(times))
    assert not proof.passed
    assert proof.worst_error == pytest.approx(times[-1] - (len(times) - 1) / 24)


def test_positions_that_contradict_the_announced_seconds_fail_the_check(prompter: QwenPrompter, noise: Noise) -> None:
    proof = check_times(broken(CutsSeconds, prompter), noise([k / 3 for k in range(9)]))
    assert not proof.passed
    assert "off what second_per_grid_ts says" in proof.detail
    # at 0.5 fps nothing is cut, and the same adapter passes
    assert check_times(broken(CutsSeconds, prompter), noise([0.0, 2.0, 4.0, 6.0])).passed


def test_one_grid_for_frames_with_a_hole_fails_the_check(prompter: QwenPrompter, noise: Noise) -> None:
    proof = check_times(DropsText(prompter), noise([0.0, 1.0, 2.0, 10.0, 11.0]))
    assert not proof.passed
    # the mean step, 11 / 4 s, is the better of two bad ones: the frame at 2 s is announced at 5.5 s
    assert proof.worst_error == pytest.approx(3.5)


def test_a_template_that_leaves_the_video_out_is_refused(tokenizer: Any, prompter: QwenPrompter, noise: Noise) -> None:
    silent = tiny_tokenizer(template="{% for m in messages %}{{ m['role'] }}{% endfor %}")
    with pytest.raises(MedVidBenchError, match="0 videos for 1"):
        QwenPrompter(silent, prompter.rule, prompter.settings).prepare(VideoQuestion("a", "When?", noise([0.0])))


def test_a_checkpoint_without_a_chat_template_is_refused_and_one_in_a_file_is_found(tmp_path: Any) -> None:
    bare = tiny_tokenizer(template="")
    with pytest.raises(MedVidBenchError, match="no chat template"):
        load_chat_template(bare, tmp_path)
    (tmp_path / "chat_template.json").write_text('{"chat_template": "{{ messages }}"}')
    load_chat_template(bare, tmp_path)
    assert bare.chat_template == "{{ messages }}"
