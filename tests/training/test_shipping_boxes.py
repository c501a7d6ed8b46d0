"""Where things are: boxes by pair of frames, corners as numbers, and that a tower learns both."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("av")

import torch
from sft_runs import small_training_benchmark

from medvidbench.benchmark import Benchmark
from medvidbench.metrics.boxes import box_iou
from medvidbench.records import Box, BoxTrack, TimedBox
from medvidbench.training.examples import chosen_rows
from medvidbench.training.frame_pairs import frame_pairs, showing, tokens_shape
from medvidbench.training.machine import Machine
from medvidbench.training.policy import Policy, load_policy
from medvidbench.training.recipe import DataPart, ModelPart
from medvidbench.training.rows import Example
from medvidbench.training.shipping_attention import Parts
from medvidbench.training.shipping_boxes import Boxes, Located, blurred, chosen
from medvidbench.training.shipping_sight import vision_tokens
from medvidbench.training.shipping_start import on_curve
from medvidbench.training.starting import example_stream

DATA = DataPart(tasks=("STG",))
PARTS = Parts.of(torch.stack([on_curve(second, 64, 0) for second in range(80)]), 0, entries=12)
NOWHERE = Box(1.0, 2.0, 30.0, 40.0)


@pytest.fixture(scope="module")
def policy(tiny_policy_folder: Path) -> Policy:
    return load_policy(
        ModelPart(path=str(tiny_policy_folder), device="cpu", dtype="float32", freeze_vision=False), DATA
    )


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory, policy: Policy) -> list[Example]:
    bench = Benchmark.open(small_training_benchmark(tmp_path_factory.mktemp("boxes"), ("cholectrack20",)))
    rows = chosen_rows(bench, DATA, 0)[:4]
    stream = example_stream(bench, rows, policy, DATA, Machine(workers=0)).stream(range(len(rows)))
    return [item for item in stream if isinstance(item, Example)]


@pytest.fixture
def boxes(policy: Policy, examples: list[Example]) -> Boxes:
    return Boxes(policy, [example.sample for example in examples], PARTS.codes)


def _with_boxes(example: Example, times: tuple[float, ...]) -> Example:
    truth = BoxTrack(tuple(TimedBox(time, NOWHERE) for time in times))
    return replace(example, sample=replace(example.sample, truth=truth))


def test_a_box_belongs_to_the_frame_of_its_time(policy: Policy, boxes: Boxes, examples: list[Example]) -> None:
    pairs = frame_pairs(examples[0], policy.checkpoint.config)
    first, second = pairs[0].times, pairs[1].times
    found = boxes.located(_with_boxes(examples[0], (first[1], second[0], 1e4)))
    assert [(place.pair, place.boxes) for place in found] == [(0, (None, NOWHERE)), (1, (NOWHERE, None))]
    assert all(place.known == [NOWHERE] for place in found)


def test_so_many_pairs_are_drawn_in_their_order() -> None:
    places = [Located(number, (NOWHERE,)) for number in range(20)]
    found = [place.pair for place in chosen(places, 6, random.Random(1))]
    assert len(set(found)) == 6
    assert found == sorted(found)
    assert chosen(places[:2], 6, random.Random(1)) == places[:2]


def test_a_corner_is_its_number_and_less_and_less_its_neighbours() -> None:
    rows = blurred(Box(10.0, 20.5, 30.0, 399.0))
    assert rows.shape == (4, 400)
    assert torch.allclose(rows.sum(dim=1), torch.ones(4))
    assert rows.argmax(dim=1)[[0, 2, 3]].tolist() == [10, 30, 399]
    assert rows[1, 20].item() == pytest.approx(rows[1, 21].item())
    # three pixels away, at one standard deviation: exp(-1/2) of the top
    assert (rows[0, 13] / rows[0, 10]).item() == pytest.approx(math.exp(-0.5))


def test_before_anything_is_learned_a_corner_may_be_any_number(
    policy: Policy, boxes: Boxes, examples: list[Example]
) -> None:
    """Tokens of zeros are like nothing: by hand, all of the loss but for the shares of what is on offer."""
    example = examples[0]
    located = boxes.located(example)[:1]
    shape = tokens_shape(example, policy.checkpoint.config)
    count, width = shape[0] * shape[1], policy.checkpoint.config.get_text_config().hidden_size
    loss, _ = boxes.loss(example, located, [torch.zeros(count, width)], 0.07)
    shows = torch.stack([showing(box, example.sample, shape) for box in located[0].known]).any(dim=0)
    names = {row.sample.target for row in examples if row.sample.source == example.sample.source}
    expected = math.log(count / int(shows.sum())) + math.log(len(names)) + 0.5 * math.log(400)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_tokens_learn_where_an_object_is(policy: Policy, boxes: Boxes, examples: list[Example]) -> None:
    """Free tokens instead of a tower's: the loss alone leads them to the object and to its corners."""
    example = max(examples, key=lambda found: len(boxes.located(found)))
    located = boxes.located(example)[:3]
    shape = tokens_shape(example, policy.checkpoint.config)
    width = policy.checkpoint.config.get_text_config().hidden_size
    # as in the start; this tokenizer spells numbers, and 12 would be 21
    boxes.numbers = torch.stack([on_curve(number, width, 0) for number in range(400)])
    drawn = torch.randn(len(located), shape[0] * shape[1], width, generator=torch.Generator().manual_seed(0))
    tokens = drawn.requires_grad_()
    optimiser = torch.optim.Adam([tokens, *boxes.parameters()], lr=0.05)
    losses, overlap = [], 0.0
    for _ in range(150):
        optimiser.zero_grad()
        loss, overlap = boxes.loss(example, located, list(tokens), 0.07)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert overlap > 0.8
    truth = located[0].known[0]
    assert box_iou([truth.x1, truth.y1, truth.x2, truth.y2], [0, 0, 1, 1]) < 0.1  # not any box would do


def test_the_gradient_reaches_the_tower(policy: Policy, boxes: Boxes, examples: list[Example]) -> None:
    located = boxes.located(examples[0])[:2]
    tokens = vision_tokens(policy, examples[0], [place.pair for place in located])
    loss, _ = boxes.loss(examples[0], located, tokens, 0.07)
    loss.backward()
    weight = policy.model.model.visual.merger.mlp[-1].weight
    assert weight.grad is not None
    assert weight.grad.abs().sum() > 0
