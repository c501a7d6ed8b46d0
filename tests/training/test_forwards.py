"""The shared forwards against the repeated one: values, gradients of every parameter, and what must differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from tiny_policy import ask, drawn, policy, weighted_gradients, worst_gap

from medvidbench.errors import MedVidBenchError
from medvidbench.models.greedy import collate
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.training.forwards import FORWARDS, forward
from medvidbench.training.forwards.inputs import Request
from medvidbench.training.forwards.prefix_packed import packed_mask

SHARED = ("prefix_kv", "prefix_packed")
RAGGED = [5, 0, 1, 7, 3]


@pytest.fixture(scope="module")
def loaded(tiny_policy_folder: Path) -> Callable[..., QwenLocal]:
    return lambda **options: policy(tiny_policy_folder, **options)


@pytest.fixture(scope="module")
def model(loaded: Callable[..., QwenLocal]) -> QwenLocal:
    return loaded()


def whole_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the two places where transformers computes in float32 whatever the model's type: the norms, and the
    softmax of eager attention. The vision tower's rotary embedding stays: it keeps gradients 5e-8 apart."""
    from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

    def norm(self: Any, states: torch.Tensor) -> torch.Tensor:
        scale = torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * states * scale

    def softmax(scores: torch.Tensor, dim: int, dtype: torch.dtype) -> torch.Tensor:
        return torch.softmax(scores, dim)

    monkeypatch.setattr(qwen.Qwen2_5_VLRMSNorm, "forward", norm)
    monkeypatch.setattr(qwen.nn.functional, "softmax", softmax)


@pytest.mark.parametrize("seconds", [4, 0], ids=["video", "text"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", SHARED)
def test_gradients_of_all_parameters_equal_the_repeated_forward_s_in_float32(
    name: str, attention: str, seconds: int, loaded: Callable[..., QwenLocal]
) -> None:
    found = loaded(attention=attention)
    options = {"suppressed": found.prompter.vision_ids, "temperature": 0.8}
    ask_and_tokens = (found.checkpoint.model, ask(found, seconds), *drawn(RAGGED))
    expected, wanted = weighted_gradients("repeated", *ask_and_tokens, **options)
    scores, grads = weighted_gradients(name, *ask_and_tokens, **options)
    gap, tensors = worst_gap(grads, wanted)
    assert gap < 1e-5
    # the language model: 2 layers of 12 tensors, the embedding (tied to the head) and the last norm
    visual = sum(key.startswith("model.visual") and wanted[key] is not None for key in wanted)
    assert tensors - visual == 26
    assert visual == (sum(1 for _ in found.checkpoint.model.model.visual.parameters()) if seconds else 0)
    assert torch.allclose(scores.logps, expected.logps, atol=1e-5)
    assert torch.allclose(scores.entropy, expected.entropy, atol=1e-5)
    assert torch.equal(scores.mask, expected.mask)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", SHARED)
def test_gradients_of_all_parameters_equal_the_repeated_forward_s_in_float64(
    name: str, attention: str, loaded: Callable[..., QwenLocal], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_float64(monkeypatch)
    found = loaded(dtype="float64", attention=attention)
    ask_and_tokens = (found.checkpoint.model, ask(found), *drawn(RAGGED))
    expected, wanted = weighted_gradients("repeated", *ask_and_tokens)
    scores, grads = weighted_gradients(name, *ask_and_tokens)
    assert worst_gap(grads, wanted)[0] < 1e-7
    assert float((scores.logps - expected.logps).abs().max()) < 1e-12


def test_the_repeated_forward_is_the_log_softmax_of_each_row_alone(model: QwenLocal) -> None:
    network, prompt = model.checkpoint.model, ask(model)
    ids, lengths = drawn([4, 2])
    never = list(model.prompter.vision_ids)
    with torch.no_grad():
        scores = forward("repeated")(network, prompt, ids, lengths, temperature=0.7, suppressed=never)
        for row, length in enumerate(lengths.tolist()):
            inputs = collate([prompt], 0).inputs
            tail = prompt.position_ids[:, -1:] + 1 + torch.arange(length)
            inputs["input_ids"] = torch.cat([inputs["input_ids"], ids[row : row + 1, :length]], dim=1)
            inputs["position_ids"] = torch.cat([inputs["position_ids"], tail[:, None]], dim=2)
            inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
            logits = network(**inputs).logits[0, prompt.length - 1 : -1] / 0.7
            logits[:, never] = float("-inf")
            expected = torch.distributions.Categorical(logits=logits)
            assert torch.allclose(scores.logps[row, :length], expected.log_prob(ids[row, :length]), atol=1e-5)
            shares = expected.probs
            nats = -(shares * shares.clamp(min=1e-30).log()).sum(-1)
            assert torch.allclose(scores.entropy[row, :length], nats, atol=1e-5)
            assert not scores.logps[row, length:].any() and not scores.entropy[row, length:].any()


@pytest.mark.parametrize("name", FORWARDS)
@pytest.mark.parametrize(("lengths", "longest"), [([0, 0], 0), ([0, 0], 3), ([1, 0], 1), ([1, 1], 4), ([3], 3)])
def test_short_completions_have_scores_and_gradients(
    name: str, lengths: list[int], longest: int, model: QwenLocal
) -> None:
    ids, counts = drawn(lengths, longest)
    scores, grads = weighted_gradients(name, model.checkpoint.model, ask(model), ids, counts)
    assert scores.logps.shape == scores.entropy.shape == scores.mask.shape == ids.shape
    assert scores.mask.sum(1).tolist() == lengths
    assert ((scores.logps < 0) == scores.mask).all()
    total = sum(float(grad.abs().sum()) for grad in grads.values() if grad is not None)
    assert (total > 0) == (sum(lengths) > 0)
    _, wanted = weighted_gradients("repeated", model.checkpoint.model, ask(model), ids, counts)
    assert worst_gap(grads, wanted)[0] < 1e-5 or sum(lengths) == 0


@pytest.mark.parametrize("name", FORWARDS)
def test_padding_and_neighbours_change_nothing(name: str, model: QwenLocal) -> None:
    network, prompt = model.checkpoint.model, ask(model)
    ids, lengths = drawn(RAGGED)
    other = ids.clone()
    other[torch.arange(7) >= lengths[:, None]] = model.prompter.rule.video_token  # padding may be anything
    other[3] = drawn([7], seed=9)[0][0]
    with torch.no_grad():
        one, two = (forward(name)(network, prompt, x, lengths).logps for x in (ids, other))
    same = [0, 1, 2, 4]
    assert torch.allclose(one[same], two[same], atol=1e-5)
    assert float((one[3] - two[3]).abs().max()) > 0.1


@pytest.mark.parametrize("name", FORWARDS)
def test_another_video_and_shifted_positions_give_other_scores(
    name: str, model: QwenLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, (ids, lengths) = model.checkpoint.model, drawn([6, 6])
    with torch.no_grad():
        base = forward(name)(network, ask(model), ids, lengths).logps
        video = forward(name)(network, ask(model, shade=7), ids, lengths).logps
        usual = Request.positions
        monkeypatch.setattr(Request, "positions", lambda self, places: usual(self, places) + 40)
        shifted = forward(name)(network, ask(model), ids, lengths).logps
    assert float((base - video).abs().max()) > 0.05
    # the first token is predicted by the prompt, whose positions stay
    assert torch.allclose(base[:, 0], shifted[:, 0], atol=1e-5)
    assert float((base - shifted).abs().max()) > 0.05


@pytest.mark.parametrize("name", SHARED)
def test_adapters_have_equal_gradients_and_switched_off_they_are_the_base_model(
    name: str, loaded: Callable[..., QwenLocal]
) -> None:
    peft = pytest.importorskip("peft")
    found = loaded()
    prompt, (ids, lengths) = ask(found), drawn(RAGGED)
    with torch.no_grad():
        base = forward(name)(found.checkpoint.model, prompt, ids, lengths).logps
    wanted_modules = r".*language_model.*\.(q_proj|v_proj|down_proj)"
    adapted = peft.get_peft_model(found.checkpoint.model, peft.LoraConfig(r=4, target_modules=wanted_modules))
    for key, value in adapted.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(value, std=0.1)
    scores, grads = weighted_gradients(name, adapted, prompt, ids, lengths)
    _, wanted = weighted_gradients("repeated", adapted, prompt, ids, lengths)
    gap, tensors = worst_gap(grads, wanted)
    # 2 layers x 3 projections x (A, B); all else is frozen
    assert (gap < 1e-5, tensors) == (True, 12)
    with torch.no_grad(), adapted.disable_adapter():
        reference = forward(name)(adapted, prompt, ids, lengths).logps
    assert torch.allclose(reference, base, atol=1e-5)
    assert float((scores.logps - base).abs().max()) > 1e-2


def test_a_frozen_vision_tower_has_no_graph_and_leaves_other_gradients_as_they_are(
    loaded: Callable[..., QwenLocal],
) -> None:
    found = loaded()
    network, prompt, (ids, lengths) = found.checkpoint.model, ask(found), drawn(RAGGED)
    _, wanted = weighted_gradients("repeated", network, prompt, ids, lengths)
    network.model.visual.requires_grad_(False)
    needs: list[bool] = []
    hook = network.model.visual.merger.register_forward_hook(lambda _, __, out: needs.append(out.requires_grad))
    for name in FORWARDS:
        _, grads = weighted_gradients(name, network, prompt, ids, lengths)
        assert not [key for key, grad in grads.items() if "visual" in key and grad is not None]
        rest = {key: grad if "visual" not in key else None for key, grad in wanted.items()}
        assert worst_gap(grads, rest)[0] < 1e-5
    hook.remove()
    assert needs == [False] * 3


def test_gradient_checkpointing_works_with_the_packed_row_and_is_refused_with_a_cache(
    loaded: Callable[..., QwenLocal],
) -> None:
    found = loaded()
    network, prompt, (ids, lengths) = found.checkpoint.model, ask(found), drawn(RAGGED)
    _, wanted = weighted_gradients("repeated", network, prompt, ids, lengths)
    network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    network.train()
    runs: list[int] = []
    network.model.language_model.layers[0].self_attn.register_forward_hook(lambda *_: runs.append(1))
    _, grads = weighted_gradients("prefix_packed", network, prompt, ids, lengths)
    assert worst_gap(grads, wanted)[0] < 1e-5
    assert len(runs) == 2  # forward, and again in the backward
    with pytest.raises(MedVidBenchError, match="no cache of the prompt"):
        forward("prefix_kv")(network, prompt, ids, lengths)


@pytest.mark.parametrize("name", FORWARDS)
def test_under_autocast_scores_stay_close_and_gradients_survive_a_pass_without(name: str, model: QwenLocal) -> None:
    network, prompt, (ids, lengths) = model.checkpoint.model, ask(model), drawn(RAGGED)
    with torch.no_grad():
        full = forward(name)(network, prompt, ids, lengths).logps
    with torch.autocast("cpu", dtype=torch.bfloat16):
        # autocast keeps the cast weights: casts made without a graph must not serve the pass that needs one
        with torch.no_grad():
            forward(name)(network, prompt, ids, lengths)
        scores, grads = weighted_gradients(name, network, prompt, ids, lengths)
    assert scores.logps.dtype == torch.float32
    assert float((scores.logps - full).abs().mean()) < 0.1
    assert all(grad is not None and grad.dtype == torch.float32 for grad in grads.values())


def test_without_gradient_no_graph_is_kept(model: QwenLocal) -> None:
    with torch.no_grad():
        for name in FORWARDS:
            assert not forward(name)(model.checkpoint.model, ask(model), *drawn(RAGGED)).logps.requires_grad


def test_the_packed_mask_shows_the_prompt_and_one_s_own_past() -> None:
    # two prompt tokens, then two tokens of completion 0 and one of completion 2
    assert packed_mask(2, torch.tensor([0, 0, 2])).int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]
