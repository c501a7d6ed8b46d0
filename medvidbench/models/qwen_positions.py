"""Where Qwen2.5-VL's tokens stand: three rotary positions (time, row, column) for each token of a prompt.

The rule is that of transformers up to 4.57 and of vLLM: text counts on by one in all three; a video whose first token
comes after position p takes time `p + floor(k * second_per_grid * tokens_per_second)` for its k-th temporal patch and
rows and columns counted from p; text after it starts at the largest position so far plus one.

Two deviations are known and neither is followed here. transformers 5.3 to 5.23 let the text restart after
`p + max(rows, columns)` in the forward of the model and in the first step of `generate`, but count on from the largest
position in its later steps: what is trained and what is sampled are then two functions. transformers 4.57 cuts
`second_per_grid` to whole seconds first, so above 2 frames/s (second_per_grid < 1) all frames of a video share one
time, and at 1.5 frames/s the video is a quarter too short; the rule above has no such cut. A position is computed once
here and given to the model at every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medvidbench.errors import MedVidBenchError
from medvidbench.models.torch_env import torch_module

if TYPE_CHECKING:
    from torch import Tensor

SLACK = 1e-6
"""Added before rounding down: 3 * (2 / 3) * 2 is 4, whatever the last bit of the product says."""


@dataclass(frozen=True)
class GridRule:
    """What the checkpoint's configuration says about its time axis.

    Attributes:
        video_token: id of the placeholder token, one for each merged patch.
        tokens_per_second: positions in a second (2 in the released checkpoints).
        merge: patches merged into one token, along each side.
    """

    video_token: int
    tokens_per_second: float = 2.0
    merge: int = 2

    @property
    def finest(self) -> float:
        """Seconds between temporal patches under which two of them share a position."""
        return 1.0 / self.tokens_per_second


def tokens_of(grid: Sequence[int], merge: int) -> int:
    """Tokens of a video with `grid` = (temporal patches, rows, columns): `t * h * w / merge^2`."""
    t, h, w = grid
    return t * (h // merge) * (w // merge)


def rope_positions(
    token_ids: Sequence[int], grids: Sequence[Sequence[int]], seconds_per_grid: Sequence[float], rule: GridRule
) -> Tensor:
    """(3, L) int64: time, row and column of each token.

    Args:
        token_ids: the prompt; each video is one unbroken row of `rule.video_token`.
        grids: (temporal patches, rows, columns) of each video, in order, before merging.
        seconds_per_grid: seconds of a temporal patch of each video.

    Raises:
        MedVidBenchError: the placeholders in the prompt are not those that the grids need.
    """
    check_tokens(token_ids, grids, rule)
    torch = torch_module()
    parts, at, place = [], 0, 0
    for grid, seconds in zip(grids, seconds_per_grid, strict=True):
        begin = next(i for i in range(place, len(token_ids)) if token_ids[i] == rule.video_token)
        parts.append(torch.arange(at, at + begin - place).expand(3, -1))
        at += begin - place
        video = _video_positions(grid, seconds, rule) + at
        parts.append(video)
        at = int(video.max()) + 1
        place = begin + video.shape[1]
    parts.append(torch.arange(at, at + len(token_ids) - place).expand(3, -1))
    positions: Tensor = torch.cat(parts, dim=1)
    return positions


def time_index(patch: int, seconds_per_grid: float, rule: GridRule) -> int:
    """`floor(k * second_per_grid * tokens_per_second)`, counted from the video's first position."""
    return math.floor(patch * seconds_per_grid * rule.tokens_per_second + SLACK)


def _video_positions(grid: Sequence[int], seconds: float, rule: GridRule) -> Tensor:
    torch = torch_module()
    t, h, w = grid[0], grid[1] // rule.merge, grid[2] // rule.merge
    times = torch.tensor([time_index(k, seconds, rule) for k in range(t)])
    axes = torch.meshgrid(times, torch.arange(h), torch.arange(w), indexing="ij")
    positions: Tensor = torch.stack(axes).reshape(3, -1)
    return positions


def check_tokens(token_ids: Sequence[int], grids: Sequence[Sequence[int]], rule: GridRule) -> None:
    """Refuse a prompt whose placeholders are not as many, video by video, as the features that will take their place.

    Raises:
        MedVidBenchError: they differ, in number of videos or in number of tokens.
    """
    found = video_rows(token_ids, rule.video_token)
    needed = [tokens_of(grid, rule.merge) for grid in grids]
    if [length for _, length in found] != needed:
        raise MedVidBenchError(
            f"The prompt holds videos of {[length for _, length in found]} tokens, but the frames give {needed}.",
            remedy="a question must not hold the model's own video tokens, and no prompt may be cut",
        )


def video_rows(token_ids: Sequence[int], video_token: int) -> list[tuple[int, int]]:
    """(first place, length) of every unbroken row of `video_token`.

    >>> video_rows([5, 9, 9, 5, 9], 9)
    [(1, 2), (4, 1)]
    """
    rows: list[tuple[int, int]] = []
    for place, token in enumerate(token_ids):
        if token != video_token:
            continue
        if rows and sum(rows[-1]) == place:
            rows[-1] = (rows[-1][0], rows[-1][1] + 1)
        else:
            rows.append((place, 1))
    return rows
