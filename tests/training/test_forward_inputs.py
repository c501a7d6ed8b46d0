"""What every forward refuses: videos without features, vision ids in completions, shapes that don't fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from tiny_policy import ask, drawn, policy

from medvidbench.errors import MedVidBenchError
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards import FORWARDS, forward


@pytest.fixture(scope="module")
def model(tiny_policy_folder: Path) -> QwenLocal:
    return policy(tiny_policy_folder)


def score(name: str, model: QwenLocal, prompt: QwenPrompt, lengths: list[int] | None = None) -> None:
    forward(name)(model.checkpoint.model, prompt, *drawn(lengths or [2]))


@pytest.mark.parametrize("name", FORWARDS)
def test_a_video_prompt_without_pixels_is_refused(name: str, model: QwenLocal) -> None:
    prompt = ask(model)  # 4 frames of 84 x 112: 2 temporal patches of 6 x 8
    with pytest.raises(MedVidBenchError, match="for 96 patches, and pixels of 0"):
        score(name, model, replace(prompt, pixel_values_videos=None))
    none = torch.empty(0, 3, dtype=torch.int64)
    with pytest.raises(MedVidBenchError, match=r"videos of \[24\] tokens, but the frames give \[\]"):
        score(name, model, replace(prompt, pixel_values_videos=None, video_grid_thw=none))


@pytest.mark.parametrize("name", FORWARDS)
def test_features_of_another_number_than_the_video_tokens_are_refused(name: str, model: QwenLocal) -> None:
    prompt, longer = ask(model), ask(model, seconds=6)
    assert prompt.pixel_values_videos is not None
    with pytest.raises(MedVidBenchError, match=r"videos of \[24\] tokens, but the frames give \[36\]"):
        score(name, model, replace(prompt, video_grid_thw=longer.video_grid_thw))
    with pytest.raises(MedVidBenchError, match="for 96 patches, and pixels of 95"):
        score(name, model, replace(prompt, pixel_values_videos=prompt.pixel_values_videos[1:]))
    cut = replace(prompt, input_ids=prompt.input_ids[30:], position_ids=prompt.position_ids[:, 30:])
    with pytest.raises(MedVidBenchError, match=r"frames give \[24\]"):
        score(name, model, cut)


@pytest.mark.parametrize("name", FORWARDS)
def test_a_completion_with_a_vision_or_suppressed_id_is_refused(name: str, model: QwenLocal) -> None:
    ids, lengths = drawn([3, 2])
    for banned in (model.prompter.rule.video_token, model.checkpoint.config.image_token_id):
        held = ids.clone()
        held[1, 1] = banned
        with pytest.raises(MedVidBenchError, match=f"holds the id {banned}, a vision placeholder"):
            forward(name)(model.checkpoint.model, ask(model), held, lengths)
    with pytest.raises(MedVidBenchError, match="suppressed in sampling"):
        forward(name)(model.checkpoint.model, ask(model), ids, lengths, suppressed=[int(ids[0, 2])])


@pytest.mark.parametrize("lengths", [[1, 2, 1], [3, 1], [-1, 0]])
def test_lengths_that_do_not_fit_are_refused(lengths: list[int], model: QwenLocal) -> None:
    with pytest.raises(MedVidBenchError, match="lengths from 0 to T"):
        forward("prefix_kv")(model.checkpoint.model, ask(model), drawn([2, 2])[0], torch.tensor(lengths))


def test_no_completion_at_all_is_refused(model: QwenLocal) -> None:
    none = torch.empty(0, 3, dtype=torch.int64)
    with pytest.raises(MedVidBenchError, match="G at least 1"):
        forward("prefix_packed")(model.checkpoint.model, ask(model), none, none[:, 0])


def test_a_packed_row_is_refused_under_an_attention_without_masks(
    model: QwenLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = model.checkpoint.model.config.text_config
    monkeypatch.setattr(text, "_attn_implementation_internal", "flash_attention_2")
    with pytest.raises(MedVidBenchError, match="flash_attention_2"):
        score("prefix_packed", model, ask(model))


def test_an_unknown_forward_is_refused() -> None:
    with pytest.raises(MedVidBenchError, match=r"No forward 'fast'"):
        forward("fast")
