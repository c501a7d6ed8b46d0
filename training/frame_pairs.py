"""The pairs of frames of a prompt: when each was, and how many vision tokens stand for it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from medvidbench.training.rows import Example


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
