"""Prepared prompts on disk: a clip is decoded, resized and cut into patches once, not once an epoch, arm or method.

    folder/ab/abcd....safetensors      levels, grids, seconds, ids, positions; the prompt's text in the metadata

Pixels are kept as the 256 levels that they were before normalisation, a quarter of float32, and normalised again on the
way out by the same arithmetic: exact to the last bit, which is checked when a prompt is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from medvidbench.evaluation.clip_cache import clip_key
from medvidbench.evaluation.clips import ClipJob
from medvidbench.models.qwen_prompt import QwenPrompt, QwenPrompter
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.time_contract import VideoQuestion
from medvidbench.records import Sample

CODE_VERSION = 1
"""Part of every key: raised when the same frames would be rendered to other tensors."""


class PreparedPrompts:
    """A folder of prompts.

    Args:
        folder: shared by runs, processes and models; None keeps nothing.
        prompter: its tokenizer, time axis and pixel settings are part of every key.
    """

    def __init__(self, folder: Path | None, prompter: QwenPrompter) -> None:
        self.folder, self.settings = folder, prompter.settings
        said = [CODE_VERSION, tokenizer_digest(prompter.tokenizer), repr(prompter.rule), prompter.settings.record()]
        self._said = json.dumps(said, sort_keys=True)

    def key(self, sample: Sample, job: ClipJob) -> str:
        """64 hex digits over all that decides the prompt: the row, its frames' names, sizes and times of change, the
        settings, the tokenizer and the version of this code.

        Raises:
            OSError: a file of the clip is missing.
        """
        # frames from a store went through JPEG: others than those decoded now
        parts = [self._said, sample.sample_id, sample.question, sample.fps, clip_key(job), bool(job.store)]
        return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def has(self, key: str) -> bool:
        """Whether a prompt is kept under the key."""
        return self.folder is not None and self._file(key).is_file()

    def load(self, key: str) -> QwenPrompt | None:
        """The prompt; None where it isn't kept or its file is damaged (then it is made again)."""
        if not self.has(key):
            return None
        try:
            with safe_open(self._file(key), framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
                return _prompt(tensors, json.loads(file.metadata()["prompt"]), self.settings)
        except (SafetensorError, OSError, KeyError, ValueError):
            return None

    def save(self, key: str, prompt: QwenPrompt) -> None:
        """Keeps a prompt; two processes that keep the same one write the same bytes.

        Raises:
            OSError: it can't be written.
        """
        if self.folder is None or prompt.pixel_values_videos is None:
            return
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        os.close(handle)
        try:
            save_file(_tensors(prompt, self.settings), name, {"prompt": json.dumps(_words(prompt))})
            Path(name).replace(file)
        finally:
            Path(name).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return (self.folder or Path()) / key[:2] / f"{key}.safetensors"


def _tensors(prompt: QwenPrompt, settings: VideoSettings) -> dict[str, Tensor]:
    assert prompt.pixel_values_videos is not None
    levels = to_levels(prompt.pixel_values_videos, settings)
    pixels = {"patches": prompt.pixel_values_videos} if levels is None else {"levels": levels}
    return {
        **pixels,
        "input_ids": prompt.input_ids.to(torch.int32),
        "position_ids": prompt.position_ids.to(torch.int32).contiguous(),
        "video_grid_thw": prompt.video_grid_thw,
        "second_per_grid_ts": prompt.second_per_grid_ts,
        "frame_counts": torch.tensor(prompt.frame_counts, dtype=torch.int64),
    }


def _words(prompt: QwenPrompt) -> dict[str, Any]:
    asked = prompt.question
    question = [asked.sample_id, asked.text, asked.system, asked.fps, asked.max_new_tokens, asked.temperature]
    return {"text": prompt.text, "question": question}


def _prompt(tensors: dict[str, Tensor], words: dict[str, Any], settings: VideoSettings) -> QwenPrompt:
    sample_id, text, system, fps, most, temperature = words["question"]
    levels = tensors.get("levels")
    return QwenPrompt(
        VideoQuestion(sample_id, text, None, system, fps, most, temperature),
        words["text"],
        tensors["input_ids"].long(),
        tensors["position_ids"].long(),
        tensors["patches"] if levels is None else from_levels(levels, settings),
        tensors["video_grid_thw"],
        tensors["second_per_grid_ts"],
        tuple(tensors["frame_counts"].tolist()),
    )


def to_levels(patches: Tensor, settings: VideoSettings) -> Tensor | None:
    """(N, 3 * k) normalised float32 patches as (N, 3 * k) uint8 levels; None where `from_levels` wouldn't give the
    same bits."""
    mean, std = _normalisation(settings)
    shaped = patches.view(len(patches), 3, -1)
    levels = (shaped * std).add_(mean).round_().clamp_(0, 255).to(torch.uint8).view_as(patches)
    return levels if torch.equal(from_levels(levels, settings), patches) else None


def from_levels(levels: Tensor, settings: VideoSettings) -> Tensor:
    """`(level - 255 mean) / (255 std)`, the colour being the slowest axis of a patch: the order of operations is that
    of `qwen_video.to_patches`, so the bits are too."""
    mean, std = _normalisation(settings)
    return levels.view(len(levels), 3, -1).float().sub_(mean).div_(std).view(levels.shape)


def _normalisation(settings: VideoSettings) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(values).view(1, 3, 1) * 255 for values in (settings.mean, settings.std))
    return mean, std


def tokenizer_digest(tokenizer: Any) -> str:
    """SHA-256 over the tokenizer's rules and its chat template."""
    total = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode("utf-8", "surrogatepass"))
    total.update(str(tokenizer.chat_template).encode("utf-8", "surrogatepass"))
    return total.hexdigest()
