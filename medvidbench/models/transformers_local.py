"""`hf:PATH`: vision-language models run in this process by transformers.

Qwen2.5-VL goes through this project's own preprocessing and positions (`qwen_local`), every other model through its own
processor with its times as text (`generic_local`). Both answer alike: a question that can't be rendered or doesn't fit
into memory becomes a reply with an error and never stops the others.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.base import VideoModel
from medvidbench.models.checkpoints import Checkpoint, Source, read_config
from medvidbench.models.greedy import Decoded
from medvidbench.models.messages import Reply
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.shrinking import TensorBudget
from medvidbench.models.time_contract import Announced, VideoQuestion
from medvidbench.models.torch_env import OutOfMemoryError, memory_errors

ADAPTER_VERSION = 1
"""Part of every reply's key: raised when the same question would be rendered to other tensors."""
WINDOW = 8
"""Batches that are prepared together, so that prompts of like length find each other."""


class LocalVideoModel(VideoModel):
    """A loaded model that answers questions on frames.

    Args:
        batch_size: prompts that are answered side by side, at most. 1 makes an answer independent of its neighbours
            to the last bit; larger batches may turn a near tie the other way, as sums are then taken in another order.
        batch_tokens: prompt tokens of a batch with its padding, at most; a longer prompt goes alone.
    """

    def __init__(
        self, checkpoint: Checkpoint, settings: VideoSettings, batch_size: int = 1, batch_tokens: int = 65_536
    ) -> None:
        if batch_size < 1:
            raise MedVidBenchError(f"Batches of {batch_size} questions.", "1 or more")
        self.name = f"hf:{checkpoint.source.path}"
        self.checkpoint, self.settings = checkpoint, settings
        self.batch_size, self.batch_tokens = batch_size, batch_tokens

    @abstractmethod
    def prepare(self, question: VideoQuestion) -> Any:
        """The tensors of one question, with `length` (tokens), `text` and `question`. Runs on the CPU, needs no
        weights, and may be called from another thread while the model answers.

        Raises:
            MedVidBenchError: it can't be rendered.
        """

    @abstractmethod
    def describe_times(self, prepared: Any) -> list[Announced]:
        """The times that the model is told, read back from the tensors."""

    @abstractmethod
    def channel(self, prepared: Any) -> str:
        """How times reach the model."""

    @abstractmethod
    def _decode(self, prepared: Sequence[Any]) -> list[Decoded]:
        """The answers' tokens of one batch."""

    @property
    def shrink(self) -> TensorBudget:
        """The model's own resizing, for the process that decodes."""
        return TensorBudget(self.settings)

    def check_length(self, length: int, question: VideoQuestion) -> None:
        """Refuse a prompt that the model has no positions for: it would answer, and badly.

        Raises:
            MedVidBenchError: prompt and answer are longer than the configuration's `max_position_embeddings`.
        """
        config = self.checkpoint.config
        text = config.get_text_config() if hasattr(config, "get_text_config") else config
        most = getattr(text, "max_position_embeddings", None)
        if most is not None and length + question.max_new_tokens > most:
            seen = f"A prompt of {length} tokens and an answer of up to {question.max_new_tokens}."
            raise MedVidBenchError(seen, f"{most} in all", "fewer frames, or a smaller max_pixels or total_pixels")

    def record(self) -> dict[str, Any]:
        """Everything that decides an answer, as it is written into results and into every reply's key."""
        return {
            "adapter": type(self).__name__,
            "adapter_version": ADAPTER_VERSION,
            **self.checkpoint.record(),
            "settings": self.settings.record(),
            "decoding": "greedy at temperature 0, no repetition penalty, vision tokens suppressed",
        }

    @cached_property
    def _recorded(self) -> dict[str, Any]:
        return self.record()

    def answer_videos(self, questions: Iterable[VideoQuestion]) -> Iterator[Reply]:
        """One reply for each question, in order; prompts of like length share a batch within a window of questions."""
        source = iter(questions)
        while window := list(islice(source, self.batch_size * WINDOW if self.batch_size > 1 else 1)):
            yield from self._answer_window(window)

    def _answer_window(self, questions: Sequence[VideoQuestion]) -> list[Reply]:
        replies: dict[int, Reply] = {}
        prepared: dict[int, Any] = {}
        for place, question in enumerate(questions):
            try:
                prepared[place] = self.prepare(question)
            except MedVidBenchError as error:
                replies[place] = Reply(question.sample_id, "", None, f"not rendered: {error}")
        replies |= dict(zip(prepared, self.answer_prepared(list(prepared.values())), strict=True))
        return [replies[place] for place in range(len(questions))]

    def answer_prepared(self, prepared: Sequence[Any]) -> list[Reply]:
        """One reply for each prepared question, in order."""
        replies: dict[int, Reply] = {}
        groups: dict[float, list[int]] = {}
        for place, item in enumerate(prepared):
            groups.setdefault(item.question.temperature, []).append(place)
        for places in groups.values():
            lengths = [prepared[place].length for place in places]
            for batch in plan_batches(lengths, self.batch_size, self.batch_tokens):
                chosen = [places[index] for index in batch]
                replies |= dict(zip(chosen, self._answer_batch([prepared[p] for p in chosen]), strict=True))
        return [replies[place] for place in range(len(prepared))]

    def _answer_batch(self, prepared: Sequence[Any]) -> list[Reply]:
        """Replies of one batch, halved as long as it doesn't fit into memory."""
        try:
            with memory_errors(
                f"answering {len(prepared)} questions of up to {max(p.length for p in prepared)} tokens"
            ):
                decoded = self._decode(prepared)
        except OutOfMemoryError as error:
            if len(prepared) == 1:
                return [Reply(prepared[0].question.sample_id, self.key(prepared[0]), None, str(error))]
            half = len(prepared) // 2
            return self._answer_batch(prepared[:half]) + self._answer_batch(prepared[half:])
        return [self._reply(item, answer) for item, answer in zip(prepared, decoded, strict=True)]

    def _reply(self, item: Any, answer: Decoded) -> Reply:
        return Reply(
            tag=item.question.sample_id,
            key=self.key(item),
            text=self.checkpoint.tokenizer.decode(answer.tokens, skip_special_tokens=True).strip(),
            model_version=self.checkpoint.revision,
            finish_reason=answer.finish,
            input_tokens=item.length,
            output_tokens=len(answer.tokens),
            attempts=1,
        )

    def key(self, item: Any) -> str:
        """SHA-256 over the model's record, the rendered prompt, the frames' digest and the sampling parameters."""
        question: VideoQuestion = item.question
        frames = question.frames.digest if question.frames is not None else ""
        sampling = [question.max_new_tokens, question.temperature, question.fps]
        text = json.dumps([self._recorded, item.text, frames, sampling], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plan_batches(lengths: Sequence[int], batch_size: int, batch_tokens: int) -> list[list[int]]:
    """Places of `lengths` in batches: longest first, so that a batch that is too large fails at the start.

    >>> plan_batches([5, 900, 6, 910], batch_size=2, batch_tokens=10_000)
    [[3, 1], [2, 0]]
    """
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda p: (-lengths[p], p)):
        last = batches[-1] if batches else []
        # a batch's first prompt is its longest: all others are padded to it
        if last and len(last) < batch_size and lengths[last[0]] * (len(last) + 1) <= batch_tokens:
            last.append(place)
        else:
            batches.append([place])
    return batches


def load_local(
    path: str,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    attention: str = "sdpa",
    settings: VideoSettings | None = None,
    batch_size: int = 1,
    batch_tokens: int = 65_536,
) -> LocalVideoModel:
    """The model at `path` (a folder or a name on the hub), ready to answer.

    Raises:
        MedVidBenchError: missing packages, device or checkpoint, too little memory, or a kind of model that needs
            code of its own.
    """
    source = Source(path, revision, device, dtype, attention)
    chosen = settings or VideoSettings()
    if read_config(source).model_type == "qwen2_5_vl":
        from medvidbench.models.qwen_local import QwenLocal

        return QwenLocal.load(source, chosen, batch_size, batch_tokens)
    from medvidbench.models.generic_local import GenericLocal

    return GenericLocal.load(source, chosen, batch_size, batch_tokens)
