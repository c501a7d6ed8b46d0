"""A prompt's tensors as a request to vLLM: its pixels as frames, its time axis as video metadata."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.errors import MedVidBenchError
from medvidbench.models.frame_runs import Run
from medvidbench.models.qwen_positions import GridRule, time_index
from medvidbench.models.qwen_prompt import QwenPrompt
from medvidbench.models.qwen_video import VideoSettings
from medvidbench.models.vllm_local import NUDGE, metadata
from medvidbench.training.prepared import to_levels

if TYPE_CHECKING:
    from torch import Tensor


def request_of(prompt: QwenPrompt, settings: VideoSettings, rule: GridRule) -> dict[str, Any]:
    """What vLLM's `LLM.generate` takes for the prompt.

    Raises:
        MedVidBenchError: the pixels are no levels, or vLLM would place a frame elsewhere in time than the prompt does.
    """
    request: dict[str, Any] = {"prompt": prompt.text}
    if prompt.pixel_values_videos is None:
        return request
    refuse_moved_frames(prompt, rule)
    videos = []
    for frames, seconds in zip(frames_of(prompt, settings), prompt.second_per_grid_ts.tolist(), strict=True):
        videos.append((frames, metadata(Run(0, len(frames), 0.0, seconds / settings.temporal_patch))))
    request["multi_modal_data"] = {"video": videos}
    request["mm_processor_kwargs"] = {"do_resize": False, "do_sample_frames": False}
    return request


def frames_of(prompt: QwenPrompt, settings: VideoSettings) -> list[NDArray[np.uint8]]:
    """(N, H, W, 3) levels of each of the prompt's videos: `to_patches` read backwards, a repeated last frame left out.

    Raises:
        MedVidBenchError: the pixels are not the 256 levels of a picture.
    """
    levels = levels_of(prompt, settings)
    grids = prompt.video_grid_thw.tolist()
    ends = np.cumsum([0, *(t * h * w for t, h, w in grids)]).tolist()
    parts = [levels[first:last] for first, last in pairwise(ends)]
    return [_frames(*row, settings) for row in zip(parts, grids, prompt.frame_counts, strict=True)]


def levels_of(prompt: QwenPrompt, settings: VideoSettings) -> Tensor:
    """The patches of a prompt with video before they were normalised, uint8.

    Raises:
        MedVidBenchError: they are not the 256 levels of a picture.
    """
    assert prompt.pixel_values_videos is not None
    levels = to_levels(prompt.pixel_values_videos, settings)
    if levels is None:
        raise MedVidBenchError(f"The pixels of {prompt.question.sample_id} are no levels of 0 to 255.")
    return levels


def _frames(levels: Tensor, grid: list[int], count: int, settings: VideoSettings) -> NDArray[np.uint8]:
    s, (t, h, w) = settings, grid
    cells = levels.reshape(t, h // s.merge, w // s.merge, s.merge, s.merge, 3, s.temporal_patch, s.patch, s.patch)
    # to time, frame of the pair, then rows (cell, patch, pixel), columns (cell, patch, pixel), colour
    pixels = cells.permute(0, 6, 1, 3, 7, 2, 4, 8, 5).reshape(t * s.temporal_patch, h * s.patch, w * s.patch, 3)
    return np.ascontiguousarray(pixels[:count].numpy())


def refuse_moved_frames(prompt: QwenPrompt, rule: GridRule) -> None:
    """Whether vLLM, told the prompt's times made larger by `NUDGE`, places every frame where the prompt does.

    Raises:
        MedVidBenchError: it doesn't.
    """
    for patches, seconds in zip(prompt.video_grid_thw[:, 0].tolist(), prompt.second_per_grid_ts.tolist(), strict=True):
        refuse_other_positions(patches, seconds, seconds * (1 + NUDGE), rule)


def refuse_other_positions(patches: int, seconds: float, told: float, rule: GridRule) -> None:
    """Whether vLLM, told `told` seconds a temporal patch, places every patch where the prompt's positions do.

    vLLM computes `int(k * told * tokens_per_second)`, with `told` in single precision; in double precision the result
    must be the same, so that it doesn't hang on the last bit.

    Raises:
        MedVidBenchError: it doesn't.
    """
    ours = [time_index(k, seconds, rule) for k in range(patches)]
    for value in (told, float(np.float32(told))):
        factor = value * rule.tokens_per_second
        if [int(k * factor) for k in range(patches)] != ours:
            seen = (
                f"A video of {patches} temporal patches of {seconds:.6g} s, which vLLM would round to other positions."
            )
            raise MedVidBenchError(seen, remedy="use the trainer's own rollouts, or another rate")
