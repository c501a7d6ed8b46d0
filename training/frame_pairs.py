"""The pairs of frames of a prompt: when each was, how many vision tokens stand for it, and which of them show a box."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from medvidbench.records import Box, Sample
from medvidbench.training.rows import Example

COVERED = 0.3
"""A token shows a box where it shares this much of its own area, or of the box's."""
ROUNDING = 1e-5


@dataclass(frozen=True)
class FramePair:
    """What one temporal patch shows.

    Attributes:
        times: of its frames, seconds from the start of the clip; a repeated last frame is not counted.
        tokens: vision tokens, as the language model is given them.
    """

    times: tuple[float, ...]
    tokens: int


def frame_pairs(example: Example, config: Any) -> list[FramePair]:
    """All pairs of an example in their order, of one video or of many.

    Args:
        config: the model's, which says how many patches a token merges.
    """
    merged = config.vision_config.spatial_merge_size**2
    seconds = iter(example.sample.frame_times)
    found = []
    grids = example.prompt.video_grid_thw.tolist()
    for count, (pairs, height, width) in zip(example.prompt.frame_counts, grids, strict=True):
        shown, each = tuple(islice(seconds, count)), -(-count // pairs)
        found += [FramePair(shown[at : at + each], height * width // merged) for at in range(0, count, each)]
    return found


def tokens_shape(example: Example, config: Any) -> tuple[int, int]:
    """Rows and columns of the tokens of a pair."""
    assert example.prompt.video_grid_thw is not None
    merge = config.vision_config.spatial_merge_size
    _, height, width = example.prompt.video_grid_thw[0].tolist()
    return height // merge, width // merge


def showing(box: Box, sample: Sample, shape: tuple[int, int]) -> Tensor:
    """(rows * columns,) bool: the tokens that show a box, the one that shows most of it among them; none where it lies
    outside the frame.

    Args:
        box: pixels of the original frame.
        shape: rows and columns of the tokens.
    """
    assert sample.width and sample.height
    rows, columns = shape
    across = _shared(box.x1 / sample.width * columns, box.x2 / sample.width * columns, columns)
    down = _shared(box.y1 / sample.height * rows, box.y2 / sample.height * rows, rows)
    shared = torch.outer(down, across).flatten()
    least = min(COVERED * min(1.0, float(shared.sum())), float(shared.max()))
    return (shared >= least - ROUNDING) & (shared > 0)


def _shared(low: float, high: float, cells: int) -> Tensor:
    """How much of each cell of length 1 lies between the two."""
    first = torch.arange(cells)
    return (torch.clamp(first + 1, max=high) - torch.clamp(first, min=low)).clamp_min(0.0)
