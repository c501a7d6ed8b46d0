"""Supervised attention: which token of an answer looks at which frames, and that it learns to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("av")

import torch
from sft_runs import run, sft_recipe

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Box, Event, Events, Sample
from medvidbench.tasks.questions import REQUESTS
from medvidbench.tasks.verbalise import label_words
from medvidbench.training.examples import chosen_rows
from medvidbench.training.frame_pairs import showing, tokens_shape
from medvidbench.training.machine import Machine
from medvidbench.training.pointing import Point, Pointing
from medvidbench.training.pointing_looks import Frames, Timeline
from medvidbench.training.policy import Policy, load_policy
from medvidbench.training.recipe import DataPart, ModelPart, PointingPart
from medvidbench.training.rows import Example
from medvidbench.training.starting import example_stream

PART = PointingPart(action_layer=0, span_layer=0, edge_layer=1, heads=1)


@pytest.fixture(scope="module")
def policy(tiny_policy_folder: Path) -> Policy:
    return load_policy(ModelPart(path=str(tiny_policy_folder), device="cpu", dtype="float32"), DataPart())


@pytest.fixture(scope="module")
def clip(training_bench: Path, policy: Policy) -> Example:
    """A clip with 2 frames a pair."""
    bench = Benchmark.open(training_bench)
    rows = chosen_rows(bench, DataPart(), 0)
    for item in example_stream(bench, rows, policy, DataPart(), Machine(workers=0)).stream(range(len(rows))):
        if isinstance(item, Example) and len(item.sample.frame_times) >= 8:
            return item
    raise AssertionError("no clip is long enough")


def _said(clip: Example, task: str, answer: str) -> Example:
    return replace(clip, sample=replace(clip.sample, task=task, answer=answer))


@pytest.fixture(scope="module")
def points(policy: Policy, clip: Example) -> Callable[[str, str], list[tuple[str, str, list[int]]]]:
    """For a task and an answer: the text from the point's token on, the kind, the pairs of frames looked at."""
    pointing = Pointing.of(PART, policy)
    assert pointing is not None
    tokenizer = policy.checkpoint.tokenizer
    places = (clip.prompt.input_ids == policy.checkpoint.config.video_token_id).nonzero().flatten().tolist()
    pairs = -(-len(clip.sample.frame_times) // 2)
    each = len(places) // pairs

    def found(task: str, answer: str) -> list[tuple[str, str, list[int]]]:
        offsets = tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return [
            (answer[offsets[p.token][0] :], p.kind, sorted({places.index(f) // each for f in p.places.tolist()}))
            for p in pointing.points(_said(clip, task, answer))
            if p.kind != "action"
        ]

    return found


def test_times_of_a_span_look_at_it_and_at_its_ends(clip: Example, points: Any) -> None:
    t = clip.sample.frame_times
    answer = f"{t[2]:.1f}-{t[6]:.1f} seconds."  # frames 2 to 5: pairs 1 and 2
    found = points("TAG", answer)
    assert [found_as[1:] for found_as in found] == [("span", [1, 2]), ("edge", [1]), ("span", [1, 2]), ("edge", [2])]
    assert all(text.startswith(answer[:1]) for text, _, _ in found[:2])
    assert found[2][0].startswith(f"{t[6]:.1f}"[0])


def test_a_caption_looks_at_its_span_and_a_box_at_its_time(clip: Example, points: Any) -> None:
    t = clip.sample.frame_times
    found = points("DVC", f"{t[0]:.1f}-{t[2]:.1f} seconds: Cut.\n{t[2]:.1f}-{t[4]:.1f} seconds: Tie.")
    assert [(text.strip()[0], pairs) for text, kind, pairs in found if kind == "span" and text.strip()[0] in "CT"] == [
        ("C", [0]),
        ("T", [1]),
    ]
    assert len(found) == 10
    boxes = points("STG", f"{t[4]:.1f} seconds: [10, 20, 30, 40] {t[7]:.1f} seconds: [11, 20, 30, 40]")
    assert [(text.strip()[:2], pairs) for text, kind, pairs in boxes if kind == "span"] == [("10", [2]), ("11", [3])]
    corners = [(text.strip()[:2], pairs) for text, kind, pairs in boxes if kind == "edge"]
    assert corners == [(x, [2]) for x in ("10", "20", "30", "40")] + [(x, [3]) for x in ("11", "20", "30", "40")]


def test_a_box_looks_at_the_tokens_that_show_it(policy: Policy, clip: Example) -> None:
    wide = replace(clip, sample=replace(clip.sample, width=400, height=300))
    rows, columns = tokens_shape(wide, policy.checkpoint.config)
    frames = Frames(wide, policy.checkpoint.config)
    second = clip.sample.frame_times[0]
    whole = frames.within(second, second)[0].tolist()
    assert len(whole) == rows * columns > 1
    left = frames.on(Box(0, 0, 400 / columns, 300), second)
    assert left is not None
    assert left.tolist() == whole[::columns]
    unknown = Frames(replace(clip, sample=replace(clip.sample, width=None)), policy.checkpoint.config)
    everywhere = unknown.on(Box(0, 0, 1, 1), second)
    assert everywhere is not None
    assert everywhere.tolist() == whole
    assert frames.on(Box(0, 0, 1, 1), 1e6) is None


@pytest.mark.parametrize(
    ("box", "shown"),
    [
        pytest.param(Box(0, 0, 100, 100), [0], id="one cell of four by three"),
        pytest.param(Box(40, 0, 140, 100), [0, 1], id="0.6 and 0.4 of the box"),
        pytest.param(Box(20, 0, 120, 100), [0], id="0.8 and 0.2"),
        pytest.param(Box(95, 95, 105, 105), [0, 1, 4, 5], id="a quarter of a small box each: none has 0.3, all most"),
        pytest.param(Box(0, 0, 400, 300), list(range(12)), id="the whole frame"),
        pytest.param(Box(0, 0, 400, 25), [0, 1, 2, 3], id="a quarter of each cell, which is a quarter of the box"),
        pytest.param(Box(900, 900, 990, 990), [], id="outside"),
    ],
)
def test_tokens_that_show_a_box_share_enough_with_it(clip: Example, box: Box, shown: list[int]) -> None:
    sample = replace(clip.sample, width=400, height=300)
    assert showing(box, sample, (3, 4)).nonzero().flatten().tolist() == shown


def _told(clip: Example, task: str, answer: str, truth: Events | None = None) -> Sample:
    return replace(clip.sample, task=task, answer=answer, truth=truth, clip_offset=10.0, duration=20.0)


def test_a_summary_is_aligned_with_the_events_of_its_recording(clip: Example) -> None:
    events = Events((Event(0, 4, "The hook cuts."), Event(4, 9, "The clip closes."), Event(9, 12, "The hook cuts.")))
    earlier = replace(_told(clip, "DVC", "-", events), clip_offset=8.0)  # it begins before the summary's clip
    again = _told(clip, "DVC", "-", Events((Event(0, 2, "The hook cuts."), Event(30, 31, "The clip closes."))))
    timeline = Timeline([earlier, again])
    answer = "At first, the hook cuts. Then the clip closes. Next, the hook cuts."
    found = timeline.said(_told(clip, "VS", answer))
    assert [(answer[a:b], event.start, event.end) for a, b, event in found] == [
        ("the hook cuts", 0.0, 2.0),
        ("the clip closes", 2.0, 7.0),
        ("the hook cuts", 7.0, 10.0),
    ]
    assert [e.start for _, _, e in timeline.said(_told(clip, "VS", "The clip closes."))] == [2.0]
    assert timeline.said(_told(clip, "VS", "Nothing is done.")) == []
    assert timeline.said(replace(_told(clip, "VS", answer), recording_id="another")) == []


def test_a_summary_looks_at_its_steps_in_turn_and_ends_at_the_clip_s_end(policy: Policy, clip: Example) -> None:
    t = clip.sample.frame_times
    truth = Events((Event(t[0], t[2], "The hook cuts."), Event(t[2], t[6], "The clip closes.")))
    told = replace(clip.sample, task="DVC", answer="-", truth=truth)
    pointing = Pointing.of(PART, policy, [told])
    assert pointing is not None
    answer = "At first, the hook cuts. Then the clip closes."
    found = pointing.points(_said(clip, "VS", answer))
    offsets = policy.checkpoint.tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)
    places = (clip.prompt.input_ids == policy.checkpoint.config.video_token_id).nonzero().flatten().tolist()
    pairs = -(-len(t) // 2)
    each = len(places) // pairs
    looks = [p for p in found if p.kind != "action"]
    seen = [(p.token, p.kind, sorted({places.index(f) // each for f in p.places.tolist()})) for p in looks]
    first, second = answer.index("the hook"), answer.index("the clip")
    begins = [next(k for k, (a, b) in enumerate(offsets["offset_mapping"]) if a <= at < b) for at in (first, second)]
    assert [(token, looked) for token, kind, looked in seen if kind == "edge"] == [
        (begins[0], [0]),
        (begins[1], [1]),
        (len(offsets["input_ids"]), [pairs - 1]),
    ]
    assert [looked for _, kind, looked in seen if kind == "span"] == [[0], [0], [1, 2], [1, 2]]
    # its first words and each step's depend on the source, which the question names
    source = [p for p in found if p.kind == "action"]
    assert [p.token for p in source] == [0, *(p.token for p in looks if p.kind == "span")]
    assert clip.sample.source in policy.checkpoint.tokenizer.decode(clip.prompt.input_ids[source[0].places])


def test_what_comes_next_is_read_at_the_end_and_other_tasks_look_nowhere_in_particular(
    clip: Example, points: Any
) -> None:
    last = -(-len(clip.sample.frame_times) // 2) - 1
    assert points("NAP", "suturing") == [("suturing", "span", [last])]
    assert points("VS", "From 1.0-2.0 seconds: cut.") == []
    assert points("TAG", "900.0-901.0 seconds.") == []  # the clip shows no frame then
    assert points("TAG", "never") == []


def test_the_times_of_an_action_look_at_its_name_in_the_question(
    training_bench: Path, tiny_policy_folder: Path, policy: Policy
) -> None:
    bench = Benchmark.open(training_bench)
    rows = chosen_rows(bench, DataPart(tasks=("TAG",)), 0)[:1]
    example = next(example_stream(bench, rows, policy, DataPart(), Machine(workers=0)).stream([0]))
    assert isinstance(example, Example)
    pointing = Pointing.of(PART, policy)
    assert pointing is not None
    tokenizer, words = policy.checkpoint.tokenizer, label_words(example.sample.target)
    for template in REQUESTS["TAG"]:
        text = template.format(
            action=words, choices="; ".join(["to wait", words, f"{words} and rest", f"rest and {words}"])
        )
        ids = torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])
        shown = (example.prompt.input_ids == policy.checkpoint.config.video_token_id).nonzero().flatten()
        prompt = replace(example.prompt, input_ids=torch.cat([example.prompt.input_ids[: shown[-1] + 1], ids]))
        told = replace(example, sample=replace(example.sample, question=text), prompt=prompt)
        asked = [point for point in pointing.points(told) if point.kind == "action"]
        assert len(asked) == 2 * len(example.sample.truth.spans)
        first = int(asked[0].places[0])
        assert words in tokenizer.decode(prompt.input_ids[asked[0].places])
        assert len(asked[0].places) <= len(tokenizer(words)["input_ids"]) + 2
        before = tokenizer.decode(prompt.input_ids[:first]).rstrip()
        assert before.endswith(template[: template.index("{action}")].rstrip()[-6:])


def test_the_loss_is_the_negative_logarithm_of_the_attention_on_the_frames(policy: Policy, clip: Example) -> None:
    pointing = Pointing.of(PART, policy)
    assert pointing is not None
    length = clip.prompt.length + 2
    attention = torch.full((1, 4, length, length), 1 / length)
    sharp = attention.clone()
    sharp[0, 0, clip.prompt.length, :] = 0.0
    sharp[0, 0, clip.prompt.length, 5] = 0.75  # token 1 is predicted where token 0 stands
    where = torch.tensor([5, 6])
    looked = pointing.loss((attention, sharp), [(clip, [Point(0, "span", where), Point(1, "edge", where)])])
    assert looked.item() == pytest.approx(-torch.tensor([2 / length, 0.75]).log().sum().item(), rel=1e-5)
    assert pointing.loss((attention, sharp), [(clip, [])]).item() == 0.0


def test_frames_count_as_far_as_the_action_asked_for_is_known(policy: Policy, clip: Example) -> None:
    pointing = Pointing.of(PART, policy)
    assert pointing is not None
    length, place = clip.prompt.length + 2, clip.prompt.length - 1
    first = torch.zeros(1, 4, length, length)
    first[0, 0, place, 3], first[0, 0, place, 5] = 0.2, 0.5
    attentions = (first.requires_grad_(), torch.full((1, 4, length, length), 0.25))
    action, span = Point(0, "action", torch.tensor([3])), Point(0, "edge", torch.tensor([5, 6]))
    elsewhere = Point(1, "edge", torch.tensor([5, 6]))
    loss = pointing.loss(attentions, [(clip, [span, action, elsewhere])])
    # -ln 0.2 for the action; a fifth of -ln 0.5 for the frames; no action is asked for at the other token
    assert loss.item() == pytest.approx(math.log(5) + 0.2 * math.log(2) + math.log(2), rel=1e-5)
    loss.backward()
    assert first.grad is not None
    assert first.grad[0, 0, place, 3].item() == pytest.approx(-5.0)  # of -ln alone: what weighs is no way to less loss


def test_fine_tuning_learns_where_to_look(training_bench: Path, tiny_policy_folder: Path, tmp_path: Path) -> None:
    put = {
        "model__attention": "eager",
        "steps": 24,
        "optimiser__lr": 0.01,
        "pointing": PART.model_dump(),
        "data__frames": 16,
    }
    steps = run(sft_recipe(training_bench, tiny_policy_folder, data__tasks=["TAG"], **put), tmp_path / "run")
    losses = [step.pointing for step in steps]
    assert all(loss is not None for loss in losses)
    assert sum(losses[-6:]) < 0.8 * sum(losses[:6])
    plain = run(sft_recipe(training_bench, tiny_policy_folder, steps=1), tmp_path / "plain")
    assert plain[0].pointing is None


def test_what_cannot_be_supervised_is_refused(policy: Policy, training_bench: Path, tiny_policy_folder: Path) -> None:
    with pytest.raises(MedVidBenchError, match="eager"):
        sft_recipe(training_bench, tiny_policy_folder, model__attention="sdpa", pointing={})
    with pytest.raises(MedVidBenchError, match="layers below 2"):
        Pointing.of(PointingPart(span_layer=7), policy)
