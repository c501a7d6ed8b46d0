"""Batches of fine-tuning: the loss is that of each row alone, on its answer alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from sft_runs import Parts, parts_of

from medvidbench.errors import MedVidBenchError
from medvidbench.training.batches import FULLEST, IGNORED, answer_losses, micro_batches, plan_micro_batches
from medvidbench.training.rows import Example


@pytest.fixture(scope="module")
def parts(training_bench: Path, tiny_policy_folder: Path) -> Parts:
    found = parts_of(training_bench, tiny_policy_folder)
    found.policy.model.double()
    return found


@pytest.fixture(scope="module")
def examples(parts: Parts) -> list[Example]:
    rows = parts.rows()
    found = list(parts.stream(rows).stream(range(0, len(rows), 3)))
    return [item for item in found if isinstance(item, Example)]


def alone(model: Any, example: Example) -> Any:
    """-sum log p(answer), by the definition: one row, all logits, no padding."""
    prompt, answer = example.prompt, example.answer_ids
    ids = torch.cat([prompt.input_ids, answer])
    further = prompt.position_ids.max() + 1 + torch.arange(len(answer))
    positions = torch.cat([prompt.position_ids, further.expand(3, -1)], dim=1)
    logits = model(
        input_ids=ids[None],
        position_ids=positions[:, None],
        attention_mask=torch.ones_like(ids)[None],
        pixel_values_videos=prompt.pixel_values_videos,
        video_grid_thw=prompt.video_grid_thw,
    ).logits[0]
    at = torch.arange(len(prompt.input_ids) - 1, len(ids) - 1)
    return -logits.log_softmax(-1)[at, answer].sum()


def gradients(model: Any) -> dict[str, Any]:
    found = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    return found


def test_padded_batches_have_the_losses_and_gradients_of_rows_alone(parts: Parts, examples: list[Example]) -> None:
    model, config = parts.policy.model, parts.policy.checkpoint.config
    expected = {example.sample.sample_id: alone(model, example) for example in examples}
    sum(expected.values()).backward()
    wanted = gradients(model)
    batches = micro_batches(examples, parts.policy.pad, config, most_tokens=100_000)
    assert any(len(batch.examples) > 1 for batch in batches)
    for batch in batches:
        losses = answer_losses(model, batch)
        losses.sum().backward()
        for example, loss in zip(batch.examples, losses.tolist(), strict=True):
            # answer_losses reads the logits in float32
            assert loss == pytest.approx(expected[example.sample.sample_id].item(), rel=1e-6)
    found = gradients(model)
    assert found.keys() == wanted.keys() and len(found) > 40
    for name, value in wanted.items():
        assert torch.linalg.norm(found[name] - value) <= 1e-6 * torch.linalg.norm(value) + 1e-9, name


def test_every_answer_token_counts_once_and_nothing_of_the_question(parts: Parts, examples: list[Example]) -> None:
    for batch in micro_batches(examples, parts.policy.pad, parts.policy.checkpoint.config, 100_000):
        for row, example in enumerate(batch.examples):
            counted = batch.targets[row][batch.targets[row] != IGNORED]
            assert torch.equal(counted, example.answer_ids)


def test_the_forward_sees_no_answer_token_that_it_has_yet_to_say(parts: Parts, examples: list[Example]) -> None:
    # the end token is the last target and never an input: the row is one shorter than prompt and answer
    example = examples[0]
    (batch,) = micro_batches([example], parts.policy.pad, parts.policy.checkpoint.config, 100_000)
    assert batch.inputs["input_ids"].shape[1] == example.prompt.length + len(example.answer_ids) - 1


def test_a_prompt_that_lost_its_video_is_refused(parts: Parts, examples: list[Example]) -> None:
    blind = replace(examples[0], prompt=replace(examples[0].prompt, pixel_values_videos=None))
    with pytest.raises(MedVidBenchError, match="pixels of 0"):
        micro_batches([examples[1], blind], parts.policy.pad, parts.policy.checkpoint.config, 100_000)


@given(st.lists(st.integers(1, 500), max_size=30), st.integers(1, 2000))
def test_micro_batches_hold_every_row_once_within_their_bounds(lengths: list[int], most: int) -> None:
    plan = plan_micro_batches(lengths, most)
    assert sorted(place for batch in plan for place in batch) == list(range(len(lengths)))
    for batch in plan:
        longest = max(lengths[place] for place in batch)
        assert len(batch) == 1 or longest * len(batch) <= most
        assert all(lengths[place] >= FULLEST * longest for place in batch)
