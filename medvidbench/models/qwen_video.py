"""Frames to the patches that Qwen2.5-VL's vision tower takes, with torch alone.

Equal to qwen-vl-utils followed by transformers' `Qwen2VLVideoProcessor` (tests/models/test_qwen_video.py holds them
side by side), which need a torchvision that fits the installed torch to the letter. The comparison is with the path of
a video: for a list of pictures, qwen-vl-utils 0.0.14 takes the side of a token for that of a patch and makes both sides
multiples of 56 (480 x 854 becomes 112 x 224 instead of 140 x 252).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.frame_runs import Channel
from medvidbench.models.torch_env import torch_module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

CELL = 28 * 28
"""Pixels of one token: 2 x 2 patches of 14 x 14."""
MAX_RATIO = 200
CHUNK_BYTES = 8 << 20
"""Frames are resized in groups of about this size: the float copy of a long clip is never whole in memory, and memory
that fits into the caches is used again (2.2 ms a 480p frame on one core; 4.2 ms in groups of 64 MB)."""


@dataclass(frozen=True)
class VideoSettings:
    """All that decides what a model is shown. The defaults are the published setting (arXiv 2512.06581, its public
    inference code): 8 to 48 tokens of 28 x 28 pixels a frame, every frame of the clip; the bound on the whole video
    is qwen-vl-utils' own.

    Attributes:
        min_pixels, max_pixels: of one frame after resizing.
        total_pixels: of all frames together, halved by the pairing of frames; a frame gets at most
            `total_pixels / frames * 2`, but never less than 1.05 * min_pixels.
        patch: side of a patch, pixels.
        merge: patches merged into one token along each side.
        temporal_patch: frames in one patch; the last frame is repeated to fill it.
        mean, std: of the checkpoint's normalisation, for colours in [0, 1].
        channel: how times are announced, see `medvidbench.models.frame_runs`.
    """

    min_pixels: int = 8 * CELL
    max_pixels: int = 48 * CELL
    total_pixels: int = int(128_000 * CELL * 0.9)
    patch: int = 14
    merge: int = 2
    temporal_patch: int = 2
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    channel: Channel = "auto"

    def __post_init__(self) -> None:
        if not 0 < self.min_pixels <= self.max_pixels:
            seen = f"Frames of {self.min_pixels} to {self.max_pixels} pixels."
            raise MedVidBenchError(seen, "0 < min_pixels <= max_pixels")

    @property
    def factor(self) -> int:
        """Both sides of a resized frame are multiples of this."""
        return self.patch * self.merge

    def record(self) -> dict[str, Any]:
        """The settings as they are written into results."""
        return asdict(self)


def smart_resize(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """(height, width), both multiples of `factor`, of about the same shape, with `min_pixels` to `max_pixels` in all.

    qwen-vl-utils' rule, with its crash on very flat frames mended: no side is ever 0. Halves are rounded to the even
    multiple, as Python's `round` does.

    >>> smart_resize(480, 854, 28, 8 * 784, 48 * 784)
    (140, 252)

    Raises:
        MedVidBenchError: one side is more than 200 times the other.
    """
    if max(height, width) > MAX_RATIO * min(height, width):
        raise MedVidBenchError(f"A frame of {width}x{height} pixels.", f"sides in a ratio of at most {MAX_RATIO}")
    h, w = (max(factor, round(side / factor) * factor) for side in (height, width))
    if h * w > max_pixels:
        beta = math.sqrt(height * width / max_pixels)
        h, w = (max(factor, math.floor(side / beta / factor) * factor) for side in (height, width))
    elif h * w < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        h, w = (math.ceil(side * beta / factor) * factor for side in (height, width))
    return h, w


def frame_size(frames: int, height: int, width: int, settings: VideoSettings) -> tuple[int, int]:
    """(height, width) of each of `frames` frames after resizing, within the settings' budgets.

    `frames` counts the whole video's, also where it is cut into several runs.
    """
    share = settings.total_pixels / max(frames, 1) * settings.temporal_patch
    most = min(settings.max_pixels, max(share, int(settings.min_pixels * 1.05)))
    return smart_resize(height, width, settings.factor, settings.min_pixels, int(most))


def resize_frames(frames: NDArray[np.uint8], height: int, width: int) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, height, width) float32 in [0, 255]: bicubic with antialiasing, rounded to levels."""
    torch = torch_module()
    size = (height, width)
    parts = []
    for group in _groups(frames):
        pixels = torch.from_numpy(group).permute(0, 3, 1, 2)
        if pixels.shape[2:] == size:
            parts.append(pixels.float())
            continue
        planes = pixels.contiguous().float()  # the same bits in half the time of colours that lie side by side
        small = torch.nn.functional.interpolate(planes, size, mode="bicubic", antialias=True)
        parts.append(small.clamp_(0, 255).round_())
    resized: Tensor = torch.cat(parts)
    return resized.contiguous()


def _groups(frames: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    import numpy as np

    per_frame = max(int(np.prod(frames.shape[1:])) * 4, 1)
    count = max(1, CHUNK_BYTES // per_frame)
    for start in range(0, len(frames), count):
        yield np.ascontiguousarray(frames[start : start + count])


def to_patches(frames: Tensor, settings: VideoSettings) -> tuple[Tensor, tuple[int, int, int]]:
    """(N, 3, H, W) levels to (t * h * w, 3 * temporal_patch * patch^2) float32, normalised, and the grid (t, h, w).

    Patches come in the order of their tokens: time, then merged cell by cell, then the four patches of a cell. A last
    odd frame is repeated.
    """
    torch = torch_module()
    s = settings
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (s.mean, s.std))
    pixels = (frames - mean) / std
    if missing := -len(pixels) % s.temporal_patch:
        pixels = torch.cat([pixels, pixels[-1:].expand(missing, -1, -1, -1)])
    t, h, w = len(pixels) // s.temporal_patch, pixels.shape[2] // s.patch, pixels.shape[3] // s.patch
    cells = pixels.reshape(t, s.temporal_patch, 3, h // s.merge, s.merge, s.patch, w // s.merge, s.merge, s.patch)
    ordered = cells.permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
    return ordered.reshape(t * h * w, 3 * s.temporal_patch * s.patch * s.patch), (t, h, w)
