"""How the small model that ships begins to attend: weights that are set, not drawn, and then trained like all others.

    layer 0   each head reads at a fixed distance: a frame's time, the words two tokens before, the frames before
    layer 1   says again what it looks at
    layer 2   looks at frames that are like the token, for frames are like their labels (`shipping_sight`)
    layer 3   looks at where that begins: at what changed since the frames before

The residual stream is split for that: `Parts`. What is found at a fixed distance is found by rotary positions alone:
the query's bias is the key's, turned back by the distance on the pairs of entries that time turns, so that the score
`b^2 sum_i cos(w_i (p - q - distance))` is highest there, whatever the token holds. What is found by likeness uses the
entries that positions hardly turn. Heads that find like tokens and repeat them are what trained models have (arXiv
2305.09828); in plain random weights of this size, an hour of training found no frames by their label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from medvidbench.models.tiny import TinyShape

ROPE_BASE = 1e6
"""transformers' for this architecture."""
STAMP, ASKED, FRAMES_BEFORE = 4.0, 2.0, 9.5
"""Tokens back to the number of "<12.0 seconds><|vision_start|>", to the words before "happens: cutting", and to the
pair of frames before (9 or 10, by the shape of the frame)."""
NEARNESS = 6.3
LIKENESS = 2.5
READ, REPEAT = 0.05, 0.05
LOOKING, PREFERENCE = 2, 40.0
"""Heads of a layer that look at frames alone, and how much they prefer them: beside the same words in the prompt, no
frame would be the likest."""
OTHER = 0.2
"""Of the random weights, where likeness is set."""


@dataclass(frozen=True)
class Parts:
    """Orthonormal directions of the residual stream, each (n, width): where times are kept, the words before, what
    tells a vision token from a word, what changed in the frames, and the rest, by which tokens and frames are alike."""

    time: Tensor
    before: Tensor
    mark: Tensor
    change: Tensor
    content: Tensor

    @classmethod
    def of(cls, times: Tensor, seed: int) -> Parts:
        """Drawn with a seed, but for the directions in which the numbers' curve is widest.

        Args:
            times: (T, width), the curve's points.
        """
        width = times.shape[1]
        wide = torch.linalg.svd(times, full_matrices=False)[2][: width // 8]
        drawn = torch.randn(width, width, generator=torch.Generator().manual_seed(seed))
        basis = torch.linalg.qr(torch.cat([wide.T, drawn], dim=1))[0].T
        sizes = [width // 8, width // 8, 1, width // 5]
        return cls(*torch.split(basis, [*sizes, width - sum(sizes)]))


def set_attention(weights: dict[str, Tensor], shape: TinyShape, parts: Parts) -> None:
    """All four layers, in place; the shape has three heads, each with its own keys."""
    reads = ((STAMP, parts.time, READ * parts.time), (ASKED, *_asked(parts)), (FRAMES_BEFORE, *_before(parts)))
    for head, (back, read, written) in enumerate(reads):
        _Head(weights, shape, 0, head).read_back(back, read, written)
    heads, all_but_time = shape.width // shape.head_width, torch.cat([parts.content, parts.change])
    for head in range(heads):
        _Head(weights, shape, 1, head).repeat(_part_of(all_but_time, head, heads, shape.head_width))
        for layer, alike in ((2, parts.content), (3, parts.change)):
            own = _Head(weights, shape, layer, head)
            own.repeat(torch.cat([parts.time, parts.content])[: shape.head_width])
            if head < LOOKING:
                own.find_alike(_part_of(alike, head, LOOKING, own.steady - 1))
                own.prefer(parts.mark[0])
            else:
                own.find_alike(parts.content[: own.steady])


def _asked(parts: Parts) -> tuple[Tensor, Tensor]:
    return parts.content[: len(parts.before)], 2 * READ * parts.before


def _before(parts: Parts) -> tuple[Tensor, Tensor]:
    """What the frames before held is taken away."""
    return parts.change, -READ * parts.change


def _part_of(rows: Tensor, head: int, heads: int, most: int) -> Tensor:
    """A head's share of directions: as many as it has entries; heads overlap where there are fewer in all."""
    first = head * max(0, len(rows) - most) // max(1, heads - 1)
    return rows[first : first + most]


class _Head:
    """One head of the language model and its weights."""

    def __init__(self, weights: dict[str, Tensor], shape: TinyShape, layer: int, head: int) -> None:
        self._shape, self._layer, width = shape, f"model.layers.{layer}.self_attn", shape.head_width
        self._own = slice(head * width, (head + 1) * width)
        self._weights = weights

    def _of(self, name: str) -> Tensor:
        return self._weights[f"{self._layer}.{name}"]

    @property
    def steady(self) -> int:
        """Entries that positions hardly turn: those of columns, whose waves are the longest."""
        return 2 * self._shape.rope_sections[2]

    def read_back(self, distance: float, read: Tensor, written: Tensor) -> None:
        """Looks that many positions back, and adds `written^T read x` of what is there."""
        shape, half = self._shape, self._shape.head_width // 2
        for name in ("q_proj", "k_proj"):
            self._of(f"{name}.weight")[self._own] = 0.0
            self._of(f"{name}.bias")[self._own] = 0.0
        query, key = self._of("q_proj.bias")[self._own], self._of("k_proj.bias")[self._own]
        for pair in range(shape.rope_sections[0]):
            turn = distance * (shape.rope_base or ROPE_BASE) ** (-pair / half)
            key[pair] = NEARNESS
            query[pair], query[pair + half] = NEARNESS * math.cos(turn), -NEARNESS * math.sin(turn)
        self._pass_on(read, written)

    def repeat(self, read: Tensor) -> None:
        """Adds these directions of what it looks at."""
        self._pass_on(read, REPEAT * read)

    def find_alike(self, directions: Tensor) -> None:
        """Looks at tokens that are alike in these directions."""
        half, steady = self._shape.head_width // 2, self.steady // 2
        entries = [*range(half - steady, half), *range(2 * half - steady, 2 * half)][: len(directions)]
        for name in ("q_proj", "k_proj"):
            own = self._of(f"{name}.weight")[self._own]
            own *= OTHER
            own[entries] += LIKENESS * directions

    def prefer(self, mark: Tensor) -> None:
        """Looks at tokens that bear a mark before all others."""
        last = self._own.stop - 1
        self._of("q_proj.weight")[last], self._of("k_proj.weight")[last] = 0.0, mark
        self._of("q_proj.bias")[last] = PREFERENCE

    def _pass_on(self, read: Tensor, written: Tensor) -> None:
        value, out = self._of("v_proj.weight")[self._own], self._of("o_proj.weight")[:, self._own]
        value[:], out[:] = 0.0, 0.0
        value[: len(read)] = read
        out[:, : len(read)] = written.T
