"""Any vision-language model that transformers knows, through its own processor: frames as pictures with the text of
their times between them, or as one video where the processor writes the times itself from full metadata."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.checkpoints import Checkpoint, Source, load
from medvidbench.models.frame_runs import group_frames, stamp_texts
from medvidbench.models.generic_processor import load_processor, takes_timed_video
from medvidbench.models.greedy import Decoded
from medvidbench.models.qwen_local import stop_ids
from medvidbench.models.qwen_positions import video_rows
from medvidbench.models.qwen_prompt import VISION_TOKENS
from medvidbench.models.qwen_video import VideoSettings, frame_size, resize_frames
from medvidbench.models.time_contract import PROCESSOR_TEXT, TEXT, Announced, VideoQuestion
from medvidbench.models.torch_env import torch_module, transformers_module
from medvidbench.models.transformers_local import LocalVideoModel

if TYPE_CHECKING:
    from torch import Tensor

    from medvidbench.video.frames import FrameSet

STAMP = re.compile(r"<(\d+(?:\.\d+)?) seconds>")
MILLISECONDS = 1000
"""Frames a second in the metadata: any time is then a whole frame number, so that no step need be constant."""
PAD_WITH = {"input_ids": None, "attention_mask": 0, "mm_token_type_ids": 0, "token_type_ids": 0}


@dataclass(frozen=True, eq=False)
class GenericPrompt:
    """What the model is given for one question.

    Attributes:
        text: the rendered prompt before pictures took the place of their tokens.
        inputs: the processor's tensors, a batch of one.
        as_video: whether the frames went in as one video.
        units: the frames of each picture, or of each pair of a video, by their positions.
    """

    question: VideoQuestion
    text: str
    inputs: dict[str, Tensor]
    as_video: bool
    units: tuple[tuple[int, ...], ...]

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return int(self.inputs["input_ids"].shape[1])


class GenericLocal(LocalVideoModel):
    """A loaded model of any kind with its processor."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        processor: Any,
        settings: VideoSettings,
        batch_size: int = 1,
        batch_tokens: int = 65_536,
    ) -> None:
        as_video = takes_timed_video(processor)
        super().__init__(checkpoint, processor_settings(processor, settings, as_video), batch_size, batch_tokens)
        self.processor, self.as_video = processor, as_video
        self._stop = sorted(stop_ids(checkpoint.model, checkpoint.tokenizer))
        pad = checkpoint.tokenizer.pad_token_id
        self._pad = pad if pad is not None else self._stop[0]
        # what a call to `generate` leaves unsaid is taken from here: released checkpoints say do_sample=True and a
        # repetition penalty of 1.05, even to a call that hands over a configuration of its own
        checkpoint.model.generation_config = transformers_module().GenerationConfig(
            eos_token_id=self._stop, pad_token_id=self._pad
        )

    @classmethod
    def load(
        cls, source: Source, settings: VideoSettings, batch_size: int = 1, batch_tokens: int = 65_536
    ) -> GenericLocal:
        """The model at `source`.

        Raises:
            MedVidBenchError: as `checkpoints.load` and `load_processor`.
        """
        processor = load_processor(source)
        return cls(load(source), processor, settings, batch_size, batch_tokens)

    def prepare(self, question: VideoQuestion) -> GenericPrompt:
        """See `LocalVideoModel.prepare`."""
        frames = question.frames if question.frames is not None and len(question.frames) else None
        as_video = self.as_video and frames is not None
        text = self._render(question, frames, as_video)
        units = self._units(frames, question.fps)
        media = self._media(frames, units, as_video) if frames is not None else {}
        made = self.processor(text=[text], return_tensors="pt", **media)
        torch = torch_module()
        inputs = {name: value for name, value in made.items() if isinstance(value, torch.Tensor)}
        self.check_length(int(inputs["input_ids"].shape[1]), question)
        return GenericPrompt(question, text, inputs, as_video, units)

    def _units(self, frames: FrameSet | None, fps: float | None) -> tuple[tuple[int, ...], ...]:
        if frames is None:
            return ()
        return group_frames(frames.t_seconds.tolist(), self.settings.temporal_patch, fps)

    def _render(self, question: VideoQuestion, frames: FrameSet | None, as_video: bool) -> str:
        said = question.system + question.text
        held = [name for name in self._placeholders() if name in said]
        if held:
            raise MedVidBenchError(f"The question {question.sample_id} holds {held[0]}.", "plain text")
        content: list[dict[str, str]] = [{"type": "video"}] if as_video else []
        if frames is not None and not as_video:
            for stamp in stamp_texts(frames.t_seconds.tolist(), question.fps):
                content += [{"type": "text", "text": stamp}, {"type": "image"}]
        content.append({"type": "text", "text": question.text})
        system = [{"role": "system", "content": [{"type": "text", "text": question.system}]}]
        messages = (system if question.system else []) + [{"role": "user", "content": content}]
        return str(self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _placeholders(self) -> list[str]:
        own = [getattr(self.processor, name, None) for name in ("image_token", "video_token")]
        return [name for name in dict.fromkeys([*own, *VISION_TOKENS]) if name]

    def _media(self, frames: FrameSet, units: Sequence[tuple[int, ...]], as_video: bool) -> dict[str, Any]:
        """The frames within the settings' pixels, as the processor takes them."""
        from PIL import Image

        count, rows, columns, _ = frames.frames.shape
        height, width = frame_size(count, rows, columns, self.settings)
        pixels = resize_frames(frames.frames, height, width).byte()
        if as_video:
            pair = self.settings.temporal_patch
            shown = [place for unit in units for place in (*unit, *unit[-1:] * (pair - len(unit)))]
            return {"videos": [pixels[shown]], **_metadata([float(frames.t_seconds[place]) for place in shown])}
        pictures = [Image.fromarray(frame) for frame in pixels.permute(0, 2, 3, 1).numpy()]
        if self.settings.factor == 1:
            return {"images": pictures}
        bounds = {"shortest_edge": self.settings.min_pixels, "longest_edge": self.settings.max_pixels}
        return {"images": pictures, "images_kwargs": {"size": bounds}}

    def channel(self, prepared: GenericPrompt) -> str:
        """The processor's own text for a video, ours for pictures."""
        return PROCESSOR_TEXT if prepared.as_video else TEXT

    def describe_times(self, prepared: GenericPrompt) -> list[Announced]:
        """The time texts that stand in the prompt's tokens before pictures, or before pairs of frames of a video.

        A picture may take several rows of tokens (tiles): only a row after a time text starts a new one.
        """
        ids = prepared.inputs["input_ids"][0].tolist()
        moments: list[float] = []
        before = 0
        for place, length in video_rows(ids, self._token_id("video" if prepared.as_video else "image")):
            stamps = STAMP.findall(self.checkpoint.tokenizer.decode(ids[before:place]))
            moments += [float(stamps[-1])] if stamps else []
            before = place + length
        # more moments than units announce the same frames again, fewer leave frames out: both fail the comparison
        units = [*prepared.units, *prepared.units[:1] * (len(moments) - len(prepared.units))]
        return [Announced(moment, moment, unit) for moment, unit in zip(moments, units, strict=False)]

    def _token_id(self, kind: str) -> int:
        for owner in (self.processor, self.checkpoint.config):
            for name in (f"{kind}_token_id", f"{kind}_token_index"):
                if (found := getattr(owner, name, None)) is not None:
                    return int(found)
        raise MedVidBenchError(f"{self.name} doesn't say which token stands for a {kind}.")

    def _decode(self, prepared: Sequence[GenericPrompt]) -> list[Decoded]:
        if len(prepared) > 1 and not _same_shapes(prepared):
            return [answer for prompt in prepared for answer in self._decode([prompt])]
        torch, model = torch_module(), self.checkpoint.model
        joined = _pad_left(prepared, self._pad)
        inputs = {name: _cast(value, model.dtype).to(self.checkpoint.device) for name, value in joined.items()}
        limits = [prompt.question.max_new_tokens for prompt in prepared]
        torch.manual_seed(int(self.key(prepared[0])[:15], 16))
        with torch.inference_mode():
            out = model.generate(**inputs, **self._decoding(max(limits), prepared[0].question.temperature))
        rows = out[:, inputs["input_ids"].shape[1] :].tolist()
        return [_cut(row, limit, frozenset(self._stop)) for row, limit in zip(rows, limits, strict=True)]

    def _decoding(self, most: int, temperature: float) -> dict[str, Any]:
        known = self.checkpoint.tokenizer.get_vocab()
        never = [known[name] for name in self._placeholders() if name in known]
        drawn: dict[str, Any] = {"temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature > 0 else {}
        return {"max_new_tokens": most, "suppress_tokens": never or None, "do_sample": temperature > 0, **drawn}


def processor_settings(processor: Any, settings: VideoSettings, as_video: bool) -> VideoSettings:
    """`settings` as they hold for this processor: its patches and normalisation.

    Without merged patches its pictures have a size of their own, and only the upper bounds say what it is handed.
    """
    half = processor.image_processor
    merge = int(getattr(half, "merge_size", 0) or 0)
    return replace(
        settings,
        min_pixels=settings.min_pixels if merge else 1,
        patch=int(half.patch_size) if merge else 1,
        merge=merge or 1,
        temporal_patch=int(processor.video_processor.temporal_patch_size) if as_video else 1,
        mean=tuple(getattr(half, "image_mean", None) or settings.mean),
        std=tuple(getattr(half, "image_std", None) or settings.std),
    )


def _metadata(times: Sequence[float]) -> dict[str, Any]:
    """Full video metadata: without it, processors take given frames for 24 a second."""
    marks = [round(time * MILLISECONDS) for time in times]
    made = transformers_module().video_utils.VideoMetadata(
        total_num_frames=len(marks), fps=float(MILLISECONDS), frames_indices=marks
    )
    return {"video_metadata": [made], "do_sample_frames": False, "videos_kwargs": {"do_resize": False}}


def _cut(row: list[int], limit: int, stop: frozenset[int]) -> Decoded:
    for place, token in enumerate(row[:limit]):
        if token in stop:
            return Decoded(row[:place], "stop")
    return Decoded(row[:limit], "length")


def _same_shapes(prepared: Sequence[GenericPrompt]) -> bool:
    """Whether the pictures' tensors can be laid one after the other."""
    shapes = [{n: tuple(v.shape[1:]) for n, v in p.inputs.items() if n not in PAD_WITH} for p in prepared]
    return all(shape == shapes[0] for shape in shapes)


def _pad_left(prepared: Sequence[GenericPrompt], pad: int) -> dict[str, Tensor]:
    torch = torch_module()
    longest = max(prompt.length for prompt in prepared)
    joined = {}
    for name in prepared[0].inputs:
        values = [prompt.inputs[name] for prompt in prepared]
        if name in PAD_WITH:
            fill = pad if PAD_WITH[name] is None else PAD_WITH[name]
            values = [torch.nn.functional.pad(v, (longest - v.shape[1], 0), value=fill) for v in values]
        joined[name] = torch.cat(values)
    return joined


def _cast(value: Tensor, dtype: Any) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value
