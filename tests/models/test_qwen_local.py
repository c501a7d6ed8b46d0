"""A Qwen2.5-VL of random weights, run: positions, decoding, batches, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from medvidbench.models.checkpoints import fingerprint
from medvidbench.models.greedy import collate, decode
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.models.qwen_prompt import VISION_TOKENS, QwenPrompt
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.time_cases import CASES, prove_times, synthetic_frames
from medvidbench.models.time_contract import VideoQuestion, check_times
from medvidbench.models.tiny import NOTE, build_tiny_qwen
from medvidbench.models.transformers_local import load_local, plan_batches
from medvidbench.video.frames import FrameSet

Noise = Callable[..., FrameSet]


@pytest.fixture(scope="module")
def model(tiny_qwen: Path) -> QwenLocal:
    found = load_local(str(tiny_qwen), device="cpu")
    assert isinstance(found, QwenLocal)
    return found


@contextmanager
def seen_positions(model: QwenLocal) -> Iterator[list[torch.Tensor]]:
    """The positions that reach the rotary embedding of the language model, call by call."""
    seen: list[torch.Tensor] = []
    rotary = model.checkpoint.model.model.language_model.rotary_emb
    handle = rotary.register_forward_pre_hook(lambda _, args: seen.append(args[1].clone()))
    try:
        yield seen
    finally:
        handle.remove()


@pytest.fixture
def prompt(model: QwenLocal, noise: Noise) -> QwenPrompt:
    """32 frames at 0.5 fps: 64 s, where the two rules of transformers 5 are furthest apart."""
    return model.prepare(VideoQuestion("a", "When?", noise([2.0 * k for k in range(32)], 56, 84), max_new_tokens=6))


def public_inputs(model: QwenLocal, prompt: QwenPrompt) -> dict[str, Any]:
    """What the public processor would hand over: no positions, the kinds of tokens and the seconds instead."""
    inputs = dict(collate([prompt], 0).inputs)
    kinds = (inputs["input_ids"] == model.prompter.rule.video_token).long() * 2
    del inputs["position_ids"]
    return {**inputs, "mm_token_type_ids": kinds, "second_per_grid_ts": prompt.second_per_grid_ts.float()}


def test_forward_generate_and_our_loop_see_the_same_positions(model: QwenLocal, prompt: QwenPrompt) -> None:
    network, inputs = model.checkpoint.model, collate([prompt], 0).inputs
    with seen_positions(model) as forward:
        network(**inputs)
    with seen_positions(model) as sampled:
        network.generate(**inputs, do_sample=False, repetition_penalty=1.0, max_new_tokens=4, min_new_tokens=4)
    with seen_positions(model) as ours:
        decode(network, collate([prompt], 0), limits=[4], stop=[])
    expected = prompt.position_ids.unsqueeze(1)
    for calls in (forward, sampled, ours):
        assert torch.equal(calls[0][-3:], expected)
    # and every later token stands one further, in all three axes
    last = int(expected[0, 0, -1])
    for calls in (sampled, ours):
        assert [int(step[-1, 0, -1]) for step in calls[1:]] == [last + 1, last + 2, last + 3]


def test_our_greedy_loop_gives_the_tokens_of_generate(model: QwenLocal, prompt: QwenPrompt) -> None:
    inputs = collate([prompt], 0)
    never = list(model.prompter.vision_ids)
    out = model.checkpoint.model.generate(
        **inputs.inputs, do_sample=False, repetition_penalty=1.0, max_new_tokens=12, eos_token_id=2,
        suppress_tokens=never,
    )  # fmt: skip
    (ours,) = decode(model.checkpoint.model, inputs, limits=[12], stop=[2], suppressed=never)
    expected = out[0, prompt.length :].tolist()
    assert ours.tokens == (expected[: expected.index(2)] if 2 in expected else expected)


def test_the_public_path_of_transformers_5_places_the_answer_elsewhere(model: QwenLocal, prompt: QwenPrompt) -> None:
    with seen_positions(model) as public:
        model.checkpoint.model(**public_inputs(model, prompt))
    answer_at = int(public[0][-1, 0, -1])
    if answer_at == int(prompt.position_ids[0, -1]):
        pytest.skip("this version of transformers counts on from the largest position")
    # the last pair is at 60 s, position 120 of the video; the text after it restarts 4 (columns) from the video's start
    assert int(prompt.position_ids[0, -1]) - answer_at == 120 + 1 - 4


def test_the_public_fault_changes_what_the_model_answers(model: QwenLocal, prompt: QwenPrompt) -> None:
    network = model.checkpoint.model
    with torch.inference_mode():
        ours = network(**collate([prompt], 0).inputs).logits[0, -1].log_softmax(-1)
        public = network(**public_inputs(model, prompt)).logits[0, -1].log_softmax(-1)
        again = network(**collate([prompt], 0).inputs).logits[0, -1].log_softmax(-1)
    assert torch.equal(ours, again)
    if float((ours - public).abs().max()) == 0:
        pytest.skip("this version of transformers counts on from the largest position")
    assert float((ours - public).abs().max()) > 1e-3


def test_the_answer_depends_on_the_frames_and_on_their_times(model: QwenLocal, noise: Noise) -> None:
    def scores(frames: FrameSet) -> torch.Tensor:
        prompt = model.prepare(VideoQuestion("a", "When?", frames))
        with torch.inference_mode():
            return model.checkpoint.model(**collate([prompt], 0).inputs).logits[0, -1]

    slow, fast = noise([0.0, 4.0, 8.0, 12.0]), noise([0.0, 1.0, 2.0, 3.0])
    dark = FrameSet(slow.frames // 3, slow.t_seconds, slow.size)
    assert float((scores(slow) - scores(fast)).abs().max()) > 1e-3
    assert float((scores(slow) - scores(dark)).abs().max()) > 1e-3


def questions(noise: Noise, count: int = 6) -> list[VideoQuestion]:
    return [
        VideoQuestion(f"s{k}", "When? " * (k + 1), noise(range(k)) if k else None, max_new_tokens=4 + k)
        for k in range(count)
    ]


def test_answers_come_in_order_and_don_t_depend_on_the_batch(model: QwenLocal, noise: Noise) -> None:
    asked = questions(noise)
    alone = list(model.answer_videos(asked))
    wide = QwenLocal(model.checkpoint, model.settings, batch_size=4)
    together = list(wide.answer_videos(asked))
    assert [reply.tag for reply in together] == [question.sample_id for question in asked]
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert [reply.output_tokens for reply in alone] == [
        min(reply.output_tokens, question.max_new_tokens) for reply, question in zip(alone, asked, strict=True)
    ]
    assert list(model.answer_videos(asked)) == alone


def test_vision_tokens_are_never_sampled(model: QwenLocal, prompt: QwenPrompt) -> None:
    assert len(model.prompter.vision_ids) == len(VISION_TOKENS)
    inputs = collate([prompt], 0)
    everything = set(range(model.checkpoint.config.text_config.vocab_size))
    only_vision = everything - {model.prompter.rule.video_token, 7}
    (answer,) = decode(model.checkpoint.model, inputs, limits=[3], stop=[], suppressed=only_vision)
    assert set(answer.tokens) <= {model.prompter.rule.video_token, 7}
    (answer,) = decode(model.checkpoint.model, inputs, limits=[3], stop=[], suppressed=everything - {7})
    assert answer.tokens == [7, 7, 7]


def test_an_answer_stops_at_its_end_token_or_at_its_own_limit(model: QwenLocal, prompt: QwenPrompt) -> None:
    batch = collate([prompt, prompt], 0)
    rows = decode(model.checkpoint.model, batch, limits=[5, 2], stop=[])
    assert [len(row.tokens) for row in rows] == [5, 2]
    assert rows[1].tokens == rows[0].tokens[:2]
    assert {row.finish for row in rows} == {"length"}
    first = rows[0].tokens[0]
    stopped = decode(model.checkpoint.model, batch, limits=[5, 0], stop=[first])
    assert (stopped[0].tokens, stopped[0].finish) == ([], "stop")


def test_a_drawn_answer_is_drawn_alike_alone_and_beside_others(model: QwenLocal, noise: Noise) -> None:
    asked = [replace(question, temperature=1.0, max_new_tokens=8) for question in questions(noise, 4)]
    alone = [reply.text for reply in model.answer_videos(asked)]
    together = [reply.text for reply in QwenLocal(model.checkpoint, model.settings, 4).answer_videos(asked)]
    assert alone == together
    assert alone != [r.text for r in model.answer_videos(replace(q, temperature=0.0) for q in asked)]


def test_a_question_that_cannot_be_rendered_fails_alone(model: QwenLocal, noise: Noise) -> None:
    bad = VideoQuestion("bad", "<|video_pad|>", noise([0.0]))
    good = VideoQuestion("good", "When?", noise([0.0]), max_new_tokens=2)
    replies = list(QwenLocal(model.checkpoint, model.settings, batch_size=2).answer_videos([bad, good]))
    assert replies[0].text is None
    assert "holds <|video_pad|>" in replies[0].error
    assert replies[1].text is not None


def test_a_prompt_without_positions_fails_with_advice(model: QwenLocal, noise: Noise) -> None:
    (reply,) = model.answer_videos([VideoQuestion("a", "When?", noise([0.0]), max_new_tokens=131_072)])
    assert reply.text is None
    assert "131072 in all" in reply.error


def test_a_batch_that_does_not_fit_is_halved_and_a_lone_question_fails_with_advice(
    model: QwenLocal, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def limited(network: Any, batch: Any, **options: Any) -> Any:
        sizes.append(len(batch.lengths))
        if len(batch.lengths) > 2 or max(batch.lengths) > 100:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return decode(network, batch, **options)

    monkeypatch.setattr("medvidbench.models.qwen_local.decode", limited)
    asked = [VideoQuestion(f"s{k}", "When?", noise([0.0]), max_new_tokens=2) for k in range(4)]
    asked.append(VideoQuestion("long", "When? " * 60, noise([0.0]), max_new_tokens=2))
    replies = list(QwenLocal(model.checkpoint, model.settings, batch_size=5).answer_videos(asked))
    assert [reply.text is None for reply in replies] == [False] * 4 + [True]
    assert "Out of memory" in replies[4].error
    assert "max_pixels" in replies[4].error
    assert max(sizes) == 5


def test_an_error_that_is_not_about_memory_is_not_hidden(
    model: QwenLocal, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("shapes don't fit")

    monkeypatch.setattr("medvidbench.models.qwen_local.decode", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        list(model.answer_videos([VideoQuestion("a", "When?", noise([0.0]))]))


def test_a_reply_is_keyed_by_everything_that_decides_it(model: QwenLocal, noise: Noise) -> None:
    base = VideoQuestion("a", "When?", noise([0.0, 1.0]))
    changed = [
        base,
        replace(base, text="Where?"),
        replace(base, frames=noise([0.0, 2.0])),
        replace(base, max_new_tokens=9),
        replace(base, temperature=0.5),
    ]
    keys = [model.key(model.prepare(question)) for question in changed]
    smaller = QwenLocal(model.checkpoint, replace(model.settings, max_pixels=7000))
    keys.append(smaller.key(smaller.prepare(base)))
    assert len(set(keys)) == len(keys)
    assert model.key(model.prepare(replace(base, sample_id="b"))) == keys[0]


def test_the_record_names_the_model_the_software_and_every_setting(model: QwenLocal) -> None:
    record = model.record()
    assert record["revision"].startswith("files:")
    assert record["settings"]["max_pixels"] == 48 * 784
    assert {"torch", "transformers", "dtype", "device", "adapter_version"} <= set(record)


@pytest.mark.parametrize("case", CASES)
def test_the_loaded_model_passes_every_case_of_the_time_check(case: str, model: QwenLocal) -> None:
    proof = check_times(model, synthetic_frames(CASES[case]))
    assert proof.passed, proof.detail


def test_all_cases_are_proven_at_once(model: QwenLocal) -> None:
    assert set(prove_times(model)) == set(CASES)


def test_questions_may_be_prepared_in_other_threads(model: QwenLocal, noise: Noise) -> None:
    asked = questions(noise)
    alone = list(model.answer_videos(asked))
    with ThreadPoolExecutor(4) as pool:
        replies = [model.answer_prepared([prepared])[0] for prepared in pool.map(model.prepare, asked)]
    assert replies == alone


def test_a_model_in_half_precision_answers(tiny_qwen: Path, noise: Noise) -> None:
    half = load_local(str(tiny_qwen), device="cpu", dtype="bfloat16")
    (reply,) = half.answer_videos([VideoQuestion("a", "When?", noise([0.0, 1.0]), max_new_tokens=3)])
    assert reply.error == ""
    assert half.record()["dtype"] == "bfloat16"


def test_the_settings_take_the_checkpoint_s_own_normalisation(tmp_path: Path) -> None:
    folder = build_tiny_qwen(tmp_path / "q")
    said = (folder / "preprocessor_config.json").read_text().replace("0.48145466", "0.5")
    (folder / "preprocessor_config.json").write_text(said)
    assert load_local(str(folder), settings=VideoSettings(max_pixels=9000)).settings.mean[0] == 0.5


def test_batches_join_prompts_of_like_length_within_the_token_budget() -> None:
    assert plan_batches([], 4, 100) == []
    assert plan_batches([10, 50, 11, 49], 2, 100) == [[1, 3], [2, 0]]
    # two prompts padded to 60 tokens would be 120
    assert plan_batches([60, 60, 30], 3, 100) == [[0], [1], [2]]
    assert plan_batches([500], 3, 100) == [[0]]


def test_the_tiny_checkpoint_is_small_marked_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    one, two, other = (build_tiny_qwen(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert sum(path.stat().st_size for path in one.iterdir()) < 5_000_000
    assert NOTE in (one / "README.md").read_text()
    assert fingerprint(one) == fingerprint(two) != fingerprint(other)


def test_the_tiny_tokenizer_keeps_any_text(model: QwenLocal) -> None:
    text = "Cut the cystic duct: 12.5-13.0 s, Größe µ 中文 \U0001f600"
    assert model.checkpoint.tokenizer.decode(model.checkpoint.tokenizer(text)["input_ids"]) == text
