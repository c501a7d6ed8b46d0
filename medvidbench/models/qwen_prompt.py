"""A question with frames, rendered to the tensors that Qwen2.5-VL takes, and the times read back from those tensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.frame_runs import Run, split_runs
from medvidbench.models.qwen_positions import GridRule, check_tokens, rope_positions, tokens_of, video_rows
from medvidbench.models.qwen_video import VideoSettings, frame_size, resize_frames, to_patches
from medvidbench.models.time_contract import GRID, GRID_AND_TEXT, Announced, VideoQuestion
from medvidbench.models.torch_env import torch_module

if TYPE_CHECKING:
    from torch import Tensor

    from medvidbench.video.frames import FrameSet

VIDEO = "<|video_pad|>"
VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", VIDEO)
"""Placeholders that neither a question nor an answer may hold."""
STAMP = re.compile(r"<(\d+(?:\.\d+)?) seconds>\s*$")


@dataclass(frozen=True, eq=False)
class QwenPrompt:
    """What the model is given for one question.

    Attributes:
        text: the rendered prompt, one `<|video_pad|>` a video.
        input_ids: (L,) with one placeholder a video token.
        position_ids: (3, L), see `medvidbench.models.qwen_positions`.
        pixel_values_videos: (patches, 1176) float32 of all videos, or None for a question without frames.
        video_grid_thw: (videos, 3).
        second_per_grid_ts: (videos,) seconds of one temporal patch.
        frame_counts: frames in each video, a repeated last one not counted.
    """

    question: VideoQuestion
    text: str
    input_ids: Tensor
    position_ids: Tensor
    pixel_values_videos: Tensor | None
    video_grid_thw: Tensor
    second_per_grid_ts: Tensor
    frame_counts: tuple[int, ...]

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return len(self.input_ids)


class QwenPrompter:
    """Renders questions for one checkpoint.

    Args:
        tokenizer: the checkpoint's, with its chat template.
        rule: its time axis.
        settings: what it is shown.
    """

    def __init__(self, tokenizer: Any, rule: GridRule, settings: VideoSettings) -> None:
        self.tokenizer, self.rule, self.settings = tokenizer, rule, settings

    @cached_property
    def vision_ids(self) -> tuple[int, ...]:
        """Ids of the vision placeholders that this tokenizer knows: never to be sampled."""
        vocabulary = self.tokenizer.get_vocab()
        return tuple(vocabulary[name] for name in VISION_TOKENS if name in vocabulary)

    def prepare(self, question: VideoQuestion) -> QwenPrompt:
        """The tensors for one question.

        Raises:
            MedVidBenchError: the question holds a vision placeholder, or a frame is too flat.
        """
        torch = torch_module()
        frames = question.frames if question.frames is not None and len(question.frames) else None
        runs = self.runs(frames, question.fps)
        patches, grids = self._patches(frames, runs)
        text = self.render(question, runs)
        ids = self.tokens(text, grids)
        seconds = [run.step * self.settings.temporal_patch for run in runs]
        return QwenPrompt(
            question,
            text,
            torch.tensor(ids),
            rope_positions(ids, grids, seconds, self.rule),
            torch.cat(patches) if patches else None,
            torch.tensor(grids, dtype=torch.int64).reshape(-1, 3),
            torch.tensor(seconds, dtype=torch.float64),
            tuple(run.count for run in runs),
        )

    def runs(self, frames: FrameSet | None, fps: float | None) -> tuple[Run, ...]:
        """The videos that the frames go in as."""
        if frames is None:
            return ()
        times = frames.t_seconds.tolist()
        return split_runs(times, fps=fps, channel=self.settings.channel, finest=self.rule.finest)

    def _patches(self, frames: FrameSet | None, runs: Sequence[Run]) -> tuple[list[Tensor], list[tuple[int, int, int]]]:
        if frames is None:
            return [], []
        count, rows, columns, _ = frames.frames.shape
        height, width = frame_size(count, rows, columns, self.settings)
        pixels = resize_frames(frames.frames, height, width)
        made = [to_patches(pixels[run.first : run.first + run.count], self.settings) for run in runs]
        return [patches for patches, _ in made], [grid for _, grid in made]

    def render(self, question: VideoQuestion, runs: Sequence[Run]) -> str:
        """The chat template's text: (time text and) video for each run, then the question."""
        said = question.system + question.text
        held = [name for name in VISION_TOKENS if name in said]
        if held:
            raise MedVidBenchError(f"The question {question.sample_id} holds {held[0]}.", "plain text")
        content: list[dict[str, str]] = []
        for run in runs:
            content += [{"type": "text", "text": run.stamp}] if run.stamp else []
            content.append({"type": "video"})
        content.append({"type": "text", "text": question.text})
        system = [{"role": "system", "content": [{"type": "text", "text": question.system}]}]
        messages = (system if question.system else []) + [{"role": "user", "content": content}]
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def tokens(self, text: str, grids: Sequence[Sequence[int]]) -> list[int]:
        """The prompt's ids with every placeholder repeated as often as its video has tokens."""
        pieces = text.split(VIDEO)
        if len(pieces) != len(grids) + 1:
            seen = f"The chat template wrote {len(pieces) - 1} videos for {len(grids)}."
            raise MedVidBenchError(seen, remedy="use the chat template of a Qwen2.5-VL checkpoint")
        expanded = pieces[0]
        for grid, piece in zip(grids, pieces[1:], strict=True):
            expanded += VIDEO * tokens_of(grid, self.rule.merge) + piece
        ids: list[int] = self.tokenizer(expanded, add_special_tokens=False)["input_ids"]
        check_tokens(ids, grids, self.rule)
        return ids

    def describe_times(self, prompt: QwenPrompt) -> list[Announced]:
        """The times as the tensors hold them: temporal patch k of a video is announced at
        `base + k * second_per_grid`, where `base` is the time text before the video, or 0 without one.

        Raises:
            MedVidBenchError: the rotary positions, which are what the model feels, say something else than
                second_per_grid_ts by a position or more.
        """
        ids = prompt.input_ids.tolist()
        units: list[Announced] = []
        frame, before = 0, 0
        for video, (place, length) in enumerate(video_rows(ids, self.rule.video_token)):
            stamp = STAMP.search(self.tokenizer.decode(ids[before : place - 1]))
            base, seconds = float(stamp.group(1)) if stamp else 0.0, float(prompt.second_per_grid_ts[video])
            self._compare_positions(prompt, video, place, seconds)
            last = frame + prompt.frame_counts[video]
            for k in range(int(prompt.video_grid_thw[video, 0])):
                members = tuple(range(frame, min(frame + self.settings.temporal_patch, last)))
                start = base + k * seconds
                units.append(Announced(start, start + seconds * len(members) / self.settings.temporal_patch, members))
                frame += len(members)
            before = place + length
        return units

    def _compare_positions(self, prompt: QwenPrompt, video: int, place: int, seconds: float) -> None:
        t, h, w = prompt.video_grid_thw[video].tolist()
        area = (h // self.rule.merge) * (w // self.rule.merge)
        times = prompt.position_ids[0, place : place + t * area : area].double()
        felt = (times - float(prompt.position_ids[0, place - 1]) - 1) / self.rule.tokens_per_second
        told = torch_module().arange(t).double() * seconds
        worst = float((felt - told).abs().max())
        if worst >= self.rule.finest - 1e-9:
            seen = f"Positions of the prompt's video {video} are {worst:.2f} s off what second_per_grid_ts says."
            raise MedVidBenchError(seen, f"less than one position, {self.rule.finest:.2f} s")

    def channel(self, prompt: QwenPrompt) -> str:
        """How times reach the model in this prompt."""
        ids = prompt.input_ids.tolist()
        rows = video_rows(ids, self.rule.video_token)
        stamped = any(STAMP.search(self.tokenizer.decode(ids[max(0, place - 24) : place - 1])) for place, _ in rows)
        return GRID_AND_TEXT if stamped else GRID


def load_chat_template(tokenizer: Any, folder: str | Path) -> None:
    """Give the tokenizer the chat template that lies beside it in a file, where it has none of its own.

    Raises:
        MedVidBenchError: the checkpoint has no chat template.
    """
    import json

    if getattr(tokenizer, "chat_template", None):
        return
    path = Path(folder)
    if (path / "chat_template.jinja").is_file():
        tokenizer.chat_template = (path / "chat_template.jinja").read_text(encoding="utf-8")
    elif (path / "chat_template.json").is_file():
        tokenizer.chat_template = json.loads((path / "chat_template.json").read_text(encoding="utf-8"))["chat_template"]
    else:
        remedy = "use an instruction-tuned checkpoint, or add its chat_template.jinja"
        raise MedVidBenchError(f"The checkpoint {folder} has no chat template.", remedy=remedy)
