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
LIKENESS = 1.26
READ, FORGET, SAY, REPEAT = 0.25, 0.325, 0.75, 0.25
LOOKING, AVERSION = 2, 50.0
"""Heads of a layer that look at frames alone, and how much they shun words: beside the same words in the prompt, no
frame would be the likest. What is shunned bears the mark, so that frames are told apart by likeness alone."""
OTHER = 0.2
"""Of the random weights, where likeness is set."""


@dataclass(frozen=True)
class Parts:
    """Orthonormal directions of the residual stream, each (n, width).

    Attributes:
        time, before: where times and the words before are kept.
        mark: words bear it, vision tokens don't.
        change: in which frames are told from those before them.
        alike: for each head that looks at frames, in which they are like their labels; as many as a head has entries.
        rest: the others.
    """

    time: Tensor
    before: Tensor
    mark: Tensor
    change: Tensor
    alike: tuple[Tensor, ...]
    rest: Tensor

    @classmethod
    def of(cls, times: Tensor, seed: int, entries: int) -> Parts:
        """Drawn with a seed, but for the directions in which the numbers' curve is widest.

        Args:
            times: (T, width), the curve's points.
            entries: of a head that may be compared.
        """
        width = times.shape[1]
        wide = torch.linalg.svd(times, full_matrices=False)[2][: width // 8]
        drawn = torch.randn(width, width, generator=torch.Generator().manual_seed(seed))
        basis = torch.linalg.qr(torch.cat([wide.T, drawn], dim=1))[0].T
        sizes = [width // 8, width // 8, 1, entries, *[entries] * LOOKING]
        time, before, mark, change, *alike, rest = torch.split(basis, [*sizes, width - sum(sizes)])
        return cls(time, before, mark, change, tuple(alike), rest)

    @property
    def codes(self) -> tuple[Tensor, ...]:
        """The parts by which frames and labels are compared, each by itself."""
        return (self.change, *self.alike)


def comparable(shape: TinyShape) -> int:
    """Entries of a head that positions hardly turn, those of columns, whose waves are the longest; less one, by which
    frames are told from words."""
    return 2 * shape.rope_sections[2] - 1


def set_attention(weights: dict[str, Tensor], shape: TinyShape, parts: Parts) -> None:
    """All four layers, in place; the shape has three heads, each with its own keys."""
    asked = parts.alike[0][: len(parts.before)]
    reads = (
        (STAMP, parts.time, READ * parts.time),
        (ASKED, asked, 2 * READ * parts.before),
        (FRAMES_BEFORE, parts.change, -FORGET * parts.change),
    )
    for head, (back, read, written) in enumerate(reads):
        _Head(weights, shape, 0, head).read_back(back, read, written)
    named, kept = torch.cat(parts.codes), torch.cat([parts.time, *parts.alike])[: shape.head_width]
    for head in range(shape.width // shape.head_width):
        first = head * (len(named) - shape.head_width) // (LOOKING - 1)
        saying = _Head(weights, shape, 1, head)
        if head < LOOKING:
            saying.find_by(parts.before)
            saying.repeat(named[first : first + shape.head_width], SAY)
        else:
            saying.repeat(kept)
        for layer in (2, 3):
            own = _Head(weights, shape, layer, head)
            own.repeat(kept)
            if head < LOOKING:
                own.find_alike(parts.alike[head] if layer == 2 else parts.change)
                own.shun(parts.mark[0])
            else:
                own.find_alike(parts.alike[0])


class _Head:
    """One head of the language model and its weights."""

    def __init__(self, weights: dict[str, Tensor], shape: TinyShape, layer: int, head: int) -> None:
        self._shape, self._layer, width = shape, f"model.layers.{layer}.self_attn", shape.head_width
        self._own = slice(head * width, (head + 1) * width)
        self._weights = weights

    def _of(self, name: str) -> Tensor:
        return self._weights[f"{self._layer}.{name}"]

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

    def repeat(self, read: Tensor, gain: float = REPEAT) -> None:
        """Adds these directions of what it looks at."""
        self._pass_on(read, gain * read)

    def find_alike(self, directions: Tensor) -> None:
        """Looks at tokens that are alike in these directions."""
        self._compare(directions, "q_proj", "k_proj")

    def find_by(self, directions: Tensor) -> None:
        """Looks at tokens by what they are in these directions; whatever is asked for is learned."""
        self._compare(directions, "k_proj")

    def _compare(self, directions: Tensor, *names: str) -> None:
        half, steady = self._shape.head_width // 2, self._shape.rope_sections[2]
        entries = [*range(half - steady, half), *range(2 * half - steady, 2 * half)][: len(directions)]
        for name in names:
            own = self._of(f"{name}.weight")[self._own]
            own *= OTHER
            own[entries] += LIKENESS * directions

    def shun(self, mark: Tensor) -> None:
        """Looks at tokens that bear a mark after all others."""
        last = self._own.stop - 1
        self._of("q_proj.weight")[last], self._of("k_proj.weight")[last] = 0.0, mark
        self._of("q_proj.bias")[last] = -AVERSION

    def _pass_on(self, read: Tensor, written: Tensor) -> None:
        value, out = self._of("v_proj.weight")[self._own], self._of("o_proj.weight")[:, self._own]
        value[:], out[:] = 0.0, 0.0
        value[: len(read)] = read
        out[:, : len(read)] = written.T
