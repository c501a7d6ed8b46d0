"""Examples: the rows that are chosen, and prompts that are those of the evaluation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from sft_runs import SMALL, Parts, parts_of

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.answers import AnswerFile
from medvidbench.evaluation.asking import Asker
from medvidbench.evaluation.evaluate import EvalOptions, shown_in
from medvidbench.evaluation.runner import run_shard
from medvidbench.models.messages import Reply
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.registry import ModelOptions, video_model
from medvidbench.models.settings import EvalSettings
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.training.examples import chosen_rows, end_token
from medvidbench.training.recipe import DataPart
from medvidbench.training.rows import Example
from medvidbench.video.frames import FrameSet

TABLE = json.loads((Path(__file__).parents[1] / "models" / "qwen_positions_table.json").read_text())["rows"]


@pytest.fixture(scope="module")
def parts(training_bench: Path, tiny_policy_folder: Path) -> Parts:
    return parts_of(training_bench, tiny_policy_folder)


def evaluated_prompts(parts: Parts, model_folder: Path, out: Path, data: DataPart) -> dict[str, QwenPrompt]:
    """What `medvidbench eval` hands to the model for the training rows, by sample."""
    settings = EvalSettings(frames=data.frames, fps=data.fps, min_pixels=data.min_pixels, max_pixels=data.max_pixels)
    model = video_model(f"hf:{model_folder}", settings, ModelOptions(device="cpu"))
    assert isinstance(model, QwenLocal)
    seen: dict[str, QwenPrompt] = {}

    def answer(questions: Iterable[VideoQuestion]) -> Iterator[Reply]:
        for question in questions:
            seen[question.sample_id] = model.prepare(question)
            yield Reply(question.sample_id, "key", "an answer")

    model.answer_videos = answer  # type: ignore[method-assign]
    shown = shown_in(parts.bench, EvalOptions(settings=settings, workers=1))
    with AnswerFile(out, 0, 1) as answers:
        run_shard(parts.rows(), model, Asker(settings), shown, answers, model.shrink)
    return seen


@pytest.mark.parametrize(
    "data",
    [SMALL, DataPart(max_pixels=8 * 784), DataPart(max_pixels=12 * 784, fps=0.5)],
    ids=["three frames", "every frame", "half a frame a second"],
)
def test_training_sees_what_the_evaluation_asks(
    data: DataPart, training_bench: Path, tiny_policy_folder: Path, tmp_path: Path
) -> None:
    parts = parts_of(training_bench, tiny_policy_folder, data)
    asked = evaluated_prompts(parts, tiny_policy_folder, tmp_path, data)
    rows = parts.rows()
    examples = list(parts.stream(rows).stream(range(len(rows))))
    assert {row.source for row in rows} == {"CholecT50", "NurViD"} and len(asked) == len(rows)
    for example in examples:
        assert isinstance(example, Example)
        prompt, other = example.prompt, asked[example.sample.sample_id]
        assert prompt.text == other.text
        assert torch.equal(prompt.input_ids, other.input_ids)
        assert torch.equal(prompt.position_ids, other.position_ids)
        assert torch.equal(prompt.video_grid_thw, other.video_grid_thw)
        assert torch.equal(prompt.second_per_grid_ts, other.second_per_grid_ts)
        assert torch.equal(prompt.pixel_values_videos, other.pixel_values_videos)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case['fps']} fps, {case['grid']}")
def test_positions_in_training_are_those_of_the_reference_table(case: dict[str, Any], parts: Parts) -> None:
    # the table counts from `before` tokens of text; this prompt has another number, which moves all positions alike
    patches, rows, columns = case["grid"]
    frames = np.zeros((2 * patches, rows * 14, columns * 14, 3), np.uint8)
    shown = FrameSet(frames, np.arange(2 * patches) / case["fps"], (columns * 14, rows * 14))
    exact = replace(parts.policy.prompter.settings, min_pixels=784, max_pixels=10**6)
    prompter = type(parts.policy.prompter)(parts.policy.checkpoint.tokenizer, parts.policy.prompter.rule, exact)
    maker = Parts(parts.bench, replace(parts.policy, prompter=prompter), DataPart()).maker()
    prompt = maker.prompt(replace(parts.rows()[0], fps=case["fps"]), shown)
    assert prompt.video_grid_thw.tolist() == [case["grid"]]
    before = prompt.input_ids.tolist().index(prompter.rule.video_token)
    count = patches * rows * columns // 4
    times = prompt.position_ids[0, before : before + count : rows * columns // 4]
    assert (times - before).tolist() == [time - case["before"] for time in case["times"]]
    assert int(prompt.position_ids[0, before + count]) - before == case["text_at"] - case["before"]


def test_an_answer_ends_with_the_token_that_ends_a_turn(parts: Parts) -> None:
    tokenizer = parts.policy.checkpoint.tokenizer
    sample = parts.rows()[0]
    ids = parts.maker().answer_ids(sample).tolist()
    assert tokenizer.decode(ids[:-1]) == sample.answer
    assert ids[-1] == tokenizer.convert_tokens_to_ids("<|im_end|>") == end_token(tokenizer)


def test_a_template_that_ends_a_turn_without_a_token_is_refused(parts: Parts) -> None:
    class Bare:
        all_special_ids = (1,)

        def apply_chat_template(self, messages: Any, tokenize: bool) -> str:
            return "\n".join(part["text"] for message in messages for part in message["content"]) + "\n"

        def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
            return {"input_ids": [7 for _ in text]}

    with pytest.raises(MedVidBenchError, match="After an answer, the chat template writes"):
        end_token(Bare())


def test_answers_with_special_tokens_are_refused(parts: Parts) -> None:
    with pytest.raises(MedVidBenchError, match="holds a special token"):
        parts.maker().answer_ids(replace(parts.rows()[0], answer="1.0-2.0<|video_pad|> seconds."))


def test_a_prompt_that_is_too_long_is_refused_with_its_length(parts: Parts) -> None:
    sample = parts.rows()[0]
    example = parts.stream([sample]).one(0)
    assert isinstance(example, Example)
    tight = Parts(parts.bench, parts.policy, SMALL.model_copy(update={"max_prompt_tokens": example.prompt.length - 1}))
    with pytest.raises(MedVidBenchError, match=f"A prompt of {example.prompt.length} tokens"):
        tight.maker().example(sample, example.prompt)
    whole = example.prompt.length + len(example.answer_ids)
    assert parts.maker(longest=whole).example(sample, example.prompt).sample is sample
    with pytest.raises(MedVidBenchError, match=f"{whole - 1} in all"):
        parts.maker(longest=whole - 1).example(sample, example.prompt)


def test_only_training_rows_are_chosen_and_a_task_or_source_where_asked(training_bench: Path) -> None:
    bench = Benchmark.open(training_bench)
    everything = chosen_rows(bench, DataPart(), 0)
    test_ids = {row.sample_id for row in bench.samples("test")}
    assert test_ids and not test_ids & {row.sample_id for row in everything}
    tag = chosen_rows(bench, DataPart(tasks=("TAG",), sources=("NurViD",)), 0)
    assert tag == [row for row in everything if row.task == "TAG" and row.source == "NurViD"] != []


def test_a_row_of_the_test_split_among_the_training_files_stops_the_run(
    training_bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Benchmark.open(training_bench)
    mixed = [*bench.samples("train"), bench.samples("test")[0]]
    monkeypatch.setattr(Benchmark, "samples", lambda self, *args: mixed)
    with pytest.raises(MedVidBenchError, match="hold 1 rows of another split"):
        chosen_rows(bench, DataPart(), 0)


def test_a_draw_takes_the_same_rows_whatever_else_is_there(training_bench: Path) -> None:
    bench = Benchmark.open(training_bench)
    drawn = chosen_rows(bench, DataPart(per_key=2), seed=5)
    assert max(Counter((row.source, row.task) for row in drawn).values()) == 2
    alone = chosen_rows(bench, DataPart(per_key=2, tasks=("VS",)), seed=5)
    assert alone == [row for row in drawn if row.task == "VS"]
    others = [chosen_rows(bench, DataPart(per_key=2), seed=seed) for seed in range(6, 10)]
    assert any(other != drawn for other in others)


def test_nothing_left_is_an_error(training_bench: Path) -> None:
    with pytest.raises(MedVidBenchError, match="no training rows"):
        chosen_rows(Benchmark.open(training_bench), DataPart(tasks=("NAP",), sources=("NurViD",)), 0)
