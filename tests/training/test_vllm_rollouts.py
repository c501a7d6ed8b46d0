"""Rollouts on vLLM against a stand-in: the same pixels, token ids, positions and completions as the trainer's own."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from hypothesis import given
from hypothesis import strategies as st
from vllm_stand_in import altered

from medvidbench.errors import MedVidBenchError
from medvidbench.models.qwen_local import stop_ids
from medvidbench.models.qwen_positions import GridRule, time_index
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.qwen_video import VideoSettings, to_patches
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.models.vllm_local import NUDGE
from medvidbench.training.policy import Policy, load_policy, trainable_parameters
from medvidbench.training.recipe import DataPart, Lora, ModelPart
from medvidbench.training.rollout import Sampling, sample_groups
from medvidbench.training.vllm_requests import frames_of, refuse_other_positions, request_of
from medvidbench.training.vllm_rollouts import VllmRollouts
from medvidbench.video.frames import FrameSet

TIMES = {
    "text alone": [],
    "one frame": [0.0],
    "a frame a second, odd": [0.0, 1.0, 2.0, 3.0, 4.0],
    "0.6 a second": [k / 0.6 for k in range(12)],
    "three a second": [k / 3 for k in range(9)],
    "a hole": [0.0, 1.0, 2.0, 11.0, 12.0],
    "late": [7.5, 8.0, 8.5, 9.0],
    "many videos": [100.0 * pair + k for pair in range(20) for k in (0, 1)],
}


def loaded(folder: Path, **options: Any) -> Policy:
    return load_policy(ModelPart(path=str(folder), device="cpu", **options), DataPart())


@pytest.fixture(scope="module")
def policy(tiny_policy_folder: Path) -> Policy:
    return loaded(tiny_policy_folder)


def sampling(policy: Policy, **changes: Any) -> Sampling:
    stops = stop_ids(policy.checkpoint.model, policy.checkpoint.tokenizer) | set(range(100, 130))
    values = {"group_size": 4, "limit": 10, "stop": stops, "suppressed": policy.prompter.vision_ids}
    return Sampling(**(values | {"temperature": 0.8} | changes))


def ask(policy: Policy, times: list[float], shade: int = 0) -> QwenPrompt:
    """As training makes it: without the frames themselves."""
    pixels = np.random.default_rng(shade).integers(0, 256, (len(times), 90, 130, 3), dtype=np.uint8)
    frames = FrameSet(pixels, np.asarray(times, dtype=np.float64), (130, 90)) if times else None
    prompt = policy.prompter.prepare(VideoQuestion("a", "When does it start?", frames))
    return QwenPrompt(VideoQuestion("a", "", None), *list(vars(prompt).values())[1:])


def examples(*prompts: QwenPrompt) -> list[Any]:
    return [SimpleNamespace(sample=SimpleNamespace(sample_id="a"), prompt=prompt) for prompt in prompts]


def own(policy: Policy, prompts: list[QwenPrompt], seeds: list[int]) -> list[Any]:
    """One at a time: a batch's padding moves the last bits."""
    options = {"tokenizer": policy.checkpoint.tokenizer}
    return [
        sample_groups(policy.model, [p], sampling(policy), seeds=[s], **options)[0]
        for p, s in zip(prompts, seeds, strict=True)
    ]


def same(one: Any, other: Any) -> None:
    assert torch.equal(one.ids, other.ids) and torch.equal(one.lengths, other.lengths)
    assert torch.equal(one.finished, other.finished) and one.texts == other.texts
    torch.testing.assert_close(one.logps, other.logps, rtol=0, atol=1e-5)


def equal_inputs(seen: QwenPrompt, prompt: QwenPrompt) -> None:
    assert torch.equal(seen.input_ids, prompt.input_ids)
    assert torch.equal(seen.position_ids, prompt.position_ids)
    assert torch.equal(seen.video_grid_thw, prompt.video_grid_thw)
    if prompt.pixel_values_videos is None:
        assert seen.pixel_values_videos is None
    else:
        assert seen.pixel_values_videos is not None
        assert torch.equal(seen.pixel_values_videos, prompt.pixel_values_videos)


@pytest.mark.parametrize("case", TIMES)
def test_vllm_sees_the_pixels_tokens_and_positions_of_the_prompt(case: str, policy: Policy, package: Path) -> None:
    rollouts = VllmRollouts.start(policy, sampling(policy))
    prompt = ask(policy, TIMES[case])
    (group,) = rollouts(examples(prompt), [5])
    (seen,) = rollouts.engine.prompts
    equal_inputs(seen, prompt)
    same(group, own(policy, [prompt], [5])[0])


def test_groups_come_in_the_order_of_the_examples_with_the_probabilities_they_were_drawn_with(
    policy: Policy, package: Path
) -> None:
    prompts = [ask(policy, [0.0, 1.0], shade) for shade in range(3)]
    found = VllmRollouts.start(policy, sampling(policy))(examples(*prompts), [1, 2, 3])
    for one, other in zip(found, own(policy, prompts, [1, 2, 3]), strict=True):
        same(one, other)
    assert bool((found[0].logps[:, 0] < 0).all()) and found[0].trees is None


@given(
    st.integers(1, 7),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 2**31),
)
def test_frames_are_read_back_from_patches_to_the_last_bit(count: int, rows: int, columns: int, seed: int) -> None:
    settings = VideoSettings()
    shape = (count, rows * settings.factor, columns * settings.factor, 3)
    frames = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    patches, grid = to_patches(torch.from_numpy(frames).permute(0, 3, 1, 2).float(), settings)
    prompt = SimpleNamespace(
        pixel_values_videos=patches, video_grid_thw=torch.tensor([grid]), frame_counts=(count,), question=None
    )
    (found,) = frames_of(prompt, settings)  # type: ignore[arg-type]
    assert np.array_equal(found, frames)


@given(st.floats(0.02, 4.0), st.integers(1, 200))
def test_what_is_not_refused_has_the_prompt_s_positions(rate: float, patches: int) -> None:
    rule, seconds = GridRule(0), 2 / rate
    told = seconds * (1 + NUDGE)
    try:
        refuse_other_positions(patches, seconds, told, rule)
    except MedVidBenchError:
        return
    factor = float(torch.tensor([told])[0]) * 2
    assert [int(k * factor) for k in range(patches)] == [time_index(k, seconds, rule) for k in range(patches)]


def test_usual_rates_are_never_refused_and_need_the_nudge() -> None:
    rule, lost = GridRule(0), []
    for rate in (0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 8.0, 25.0, 29.97, 30.0):
        seconds = 2 / rate
        refuse_other_positions(500, seconds, seconds * (1 + NUDGE), rule)
        try:
            refuse_other_positions(500, seconds, seconds, rule)
        except MedVidBenchError:
            lost.append(rate)
    assert 0.6 in lost


def test_a_time_axis_that_vllm_would_round_elsewhere_is_refused() -> None:
    # 2 x 0.9999999 x 2 positions are 3.9999996: ours is 3, the nudged 4.0000036 is 4 (in single precision, too)
    with pytest.raises(MedVidBenchError, match="other positions"):
        refuse_other_positions(3, 0.9999995, 0.9999995 * (1 + NUDGE), GridRule(0))


def moved(policy: Policy) -> None:
    with torch.no_grad():
        for _, value in trainable_parameters(policy):
            value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(1)), alpha=0.05)


@pytest.mark.parametrize("options", [{}, {"lora": Lora(rank=2, alpha=4.0)}, {"freeze_vision": False}])
def test_the_policy_s_weights_are_handed_over_and_old_caches_dropped(
    options: dict[str, Any], tiny_policy_folder: Path, package: Path
) -> None:
    if "lora" in options:
        pytest.importorskip("peft")
    policy = loaded(tiny_policy_folder, **options)
    rollouts = VllmRollouts.start(policy, sampling(policy))
    prompt = ask(policy, [0.0, 1.0, 2.0])
    moved(policy)
    (wanted,) = own(policy, [prompt], [9])
    (old,) = rollouts(examples(prompt), [9])
    assert not torch.equal(old.ids, wanted.ids) or not torch.allclose(old.logps, wanted.logps)
    rollouts.sync()
    (new,) = rollouts(examples(prompt), [9])
    same(new, wanted)
    assert rollouts.engine.events == ["weights", "mm", "encoder", "prefix"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (altered(prompt_token_ids=lambda ids: ids[:-1]), "vLLM read the prompt of a"),
        (altered(prompt_token_ids=lambda ids: None), "as 0 tokens"),
        (altered(prompt_token_ids=lambda ids: [*ids[:-1], 0]), "vLLM read the prompt of a"),
        (altered(outputs=lambda outputs: outputs[:3]), "gave 3 completions"),
        (altered(logprobs=lambda rows: rows[:-1]), "log-probabilities"),
        (altered(logprobs=lambda rows: None), "gave 0 log-probabilities"),
        (altered(finish_reason=lambda reason: "abort"), "'abort'"),
        (altered(finish_reason=lambda reason: "length" if reason == "stop" else "stop"), "vLLM ended a completion"),
    ],
)
def test_what_vllm_may_not_give_stops_the_run(change: Any, said: str, policy: Policy, package: Path) -> None:
    rollouts = VllmRollouts.start(policy, sampling(policy))
    rollouts.engine.change = change
    with pytest.raises(MedVidBenchError, match=said):
        rollouts(examples(ask(policy, [0.0, 1.0])), [1])


def test_a_prompt_that_vllm_refuses_stops_the_run_with_what_it_said(
    policy: Policy, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollouts = VllmRollouts.start(policy, sampling(policy))

    def refuse(*args: Any, **options: Any) -> None:
        raise ValueError("The decoder prompt is longer than the maximum")

    monkeypatch.setattr(rollouts.engine, "generate", refuse)
    with pytest.raises(MedVidBenchError, match=r"longer than the maximum[\s\S]*--rollout-memory"):
        rollouts(examples(ask(policy, [0.0])), [1])


def test_a_vision_id_that_was_drawn_stops_the_run(policy: Policy, package: Path) -> None:
    rollouts = VllmRollouts.start(policy, sampling(policy))
    forbidden = policy.prompter.vision_ids[0]
    row = [{forbidden: SimpleNamespace(logprob=-100.0)}]
    rollouts.engine.change = altered(
        token_ids=lambda ids: [forbidden], logprobs=lambda _: row, finish_reason=lambda _: "length"
    )
    with pytest.raises(MedVidBenchError, match="vision placeholder"):
        rollouts(examples(ask(policy, [0.0])), [1])


def test_weights_that_vllm_does_not_take_and_a_cache_that_it_keeps_stop_the_run(
    policy: Policy, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollouts = VllmRollouts.start(policy, sampling(policy))
    monkeypatch.setattr(rollouts.engine, "reset_prefix_cache", lambda: False)
    with pytest.raises(MedVidBenchError, match="keeps keys and values"):
        rollouts.sync()
    monkeypatch.setattr(rollouts.engine, "collective_rpc", lambda method, kwargs: next(kwargs["weights_iterator"]))
    with pytest.raises(MedVidBenchError, match="didn't take all"):
        rollouts.sync()


def test_branches_are_refused(policy: Policy, package: Path) -> None:
    with pytest.raises(MedVidBenchError, match="Branched"):
        VllmRollouts.start(policy, sampling(policy, branches=2, branch_tokens=2))


def test_pixels_that_are_no_levels_are_refused(policy: Policy) -> None:
    prompt = ask(policy, [0.0, 1.0])
    assert prompt.pixel_values_videos is not None
    prompt.pixel_values_videos.add_(0.001)
    with pytest.raises(MedVidBenchError, match="no levels"):
        request_of(prompt, policy.prompter.settings, policy.prompter.rule)


def test_each_of_several_processes_has_an_engine_of_its_own_in_its_own_process(policy: Policy, package: Path) -> None:
    import os

    alone = VllmRollouts.start(policy, sampling(policy), gpu_memory_utilization=0.3)
    assert alone.engine.rest == {"gpu_memory_utilization": 0.3}
    assert os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    several = VllmRollouts.start(policy, sampling(policy), processes=8)
    assert several.engine.rest == {"distributed_executor_backend": "external_launcher"}


def test_a_vllm_that_drops_the_times_and_a_missing_one_are_refused(policy: Policy, package: Path) -> None:
    package.write_text("def processor(video):\n    return video\n")
    with pytest.raises(MedVidBenchError, match="drops the times"):
        VllmRollouts.start(policy, sampling(policy))


def test_a_missing_package_is_named_with_its_extra(policy: Policy) -> None:
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vLLM is installed")
    with pytest.raises(MedVidBenchError, match=r"medvidbench\[vllm\]"):
        VllmRollouts.start(policy, sampling(policy))
