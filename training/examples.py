"""Rows of a benchmark as training examples.

The question is worded by the evaluation's `Asker`, its frames come from the evaluation's clip loader, and the prompt is
rendered by the adapter that answers in `medvidbench eval`: what is trained on is what is asked.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.asking import Asker
from medvidbench.evaluation.clips import ClipJob, clip_job
from medvidbench.evaluation.evaluate import EvalOptions, shown_in
from medvidbench.models.base import question_only
from medvidbench.models.qwen_prompt import QwenPrompt, QwenPrompter
from medvidbench.models.settings import EvalSettings
from medvidbench.models.shrinking import TensorBudget
from medvidbench.records import Sample
from medvidbench.training.recipe import DataPart
from medvidbench.training.rows import Example, Key

if TYPE_CHECKING:
    from medvidbench.video.frames import FrameSet

MARK = "ANSWER"


def chosen_rows(bench: Benchmark, data: DataPart, seed: int) -> list[Sample]:
    """The training rows that a recipe asks for, in file order. The test split is never read.

    Args:
        seed: of the draw of `per_key` rows, which goes by a hash of the id: a row's luck doesn't depend on the others.

    Raises:
        MedVidBenchError: the folder has no answers or no such rows, or a shard holds a row of another split.
    """
    if bench.question_only:
        raise MedVidBenchError(f"{bench.path} holds questions without answers.", "a benchmark with its answers")
    rows = bench.samples("train", data.tasks, data.sources)
    astray = [row.sample_id for row in rows if row.split != "train"]
    if astray:
        raise MedVidBenchError(f"The training files of {bench.path} hold {len(astray)} rows of another split.")
    kept = _drawn([row for row in rows if row.answer], data.per_key, seed)
    if not kept:
        raise MedVidBenchError(f"{bench.path} has no training rows for this recipe.", "other tasks or sources")
    return kept


def _drawn(rows: Sequence[Sample], per_key: int | None, seed: int) -> list[Sample]:
    if per_key is None:
        return list(rows)
    groups: dict[Key, list[str]] = defaultdict(list)
    for row in rows:
        groups[Key(row.source, row.task)].append(row.sample_id)

    def luck(sample_id: str) -> str:
        return hashlib.sha256(f"{seed}/{sample_id}".encode()).hexdigest()

    kept = {name for names in groups.values() for name in sorted(names, key=luck)[:per_key]}
    return [row for row in rows if row.sample_id in kept]


def rows_digest(rows: Sequence[Sample]) -> str:
    """SHA-256 over ids, questions and answers in their order: a run goes on only with the rows that it began with."""
    total = hashlib.sha256()
    for row in rows:
        total.update(f"{row.sample_id}\0{row.question}\0{row.answer}\n".encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def end_token(tokenizer: Any) -> int:
    """The token that ends an assistant's turn in the chat template.

    Raises:
        MedVidBenchError: the template drops the answer, or writes nothing after it.
    """
    messages = [{"role": role, "content": [{"type": "text", "text": MARK}]} for role in ("user", "assistant")]
    text = str(tokenizer.apply_chat_template(messages, tokenize=False))
    before, mark, tail = text.rpartition(MARK)
    ids: list[int] = tokenizer(tail, add_special_tokens=False)["input_ids"]
    if not mark or MARK not in before or not ids or ids[0] not in tokenizer.all_special_ids:
        seen = f"After an answer, the chat template writes {tail[:20]!r}."
        raise MedVidBenchError(seen, "a special token that ends the turn, as <|im_end|>")
    return ids[0]


class ExampleMaker:
    """Makes examples of a benchmark's rows.

    Args:
        bench: where frames lie is read from here.
        prompter: renders questions for the model that is trained.
        data: frames, rate and pixels are the recipe's.
        frame_cache: folder of decoded frames that is shared with `medvidbench eval`; frames in it went through JPEG, so
            an evaluation sees the same pixels when it is given the same folder, or none in both places.

    Attributes:
        longest: tokens of prompt and answer that the model has positions for.
    """

    def __init__(
        self,
        bench: Benchmark,
        prompter: QwenPrompter,
        data: DataPart,
        frame_cache: Path | None = None,
        longest: int | None = None,
    ) -> None:
        settings = EvalSettings(
            frames=data.frames, fps=data.fps, min_pixels=data.min_pixels, max_pixels=data.max_pixels
        )
        settings.check()
        self.prompter, self.data, self.longest = prompter, data, longest
        self._asker = Asker(settings)
        self._shown = shown_in(bench, EvalOptions(settings=settings, frame_cache=frame_cache))
        self._end = end_token(prompter.tokenizer)
        added = prompter.tokenizer.added_tokens_decoder.items()
        self._special = {self._end, *prompter.vision_ids, *(number for number, token in added if token.special)}

    def job(self, sample: Sample) -> ClipJob:
        """How the row's frames are got, in whatever process.

        Raises:
            MedVidBenchError: they are nowhere.
        """
        shrink = TensorBudget(self.prompter.settings)
        return clip_job(
            question_only(sample), self._shown.place(sample), self._shown.store, self._asker.settings, shrink
        )

    def prompt(self, sample: Sample, frames: FrameSet) -> QwenPrompt:
        """The question as the model gets it. Its `question.frames` is None: the patches hold them.

        Raises:
            MedVidBenchError: there are no frames, or the question can't be rendered.
        """
        if not len(frames):
            raise MedVidBenchError(f"The clip {sample.clip_id} shows no frame.")
        prompt = self.prompter.prepare(self._asker.question(question_only(sample), frames))
        return replace(prompt, question=replace(prompt.question, frames=None))

    def example(self, sample: Sample, prompt: QwenPrompt) -> Example:
        """The prompt with its reference answer.

        Raises:
            MedVidBenchError: the answer holds a special token, or prompt and answer are too long.
        """
        answer = self.answer_ids(sample)
        most = self.longest or prompt.length + len(answer)
        if prompt.length > self.data.max_prompt_tokens or prompt.length + len(answer) > most:
            seen = f"A prompt of {prompt.length} tokens and an answer of {len(answer)}."
            raise MedVidBenchError(seen, f"prompts up to {self.data.max_prompt_tokens}, {most} in all")
        return Example(sample, prompt, answer)

    def answer_ids(self, sample: Sample) -> Tensor:
        """(T,) int64: the reference answer and the end token.

        Raises:
            MedVidBenchError: the answer holds a special token.
        """
        tokenizer = self.prompter.tokenizer
        ids: list[int] = tokenizer(sample.answer, add_special_tokens=False)["input_ids"]
        if self._special.intersection(ids):
            raise MedVidBenchError(f"The answer of {sample.sample_id} holds a special token.", "plain text")
        return torch.tensor([*ids, self._end])
