"""Sampling a group: one distribution with the scorer, reproducible, in branches, and never a vision id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from scipy.stats import chisquare
from tiny_policy import ask, policy

from medvidbench.errors import MedVidBenchError
from medvidbench.models import decoding
from medvidbench.models.greedy import collate, decode
from medvidbench.models.qwen_local import QwenLocal, stop_ids
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.training.forwards import FORWARDS, forward
from medvidbench.training.rollout import Sampling, sample_group, sample_groups
from medvidbench.training.rows import Completions


@pytest.fixture(scope="module", params=["sdpa", "eager"])
def model(request: pytest.FixtureRequest, tiny_policy_folder: Path) -> QwenLocal:
    return policy(tiny_policy_folder, attention=request.param)


@pytest.fixture(scope="module")
def one(tiny_policy_folder: Path) -> QwenLocal:
    return policy(tiny_policy_folder)


def stops(model: QwenLocal) -> frozenset[int]:
    """The end token and 30 others, so that answers of random weights end early."""
    return stop_ids(model.checkpoint.model, model.checkpoint.tokenizer) | set(range(100, 130))


def draw(model: QwenLocal, prompt: QwenPrompt, **changes: Any) -> Completions:
    options: dict[str, Any] = {"group_size": 8, "limit": 12, "stop": stops(model), "seed": 3, "temperature": 0.8}
    options |= {"suppressed": model.prompter.vision_ids, "tokenizer": model.checkpoint.tokenizer, **changes}
    return sample_group(model.checkpoint.model, prompt, **options)


def same(one: Completions, other: Completions) -> None:
    assert torch.equal(one.ids, other.ids)
    assert torch.equal(one.lengths, other.lengths)
    assert torch.allclose(one.logps, other.logps, atol=1e-5)


@pytest.mark.parametrize("branches", [1, 3])
@pytest.mark.parametrize("seconds", [4, 0], ids=["video", "text"])
def test_recorded_logps_are_those_of_every_scorer(model: QwenLocal, seconds: int, branches: int) -> None:
    prompt = ask(model, seconds)
    group = draw(model, prompt, branches=branches, branch_tokens=3)
    assert len(set(group.lengths.tolist())) > 1, "ragged, or the test shows little"
    for name in FORWARDS:
        with torch.no_grad():
            scores = forward(name)(
                model.checkpoint.model, prompt, group.ids, group.lengths, temperature=0.8,
                suppressed=model.prompter.vision_ids,
            )  # fmt: skip
        assert torch.allclose(scores.logps, group.logps, atol=2e-5)
        assert (group.logps[~scores.mask] == 0).all()
        assert (group.logps[scores.mask] < 0).all()


def test_vision_ids_are_never_drawn_even_where_their_logits_are_the_highest(one: QwenLocal) -> None:
    never = list(one.prompter.vision_ids)

    def raise_them(_: Any, __: Any, out: torch.Tensor) -> torch.Tensor:
        return out.index_add(2, torch.tensor(never), torch.full((*out.shape[:2], len(never)), 50.0))

    prompt = ask(one)
    usual = draw(one, prompt)
    hook = one.checkpoint.model.lm_head.register_forward_hook(raise_them)
    raised, open_gate = draw(one, prompt), draw(one, prompt, suppressed=())
    scores = forward("prefix_kv")(
        one.checkpoint.model, prompt, raised.ids, raised.lengths, temperature=0.8, suppressed=never
    )
    hook.remove()
    same(raised, usual)
    assert torch.allclose(scores.logps, raised.logps, atol=2e-5)
    assert torch.isin(open_gate.ids[:, 0], torch.tensor(never)).all()


def test_at_a_temperature_near_0_every_completion_is_the_greedy_answer(model: QwenLocal) -> None:
    prompt, never = ask(model), model.prompter.vision_ids
    (answer,) = decode(model.checkpoint.model, collate([prompt], 0), limits=[12], stop=stops(model), suppressed=never)
    group = draw(model, prompt, temperature=1e-6)
    for row, length in zip(group.ids.tolist(), group.lengths.tolist(), strict=True):
        assert [token for token in row[:length] if token not in stops(model)] == answer.tokens
    assert group.finished.tolist() == [answer.finish == "stop"] * 8


def test_tokens_are_drawn_as_often_as_the_model_says(one: QwenLocal) -> None:
    prompt, count = ask(one), 4000
    group = draw(one, prompt, group_size=count, limit=1, temperature=1.5)
    with torch.no_grad():
        logits = one.checkpoint.model(**collate([prompt], 0).inputs, logits_to_keep=1).logits[0, 0] / 1.5
    logits[list(one.prompter.vision_ids)] = float("-inf")
    shares = logits.double().softmax(-1)
    often = (shares * count >= 8).nonzero()[:, 0]
    seen = torch.bincount(group.ids[:, 0], minlength=len(shares))[often].double()
    rest = torch.tensor([count - float(seen.sum())])
    expected = torch.cat([shares[often], 1 - shares[often].sum()[None]]) * count
    assert len(often) > 20
    assert chisquare(torch.cat([seen, rest]).numpy(), expected.numpy()).pvalue > 1e-3


def test_a_completion_is_the_same_alone_in_a_larger_group_and_beside_other_prompts(one: QwenLocal) -> None:
    prompts = [ask(one), ask(one, 0), ask(one, 6, shade=2, text="Which step is this one, and when does it end?")]
    group = draw(one, prompts[0])
    same(draw(one, prompts[0]), group)
    few = draw(one, prompts[0], group_size=3)
    assert torch.equal(few.ids, group.ids[:3, : few.ids.shape[1]])
    sampling = Sampling(8, 12, stops(one), one.prompter.vision_ids, 0.8)
    together = sample_groups(
        one.checkpoint.model, prompts, sampling, seeds=[3, 4, 3], tokenizer=one.checkpoint.tokenizer
    )
    same(together[0], group)
    for prompt, seed, found in zip(prompts, (3, 4, 3), together, strict=True):
        same(found, draw(one, prompt, seed=seed))
    assert not torch.equal(draw(one, prompts[0], seed=4).ids, group.ids)
    rows = [tuple(row) for row in group.ids.tolist()]
    assert len(set(rows)) == len(rows)


def test_a_row_for_each_answer_gives_what_one_row_for_all_gives(
    one: QwenLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [ask(one), ask(one, 0)]
    for branches in (1, 3):
        sampling = Sampling(6, 12, stops(one), one.prompter.vision_ids, 0.8, branches, 2)
        options: dict[str, Any] = {"seeds": [1, 2], "tokenizer": one.checkpoint.tokenizer}
        shared = sample_groups(one.checkpoint.model, prompts, sampling, **options)
        with monkeypatch.context() as patch:
            patch.setattr(decoding, "MASKED", ())  # as flash attention, which takes no mask of its own
            apart = sample_groups(one.checkpoint.model, prompts, sampling, **options)
        for left, right in zip(shared, apart, strict=True):
            same(left, right)


def test_the_end_token_counts_and_cut_completions_are_not_finished(one: QwenLocal) -> None:
    group, ends = draw(one, ask(one)), stops(one)
    assert set(group.finished.tolist()) == {True, False}
    for row, length, finished, text in zip(
        group.ids.tolist(), group.lengths.tolist(), group.finished.tolist(), group.texts, strict=True
    ):
        said = row[: length - 1] if finished else row[:length]
        assert not ends & set(said)
        assert (row[length - 1] in ends) == finished
        assert finished or length == 12
        assert text == one.checkpoint.tokenizer.decode(said, skip_special_tokens=True).strip()
    assert group.trees is None


def test_completions_of_a_branch_share_their_first_tokens_and_no_more(one: QwenLocal) -> None:
    group = draw(one, ask(one), group_size=8, branches=3, branch_tokens=4, stop=[2], temperature=1.2)
    assert group.trees is not None
    # completion i belongs to beginning i * 3 // 8
    assert group.trees.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    begun = [tuple(row[:4]) for row in group.ids.tolist()]
    assert len({begun[0], begun[3], begun[6]}) == 3
    assert all(begun[i] == begun[(0, 3, 6)[tree]] for i, tree in enumerate(group.trees.tolist()))
    for tree in range(3):
        members = group.ids[group.trees == tree]
        assert len({tuple(row) for row in members.tolist()}) == len(members)


def test_a_branch_that_ends_within_its_shared_tokens_is_one_answer_many_times(one: QwenLocal) -> None:
    group = draw(one, ask(one), branches=4, branch_tokens=6, limit=20)
    assert group.trees is not None
    short = [tree for tree in range(4) if int(group.lengths[group.trees == tree].max()) <= 6]
    assert short and len(short) < 4
    for tree in short:
        members = group.ids[group.trees == tree]
        assert (members == members[0]).all()
        assert group.finished[group.trees == tree].all()


def test_an_answer_that_has_ended_leaves_the_batch(one: QwenLocal) -> None:
    widths: list[int] = []
    embed = one.checkpoint.model.get_input_embeddings()
    hook = embed.register_forward_pre_hook(lambda _, args: widths.append(args[0].numel()))
    group = draw(one, ask(one))
    hook.remove()
    # step t feeds the answers that have more than t tokens
    expected = [int((group.lengths > t).sum()) for t in range(1, int(group.lengths.max()))]
    assert widths[1:] == expected
    assert expected[-1] < 8


def test_sampling_leaves_the_training_mode_as_it_was_and_works_with_gradient_checkpointing(
    tiny_policy_folder: Path,
) -> None:
    found = policy(tiny_policy_folder)
    network, prompt = found.checkpoint.model, ask(found)
    usual = draw(found, prompt)
    network.gradient_checkpointing_enable()
    network.train()
    network.model.visual.eval()
    same(draw(found, prompt), usual)
    assert network.training and network.model.language_model.layers[0].training
    assert not network.model.visual.blocks[0].training


def test_bad_settings_and_a_video_without_features_are_refused(one: QwenLocal) -> None:
    prompt = ask(one)
    for changes in (
        {"group_size": 0}, {"limit": 0}, {"temperature": 0.0}, {"branches": 9}, {"branches": 0},
        {"branches": 2, "branch_tokens": 12},
    ):  # fmt: skip
        with pytest.raises(MedVidBenchError):
            draw(one, prompt, **changes)
    with pytest.raises(MedVidBenchError, match="pixels of 0"):
        draw(one, replace(prompt, pixel_values_videos=None))
