"""Qwen2.5-VL with this project's own preprocessing, positions and decoding loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.models.checkpoints import Checkpoint, Source, load, read_json
from medvidbench.models.frame_runs import Channel
from medvidbench.models.greedy import Decoded, collate, decode
from medvidbench.models.qwen_positions import GridRule
from medvidbench.models.qwen_prompt import QwenPrompt, QwenPrompter, load_chat_template
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.time_contract import Announced, VideoQuestion
from medvidbench.models.transformers_local import LocalVideoModel


class QwenLocal(LocalVideoModel):
    """A loaded Qwen2.5-VL. Times reach it as `second_per_grid_ts`; see `medvidbench.models.frame_runs` for frames that
    no constant step describes."""

    def __init__(
        self, checkpoint: Checkpoint, settings: VideoSettings, batch_size: int = 1, batch_tokens: int = 65_536
    ) -> None:
        super().__init__(checkpoint, settings, batch_size, batch_tokens)
        self.prompter = QwenPrompter(checkpoint.tokenizer, grid_rule(checkpoint.config), settings)

    @classmethod
    def load(
        cls, source: Source, settings: VideoSettings, batch_size: int = 1, batch_tokens: int = 65_536
    ) -> QwenLocal:
        """The model at `source`; patch sizes and normalisation are the checkpoint's own.

        Raises:
            MedVidBenchError: as `checkpoints.load`, or it has no chat template.
        """
        checkpoint = load(source)
        load_chat_template(checkpoint.tokenizer, source.path)
        return cls(checkpoint, checkpoint_settings(source, checkpoint.config, settings), batch_size, batch_tokens)

    def prepare(self, question: VideoQuestion) -> QwenPrompt:
        """See `LocalVideoModel.prepare`."""
        prompt = self.prompter.prepare(question)
        self.check_length(prompt.length, question)
        return prompt

    def describe_times(self, prepared: QwenPrompt) -> list[Announced]:
        """See `QwenPrompter.describe_times`."""
        return self.prompter.describe_times(prepared)

    def channel(self, prepared: QwenPrompt) -> str:
        """See `QwenPrompter.channel`."""
        return self.prompter.channel(prepared)

    def _decode(self, prepared: Sequence[QwenPrompt]) -> list[Decoded]:
        tokenizer, model = self.checkpoint.tokenizer, self.checkpoint.model
        stop = stop_ids(model, tokenizer)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(stop)
        return decode(
            model,
            collate(prepared, pad, self.checkpoint.device),
            limits=[prompt.question.max_new_tokens for prompt in prepared],
            stop=stop,
            suppressed=self.prompter.vision_ids,
            temperature=prepared[0].question.temperature,
            seeds=[int(self.key(prompt)[:15], 16) for prompt in prepared],
        )


def grid_rule(config: Any) -> GridRule:
    """The time axis that a Qwen2.5-VL configuration describes."""
    vision = config.vision_config
    return GridRule(config.video_token_id, float(vision.tokens_per_second), int(vision.spatial_merge_size))


def checkpoint_settings(source: Source, config: Any, settings: VideoSettings) -> VideoSettings:
    """`settings` with the checkpoint's patch sizes and normalisation in place of the usual ones, and with its
    `time_channel` (an entry of preprocessor_config.json that a model trained on time text has) where none is asked for.

    Raises:
        MedVidBenchError: the checkpoint names no three colours, or a channel that there isn't.
    """
    vision = config.vision_config
    said = read_json(source, "preprocessor_config.json") or read_json(source, "processor_config.json")
    said = said.get("image_processor", said)
    channel = said.get("time_channel", "auto")
    if channel not in get_args(Channel):
        raise MedVidBenchError(f"The checkpoint's time_channel is {channel!r}.", ", ".join(get_args(Channel)))
    found = replace(
        settings,
        channel=channel if settings.channel == "auto" else settings.channel,
        patch=int(vision.patch_size),
        merge=int(vision.spatial_merge_size),
        temporal_patch=int(vision.temporal_patch_size),
        mean=tuple(said.get("image_mean", settings.mean)),
        std=tuple(said.get("image_std", settings.std)),
    )
    if len(found.mean) != 3 or len(found.std) != 3:
        raise MedVidBenchError(f"The checkpoint normalises by {found.mean} and {found.std}.", "three colours each")
    return found


def stop_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Ids that end an answer: the generation configuration's and the tokenizer's.

    Raises:
        MedVidBenchError: the checkpoint names none.
    """
    said = model.generation_config.eos_token_id
    listed = said if isinstance(said, list) else [said]
    found = frozenset(int(token) for token in [*listed, tokenizer.eos_token_id] if token is not None)
    if not found:
        raise MedVidBenchError("The checkpoint names no token that ends an answer.", "eos_token_id")
    return found
