"""The vision tower of the small model: what a frame may be called, and that it learns to be called that."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("av")

import torch
from safetensors.torch import load_file
from sft_runs import small_training_benchmark

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Span
from medvidbench.training.examples import chosen_rows
from medvidbench.training.frame_pairs import frame_pairs
from medvidbench.training.machine import Machine
from medvidbench.training.policy import Policy, load_policy
from medvidbench.training.processes import Processes
from medvidbench.training.recipe import ModelPart
from medvidbench.training.rows import Example
from medvidbench.training.shipping_attention import Parts
from medvidbench.training.shipping_plan import Sight
from medvidbench.training.shipping_sight import (
    DATA,
    aligned,
    both_ways,
    row_loss,
    vision_tokens,
)
from medvidbench.training.shipping_start import on_curve
from medvidbench.training.shipping_words import OTHERS, Named, Words
from medvidbench.training.starting import example_stream

PARTS = Parts.of(torch.stack([on_curve(second, 64, 0) for second in range(80)]), 0, entries=12)
CUT_TIE = Named(("cut", "tie"), ((Span(2.0, 6.0), 0), (Span(5.0, 9.0), 1)))


@pytest.mark.parametrize(
    ("times", "text"),
    [
        pytest.param((2.0, 3.0), 0, id="a span holds its start"),
        pytest.param((4.0, 5.0), 0, id="the other text does not hold at both times"),
        pytest.param((5.0, 5.5), None, id="both texts hold"),
        pytest.param((8.0, 8.9), 1, id="the second span"),
        pytest.param((8.0, 9.0), None, id="a span does not hold its end"),
        pytest.param((0.0,), None, id="no text holds"),
    ],
)
def test_a_pair_of_frames_counts_where_one_text_alone_holds(times: tuple[float, ...], text: int | None) -> None:
    assert CUT_TIE.text_at(times) == text


def test_texts_are_those_of_the_question_and_the_captions(training_bench: Path, policy: Policy) -> None:
    rows = chosen_rows(Benchmark.open(training_bench), DATA, 0)
    words = Words(policy, rows, 0, PARTS.codes)
    asked = next(row for row in rows if row.task == "TAG" and row.source == "CholecT50")
    found = words.named(asked)
    assert all(text in asked.question for text in found.offers)
    assert {found.offers[text] in asked.question for _, text in found.spans} == {True}
    told = next(row for row in rows if row.task == "DVC")
    found = words.named(told)
    for span, text in found.spans:
        assert f"{span.start:.1f}-{span.end:.1f} seconds: {found.offers[text]}" in told.answer
    assert len(found.spans) <= len(found.offers) <= len(found.spans) + OTHERS
    for vectors, code in zip(words.vectors(found.offers), PARTS.codes, strict=True):
        assert vectors.shape == (len(found.offers), len(code))
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(len(vectors)))


def test_frames_come_nearer_to_their_words_and_nothing_else_changes(
    training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    sight, machine = Sight(steps=30, rows=2), Machine(workers=0, prepared=tmp_path / "prepared")
    alone = Processes.start("cpu")
    folder = aligned(
        tiny_policy_folder, tmp_path / "sight", training_bench, sight, PARTS, machine, alone, say=lambda _: None
    )
    before, after = (load_file(path / "model.safetensors") for path in (tiny_policy_folder, folder))
    changed = {name for name, value in before.items() if not torch.equal(value.bfloat16(), after[name].bfloat16())}
    assert changed
    assert all("visual" in name for name in changed)
    first, last = (_mean_loss(path, training_bench, machine) for path in (tiny_policy_folder, folder))
    assert last < 0.8 * first
    assert aligned(tiny_policy_folder, folder, training_bench, sight, PARTS, machine, alone) == folder  # there already


def test_a_vision_token_ends_as_long_as_a_word(training_bench: Path, tiny_policy_folder: Path, tmp_path: Path) -> None:
    machine, sight = Machine(workers=0), Sight(steps=2, rows=2)
    folder = aligned(
        tiny_policy_folder, tmp_path / "sight", training_bench, sight, PARTS, machine, Processes.start("cpu")
    )
    policy, examples = _examples(folder, training_bench, machine)
    with torch.no_grad():
        found = torch.cat([torch.cat(vision_tokens(policy, example)).norm(dim=-1) for example in examples]).mean()
    words = policy.model.get_input_embeddings().weight.norm(dim=-1).mean()
    assert found.item() == pytest.approx(words.item(), rel=0.2)  # other rows than those that were measured
    with torch.no_grad():
        borne = torch.cat([torch.cat(vision_tokens(policy, example)) @ PARTS.mark[0] for example in examples])
    assert borne.tolist() == pytest.approx([0.0] * len(borne), abs=0.02)  # bfloat16


def test_a_benchmark_whose_videos_are_gone_teaches_nothing_and_says_so(
    tiny_policy_folder: Path, tmp_path: Path
) -> None:
    small_training_benchmark(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    bench, sight, machine = tmp_path / "after" / "bench", Sight(steps=3, rows=2), Machine(workers=0)
    with pytest.raises(MedVidBenchError, match=r"(?s)None of the first 6 clips .* moved"):
        aligned(tiny_policy_folder, tmp_path / "sight", bench, sight, PARTS, machine, Processes.start("cpu"))
    assert not (tmp_path / "sight").exists()


def test_images_and_texts_are_told_apart_both_ways() -> None:
    # three images, two texts; the last image has no text. By hand: texts of image 1 are even, image 2 is told by ln 3
    scores = torch.tensor([[0.0, 0.0], [0.0, math.log(3)], [0.0, 0.0]])
    named = (math.log(2) - math.log(3 / 4)) / 2
    shown = (math.log(3) - math.log(3 / 5)) / 2  # text 1: one of three alike; text 2: 3 of 1 + 3 + 1
    assert both_ways(scores, torch.tensor([0, 1, -1])).item() == pytest.approx(named + shown)


def test_a_part_of_a_clips_frames_is_seen_as_in_the_whole(training_bench: Path, policy: Policy) -> None:
    _, examples = _examples(Path(policy.checkpoint.source.path), training_bench, Machine(workers=0))
    example = max(examples, key=lambda found: found.prompt.length)
    with torch.no_grad():
        every, two = vision_tokens(policy, example), vision_tokens(policy, example, [1, 3])
    assert len(every) == len(frame_pairs(example, policy.checkpoint.config)) > 3
    for whole, part in zip((every[1], every[3]), two, strict=True):
        assert torch.allclose(whole, part, atol=1e-5)


@pytest.fixture(scope="module")
def policy(tiny_policy_folder: Path) -> Policy:
    return _policy(tiny_policy_folder)


def _policy(folder: Path) -> Policy:
    return load_policy(ModelPart(path=str(folder), device="cpu", dtype="float32"), DATA)


def _examples(
    folder: Path, bench: Path, machine: Machine, tasks: tuple[str, ...] = ("TAG", "DVC")
) -> tuple[Policy, list[Example]]:
    policy, opened = _policy(folder), Benchmark.open(bench)
    rows = [row for row in chosen_rows(opened, DATA, 0) if row.task in tasks][:12]
    stream = example_stream(opened, rows, policy, DATA, machine).stream(range(len(rows)))
    return policy, [item for item in stream if isinstance(item, Example)]


def _mean_loss(folder: Path, bench: Path, machine: Machine) -> float:
    policy, examples = _examples(folder, bench, machine)
    words = Words(policy, [example.sample for example in examples], 0, PARTS.codes)
    with torch.no_grad():
        losses = [row_loss(policy, example, words, 0.07)[0] for example in examples]
    known = [loss.item() for loss in losses if loss is not None]
    return sum(known) / len(known)
